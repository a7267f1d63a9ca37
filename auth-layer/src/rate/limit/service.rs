//! The limit as a layer.

use std::fmt;
use std::mem;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::{Request, Response};
use tower_layer::Layer;
use tower_service::Service;

use super::{RateLimit, Rule, client};
use crate::guard::WaitingGuardFuture;
use crate::{Problem, RefusalBody};

impl<S, R: Clone> Layer<S> for RateLimit<R> {
    type Service = RateLimitService<S, R>;

    fn layer(&self, inner: S) -> Self::Service {
        RateLimitService {
            inner,
            rule: Arc::clone(&self.rule),
            refusal: self.refusal.clone(),
        }
    }
}

/// Counts requests before it lets them through; see [`RateLimit`].
#[derive(Clone)]
pub struct RateLimitService<S, R = Problem> {
    inner: S,
    rule: Arc<Rule>,
    refusal: R,
}

impl<S, R, B, ResBody> Service<Request<B>> for RateLimitService<S, R>
where
    R: RefusalBody<ResBody>,
    S: Service<Request<B>, Response = Response<ResBody>> + Clone,
    ResBody: Default,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = WaitingGuardFuture<S, B, R>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, req: Request<B>) -> Self::Future {
        let (parts, body) = req.into_parts();
        let charge = (self.rule.charge)(&parts);
        let client = client(&parts.extensions);
        let req = Request::from_parts(parts, body);
        let Some(charge) = charge else {
            return WaitingGuardFuture::call(self.inner.call(req), self.refusal.clone());
        };
        // `poll_ready` was asked of this one: the clone is for the next request.
        let clone = self.inner.clone();
        let inner = mem::replace(&mut self.inner, clone);
        let rule = Arc::clone(&self.rule);
        let deciding = async move { rule.take(charge, client).await };
        WaitingGuardFuture::decide(deciding, inner, req, self.refusal.clone())
    }
}

impl<S: fmt::Debug, R> fmt::Debug for RateLimitService<S, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RateLimitService")
            .field("inner", &self.inner)
            .field("rule", &self.rule.name)
            .finish_non_exhaustive()
    }
}
