//! The future that [`Authenticate`](super::Authenticate) returns.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use http::{Extensions, Request, Response, StatusCode};
use pin_project_lite::pin_project;
use tower_service::Service;

use super::{Config, Visited};
use crate::refusal::{RefusalBody, into_grpc, refuse, replace_body};
use crate::scheme::{check_agreement, multiple_credentials};
use crate::{
    AuthError, AuthErrorKind, ClientAddress, ConflictPolicy, Event, Identity, ResponseHeaders,
    Scheme,
};

pin_project! {
    /// The response of [`Authenticate`](super::Authenticate). It is not boxed.
    pub struct ResponseFuture<S, A, R, B>
    where
        S: Service<Request<B>>,
        A: Scheme,
    {
        #[pin]
        state: State<S, A, B>,
        config: Arc<Config<A, R>>,
        grpc: bool,
        headers: ResponseHeaders,
    }
}

pin_project! {
    #[project = StateProj]
    pub(super) enum State<S, A, B>
    where
        S: Service<Request<B>>,
        A: Scheme,
    {
        Verify {
            #[pin]
            future: A::Future,
            next: Option<(S, Request<B>)>,
        },
        Call {
            #[pin]
            future: S::Future,
        },
        Refuse {
            error: Option<AuthError>,
        },
    }
}

impl<S, A, R, B> ResponseFuture<S, A, R, B>
where
    S: Service<Request<B>>,
    A: Scheme,
{
    pub(super) fn new(state: State<S, A, B>, config: Arc<Config<A, R>>, grpc: bool) -> Self {
        Self {
            state,
            config,
            grpc,
            headers: ResponseHeaders::none(),
        }
    }

    /// Adds headers to the response, whatever its status.
    pub(super) fn with_headers(mut self, headers: ResponseHeaders) -> Self {
        self.headers = headers;
        self
    }
}

impl<A: Scheme, R> Config<A, R> {
    /// Puts what was proved into the request, or says why it may not go on. What is returned goes
    /// into the response.
    pub(super) fn admit(
        &self,
        result: Result<Identity, AuthError>,
        extensions: &mut Extensions,
    ) -> Result<ResponseHeaders, AuthError> {
        let identity = match result {
            Err(error) if error.kind() == AuthErrorKind::Absent => {
                extensions.insert(Visited);
                return Ok(ResponseHeaders::none());
            }
            result => result.map_err(|error| error.with_scheme(self.scheme.name()))?,
        };
        let headers = self.scheme.response_headers(&identity);
        let address = extensions.get::<ClientAddress>();
        match extensions.get::<Identity>() {
            // An identity is never overwritten: the outermost layer's stays.
            Some(_) if self.policy == ConflictPolicy::RefuseMultiple => {
                return Err(multiple_credentials());
            }
            Some(first) => check_agreement(first, &identity)?,
            None => {
                let mut event = Event::authenticated(&identity);
                event.address = address.and_then(ClientAddress::ip);
                self.events.record(&event);
                extensions.insert(identity);
            }
        }
        Ok(headers)
    }

    /// Adds this layer's part to a refusal, whoever refused.
    #[cold]
    fn complete<B: Default>(&self, mut res: Response<B>, grpc: bool, is_own: bool) -> Response<B>
    where
        R: RefusalBody<B>,
    {
        let Some(error) = res.extensions_mut().get_mut::<AuthError>() else {
            return res;
        };
        if error.claim_record() {
            self.events.record(&Event::refused(error));
        }
        let own = error
            .scheme()
            .is_some_and(|scheme| self.scheme.answers_for(scheme));
        let asks = match error.kind() {
            // RFC 6750 section 3.1: the scheme that the identity came by says what scope it needs.
            AuthErrorKind::InsufficientScope => own && self.scheme.explains_missing_scope(),
            kind => kind.status() == StatusCode::UNAUTHORIZED,
        };
        if asks && !res.status().is_redirection() {
            let error = res.extensions().get::<AuthError>();
            let challenges = self.scheme.challenge(error.filter(|_| own));
            challenges.write(res.headers_mut());
        }
        if is_own || res.status().is_redirection() {
            res
        } else if grpc {
            into_grpc(res)
        } else if R::REPLACES_INNER {
            replace_body(&self.refusal, res)
        } else {
            res
        }
    }
}

impl<S, A, R, B, ResBody> Future for ResponseFuture<S, A, R, B>
where
    A: Scheme,
    R: RefusalBody<ResBody>,
    S: Service<Request<B>, Response = Response<ResBody>>,
    ResBody: Default,
{
    type Output = Result<S::Response, S::Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let (mut res, is_own) = loop {
            let state = match this.state.as_mut().project() {
                StateProj::Verify { future, next } => {
                    let result = ready!(future.poll(cx));
                    let (mut inner, mut req) = next.take().expect("polled after completion");
                    match this.config.admit(result, req.extensions_mut()) {
                        Ok(headers) => {
                            *this.headers = headers;
                            State::Call {
                                future: inner.call(req),
                            }
                        }
                        Err(error) => State::Refuse {
                            error: Some(error.with_address_of(req.extensions())),
                        },
                    }
                }
                StateProj::Call { future } => break (ready!(future.poll(cx))?, false),
                StateProj::Refuse { error } => {
                    let error = error.take().expect("polled after completion");
                    break (refuse(&this.config.refusal, error, *this.grpc), true);
                }
            };
            this.state.set(state);
        };
        this.headers.write(res.headers_mut());
        Poll::Ready(Ok(if res.extensions().is_empty() {
            res
        } else {
            this.config.complete(res, *this.grpc, is_own)
        }))
    }
}

impl<S, A, R, B> fmt::Debug for ResponseFuture<S, A, R, B>
where
    S: Service<Request<B>>,
    A: Scheme,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}
