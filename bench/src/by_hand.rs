//! What a user would write without us: Basic by hand, and the three usual places to hang it.
//!
//! It does the work that ours does, and is written with care for speed: the credential is decoded
//! once, the user looked up, the digests compared in constant time, a name put into the request's
//! extensions, and a refusal looks as ours does. It does not do what ours does beyond that: several
//! `Authorization` headers, an unknown user taking as long as a known one, overwriting the password
//! in memory, keeping the header out of logs, events.

use std::collections::HashMap;
use std::sync::Arc;

use axum::Extension;
use axum::body::Body;
use axum::extract::State;
use axum::http::header::{AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, HeaderValue, Request, Response, StatusCode};
use axum::middleware::Next;
use axum::response::IntoResponse;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use crate::users::USERS;

/// Who is asking.
#[derive(Clone)]
pub(crate) struct User(Arc<str>);

/// Names, and digests of passwords.
#[derive(Clone)]
pub(crate) struct Users(Arc<HashMap<&'static str, Record>>);

struct Record {
    user: User,
    password: [u8; 32],
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Refusal {
    /// Nothing was sent.
    Missing,
    /// What was sent is wrong.
    Invalid,
}

impl Users {
    pub(crate) fn new() -> Self {
        let record = |(name, password)| {
            let record = Record {
                user: User(Arc::from(name)),
                password: Sha256::digest(password).into(),
            };
            (name, record)
        };
        Self(Arc::new(USERS.map(record).into()))
    }

    fn authenticate(&self, headers: &HeaderMap) -> Result<User, Refusal> {
        let value = headers.get(AUTHORIZATION).ok_or(Refusal::Missing)?;
        let (scheme, encoded) = value
            .as_bytes()
            .split_at_checked(6)
            .ok_or(Refusal::Missing)?;
        if !scheme.eq_ignore_ascii_case(b"Basic ") {
            return Err(Refusal::Missing);
        }
        let decoded = STANDARD.decode(encoded).map_err(|_| Refusal::Invalid)?;
        let text = std::str::from_utf8(&decoded).map_err(|_| Refusal::Invalid)?;
        let (name, password) = text.split_once(':').ok_or(Refusal::Invalid)?;
        let record = self.0.get(name).ok_or(Refusal::Invalid)?;
        let sent: [u8; 32] = Sha256::digest(password).into();
        if bool::from(sent.ct_eq(&record.password)) {
            Ok(record.user.clone())
        } else {
            Err(Refusal::Invalid)
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response<Body> {
        let mut response = Response::new(Body::from(match self {
            Self::Missing => {
                r#"{"type":"urn:problem-type:auth:unauthenticated","title":"Authentication is required","status":401,"code":"unauthenticated"}"#
            }
            Self::Invalid => {
                r#"{"type":"urn:problem-type:auth:invalid_credential","title":"The credential is not valid","status":401,"code":"invalid_credential"}"#
            }
        }));
        *response.status_mut() = StatusCode::UNAUTHORIZED;
        for (name, value) in [
            (CONTENT_TYPE, "application/problem+json"),
            (CACHE_CONTROL, "no-store"),
            (WWW_AUTHENTICATE, r#"Basic realm="bench", charset="UTF-8""#),
        ] {
            response
                .headers_mut()
                .insert(name, HeaderValue::from_static(value));
        }
        response
    }
}

/// For `tower_http::validate_request::ValidateRequestHeaderLayer::custom`.
#[expect(clippy::result_large_err, reason = "tower-http asks for it")]
pub(crate) fn validate(
    users: Users,
) -> impl FnMut(&mut Request<Body>) -> Result<(), Response<Body>> + Clone {
    move |request| {
        let user = users.authenticate(request.headers());
        request
            .extensions_mut()
            .insert(user.map_err(IntoResponse::into_response)?);
        Ok(())
    }
}

/// For `tower_http::auth::AsyncRequireAuthorizationLayer`.
pub(crate) async fn authorize(
    users: Users,
    mut request: Request<Body>,
) -> Result<Request<Body>, Response<Body>> {
    let user = users.authenticate(request.headers());
    request
        .extensions_mut()
        .insert(user.map_err(IntoResponse::into_response)?);
    Ok(request)
}

/// For `axum::middleware::from_fn_with_state`.
pub(crate) async fn middleware(
    State(users): State<Users>,
    mut request: Request<Body>,
    next: Next,
) -> Result<Response<Body>, Refusal> {
    let user = users.authenticate(request.headers())?;
    request.extensions_mut().insert(user);
    Ok(next.run(request).await)
}

/// A handler behind each of them.
pub(crate) async fn name(Extension(user): Extension<User>) -> String {
    (*user.0).to_owned()
}
