//! Digest, for devices that know nothing better.

use auth_layer::RequireAuth;
use axum::Router;
use axum::http::HeaderValue;
use axum::http::header::CACHE_CONTROL;
use axum::routing::get;
use tower_http::set_header::SetResponseHeaderLayer;

use super::identity::me;
use crate::state::AppState;

pub(crate) fn routes() -> Router<AppState> {
    Router::new()
        .route("/legacy", get(me))
        .route_layer(RequireAuth::authenticated())
        .route_layer(SetResponseHeaderLayer::if_not_present(
            CACHE_CONTROL,
            HeaderValue::from_static("no-store"),
        ))
}
