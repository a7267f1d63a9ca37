//! For an app that keeps its refresh token itself, where no other app reads it: all in JSON.

use axum::body::Body;
use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use axum::{Json, Router};
use jwt_layer::refresh::{RefreshBody, RevokeBody};

use crate::{Credentials, Service, refusal};

pub(crate) fn routes() -> Router<Service> {
    Router::new()
        .route("/login", post(log_in))
        .route("/refresh", post(refresh))
        .route("/logout", post(log_out))
}

/// `{"access_token","token_type","expires_in","refresh_token","scope"}`
async fn log_in(
    State(service): State<Service>,
    body: Result<Json<Credentials>, JsonRejection>,
) -> Result<Response, Response> {
    let credentials = refusal::body(body)?;
    match service.log_in(&credentials).await {
        Ok(pair) => Ok(pair.respond::<Body>()),
        Err(error) => Err(error.into_response()),
    }
}

/// The same, or `{"error":"invalid_grant"}`: log in again.
async fn refresh(
    State(service): State<Service>,
    body: Result<Json<RefreshBody>, JsonRejection>,
) -> Result<Response, Response> {
    let body = refusal::body(body)?;
    match service.tokens.refresh(&body.request()).await {
        Ok(pair) => Ok(pair.respond::<Body>()),
        Err(error) => Err(error.respond::<Body>()),
    }
}

/// `{"token"}`, the refresh token: it and the access tokens are over.
async fn log_out(
    State(service): State<Service>,
    body: Result<Json<RevokeBody>, JsonRejection>,
) -> Result<StatusCode, Response> {
    let body = refusal::body(body)?;
    match service.tokens.revoke(body.token()).await {
        Ok(()) => Ok(StatusCode::NO_CONTENT),
        Err(error) => Err(error.into_response()),
    }
}
