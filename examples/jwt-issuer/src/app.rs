//! For an app that keeps its refresh token itself, where no other app reads it: all in JSON.

use auth_layer::AuthError;
use axum::body::Body;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::post;
use axum::{Json, Router};
use jwt_layer::refresh::{RefreshBody, RevokeBody};

use crate::{Credentials, Service};

pub(crate) fn routes() -> Router<Service> {
    Router::new()
        .route("/login", post(log_in))
        .route("/refresh", post(refresh))
        .route("/logout", post(log_out))
}

/// `{"access_token","token_type","expires_in","refresh_token","scope"}`
async fn log_in(
    State(service): State<Service>,
    Json(credentials): Json<Credentials>,
) -> Result<Response, AuthError> {
    Ok(service.log_in(&credentials).await?.respond::<Body>())
}

/// The same, or `{"error":"invalid_grant"}`: log in again.
async fn refresh(State(service): State<Service>, Json(body): Json<RefreshBody>) -> Response {
    match service.tokens.refresh(&body.request()).await {
        Ok(pair) => pair.respond::<Body>(),
        Err(error) => error.respond::<Body>(),
    }
}

/// `{"token"}`, the refresh token: it and the access tokens are over.
async fn log_out(
    State(service): State<Service>,
    Json(body): Json<RevokeBody>,
) -> Result<StatusCode, AuthError> {
    service.tokens.revoke(body.token()).await?;
    Ok(StatusCode::NO_CONTENT)
}
