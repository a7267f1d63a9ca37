//! The service that is called.

use std::error::Error;
use std::net::{IpAddr, SocketAddr};

use apikey_layer::{ApiKeys, SharedKeyOwners};
use auth_layer::{ClientAddressLayer, Identity, RequireAuth, TrustedProxies};
use axum::Router;
use axum::extract::ConnectInfo;
use axum::http::Extensions;
use axum::routing::{get, post};

use crate::keys::{self, Callers};

pub(crate) async fn app() -> Result<Router, Box<dyn Error>> {
    // Every request asks the database, so that a key is over with its revocation. `CachedApiKeys`
    // around the store remembers its answers for a few seconds.
    let owners = SharedKeyOwners::new(Callers);
    let api_keys = ApiKeys::new(keys::format()?, keys::open().await?, owners).realm("stock");

    Ok(Router::new()
        .route(
            "/stock",
            get(count).route_layer(RequireAuth::scope("stock:read")),
        )
        .route(
            "/stock/reserve",
            post(reserve).route_layer(RequireAuth::scope("stock:reserve")),
        )
        .layer(api_keys.into_layer())
        // Outside of it: keys may be bound to networks. Behind a proxy name it here.
        .layer(ClientAddressLayer::new(TrustedProxies::none(), peer)))
}

fn peer(extensions: &Extensions) -> Option<IpAddr> {
    let ConnectInfo(address) = extensions.get::<ConnectInfo<SocketAddr>>()?;
    Some(address.ip())
}

async fn count(caller: Identity) -> String {
    format!("12 boxes, says stock to {}\n", caller.subject())
}

async fn reserve(caller: Identity) -> String {
    format!("a box is reserved for {}\n", caller.subject())
}
