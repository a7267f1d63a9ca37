//! Every scheme on the same routes. `cargo run -p showcase` starts it without configuration; the
//! variables of [`config`] change it.

#![expect(
    clippy::print_stderr,
    reason = "says in one line why it does not start"
)]

mod config;
mod duration;
mod json_object;
mod page;
mod problem;
mod routes;
mod schemes;
mod state;
mod stores;
mod tokens;
mod try_it;
mod user_table;
mod users;

#[cfg(test)]
mod tests;

use std::error::Error;
use std::io::Write as _;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;

use tokio::net::TcpListener;
use tracing_subscriber::EnvFilter;

use crate::config::{Config, WrongVariable};
use crate::state::AppState;

#[tokio::main]
async fn main() -> ExitCode {
    tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::try_from_default_env().unwrap_or_else(|_| "info".into()))
        .with_writer(std::io::stderr)
        .init();

    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<(), Box<dyn Error>> {
    let config = Config::from_env()?;
    let listener = TcpListener::bind(&config.listen)
        .await
        .map_err(|error| WrongVariable::new("LISTEN", error))?;
    let address = listener.local_addr()?;

    let settings = config.resolve(address)?;
    let state = AppState::new(&settings).await?;
    let added_users = Arc::clone(&state.added_users);
    let last_uses = state.last_uses.clone();
    let app = routes::app(state, &settings)?;
    tokio::spawn(last_uses.run());

    let mut out = std::io::stdout().lock();
    writeln!(out, "listening on http://{address}")?;
    try_it::print(&mut out, &settings, &added_users)?;
    drop(out);

    let service = app.into_make_service_with_connect_info::<SocketAddr>();
    axum::serve(listener, service)
        .with_graceful_shutdown(stop())
        .await?;
    // The last seconds. If that fails, they are all that is lost.
    let _ = last_uses.flush().await;
    Ok(())
}

/// Waits for Ctrl-C or a request of the system to stop.
async fn stop() {
    let interrupted = tokio::signal::ctrl_c();
    #[cfg(unix)]
    let terminated = async {
        match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
            Ok(mut signal) => drop(signal.recv().await),
            Err(_) => std::future::pending().await,
        }
    };
    #[cfg(not(unix))]
    let terminated = std::future::pending::<()>();
    tokio::select! {
        _ = interrupted => {}
        () = terminated => {}
    }
}
