//! What mounting a layer costs, whatever it does.

use std::rc::Rc;

use axum::extract::Request;
use axum::middleware::{Next, from_fn};
use axum::routing::get;
use axum::{Router, response::Response};
use tower::{Layer as _, ServiceBuilder};

use super::request;
use crate::harness::{Contender, Section};
use crate::no_op::{Holding, NoOp};

async fn pass(request: Request, next: Next) -> Response {
    next.run(request).await
}

pub(super) fn section() -> Section {
    let bare = || Router::new().route("/me", get(|| async { "hello" }));
    let three = ServiceBuilder::new().layer(NoOp).layer(NoOp).layer(NoOp);
    Section {
        title: "Layers that do nothing",
        steady: true,
        request: Rc::new(|| request(None)),
        contenders: vec![
            Contender::router("bare router", bare()),
            Contender::router("no-op layer", bare().layer(NoOp)),
            Contender::router("no-op layer on the route", bare().route_layer(NoOp)),
            Contender::router(
                "layer that holds an `Arc`",
                bare().layer(Holding::new(false)),
            ),
            Contender::router(
                "layer that holds an `Arc` and marks the request",
                bare().layer(Holding::new(true)),
            ),
            Contender::new(
                "no-op layer around the router",
                NoOp.layer(bare().with_state::<()>(())),
            ),
            Contender::router(
                "three no-op layers, three `Router::layer`",
                bare().layer(NoOp).layer(NoOp).layer(NoOp),
            ),
            Contender::router(
                "three no-op layers, one `ServiceBuilder`",
                bare().layer(three),
            ),
            Contender::new(
                "no-op layer, router without `with_state(())`",
                bare().layer(NoOp),
            ),
            Contender::router("`from_fn` that passes on", bare().layer(from_fn(pass))),
        ],
    }
}
