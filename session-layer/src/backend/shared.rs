//! Any backend, shared and type-erased.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

use auth_layer::{AuthError, AuthErrorKind, SecretDigest};

use super::{
    CreateOutcome, NewSession, RotateOutcome, SessionBackend, SessionLookup, Touch, UpdateOutcome,
};
use crate::{SessionData, SessionId, SessionRecord, UserKey};

type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = Result<T, AuthError>> + Send + 'a>>;

/// Any [`SessionBackend`], shared and type-erased, so that layers and handlers need no type
/// parameter.
///
/// It is a [`SessionBackend`] itself. Whatever error the backend returns comes out as one that is
/// answered with a server error, so that no backend can make "could not ask" look like "nobody is
/// logged in".
///
/// ```
/// use session_layer::{MemorySessionBackend, SessionLayer, SharedSessionBackend};
///
/// let backend = SharedSessionBackend::new(MemorySessionBackend::new());
/// let layer = SessionLayer::new(backend.clone());
/// # let _ = (layer, backend);
/// ```
#[derive(Clone)]
pub struct SharedSessionBackend(Arc<dyn DynBackend>);

/// The dyn-compatible twin of [`SessionBackend`]; the only place that boxes.
trait DynBackend: Send + Sync {
    fn create(&self, session: NewSession) -> BoxFuture<'_, CreateOutcome>;
    fn find_now(&self, secret: &SecretDigest) -> SessionLookup;
    /// Owns what it needs, so that the layer's future can hold it without a box of its own.
    fn find(self: Arc<Self>, secret: SecretDigest) -> BoxFuture<'static, Option<SessionRecord>>;
    fn touch<'a>(&'a self, secret: &'a SecretDigest, touch: Touch) -> BoxFuture<'a, bool>;
    fn update<'a>(
        &'a self,
        secret: &'a SecretDigest,
        version: u64,
        data: SessionData,
    ) -> BoxFuture<'a, UpdateOutcome>;
    fn rotate<'a>(
        &'a self,
        old: &'a SecretDigest,
        version: Option<u64>,
        new: NewSession,
    ) -> BoxFuture<'a, RotateOutcome>;
    fn delete<'a>(&'a self, secret: &'a SecretDigest) -> BoxFuture<'a, bool>;
    fn list<'a>(&'a self, user: &'a UserKey) -> BoxFuture<'a, Vec<SessionRecord>>;
    fn delete_by_id<'a>(&'a self, user: &'a UserKey, id: &'a SessionId) -> BoxFuture<'a, bool>;
    fn delete_all<'a>(
        &'a self,
        user: &'a UserKey,
        except: Option<&'a SessionId>,
    ) -> BoxFuture<'a, Vec<SessionId>>;
}

impl<T: SessionBackend> DynBackend for T {
    fn create(&self, session: NewSession) -> BoxFuture<'_, CreateOutcome> {
        Box::pin(SessionBackend::create(self, session))
    }

    fn find_now(&self, secret: &SecretDigest) -> SessionLookup {
        SessionBackend::find_now(self, secret)
    }

    fn find(self: Arc<Self>, secret: SecretDigest) -> BoxFuture<'static, Option<SessionRecord>> {
        Box::pin(async move { SessionBackend::find(&*self, &secret).await })
    }

    fn touch<'a>(&'a self, secret: &'a SecretDigest, touch: Touch) -> BoxFuture<'a, bool> {
        Box::pin(SessionBackend::touch(self, secret, touch))
    }

    fn update<'a>(
        &'a self,
        secret: &'a SecretDigest,
        version: u64,
        data: SessionData,
    ) -> BoxFuture<'a, UpdateOutcome> {
        Box::pin(SessionBackend::update(self, secret, version, data))
    }

    fn rotate<'a>(
        &'a self,
        old: &'a SecretDigest,
        version: Option<u64>,
        new: NewSession,
    ) -> BoxFuture<'a, RotateOutcome> {
        Box::pin(SessionBackend::rotate(self, old, version, new))
    }

    fn delete<'a>(&'a self, secret: &'a SecretDigest) -> BoxFuture<'a, bool> {
        Box::pin(SessionBackend::delete(self, secret))
    }

    fn list<'a>(&'a self, user: &'a UserKey) -> BoxFuture<'a, Vec<SessionRecord>> {
        Box::pin(SessionBackend::list(self, user))
    }

    fn delete_by_id<'a>(&'a self, user: &'a UserKey, id: &'a SessionId) -> BoxFuture<'a, bool> {
        Box::pin(SessionBackend::delete_by_id(self, user, id))
    }

    fn delete_all<'a>(
        &'a self,
        user: &'a UserKey,
        except: Option<&'a SessionId>,
    ) -> BoxFuture<'a, Vec<SessionId>> {
        Box::pin(SessionBackend::delete_all(self, user, except))
    }
}

impl SharedSessionBackend {
    /// Shares `backend`.
    #[must_use]
    pub fn new(backend: impl SessionBackend) -> Self {
        Self(Arc::new(backend))
    }

    /// As `find`, but the errors are still the backend's own.
    pub(crate) fn find_owned(
        &self,
        secret: SecretDigest,
    ) -> BoxFuture<'static, Option<SessionRecord>> {
        Arc::clone(&self.0).find(secret)
    }
}

impl<S: SessionBackend> From<Arc<S>> for SharedSessionBackend {
    fn from(backend: Arc<S>) -> Self {
        Self(backend)
    }
}

impl SessionBackend for SharedSessionBackend {
    async fn create(&self, session: NewSession) -> Result<CreateOutcome, AuthError> {
        (*self.0).create(session).await.map_err(could_not_ask)
    }

    fn find_now(&self, secret: &SecretDigest) -> SessionLookup {
        (*self.0).find_now(secret)
    }

    async fn find(&self, secret: &SecretDigest) -> Result<Option<SessionRecord>, AuthError> {
        self.find_owned(*secret).await.map_err(could_not_ask)
    }

    async fn touch(&self, secret: &SecretDigest, touch: Touch) -> Result<bool, AuthError> {
        (*self.0).touch(secret, touch).await.map_err(could_not_ask)
    }

    async fn update(
        &self,
        secret: &SecretDigest,
        version: u64,
        data: SessionData,
    ) -> Result<UpdateOutcome, AuthError> {
        (*self.0)
            .update(secret, version, data)
            .await
            .map_err(could_not_ask)
    }

    async fn rotate(
        &self,
        old: &SecretDigest,
        version: Option<u64>,
        new: NewSession,
    ) -> Result<RotateOutcome, AuthError> {
        (*self.0)
            .rotate(old, version, new)
            .await
            .map_err(could_not_ask)
    }

    async fn delete(&self, secret: &SecretDigest) -> Result<bool, AuthError> {
        (*self.0).delete(secret).await.map_err(could_not_ask)
    }

    async fn list(&self, user: &UserKey) -> Result<Vec<SessionRecord>, AuthError> {
        (*self.0).list(user).await.map_err(could_not_ask)
    }

    async fn delete_by_id(&self, user: &UserKey, id: &SessionId) -> Result<bool, AuthError> {
        (*self.0)
            .delete_by_id(user, id)
            .await
            .map_err(could_not_ask)
    }

    async fn delete_all(
        &self,
        user: &UserKey,
        except: Option<&SessionId>,
    ) -> Result<Vec<SessionId>, AuthError> {
        (*self.0)
            .delete_all(user, except)
            .await
            .map_err(could_not_ask)
    }
}

/// So that a backend can be kept beside the layer.
impl<S: SessionBackend> SessionBackend for Arc<S> {
    async fn create(&self, session: NewSession) -> Result<CreateOutcome, AuthError> {
        (**self).create(session).await
    }

    fn find_now(&self, secret: &SecretDigest) -> SessionLookup {
        (**self).find_now(secret)
    }

    async fn find(&self, secret: &SecretDigest) -> Result<Option<SessionRecord>, AuthError> {
        (**self).find(secret).await
    }

    async fn touch(&self, secret: &SecretDigest, touch: Touch) -> Result<bool, AuthError> {
        (**self).touch(secret, touch).await
    }

    async fn update(
        &self,
        secret: &SecretDigest,
        version: u64,
        data: SessionData,
    ) -> Result<UpdateOutcome, AuthError> {
        (**self).update(secret, version, data).await
    }

    async fn rotate(
        &self,
        old: &SecretDigest,
        version: Option<u64>,
        new: NewSession,
    ) -> Result<RotateOutcome, AuthError> {
        (**self).rotate(old, version, new).await
    }

    async fn delete(&self, secret: &SecretDigest) -> Result<bool, AuthError> {
        (**self).delete(secret).await
    }

    async fn list(&self, user: &UserKey) -> Result<Vec<SessionRecord>, AuthError> {
        (**self).list(user).await
    }

    async fn delete_by_id(&self, user: &UserKey, id: &SessionId) -> Result<bool, AuthError> {
        (**self).delete_by_id(user, id).await
    }

    async fn delete_all(
        &self,
        user: &UserKey,
        except: Option<&SessionId>,
    ) -> Result<Vec<SessionId>, AuthError> {
        (**self).delete_all(user, except).await
    }
}

/// An error of a backend is never about the client.
#[cold]
pub(crate) fn could_not_ask(error: AuthError) -> AuthError {
    match error.kind() {
        AuthErrorKind::Internal | AuthErrorKind::Misconfigured | AuthErrorKind::Unavailable => {
            error
        }
        _ => AuthError::unavailable("session_backend").with_source(error),
    }
}

impl fmt::Debug for SharedSessionBackend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SharedSessionBackend")
    }
}
