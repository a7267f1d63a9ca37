//! Access tokens for programs, and the refresh tokens that get the next ones.

use auth_layer::{AuthError, ClientAddress, ScopeSet};
use axum::body::Body;
use axum::extract::State;
use axum::extract::rejection::{FormRejection, JsonRejection};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Extension, Form, Router};
use jwt_layer::refresh::{RefreshBody, RevokeBody};
use serde::Deserialize;

use crate::json_object::JsonObject;
use crate::problem::Problem;
use crate::state::AppState;

pub(crate) fn routes(state: &AppState) -> Router<AppState> {
    Router::new()
        .route("/token", post(token).layer(state.login_limit_layer()))
        .route("/token/refresh", post(refresh))
        .route("/token/revoke", post(revoke))
        .route("/.well-known/jwks.json", get(jwks))
}

/// `{"username","password","scope"?}`
#[derive(Deserialize)]
struct TokenRequest {
    username: String,
    password: String,
    scope: Option<String>,
}

/// `{"access_token","token_type":"Bearer","expires_in","refresh_token","scope"}`; `scope` is what was
/// asked for and the user has.
async fn token(
    State(state): State<AppState>,
    address: Option<Extension<ClientAddress>>,
    JsonObject(body): JsonObject<TokenRequest>,
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

    let pair = state.tokens.begin(&identity, asked).await?;
    // Only now: a change of the password ends what was begun before it.
    if let Err(error) = state.check_current(&identity).await {
        let tokens = &state.tokens.refresh;
        tokens.revoke_family(&identity, &pair.family()).await?;
        return Err(error);
    }
    Ok(pair.respond::<Body>())
}

/// `{"refresh_token"}`: the same shape, or an error as RFC 6749 section 5.2 has them.
async fn refresh(
    State(state): State<AppState>,
    address: Option<Extension<ClientAddress>>,
    body: Result<JsonObject<RefreshBody>, JsonRejection>,
) -> Response {
    let body = match body {
        Ok(JsonObject(body)) => body,
        Err(rejection) => return malformed(rejection.status()),
    };
    let mut request = body.request();
    if let Some(address) = address.and_then(|Extension(address)| address.ip()) {
        request = request.address(address);
    }
    match state.tokens.refresh.refresh(&request).await {
        Ok(pair) => pair.respond::<Body>(),
        Err(error) => error.respond::<Body>(),
    }
}

/// RFC 7009: the form `token`. 200, whether or not there was anything to take back.
async fn revoke(
    State(state): State<AppState>,
    body: Result<Form<RevokeBody>, FormRejection>,
) -> Result<Response, AuthError> {
    match body {
        Ok(Form(body)) => state.tokens.refresh.revoke(body.token()).await?,
        Err(rejection) => return Ok(malformed(rejection.status())),
    }
    Ok(StatusCode::OK.into_response())
}

/// What a client of RFC 6749 understands: 400, unless it is the size or the form of the body.
fn malformed(status: StatusCode) -> Response {
    let problem = Problem {
        status: match status {
            StatusCode::UNPROCESSABLE_ENTITY => StatusCode::BAD_REQUEST,
            status => status,
        },
        code: "invalid_request",
        title: "The request is malformed",
    };
    problem.into_response()
}

/// The public keys, as RFC 7517 section 5 wants them.
async fn jwks(State(state): State<AppState>, headers: HeaderMap) -> Response {
    state.tokens.issuer.jwks_response(&headers).into_response()
}
