//! The sessions of [`MemorySessionBackend`](super::MemorySessionBackend), by the digests of their
//! secrets.
//!
//! Locks are taken in one order: shards of users by their index, then one shard of sessions at a
//! time (two, by their index, for a rotation).

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard, TryLockError};
use std::time::{Duration, SystemTime};

use auth_layer::AuthError;
use hashbrown::HashTable;

use super::session::{Key, Session};
use super::slab::{MAX_SLOTS, Slab};
use crate::{RotateOutcome, SessionId, SessionRecord};

/// How long a shard is left alone after it was searched for expired sessions.
const SWEEP_EVERY: Duration = Duration::from_secs(60);
/// How many sessions of a shard are kept decoded. All shards together keep a megabyte so.
const HOT: usize = 32;
/// One session of so many that are asked for and were not decoded is decoded for good. What is asked
/// for often gets there soon, and what is asked for once costs the others little.
const HEAT_EVERY: usize = 8;

/// Sessions by the digest of their secret.
pub(super) struct SessionShards {
    shards: Box<[RwLock<Shard>]>,
}

struct Shard {
    // The keys are hashes of random secrets: looking one up in a telling time tells nothing of use,
    // and nobody can choose them.
    indexes: HashTable<u32>,
    slab: Slab,
    swept_at: Option<SystemTime>,
    hot: [u32; HOT],
    hand: usize,
    misses: AtomicUsize,
}

/// Where a session lies: its shard and its slot there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place(u32);

impl Place {
    fn new(shard: usize, slot: u32) -> Self {
        let shard = u32::try_from(shard).unwrap_or_default();
        Self((shard * MAX_SLOTS) | slot)
    }

    const fn shard(self) -> usize {
        (self.0 / MAX_SLOTS) as usize
    }

    const fn slot(self) -> u32 {
        self.0 % MAX_SLOTS
    }
}

/// A session and the key it has.
pub(super) type Found = (Key, Arc<SessionRecord>);

pub(super) enum Inserted {
    At(Place),
    NoRoom,
    Taken,
}

/// What became of an attempt to put one session in the place of another.
pub(super) enum Replaced {
    Done { old: Place, new: Place },
    Not(RotateOutcome),
    NoRoom,
}

impl Shard {
    fn new() -> Self {
        Self {
            indexes: HashTable::new(),
            slab: Slab::new(),
            swept_at: None,
            hot: [u32::MAX; HOT],
            hand: 0,
            misses: AtomicUsize::new(0),
        }
    }

    fn index(&self, key: &Key) -> Option<u32> {
        let found = self.indexes.find(hash(key), |index| self.has(*index, key));
        found.copied()
    }

    fn has(&self, index: u32, key: &Key) -> bool {
        self.slab
            .get(index)
            .is_some_and(|session| session.key == *key)
    }

    fn get(&self, key: &Key) -> Option<&Session> {
        self.slab.get(self.index(key)?)
    }

    fn get_mut(&mut self, key: &Key) -> Option<&mut Session> {
        let index = self.index(key)?;
        self.slab.get_mut(index)
    }

    /// Gives it back if there are too many. Its key must not be taken.
    fn insert(&mut self, session: Session) -> Result<u32, Session> {
        let hash_of_new = hash(&session.key);
        let index = self.slab.insert(session)?;
        let slab = &self.slab;
        let hasher = |index: &u32| slab.get(*index).map_or(0, |session| hash(&session.key));
        self.indexes.insert_unique(hash_of_new, index, hasher);
        Ok(index)
    }

    fn remove(&mut self, key: &Key) -> Option<(u32, Session)> {
        let slab = &self.slab;
        let is_it = |index: &u32| slab.get(*index).is_some_and(|session| session.key == *key);
        let entry = self.indexes.find_entry(hash(key), is_it).ok()?;
        let (index, _) = entry.remove();
        Some((index, self.slab.remove(index)?))
    }

    /// Keeps a session decoded, in the place of the one that has been so for longest. Not if it has
    /// changed since it was decoded; it will be asked for again.
    fn heat(&mut self, key: &Key, record: &Arc<SessionRecord>) {
        let Some(index) = self.index(key) else {
            return;
        };
        let Some(session) = self.slab.get_mut(index).filter(|s| s.decoded.is_none()) else {
            return;
        };
        if !matches!(session.is_as(record), Ok(true)) {
            return;
        }
        session.decoded = Some(Arc::clone(record));
        let cold = std::mem::replace(&mut self.hot[self.hand], index);
        self.hand = (self.hand + 1) % HOT;
        if cold != index
            && let Some(session) = self.slab.get_mut(cold)
        {
            session.decoded = None;
        }
    }

    fn shrink(&mut self) {
        let slab = &self.slab;
        let hasher = |index: &u32| slab.get(*index).map_or(0, |session| hash(&session.key));
        if self.indexes.capacity() > 4 * self.indexes.len().max(8) {
            self.indexes.shrink_to_fit(hasher);
        }
    }
}

/// The key is a hash already; its first byte says the shard.
fn hash(key: &Key) -> u64 {
    let (_, half) = key.split_at(8);
    u64::from_le_bytes(half.try_into().expect("half of 16 bytes"))
}

impl SessionShards {
    pub(super) const COUNT: usize = 64;

    pub(super) fn new() -> Self {
        Self {
            shards: (0..Self::COUNT)
                .map(|_| RwLock::new(Shard::new()))
                .collect(),
        }
    }

    pub(super) fn shard_of(key: &Key) -> usize {
        usize::from(key[0]) % Self::COUNT
    }

    fn read(&self, shard: usize) -> RwLockReadGuard<'_, Shard> {
        let shard = &self.shards[shard];
        shard.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self, shard: usize) -> RwLockWriteGuard<'_, Shard> {
        let shard = &self.shards[shard];
        shard.write().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn get(&self, key: &Key) -> Result<Option<Arc<SessionRecord>>, AuthError> {
        let number = Self::shard_of(key);
        let record = {
            let shard = self.read(number);
            let Some(session) = shard.get(key) else {
                return Ok(None);
            };
            let record = session.record()?;
            if session.decoded.is_some()
                || !shard
                    .misses
                    .fetch_add(1, Ordering::Relaxed)
                    .is_multiple_of(HEAT_EVERY)
            {
                return Ok(Some(record));
            }
            record
        };
        // Never worth waiting for.
        match self.shards[number].try_write() {
            Ok(mut shard) => shard.heat(key, &record),
            Err(TryLockError::Poisoned(shard)) => shard.into_inner().heat(key, &record),
            Err(TryLockError::WouldBlock) => {}
        }
        Ok(Some(record))
    }

    /// The session that lies at `place`, and the key it has.
    pub(super) fn at(&self, place: Place) -> Result<Option<Found>, AuthError> {
        let shard = self.read(place.shard());
        let Some(session) = shard.slab.get(place.slot()) else {
            return Ok(None);
        };
        Ok(Some((session.key, session.record()?)))
    }

    pub(super) fn has_id_at(&self, place: Place, id: &SessionId) -> Result<bool, AuthError> {
        let shard = self.read(place.shard());
        let session = shard.slab.get(place.slot());
        session.map_or(Ok(false), |session| Ok(session.id()? == *id))
    }

    pub(super) fn insert(&self, key: &Key, record: &SessionRecord) -> Inserted {
        let session = Session::new(*key, record);
        let number = Self::shard_of(key);
        let mut shard = self.write(number);
        if shard.index(key).is_some() {
            return Inserted::Taken;
        }
        match shard.insert(session) {
            Ok(index) => Inserted::At(Place::new(number, index)),
            Err(_) => Inserted::NoRoom,
        }
    }

    /// Changes a session where it lies; `None` if there is none.
    pub(super) fn change<T>(&self, key: &Key, change: impl FnOnce(&mut Session) -> T) -> Option<T> {
        let mut shard = self.write(Self::shard_of(key));
        shard.get_mut(key).map(change)
    }

    pub(super) fn remove(&self, key: &Key) -> Option<(Place, Session)> {
        let number = Self::shard_of(key);
        let (index, session) = self.write(number).remove(key)?;
        Some((Place::new(number, index), session))
    }

    /// Puts `record` in the place of a live session.
    pub(super) fn replace(
        &self,
        old: &Key,
        version: Option<u64>,
        new: &Key,
        record: &SessionRecord,
    ) -> Result<Replaced, AuthError> {
        let session = Session::new(*new, record);
        let (from, to) = (Self::shard_of(old), Self::shard_of(new));
        let (mut first, mut second) = if from == to {
            (self.write(from), None)
        } else if from < to {
            let first = self.write(from);
            (first, Some(self.write(to)))
        } else {
            let second = self.write(to);
            (self.write(from), Some(second))
        };

        let stored = first.get(old);
        let Some(stored) = stored.filter(|stored| stored.is_live(record.last_seen_at)) else {
            return Ok(Replaced::Not(RotateOutcome::Gone));
        };
        if version.is_some_and(|version| version != stored.version()) {
            let stored = Box::new(SessionRecord::clone(&*stored.record()?));
            return Ok(Replaced::Not(RotateOutcome::Changed(stored)));
        }
        let target = second.as_deref().unwrap_or(&first);
        if target.index(new).is_some() {
            return Ok(Replaced::Not(RotateOutcome::Collided));
        }
        let target = second.as_deref_mut().unwrap_or(&mut first);
        let Ok(new) = target.insert(session) else {
            return Ok(Replaced::NoRoom);
        };
        let Some((old, _)) = first.remove(old) else {
            return Ok(Replaced::Not(RotateOutcome::Gone));
        };
        Ok(Replaced::Done {
            old: Place::new(from, old),
            new: Place::new(to, new),
        })
    }

    /// Whether the shard of `key` was not searched for expired sessions lately.
    pub(super) fn is_sweep_due(&self, key: &Key, now: SystemTime) -> bool {
        match self.read(Self::shard_of(key)).swept_at {
            None => true,
            // A clock that was set back makes it due too.
            Some(at) => now
                .duration_since(at)
                .map_or(true, |since| since >= SWEEP_EVERY),
        }
    }

    /// Removes what is over at `now` from one shard, and returns it.
    pub(super) fn sweep(&self, number: usize, now: SystemTime) -> Vec<(Place, Session)> {
        let mut shard = self.write(number);
        shard.swept_at = Some(now);
        let expired = shard.slab.iter().filter(|(_, s)| !s.is_live(now));
        let expired: Vec<Key> = expired.map(|(_, session)| session.key).collect();
        let removed = expired.iter().filter_map(|key| shard.remove(key));
        let removed = removed.map(|(index, session)| (Place::new(number, index), session));
        let removed = removed.collect();
        shard.shrink();
        removed
    }

    /// The sessions to be moved so that the shard takes less memory, if that is much less.
    pub(super) fn scattered(&self, number: usize) -> Vec<Key> {
        let mut shard = self.write(number);
        let (capacity, len) = (shard.slab.capacity(), shard.slab.len());
        if len > 0 && capacity <= 4 * len.max(8) {
            return Vec::new();
        }
        shard.slab.tidy();
        let needed = shard.slab.needed();
        let beyond = shard.slab.iter().filter(|(index, _)| *index >= needed);
        beyond.map(|(_, session)| session.key).collect()
    }

    /// Moves a session to the lowest slot that is free. From where to where, if it is still there.
    pub(super) fn relocate(&self, key: &Key) -> Option<(Place, Place)> {
        let number = Self::shard_of(key);
        let mut shard = self.write(number);
        let from = shard.index(key)?;
        let to = shard.slab.relocate(from)?;
        let entry = shard.indexes.find_mut(hash(key), |index| *index == from)?;
        *entry = to;
        Some((Place::new(number, from), Place::new(number, to)))
    }

    #[cfg(test)]
    pub(super) fn slots(&self, number: usize) -> usize {
        self.read(number).slab.capacity()
    }

    #[cfg(test)]
    pub(super) fn decoded(&self, number: usize) -> usize {
        let shard = self.read(number);
        let decoded = shard.slab.iter().filter(|(_, s)| s.decoded.is_some());
        decoded.count()
    }

    /// Gives back what is free at the end of a shard.
    pub(super) fn tidy(&self, number: usize) {
        self.write(number).slab.tidy();
    }
}
