//! Keys in the memory of one process.

use std::collections::BTreeSet;
use std::fmt;
use std::hash::BuildHasher as _;
use std::ops::Bound;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::{Duration, SystemTime};

use auth_layer::AuthError;
use foldhash::fast::RandomState;
use hashbrown::HashTable;

use super::{ApiKeyStore, Inserted, Lookup, Rotated, Rotation};
use crate::record::Grant;
use crate::{DisabledBy, KeyId, KeyRecord, Owner};

/// Enough that two requests seldom meet at one lock.
const SHARDS: usize = 16;

/// For how long a key is kept after it has ended.
const KEEP_ENDED: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// [`ApiKeyStore`] in memory: for tests, demonstrations, and keys that are loaded at start.
///
/// Locks are held for a lookup or for one change, never while anything is waited for. A key takes
/// about 230 bytes, name, owner and index included: what the keys of an owner have in common is kept
/// once. Keys that expired or were revoked 30 days ago go when their owner gets a new one.
#[derive(Default)]
pub struct MemoryApiKeys {
    hasher: RandomState,
    /// The records by their ids. The ids are in the records.
    shards: [RwLock<HashTable<Arc<KeyRecord>>>; SHARDS],
    owners: Mutex<HashTable<Owned>>,
}

/// The keys of one owner.
struct Owned {
    /// Of one of the keys: it knows the owner.
    grant: Arc<Grant>,
    ids: BTreeSet<KeyId>,
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

    /// The hash of an id, and the shard that it belongs to.
    fn place(&self, id: &KeyId) -> (u64, &RwLock<HashTable<Arc<KeyRecord>>>) {
        let hash = self.hasher.hash_one(id);
        // Other bits than those by which a table finds its places.
        let [.., shard, _, _] = hash.to_le_bytes();
        (hash, &self.shards[usize::from(shard) % SHARDS])
    }

    fn get(&self, id: &KeyId) -> Option<Arc<KeyRecord>> {
        let (hash, shard) = self.place(id);
        // A change is one assignment: a writer that panicked has left whole records.
        let shard = shard.read().unwrap_or_else(PoisonError::into_inner);
        shard.find(hash, |record| record.id() == id).cloned()
    }

    /// Changes a record under its lock; `None` if there is no such key.
    fn change<T>(&self, id: &KeyId, change: impl FnOnce(&mut KeyRecord) -> T) -> Option<T> {
        let (hash, shard) = self.place(id);
        let mut shard = shard.write().unwrap_or_else(PoisonError::into_inner);
        // Requests under way go on with the record that they have.
        shard
            .find_mut(hash, |record| record.id() == id)
            .map(|record| change(Arc::make_mut(record)))
    }

    /// False if the id is taken.
    fn add(&self, record: KeyRecord) -> bool {
        let (hash, shard) = self.place(record.id());
        let mut shard = shard.write().unwrap_or_else(PoisonError::into_inner);
        let taken = shard.find(hash, |other| other.id() == record.id());
        if taken.is_some() {
            return false;
        }
        shard.insert_unique(hash, Arc::new(record), |other| {
            self.hasher.hash_one(other.id())
        });
        true
    }

    fn remove(&self, id: &KeyId) {
        let (hash, shard) = self.place(id);
        let mut shard = shard.write().unwrap_or_else(PoisonError::into_inner);
        if let Ok(entry) = shard.find_entry(hash, |record| record.id() == id) {
            entry.remove();
        }
    }

    fn owners(&self) -> MutexGuard<'_, HashTable<Owned>> {
        self.owners.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn owned_by(&self, owner: &Owner, after: Option<&KeyId>, limit: usize) -> Vec<KeyId> {
        let from = after.map_or(Bound::Unbounded, |after| Bound::Excluded(*after));
        let owners = self.owners();
        let owned = owners.find(self.hasher.hash_one(owner), |owned| {
            owned.grant.owner() == owner
        });
        owned
            .map(|owned| {
                let ids = owned.ids.range((from, Bound::Unbounded));
                ids.take(limit).copied().collect()
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

/// Whether a key ended so long before a new one is made that nobody needs to know of it.
fn is_over(record: &KeyRecord, new: &KeyRecord) -> bool {
    let end = record.revoked_at().into_iter().chain(record.expires_at());
    let age = end.min().map(|end| new.created_at().duration_since(end));
    age.is_some_and(|age| age.is_ok_and(|age| age > KEEP_ENDED))
}

impl ApiKeyStore for MemoryApiKeys {
    fn find_now(&self, id: &KeyId) -> Lookup {
        self.get(id).map_or(Lookup::Missing, Lookup::Found)
    }

    async fn find(&self, id: &KeyId) -> Result<Option<Arc<KeyRecord>>, AuthError> {
        Ok(self.get(id))
    }

    async fn insert(&self, mut record: KeyRecord, limit: usize) -> Result<Inserted, AuthError> {
        let id = *record.id();
        let hash = self.hasher.hash_one(record.owner());
        // Held until the key is there too, so that `revoke_owned_by` misses none and two inserts
        // cannot share the last room.
        let mut owners = self.owners();
        if self.get(&id).is_some() {
            return Ok(Inserted::Taken);
        }
        let owned = owners.find_mut(hash, |owned| owned.grant.owner() == record.owner());
        let mut live = 0;
        if let Some(owned) = owned {
            owned.ids.retain(|id| {
                let Some(own) = self.get(id).filter(|own| !is_over(own, &record)) else {
                    self.remove(id);
                    return false;
                };
                live += usize::from(is_live(&own, &record));
                record.share(&own);
                true
            });
        }
        if live >= limit {
            return Ok(Inserted::Full);
        }
        let grant = Arc::clone(record.grant());
        if !self.add(record) {
            return Ok(Inserted::Taken);
        }
        owners
            .entry(
                hash,
                |owned| owned.grant.owner() == grant.owner(),
                |owned| self.hasher.hash_one(owned.grant.owner()),
            )
            .or_insert_with(|| Owned {
                grant: Arc::clone(&grant),
                ids: BTreeSet::new(),
            })
            .get_mut()
            .ids
            .insert(id);
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
