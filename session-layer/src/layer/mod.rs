//! The layer: [`SessionLayer`].

mod builder;
mod index;
mod save;
mod service;
mod site_data;

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use auth_layer::{AuthLayer, Authenticate, Problem};
use tower_layer::Layer;
use tower_sessions_core::SessionStore;

pub use self::builder::SessionLayerBuilder;
pub use self::index::{Indexed, Unindexed};
pub use self::save::{SaveFuture, SaveSession};
pub use self::service::SessionService;
pub use self::site_data::SiteData;
use crate::adapter::TowerSessionsBackend;
use crate::config::Config;
use crate::csrf::SameOriginLayer;
use crate::{SessionBackend, SessionScheme, Sessions, SharedSessionBackend};

/// Cookie sessions: authenticates requests by their session, and lets handlers log in and out.
///
/// Three services are put around the inner one, none of which boxes:
///
/// 1. [`SessionService`] gives the request a [`SessionHandle`](crate::SessionHandle).
/// 2. [`Authenticate`] with [`SessionScheme`] finds the cookie, loads the session, and puts the
///    [`Identity`](auth_layer::Identity) into the request. A request without a live session passes
///    through anonymous; guard routes with [`RequireAuth`](auth_layer::RequireAuth).
/// 3. [`SaveSession`] gives the request tower-sessions' `Session`; on the way out it saves what
///    changed, notes that the session was used, and sets or removes the cookie. If saving fails,
///    the response becomes a 503. Only the cookie of a session that the handler has begun, which is
///    stored, leaves with it; nobody else knows its secret, and the session before it has ended.
///
/// Responses to requests with a session get `Cache-Control: no-store`, unless the handler said
/// `private` or `no-store` itself, and `Vary: Cookie`.
///
/// ```
/// use session_layer::{MemorySessionBackend, SessionLayer, SessionLimits};
///
/// let layer = SessionLayer::builder(MemorySessionBackend::new())
///     .limits(SessionLimits::STRICT)
///     .public_origin("https://app.example.com")
///     .build()?;
/// # let _: axum::Router = axum::Router::new().layer(layer);
/// # Ok::<(), auth_layer::ConfigError>(())
/// ```
#[must_use]
pub struct SessionLayer<R = Problem, I = Indexed> {
    config: Arc<Config>,
    auth: AuthLayer<SessionScheme, R>,
    refusal: R,
    index: PhantomData<fn() -> I>,
}

impl SessionLayer {
    /// A layer with all defaults; see [`SessionLayerBuilder`] for what they are.
    #[expect(clippy::missing_panics_doc, reason = "the defaults are tested")]
    pub fn new(backend: impl SessionBackend) -> Self {
        Self::builder(backend)
            .build()
            .expect("the defaults are a working configuration")
    }

    /// Starts a layer with options of your own.
    ///
    /// To keep the backend, pass an `Arc` of it or a [`SharedSessionBackend`].
    pub fn builder(backend: impl SessionBackend) -> SessionLayerBuilder {
        SessionLayerBuilder::new(SharedSessionBackend::new(backend))
    }
}

impl SessionLayer<Problem, Unindexed> {
    /// Starts a layer over a store that was written for tower-sessions.
    ///
    /// The layer is the same, and so are the cookie, the limits, CSRF protection, and that the store
    /// learns no secret: the id of its record is half of the secret's SHA-256. Such a store can do
    /// less than a [`SessionBackend`], so this is for the time until there is one. What it cannot do
    /// is not there: no [`sessions`](SessionLayer::sessions), no `max_sessions`, no `remember_me`, and
    /// handlers get an [`UnindexedSession`](crate::UnindexedSession), which lists and revokes nothing.
    /// [`revocations`](SessionLayerBuilder::revocations) and
    /// [`credential_epochs`](SessionLayerBuilder::credential_epochs) need no index and end all of a
    /// user's sessions nevertheless.
    ///
    /// # Danger
    ///
    /// Such a store changes a record in two steps, reading and writing, with nothing between them that
    /// others respect:
    ///
    /// - A request that began before a logout may save after it, and bring the session back. The
    ///   session's limits, `revocations` and `credential_epochs` still end it.
    /// - Of two changes of data at the same time one may be lost.
    /// - A refresh and a logout at the same time may leave the refreshed session.
    /// - A login that breaks off half-way may have ended the old session only.
    /// - Each change writes the whole record anew. While an upgrade of this crate is rolled out, a
    ///   server of the older version drops from a record what only the newer one knows.
    ///
    /// Sessions that tower-sessions' own layer has made are not taken over.
    ///
    /// ```
    /// use session_layer::SessionLayer;
    /// use tower_sessions::MemoryStore;
    ///
    /// let layer = SessionLayer::danger_unindexed(MemoryStore::default()).build()?;
    /// # let _ = layer;
    /// # Ok::<(), auth_layer::ConfigError>(())
    /// ```
    ///
    /// ```compile_fail,E0599
    /// # use session_layer::SessionLayer;
    /// # use tower_sessions::MemoryStore;
    /// let layer = SessionLayer::danger_unindexed(MemoryStore::default()).build().unwrap();
    /// let sessions = layer.sessions(); // there is no list
    /// ```
    pub fn danger_unindexed(store: impl SessionStore) -> SessionLayerBuilder<Problem, Unindexed> {
        let backend = TowerSessionsBackend(store);
        SessionLayerBuilder::unindexed(SharedSessionBackend::new(backend))
    }
}

impl<R> SessionLayer<R> {
    /// Lists and ends sessions from outside of one; for the application's state.
    #[must_use]
    pub fn sessions(&self) -> Sessions {
        self.config.sessions.clone()
    }
}

impl<R, I> SessionLayer<R, I> {
    /// Refuses, with 403, unsafe requests that another site caused even if nobody is logged in:
    /// for login routes, so that nothing is done for such a request, not even a password checked.
    ///
    /// It goes by the same rules and trusted origins as this layer. See [CSRF](crate#csrf).
    pub fn csrf_layer(&self) -> SameOriginLayer<R>
    where
        R: Clone,
    {
        SameOriginLayer::new(Arc::clone(&self.config.csrf), self.refusal.clone())
    }
}

impl<S, R: Clone, I> Layer<S> for SessionLayer<R, I> {
    type Service = SessionService<Authenticate<SaveSession<S, R>, SessionScheme, R>>;

    fn layer(&self, inner: S) -> Self::Service {
        let inner = SaveSession::new(inner, self.refusal.clone());
        SessionService::new(self.auth.layer(inner), Arc::clone(&self.config))
    }
}

impl<R: Clone, I> Clone for SessionLayer<R, I> {
    fn clone(&self) -> Self {
        Self {
            config: Arc::clone(&self.config),
            auth: self.auth.clone(),
            refusal: self.refusal.clone(),
            index: PhantomData,
        }
    }
}

impl<R, I> fmt::Debug for SessionLayer<R, I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionLayer")
            .field("cookie", &self.config.cookie)
            .field("limits", &self.config.limits)
            .finish_non_exhaustive()
    }
}
