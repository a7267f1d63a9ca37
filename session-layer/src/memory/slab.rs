//! Sessions in slots with numbers of four bytes.

use super::session::Session;

/// Slots that are made at once: growing copies nothing, and little is made in vain.
const CHUNK_U32: u32 = 32;
const CHUNK: usize = CHUNK_U32 as usize;
/// So many slots fit into one shard; see [`Place`](super::shards::Place).
pub(super) const MAX_SLOTS: u32 = 1 << 26;

/// Where one free slot ends the list of them.
const NONE: u32 = u32::MAX;

pub(super) enum Slot {
    Free { next: u32 },
    Used(Session),
}

/// Free slots are in a list, the lowest first after [`tidy`](Self::tidy).
pub(super) struct Slab {
    chunks: Vec<Box<[Slot]>>,
    free: u32,
    len: usize,
}

impl Slab {
    pub(super) const fn new() -> Self {
        Self {
            chunks: Vec::new(),
            free: NONE,
            len: 0,
        }
    }

    pub(super) const fn len(&self) -> usize {
        self.len
    }

    pub(super) fn capacity(&self) -> usize {
        self.chunks.len() * CHUNK
    }

    fn slot(&self, index: u32) -> Option<&Slot> {
        let index = index as usize;
        self.chunks.get(index / CHUNK)?.get(index % CHUNK)
    }

    fn slot_mut(&mut self, index: u32) -> Option<&mut Slot> {
        let index = index as usize;
        self.chunks.get_mut(index / CHUNK)?.get_mut(index % CHUNK)
    }

    pub(super) fn get(&self, index: u32) -> Option<&Session> {
        match self.slot(index)? {
            Slot::Used(session) => Some(session),
            Slot::Free { .. } => None,
        }
    }

    pub(super) fn get_mut(&mut self, index: u32) -> Option<&mut Session> {
        match self.slot_mut(index)? {
            Slot::Used(session) => Some(session),
            Slot::Free { .. } => None,
        }
    }

    /// Gives the session back if there are too many.
    pub(super) fn insert(&mut self, session: Session) -> Result<u32, Session> {
        if self.free == NONE {
            let Some(first) = self.next_chunk() else {
                return Err(session);
            };
            let slots = first + 1..=first + CHUNK_U32;
            let mut chunk: Vec<_> = slots.map(|next| Slot::Free { next }).collect();
            chunk[CHUNK - 1] = Slot::Free { next: NONE };
            self.chunks.push(chunk.into_boxed_slice());
            self.free = first;
        }
        let index = self.free;
        let Some(slot) = self.slot_mut(index) else {
            return Err(session);
        };
        let Slot::Free { next } = *slot else {
            return Err(session);
        };
        *slot = Slot::Used(session);
        self.free = next;
        self.len += 1;
        Ok(index)
    }

    fn next_chunk(&self) -> Option<u32> {
        let first = u32::try_from(self.capacity()).ok()?;
        (first <= MAX_SLOTS - CHUNK_U32).then_some(first)
    }

    pub(super) fn remove(&mut self, index: u32) -> Option<Session> {
        let next = self.free;
        let slot = self.slot_mut(index)?;
        if matches!(slot, Slot::Free { .. }) {
            return None;
        }
        let Slot::Used(session) = std::mem::replace(slot, Slot::Free { next }) else {
            return None;
        };
        self.free = index;
        self.len -= 1;
        Some(session)
    }

    /// Moves a session to the first free slot, if that is a lower one. The slot that it leaves is not
    /// used until [`tidy`](Self::tidy).
    pub(super) fn relocate(&mut self, from: u32) -> Option<u32> {
        let to = self.free;
        if to >= from {
            return None;
        }
        let Slot::Free { next: rest } = *self.slot(to)? else {
            return None;
        };
        let slot = self.slot_mut(from)?;
        if matches!(slot, Slot::Free { .. }) {
            return None;
        }
        let Slot::Used(mut session) = std::mem::replace(slot, Slot::Free { next: NONE }) else {
            return None;
        };
        session.decoded = None;
        *self.slot_mut(to)? = Slot::Used(session);
        self.free = rest;
        Some(to)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (u32, &Session)> {
        let slots = self.chunks.iter().flatten();
        (0..).zip(slots).filter_map(|(index, slot)| match slot {
            Slot::Used(session) => Some((index, session)),
            Slot::Free { .. } => None,
        })
    }

    /// The first slot that would not be needed if the sessions were moved together.
    pub(super) fn needed(&self) -> u32 {
        u32::try_from(self.len.next_multiple_of(CHUNK)).unwrap_or(u32::MAX)
    }

    /// Frees the chunks at the end in which there is nothing, and puts the free slots in order.
    pub(super) fn tidy(&mut self) {
        let is_free = |slot: &Slot| matches!(slot, Slot::Free { .. });
        while self
            .chunks
            .last()
            .is_some_and(|chunk| chunk.iter().all(is_free))
        {
            self.chunks.pop();
        }
        self.chunks.shrink_to_fit();
        self.free = NONE;
        for number in (0..self.chunks.len()).rev() {
            for offset in (0..CHUNK).rev() {
                if let slot @ Slot::Free { .. } = &mut self.chunks[number][offset] {
                    *slot = Slot::Free { next: self.free };
                    self.free = u32::try_from(number * CHUNK + offset).unwrap_or(NONE);
                }
            }
        }
    }
}
