//! The layer that does nothing: what mounting any layer costs.

use std::task::{Context, Poll};

use tower::{Layer, Service};

#[derive(Clone, Copy)]
pub(crate) struct NoOp;

impl<S> Layer<S> for NoOp {
    type Service = PassThrough<S>;

    fn layer(&self, inner: S) -> PassThrough<S> {
        PassThrough(inner)
    }
}

#[derive(Clone)]
pub(crate) struct PassThrough<S>(S);

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
