//! Access tokens for programs.

use auth_layer::{AuthError, ClientAddress, ScopeSet};
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Extension, Json, Router};
use jwt_layer::AccessTokenRequest;
use serde::Deserialize;
use serde_json::json;

use crate::problem::Problem;
use crate::state::AppState;

pub(crate) fn routes(state: &AppState) -> Router<AppState> {
    Router::new()
        .route("/token", post(token).layer(state.login_limit_layer()))
        .route("/.well-known/jwks.json", get(jwks))
}

/// `{"username","password","scope"?}`
#[derive(Deserialize)]
struct TokenRequest {
    username: String,
    password: String,
    scope: Option<String>,
}

/// `{"access_token","token_type":"Bearer","expires_in","scope"}`; `scope` is what was asked for and
/// the user has.
async fn token(
    State(state): State<AppState>,
    address: Option<Extension<ClientAddress>>,
    Json(body): Json<TokenRequest>,
) -> Result<Response, AuthError> {
    let asked: Option<ScopeSet> = match body.scope.as_deref().map(str::parse).transpose() {
        Ok(asked) => asked,
        Err(_) => {
            let problem = Problem {
                status: StatusCode::BAD_REQUEST,
                code: "invalid_scope",
                title: "The scope is malformed",
            };
            return Ok(problem.into_response());
        }
    };
    let address = address.map(|Extension(address)| address);
    let identity = state
        .check_password(&body.username, &body.password, address)
        .await?;

    let scopes = match asked {
        Some(asked) => asked.intersection(identity.scopes()),
        None => identity.scopes().clone(),
    };
    let request = AccessTokenRequest::for_identity(&identity).scopes(scopes);
    let token = state.issuer.issue(&request)?;
    // Only now: a change of the password ends the tokens that were issued before it.
    state.check_current(&identity).await?;
    let body = json!({
        "access_token": token.expose(),
        "token_type": "Bearer",
        "expires_in": token.expires_in().as_secs(),
        "scope": token.scopes(),
    });
    Ok(([(CACHE_CONTROL, "no-store")], Json(body)).into_response())
}

/// The public keys, as RFC 7517 section 5 wants them.
async fn jwks(State(state): State<AppState>) -> Response {
    let headers = [
        (CONTENT_TYPE, "application/jwk-set+json"),
        (CACHE_CONTROL, "public, max-age=300"),
    ];
    (headers, state.issuer.jwks().to_string()).into_response()
}
