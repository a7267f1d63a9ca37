//! The maps behind [`MemorySessionBackend`](super::MemorySessionBackend).
//!
//! Locks are taken in one order: shards of users by their index, then one shard of sessions at a
//! time (two, by their index, for a rotation).

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::{Duration, SystemTime};

use auth_layer::SecretDigest;

use crate::{RotateOutcome, SessionId, SessionRecord, UserKey};

/// How long a shard is left alone after it was searched for expired sessions.
const SWEEP_EVERY: Duration = Duration::from_secs(60);

type Key = [u8; 32];

/// Sessions by the digest of their secret.
pub(super) struct SessionShards {
    shards: Box<[RwLock<SessionShard>]>,
}

#[derive(Default)]
struct SessionShard {
    // The keys are hashes of random secrets: looking one up in a telling time tells nothing of use.
    sessions: HashMap<Key, SessionRecord>,
    swept_at: Option<SystemTime>,
}

impl SessionShards {
    pub(super) const COUNT: usize = 64;

    pub(super) fn new() -> Self {
        Self {
            shards: (0..Self::COUNT).map(|_| RwLock::default()).collect(),
        }
    }

    pub(super) fn index(secret: &SecretDigest) -> usize {
        usize::from(secret.as_bytes()[0]) % Self::COUNT
    }

    fn read(&self, secret: &SecretDigest) -> RwLockReadGuard<'_, SessionShard> {
        let shard = &self.shards[Self::index(secret)];
        shard.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self, shard: usize) -> RwLockWriteGuard<'_, SessionShard> {
        let shard = &self.shards[shard];
        shard.write().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn get(&self, secret: &SecretDigest) -> Option<SessionRecord> {
        self.read(secret).sessions.get(secret.as_bytes()).cloned()
    }

    /// False if the secret is taken.
    pub(super) fn insert(&self, secret: &SecretDigest, record: SessionRecord) -> bool {
        let mut shard = self.write(Self::index(secret));
        if shard.sessions.contains_key(secret.as_bytes()) {
            return false;
        }
        shard.sessions.insert(*secret.as_bytes(), record);
        true
    }

    /// Changes a session where it lies; `None` if there is none.
    pub(super) fn change<T>(
        &self,
        secret: &SecretDigest,
        change: impl FnOnce(&mut SessionRecord) -> T,
    ) -> Option<T> {
        let mut shard = self.write(Self::index(secret));
        shard.sessions.get_mut(secret.as_bytes()).map(change)
    }

    pub(super) fn remove(&self, secret: &SecretDigest) -> Option<SessionRecord> {
        let mut shard = self.write(Self::index(secret));
        shard.sessions.remove(secret.as_bytes())
    }

    /// Puts `record` in the place of a live session.
    pub(super) fn replace(
        &self,
        old: &SecretDigest,
        version: Option<u64>,
        new: &SecretDigest,
        record: SessionRecord,
    ) -> RotateOutcome {
        let (from, to) = (Self::index(old), Self::index(new));
        let (mut first, mut second) = if from == to {
            (self.write(from), None)
        } else if from < to {
            let first = self.write(from);
            (first, Some(self.write(to)))
        } else {
            let second = self.write(to);
            (self.write(from), Some(second))
        };

        let Some(stored) = first.sessions.get(old.as_bytes()) else {
            return RotateOutcome::Gone;
        };
        if !stored.is_live(record.last_seen_at) {
            return RotateOutcome::Gone;
        }
        if version.is_some_and(|version| version != stored.version) {
            return RotateOutcome::Changed(Box::new(stored.clone()));
        }
        let target = second.as_ref().unwrap_or(&first);
        if target.sessions.contains_key(new.as_bytes()) {
            return RotateOutcome::Collided;
        }
        first.sessions.remove(old.as_bytes());
        let target = second.as_mut().unwrap_or(&mut first);
        target.sessions.insert(*new.as_bytes(), record);
        RotateOutcome::Rotated {
            evicted: Vec::new(),
        }
    }

    /// Calls `sweep` if the shard of `secret` was not swept lately.
    pub(super) fn if_sweep_due(
        &self,
        secret: &SecretDigest,
        now: SystemTime,
        sweep: impl FnOnce(usize),
    ) {
        let due = match self.read(secret).swept_at {
            None => true,
            // A clock that was set back makes it due too.
            Some(at) => now
                .duration_since(at)
                .map_or(true, |since| since >= SWEEP_EVERY),
        };
        if due {
            sweep(Self::index(secret));
        }
    }

    /// Removes what is over at `now` from one shard, and returns it.
    pub(super) fn sweep(&self, shard: usize, now: SystemTime) -> Vec<SessionRecord> {
        let mut shard = self.write(shard);
        shard.swept_at = Some(now);
        let removed: Vec<_> = shard
            .sessions
            .extract_if(|_, record| !record.is_live(now))
            .map(|(_, record)| record)
            .collect();
        if shard.sessions.capacity() > 4 * shard.sessions.len().max(16) {
            shard.sessions.shrink_to_fit();
        }
        removed
    }
}

/// The sessions of each user, by public id.
pub(super) struct UserShards {
    shards: Box<[Mutex<UserShard>]>,
}

type UserShard = HashMap<UserKey, HashMap<SessionId, SecretDigest>>;

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

    fn entries(&self, user: &UserKey) -> Option<&HashMap<SessionId, SecretDigest>> {
        let index = UserShards::index(user);
        let found = self.shards.iter().find(|(own, _)| *own == index);
        found.and_then(|(_, shard)| shard.get(user))
    }

    /// Whether the user has a session of this id, live or not.
    pub(super) fn has(&self, user: &UserKey, id: &SessionId) -> bool {
        self.entries(user)
            .is_some_and(|entries| entries.contains_key(id))
    }

    pub(super) fn ids(&self, user: &UserKey) -> Vec<SessionId> {
        let entries = self.entries(user).into_iter();
        entries.flat_map(HashMap::keys).copied().collect()
    }

    pub(super) fn add(&mut self, user: &UserKey, id: SessionId, secret: SecretDigest) {
        if let Some(shard) = self.shard(user) {
            shard.entry(*user).or_default().insert(id, secret);
        }
    }

    pub(super) fn remove(&mut self, user: &UserKey, id: &SessionId) -> Option<SecretDigest> {
        let shard = self.shard(user)?;
        let entries = shard.get_mut(user)?;
        let secret = entries.remove(id)?;
        if entries.is_empty() {
            shard.remove(user);
        }
        Some(secret)
    }
}

/// The sessions of a user that are live at `now`.
pub(super) fn sessions_of(
    sessions: &SessionShards,
    index: &LockedUsers<'_>,
    user: &UserKey,
    now: SystemTime,
) -> Vec<SessionRecord> {
    let entries = index.entries(user).into_iter();
    entries
        .flat_map(HashMap::values)
        .filter_map(|secret| sessions.get(secret))
        .filter(|record| record.is_live(now))
        .collect()
}
