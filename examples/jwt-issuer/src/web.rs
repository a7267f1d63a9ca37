//! For a page whose scripts keep the access token in memory and never see the refresh token: that is in
//! a cookie, which the browser sends to these paths alone, and which counts only for this origin's
//! own pages.

use auth_layer::{AuthError, ExposeSecret as _};
use axum::body::Body;
use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use axum::http::header::SET_COOKIE;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use axum::{Json, Router};
use jwt_layer::refresh::{RefreshError, RefreshErrorKind, RefreshRequest, TokenPair};

use crate::refusal::{self, Refusal};
use crate::{Credentials, Service};

pub(crate) fn routes() -> Router<Service> {
    Router::new()
        .route("/login", post(log_in))
        .route("/refresh", post(refresh))
        .route("/logout", post(log_out))
}

/// `{"access_token","token_type","expires_in","scope"}` and the cookie. Another site cannot log anybody
/// in: browsers let it send JSON to its own origin only.
async fn log_in(
    State(service): State<Service>,
    body: Result<Json<Credentials>, JsonRejection>,
) -> Result<Response, Response> {
    let credentials = refusal::body(body)?;
    match service.log_in(&credentials).await {
        Ok(pair) => Ok(pair.respond_with_cookie::<Body>(&service.cookie)),
        Err(error) => Err(error.into_response()),
    }
}

/// The same, without a body: when the page is loaded, and when an access token is about to end.
async fn refresh(State(service): State<Service>, headers: HeaderMap) -> Response {
    match next(&service, &headers).await {
        Ok(Some(pair)) => pair.respond_with_cookie::<Body>(&service.cookie),
        Ok(None) => {
            let refusal = Refusal {
                status: StatusCode::UNAUTHORIZED,
                error: "login_required",
            };
            refusal.into_response()
        }
        Err(error) => {
            let mut res = error.respond::<Body>();
            if error.kind() == RefreshErrorKind::InvalidGrant {
                res.headers_mut()
                    .append(SET_COOKIE, service.cookie.remove());
            }
            res
        }
    }
}

async fn next(service: &Service, headers: &HeaderMap) -> Result<Option<TokenPair>, RefreshError> {
    let Some(token) = service.cookie.read(headers)? else {
        return Ok(None);
    };
    let request = RefreshRequest::new(token.expose_secret());
    service.tokens.refresh(&request).await.map(Some)
}

/// The login is over here and on the server. The cookie is removed only where it came with the request:
/// another site's requests come without, and would else log the user out.
async fn log_out(
    State(service): State<Service>,
    headers: HeaderMap,
) -> Result<Response, AuthError> {
    let token = match service.cookie.read(&headers) {
        Ok(token) => token,
        Err(error) => return Ok(error.respond::<Body>()),
    };
    let Some(token) = token else {
        return Ok(StatusCode::NO_CONTENT.into_response());
    };
    service.tokens.revoke(token.expose_secret()).await?;
    let headers = [(SET_COOKIE, service.cookie.remove())];
    Ok((StatusCode::NO_CONTENT, headers).into_response())
}
