//! One service signs tokens, others verify them by its public keys: fetched, or from a file where
//! there is no network. All of them are this program; `ROLE` says which it is.
//!
//! ```console
//! $ ROLE=sign cargo run -p microservices
//! listening on http://127.0.0.1:3000
//! $ ROLE=orders LISTEN=127.0.0.1:3001 cargo run -p microservices
//! $ curl -s http://127.0.0.1:3000/.well-known/jwks.json >keys.json
//! $ ROLE=stock KEYS_FILE=keys.json LISTEN=127.0.0.1:3002 cargo run -p microservices
//! $ TOKEN=$(curl -s -u ann:correct-horse -X POST http://127.0.0.1:3000/token)
//! $ curl -H "Authorization: Bearer $TOKEN" http://127.0.0.1:3001/orders
//! $ curl -H "Authorization: Bearer $TOKEN" http://127.0.0.1:3002/stock
//! ```

#![expect(clippy::print_stdout, reason = "says where it listens")]

mod sign;
mod verify;

use std::env;
use std::error::Error;

use tokio::net::TcpListener;
use tracing_subscriber::EnvFilter;

/// What the signing service is called in tokens. A name, not an address: whoever verifies need not
/// reach it.
const ISSUER: &str = "https://id.shop.example";
/// What the services that verify are called together.
const AUDIENCE: &str = "https://shop.example";

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::from_default_env())
        .with_writer(std::io::stderr)
        .init();

    let app = match env::var("ROLE").as_deref() {
        Ok("sign") => sign::app().await?,
        Ok("orders") => verify::app("/orders", verify::fetched_keys()?)?,
        Ok("stock") => verify::app("/stock", verify::keys_from_file()?)?,
        _ => return Err("ROLE is sign, orders or stock".into()),
    };
    let listen = env::var("LISTEN").unwrap_or("127.0.0.1:3000".to_owned());
    let listener = TcpListener::bind(listen).await?;
    println!("listening on http://{}", listener.local_addr()?);
    axum::serve(listener, app).await?;
    Ok(())
}
