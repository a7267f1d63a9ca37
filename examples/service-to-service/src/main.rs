//! One service calls another with an API key. Both are this program, and so is the command that makes
//! the keys; `ROLE` says which it is.
//!
//! ```console
//! $ ROLE=operator cargo run -p service-to-service -- make orders stock:read 127.0.0.0/8 >stock.key
//! $ ROLE=stock cargo run -p service-to-service
//! listening on http://127.0.0.1:3000
//! $ ROLE=orders KEY_FILE=stock.key LISTEN=127.0.0.1:3001 cargo run -p service-to-service
//! $ curl http://127.0.0.1:3001/orders
//! ```

#![expect(clippy::print_stdout, reason = "says where it listens")]

mod keys;
mod operator;
mod orders;
mod stock;

use std::env;
use std::error::Error;
use std::net::SocketAddr;

use tokio::net::TcpListener;
use tracing_subscriber::EnvFilter;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let role = env::var("ROLE");
    // `auth=info`: refusals, and keys that were replaced and are still used. The command says itself
    // what it has done.
    let default = match role.as_deref() {
        Ok("operator") => "warn",
        _ => "warn,auth=info",
    };
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| default.into());
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .init();

    let app = match role.as_deref() {
        Ok("operator") => return operator::run(env::args().skip(1)).await,
        Ok("stock") => stock::app().await?,
        Ok("orders") => orders::app()?,
        _ => return Err("ROLE is operator, stock or orders".into()),
    };
    let listen = env::var("LISTEN").unwrap_or("127.0.0.1:3000".to_owned());
    let listener = TcpListener::bind(listen).await?;
    println!("listening on http://{}", listener.local_addr()?);
    let app = app.into_make_service_with_connect_info::<SocketAddr>();
    axum::serve(listener, app).await?;
    Ok(())
}
