//! A scheme of one's own: devices send a secret, `Authorization: Device <secret>`.
//!
//! ```console
//! $ cargo run -p custom-scheme
//! listening on http://127.0.0.1:3000
//! $ curl -H 'Authorization: Device correct-horse' http://127.0.0.1:3000/telemetry
//! ```
//!
//! The closures below are the short form. The trait behind them, `auth_layer::Scheme`, has three verbs
//! and an example of its own in its documentation.

#![expect(clippy::print_stdout, reason = "says where it listens")]

use std::collections::HashMap;
use std::env;
use std::error::Error;
use std::future::ready;

use auth_layer::{
    AuthError, AuthLayer, Challenge, Identity, RequireAuth, Scheme, SecretDigest, authorization,
    scheme_fn,
};
use axum::Router;
use axum::routing::get;
use tokio::net::TcpListener;
use tracing_subscriber::EnvFilter;

/// Finds devices by the digest of their secret; the secrets themselves are not kept.
fn devices(known: HashMap<[u8; 32], String>) -> impl Scheme {
    scheme_fn(
        "device",
        |parts| Ok(authorization(&parts.headers, "Device").map(SecretDigest::of)),
        move |sent| {
            let serial = known.get(sent.as_bytes());
            let identity = serial.map(|serial| Identity::new("device", serial.as_str()));
            ready(identity.ok_or(AuthError::invalid("unknown_device")))
        },
    )
    .with_challenge(Challenge::new("Device"))
}

fn app() -> Router {
    let secret = SecretDigest::of("correct-horse");
    let known = HashMap::from([(*secret.as_bytes(), "sn-1".to_owned())]);

    Router::new()
        .route("/telemetry", get(telemetry))
        .route_layer(RequireAuth::authenticated())
        .layer(AuthLayer::new(devices(known)))
}

async fn telemetry(device: Identity) -> String {
    format!("hello {}\n", device.subject())
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::from_default_env())
        .init();

    let listen = env::var("LISTEN").unwrap_or("127.0.0.1:3000".to_owned());
    let listener = TcpListener::bind(listen).await?;
    println!("listening on http://{}", listener.local_addr()?);
    axum::serve(listener, app()).await?;
    Ok(())
}
