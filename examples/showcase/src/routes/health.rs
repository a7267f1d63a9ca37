//! For the machines that look after this one.

use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Value, json};

use crate::state::AppState;

pub(crate) fn routes() -> Router<AppState> {
    Router::new()
        .route("/healthz", get(alive))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
}

/// `{"status":"alive"}`
async fn alive() -> Json<Value> {
    Json(json!({ "status": "alive" }))
}

/// `{"status":"ready"}`: all stores and keys of this build are in memory.
async fn ready() -> Json<Value> {
    Json(json!({ "status": "ready" }))
}

/// Prometheus text.
async fn metrics(State(state): State<AppState>) -> Response {
    let headers = [(CONTENT_TYPE, "text/plain; version=0.0.4")];
    (headers, state.metrics.render()).into_response()
}
