//! A request without a credential, on a route that everybody may see.

use auth_layer::{AuthLayer, Identity};
use axum::Router;
use axum::routing::get;
use tower::{Layer as _, ServiceBuilder};

use super::request;
use crate::harness::{Contender, Section};
use crate::no_op::NoOp;
use crate::ours;

pub(crate) const NO_OP: &str = "no-op layer";
pub(crate) const ONE: &str = "`AuthLayer<Basic>`";
pub(crate) const TUPLE: &str = "three schemes, a tuple in one `AuthLayer`";
pub(crate) const STACK: &str = "three schemes, three layers in one `ServiceBuilder`";
pub(crate) const THREE: &str = "three schemes, three `Router::layer`";

pub(super) fn section() -> Section {
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
        title: "Anonymous",
        request: || request(None),
        contenders: vec![
            Contender::router("bare router", bare()),
            Contender::router(NO_OP, bare().layer(NoOp)),
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
