//! [`SameOriginLayer`]: for routes that must not be reached from other sites even by anonymous
//! requests.

use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll};

use auth_layer::{GuardFuture, Problem, RefusalBody, refusal_response};
use http::{Request, Response};
use tower_layer::Layer;
use tower_service::Service;

use super::{Cause, CsrfPolicy, cross_site, is_unsafe};

/// Refuses, with 403, unsafe requests that another site caused, whoever sends them. Made by
/// [`SessionLayer::csrf_layer`](crate::SessionLayer::csrf_layer), for login routes.
///
/// Requests without `Sec-Fetch-Site` and `Origin`, which no browser of today sends, pass.
#[must_use]
pub struct SameOriginLayer<R = Problem> {
    policy: Arc<CsrfPolicy>,
    refusal: R,
}

impl<R> SameOriginLayer<R> {
    pub(crate) fn new(policy: Arc<CsrfPolicy>, refusal: R) -> Self {
        Self { policy, refusal }
    }
}

impl<S, R: Clone> Layer<S> for SameOriginLayer<R> {
    type Service = SameOrigin<S, R>;

    fn layer(&self, inner: S) -> Self::Service {
        SameOrigin {
            inner,
            policy: Arc::clone(&self.policy),
            refusal: self.refusal.clone(),
        }
    }
}

impl<R: Clone> Clone for SameOriginLayer<R> {
    fn clone(&self) -> Self {
        Self {
            policy: Arc::clone(&self.policy),
            refusal: self.refusal.clone(),
        }
    }
}

impl<R> fmt::Debug for SameOriginLayer<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SameOriginLayer")
            .field("policy", &self.policy)
            .finish_non_exhaustive()
    }
}

/// Refuses what another site caused; see [`SameOriginLayer`].
#[derive(Clone)]
pub struct SameOrigin<S, R = Problem> {
    inner: S,
    policy: Arc<CsrfPolicy>,
    refusal: R,
}

impl<S, R, B, ResBody> Service<Request<B>> for SameOrigin<S, R>
where
    S: Service<Request<B>, Response = Response<ResBody>>,
    R: RefusalBody<ResBody>,
    ResBody: Default,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = GuardFuture<S::Future, ResBody>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, req: Request<B>) -> Self::Future {
        let refused = is_unsafe(req.method(), req.headers())
            && self.policy.judge(true, req.uri(), req.headers()) == Cause::Other;
        if refused {
            GuardFuture::refuse(refusal_response(&self.refusal, cross_site()))
        } else {
            GuardFuture::call(self.inner.call(req))
        }
    }
}

impl<S: fmt::Debug, R> fmt::Debug for SameOrigin<S, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SameOrigin")
            .field("inner", &self.inner)
            .finish_non_exhaustive()
    }
}
