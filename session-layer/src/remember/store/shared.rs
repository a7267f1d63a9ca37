//! Any store, shared and type-erased.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

use auth_layer::{AuthError, SecretDigest};

use super::{NewSeries, RedeemOutcome, Redemption, RememberStore, RememberedLogin};
use crate::UserKey;
use crate::backend::could_not_ask;

type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = Result<T, AuthError>> + Send + 'a>>;

/// Any [`RememberStore`], shared and type-erased.
///
/// It is a [`RememberStore`] itself. Whatever error the store returns comes out as one that is
/// answered with a server error.
#[derive(Clone)]
pub struct SharedRememberStore(Arc<dyn DynStore>);

/// The dyn-compatible twin of [`RememberStore`]; the only place that boxes.
trait DynStore: Send + Sync {
    fn insert(&self, series: NewSeries) -> BoxFuture<'_, bool>;
    fn find<'a>(&'a self, series: &'a SecretDigest) -> BoxFuture<'a, Option<RememberedLogin>>;
    fn redeem<'a>(
        &'a self,
        series: &'a SecretDigest,
        redemption: Redemption,
    ) -> BoxFuture<'a, RedeemOutcome>;
    fn delete<'a>(&'a self, series: &'a SecretDigest) -> BoxFuture<'a, bool>;
    fn delete_all<'a>(
        &'a self,
        user: &'a UserKey,
        except: Option<&'a SecretDigest>,
    ) -> BoxFuture<'a, usize>;
}

impl<T: RememberStore> DynStore for T {
    fn insert(&self, series: NewSeries) -> BoxFuture<'_, bool> {
        Box::pin(RememberStore::insert(self, series))
    }

    fn find<'a>(&'a self, series: &'a SecretDigest) -> BoxFuture<'a, Option<RememberedLogin>> {
        Box::pin(RememberStore::find(self, series))
    }

    fn redeem<'a>(
        &'a self,
        series: &'a SecretDigest,
        redemption: Redemption,
    ) -> BoxFuture<'a, RedeemOutcome> {
        Box::pin(RememberStore::redeem(self, series, redemption))
    }

    fn delete<'a>(&'a self, series: &'a SecretDigest) -> BoxFuture<'a, bool> {
        Box::pin(RememberStore::delete(self, series))
    }

    fn delete_all<'a>(
        &'a self,
        user: &'a UserKey,
        except: Option<&'a SecretDigest>,
    ) -> BoxFuture<'a, usize> {
        Box::pin(RememberStore::delete_all(self, user, except))
    }
}

impl SharedRememberStore {
    /// Shares `store`.
    #[must_use]
    pub fn new(store: impl RememberStore) -> Self {
        Self(Arc::new(store))
    }
}

impl<S: RememberStore> From<Arc<S>> for SharedRememberStore {
    fn from(store: Arc<S>) -> Self {
        Self(store)
    }
}

impl RememberStore for SharedRememberStore {
    async fn insert(&self, series: NewSeries) -> Result<bool, AuthError> {
        self.0.insert(series).await.map_err(could_not_ask)
    }

    async fn find(&self, series: &SecretDigest) -> Result<Option<RememberedLogin>, AuthError> {
        self.0.find(series).await.map_err(could_not_ask)
    }

    async fn redeem(
        &self,
        series: &SecretDigest,
        redemption: Redemption,
    ) -> Result<RedeemOutcome, AuthError> {
        let outcome = self.0.redeem(series, redemption).await;
        outcome.map_err(could_not_ask)
    }

    async fn delete(&self, series: &SecretDigest) -> Result<bool, AuthError> {
        self.0.delete(series).await.map_err(could_not_ask)
    }

    async fn delete_all(
        &self,
        user: &UserKey,
        except: Option<&SecretDigest>,
    ) -> Result<usize, AuthError> {
        let deleted = self.0.delete_all(user, except).await;
        deleted.map_err(could_not_ask)
    }
}

/// So that a store can be kept beside the layer.
impl<S: RememberStore> RememberStore for Arc<S> {
    async fn insert(&self, series: NewSeries) -> Result<bool, AuthError> {
        (**self).insert(series).await
    }

    async fn find(&self, series: &SecretDigest) -> Result<Option<RememberedLogin>, AuthError> {
        (**self).find(series).await
    }

    async fn redeem(
        &self,
        series: &SecretDigest,
        redemption: Redemption,
    ) -> Result<RedeemOutcome, AuthError> {
        (**self).redeem(series, redemption).await
    }

    async fn delete(&self, series: &SecretDigest) -> Result<bool, AuthError> {
        (**self).delete(series).await
    }

    async fn delete_all(
        &self,
        user: &UserKey,
        except: Option<&SecretDigest>,
    ) -> Result<usize, AuthError> {
        (**self).delete_all(user, except).await
    }
}

impl fmt::Debug for SharedRememberStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SharedRememberStore")
    }
}
