//! The sessions of each user: which places they lie in.

use std::sync::{Mutex, MutexGuard, PoisonError};

use hashbrown::HashTable;

use super::shards::Place;
use crate::UserKey;

/// The places of users' sessions. It says where to look, not what is there: another session may lie
/// at a place by now, so whoever looks compares the user.
pub(super) struct UserShards {
    shards: Box<[Mutex<UserShard>]>,
}

type UserShard = HashTable<Entry>;

/// One session of somebody.
#[derive(Clone, Copy)]
struct Entry {
    /// Of the user's key. Keys are hashes already.
    tag: u32,
    place: Place,
}

impl UserShards {
    const COUNT: usize = 64;

    pub(super) fn new() -> Self {
        Self {
            shards: (0..Self::COUNT).map(|_| Mutex::default()).collect(),
        }
    }

    fn index(user: &UserKey) -> usize {
        usize::from(user.as_bytes()[0]) % Self::COUNT
    }

    /// Locks the entries of some users.
    pub(super) fn lock(&self, users: &[UserKey]) -> LockedUsers<'_> {
        let mut indexes: Vec<_> = users.iter().map(Self::index).collect();
        indexes.sort_unstable();
        indexes.dedup();
        let lock = |index: usize| {
            let shard = &self.shards[index];
            (index, shard.lock().unwrap_or_else(PoisonError::into_inner))
        };
        LockedUsers {
            shards: indexes.into_iter().map(lock).collect(),
        }
    }
}

pub(super) struct LockedUsers<'a> {
    shards: Vec<(usize, MutexGuard<'a, UserShard>)>,
}

impl LockedUsers<'_> {
    fn shard(&mut self, user: &UserKey) -> Option<&mut UserShard> {
        let index = UserShards::index(user);
        let found = self.shards.iter_mut().find(|(own, _)| *own == index);
        found.map(|(_, shard)| &mut **shard)
    }

    /// Where sessions of the user may lie; each place once.
    pub(super) fn places(&self, user: &UserKey) -> Vec<Place> {
        let index = UserShards::index(user);
        let tag = tag(user);
        let mut places = Vec::new();
        if let Some((_, shard)) = self.shards.iter().find(|(own, _)| *own == index) {
            for entry in shard.iter_hash(hash(tag)) {
                if entry.tag == tag {
                    places.push(entry.place);
                }
            }
        }
        places.sort_unstable();
        places.dedup();
        places
    }

    pub(super) fn add(&mut self, user: &UserKey, place: Place) {
        let tag = tag(user);
        if let Some(shard) = self.shard(user) {
            let entry = Entry { tag, place };
            shard.insert_unique(hash(tag), entry, |entry| hash(entry.tag));
        }
    }

    pub(super) fn remove(&mut self, user: &UserKey, place: Place) {
        let tag = tag(user);
        let Some(shard) = self.shard(user) else {
            return;
        };
        let is_it = |entry: &Entry| entry.tag == tag && entry.place == place;
        if let Ok(entry) = shard.find_entry(hash(tag), is_it) {
            entry.remove();
        }
        if shard.capacity() > 4 * shard.len().max(64) {
            shard.shrink_to(2 * shard.len(), |entry| hash(entry.tag));
        }
    }
}

fn tag(user: &UserKey) -> u32 {
    let bytes = user.as_bytes();
    u32::from_le_bytes([bytes[1], bytes[2], bytes[3], bytes[4]])
}

/// The table takes its position from the low bits and tells entries apart by the high ones.
fn hash(tag: u32) -> u64 {
    u64::from(tag) << 32 | u64::from(tag)
}
