//! Any store, shared and type-erased.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

use auth_layer::{AuthError, UserKey};

use super::{FamilyId, FamilyState, RefreshStore, RotateOutcome, Rotation};
use crate::refresh::could_not_ask;

type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = Result<T, AuthError>> + Send + 'a>>;

/// Any [`RefreshStore`], shared and type-erased.
///
/// It is a [`RefreshStore`] itself. Whatever error the store returns comes out as one that is
/// answered with a server error.
#[derive(Clone)]
pub struct SharedRefreshStore(Arc<dyn DynStore>);

/// The dyn-compatible twin of [`RefreshStore`]; the only place that boxes.
trait DynStore: Send + Sync {
    fn insert(&self, family: FamilyState) -> BoxFuture<'_, bool>;
    fn find<'a>(&'a self, id: &'a FamilyId) -> BoxFuture<'a, Option<FamilyState>>;
    fn rotate<'a>(&'a self, id: &'a FamilyId, rotation: Rotation) -> BoxFuture<'a, RotateOutcome>;
    fn end<'a>(&'a self, id: &'a FamilyId) -> BoxFuture<'a, bool>;
    fn list<'a>(&'a self, user: &'a UserKey) -> BoxFuture<'a, Vec<FamilyState>>;
}

impl<T: RefreshStore> DynStore for T {
    fn insert(&self, family: FamilyState) -> BoxFuture<'_, bool> {
        Box::pin(RefreshStore::insert(self, family))
    }

    fn find<'a>(&'a self, id: &'a FamilyId) -> BoxFuture<'a, Option<FamilyState>> {
        Box::pin(RefreshStore::find(self, id))
    }

    fn rotate<'a>(&'a self, id: &'a FamilyId, rotation: Rotation) -> BoxFuture<'a, RotateOutcome> {
        Box::pin(RefreshStore::rotate(self, id, rotation))
    }

    fn end<'a>(&'a self, id: &'a FamilyId) -> BoxFuture<'a, bool> {
        Box::pin(RefreshStore::end(self, id))
    }

    fn list<'a>(&'a self, user: &'a UserKey) -> BoxFuture<'a, Vec<FamilyState>> {
        Box::pin(RefreshStore::list(self, user))
    }
}

impl SharedRefreshStore {
    /// Shares `store`.
    #[must_use]
    pub fn new(store: impl RefreshStore) -> Self {
        Self(Arc::new(store))
    }
}

impl<S: RefreshStore> From<Arc<S>> for SharedRefreshStore {
    fn from(store: Arc<S>) -> Self {
        Self(store)
    }
}

impl RefreshStore for SharedRefreshStore {
    async fn insert(&self, family: FamilyState) -> Result<bool, AuthError> {
        self.0.insert(family).await.map_err(could_not_ask)
    }

    async fn find(&self, id: &FamilyId) -> Result<Option<FamilyState>, AuthError> {
        self.0.find(id).await.map_err(could_not_ask)
    }

    async fn rotate(&self, id: &FamilyId, rotation: Rotation) -> Result<RotateOutcome, AuthError> {
        self.0.rotate(id, rotation).await.map_err(could_not_ask)
    }

    async fn end(&self, id: &FamilyId) -> Result<bool, AuthError> {
        self.0.end(id).await.map_err(could_not_ask)
    }

    async fn list(&self, user: &UserKey) -> Result<Vec<FamilyState>, AuthError> {
        self.0.list(user).await.map_err(could_not_ask)
    }
}

/// So that a store can be kept beside the service.
impl<S: RefreshStore> RefreshStore for Arc<S> {
    async fn insert(&self, family: FamilyState) -> Result<bool, AuthError> {
        (**self).insert(family).await
    }

    async fn find(&self, id: &FamilyId) -> Result<Option<FamilyState>, AuthError> {
        (**self).find(id).await
    }

    async fn rotate(&self, id: &FamilyId, rotation: Rotation) -> Result<RotateOutcome, AuthError> {
        (**self).rotate(id, rotation).await
    }

    async fn end(&self, id: &FamilyId) -> Result<bool, AuthError> {
        (**self).end(id).await
    }

    async fn list(&self, user: &UserKey) -> Result<Vec<FamilyState>, AuthError> {
        (**self).list(user).await
    }
}

impl fmt::Debug for SharedRefreshStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SharedRefreshStore")
    }
}
