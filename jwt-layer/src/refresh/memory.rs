//! Families in this process's memory.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use auth_layer::{AuthError, UserKey};

use super::{FamilyId, FamilyState, RefreshStore, RotateOutcome, Rotation};

/// How long families that are over are left alone after they were looked for: a full store must not
/// be searched at the pace at which somebody fills it.
const SWEEP_EVERY: Duration = Duration::from_secs(60);

/// Keeps families in memory: for one process, for tests, and to begin with. A restart logs everybody
/// out.
///
/// Families that are over are removed as new ones come in, once a minute. When
/// [`capacity`](Self::with_capacity) is reached, new ones are refused, with 503, rather than memory
/// filled or others ended.
///
/// To keep it beside the service, pass an `Arc` of it.
pub struct MemoryRefreshStore {
    // One lock: it is taken at logins and every few minutes per client.
    kept: Mutex<Kept>,
    capacity: usize,
}

#[derive(Default)]
struct Kept {
    families: HashMap<FamilyId, FamilyState>,
    users: HashMap<UserKey, Vec<FamilyId>>,
    swept_at: Option<SystemTime>,
}

impl MemoryRefreshStore {
    /// An empty store for at most a hundred thousand families.
    #[must_use]
    pub fn new() -> Self {
        Self::with_capacity(100_000)
    }

    /// An empty store for at most `capacity` families.
    #[must_use]
    pub fn with_capacity(capacity: usize) -> Self {
        Self {
            kept: Mutex::default(),
            capacity,
        }
    }

    /// How many families are kept, those that are over but were not yet removed included.
    pub fn len(&self) -> usize {
        self.lock().families.len()
    }

    /// Whether no families are kept.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Removes all families that are over at `now` and gives their memory back.
    pub fn remove_expired(&self, now: SystemTime) {
        self.lock().sweep(now);
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    /// Removes what is over, if that was not done lately.
    fn sweep_if_due(&mut self, now: SystemTime) {
        let due = match self.swept_at {
            None => true,
            // A clock that was set back makes it due too.
            Some(at) => now
                .duration_since(at)
                .map_or(true, |since| since >= SWEEP_EVERY),
        };
        if due {
            self.sweep(now);
        }
    }

    fn sweep(&mut self, now: SystemTime) {
        self.swept_at = Some(now);
        self.families.retain(|_, state| now < state.expires_at);
        let families = &self.families;
        self.users.retain(|_, ids| {
            ids.retain(|id| families.contains_key(id));
            !ids.is_empty()
        });
        if self.families.capacity() > 4 * self.families.len().max(16) {
            self.families.shrink_to_fit();
            self.users.shrink_to_fit();
        }
    }
}

impl RefreshStore for MemoryRefreshStore {
    async fn insert(&self, new: FamilyState) -> Result<bool, AuthError> {
        let (id, user) = (new.family.id, new.family.user());
        let mut kept = self.lock();
        kept.sweep_if_due(new.family.began_at);
        if kept.families.contains_key(&id) {
            return Ok(false);
        }
        if kept.families.len() >= self.capacity {
            return Err(AuthError::unavailable("refresh_memory_full"));
        }
        kept.families.insert(id, new);
        kept.users.entry(user).or_default().push(id);
        Ok(true)
    }

    async fn find(&self, id: &FamilyId) -> Result<Option<FamilyState>, AuthError> {
        Ok(self.lock().families.get(id).cloned())
    }

    async fn rotate(&self, id: &FamilyId, rotation: Rotation) -> Result<RotateOutcome, AuthError> {
        let mut kept = self.lock();
        let state = kept.families.get_mut(id);
        Ok(state.map_or(RotateOutcome::Unknown, |state| state.rotate(&rotation)))
    }

    async fn end(&self, id: &FamilyId) -> Result<bool, AuthError> {
        let mut kept = self.lock();
        let Some(state) = kept.families.remove(id) else {
            return Ok(false);
        };
        let user = state.family.user();
        if let Some(ids) = kept.users.get_mut(&user) {
            ids.retain(|own| own != id);
            if ids.is_empty() {
                kept.users.remove(&user);
            }
        }
        Ok(true)
    }

    async fn list(&self, user: &UserKey) -> Result<Vec<FamilyState>, AuthError> {
        let kept = self.lock();
        let ids = kept.users.get(user).into_iter().flatten();
        Ok(ids
            .filter_map(|id| kept.families.get(id))
            .cloned()
            .collect())
    }
}

impl Default for MemoryRefreshStore {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for MemoryRefreshStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryRefreshStore")
            .field("len", &self.len())
            .field("capacity", &self.capacity)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use auth_layer::{Identity, SecretDigest};

    use super::*;
    use crate::refresh::{Family, SCHEME};

    fn at(seconds: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(seconds)
    }

    fn family(user: &str, number: u8, began: u64, ends: u64) -> FamilyState {
        let id = FamilyId::from_bytes([number; 16]);
        let family = Family::new(id, Identity::new(SCHEME, user), at(began), at(ends));
        FamilyState::new(family, SecretDigest::from_bytes([number; 32]), at(ends))
    }

    #[tokio::test]
    async fn x_16_a_full_store_refuses_and_ends_nobody() {
        let store = MemoryRefreshStore::with_capacity(2);
        assert!(store.insert(family("ann", 1, 0, 100)).await.unwrap());
        assert!(store.insert(family("ann", 2, 1, 200)).await.unwrap());
        let error = store.insert(family("bob", 3, 2, 100)).await.unwrap_err();
        assert_eq!(error.reason(), "refresh_memory_full");
        assert_eq!(store.len(), 2);
        // What is over makes room, and its memory is given back.
        assert!(store.insert(family("bob", 3, 103, 300)).await.unwrap());
        assert_eq!(store.len(), 2);
        store.remove_expired(at(300));
        assert!(store.is_empty());
        assert!(store.lock().users.is_empty());
    }
}
