//! The service that signs.

use std::error::Error;

use auth_layer::basic::Basic;
use auth_layer::{AuthError, AuthLayer, Identity, MemoryRateCounters, RequireAuth, ScopeSet};
use axum::Router;
use axum::extract::State;
use axum::http::header::CACHE_CONTROL;
use axum::http::{HeaderMap, Response};
use axum::response::IntoResponse;
use axum::routing::{get, post};
use jwt_layer::{AccessTokenRequest, Algorithm, Issuer, KeyRing, MemorySigningKeys};
use login::attempts::AttemptLimits;
use login::password::{MemoryUserStore, PasswordHasher, PasswordLogin, UserRecord};

use crate::{AUDIENCE, ISSUER};

pub(crate) async fn app() -> Result<Router, Box<dyn Error>> {
    // Keys that replace each other in time. In memory they are gone with the process, so nothing is
    // gained by sealing them; see the README for a store that several processes share.
    let ring = KeyRing::builder(Algorithm::Es256, MemorySigningKeys::new())
        .insecure_plain()
        .open()
        .await?;
    tokio::spawn(ring.run());
    let issuer = Issuer::builder(ISSUER, AUDIENCE, ring).build()?;

    // Who gets tokens: here one user with a password. Five wrong ones in five minutes, and no more.
    let users = MemoryUserStore::new();
    let hash = PasswordHasher::new().hash("correct-horse")?;
    let ann = UserRecord::new("user-1")
        .with_scopes("orders:read".parse::<ScopeSet>()?)
        .with_password_hash(hash);
    users.insert("ann", ann);
    let limits = AttemptLimits::new("5/5m/account", MemoryRateCounters::new())?;
    let login = PasswordLogin::builder(users)
        .attempt_limits(limits)
        .build()?;
    let basic = Basic::new("shop", login);

    Ok(Router::new()
        .route("/token", post(token))
        .route_layer(RequireAuth::authenticated())
        .layer(AuthLayer::new(basic))
        .route("/.well-known/jwks.json", get(keys))
        .with_state(issuer))
}

/// The token, which nobody on the way may keep.
async fn token(
    State(issuer): State<Issuer>,
    identity: Identity,
) -> Result<impl IntoResponse, AuthError> {
    let token = issuer.issue(&AccessTokenRequest::for_identity(&identity))?;
    let headers = [(CACHE_CONTROL, "no-store")];
    Ok((headers, format!("{}\n", token.expose())))
}

/// The public keys. Whoever fetches them may keep them for five minutes.
async fn keys(State(issuer): State<Issuer>, headers: HeaderMap) -> Response<String> {
    issuer.jwks_response(&headers)
}
