//! aliri_tower. It has no EdDSA.

use aliri::{Jwks, jwa, jwt};
use aliri_oauth2::{Authority, HasScope, Scope};
use aliri_tower::Oauth2Authorizer;
use axum::Router;
use axum::body::Body;
use axum::extract::Extension;
use axum::routing::get;
use bench::sections::jwt::{AUDIENCE, ISSUER, Tokens};
use jwt_layer::Algorithm;
use serde::Deserialize;

#[derive(Clone, Debug, Deserialize)]
struct Claims {
    #[serde(flatten)]
    basic: jwt::BasicClaims,
    scope: Scope,
}

impl jwt::CoreClaims for Claims {
    fn nbf(&self) -> Option<aliri_clock::UnixTime> {
        self.basic.nbf()
    }

    fn exp(&self) -> Option<aliri_clock::UnixTime> {
        self.basic.exp()
    }

    fn aud(&self) -> &jwt::Audiences {
        self.basic.aud()
    }

    fn iss(&self) -> Option<&jwt::IssuerRef> {
        self.basic.iss()
    }

    fn sub(&self) -> Option<&jwt::SubjectRef> {
        self.basic.sub()
    }
}

impl HasScope for Claims {
    fn scope(&self) -> &Scope {
        &self.scope
    }
}

pub(crate) fn router(tokens: &Tokens) -> Router {
    let algorithm = match tokens.algorithm {
        Algorithm::Hs256 => jwa::Algorithm::HS256,
        Algorithm::Es256 => jwa::Algorithm::ES256,
        _ => jwa::Algorithm::RS256,
    };
    let keys: Jwks = serde_json::from_str(&tokens.jwks).expect("a JWKS document");
    let validator = jwt::CoreValidator::default()
        .check_expiration()
        .with_leeway_secs(60)
        .add_approved_algorithm(algorithm)
        .add_allowed_audience(jwt::Audience::from_static(AUDIENCE))
        .require_issuer(jwt::Issuer::from_static(ISSUER));
    let authorizer = Oauth2Authorizer::new()
        .with_claims::<Claims>()
        .with_terse_error_handler::<Body>();
    let subject = async |Extension(claims): Extension<Claims>| {
        let subject = jwt::CoreClaims::sub(&claims);
        subject
            .map(|subject| subject.as_str().to_owned())
            .unwrap_or_default()
    };
    Router::new()
        .route("/me", get(subject))
        .layer(authorizer.jwt_layer(Authority::new(keys, validator)))
}
