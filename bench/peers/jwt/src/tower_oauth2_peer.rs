//! tower-oauth2-resource-server, with aws-lc-rs.

use axum::Router;
use axum::body::Body;
use axum::extract::Extension;
use axum::routing::get;
use bench::sections::jwt::{AUDIENCE, ISSUER, Tokens};
use jsonwebtoken::Algorithm;
use tokio::runtime::Runtime;
use tower_oauth2_resource_server::server::OAuth2ResourceServer;
use tower_oauth2_resource_server::tenant::TenantConfiguration;
use tower_oauth2_resource_server::validation::ClaimsValidationSpec;

use crate::claims::Claims;

pub(crate) fn router(runtime: &Runtime, tokens: &Tokens) -> Router {
    let audiences = vec![AUDIENCE.to_owned()];
    let algorithm: Algorithm = tokens.algorithm.as_str().parse().expect("an algorithm");
    let tenant = TenantConfiguration::static_builder(tokens.jwks.as_str())
        .audiences(&audiences)
        .claims_validation(
            ClaimsValidationSpec::new()
                .exp(true)
                .iss(ISSUER)
                .aud(&audiences),
        )
        .allowed_algorithms(&[algorithm])
        .build()
        .expect("a tenant");
    let server = OAuth2ResourceServer::<Claims>::builder().add_tenant(tenant);
    let server = runtime.block_on(server.build()).expect("a server");
    let subject = async |Extension(claims): Extension<Claims>| claims.sub;
    Router::new()
        .route("/me", get(subject))
        .layer(server.into_layer::<Body>())
}
