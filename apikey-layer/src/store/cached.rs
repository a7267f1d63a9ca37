//! A store that remembers its answers for a short while: [`CachedApiKeys`].

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use auth_layer::{AuthError, ConfigError, SharedClock};

use super::{ApiKeyStore, Inserted, Lookup, Rotated, Rotation, SharedApiKeyStore};
use crate::changes::Remembers;
use crate::remembered::{Limits, Owned, Remembered};
use crate::{
    DisabledBy, KeyChange, KeyChanges as _, KeyId, KeyListener, KeyRecord, Owner, OwnerDigest,
    SharedKeyChanges,
};

/// Remembers the answers of another store for a short while, so that a key that is used all the time
/// costs no trip, and neither does one that does not exist.
///
/// - What is changed through this value is seen by it at once. What is changed through another
///   process is seen after [`max_age`](Self::max_age) at the latest, 5 seconds by default: that is
///   how late a revocation may take effect there. With [`changes`](Self::changes) it is seen as soon
///   as the news of it is there.
/// - Requests that ask for the same key at the same time share one question. Whoever goes away takes
///   nobody's answer with him, and a failure is an answer to all of them and is not remembered.
/// - It is bounded, and keys that do not exist have a place of their own: however many are tried,
///   they drive out no key that does.
///
/// Only what the [`ApiKeys`](crate::ApiKeys) scheme asks is remembered.
/// [`KeyRegistry`](crate::KeyRegistry) reads and writes the store itself; give both the same clone of
/// this value, or the scheme learns of changes only after the age.
///
/// The scheme also asks for the owner of a key at each use: see
/// [`CachedKeyOwners`](crate::CachedKeyOwners).
///
/// ```
/// use apikey_layer::{ApiKeys, CachedApiKeys, KeyFormat, KeyRegistry, MemoryApiKeys};
///
/// let format = KeyFormat::live("sk")?;
/// let keys = CachedApiKeys::new(MemoryApiKeys::new()); // a database, of course
/// let registry = KeyRegistry::new(format.clone(), keys.clone());
/// let scheme = ApiKeys::danger_without_owners(format, keys);
/// # let _ = (registry, scheme);
/// # Ok::<(), auth_layer::ConfigError>(())
/// ```
#[derive(Clone)]
pub struct CachedApiKeys {
    inner: Arc<Inner>,
}

struct Inner {
    store: SharedApiKeyStore,
    remembered: Arc<Remembered<KeyId, Arc<KeyRecord>>>,
    changes: Option<SharedKeyChanges>,
}

impl CachedApiKeys {
    /// Remembers the answers of `store`, for 5 seconds; 10,000 keys, and as many that do not exist.
    #[must_use]
    pub fn new(store: impl ApiKeyStore) -> Self {
        Self::with(SharedApiKeyStore::new(store), Limits::default(), None)
    }

    fn with(store: SharedApiKeyStore, limits: Limits, changes: Option<SharedKeyChanges>) -> Self {
        let inner = Arc::new(Inner {
            store,
            remembered: Arc::new(Remembered::new(limits)),
            changes,
        });
        if let Some(changes) = &inner.changes {
            changes.listen(KeyListener::new(&inner));
        }
        Self { inner }
    }

    fn limited(self, limits: Limits) -> Self {
        let Inner { store, changes, .. } = &*self.inner;
        Self::with(store.clone(), limits, changes.clone())
    }

    /// How old an answer may be, and so how late a change takes effect that was made by another
    /// process. What was remembered until now is forgotten.
    ///
    /// # Errors
    ///
    /// Refuses zero, and more than a minute.
    pub fn max_age(self, max_age: Duration) -> Result<Self, ConfigError> {
        let limits = self.inner.remembered.limits().max_age(max_age)?;
        Ok(self.limited(limits))
    }

    /// How many keys are remembered, and how many that do not exist. What was remembered until now
    /// is forgotten.
    ///
    /// # Errors
    ///
    /// Refuses zero, and more than ten million.
    pub fn capacity(self, keys: usize) -> Result<Self, ConfigError> {
        let limits = self.inner.remembered.limits().capacity(keys)?;
        Ok(self.limited(limits))
    }

    /// The clock that ages are told by. Default: the system's.
    #[must_use]
    pub fn clock(self, clock: impl Into<SharedClock>) -> Self {
        let limits = self.inner.remembered.limits().clock(clock.into());
        self.limited(limits)
    }

    /// Announces what is changed through this value by `changes`, and forgets what other nodes
    /// announce: see [`KeyChanges`](crate::KeyChanges). What was remembered until now is forgotten.
    #[must_use]
    pub fn changes(self, changes: impl Into<SharedKeyChanges>) -> Self {
        let limits = self.inner.remembered.limits();
        Self::with(self.inner.store.clone(), limits, Some(changes.into()))
    }

    /// Forgets what was remembered of a key that was changed in another way than through this value;
    /// other nodes too, if there are [`changes`](Self::changes).
    pub fn forget(&self, id: &KeyId) {
        self.inner.changed(&KeyChange::Key(*id));
    }

    /// Forgets everything; other nodes too, if there are [`changes`](Self::changes).
    pub fn forget_all(&self) {
        self.inner.changed(&KeyChange::All);
    }

    fn changing(&self, change: KeyChange) -> Changing<'_> {
        let inner = &self.inner;
        Changing { inner, change }
    }
}

impl Inner {
    fn changed(&self, change: &KeyChange) {
        self.hear(change);
        if let Some(changes) = &self.changes {
            changes.announce(*change);
        }
    }
}

impl Remembers for Inner {
    fn hear(&self, change: &KeyChange) {
        match change {
            KeyChange::All => self.remembered.forget_all(),
            KeyChange::Key(id) => self.remembered.forget(id),
            KeyChange::Owner(owner) => self.remembered.forget_owned_by(owner),
        }
    }
}

/// Forgets when it is dropped: at the end of a change, be it that nobody waited for the end.
struct Changing<'a> {
    inner: &'a Inner,
    change: KeyChange,
}

impl Drop for Changing<'_> {
    fn drop(&mut self) {
        self.inner.changed(&self.change);
    }
}

impl ApiKeyStore for CachedApiKeys {
    fn find_now(&self, id: &KeyId) -> Lookup {
        match self.inner.remembered.now(id) {
            Lookup::Wait => self.inner.store.find_now(id),
            known => known,
        }
    }

    async fn find(&self, id: &KeyId) -> Result<Option<Arc<KeyRecord>>, AuthError> {
        self.inner.store.find(id).await
    }

    async fn find_recent(&self, id: &KeyId) -> Result<Option<Arc<KeyRecord>>, AuthError> {
        if let Some(changes) = &self.inner.changes {
            changes.attend();
        }
        let ask = || {
            let (store, id) = (self.inner.store.clone(), *id);
            async move {
                let found = store.find(&id).await?;
                Ok(found.map(|found| Owned {
                    owner: OwnerDigest::of(found.owner()),
                    found,
                }))
            }
        };
        self.inner.remembered.ask(id, ask).await
    }

    async fn insert(&self, record: KeyRecord, limit: usize) -> Result<Inserted, AuthError> {
        let _changing = self.changing(KeyChange::Key(*record.id()));
        self.inner.store.insert(record, limit).await
    }

    async fn rotate(&self, id: &KeyId, rotation: &Rotation) -> Result<Rotated, AuthError> {
        let _changing = self.changing(KeyChange::Key(*id));
        self.inner.store.rotate(id, rotation).await
    }

    async fn revoke(&self, id: &KeyId, at: SystemTime) -> Result<bool, AuthError> {
        let _changing = self.changing(KeyChange::Key(*id));
        self.inner.store.revoke(id, at).await
    }

    async fn revoke_owned_by(&self, owner: &Owner, at: SystemTime) -> Result<usize, AuthError> {
        let _changing = self.changing(KeyChange::Owner(OwnerDigest::of(owner)));
        self.inner.store.revoke_owned_by(owner, at).await
    }

    async fn set_disabled(
        &self,
        id: &KeyId,
        by: DisabledBy,
        disabled: bool,
    ) -> Result<bool, AuthError> {
        let _changing = self.changing(KeyChange::Key(*id));
        self.inner.store.set_disabled(id, by, disabled).await
    }

    // Who may do what is as before: nothing is forgotten.
    async fn touch(&self, uses: &[(KeyId, SystemTime)]) -> Result<(), AuthError> {
        self.inner.store.touch(uses).await
    }

    async fn list(
        &self,
        owner: &Owner,
        after: Option<&KeyId>,
        limit: usize,
    ) -> Result<Vec<Arc<KeyRecord>>, AuthError> {
        self.inner.store.list(owner, after, limit).await
    }
}

impl From<CachedApiKeys> for SharedApiKeyStore {
    fn from(store: CachedApiKeys) -> Self {
        Self::new(store)
    }
}

impl fmt::Debug for CachedApiKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CachedApiKeys")
            .field("known", &self.inner.remembered.len())
            .finish_non_exhaustive()
    }
}
