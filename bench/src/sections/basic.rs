//! A request with a good password, and a handler that answers with the user's name.

use std::rc::Rc;

use auth_layer::{AuthLayer, Identity, RequireAuth};
use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::get;
use tower::Layer as _;
use tower_http::auth::AsyncRequireAuthorizationLayer;
use tower_http::validate_request::ValidateRequestHeaderLayer;

use super::request;
use crate::by_hand::{self, Users};
use crate::harness::{Contender, Section};
use crate::no_op::NoOp;
use crate::ours;
use crate::users::{ERIN, USERS};

pub(crate) const TITLE: &str = "Basic with a good password";
pub(crate) const OURS: &str = "`AuthLayer<Basic>`, `Identity`";
pub(crate) const VALIDATE: &str = "by hand: `ValidateRequestHeaderLayer::custom`";
pub(crate) const AUTHORIZE: &str = "by hand: `AsyncRequireAuthorizationLayer`";
pub(crate) const FROM_FN: &str = "by hand: `axum::middleware::from_fn_with_state`";

async fn subject(identity: Identity) -> String {
    identity.subject().to_owned()
}

pub(super) fn section() -> Section {
    let bare = || Router::new().route("/me", get(|| async { USERS[4].0.to_owned() }));
    let ours = || Router::new().route("/me", get(subject));
    let by_hand = || Router::new().route("/me", get(by_hand::name));
    let users = Users::new();
    let authorize = {
        let users = users.clone();
        AsyncRequireAuthorizationLayer::new(move |request| {
            by_hand::authorize(users.clone(), request)
        })
    };
    let (name, password) = USERS[4];
    #[expect(deprecated, reason = "for comparison")]
    let fixed = ValidateRequestHeaderLayer::basic(name, password);
    let tuple = (ours::basic(), ours::robots(), ours::tickets());
    Section {
        title: TITLE,
        steady: true,
        request: Rc::new(|| request(Some(ERIN))),
        contenders: vec![
            Contender::router("bare router", bare()),
            Contender::router("no-op layer", bare().layer(NoOp)),
            Contender::router(OURS, ours().layer(ours::layer())),
            Contender::router(
                "`AuthLayer<Basic>`, `RequireAuth`, `Identity`",
                ours()
                    .route_layer(RequireAuth::authenticated())
                    .layer(ours::layer()),
            ),
            Contender::new(
                "`AuthLayer<Basic>` around the router, `Identity`",
                ours::layer().layer(ours().with_state::<()>(())),
            ),
            Contender::router(
                "Basic of three schemes in a tuple, `Identity`",
                ours().layer(AuthLayer::new(tuple)),
            ),
            Contender::router(
                VALIDATE,
                by_hand().layer(ValidateRequestHeaderLayer::custom(by_hand::validate(
                    users.clone(),
                ))),
            ),
            Contender::router(AUTHORIZE, by_hand().layer(authorize)),
            Contender::router(
                FROM_FN,
                by_hand().layer(from_fn_with_state(users, by_hand::middleware)),
            ),
            Contender::router(
                "tower-http's own `basic`: one fixed text, no identity",
                bare().layer(fixed),
            ),
        ],
    }
}
