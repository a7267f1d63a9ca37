//! The service that [`AuthLayer`](super::AuthLayer) makes.

use std::fmt;
use std::mem;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::header::AUTHORIZATION;
use http::request::Parts;
use http::{Request, Response};
use tower_service::Service;

use super::future::{ResponseFuture, State};
use super::{AuthorizationUnclaimed, Config, Visited};
use crate::authorization::at_most_one;
use crate::refusal::{RefusalBody, is_grpc};
use crate::{
    AuthError, AuthErrorKind, ConflictPolicy, Identity, ResponseHeaders, Scheme, SharedClock,
    Verdict,
};

/// Authenticates requests; see [`AuthLayer`](super::AuthLayer).
pub struct Authenticate<S, A, R> {
    inner: S,
    config: Arc<Config<A, R>>,
}

impl<S, A, R> Authenticate<S, A, R> {
    pub(super) fn new(inner: S, config: Arc<Config<A, R>>) -> Self {
        Self { inner, config }
    }

    /// The service inside.
    pub fn get_ref(&self) -> &S {
        &self.inner
    }

    /// The service inside.
    pub fn get_mut(&mut self) -> &mut S {
        &mut self.inner
    }

    /// The service inside.
    pub fn into_inner(self) -> S {
        self.inner
    }
}

impl<A: Scheme, R> Config<A, R> {
    /// What this layer has to check: a credential, or nothing.
    fn extract(&self, parts: &mut Parts) -> Result<Option<A::Credential>, AuthError> {
        at_most_one(&parts.headers)?;
        if self.policy == ConflictPolicy::FirstWins && parts.extensions.get::<Identity>().is_some()
        {
            return Ok(None);
        }
        let found = match self.scheme.extract(parts) {
            Err(error) if error.kind() == AuthErrorKind::Absent => Ok(None),
            found => found.map_err(|error| error.with_scheme(self.scheme.name())),
        };
        if !matches!(found, Ok(None)) {
            self.scheme.conceal(&mut parts.headers);
        }
        let found = found?;

        let claimed = found
            .as_ref()
            .is_some_and(|found| self.scheme.claims_authorization(found));
        if claimed {
            parts.extensions.remove::<AuthorizationUnclaimed>();
        } else if (found.is_some() || self.refuse_unclaimed)
            && let Some(value) = parts.headers.get_mut(AUTHORIZATION)
        {
            // Whoever proved an identity further out has claimed the header, or has marked the
            // request because it did not.
            let by_others = parts.extensions.get::<Identity>().is_some()
                && parts.extensions.get::<AuthorizationUnclaimed>().is_none();
            if !by_others {
                if self.refuse_unclaimed {
                    value.set_sensitive(true);
                    return Err(AuthError::invalid("unsupported_scheme"));
                }
                parts.extensions.insert(AuthorizationUnclaimed);
            }
        }
        Ok(found)
    }
}

impl<S, A, R, B, ResBody> Service<Request<B>> for Authenticate<S, A, R>
where
    A: Scheme,
    R: RefusalBody<ResBody>,
    S: Service<Request<B>, Response = Response<ResBody>> + Clone,
    ResBody: Default,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = ResponseFuture<S, A, R, B>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, req: Request<B>) -> Self::Future {
        let grpc = is_grpc(req.method(), req.version(), req.headers());
        let (mut parts, body) = req.into_parts();
        if !self.config.clock.is_system() {
            parts
                .extensions
                .insert::<SharedClock>(self.config.clock.clone());
        }
        let config = Arc::clone(&self.config);
        // Each arm makes its future where it is returned: a request is large to move.
        let admitted = match config.extract(&mut parts) {
            Ok(None) => {
                parts.extensions.insert(Visited);
                Ok(ResponseHeaders::none())
            }
            Ok(Some(credential)) => match config.scheme.verify_now(credential) {
                Verdict::Now(result) => config.admit(result, &mut parts.extensions),
                Verdict::Wait(credential) => {
                    // `poll_ready` reserved this instance, not a clone of it: take this one.
                    let clone = self.inner.clone();
                    let inner = mem::replace(&mut self.inner, clone);
                    let future = config.scheme.verify_under(credential, config.policy);
                    let next = Some((inner, Request::from_parts(parts, body)));
                    return ResponseFuture::new(State::Verify { future, next }, config, grpc);
                }
            },
            Err(error) => Err(error),
        };
        match admitted {
            Ok(headers) => {
                let future = self.inner.call(Request::from_parts(parts, body));
                ResponseFuture::new(State::Call { future }, config, grpc).with_headers(headers)
            }
            Err(error) => {
                let error = Some(error.with_address_of(&parts.extensions));
                ResponseFuture::new(State::Refuse { error }, config, grpc)
            }
        }
    }
}

impl<S: Clone, A, R> Clone for Authenticate<S, A, R> {
    fn clone(&self) -> Self {
        Self {
            inner: self.inner.clone(),
            config: Arc::clone(&self.config),
        }
    }
}

impl<S: fmt::Debug, A: Scheme, R> fmt::Debug for Authenticate<S, A, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authenticate")
            .field("inner", &self.inner)
            .field("scheme", &self.config.scheme.name())
            .finish_non_exhaustive()
    }
}
