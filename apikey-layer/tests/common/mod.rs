//! A registry, a scheme over the same store, and a clock that is set by hand.
#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    reason = "helpers of tests, of which each file uses a part"
)]

pub mod distant;

use std::convert::Infallible;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use apikey_layer::{
    ApiKeys, KeyFormat, KeyRegistry, MemoryApiKeys, SharedApiKeyStore, SharedKeyOwners,
};
use auth_layer::{AuthLayer, EmptyBody, Event, EventKind, Events, Identity, Scheme, SharedClock};
use http::{Request, Response};
use tower::{ServiceBuilder, ServiceExt};

pub const START: u64 = 1_700_000_000;

/// What was recorded: kind, reason, id, and the whole event as it would be printed.
pub type Recorded = Arc<Mutex<Vec<(EventKind, Option<&'static str>, Option<String>, String)>>>;

pub struct World {
    pub registry: KeyRegistry,
    pub keys: ApiKeys,
    pub store: SharedApiKeyStore,
    pub seconds: Arc<AtomicU64>,
    pub recorded: Recorded,
}

pub fn format() -> KeyFormat {
    KeyFormat::live("sk").unwrap()
}

pub fn at(seconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(seconds)
}

pub fn world() -> World {
    world_over(Arc::new(MemoryApiKeys::new()).into())
}

pub fn world_over(store: SharedApiKeyStore) -> World {
    let seconds = Arc::new(AtomicU64::new(START));
    let now = Arc::clone(&seconds);
    let clock = SharedClock::new(move || at(now.load(Ordering::Relaxed)));
    let recorded = Recorded::default();
    let sink = Arc::clone(&recorded);
    let events = Events::to(move |event: &Event<'_>| {
        let id = event.object_id.map(str::to_owned);
        let shown = format!("{event:?}");
        sink.lock()
            .unwrap()
            .push((event.kind, event.reason, id, shown));
    });
    World {
        registry: KeyRegistry::new(format(), store.clone())
            .clock(clock.clone())
            .events(events.clone()),
        keys: ApiKeys::danger_without_owners(format(), store.clone())
            .clock(clock)
            .events(events),
        store,
        seconds,
        recorded,
    }
}

impl World {
    /// A scheme over the same store that asks for owners.
    pub fn keys_of(&self, owners: SharedKeyOwners) -> ApiKeys {
        ApiKeys::new(format(), self.store.clone(), owners)
    }

    pub fn set(&self, seconds: u64) {
        self.seconds.store(seconds, Ordering::Relaxed);
    }
}

pub fn ann() -> Identity {
    Identity::builder("session", "ann")
        .scopes("read write".parse().unwrap())
        .role("editor")
        .build()
}

pub fn bob() -> Identity {
    Identity::new("session", "bob")
}

/// Who a request with these headers is, as `subject/key id`, or empty.
pub async fn send<S: Scheme>(scheme: S, headers: &[(&str, &str)]) -> Response<String> {
    let mut request = Request::builder().uri("/");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    send_request(scheme, request.body(()).unwrap()).await
}

pub async fn send_request<S: Scheme>(scheme: S, request: Request<()>) -> Response<String> {
    let layer = AuthLayer::new(scheme)
        .events(Events::none())
        .with_refusal(EmptyBody);
    let service = ServiceBuilder::new()
        .layer(layer)
        .service_fn(|req: Request<()>| async move {
            let who = req.extensions().get::<Identity>();
            let who = who.map(|who| format!("{}/{}", who.subject(), who.key_id().unwrap_or("-")));
            Ok::<_, Infallible>(Response::new(who.unwrap_or_default()))
        });
    service.oneshot(request).await.unwrap()
}
