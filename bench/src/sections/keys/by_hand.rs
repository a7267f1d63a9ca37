//! What a user would write without us: SHA-256 of the header, a map from digest to key, and the usual
//! places to hang it.
//!
//! It is written with care for speed: one look at the header, one digest, one look-up in a map of the
//! standard library, and what is found is shared with the handler, not copied. A digest is what is
//! looked up, so nothing has to be compared in constant time. It knows whether a key is revoked and
//! when it ends. It does not do what ours does beyond that: keys in `Authorization`, two headers that
//! contradict each other, a checksum, networks, a secret that was replaced, keeping the header out of
//! logs, events, and changes: nobody can add or revoke a key here.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::SystemTime;

use axum::Extension;
use axum::body::Body;
use axum::extract::{FromRequestParts, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, WWW_AUTHENTICATE};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Request, Response, StatusCode};
use axum::middleware::Next;
use axum::response::IntoResponse;
use sha2::{Digest as _, Sha256};

use super::kept::Kept;

/// Keys by the digest of the whole key.
#[derive(Clone)]
pub(super) struct Keys(Arc<HashMap<[u8; 32], Caller>>);

/// Who is asking.
#[derive(Clone)]
pub(super) struct Caller(Arc<Record>);

struct Record {
    owner: String,
    revoked: bool,
    expires_at: Option<SystemTime>,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Refusal {
    /// Nothing was sent.
    Missing,
    /// What was sent is wrong.
    Invalid,
}

impl Keys {
    /// The keys that ours has too.
    pub(super) fn of(kept: &Kept) -> Self {
        let keys = kept.digests.iter().zip(&kept.owners);
        let keys = keys.map(|(digest, owner)| {
            let record = Record {
                owner: owner.clone(),
                revoked: false,
                expires_at: None,
            };
            (*digest.as_bytes(), Caller(Arc::new(record)))
        });
        Self(Arc::new(keys.collect()))
    }

    fn authenticate(&self, headers: &HeaderMap) -> Result<Caller, Refusal> {
        let key = headers.get("x-api-key").ok_or(Refusal::Missing)?;
        let digest: [u8; 32] = Sha256::digest(key.as_bytes()).into();
        let caller = self.0.get(&digest).ok_or(Refusal::Invalid)?;
        let Record {
            revoked,
            expires_at,
            ..
        } = *caller.0;
        if revoked || expires_at.is_some_and(|end| SystemTime::now() >= end) {
            return Err(Refusal::Invalid);
        }
        Ok(caller.clone())
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
            (
                WWW_AUTHENTICATE,
                r#"ApiKey realm="api", header="X-API-Key""#,
            ),
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
pub(super) fn validate(
    keys: Keys,
) -> impl FnMut(&mut Request<Body>) -> Result<(), Response<Body>> + Clone {
    move |request| {
        let caller = keys.authenticate(request.headers());
        request
            .extensions_mut()
            .insert(caller.map_err(IntoResponse::into_response)?);
        Ok(())
    }
}

/// For `tower_http::auth::AsyncRequireAuthorizationLayer`.
pub(super) async fn authorize(
    keys: Keys,
    mut request: Request<Body>,
) -> Result<Request<Body>, Response<Body>> {
    let caller = keys.authenticate(request.headers());
    request
        .extensions_mut()
        .insert(caller.map_err(IntoResponse::into_response)?);
    Ok(request)
}

/// For `axum::middleware::from_fn_with_state`.
pub(super) async fn middleware(
    State(keys): State<Keys>,
    mut request: Request<Body>,
    next: Next,
) -> Result<Response<Body>, Refusal> {
    let caller = keys.authenticate(request.headers())?;
    request.extensions_mut().insert(caller);
    Ok(next.run(request).await)
}

/// A handler behind each of them.
pub(super) async fn owner(Extension(caller): Extension<Caller>) -> String {
    caller.0.owner.clone()
}

/// Without a layer: the handler asks for the caller, and that is where the key is looked at.
impl FromRequestParts<Keys> for Caller {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, keys: &Keys) -> Result<Self, Refusal> {
        keys.authenticate(&parts.headers)
    }
}

/// A handler that asks.
pub(super) async fn extracted(caller: Caller) -> String {
    caller.0.owner.clone()
}
