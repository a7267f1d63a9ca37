//! When keys were used, until it is written down.

use std::array;
use std::collections::HashMap;
use std::hash::BuildHasher as _;
use std::mem;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::SystemTime;

use auth_layer::{from_unix_seconds, unix_seconds};
use foldhash::fast::RandomState;
use futures_util::lock::Mutex;

use crate::KeyId;

/// Enough that requests seldom meet at one lock that another one writes under.
const SHARDS: usize = 16;

/// Ids are random, and only those of keys that exist come here: nobody chooses what meets in a bucket.
type Times = HashMap<KeyId, AtomicU64, RandomState>;

/// On a cache line of its own: those who write to one disturb nobody at the next.
#[derive(Default)]
#[repr(align(128))]
struct Shard(RwLock<Times>);

impl Shard {
    /// No step under a lock leaves a shard half changed, so one that is poisoned is whole.
    fn read(&self) -> RwLockReadGuard<'_, Times> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Times> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The last use of each key, in seconds since 1970. A key that is in here already is marked under a
/// lock that many share, so that a busy key holds nobody up.
pub(super) struct Marks {
    shards: [Shard; SHARDS],
    spread: RandomState,
    /// How many keys one shard has at most.
    each: usize,
    /// Who is writing down.
    pub(super) turn: Mutex<()>,
}

impl Marks {
    pub(super) fn new(capacity: usize) -> Self {
        Self {
            shards: array::from_fn(|_| Shard::default()),
            spread: RandomState::default(),
            each: capacity.div_ceil(SHARDS),
            turn: Mutex::new(()),
        }
    }

    /// Never moves a mark back. A key for which there is no room is not marked.
    pub(super) fn mark(&self, id: &KeyId, at: SystemTime) {
        let seconds = unix_seconds(at);
        let shard = self.shard(id);
        if let Some(mark) = shard.read().get(id) {
            // Mostly it is this second still, and then nothing is written.
            if mark.load(Ordering::Relaxed) < seconds {
                mark.fetch_max(seconds, Ordering::Relaxed);
            }
            return;
        }
        let mut shard = shard.write();
        let has_room = shard.len() < self.each;
        if let Some(mark) = shard.get_mut(id) {
            let mark = mark.get_mut();
            *mark = seconds.max(*mark);
        } else if has_room {
            shard.insert(*id, AtomicU64::new(seconds));
        }
    }

    pub(super) fn len(&self) -> usize {
        self.shards.iter().map(|shard| shard.read().len()).sum()
    }

    /// Takes all marks out, in the order of their ids: two nodes that write at once then lock the rows
    /// of a database in one order, and not each what the other waits for.
    pub(super) fn take(&self) -> Vec<(KeyId, SystemTime)> {
        let mut taken = Vec::new();
        for shard in &self.shards {
            // Made before the lock is taken: requests wait for a swap, and not for memory.
            let room = shard.read().len();
            let mut marks = Times::with_capacity_and_hasher(room, RandomState::default());
            mem::swap(&mut *shard.write(), &mut marks);
            let times = marks.into_iter().filter_map(|(id, seconds)| {
                let at = from_unix_seconds(seconds.into_inner())?;
                Some((id, at))
            });
            taken.extend(times);
        }
        taken.sort_unstable_by_key(|(id, _)| *id);
        taken
    }

    fn shard(&self, id: &KeyId) -> &Shard {
        let hash = self.spread.hash_one(id);
        &self.shards[usize::from(hash.to_be_bytes()[0]) % SHARDS]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: usize) -> KeyId {
        format!("{number:012}").parse().unwrap()
    }

    fn at(seconds: u64) -> SystemTime {
        from_unix_seconds(seconds).unwrap()
    }

    #[test]
    fn apk_11_a_mark_never_moves_back() {
        let marks = Marks::new(100);
        for seconds in [5, 3, 9, 0, 8] {
            marks.mark(&id(1), at(seconds));
        }
        // A clock before 1970 is no reason to fail.
        marks.mark(
            &id(1),
            SystemTime::UNIX_EPOCH - std::time::Duration::from_secs(1),
        );
        assert_eq!(marks.take(), [(id(1), at(9))]);
        assert_eq!(marks.take(), []);
        assert_eq!(marks.len(), 0);
    }

    #[test]
    fn apk_11_marks_are_bounded() {
        let marks = Marks::new(160);
        for number in 0..10_000 {
            marks.mark(&id(number), at(1));
        }
        assert_eq!(marks.len(), 160);
        // There is no room for more keys; those that are in there go on.
        for number in 0..10_000 {
            marks.mark(&id(number), at(2));
        }
        let taken = marks.take();
        assert_eq!(taken.len(), 160);
        assert!(taken.is_sorted());
        assert!(taken.iter().all(|(_, seen)| *seen == at(2)));
        // And there is room again.
        marks.mark(&id(9_999), at(3));
        assert_eq!(marks.len(), 1);
    }
}
