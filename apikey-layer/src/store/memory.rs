//! Keys in the memory of one process.

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::ops::Bound;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::SystemTime;

use auth_layer::AuthError;

use super::{ApiKeyStore, Inserted, Lookup, Rotated, Rotation};
use crate::{DisabledBy, KeyId, KeyRecord, Owner};

/// Enough that two requests seldom meet at one lock.
const SHARDS: usize = 16;

/// [`ApiKeyStore`] in memory: for tests, demonstrations, and keys that are loaded at start.
///
/// Locks are held for a lookup or for one change, never while anything is waited for.
#[derive(Default)]
pub struct MemoryApiKeys {
    shards: [RwLock<HashMap<KeyId, Arc<KeyRecord>>>; SHARDS],
    owners: Mutex<HashMap<Owner, BTreeSet<KeyId>>>,
}

impl MemoryApiKeys {
    /// No keys yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// How many keys there are, revoked ones included.
    pub fn len(&self) -> usize {
        let shards = self.shards.iter();
        shards
            .map(|shard| shard.read().unwrap_or_else(PoisonError::into_inner).len())
            .sum()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn shard(&self, id: &KeyId) -> &RwLock<HashMap<KeyId, Arc<KeyRecord>>> {
        // Ids are random letters, so their last one spreads them well enough.
        let last = id.as_str().as_bytes().last().copied().unwrap_or_default();
        &self.shards[usize::from(last) % SHARDS]
    }

    fn get(&self, id: &KeyId) -> Option<Arc<KeyRecord>> {
        // A change is one assignment: a writer that panicked has left whole records.
        let shard = self.shard(id).read();
        shard
            .unwrap_or_else(PoisonError::into_inner)
            .get(id)
            .cloned()
    }

    /// Changes a record under its lock; `None` if there is no such key.
    fn change<T>(&self, id: &KeyId, change: impl FnOnce(&mut KeyRecord) -> T) -> Option<T> {
        let mut shard = self
            .shard(id)
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        // Requests under way go on with the record that they have.
        shard
            .get_mut(id)
            .map(|record| change(Arc::make_mut(record)))
    }

    fn owners(&self) -> MutexGuard<'_, HashMap<Owner, BTreeSet<KeyId>>> {
        self.owners.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn owned_by(&self, owner: &Owner, after: Option<&KeyId>, limit: usize) -> Vec<KeyId> {
        let from = after.map_or(Bound::Unbounded, |after| Bound::Excluded(*after));
        let owners = self.owners();
        let ids = owners.get(owner);
        ids.map(|ids| {
            ids.range((from, Bound::Unbounded))
                .take(limit)
                .copied()
                .collect()
        })
        .unwrap_or_default()
    }
}

/// Whether a key counts when a new one is made.
fn is_live(record: &KeyRecord, new: &KeyRecord) -> bool {
    let expired = record
        .expires_at()
        .is_some_and(|end| new.created_at() >= end);
    record.revoked_at().is_none() && !expired
}

impl ApiKeyStore for MemoryApiKeys {
    fn find_now(&self, id: &KeyId) -> Lookup {
        self.get(id).map_or(Lookup::Missing, Lookup::Found)
    }

    async fn find(&self, id: &KeyId) -> Result<Option<Arc<KeyRecord>>, AuthError> {
        Ok(self.get(id))
    }

    async fn insert(&self, record: KeyRecord, limit: usize) -> Result<Inserted, AuthError> {
        let (id, owner) = (*record.id(), record.owner().clone());
        // Held until the key is there too, so that `revoke_owned_by` misses none and two inserts
        // cannot share the last room.
        let mut owners = self.owners();
        if self.get(&id).is_some() {
            return Ok(Inserted::Taken);
        }
        let counts = |id: &&KeyId| self.get(id).is_some_and(|own| is_live(&own, &record));
        let owned = owners.get(&owner).into_iter().flatten();
        if owned.filter(counts).count() >= limit {
            return Ok(Inserted::Full);
        }
        {
            let mut shard = self
                .shard(&id)
                .write()
                .unwrap_or_else(PoisonError::into_inner);
            if shard.contains_key(&id) {
                return Ok(Inserted::Taken);
            }
            shard.insert(id, Arc::new(record));
        }
        owners.entry(owner).or_default().insert(id);
        Ok(Inserted::Done)
    }

    async fn rotate(&self, id: &KeyId, rotation: &Rotation) -> Result<Rotated, AuthError> {
        let rotated = self.change(id, |record| record.rotate(rotation));
        Ok(rotated.unwrap_or(Rotated::NotFound))
    }

    async fn revoke(&self, id: &KeyId, at: SystemTime) -> Result<bool, AuthError> {
        Ok(self.change(id, |record| record.revoke(at)).is_some())
    }

    async fn revoke_owned_by(&self, owner: &Owner, at: SystemTime) -> Result<usize, AuthError> {
        let ids = self.owned_by(owner, None, usize::MAX);
        let revoked = ids
            .iter()
            .filter(|id| self.change(id, |record| record.revoke(at)) == Some(true));
        Ok(revoked.count())
    }

    async fn set_disabled(
        &self,
        id: &KeyId,
        by: DisabledBy,
        disabled: bool,
    ) -> Result<bool, AuthError> {
        let changed = self.change(id, |record| record.set_disabled(by, disabled));
        Ok(changed.is_some())
    }

    async fn touch(&self, uses: &[(KeyId, SystemTime)]) -> Result<(), AuthError> {
        for (id, at) in uses {
            self.change(id, |record| record.touch(*at));
        }
        Ok(())
    }

    async fn list(
        &self,
        owner: &Owner,
        after: Option<&KeyId>,
        limit: usize,
    ) -> Result<Vec<Arc<KeyRecord>>, AuthError> {
        let ids = self.owned_by(owner, after, limit);
        Ok(ids.iter().filter_map(|id| self.get(id)).collect())
    }
}

impl fmt::Debug for MemoryApiKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryApiKeys")
            .field("len", &self.len())
            .finish_non_exhaustive()
    }
}
