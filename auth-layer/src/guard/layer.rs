//! The guard as a layer.

use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::request::Parts;
use http::{Extensions, Request, Response};
use tower_layer::Layer;
use tower_service::Service;

use super::login_redirect::see_other;
use super::{GuardFuture, LoginRedirect, Requirement};
use crate::layer::authenticated;
use crate::refusal::{Problem, RefusalBody, is_grpc, refuse};
use crate::{AuthError, AuthErrorKind};

/// Turns away requests without an identity, or whose identity does not meet a [`Requirement`].
///
/// It goes inside of the [`AuthLayer`](crate::AuthLayer) and onto routes: with axum, use
/// `Router::route_layer` or `MethodRouter::layer`, so that unknown paths stay 404. There is no
/// list of paths to exempt; a route that should be public has no guard.
///
/// | the request | the answer |
/// |---|---|
/// | nobody logged in | 401 with every layer's challenge, or 303 to the login page if asked for |
/// | an identity that may not | 403 `forbidden` or `insufficient_scope` |
/// | an identity that must prove itself again | 401 `insufficient_user_authentication` (RFC 9470) |
/// | no `AuthLayer` ran | 500; the log says how to mend it |
///
#[cfg_attr(feature = "axum", doc = "```")]
#[cfg_attr(not(feature = "axum"), doc = "```ignore")]
/// use auth_layer::{Identity, RequireAuth};
/// use axum::{Router, routing::get};
/// # use auth_layer::{AuthLayer, scheme_fn};
/// # let scheme = scheme_fn("x", |_| Ok(None::<()>), |()| async { Ok(Identity::new("x", "y")) });
///
/// let app: Router = Router::new()
///     .route("/admin", get(|who: Identity| async move { format!("hello {}", who.subject()) }))
///     .route_layer(RequireAuth::role("admin"))
///     .route("/", get(|| async { "everybody is welcome" }))
///     .layer(AuthLayer::new(scheme));
/// # let _ = app;
/// ```
#[derive(Clone)]
#[must_use]
pub struct RequireAuth<R = Problem> {
    rule: Arc<Rule>,
    refusal: R,
}

struct Rule {
    requirement: Requirement,
    redirect: Option<LoginRedirect>,
}

impl RequireAuth {
    /// Requires `requirement`.
    pub fn new(requirement: Requirement) -> Self {
        Self {
            rule: Arc::new(Rule {
                requirement,
                redirect: None,
            }),
            refusal: Problem,
        }
    }

    /// Requires any identity.
    pub fn authenticated() -> Self {
        Self::new(Requirement::authenticated())
    }

    /// Requires every scope in a space-separated list; see [`Requirement::scope`].
    ///
    /// # Panics
    ///
    /// Panics if the text is empty or not a list of scopes.
    pub fn scope(scopes: &str) -> Self {
        Self::new(Requirement::scope(scopes))
    }

    /// Requires a role.
    pub fn role(role: impl Into<Box<str>>) -> Self {
        Self::new(Requirement::role(role))
    }
}

impl<R> RequireAuth<R> {
    /// Sends browsers to a login page instead of answering 401. Default: off.
    pub fn redirect(self, redirect: LoginRedirect) -> Self {
        Self {
            rule: Arc::new(Rule {
                requirement: self.rule.requirement.clone(),
                redirect: Some(redirect),
            }),
            refusal: self.refusal,
        }
    }

    /// Another body for refusals; see [`AuthLayer::with_refusal`](crate::AuthLayer::with_refusal),
    /// which covers guards too.
    pub fn with_refusal<R2>(self, refusal: R2) -> RequireAuth<R2> {
        RequireAuth {
            rule: self.rule,
            refusal,
        }
    }
}

impl Rule {
    fn check(&self, extensions: &Extensions) -> Result<(), AuthError> {
        let (identity, now) = authenticated(extensions)?;
        self.requirement
            .check(identity, now())
            .map_err(|error| error.with_address_of(extensions))
    }

    /// What to answer with instead of an error.
    fn redirect(&self, parts: &Parts, error: &AuthError) -> Option<http::HeaderValue> {
        match error.kind() {
            AuthErrorKind::Missing | AuthErrorKind::InsufficientAuthentication => {
                self.redirect.as_ref()?.location(parts)
            }
            _ => None,
        }
    }
}

impl<S, R: Clone> Layer<S> for RequireAuth<R> {
    type Service = Guard<S, R>;

    fn layer(&self, inner: S) -> Self::Service {
        Guard {
            inner,
            rule: Arc::clone(&self.rule),
            refusal: self.refusal.clone(),
        }
    }
}

impl<R> fmt::Debug for RequireAuth<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequireAuth")
            .field("requirement", &self.rule.requirement)
            .field("redirect", &self.rule.redirect)
            .finish_non_exhaustive()
    }
}

/// Guards a service; see [`RequireAuth`].
#[derive(Clone)]
pub struct Guard<S, R = Problem> {
    inner: S,
    rule: Arc<Rule>,
    refusal: R,
}

impl<S, R, B, ResBody> Service<Request<B>> for Guard<S, R>
where
    R: RefusalBody<ResBody>,
    S: Service<Request<B>, Response = Response<ResBody>>,
    ResBody: Default,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = GuardFuture<S::Future, ResBody>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, req: Request<B>) -> Self::Future {
        let Err(error) = self.rule.check(req.extensions()) else {
            return GuardFuture::call(self.inner.call(req));
        };
        let (parts, _) = req.into_parts();
        GuardFuture::refuse(match self.rule.redirect(&parts, &error) {
            Some(location) => see_other(location, error),
            None => {
                let grpc = is_grpc(&parts.method, parts.version, &parts.headers);
                refuse(&self.refusal, error, grpc)
            }
        })
    }
}

impl<S: fmt::Debug, R> fmt::Debug for Guard<S, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guard")
            .field("inner", &self.inner)
            .field("requirement", &self.rule.requirement)
            .finish_non_exhaustive()
    }
}
