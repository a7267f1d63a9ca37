//! Any store, without its type.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::time::SystemTime;

use auth_layer::AuthError;

use super::{ApiKeyStore, Inserted, Lookup, Rotated, Rotation};
use crate::{DisabledBy, KeyId, KeyRecord, Owner};

/// Any [`ApiKeyStore`], shared and type-erased, so that schemes and handlers need no type parameter.
#[derive(Clone)]
pub struct SharedApiKeyStore {
    store: Arc<dyn DynStore>,
}

impl SharedApiKeyStore {
    /// Shares `store`.
    #[must_use]
    pub fn new(store: impl ApiKeyStore) -> Self {
        Self {
            store: Arc::new(store),
        }
    }
}

impl<S: ApiKeyStore> From<Arc<S>> for SharedApiKeyStore {
    fn from(store: Arc<S>) -> Self {
        Self { store }
    }
}

impl ApiKeyStore for SharedApiKeyStore {
    fn find_now(&self, id: &KeyId) -> Lookup {
        self.store.find_now(id)
    }

    async fn find(&self, id: &KeyId) -> Result<Option<Arc<KeyRecord>>, AuthError> {
        self.store.find(id).await
    }

    async fn find_recent(&self, id: &KeyId) -> Result<Option<Arc<KeyRecord>>, AuthError> {
        self.store.find_recent(id).await
    }

    async fn insert(&self, record: KeyRecord, limit: usize) -> Result<Inserted, AuthError> {
        self.store.insert(record, limit).await
    }

    async fn rotate(&self, id: &KeyId, rotation: &Rotation) -> Result<Rotated, AuthError> {
        self.store.rotate(id, rotation).await
    }

    async fn revoke(&self, id: &KeyId, at: SystemTime) -> Result<bool, AuthError> {
        self.store.revoke(id, at).await
    }

    async fn revoke_owned_by(&self, owner: &Owner, at: SystemTime) -> Result<usize, AuthError> {
        self.store.revoke_owned_by(owner, at).await
    }

    async fn set_disabled(
        &self,
        id: &KeyId,
        by: DisabledBy,
        disabled: bool,
    ) -> Result<bool, AuthError> {
        self.store.set_disabled(id, by, disabled).await
    }

    async fn touch(&self, uses: &[(KeyId, SystemTime)]) -> Result<(), AuthError> {
        self.store.touch(uses).await
    }

    async fn list(
        &self,
        owner: &Owner,
        after: Option<&KeyId>,
        limit: usize,
    ) -> Result<Vec<Arc<KeyRecord>>, AuthError> {
        self.store.list(owner, after, limit).await
    }
}

impl fmt::Debug for SharedApiKeyStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedApiKeyStore").finish_non_exhaustive()
    }
}

type Boxed<'a, T> = Pin<Box<dyn Future<Output = Result<T, AuthError>> + Send + 'a>>;

/// The dyn-compatible twin of [`ApiKeyStore`]; the only place that boxes.
trait DynStore: Send + Sync {
    fn find_now(&self, id: &KeyId) -> Lookup;
    fn find<'a>(&'a self, id: &'a KeyId) -> Boxed<'a, Option<Arc<KeyRecord>>>;
    fn find_recent<'a>(&'a self, id: &'a KeyId) -> Boxed<'a, Option<Arc<KeyRecord>>>;
    fn insert(&self, record: KeyRecord, limit: usize) -> Boxed<'_, Inserted>;
    fn rotate<'a>(&'a self, id: &'a KeyId, rotation: &'a Rotation) -> Boxed<'a, Rotated>;
    fn revoke<'a>(&'a self, id: &'a KeyId, at: SystemTime) -> Boxed<'a, bool>;
    fn revoke_owned_by<'a>(&'a self, owner: &'a Owner, at: SystemTime) -> Boxed<'a, usize>;
    fn set_disabled<'a>(&'a self, id: &'a KeyId, by: DisabledBy, disabled: bool)
    -> Boxed<'a, bool>;
    fn touch<'a>(&'a self, uses: &'a [(KeyId, SystemTime)]) -> Boxed<'a, ()>;
    fn list<'a>(
        &'a self,
        owner: &'a Owner,
        after: Option<&'a KeyId>,
        limit: usize,
    ) -> Boxed<'a, Vec<Arc<KeyRecord>>>;
}

impl<T: ApiKeyStore> DynStore for T {
    fn find_now(&self, id: &KeyId) -> Lookup {
        ApiKeyStore::find_now(self, id)
    }

    fn find<'a>(&'a self, id: &'a KeyId) -> Boxed<'a, Option<Arc<KeyRecord>>> {
        Box::pin(ApiKeyStore::find(self, id))
    }

    fn find_recent<'a>(&'a self, id: &'a KeyId) -> Boxed<'a, Option<Arc<KeyRecord>>> {
        Box::pin(ApiKeyStore::find_recent(self, id))
    }

    fn insert(&self, record: KeyRecord, limit: usize) -> Boxed<'_, Inserted> {
        Box::pin(ApiKeyStore::insert(self, record, limit))
    }

    fn rotate<'a>(&'a self, id: &'a KeyId, rotation: &'a Rotation) -> Boxed<'a, Rotated> {
        Box::pin(ApiKeyStore::rotate(self, id, rotation))
    }

    fn revoke<'a>(&'a self, id: &'a KeyId, at: SystemTime) -> Boxed<'a, bool> {
        Box::pin(ApiKeyStore::revoke(self, id, at))
    }

    fn revoke_owned_by<'a>(&'a self, owner: &'a Owner, at: SystemTime) -> Boxed<'a, usize> {
        Box::pin(ApiKeyStore::revoke_owned_by(self, owner, at))
    }

    fn set_disabled<'a>(
        &'a self,
        id: &'a KeyId,
        by: DisabledBy,
        disabled: bool,
    ) -> Boxed<'a, bool> {
        Box::pin(ApiKeyStore::set_disabled(self, id, by, disabled))
    }

    fn touch<'a>(&'a self, uses: &'a [(KeyId, SystemTime)]) -> Boxed<'a, ()> {
        Box::pin(ApiKeyStore::touch(self, uses))
    }

    fn list<'a>(
        &'a self,
        owner: &'a Owner,
        after: Option<&'a KeyId>,
        limit: usize,
    ) -> Boxed<'a, Vec<Arc<KeyRecord>>> {
        Box::pin(ApiKeyStore::list(self, owner, after, limit))
    }
}
