//! Tokens made by hand, and a service that says who asks.
#![allow(dead_code, reason = "each test file uses a part")]
#![allow(clippy::needless_pass_by_value, reason = "`json!` is written in place")]

pub(crate) mod kinds;

use std::convert::Infallible;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use auth_layer::{AuthError, EmptyBody, Identity, SharedClock};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use http::{Request, Response, StatusCode, header};
use jwt_layer::{Algorithm, Jwt, PolicyBuilder, VerificationPolicy, VerifyingKey};
use serde_json::{Value, json};
use sha2::Sha256;
use tower::{ServiceBuilder, ServiceExt};

pub(crate) const NOW: u64 = 1_700_000_000;
pub(crate) const ISSUER: &str = "https://id.example.com";
pub(crate) const AUDIENCE: &str = "https://api.example.com";
pub(crate) const SECRET: [u8; 32] = [7; 32];

pub(crate) fn at(seconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(seconds)
}

pub(crate) fn clock() -> SharedClock {
    SharedClock::new(|| at(NOW))
}

pub(crate) fn key() -> VerifyingKey {
    VerifyingKey::from_secret(Algorithm::Hs256, &SECRET).unwrap()
}

pub(crate) fn plain() -> PolicyBuilder {
    VerificationPolicy::plain_access_token(ISSUER, AUDIENCE)
}

pub(crate) fn strict() -> PolicyBuilder {
    VerificationPolicy::access_token(ISSUER, AUDIENCE)
}

/// The scheme that most tests use: plain access tokens, HS256.
pub(crate) fn jwt() -> Jwt {
    Jwt::new(plain().build().unwrap(), key()).clock(clock())
}

/// Good claims.
pub(crate) fn claims() -> Value {
    json!({ "iss": ISSUER, "aud": AUDIENCE, "sub": "alice", "iat": NOW, "exp": NOW + 600 })
}

/// Good claims with some of them replaced; `null` takes one away.
pub(crate) fn claims_with(changes: Value) -> Value {
    let mut claims = claims();
    for (name, value) in changes.as_object().unwrap() {
        if value.is_null() {
            claims.as_object_mut().unwrap().remove(name);
        } else {
            claims[name] = value.clone();
        }
    }
    claims
}

pub(crate) fn mac(secret: &[u8], signed: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).unwrap();
    mac.update(signed.as_bytes());
    URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes())
}

/// A token from texts, signed with HMAC-SHA-256 whatever the header says.
pub(crate) fn forge(header: &str, payload: &str, secret: &[u8]) -> String {
    let header = URL_SAFE_NO_PAD.encode(header);
    let payload = URL_SAFE_NO_PAD.encode(payload);
    let signed = format!("{header}.{payload}");
    let signature = mac(secret, &signed);
    format!("{signed}.{signature}")
}

pub(crate) fn token(claims: &Value) -> String {
    token_of_type("JWT", claims)
}

pub(crate) fn token_of_type(typ: &str, claims: &Value) -> String {
    let header = json!({ "alg": "HS256", "typ": typ });
    forge(&header.to_string(), &claims.to_string(), &SECRET)
}

/// Why a token is refused; panics if it is accepted.
pub(crate) async fn refusal(jwt: &Jwt, token: &str) -> &'static str {
    match jwt.verify_token(token).await {
        Ok(identity) => panic!("accepted {identity:?}"),
        Err(error) => error.reason(),
    }
}

/// As [`refusal`]; for a token that is refused before its signature is checked, what is behind that.
pub(crate) async fn cause(jwt: &Jwt, token: &str) -> &'static str {
    match jwt.verify_token(token).await {
        Ok(identity) => panic!("accepted {identity:?}"),
        Err(error) if error.reason() == "refused_unverified" => {
            let source = std::error::Error::source(&error).unwrap();
            source.downcast_ref::<AuthError>().unwrap().reason()
        }
        Err(error) => error.reason(),
    }
}

/// Sends a request with these `Authorization` headers; the body is the subject, or empty.
pub(crate) async fn send(jwt: &Jwt, authorization: &[&[u8]]) -> Response<String> {
    let mut request = Request::builder().uri("/");
    for value in authorization {
        request = request.header(header::AUTHORIZATION, *value);
    }
    let service = ServiceBuilder::new()
        .layer(jwt.clone().into_layer().with_refusal(EmptyBody))
        .service_fn(|req: Request<()>| async move {
            let who = req.extensions().get::<Identity>();
            let subject = who.map(|who| who.subject().to_owned());
            Ok::<_, Infallible>(Response::new(subject.unwrap_or_default()))
        });
    service.oneshot(request.body(()).unwrap()).await.unwrap()
}

pub(crate) async fn send_bearer(jwt: &Jwt, token: &str) -> Response<String> {
    send(jwt, &[format!("Bearer {token}").as_bytes()]).await
}

pub(crate) fn challenge<B>(res: &Response<B>) -> &str {
    assert!(matches!(
        res.status(),
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN
    ));
    res.headers()[header::WWW_AUTHENTICATE].to_str().unwrap()
}
