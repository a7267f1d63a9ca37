//! The guard as a layer.

use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::request::Parts;
use http::{Extensions, Request, Response};
use tower_layer::Layer;
use tower_service::Service;

use super::login_redirect::see_other;
use super::tenant::TenantFrom;
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
/// | an identity of another tenant, see [`tenant_from`](Self::tenant_from) | 403 `forbidden` |
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

#[derive(Clone)]
struct Rule {
    requirement: Requirement,
    tenant: Option<TenantFrom>,
    redirect: Option<LoginRedirect>,
}

impl RequireAuth {
    /// Requires `requirement`.
    pub fn new(requirement: Requirement) -> Self {
        Self {
            rule: Arc::new(Rule {
                requirement,
                tenant: None,
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
        self.change(|rule| rule.redirect = Some(redirect))
    }

    /// Lets in only who belongs to the tenant that the request is for, whatever the credential is:
    /// the key of one tenant opens nothing of another. `tenant` reads the tenant from the request.
    ///
    /// The name must be that of [`Identity::tenant`](crate::Identity::tenant), byte by byte. A request
    /// without a tenant and an identity without one are answered 403 too. Called again, it replaces.
    ///
    /// - From the host: see [`request_host`](crate::request_host).
    /// - From the path: what it sees of the path is percent-encoded, and within `Router::nest` of
    ///   axum it lacks the prefix; put the guard outside of the nest, or read axum's `OriginalUri`.
    ///
    /// Read the tenant from the same place as the handlers do. It decides nothing but who is turned
    /// away: what is looked up must be looked up within the tenant all the same.
    ///
    #[cfg_attr(feature = "axum", doc = "```")]
    #[cfg_attr(not(feature = "axum"), doc = "```ignore")]
    /// use auth_layer::{RequireAuth, request_host};
    /// # use axum::{Router, routing::get};
    ///
    /// // https://acme.example.com/reports
    /// let by_host = RequireAuth::authenticated().tenant_from(|parts| {
    ///     let name = request_host(parts)?.strip_suffix(".example.com")?;
    ///     Some(name.to_owned())
    /// });
    /// // https://example.com/tenants/acme/reports
    /// let by_path = RequireAuth::authenticated().tenant_from(|parts| {
    ///     let rest = parts.uri.path().strip_prefix("/tenants/")?;
    ///     rest.split('/').next().map(str::to_owned)
    /// });
    /// # let _: Router = Router::new().route("/", get(|| async {})).route_layer(by_host).route_layer(by_path);
    /// ```
    pub fn tenant_from(
        self,
        tenant: impl Fn(&Parts) -> Option<String> + Send + Sync + 'static,
    ) -> Self {
        self.change(|rule| rule.tenant = Some(TenantFrom::new(tenant)))
    }

    fn change(mut self, change: impl FnOnce(&mut Rule)) -> Self {
        change(Arc::make_mut(&mut self.rule));
        self
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

    /// As [`check`](Self::check), and the tenant: before the requirement, because nobody should log
    /// in again only to be told that it is forbidden.
    fn check_with_tenant(&self, tenant: &TenantFrom, parts: &Parts) -> Result<(), AuthError> {
        let (identity, _) = authenticated(&parts.extensions)?;
        tenant
            .check(identity, parts)
            .map_err(|error| error.with_address_of(&parts.extensions))?;
        self.check(&parts.extensions)
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
            .field("tenant", &self.rule.tenant)
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
        let (parts, error) = match &self.rule.tenant {
            None => match self.rule.check(req.extensions()) {
                Ok(()) => return GuardFuture::call(self.inner.call(req)),
                Err(error) => (req.into_parts().0, error),
            },
            Some(tenant) => {
                let (parts, body) = req.into_parts();
                match self.rule.check_with_tenant(tenant, &parts) {
                    Ok(()) => {
                        let req = Request::from_parts(parts, body);
                        return GuardFuture::call(self.inner.call(req));
                    }
                    Err(error) => (parts, error),
                }
            }
        };
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
