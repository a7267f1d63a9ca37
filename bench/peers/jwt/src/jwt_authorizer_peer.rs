//! jwt-authorizer: its layer asks that a response can be made from its error, and knows how for
//! axum 0.7 only. So the responses are wrapped, which costs a move.

use axum::Router;
use axum::body::Body;
use axum::extract::Extension;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use bench::sections::jwt::{AUDIENCE, ISSUER, Tokens};
use jsonwebtoken_9::TokenData;
use jwt_authorizer::{AuthError, IntoLayer as _, JwtAuthorizer, Validation};
use tokio::runtime::Runtime;
use tower::ServiceBuilder;

use crate::claims::Claims;

struct Answer(Response<Body>);

impl From<AuthError> for Answer {
    fn from(_: AuthError) -> Self {
        Self(StatusCode::UNAUTHORIZED.into_response())
    }
}

pub(crate) fn router(runtime: &Runtime, tokens: &Tokens) -> Router {
    let validation = Validation::new().iss(&[ISSUER]).aud(&[AUDIENCE]);
    let authorizer = JwtAuthorizer::<Claims>::from_jwks_text(&tokens.jwks).validation(validation);
    let authorizer = runtime.block_on(authorizer.build()).expect("an authorizer");
    let layer = ServiceBuilder::new()
        .map_response(|Answer(response): Answer| response)
        .layer(authorizer.into_layer())
        .map_response(Answer);
    let subject = async |Extension(token): Extension<TokenData<Claims>>| token.claims.sub;
    Router::new().route("/me", get(subject)).layer(layer)
}
