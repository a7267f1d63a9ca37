//! When keys were last used is written behind: whatever the store does, requests go on.
#![allow(clippy::unwrap_used, reason = "a test may")]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use apikey_layer::{
    ApiKey, ApiKeyStore as _, ApiKeys, KeyFormat, KeyId, KeyRegistry, LastUses, MemoryApiKeys,
    NewKey, SharedApiKeyStore,
};
use auth_layer::{AuthErrorKind, Event, Events, Identity, RequireAuth};
use auth_test::{Faults, Faulty, ManualClock, TestClient};
use axum::Router;
use axum::routing::get;
use tokio::task::yield_now;
use tokio::time::{advance, timeout};

const START: u64 = 1_700_000_000;

/// Requests ask the store itself; what is written behind meets the faults.
struct World {
    client: TestClient,
    registry: KeyRegistry,
    store: SharedApiKeyStore,
    uses: LastUses,
    faults: Faults,
    clock: ManualClock,
}

fn world() -> World {
    let store = SharedApiKeyStore::new(MemoryApiKeys::new());
    let (faults, clock) = (Faults::new(), ManualClock::at_unix_seconds(START));
    let uses = LastUses::new(Faulty::new(store.clone(), &faults));
    let format = KeyFormat::live("sk").unwrap();
    let keys = ApiKeys::danger_without_owners(format.clone(), store.clone())
        .clock(clock.shared())
        .last_uses(&uses);
    let app = Router::new()
        .route("/", get(|| async {}))
        .route_layer(RequireAuth::authenticated())
        .layer(keys.into_layer());
    World {
        client: TestClient::new(app),
        registry: KeyRegistry::new(format, store.clone()).clock(clock.shared()),
        store,
        uses,
        faults,
        clock,
    }
}

impl World {
    async fn key(&self) -> ApiKey {
        let ann = Identity::new("session", "ann");
        let created = self.registry.create(&ann, NewKey::new("k")).await;
        created.unwrap().key
    }

    async fn use_key(&self, key: &ApiKey) -> u16 {
        let request = self.client.get("/").header("x-api-key", key.expose());
        request.await.status().as_u16()
    }

    /// Seconds since the start.
    async fn last_used(&self, id: &KeyId) -> Option<u64> {
        let record = self.store.find(id).await.unwrap().unwrap();
        let at = record.last_used_at()?;
        Some(auth_layer::unix_seconds(at) - START)
    }
}

#[tokio::test]
async fn apk_11_a_thousand_uses_are_one_write() {
    let world = world();
    let (busy, idle) = (world.key().await, world.key().await);
    for _ in 0..1_000 {
        assert_eq!(world.use_key(&busy).await, 200);
        world.clock.advance(Duration::from_millis(10));
    }
    assert_eq!(world.faults.calls(), 0, "a request waited for a write");
    assert_eq!(world.last_used(busy.id()).await, None);

    assert_eq!(world.uses.flush().await.unwrap(), 1);
    assert_eq!(world.faults.calls(), 1);
    assert_eq!(world.last_used(busy.id()).await, Some(9));
    assert_eq!(world.last_used(idle.id()).await, None);
    // Nothing new is no write.
    assert_eq!(world.uses.flush().await.unwrap(), 0);
    assert_eq!(world.faults.calls(), 1);
}

#[tokio::test]
async fn apk_11_only_good_keys_are_marked() {
    let world = world();
    let (revoked, replaced, unknown) = (
        world.key().await,
        world.key().await,
        KeyFormat::live("sk").unwrap().generate().unwrap(),
    );
    let ann = Identity::new("session", "ann");
    world.registry.revoke(&ann, revoked.id()).await.unwrap();
    let rotated = world
        .registry
        .rotate(&ann, replaced.id(), Duration::ZERO)
        .await;
    for key in [&revoked, &replaced, &unknown] {
        assert_eq!(world.use_key(key).await, 401);
    }
    assert_eq!(world.uses.flush().await.unwrap(), 0);
    assert_eq!(world.use_key(&rotated.unwrap().key).await, 200);
    assert_eq!(world.uses.flush().await.unwrap(), 1);
}

#[tokio::test]
async fn apk_11_a_failing_store_fails_no_request_and_loses_no_mark() {
    let world = world();
    let (first, second) = (world.key().await, world.key().await);
    world.faults.fail();
    for round in 0..5 {
        assert_eq!(world.use_key(&first).await, 200, "round {round}");
        let error = world.uses.flush().await.unwrap_err();
        assert_eq!(error.kind(), AuthErrorKind::Unavailable);
        world.clock.advance(Duration::from_secs(1));
    }
    assert_eq!(world.use_key(&second).await, 200);
    world.faults.heal();
    // What was kept and what has come since, each key once.
    assert_eq!(world.uses.flush().await.unwrap(), 2);
    assert_eq!(world.last_used(first.id()).await, Some(4));
    assert_eq!(world.last_used(second.id()).await, Some(5));
}

#[tokio::test]
async fn apk_11_a_hanging_store_holds_no_request_up() {
    let world = world();
    let key = world.key().await;
    assert_eq!(world.use_key(&key).await, 200);
    world.faults.pause();
    let uses = world.uses.clone();
    let flush = tokio::spawn(async move { uses.flush().await });
    while world.faults.waiting() == 0 {
        yield_now().await;
    }
    world.clock.advance(Duration::from_secs(7));
    let request = timeout(Duration::from_secs(10), world.use_key(&key));
    assert_eq!(request.await, Ok(200));

    // Whoever gives up takes no mark with them, and leaves the turn to the next.
    flush.abort();
    assert!(flush.await.unwrap_err().is_cancelled());
    world.faults.heal();
    assert_eq!(world.uses.flush().await.unwrap(), 1);
    assert_eq!(world.last_used(key.id()).await, Some(7));
}

#[tokio::test]
async fn apk_11_a_batch_that_is_not_taken_holds_no_other_one_up() {
    let world = world();
    for number in 0..1_200 {
        let id: KeyId = format!("{number:012}").parse().unwrap();
        world.uses.mark(&id, world.clock.shared().now());
    }
    world.faults.fail_times(1);
    let error = world.uses.flush().await.unwrap_err();
    assert_eq!(error.kind(), AuthErrorKind::Unavailable);
    assert_eq!(world.faults.calls(), 3);
    // What was not taken, and nothing else.
    assert_eq!(world.uses.flush().await.unwrap(), 500);
    assert_eq!(world.uses.flush().await.unwrap(), 0);
    assert_eq!(world.faults.calls(), 4);
}

#[tokio::test]
async fn apk_11_a_write_waits_for_the_one_before() {
    let world = world();
    let key = world.key().await;
    assert_eq!(world.use_key(&key).await, 200);
    world.faults.pause();
    let uses = world.uses.clone();
    let first = tokio::spawn(async move { uses.flush().await });
    while world.faults.waiting() == 0 {
        yield_now().await;
    }
    // At shutdown: what another task has taken to write is written before this one returns.
    let uses = world.uses.clone();
    let second = tokio::spawn(async move { uses.flush().await });
    for _ in 0..20 {
        yield_now().await;
    }
    assert!(!second.is_finished());
    world.faults.resume();
    assert_eq!(second.await.unwrap().unwrap(), 0);
    assert!(first.is_finished());
    assert_eq!(first.await.unwrap().unwrap(), 1);
}

#[tokio::test(start_paused = true)]
async fn apk_11_the_task_writes_again_and_again_and_tells_of_failures() {
    let world = world();
    let told: Arc<Mutex<Vec<String>>> = Arc::default();
    let sink = Arc::clone(&told);
    let events = Events::to(move |event: &Event<'_>| {
        let told = format!("{}: {:?}", event.kind.as_str(), event.reason);
        sink.lock().unwrap().push(told);
    });
    let uses = world.uses.clone().events(events);
    let task = tokio::spawn(uses.run());
    drop(uses);
    let key = world.key().await;
    let settle = async |seconds: u64| {
        advance(Duration::from_secs(seconds)).await;
        for _ in 0..20 {
            yield_now().await;
        }
    };
    settle(1).await; // the task sleeps

    assert_eq!(world.use_key(&key).await, 200);
    settle(28).await;
    assert_eq!(world.last_used(key.id()).await, None, "too early");
    settle(32).await;
    assert_eq!(world.last_used(key.id()).await, Some(0));
    assert!(told.lock().unwrap().is_empty());

    // A store that fails, and one that does not answer.
    for hangs in [false, true] {
        world.clock.advance(Duration::from_secs(60));
        assert_eq!(world.use_key(&key).await, 200);
        if hangs {
            world.faults.pause();
        } else {
            world.faults.fail();
        }
        let before = told.lock().unwrap().len();
        let mut waited = 0;
        while told.lock().unwrap().len() == before {
            settle(1).await;
            waited += 1;
            assert!(waited <= 60 + 30, "not told");
        }
        let unavailable = r#"unavailable: Some("last_uses_not_written")"#;
        assert_eq!(told.lock().unwrap().last().unwrap(), unavailable);
        world.faults.heal();
        settle(61).await;
    }
    assert_eq!(world.last_used(key.id()).await, Some(120));

    // Once nobody has it any more, what is left is written, and the task ends.
    world.clock.advance(Duration::from_secs(60));
    assert_eq!(world.use_key(&key).await, 200);
    let World {
        client,
        uses,
        store,
        ..
    } = world;
    drop((client, uses));
    settle(61).await;
    assert!(task.is_finished());
    let record = store.find(key.id()).await.unwrap().unwrap();
    let at = record.last_used_at().map(auth_layer::unix_seconds);
    assert_eq!(at, Some(START + 180));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn apk_11_marks_from_everywhere_add_up() {
    let world = world();
    let mut ids = Vec::new();
    for _ in 0..50 {
        ids.push(*world.key().await.id());
    }
    let ids = Arc::new(ids);
    let tasks: Vec<_> = (0..8_u64)
        .map(|task| {
            let (uses, ids) = (world.uses.clone(), Arc::clone(&ids));
            tokio::spawn(async move {
                for round in 0..200_u64 {
                    for id in ids.iter() {
                        let seconds = (round * 7 + task * 13) % 200;
                        let at = auth_layer::from_unix_seconds(START + seconds).unwrap();
                        uses.mark(id, at);
                    }
                    if round % 50 == task {
                        uses.flush().await.unwrap();
                    }
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    world.uses.flush().await.unwrap();
    for id in ids.iter() {
        assert_eq!(world.last_used(id).await, Some(199));
    }
}
