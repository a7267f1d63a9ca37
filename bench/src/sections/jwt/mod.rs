//! Bearer tokens.

mod signature;
mod tokens;

use std::rc::Rc;

use auth_layer::Identity;
use axum::Router;
use axum::routing::get;
use jwt_layer::{Algorithm, Jwt, VerificationPolicy};

use self::signature::SignatureOnly;
pub use self::tokens::{AUDIENCE, ISSUER, KID, SUBJECT, Tokens};
use crate::harness::{Contender, Section};
use crate::no_op::NoOp;

/// How many tokens there are of which each is seen for the first time: more than the cache holds
/// that is measured beside them.
pub const FRESH: usize = 4096;

pub(crate) const SIGNATURE: &str = "aws-lc-rs, prepared key: the signature alone";
pub(crate) const FIRST_SIGHT: &str = "`Jwt`, first sight";

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
fn ours() -> Router {
    let subject = async |identity: Identity| identity.subject().to_owned();
    Router::new().route("/me", get(subject))
}

fn jwt(tokens: &Tokens) -> Jwt {
    let policy = VerificationPolicy::access_token(ISSUER, AUDIENCE);
    Jwt::new(policy.build().expect("a policy"), tokens.verifying_key())
}

/// The bare router, the layer that does nothing, the signature alone, and ours.
pub fn first_sight(tokens: &Tokens) -> Section {
    Section {
        title: title(tokens.algorithm),
        steady: false,
        request: Rc::new(tokens.requests()),
        contenders: vec![
            Contender::router("bare router", bare()),
            Contender::router("no-op layer", bare().layer(NoOp)),
            Contender::router(SIGNATURE, bare().layer(SignatureOnly::new(tokens.check()))),
            Contender::router(FIRST_SIGHT, ours().layer(jwt(tokens).into_layer())),
        ],
    }
}
