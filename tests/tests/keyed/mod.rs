//! A small API that takes keys, for the tests of their limits.
#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    reason = "helpers of tests, of which each file uses a part"
)]

mod distant;

use std::net::{IpAddr, Ipv4Addr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use apikey_layer::{
    ApiKey, ApiKeyStore, ApiKeys, KeyFormat, KeyRegistry, NewKey, SharedApiKeyStore,
};
use auth_layer::{
    AuthLayer, ClientAddressLayer, Event, EventKind, Events, Identity, Rate, RequireAuth, Scheme,
    TrustedProxies,
};
use auth_test::{ManualClock, TestClient, TestResponse};
use axum::Router;
use axum::body::Bytes;
use axum::routing::{get, post};

#[allow(unused_imports, reason = "not every file has a use for it")]
pub use self::distant::Distant;

pub const START: u64 = 1_700_000_000;

/// Kind, reason and id of an event.
pub type Seen = (EventKind, Option<&'static str>, Option<String>);

pub struct Keyed {
    pub clock: ManualClock,
    pub registry: KeyRegistry,
    pub store: SharedApiKeyStore,
    pub seen: Arc<Mutex<Vec<Seen>>>,
    /// How often a handler ran.
    pub handled: Arc<AtomicUsize>,
}

pub fn rate(text: &str) -> Rate {
    text.parse().unwrap()
}

pub fn format() -> KeyFormat {
    KeyFormat::live("sk").unwrap()
}

pub fn ann() -> Identity {
    Identity::new("session", "ann")
}

impl Keyed {
    pub fn new(store: impl ApiKeyStore) -> Self {
        let clock = ManualClock::at_unix_seconds(START);
        let store = SharedApiKeyStore::new(store);
        Self {
            registry: KeyRegistry::new(format(), store.clone()).clock(clock.shared()),
            store,
            clock,
            seen: Arc::default(),
            handled: Arc::default(),
        }
    }

    pub async fn key(&self, limits: &[&str]) -> ApiKey {
        let limits = limits.iter().map(|limit| rate(limit));
        let new = NewKey::new("robot").limits(limits);
        self.registry.create(&ann(), new).await.unwrap().key
    }

    pub fn events(&self) -> Events {
        let seen = Arc::clone(&self.seen);
        Events::to(move |event: &Event<'_>| {
            let id = event.object_id.map(str::to_owned);
            seen.lock().unwrap().push((event.kind, event.reason, id));
        })
    }

    /// What was recorded besides successes.
    pub fn take_seen(&self) -> Vec<Seen> {
        let mut seen = std::mem::take(&mut *self.seen.lock().unwrap());
        seen.retain(|(kind, ..)| *kind != EventKind::Authenticated);
        seen
    }

    pub fn scheme(&self) -> ApiKeys {
        ApiKeys::danger_without_owners(format(), self.store.clone())
            .clock(self.clock.shared())
            .events(self.events())
    }

    pub fn client<S: Scheme>(&self, scheme: S) -> TestClient {
        TestClient::new(self.router(scheme, proxy()))
    }

    pub fn router<S: Scheme>(&self, scheme: S, proxies: TrustedProxies) -> Router {
        let handled = Arc::clone(&self.handled);
        let handler = move |_body: Bytes| {
            handled.fetch_add(1, Ordering::SeqCst);
            async { "done" }
        };
        Router::new()
            .route("/", get(handler.clone()))
            .route("/upload", post(handler))
            .route_layer(RequireAuth::authenticated())
            .layer(AuthLayer::new(scheme).events(self.events()))
            .layer(ClientAddressLayer::new(proxies, |_| {
                Some(IpAddr::V4(Ipv4Addr::LOCALHOST))
            }))
    }
}

/// A proxy that says in `X-Forwarded-For` where a request comes from.
pub fn proxy() -> TrustedProxies {
    TrustedProxies::x_forwarded_for(["127.0.0.1"]).unwrap()
}

pub async fn send(client: &TestClient, key: &str) -> TestResponse {
    client.get("/").header("x-api-key", key).await
}

pub async fn send_from(client: &TestClient, key: &str, address: &str) -> TestResponse {
    let request = client.get("/").header("x-api-key", key);
    request.header("x-forwarded-for", address).await
}

/// The status and what the limits say.
pub fn told(res: &TestResponse) -> (u16, Option<&str>, Option<&str>, Option<&str>) {
    (
        res.status().as_u16(),
        res.header("ratelimit-policy"),
        res.header("ratelimit"),
        res.header("retry-after"),
    )
}
