//! A request without a credential, on a route that everybody may see.

use std::net::{Ipv4Addr, SocketAddr};
use std::rc::Rc;

use auth_layer::{AuthLayer, Identity};
use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::Request;
use axum::routing::get;
use tower::{Layer as _, ServiceBuilder};

use super::request;
use crate::harness::{Contender, Section};
use crate::no_op::{Holding, NoOp};
use crate::ours;

pub(crate) const TITLE: &str = "Anonymous";
pub(crate) const NO_OP: &str = "no-op layer";
pub(crate) const ONE: &str = "`AuthLayer<Basic>`";
pub(crate) const TUPLE: &str = "three schemes, a tuple in one `AuthLayer`";
pub(crate) const STACK: &str = "three schemes, three layers in one `ServiceBuilder`";
pub(crate) const THREE: &str = "three schemes, three `Router::layer`";

pub(super) fn section() -> Section {
    anonymous(TITLE, || request(None))
}

pub(super) fn connected() -> Section {
    anonymous("Anonymous, with `ConnectInfo`", from_an_address)
}

/// As `Router::into_make_service_with_connect_info` hands it to the router.
fn from_an_address() -> Request<Body> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 50_000));
    let mut request = request(None);
    request.extensions_mut().insert(ConnectInfo(address));
    request
}

fn anonymous(title: &'static str, request: impl Fn() -> Request<Body> + 'static) -> Section {
    let bare = || Router::new().route("/me", get(|| async { "hello" }));
    let optional =
        |identity: Option<Identity>| async move { if identity.is_none() { "hello" } else { "" } };
    let optional = Router::new().route("/me", get(optional));
    let stack = ServiceBuilder::new()
        .layer(ours::layer())
        .layer(AuthLayer::new(ours::robots()))
        .layer(AuthLayer::new(ours::tickets()));
    let tuple = (ours::basic(), ours::robots(), ours::tickets());
    Section {
        title,
        steady: true,
        request: Rc::new(request),
        contenders: vec![
            Contender::router("bare router", bare()),
            Contender::router(NO_OP, bare().layer(NoOp)),
            Contender::router(
                "layer that holds an `Arc` and marks the request",
                bare().layer(Holding::new(true)),
            ),
            Contender::router(ONE, bare().layer(ours::layer())),
            Contender::router(
                "`AuthLayer<Basic>`, handler takes `Option<Identity>`",
                optional.layer(ours::layer()),
            ),
            Contender::new(
                "`AuthLayer<Basic>` around the router",
                ours::layer().layer(bare().with_state::<()>(())),
            ),
            Contender::router(
                "one scheme of `scheme_fn`",
                bare().layer(AuthLayer::new(ours::tickets())),
            ),
            Contender::router(TUPLE, bare().layer(AuthLayer::new(tuple))),
            Contender::router(STACK, bare().layer(stack)),
            Contender::router(
                THREE,
                bare()
                    .layer(AuthLayer::new(ours::tickets()))
                    .layer(AuthLayer::new(ours::robots()))
                    .layer(ours::layer()),
            ),
        ],
    }
}
