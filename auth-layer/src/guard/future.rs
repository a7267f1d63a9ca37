//! The future of a guard: the service's, or a refusal.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use http::Response;
use pin_project_lite::pin_project;

pin_project! {
    /// The response of [`Guard`](super::Guard), and of guards of your own: what the service inside
    /// answers, or a refusal. It is not boxed.
    pub struct GuardFuture<F, B> {
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
            response: Option<Response<B>>,
        },
    }
}

impl<F, B> GuardFuture<F, B> {
    /// Lets the request through: `future` is what the service inside returned.
    pub fn call(future: F) -> Self {
        Self {
            state: State::Call { future },
        }
    }

    /// Answers instead of the service; see [`refusal_response`](crate::refusal_response).
    pub fn refuse(response: Response<B>) -> Self {
        Self {
            state: State::Refuse {
                response: Some(response),
            },
        }
    }
}

impl<F, B, E> Future for GuardFuture<F, B>
where
    F: Future<Output = Result<Response<B>, E>>,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().state.project() {
            StateProj::Call { future } => future.poll(cx),
            StateProj::Refuse { response } => {
                Poll::Ready(Ok(response.take().expect("polled after completion")))
            }
        }
    }
}

impl<F, B> fmt::Debug for GuardFuture<F, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GuardFuture").finish_non_exhaustive()
    }
}
