//! Keys that somebody has found and reports.
#![allow(clippy::unwrap_used, reason = "a test may")]

mod common;

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use apikey_layer::{
    ApiKey, ApiKeyStore, CachedApiKeys, DisabledBy, Inserted, KeyError, KeyId, KeyRecord,
    KeyRegistry, MemoryApiKeys, NewKey, Owner, Rotated, Rotation, SharedApiKeyStore,
};
use auth_layer::{AuthError, EventKind, SecretDigest};
use common::*;

const OVERLAP: Duration = Duration::from_secs(60);

async fn make(world: &World) -> ApiKey {
    let created = world.registry.create(&ann(), NewKey::new("k")).await;
    created.unwrap().key
}

async fn rotate(world: &World, key: &ApiKey, overlap: Duration) -> ApiKey {
    let rotated = world.registry.rotate(&ann(), key.id(), overlap).await;
    rotated.unwrap().key
}

/// Whether the report ended a key; which has to be the one that was reported.
async fn ends(registry: &KeyRegistry, key: &str) -> bool {
    let ended = registry.revoke_leaked(key).await.unwrap();
    if let Some(record) = &ended {
        assert_eq!(*record.owner(), Owner::of(&ann()));
        assert!(key.contains(record.id().as_str()));
    }
    ended.is_some()
}

async fn is_revoked(world: &World, key: &ApiKey) -> bool {
    let record = world.store.find(key.id()).await.unwrap().unwrap();
    record.revoked_at().is_some()
}

fn revocations(world: &World) -> Vec<(Option<&'static str>, Option<String>)> {
    let recorded = world.recorded.lock().unwrap();
    let events = recorded.iter();
    events
        .filter(|(kind, ..)| *kind == EventKind::Revoked)
        .map(|(_, reason, id, _)| (*reason, id.clone()))
        .collect()
}

#[tokio::test]
async fn apk_05_a_key_that_was_found_is_revoked_and_recorded_once() {
    let world = world();
    let (leaked, kept) = (make(&world).await, make(&world).await);
    assert!(ends(&world.registry, leaked.expose()).await);
    assert!(is_revoked(&world, &leaked).await);
    assert!(!is_revoked(&world, &kept).await);
    // Again: nothing is left to end.
    assert!(!ends(&world.registry, leaked.expose()).await);
    let id = leaked.id().as_str().to_owned();
    assert_eq!(revocations(&world), [(Some("leaked"), Some(id))]);
    for (_, _, _, shown) in &*world.recorded.lock().unwrap() {
        assert!(!shown.contains(&leaked.expose()[20..]), "{shown}");
    }
}

#[tokio::test]
async fn apk_05_a_key_is_not_ended_by_whoever_knows_its_id() {
    let world = world();
    let key = make(&world).await;
    // Right in form and checksum, of an id that exists, and with another secret.
    let made_up = format().generate().unwrap();
    let record = KeyRecord::new(
        *made_up.id(),
        SecretDigest::of("another"),
        Owner::of(&ann()),
        at(START),
    );
    let inserted = world.store.insert(record, 10).await.unwrap();
    assert!(matches!(inserted, Inserted::Done));
    let unknown = format().generate().unwrap();
    let text = key.expose();
    let cut = &text[..text.len() - 1];
    let padded = format!("{text}\n");
    let test = text.replace("sk_live_", "sk_test_");
    for reported in [
        made_up.expose(),
        unknown.expose(),
        key.id().as_str(),
        cut,
        &padded,
        &test,
        "",
    ] {
        assert!(!ends(&world.registry, reported).await);
    }
    assert!(!is_revoked(&world, &made_up).await);
    assert!(!is_revoked(&world, &key).await);
    assert_eq!(revocations(&world), []);
}

#[tokio::test]
async fn apk_05_apk_06_a_leaked_secret_ends_its_key_as_long_as_it_is_good() {
    // When the old secret is reported, and whether that ends the key.
    for (seconds, expected) in [(0, true), (59, true), (60, false), (61, false)] {
        let world = world();
        let first = make(&world).await;
        let second = rotate(&world, &first, Duration::ZERO).await;
        let third = rotate(&world, &second, OVERLAP).await;
        world.set(START + seconds);
        assert!(!ends(&world.registry, first.expose()).await, "long over");
        assert!(!is_revoked(&world, &third).await);
        assert_eq!(
            ends(&world.registry, second.expose()).await,
            expected,
            "after {seconds} s"
        );
        assert_eq!(is_revoked(&world, &third).await, expected);
        assert_eq!(ends(&world.registry, third.expose()).await, !expected);
        assert!(is_revoked(&world, &third).await);
    }
}

#[tokio::test]
async fn apk_05_a_leaked_key_that_is_switched_off_does_not_come_back() {
    let world = world();
    let key = make(&world).await;
    let (owner, id) = (ann(), key.id());
    let switched = world.registry.set_disabled(&owner, id, true).await;
    switched.unwrap();
    assert!(ends(&world.registry, key.expose()).await);
    // Whether it may be switched on again or not: it stays revoked.
    let _ = world.registry.set_disabled(&owner, id, false).await;
    let headers = [("x-api-key", key.expose())];
    assert_eq!(send(world.keys.clone(), &headers).await.status(), 401);
}

#[tokio::test]
async fn apk_05_a_leaked_key_is_over_at_once_through_a_cache() {
    let world = world_over(CachedApiKeys::new(MemoryApiKeys::new()).into());
    let key = make(&world).await;
    let headers = [("x-api-key", key.expose())];
    assert_eq!(send(world.keys.clone(), &headers).await.status(), 200);
    assert!(ends(&world.registry, key.expose()).await);
    assert_eq!(send(world.keys.clone(), &headers).await.status(), 401);
}

/// Keys in memory that cannot be read, or not be revoked.
struct Failing {
    memory: MemoryApiKeys,
    reads: bool,
}

fn reset() -> AuthError {
    AuthError::unavailable("connection_reset")
}

impl ApiKeyStore for Failing {
    async fn find(&self, id: &KeyId) -> Result<Option<Arc<KeyRecord>>, AuthError> {
        if self.reads {
            self.memory.find(id).await
        } else {
            Err(reset())
        }
    }

    async fn insert(&self, record: KeyRecord, limit: usize) -> Result<Inserted, AuthError> {
        self.memory.insert(record, limit).await
    }

    async fn rotate(&self, id: &KeyId, rotation: &Rotation) -> Result<Rotated, AuthError> {
        self.memory.rotate(id, rotation).await
    }

    async fn revoke(&self, _: &KeyId, _: SystemTime) -> Result<bool, AuthError> {
        Err(reset())
    }

    async fn revoke_owned_by(&self, _: &Owner, _: SystemTime) -> Result<usize, AuthError> {
        Err(reset())
    }

    async fn set_disabled(&self, _: &KeyId, _: DisabledBy, _: bool) -> Result<bool, AuthError> {
        Err(reset())
    }

    async fn touch(&self, uses: &[(KeyId, SystemTime)]) -> Result<(), AuthError> {
        self.memory.touch(uses).await
    }

    async fn list(
        &self,
        owner: &Owner,
        after: Option<&KeyId>,
        limit: usize,
    ) -> Result<Vec<Arc<KeyRecord>>, AuthError> {
        self.memory.list(owner, after, limit).await
    }
}

#[tokio::test]
async fn apk_05_a_leak_that_could_not_be_ended_is_not_said_to_be() {
    for reads in [false, true] {
        let memory = MemoryApiKeys::new();
        let world = world_over(SharedApiKeyStore::new(Failing { memory, reads }));
        let key = make(&world).await;
        let error = world.registry.revoke_leaked(key.expose()).await;
        let error = error.unwrap_err();
        assert!(matches!(error, KeyError::Unavailable(_)), "{error:?}");
        assert_eq!(error.status(), 503);
        assert_eq!(revocations(&world), []);
    }
}
