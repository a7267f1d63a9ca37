//! [`SameOriginLayer`]: for routes that must not be reached from other sites even by anonymous
//! requests.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use auth_layer::{Problem, RefusalBody, refusal_response};
use http::{Request, Response};
use pin_project_lite::pin_project;
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
    type Future = SameOriginFuture<S::Future, ResBody>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, req: Request<B>) -> Self::Future {
        let refused = is_unsafe(req.method(), req.headers())
            && self.policy.judge(req.method(), req.uri(), req.headers()) == Cause::Other;
        SameOriginFuture {
            state: if refused {
                State::Refuse {
                    res: Some(refusal_response(&self.refusal, cross_site())),
                }
            } else {
                State::Call {
                    future: self.inner.call(req),
                }
            },
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

pin_project! {
    /// The response of [`SameOrigin`]. It is not boxed.
    pub struct SameOriginFuture<F, B> {
        #[pin]
        state: State<F, B>,
    }
}

pin_project! {
    #[project = StateProj]
    enum State<F, B> {
        Call {
            #[pin]
            future: F,
        },
        Refuse {
            res: Option<Response<B>>,
        },
    }
}

impl<F, B, E> Future for SameOriginFuture<F, B>
where
    F: Future<Output = Result<Response<B>, E>>,
{
    type Output = Result<Response<B>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().state.project() {
            StateProj::Call { future } => future.poll(cx),
            StateProj::Refuse { res } => {
                Poll::Ready(Ok(res.take().expect("polled after completion")))
            }
        }
    }
}

impl<F, B> fmt::Debug for SameOriginFuture<F, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SameOriginFuture").finish_non_exhaustive()
    }
}
