//! A public API with plans: users make keys, keys have quotas.
//!
//! ```console
//! $ cargo run -p api-keys
//! listening on http://127.0.0.1:3000
//! $ curl -u ann:correct-horse -d name=laptop http://127.0.0.1:3000/keys
//! $ curl -i -H 'X-API-Key: quotes_live_…' http://127.0.0.1:3000/v1/quote
//! ```

#![expect(clippy::print_stdout, reason = "says where it listens")]

mod keys;
mod leaks;
mod users;

use std::env;
use std::error::Error;
use std::net::{IpAddr, SocketAddr};

use apikey_layer::{ApiKeys, CachedApiKeys, KeyFormat, KeyRegistry, LastUses, SharedKeyOwners};
use auth_layer::basic::Basic;
use auth_layer::{AuthLayer, ClientAddressLayer, MemoryRateCounters, RequireAuth, TrustedProxies};
use axum::Router;
use axum::extract::ConnectInfo;
use axum::http::Extensions;
use axum::routing::get;
use sql_store::SqlDatabase;
use tokio::net::TcpListener;
use tower_http::csrf::CsrfLayer;
use tracing_subscriber::EnvFilter;

use crate::users::Users;

/// What handlers work with.
#[derive(Clone)]
struct Service {
    format: KeyFormat,
    registry: KeyRegistry,
}

async fn service() -> Result<(Router, LastUses), Box<dyn Error>> {
    // Keys in a database. What is in use is remembered for some seconds.
    let url = env::var("DATABASE_URL").unwrap_or("sqlite:api-keys.db".to_owned());
    let database = SqlDatabase::connect(&url).await?;
    database.migrate().await?;
    let store = CachedApiKeys::new(database.store().await?.api_keys());
    let format = KeyFormat::live("quotes")?;
    // Users have plans and no scopes: each may give any key what the API has.
    let registry = KeyRegistry::new(format.clone(), store.clone())
        .max_keys(10)
        .grantable_scopes(|_| keys::scopes());

    // What is limited is counted in memory; `RedisStore::rate_counters` counts for several processes,
    // and beyond a restart.
    let counters = MemoryRateCounters::new();

    // Who calls the API: by key.
    let uses = LastUses::new(store.clone());
    let api_keys = ApiKeys::new(format.clone(), store, SharedKeyOwners::new(Users))
        .realm("quotes")
        .quota(counters.clone())
        .cost(|parts| {
            if parts.uri.path() == "/v1/quotes" {
                10
            } else {
                1
            }
        })
        .failure_limit("30/m".parse()?, counters.clone())
        .last_uses(&uses);
    let api = Router::new()
        .route("/v1/quote", get(quote))
        .route("/v1/quotes", get(quotes))
        .route_layer(RequireAuth::scope("quotes:read"))
        .layer(api_keys.into_layer());

    // Who manages keys: by password. A key cannot. Browsers send a password along with what another
    // site makes them ask, so outside of everything nothing of other sites is let in.
    let own = keys::routes(counters.clone())?
        .route_layer(RequireAuth::authenticated())
        .layer(AuthLayer::new(Basic::new("quotes", users::login()?)))
        .layer(CsrfLayer::new());

    let service = Service { format, registry };
    let app = Router::new()
        .merge(own)
        .merge(api)
        .merge(leaks::routes(counters)?)
        .layer(ClientAddressLayer::new(TrustedProxies::none(), peer))
        .with_state(service);
    Ok((app, uses))
}

fn peer(extensions: &Extensions) -> Option<IpAddr> {
    let ConnectInfo(address) = extensions.get::<ConnectInfo<SocketAddr>>()?;
    Some(address.ip())
}

async fn quote() -> &'static str {
    "The best way out is always through.\n"
}

/// Ten of them, which cost ten.
async fn quotes() -> String {
    "The best way out is always through.\n".repeat(10)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    // `auth=info`: refusals, and keys that were made, replaced and revoked.
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| "warn,auth=info".into());
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .init();

    let (app, uses) = service().await?;
    tokio::spawn(uses.run());
    let listen = env::var("LISTEN").unwrap_or("127.0.0.1:3000".to_owned());
    let listener = TcpListener::bind(listen).await?;
    println!("listening on http://{}", listener.local_addr()?);
    let app = app.into_make_service_with_connect_info::<SocketAddr>();
    axum::serve(listener, app)
        .with_graceful_shutdown(async { drop(tokio::signal::ctrl_c().await) })
        .await?;
    uses.flush().await?;
    Ok(())
}
