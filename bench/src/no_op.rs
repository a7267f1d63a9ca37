//! Layers that do nothing: what mounting any layer costs.

use std::sync::Arc;
use std::task::{Context, Poll};

use axum::http::Request;
use tower::{Layer, Service};

#[derive(Clone, Copy)]
pub struct NoOp;

impl<S> Layer<S> for NoOp {
    type Service = PassThrough<S>;

    fn layer(&self, inner: S) -> PassThrough<S> {
        PassThrough(inner)
    }
}

#[derive(Clone)]
pub struct PassThrough<S>(S);

impl<S: Service<R>, R> Service<R> for PassThrough<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, request: R) -> S::Future {
        self.0.call(request)
    }
}

/// A layer that has something to hold, as every layer with a configuration, and may say in the
/// request's extensions that it was there, as every layer whose absence has to be noticed.
#[derive(Clone)]
pub(crate) struct Holding {
    #[expect(
        dead_code,
        reason = "to be cloned for every request is all that it does"
    )]
    held: Arc<()>,
    marks: bool,
}

impl Holding {
    pub(crate) fn new(marks: bool) -> Self {
        Self {
            held: Arc::new(()),
            marks,
        }
    }
}

impl<S> Layer<S> for Holding {
    type Service = Hold<S>;

    fn layer(&self, inner: S) -> Hold<S> {
        Hold {
            inner,
            holding: self.clone(),
        }
    }
}

#[derive(Clone)]
pub(crate) struct Hold<S> {
    inner: S,
    holding: Holding,
}

#[derive(Clone)]
struct Mark;

impl<S: Service<Request<B>>, B> Service<Request<B>> for Hold<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> S::Future {
        if self.holding.marks {
            request.extensions_mut().insert(Mark);
        }
        self.inner.call(request)
    }
}
