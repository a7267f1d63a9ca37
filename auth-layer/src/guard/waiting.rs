//! The future of a guard that has to wait before it decides.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::{Request, Response};
use pin_project_lite::pin_project;
use tower_service::Service;

use crate::refusal::{is_grpc, refuse};
use crate::{AuthError, RefusalBody, ResponseHeaders};

/// What a guard that waits has decided.
#[derive(Debug)]
pub struct Decision {
    /// Whether the request goes on; if not, the error to refuse it with.
    pub outcome: Result<(), AuthError>,
    /// What the response says besides, whoever makes it.
    pub headers: ResponseHeaders,
}

impl From<Result<(), AuthError>> for Decision {
    fn from(outcome: Result<(), AuthError>) -> Self {
        Self {
            outcome,
            headers: ResponseHeaders::none(),
        }
    }
}

type Deciding = Pin<Box<dyn Future<Output = Decision> + Send>>;

pin_project! {
    /// The response of a guard that waits for something, such as a store, before it lets a request
    /// through; for guards of your own too. [`GuardFuture`](super::GuardFuture) is for those that
    /// know at once.
    pub struct WaitingGuardFuture<S, B, R>
    where
        S: Service<Request<B>>,
    {
        #[pin]
        state: State<S, B>,
        refusal: R,
        grpc: bool,
        headers: ResponseHeaders,
    }
}

pin_project! {
    #[project = StateProj]
    enum State<S, B>
    where
        S: Service<Request<B>>,
    {
        Decide {
            deciding: Deciding,
            next: Option<(S, Request<B>)>,
        },
        Call {
            #[pin]
            future: S::Future,
        },
    }
}

impl<S, B, R> WaitingGuardFuture<S, B, R>
where
    S: Service<Request<B>>,
{
    /// Gives `req` to `inner`, which is ready, once `deciding` says so. Otherwise `refusal` answers,
    /// and `req` is dropped.
    pub fn decide(
        deciding: impl Future<Output = Decision> + Send + 'static,
        inner: S,
        req: Request<B>,
        refusal: R,
    ) -> Self {
        Self {
            grpc: is_grpc(req.method(), req.version(), req.headers()),
            state: State::Decide {
                deciding: Box::pin(deciding),
                next: Some((inner, req)),
            },
            refusal,
            headers: ResponseHeaders::none(),
        }
    }

    /// Lets a request through about which there is nothing to decide: `future` is what the service
    /// inside returned.
    pub fn call(future: S::Future, refusal: R) -> Self {
        Self {
            grpc: false,
            state: State::Call { future },
            refusal,
            headers: ResponseHeaders::none(),
        }
    }
}

impl<S, B, R, ResBody> Future for WaitingGuardFuture<S, B, R>
where
    S: Service<Request<B>, Response = Response<ResBody>>,
    R: RefusalBody<ResBody>,
    ResBody: Default,
{
    type Output = Result<S::Response, S::Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        loop {
            let state = match this.state.as_mut().project() {
                StateProj::Decide { deciding, next } => {
                    let decision = ready!(deciding.as_mut().poll(cx));
                    let (mut inner, req) = next.take().expect("polled after completion");
                    *this.headers = decision.headers;
                    if let Err(error) = decision.outcome {
                        let mut res = refuse(this.refusal, error, *this.grpc);
                        this.headers.write(res.headers_mut());
                        return Poll::Ready(Ok(res));
                    }
                    State::Call {
                        future: inner.call(req),
                    }
                }
                StateProj::Call { future } => {
                    let mut res = ready!(future.poll(cx))?;
                    this.headers.write(res.headers_mut());
                    return Poll::Ready(Ok(res));
                }
            };
            this.state.set(state);
        }
    }
}

impl<S, B, R> fmt::Debug for WaitingGuardFuture<S, B, R>
where
    S: Service<Request<B>>,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WaitingGuardFuture").finish_non_exhaustive()
    }
}
