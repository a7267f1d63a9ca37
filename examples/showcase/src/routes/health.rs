//! For the machines that look after this one.

use auth_layer::AuthError;
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

/// `{"status":"ready"}`, or 503 while a store cannot be asked or keys that are fetched are not there.
async fn ready(State(state): State<AppState>) -> Result<Json<Value>, AuthError> {
    state.check_ready().await?;
    Ok(Json(json!({ "status": "ready" })))
}

/// Prometheus text.
async fn metrics(State(state): State<AppState>) -> Response {
    let headers = [(CONTENT_TYPE, "text/plain; version=0.0.4")];
    (headers, state.metrics.render()).into_response()
}
