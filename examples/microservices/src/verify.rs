//! The services that verify.

use std::env;
use std::error::Error;
use std::fs;

use auth_layer::{Identity, RequireAuth};
use axum::Router;
use axum::routing::get;
use jwt_layer::{Algorithm, Jwt, KeySet, Keys, RemoteKeys, VerificationPolicy};

use crate::{AUDIENCE, ISSUER};

/// What a token must be, and the keys to verify it with, from wherever they come.
pub(crate) fn app(path: &str, keys: Keys) -> Result<Router, Box<dyn Error>> {
    let policy = VerificationPolicy::access_token(ISSUER, AUDIENCE)
        .algorithms([Algorithm::Es256])
        .build()?;
    let scope = RequireAuth::scope("orders:read");
    Ok(Router::new()
        .route(path, get(hello).layer(scope))
        .layer(Jwt::new(policy, keys).into_layer()))
}

/// Fetched when the first token comes, and again ahead of time. Those that are there are kept for a day
/// if the signing service cannot be reached.
pub(crate) fn fetched_keys() -> Result<Keys, Box<dyn Error>> {
    let url =
        env::var("KEYS_URL").unwrap_or("http://127.0.0.1:3000/.well-known/jwks.json".to_owned());
    Ok(RemoteKeys::from_url(url).build()?.into())
}

/// From a file: nothing is fetched, ever.
pub(crate) fn keys_from_file() -> Result<Keys, Box<dyn Error>> {
    let json = fs::read_to_string(env::var("KEYS_FILE")?)?;
    Ok(KeySet::from_jwks(&json, [Algorithm::Es256])?.into())
}

async fn hello(identity: Identity) -> String {
    format!("for {}\n", identity.subject())
}
