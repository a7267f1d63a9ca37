//! Keys that were published by mistake: what scanners look for, and where they report what they find.

use std::time::SystemTime;

use apikey_layer::{ApiKeyStore as _, KeyError};
use auth_layer::{MemoryRateCounters, RateLimit, SecretDigest};
use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::{get, post};

use crate::Service;
use crate::keys::Refused;

pub(crate) fn routes() -> Result<Router<Service>, auth_layer::ConfigError> {
    let limit = RateLimit::per_address("leaks", "60/m".parse()?, MemoryRateCounters::new())?;
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
    let key = body.trim();
    let Ok(id) = service.format.parse(key.as_bytes()) else {
        return Ok(StatusCode::ACCEPTED);
    };
    let found = service.store.find(&id).await;
    if let Some(record) = found.map_err(KeyError::Unavailable)? {
        let digest = SecretDigest::of(key);
        let previous = record.previous().map(|previous| previous.digest);
        // The secret before the current one shows a leak just as well.
        if record.digest() == digest || previous == Some(digest) {
            let revoked = service.store.revoke(&id, SystemTime::now()).await;
            revoked.map_err(KeyError::Unavailable)?;
        }
    }
    Ok(StatusCode::ACCEPTED)
}
