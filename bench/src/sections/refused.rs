//! Requests that are turned away with 401.

use std::rc::Rc;

use auth_layer::{Identity, RequireAuth};
use axum::Router;
use axum::body::Body;
use axum::http::Request;
use axum::middleware::from_fn_with_state;
use axum::routing::get;
use tower_http::auth::AsyncRequireAuthorizationLayer;
use tower_http::validate_request::ValidateRequestHeaderLayer;

use super::request;
use crate::by_hand::{self, Refusal, Users};
use crate::harness::{Contender, Section};
use crate::no_op::NoOp;
use crate::ours;

pub(super) fn missing() -> Section {
    refused("Refused: nothing sent", || request(None), Refusal::Missing)
}

pub(super) fn malformed() -> Section {
    let request = || request(Some("Basic ####"));
    refused(
        "Refused: Basic that is not base64",
        request,
        Refusal::Invalid,
    )
}

pub(super) fn unknown() -> Section {
    let request = || request(Some("Bearer ZXJpbjpHYTJmLTZqVXY"));
    refused(
        "Refused: a scheme that nobody knows",
        request,
        Refusal::Missing,
    )
}

fn refused(
    title: &'static str,
    request: impl Fn() -> Request<Body> + 'static,
    refusal: Refusal,
) -> Section {
    let bare = || Router::new().route("/me", get(move || async move { refusal }));
    let secret = || Router::new().route("/me", get(|| async { "secret" }));
    let extractor = Router::new().route("/me", get(|_: Identity| async { "secret" }));
    let users = Users::new();
    let authorize = {
        let users = users.clone();
        AsyncRequireAuthorizationLayer::new(move |request| {
            by_hand::authorize(users.clone(), request)
        })
    };
    Section {
        title,
        steady: true,
        request: Rc::new(request),
        contenders: vec![
            Contender::router("bare router, handler refuses", bare()),
            Contender::router("no-op layer, handler refuses", bare().layer(NoOp)),
            Contender::router(
                "`AuthLayer<Basic>`, `RequireAuth`",
                secret()
                    .route_layer(RequireAuth::authenticated())
                    .layer(ours::layer()),
            ),
            Contender::router(
                "`AuthLayer<Basic>`, `Identity`",
                extractor.layer(ours::layer()),
            ),
            Contender::router(
                "by hand: `ValidateRequestHeaderLayer::custom`",
                secret().layer(ValidateRequestHeaderLayer::custom(by_hand::validate(
                    users.clone(),
                ))),
            ),
            Contender::router(
                "by hand: `AsyncRequireAuthorizationLayer`",
                secret().layer(authorize),
            ),
            Contender::router(
                "by hand: `axum::middleware::from_fn_with_state`",
                secret().layer(from_fn_with_state(users, by_hand::middleware)),
            ),
        ],
    }
}
