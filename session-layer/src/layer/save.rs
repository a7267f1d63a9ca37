//! The innermost service of [`SessionLayer`](super::SessionLayer).

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use auth_layer::{AuthError, RefusalBody, refusal_response};
use http::{Request, Response};
use pin_project_lite::pin_project;
use tower_service::Service;

use crate::handle::SessionHandle;

/// Gives the request tower-sessions' `Session` and saves it on the way out; see
/// [`SessionLayer`](super::SessionLayer).
///
/// The response waits until the backend has answered, also for the note that the session was used.
/// This crate has no timers: a backend that can hang sets a deadline of its own, or a timeout layer
/// stands around the [`SessionLayer`](super::SessionLayer).
#[derive(Clone)]
pub struct SaveSession<S, R> {
    inner: S,
    refusal: R,
}

impl<S, R> SaveSession<S, R> {
    pub(super) fn new(inner: S, refusal: R) -> Self {
        Self { inner, refusal }
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

impl<S, R, B, ResBody> Service<Request<B>> for SaveSession<S, R>
where
    S: Service<Request<B>, Response = Response<ResBody>>,
    R: RefusalBody<ResBody>,
    ResBody: Default,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = SaveFuture<S::Future, R, ResBody>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut req: Request<B>) -> Self::Future {
        let handle = SessionHandle::of(req.extensions()).cloned();
        if let Some(handle) = &handle {
            req.extensions_mut().insert(handle.data().clone());
        }
        SaveFuture {
            state: State::Call {
                future: self.inner.call(req),
            },
            handle,
            refusal: self.refusal.clone(),
        }
    }
}

impl<S: fmt::Debug, R> fmt::Debug for SaveSession<S, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SaveSession")
            .field("inner", &self.inner)
            .finish_non_exhaustive()
    }
}

pin_project! {
    /// The response of [`SaveSession`]. It is not boxed, unless there is something to save.
    pub struct SaveFuture<F, R, B> {
        #[pin]
        state: State<F, B>,
        handle: Option<SessionHandle>,
        refusal: R,
    }
}

pin_project! {
    #[project = StateProj]
    enum State<F, B> {
        Call {
            #[pin]
            future: F,
        },
        Save {
            future: Pin<Box<dyn Future<Output = Result<(), AuthError>> + Send>>,
            res: Option<Response<B>>,
        },
    }
}

impl<F, R, B, E> Future for SaveFuture<F, R, B>
where
    F: Future<Output = Result<Response<B>, E>>,
    R: RefusalBody<B>,
    B: Default,
{
    type Output = Result<Response<B>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        loop {
            let mut res = match this.state.as_mut().project() {
                StateProj::Call { future } => {
                    let mut res = ready!(future.poll(cx))?;
                    let handle = this.handle.as_ref();
                    if let Some(handle) = handle.filter(|handle| !handle.respond_now(&mut res)) {
                        let future = Box::pin(handle.clone().finish());
                        this.state.set(State::Save {
                            future,
                            res: Some(res),
                        });
                        continue;
                    }
                    return Poll::Ready(Ok(res));
                }
                StateProj::Save { future, res } => {
                    let saved = ready!(future.as_mut().poll(cx));
                    let res = res.take().expect("polled after completion");
                    match saved {
                        Ok(()) => res,
                        // The response is dropped with everything that was to leave with it, but
                        // for the cookie: it names a session that is stored, and the one before it
                        // has ended.
                        Err(error) => refusal_response(this.refusal, error),
                    }
                }
            };
            if let Some(handle) = this.handle.as_ref() {
                handle.request().respond(res.headers_mut());
            }
            return Poll::Ready(Ok(res));
        }
    }
}

impl<F, R, B> fmt::Debug for SaveFuture<F, R, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SaveFuture").finish_non_exhaustive()
    }
}
