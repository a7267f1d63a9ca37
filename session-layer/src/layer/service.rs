//! The outermost service of [`SessionLayer`](super::SessionLayer).

use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::header::COOKIE;
use http::{HeaderMap, Request};
use tower_service::Service;

use crate::config::Config;
use crate::handle::{RequestSession, SessionHandle};

/// Gives every request a [`SessionHandle`], or an
/// [`UnindexedSession`](crate::UnindexedSession); see [`SessionLayer`](super::SessionLayer).
pub struct SessionService<S> {
    inner: S,
    config: Arc<Config>,
}

impl<S> SessionService<S> {
    pub(super) fn new(inner: S, config: Arc<Config>) -> Self {
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

impl<S, B> Service<Request<B>> for SessionService<S>
where
    S: Service<Request<B>>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut req: Request<B>) -> Self::Future {
        conceal_cookies(req.headers_mut());
        let request = RequestSession::new(Arc::clone(&self.config), &req);
        SessionHandle::new(request).offer(req.extensions_mut());
        self.inner.call(req)
    }
}

/// Also of requests whose session cookie is no good, or is not looked at: it may be misspelt only.
fn conceal_cookies(headers: &mut HeaderMap) {
    let Some(first) = headers.get_mut(COOKIE) else {
        return;
    };
    first.set_sensitive(true);
    if headers.len() == headers.keys_len() {
        return;
    }
    // Not by `entry`, which makes room for one more header even if it finds one.
    for (name, value) in headers.iter_mut() {
        if name == COOKIE {
            value.set_sensitive(true);
        }
    }
}

impl<S: Clone> Clone for SessionService<S> {
    fn clone(&self) -> Self {
        Self {
            inner: self.inner.clone(),
            config: Arc::clone(&self.config),
        }
    }
}

impl<S: fmt::Debug> fmt::Debug for SessionService<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionService")
            .field("inner", &self.inner)
            .finish_non_exhaustive()
    }
}
