//! A scheme of one's own: a device sends its serial number and a secret in one header,
//! `X-Device: <serial>.<secret>`.
//!
//! ```console
//! $ cargo run -p custom-scheme
//! listening on http://127.0.0.1:3000
//! $ curl -H 'X-Device: sn-1.correct-horse' http://127.0.0.1:3000/telemetry
//! ```

#![expect(clippy::print_stdout, reason = "says where it listens")]

use std::collections::HashMap;
use std::env;
use std::error::Error;
use std::future::{Ready, ready};

use auth_layer::{AuthError, AuthLayer, Identity, RequireAuth, Scheme, SecretDigest};
use axum::Router;
use axum::http::HeaderMap;
use axum::http::request::Parts;
use axum::routing::get;
use tokio::net::TcpListener;
use tracing_subscriber::EnvFilter;

/// Devices by serial number. What is kept is a digest of each secret.
struct Devices(HashMap<String, SecretDigest>);

impl Scheme for Devices {
    type Credential = (String, SecretDigest);
    type Future = Ready<Result<Identity, AuthError>>;

    fn name(&self) -> &'static str {
        "device"
    }

    fn extract(&self, parts: &Parts) -> Result<Option<Self::Credential>, AuthError> {
        let Some(value) = parts.headers.get("x-device") else {
            return Ok(None);
        };
        let pair = value.to_str().ok().and_then(|value| value.split_once('.'));
        let (serial, secret) = pair.ok_or(AuthError::malformed("device_no_dot"))?;
        Ok(Some((serial.to_owned(), SecretDigest::of(secret))))
    }

    fn verify(&self, (serial, sent): Self::Credential) -> Self::Future {
        let known = self.0.get(&serial) == Some(&sent);
        ready(
            known
                .then(|| Identity::new("device", serial))
                .ok_or(AuthError::invalid("device")),
        )
    }

    // `Authorization` is concealed from logs by default; this credential is elsewhere.
    fn conceal(&self, headers: &mut HeaderMap) {
        headers
            .get_mut("x-device")
            .into_iter()
            .for_each(|value| value.set_sensitive(true));
    }
}

fn app() -> Router {
    let secret = SecretDigest::of("correct-horse");
    let devices = Devices(HashMap::from([("sn-1".to_owned(), secret)]));

    Router::new()
        .route(
            "/telemetry",
            get(|device: Identity| async move { format!("hello {}\n", device.subject()) }),
        )
        .route_layer(RequireAuth::authenticated())
        .layer(AuthLayer::new(devices))
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
