//! An API that accepts the access tokens of a provider which is there already.
//!
//! ```console
//! $ ISSUER=https://id.example.com AUDIENCE=https://api.example.com cargo run -p jwt-api
//! listening on http://127.0.0.1:3000
//! $ curl -H "Authorization: Bearer $TOKEN" http://127.0.0.1:3000/me
//! ```

#![expect(clippy::print_stdout, reason = "says where it listens")]

use std::env;
use std::error::Error;
use std::time::Duration;

use auth_layer::{AuthError, Identity, RequireAuth};
use axum::extract::State;
use axum::routing::get;
use axum::{Json, Router};
use jwt_layer::{Jwt, RemoteKeys, VerificationPolicy};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tracing_subscriber::EnvFilter;

fn app(issuer: &str, audience: &str) -> Result<Router, Box<dyn Error>> {
    // What a token must be. RFC 9068 marks access tokens; for a provider that does not follow it,
    // there is the laxer preset.
    let policy = match env::var("TOKENS").as_deref() {
        Ok("plain") => VerificationPolicy::plain_access_token(issuer, audience),
        _ => VerificationPolicy::access_token(issuer, audience),
    };
    let policy = policy
        .scope_claim(env::var("SCOPE_CLAIM").unwrap_or("scope".to_owned()))
        // Tokens of users and those of programs, which got them by client credentials.
        .accept_client_tokens()
        .build()?;

    // The keys, by discovery. They are fetched when the first token comes, and again ahead of time.
    let mut keys = RemoteKeys::discover(issuer);
    if let Ok(seconds) = env::var("KEYS_COOLDOWN") {
        keys = keys.cooldown(Duration::from_secs(seconds.parse()?));
    }
    let keys = keys.build()?;

    Ok(Router::new()
        .route("/me", get(me))
        .route("/reports", get(reports).layer(RequireAuth::scope("read")))
        .layer(Jwt::new(policy, keys.clone()).into_layer())
        .route("/readyz", get(ready))
        .with_state(keys))
}

async fn me(identity: Identity) -> Json<Value> {
    Json(json!({
        "subject": identity.subject(),
        "scopes": identity.scopes().iter().collect::<Vec<_>>(),
    }))
}

async fn reports(identity: Identity) -> String {
    format!("The reports of {}.\n", identity.subject())
}

/// 503 as long as there are no keys to verify with.
async fn ready(State(keys): State<RemoteKeys>) -> Result<&'static str, AuthError> {
    keys.ready().await?;
    Ok("ready\n")
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::from_default_env())
        .with_writer(std::io::stderr)
        .init();

    let needed = |name: &'static str| env::var(name).map_err(|_| format!("{name} is not set"));
    let app = app(&needed("ISSUER")?, &needed("AUDIENCE")?)?;
    let listen = env::var("LISTEN").unwrap_or("127.0.0.1:3000".to_owned());
    let listener = TcpListener::bind(listen).await?;
    println!("listening on http://{}", listener.local_addr()?);
    axum::serve(listener, app).await?;
    Ok(())
}
