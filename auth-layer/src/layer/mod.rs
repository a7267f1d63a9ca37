//! The one layer for every scheme: [`AuthLayer`], [`Authenticate`] and [`ResponseFuture`].

mod future;
mod service;

use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use http::Extensions;
use tower_layer::Layer;

pub use self::future::ResponseFuture;
pub use self::service::Authenticate;
use crate::refusal::Problem;
use crate::{
    AuthError, AuthErrorKind, ConflictPolicy, Event, Events, Identity, Scheme, SharedClock,
};

/// Authenticates requests with one [`Scheme`], or a tuple of them.
///
/// 1. A request without a credential passes through anonymous, so layers stack and public routes
///    stay public. Add [`RequireAuth`](crate::RequireAuth) where an identity is needed.
/// 2. A good credential puts an [`Identity`](crate::Identity) into the request's extensions.
/// 3. A bad credential is answered here, never passed on as anonymous.
/// 4. A credential that could not be checked is answered 503.
///
/// Whoever inside answers 401 with an [`AuthError`](crate::AuthError) in the extensions of the
/// response, as guards and extractors do, gets this layer's challenges added on the way out.
/// A 401 from elsewhere, such as a proxied one, is left alone.
///
/// # Where to put it
///
/// With axum, `Router::layer` boxes the service once for each call. Several schemes in one tuple
/// cost one boxing, and so do several layers in one `tower::ServiceBuilder`.
///
/// ```
/// use auth_layer::{AuthError, AuthLayer, Identity, scheme_fn};
/// use axum::{Router, routing::get};
///
/// let tickets = scheme_fn(
///     "ticket",
///     |parts| Ok(parts.headers.get("x-ticket").cloned()),
///     |ticket| async move {
///         let good = ticket == "admit-one";
///         good.then(|| Identity::new("ticket", "visitor")).ok_or(AuthError::invalid("unknown_ticket"))
///     },
/// );
/// let app: Router = Router::new()
///     .route("/", get(|| async { "hello" }))
///     .layer(AuthLayer::new(tickets));
/// # let _ = app;
/// ```
#[must_use]
pub struct AuthLayer<A, R = Problem> {
    config: Arc<Config<A, R>>,
}

pub(crate) struct Config<A, R> {
    pub(crate) scheme: Arc<A>,
    pub(crate) policy: ConflictPolicy,
    pub(crate) refuse_unclaimed: bool,
    pub(crate) events: Events,
    pub(crate) clock: SharedClock,
    pub(crate) refusal: R,
}

impl<A: Scheme> AuthLayer<A> {
    /// A layer for `scheme`, with [`ConflictPolicy::Agree`] and problem details as bodies.
    pub fn new(scheme: A) -> Self {
        Self {
            config: Arc::new(Config {
                scheme: Arc::new(scheme),
                policy: ConflictPolicy::default(),
                refuse_unclaimed: false,
                events: Events::default(),
                clock: SharedClock::system(),
                refusal: Problem,
            }),
        }
    }
}

impl<A, R: Clone> AuthLayer<A, R> {
    /// What to do with several credentials on one request. Default: [`ConflictPolicy::Agree`].
    ///
    /// Between stacked layers it is the inner layer's policy that counts.
    pub fn on_conflict(self, policy: ConflictPolicy) -> Self {
        self.change(|config| config.policy = policy)
    }

    /// Refuses requests whose `Authorization` header no scheme has claimed, with 401, instead of
    /// passing them on anonymous. Default: off, so that a layer further in can claim it.
    ///
    /// Switch it on in the innermost layer, or the only one: then a misspelt or unsupported scheme
    /// is told to the client on public routes too.
    pub fn refuse_unclaimed(self) -> Self {
        self.change(|config| config.refuse_unclaimed = true)
    }

    /// Where events go. Default: `tracing`, if that feature is on.
    pub fn events(self, events: Events) -> Self {
        self.change(|config| config.events = events)
    }

    /// The clock that guards and extractors further in go by. Default: the system's.
    pub fn clock(self, clock: impl Into<SharedClock>) -> Self {
        let clock = clock.into();
        self.change(|config| config.clock = clock)
    }

    /// Another body for refusals: [`EmptyBody`](crate::EmptyBody), or a closure from `&AuthError`
    /// to a response. Status and challenges are set afterwards. A closure also replaces the bodies
    /// of refusals that guards, extractors and handlers further in have made.
    ///
    /// ```
    /// use auth_layer::{AuthError, AuthLayer};
    /// use axum::{body::Body, http::Response};
    /// # use auth_layer::{Identity, scheme_fn};
    /// # let scheme = scheme_fn("x", |_| Ok(None::<()>), |()| async { Ok(Identity::new("x", "y")) });
    ///
    /// let layer = AuthLayer::new(scheme).with_refusal(|error: &AuthError| {
    ///     Response::new(Body::from(format!("Sorry: {}", error.code())))
    /// });
    /// # let _ = layer;
    /// ```
    pub fn with_refusal<R2>(self, refusal: R2) -> AuthLayer<A, R2> {
        let config = self.config;
        AuthLayer {
            config: Arc::new(Config {
                scheme: Arc::clone(&config.scheme),
                policy: config.policy,
                refuse_unclaimed: config.refuse_unclaimed,
                events: config.events.clone(),
                clock: config.clock.clone(),
                refusal,
            }),
        }
    }

    fn change(mut self, change: impl FnOnce(&mut Config<A, R>)) -> Self
    where
        R: Clone,
    {
        change(Arc::make_mut(&mut self.config));
        self
    }
}

impl<A, R: Clone> Clone for Config<A, R> {
    fn clone(&self) -> Self {
        Self {
            scheme: Arc::clone(&self.scheme),
            policy: self.policy,
            refuse_unclaimed: self.refuse_unclaimed,
            events: self.events.clone(),
            clock: self.clock.clone(),
            refusal: self.refusal.clone(),
        }
    }
}

impl<S, A, R> Layer<S> for AuthLayer<A, R> {
    type Service = Authenticate<S, A, R>;

    fn layer(&self, inner: S) -> Self::Service {
        Authenticate::new(inner, Arc::clone(&self.config))
    }
}

impl<A, R> Clone for AuthLayer<A, R> {
    fn clone(&self) -> Self {
        Self {
            config: Arc::clone(&self.config),
        }
    }
}

impl<A: Scheme, R> fmt::Debug for AuthLayer<A, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthLayer")
            .field("scheme", &self.config.scheme.name())
            .field("on_conflict", &self.config.policy)
            .finish_non_exhaustive()
    }
}

/// In the extensions of a request in which an [`AuthLayer`] has found nobody. It tells "nobody is
/// logged in" from "the layer was forgotten".
#[derive(Clone, Copy, Debug)]
pub(crate) struct Visited;

/// In the extensions of a request whose identity came from elsewhere while there is an
/// `Authorization` header that no layer has claimed yet. Such requests are rare, so it is they that
/// are marked.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AuthorizationUnclaimed;

/// Whether an [`AuthLayer`] has seen the request and found nobody.
pub(crate) fn is_visited(extensions: &Extensions) -> bool {
    extensions.get::<Visited>().is_some()
}

/// The identity that a layer has proved, and the clock to judge it by.
///
/// # Errors
///
/// `Missing` if nobody is logged in, `Misconfigured` if no layer ran: that is logged here, because
/// there is no layer to do it.
pub(crate) fn authenticated(
    extensions: &Extensions,
) -> Result<(&Identity, impl Fn() -> SystemTime + '_), AuthError> {
    if let Some(identity) = extensions.get::<Identity>() {
        return Ok((identity, || {
            let clock = extensions.get::<SharedClock>();
            clock.map_or_else(SystemTime::now, SharedClock::now)
        }));
    }
    let error = if is_visited(extensions) {
        AuthError::missing()
    } else {
        no_layer()
    };
    Err(error.with_address_of(extensions))
}

#[cold]
fn no_layer() -> AuthError {
    let mut error = AuthError::new(AuthErrorKind::Misconfigured, "no_auth_layer").with_source(
        "no `AuthLayer` ran before this guard or extractor: add `.layer(AuthLayer::new(..))` to the \
         router, after its routes and outside of every `RequireAuth`",
    );
    error.claim_record();
    Events::default().record(&Event::refused(&error));
    error
}
