//! Basic authentication for an endpoint that a program asks.
//!
//! ```console
//! $ SCRAPE_PASSWORD=a-long-random-secret cargo run -p basic
//! listening on http://127.0.0.1:3000
//! $ curl -u prometheus:a-long-random-secret http://127.0.0.1:3000/metrics
//! ```

#![expect(clippy::print_stdout, reason = "says where it listens")]

use std::env;
use std::error::Error;

use auth_layer::basic::{Basic, StaticUsers};
use auth_layer::{AuthLayer, Identity, RequireAuth};
use axum::Router;
use axum::routing::get;
use tokio::net::TcpListener;
use tracing_subscriber::EnvFilter;

fn app(password: &str) -> Router {
    // For people, ask `login::password` instead: it hashes slowly.
    let users = StaticUsers::new().user(Identity::new("basic", "prometheus"), password);

    Router::new()
        .route("/metrics", get(metrics))
        // Guards the routes above it, and no path that does not exist.
        .route_layer(RequireAuth::authenticated())
        .route("/healthz", get(|| async { "alive" }))
        // Finds out who is asking, for all routes.
        .layer(AuthLayer::new(Basic::new("metrics", users)))
}

async fn metrics(identity: Identity) -> String {
    format!("up 1 # for {}\n", identity.subject())
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::from_default_env())
        .init();

    let password =
        env::var("SCRAPE_PASSWORD").map_err(|_| "set SCRAPE_PASSWORD to a long random secret")?;
    let listen = env::var("LISTEN").unwrap_or("127.0.0.1:3000".to_owned());
    let listener = TcpListener::bind(listen).await?;
    println!("listening on http://{}", listener.local_addr()?);
    axum::serve(listener, app(&password)).await?;
    Ok(())
}
