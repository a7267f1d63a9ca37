//! Turning clients away before the body of their request is read.

use std::fmt;
use std::mem;
use std::task::{Context, Poll};

use auth_layer::{ClientAddress, Decision, Problem, RefusalBody, WaitingGuardFuture};
use http::{Request, Response};
use tower_layer::Layer;
use tower_service::Service;

use super::AttemptLimits;

/// Turns away clients that have no budget left, with 429 and `Retry-After`, and reads nothing of
/// their request but its head. Made by [`AttemptLimits::layer`].
///
/// Put it on the routes that take a password, inside of the
/// [`ClientAddressLayer`](auth_layer::ClientAddressLayer), without which all clients are one. It
/// records its own events, so it belongs outside of an [`AuthLayer`](auth_layer::AuthLayer).
///
/// ```
/// use auth_layer::MemoryRateCounters;
/// use login::attempts::AttemptLimits;
/// use tower::ServiceBuilder;
///
/// # fn main() -> Result<(), auth_layer::ConfigError> {
/// let limits = AttemptLimits::new("10/m/ip,5/5m/account", MemoryRateCounters::new())?;
/// let layers = ServiceBuilder::new().layer(limits.layer()); // .route("/login", post(log_in).layer(layers))
/// # let _ = layers;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
#[must_use]
pub struct AttemptLimitLayer<R = Problem> {
    limits: AttemptLimits,
    refusal: R,
}

impl AttemptLimitLayer {
    pub(super) fn new(limits: AttemptLimits) -> Self {
        Self {
            limits,
            refusal: Problem,
        }
    }

    /// Another body for refusals. Default: [`Problem`].
    pub fn with_refusal<R>(self, refusal: R) -> AttemptLimitLayer<R> {
        AttemptLimitLayer {
            limits: self.limits,
            refusal,
        }
    }
}

impl<S, R: Clone> Layer<S> for AttemptLimitLayer<R> {
    type Service = AttemptLimitService<S, R>;

    fn layer(&self, inner: S) -> Self::Service {
        AttemptLimitService {
            inner,
            limits: self.limits.clone(),
            refusal: self.refusal.clone(),
        }
    }
}

impl<R> fmt::Debug for AttemptLimitLayer<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AttemptLimitLayer")
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

/// Turns away clients that have no budget left; see [`AttemptLimitLayer`].
#[derive(Clone)]
pub struct AttemptLimitService<S, R = Problem> {
    inner: S,
    limits: AttemptLimits,
    refusal: R,
}

impl<S, R, B, ResBody> Service<Request<B>> for AttemptLimitService<S, R>
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
        let client = req.extensions().get::<ClientAddress>().copied();
        let client = client.unwrap_or_else(ClientAddress::unknown);
        let limits = self.limits.clone();
        // `poll_ready` was asked of this one: the clone is for the next request.
        let clone = self.inner.clone();
        let inner = mem::replace(&mut self.inner, clone);
        let looking = async move { Decision::from(limits.peek(client).await) };
        WaitingGuardFuture::decide(looking, inner, req, self.refusal.clone())
    }
}

impl<S: fmt::Debug, R> fmt::Debug for AttemptLimitService<S, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AttemptLimitService")
            .field("inner", &self.inner)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}
