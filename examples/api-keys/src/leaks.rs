//! Keys that were published by mistake: what scanners look for, and where they report what they find.

use auth_layer::{ConfigError, MemoryRateCounters, RateLimit};
use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::{get, post};

use crate::Service;
use crate::keys::Refused;

pub(crate) fn routes(counters: MemoryRateCounters) -> Result<Router<Service>, ConfigError> {
    let limit = RateLimit::per_address("leaks", "60/m".parse()?, counters)?;
    Ok(Router::new()
        .route("/leaked-keys", post(report).layer(limit))
        .route("/secret-scanning", get(pattern)))
}

/// What a scanner for published secrets looks for.
async fn pattern(State(service): State<Service>) -> String {
    format!("{}\n", service.format.scanning().regex())
}

/// Revokes the key that is the body. Nobody signs in for that: whoever has the whole key could use it, so
/// ending it is the least that they can do. The answer is always the same, so that it tells nobody
/// which keys are good.
async fn report(State(service): State<Service>, body: String) -> Result<StatusCode, Refused> {
    // It says whose key that was: in truth they get a message.
    service.registry.revoke_leaked(body.trim()).await?;
    Ok(StatusCode::ACCEPTED)
}
