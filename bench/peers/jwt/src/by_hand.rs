//! `jsonwebtoken::decode` in an extractor: what the documentation of jsonwebtoken comes to.

use std::sync::Arc;

use axum::Router;
use axum::extract::{FromRef, FromRequestParts};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::routing::get;
use axum_extra::TypedHeader;
use axum_extra::headers::Authorization;
use axum_extra::headers::authorization::Bearer;
use bench::sections::jwt::{AUDIENCE, ISSUER, Tokens};
use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{DecodingKey, Validation, decode};

use crate::claims::Claims;

#[derive(Clone)]
struct Verifier(Arc<(DecodingKey, Validation)>);

struct User(Claims);

impl<S: Send + Sync> FromRequestParts<S> for User
where
    Verifier: FromRef<S>,
{
    type Rejection = StatusCode;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, StatusCode> {
        let TypedHeader(Authorization(bearer)) =
            TypedHeader::<Authorization<Bearer>>::from_request_parts(parts, state)
                .await
                .map_err(|_| StatusCode::UNAUTHORIZED)?;
        let Verifier(verifier) = Verifier::from_ref(state);
        let (key, validation) = &*verifier;
        let token = decode::<Claims>(bearer.token(), key, validation);
        token
            .map(|token| Self(token.claims))
            .map_err(|_| StatusCode::UNAUTHORIZED)
    }
}

pub(crate) fn router(tokens: &Tokens) -> Router {
    let keys: JwkSet = serde_json::from_str(&tokens.jwks).expect("a JWKS document");
    let key = DecodingKey::from_jwk(&keys.keys[0]).expect("a key");
    let algorithm = tokens.algorithm.as_str().parse().expect("an algorithm");
    let mut validation = Validation::new(algorithm);
    validation.set_issuer(&[ISSUER]);
    validation.set_audience(&[AUDIENCE]);
    validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
    Router::new()
        .route("/me", get(async |User(claims): User| claims.sub))
        .with_state(Verifier(Arc::new((key, validation))))
}
