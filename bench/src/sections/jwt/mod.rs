//! Bearer tokens.

mod signature;
mod tokens;

use std::ops::Range;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use auth_layer::Identity;
use axum::Router;
use axum::http::header::{AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::IntoResponse;
use axum::routing::get;
use jwt_layer::{Algorithm, Jwt, MemoryRevocations, Revocations as _, VerificationPolicy};
use tokio::runtime::Runtime;

use self::signature::SignatureOnly;
pub use self::tokens::{AUDIENCE, ISSUER, KID, SUBJECT, Tokens};
use super::request;
use crate::harness::{Contender, Section};
use crate::no_op::NoOp;

/// How many tokens there are of which each is seen for the first time: more than the cache holds
/// that is measured beside them.
pub const FRESH: usize = 4096;

/// How many tokens the smaller and the larger of two full caches hold.
const MANY: [usize; 2] = [1_000, 100_000];

pub(crate) const SIGNATURE: &str = "aws-lc-rs, prepared key: the signature alone";
pub(crate) const FIRST_SIGHT: &str = "`Jwt` without a cache";

/// The title of the table of tokens that were seen before.
pub(crate) const AGAIN: &str = "Token seen before";
pub(crate) const AGAIN_ROWS: [(Algorithm, &str); 4] = [
    (Algorithm::Rs256, "`Jwt`, RS256, revocation asked"),
    (Algorithm::Es256, "`Jwt`, ES256, revocation asked"),
    (Algorithm::EdDsa, "`Jwt`, EdDSA, revocation asked"),
    (Algorithm::Hs256, "`Jwt`, HS256, revocation asked"),
];
pub(crate) const AGAIN_MANY: [&str; 2] = [
    "`Jwt`, all of 1,000 in turn",
    "`Jwt`, all of 100,000 in turn",
];

/// The title of the table of an algorithm.
pub(crate) fn title(algorithm: Algorithm) -> &'static str {
    match algorithm {
        Algorithm::Hs256 => "Token at first sight: HS256",
        Algorithm::Es256 => "Token at first sight: ES256",
        Algorithm::EdDsa => "Token at first sight: EdDSA",
        _ => "Token at first sight: RS256",
    }
}

/// The router without a layer, whose handler knows the answer.
pub fn bare() -> Router {
    Router::new().route("/me", get(|| async { SUBJECT.to_owned() }))
}

/// The router whose handler asks for the identity.
fn ours(jwt: Jwt) -> Router {
    let subject = async |identity: Identity| identity.subject().to_owned();
    Router::new()
        .route("/me", get(subject))
        .layer(jwt.into_layer())
}

/// A verifier as the documentation shows it.
///
/// # Panics
///
/// Panics if jwt-layer refuses the key.
pub fn jwt(tokens: &Tokens) -> Jwt {
    let policy = VerificationPolicy::access_token(ISSUER, AUDIENCE);
    Jwt::new(policy.build().expect("a policy"), tokens.verifying_key())
}

/// The bare router, the layer that does nothing, the signature alone, and ours.
///
/// # Panics
///
/// Panics if jwt-layer refuses a cache.
pub fn first_sight(tokens: &Tokens) -> Section {
    // Too small for any of them to be seen again before it is displaced.
    let cached = jwt(tokens).cache_capacity(FRESH / 8).expect("a cache");
    Section {
        title: title(tokens.algorithm),
        steady: false,
        request: Rc::new(tokens.requests()),
        contenders: vec![
            Contender::router("bare router", bare()),
            Contender::router("no-op layer", bare().layer(NoOp)),
            Contender::router(SIGNATURE, bare().layer(SignatureOnly::new(tokens.check()))),
            Contender::router(FIRST_SIGHT, ours(jwt(tokens).without_cache())),
            Contender::router("`Jwt`, the token is put into the cache", ours(cached)),
        ],
    }
}

/// A store in which others' tokens have been revoked, so that it has to look.
fn revocations(runtime: &Runtime) -> Arc<MemoryRevocations> {
    let store = Arc::new(MemoryRevocations::new());
    let until = SystemTime::now() + Duration::from_secs(3600);
    runtime.block_on(async {
        for number in 0..1_000 {
            let id = format!("01890a5d-0000-0000-0000-{number:012}");
            let revoked = store.revoke_token(ISSUER, &id, until).await;
            revoked.expect("memory");
        }
    });
    store
}

/// A verifier that has seen every one of `tokens`.
///
/// # Panics
///
/// Panics if a token is refused.
pub fn seen(runtime: &Runtime, tokens: &Tokens, jwt: &Jwt) {
    runtime.block_on(async {
        for token in tokens.texts() {
            jwt.verify_token(token).await.expect("a good token");
        }
    });
}

/// Tokens as long as those of RS256, which take less long to make.
pub fn many(numbers: Range<usize>) -> Tokens {
    Tokens::padded(Algorithm::Hs256, numbers, 222)
}

/// One token again and again, of each algorithm, and many in turn.
pub(super) fn again(runtime: &Runtime) -> Section {
    let store = revocations(runtime);
    let mut contenders = vec![
        Contender::router("bare router", bare()),
        Contender::router("no-op layer", bare().layer(NoOp)),
    ];
    for (algorithm, name) in AGAIN_ROWS {
        let tokens = Tokens::new(algorithm, 1);
        let jwt = jwt(&tokens).revocations(Arc::clone(&store));
        contenders.push(Contender::router(name, ours(jwt)).with_requests(tokens.requests()));
    }
    for (count, name) in MANY.into_iter().zip(AGAIN_MANY) {
        // Unoptimised, the larger one would take a minute to fill.
        let count = if cfg!(debug_assertions) { 1_000 } else { count };
        let tokens = many(0..count);
        // A little more room than tokens, because it is divided.
        let jwt = jwt(&tokens).cache_capacity(count + count / 4);
        let jwt = jwt.expect("a cache").revocations(Arc::clone(&store));
        seen(runtime, &tokens, &jwt);
        contenders.push(Contender::router(name, ours(jwt)).with_requests(tokens.requests()));
    }
    Section {
        title: AGAIN,
        steady: false,
        request: Rc::new(Tokens::new(Algorithm::Rs256, 1).requests()),
        contenders,
    }
}

/// The title of the table of requests without a token.
pub(crate) const NO_TOKEN: &str = "No token, on a route that everybody may see";
pub(crate) const NO_TOKEN_ROW: &str = "`AuthLayer<Jwt>`";

pub(super) fn no_token() -> Section {
    let bare = || Router::new().route("/me", get(|| async { "hello" }));
    let jwt = jwt(&Tokens::new(Algorithm::Hs256, 0));
    Section {
        title: NO_TOKEN,
        steady: true,
        request: Rc::new(|| request(None)),
        contenders: vec![
            Contender::router("bare router", bare()),
            Contender::router("no-op layer", bare().layer(NoOp)),
            Contender::router(NO_TOKEN_ROW, bare().layer(jwt.into_layer())),
        ],
    }
}

/// What is answered to a bad token.
async fn refusal() -> impl IntoResponse {
    let body = r#"{"type":"urn:problem-type:auth:invalid_credential","title":"The credential is not valid","status":401,"code":"invalid_credential"}"#;
    let headers = [
        (CONTENT_TYPE, "application/problem+json"),
        (CACHE_CONTROL, "no-store"),
        (
            WWW_AUTHENTICATE,
            r#"Bearer realm="api", error="invalid_token""#,
        ),
    ];
    (StatusCode::UNAUTHORIZED, headers, body)
}

pub(crate) const BAD: [&str; 3] = [
    "Refused: a token that is none",
    "Refused: a token that is too long",
    "Refused: a token without a signature",
];
pub(crate) const BAD_ROW: &str = "`AuthLayer<Jwt>` refuses";

/// Tokens that can be refused without a look at their signature.
pub(super) fn bad(which: usize) -> Section {
    let tokens = Tokens::new(Algorithm::Hs256, 1);
    let value = match which {
        0 => "Bearer mF_9.B5f-4.1JqM".to_owned(),
        1 => format!("Bearer {}", "a".repeat(9_000)),
        _ => {
            let token = tokens.texts().next().unwrap_or_default();
            let unsigned = token.rsplit_once('.').map_or("", |(signed, _)| signed);
            format!("Bearer {unsigned}.")
        }
    };
    let value = HeaderValue::try_from(value).expect("letters and dots");
    let make = move || {
        let mut request = request(None);
        if let Ok(value) = HeaderValue::from_bytes(value.as_bytes()) {
            request.headers_mut().insert(AUTHORIZATION, value);
        }
        request
    };
    let bare = || Router::new().route("/me", get(refusal));
    let secret = Router::new().route("/me", get(|| async { "secret" }));
    Section {
        title: BAD[which],
        steady: true,
        request: Rc::new(make),
        contenders: vec![
            Contender::router("bare router, handler refuses", bare()),
            Contender::router("no-op layer, handler refuses", bare().layer(NoOp)),
            Contender::router(BAD_ROW, secret.layer(jwt(&tokens).into_layer())),
        ],
    }
}
