//! axum-jwt-auth: an extractor and a decoder in the state.

use std::sync::Arc;

use axum::Router;
use axum::routing::get;
use axum_jwt_auth::{Claims, Decoder, LocalDecoder};
use bench::sections::jwt::{AUDIENCE, ISSUER, Tokens};
use jsonwebtoken_10::jwk::JwkSet;
use jsonwebtoken_10::{DecodingKey, Validation};

type Own = crate::claims::Claims;

pub(crate) fn router(tokens: &Tokens) -> Router {
    let keys: JwkSet = serde_json::from_str(&tokens.jwks).expect("a JWKS document");
    let key = DecodingKey::from_jwk(&keys.keys[0]).expect("a key");
    let algorithm = tokens.algorithm.as_str().parse().expect("an algorithm");
    let mut validation = Validation::new(algorithm);
    validation.set_issuer(&[ISSUER]);
    validation.set_audience(&[AUDIENCE]);
    let decoder = LocalDecoder::builder()
        .keys(vec![key])
        .validation(validation)
        .build()
        .expect("a decoder");
    let decoder: Decoder<Own> = Arc::new(decoder);
    Router::new()
        .route("/me", get(async |user: Claims<Own>| user.claims.sub))
        .with_state(decoder)
}
