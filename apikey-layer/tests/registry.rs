//! Making, listing, rotating and revoking keys.
#![allow(clippy::unwrap_used, reason = "a test may")]

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use apikey_layer::{
    ApiKeyStore, ApiKeys, DisabledBy, Inserted, KeyError, KeyId, KeyRecord, KeyRegistry, Lookup,
    MemoryApiKeys, NewKey, Owner, Rotated, Rotation, SharedApiKeyStore,
};
use auth_layer::{AuthError, EventKind, Identity, Scheme as _, SecretDigest};
use common::*;
use http::StatusCode;

#[tokio::test]
async fn apk_01_the_owner_is_who_asks() {
    let world = world();
    let created = world
        .registry
        .create(&ann(), NewKey::new("k"))
        .await
        .unwrap();
    let id = created.key.id();
    assert_eq!(*created.record.owner(), Owner::of(&ann()));
    let elsewhere = Identity::builder("bearer", "ann")
        .issuer("https://other.example")
        .build();
    let tenant = Identity::builder("session", "ann").tenant("t").build();
    for other in [bob(), elsewhere, tenant] {
        let get = world.registry.get(&other, id).await.map(drop);
        let rotate = world
            .registry
            .rotate(&other, id, Duration::ZERO)
            .await
            .map(drop);
        let revoke = world.registry.revoke(&other, id).await;
        let disable = world.registry.set_disabled(&other, id, true).await;
        for result in [get, rotate, revoke, disable] {
            let error = result.unwrap_err();
            assert!(matches!(error, KeyError::NotFound), "{error:?}");
            assert_eq!(error.status(), StatusCode::NOT_FOUND);
        }
        assert!(
            world
                .registry
                .list(&other, None, 10)
                .await
                .unwrap()
                .keys
                .is_empty()
        );
    }
    assert_eq!(
        send(world.keys, &[("x-api-key", created.key.expose())])
            .await
            .status(),
        200
    );
}

#[tokio::test]
async fn apk_03_a_store_holds_nothing_that_could_be_used() {
    let world = world();
    let created = world
        .registry
        .create(&ann(), NewKey::new("k"))
        .await
        .unwrap();
    let key = created.key.expose();
    let record = world.store.find(created.key.id()).await.unwrap().unwrap();
    assert_eq!(record.digest(), SecretDigest::of(key));
    let digest = record.digest();
    let bytes = digest.as_bytes();
    assert!(
        !key.as_bytes()
            .windows(8)
            .any(|part| bytes.windows(8).any(|own| own == part))
    );
    assert!(!format!("{record:?}").contains(&key[20..]));
    for (_, _, _, shown) in &*world.recorded.lock().unwrap() {
        assert!(!shown.contains(&key[20..]), "{shown}");
    }
}

#[tokio::test]
async fn apk_07_keys_manage_no_keys() {
    let world = world();
    let created = world
        .registry
        .create(&ann(), NewKey::new("k"))
        .await
        .unwrap();
    let key = Identity::builder("api-key", "ann")
        .key_id(created.key.id().as_str())
        .build();
    let renamed = key.clone().with_scheme("session");
    for key in [key, renamed] {
        let create = world
            .registry
            .create(&key, NewKey::new("more"))
            .await
            .map(drop);
        let list = world.registry.list(&key, None, 1).await.map(drop);
        let revoke = world.registry.revoke(&key, created.key.id()).await;
        for result in [create, list, revoke] {
            assert_eq!(result.unwrap_err().status(), StatusCode::FORBIDDEN);
        }
    }
}

#[tokio::test]
async fn apk_08_a_key_gets_no_more_than_its_owner_has() {
    let world = world();
    for (new, status) in [
        (NewKey::new("k").scopes("read".parse().unwrap()), None),
        (
            NewKey::new("k")
                .scopes("read write".parse().unwrap())
                .roles(["editor"]),
            None,
        ),
        (
            NewKey::new("k").scopes("read admin".parse().unwrap()),
            Some(403),
        ),
        (NewKey::new("k").scopes("Read".parse().unwrap()), Some(403)),
        (NewKey::new("k").roles(["admin"]), Some(403)),
    ] {
        let result = world.registry.create(&ann(), new.clone()).await;
        assert_eq!(
            result.err().map(|error| error.status().as_u16()),
            status,
            "{new:?}"
        );
    }
    let wide = world
        .registry
        .clone()
        .grantable_scopes(|_| "admin".parse().unwrap_or_default());
    let admin = NewKey::new("k").scopes("admin".parse().unwrap());
    assert!(wide.create(&ann(), admin).await.is_ok());
}

/// The same person with a token that may do less.
fn narrow_ann() -> Identity {
    Identity::builder("bearer", "ann")
        .scopes("read".parse().unwrap())
        .role("editor")
        .build()
}

#[tokio::test]
async fn apk_08_a_narrow_token_gets_no_wide_key_by_rotating_it() {
    let world = world();
    let wide = NewKey::new("k").scopes("read write".parse().unwrap());
    let wide = world.registry.create(&ann(), wide).await.unwrap();
    let editor = NewKey::new("k").roles(["editor"]);
    let editor = world.registry.create(&ann(), editor).await.unwrap();
    let no_roles = Identity::builder("bearer", "ann")
        .scopes("read write".parse().unwrap())
        .build();
    for (who, key) in [(narrow_ann(), &wide.key), (no_roles, &editor.key)] {
        let overlap = Duration::from_secs(60);
        let error = world.registry.rotate(&who, key.id(), overlap).await;
        let error = error.unwrap_err();
        assert_eq!(error.status(), StatusCode::FORBIDDEN);
        let KeyError::Refused(error) = error else {
            panic!("{error:?}");
        };
        assert_eq!(error.reason(), "key_exceeds_owner");
        // Nothing has changed.
        let record = world.store.find(key.id()).await.unwrap().unwrap();
        assert_eq!(record.digest(), key.digest());
        assert_eq!(record.previous(), None);
        let rotated = world.registry.rotate(&ann(), key.id(), overlap).await;
        assert!(rotated.is_ok());
    }
    // A key that may do no more than the token is the token's to rotate.
    let read = NewKey::new("k").scopes("read".parse().unwrap());
    let read = world.registry.create(&ann(), read).await.unwrap();
    let who = narrow_ann();
    let rotated = world.registry.rotate(&who, read.key.id(), Duration::ZERO);
    assert!(rotated.await.is_ok());
}

#[tokio::test]
async fn apk_08_a_narrow_token_switches_no_wide_key_on() {
    let world = world();
    let wide = NewKey::new("k").scopes("read write".parse().unwrap());
    let wide = world.registry.create(&ann(), wide).await.unwrap();
    let id = wide.key.id();
    // Off is harmless, and may be urgent.
    let registry = &world.registry;
    registry
        .set_disabled(&narrow_ann(), id, true)
        .await
        .unwrap();
    let error = registry.set_disabled(&narrow_ann(), id, false).await;
    assert_eq!(error.unwrap_err().status(), StatusCode::FORBIDDEN);
    assert!(registry.get(&ann(), id).await.unwrap().is_disabled());
    registry.set_disabled(&ann(), id, false).await.unwrap();
    assert!(!registry.get(&ann(), id).await.unwrap().is_disabled());
}

#[tokio::test]
async fn apk_05_an_owner_does_not_undo_an_operator() {
    let world = world();
    let created = world.registry.create(&ann(), NewKey::new("k")).await;
    let key = created.unwrap().key;
    let status = async || {
        let headers = [("x-api-key", key.expose())];
        send(world.keys.clone(), &headers).await.status().as_u16()
    };
    let by_owner = async |disabled| {
        let owner = ann();
        let done = world.registry.set_disabled(&owner, key.id(), disabled);
        done.await.unwrap();
        status().await
    };
    let by_operator = async |disabled| {
        let done = world.registry.set_disabled_by_operator(key.id(), disabled);
        done.await.unwrap();
        status().await
    };
    assert_eq!(by_operator(true).await, 401);
    assert_eq!(by_owner(false).await, 401);
    assert_eq!(by_owner(true).await, 401);
    // And the other way round.
    assert_eq!(by_operator(false).await, 401);
    assert_eq!(by_owner(false).await, 200);
    let unknown = format().generate().unwrap();
    let error = world
        .registry
        .set_disabled_by_operator(unknown.id(), true)
        .await;
    assert!(matches!(error, Err(KeyError::NotFound)));
}

/// Keys in memory, with an answer at once that is old, and reads that can be made to fail once
/// something was written.
#[derive(Default)]
struct Moody {
    memory: MemoryApiKeys,
    /// Fails every read after a rotation.
    breaks: bool,
    broken: AtomicBool,
}

impl ApiKeyStore for Moody {
    fn find_now(&self, _: &KeyId) -> Lookup {
        Lookup::Missing
    }

    async fn find(&self, id: &KeyId) -> Result<Option<Arc<KeyRecord>>, AuthError> {
        if self.broken.load(Ordering::Relaxed) {
            return Err(AuthError::unavailable("connection_reset"));
        }
        self.memory.find(id).await
    }

    async fn insert(&self, record: KeyRecord, limit: usize) -> Result<Inserted, AuthError> {
        self.memory.insert(record, limit).await
    }

    async fn rotate(&self, id: &KeyId, rotation: &Rotation) -> Result<Rotated, AuthError> {
        let rotated = self.memory.rotate(id, rotation).await;
        self.broken.store(self.breaks, Ordering::Relaxed);
        rotated
    }

    async fn revoke(&self, id: &KeyId, at: SystemTime) -> Result<bool, AuthError> {
        self.memory.revoke(id, at).await
    }

    async fn revoke_owned_by(&self, owner: &Owner, at: SystemTime) -> Result<usize, AuthError> {
        self.memory.revoke_owned_by(owner, at).await
    }

    async fn set_disabled(
        &self,
        id: &KeyId,
        by: DisabledBy,
        disabled: bool,
    ) -> Result<bool, AuthError> {
        self.memory.set_disabled(id, by, disabled).await
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
async fn apk_06_a_store_that_fails_after_a_rotation_loses_no_secret() {
    let store = Arc::new(Moody {
        breaks: true,
        ..Moody::default()
    });
    let world = world_over(Arc::clone(&store).into());
    let new = NewKey::new("nightly").scopes("read".parse().unwrap());
    let created = world.registry.create(&ann(), new).await.unwrap();
    let overlap = Duration::from_secs(60);
    let owner = ann();
    let rotated = world.registry.rotate(&owner, created.key.id(), overlap);
    let rotated = rotated.await.unwrap();
    // What is returned is what is kept.
    let kept = store.memory.find(created.key.id()).await.unwrap().unwrap();
    assert_eq!(kept.digest(), rotated.key.digest());
    assert_eq!(rotated.record.digest(), kept.digest());
    assert_eq!(rotated.record.previous(), kept.previous());
    let previous = rotated.record.previous().unwrap();
    assert_eq!(previous.digest, created.key.digest());
    assert_eq!(previous.valid_until, at(START + 60));
    assert_eq!(rotated.record.name(), "nightly");
}

#[tokio::test]
async fn apk_05_the_registry_reads_no_cache() {
    let world = world_over(SharedApiKeyStore::new(Moody::default()));
    let created = world.registry.create(&ann(), NewKey::new("k")).await;
    let id = *created.unwrap().key.id();
    let registry = &world.registry;
    assert!(registry.get(&ann(), &id).await.is_ok());
    let rotated = registry.rotate(&ann(), &id, Duration::ZERO).await;
    assert!(rotated.is_ok());
    registry.set_disabled(&ann(), &id, true).await.unwrap();
    registry.revoke(&ann(), &id).await.unwrap();
}

#[tokio::test]
async fn an_owner_has_only_so_many_keys() {
    let mut world = world();
    world.registry = world.registry.max_keys(3);
    let minute = NewKey::new("k").expires_in(Duration::from_secs(60));
    let mut keys = Vec::new();
    for _ in 0..3 {
        let created = world.registry.create(&ann(), minute.clone()).await;
        keys.push(created.unwrap().key);
    }
    let create = async || world.registry.create(&ann(), NewKey::new("k")).await;
    let error = create().await.unwrap_err();
    assert!(matches!(error, KeyError::Full), "{error:?}");
    assert_eq!(error.status(), StatusCode::CONFLICT);
    let others = world.registry.create(&bob(), NewKey::new("k")).await;
    assert!(others.is_ok());
    // What is revoked or has expired makes room.
    world.registry.revoke(&ann(), keys[0].id()).await.unwrap();
    assert!(create().await.is_ok());
    assert!(create().await.is_err());
    world.set(START + 60);
    assert!(create().await.is_ok());
    assert!(create().await.is_ok());
    assert!(create().await.is_err());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_last_room_is_given_once() {
    let store = SharedApiKeyStore::new(MemoryApiKeys::new());
    let registry = KeyRegistry::new(format(), store).max_keys(5);
    let tasks: Vec<_> = (0..40)
        .map(|_| {
            let registry = registry.clone();
            tokio::spawn(async move { registry.create(&ann(), NewKey::new("k")).await.is_ok() })
        })
        .collect();
    let mut made = 0;
    for task in tasks {
        made += usize::from(task.await.unwrap());
    }
    assert_eq!(made, 5);
}

#[tokio::test]
async fn what_cannot_be_meant_is_refused_by_name() {
    let world = world();
    for (new, option) in [
        (NewKey::new(""), "name"),
        (NewKey::new(" "), "name"),
        (NewKey::new("a\nb"), "name"),
        (NewKey::new("n".repeat(101)), "name"),
        (NewKey::new("k").expires_in(Duration::ZERO), "expires_in"),
        (NewKey::new("k").expires_in(Duration::MAX), "expires_in"),
    ] {
        match world.registry.create(&ann(), new).await {
            Err(KeyError::Invalid(error)) => assert_eq!(error.option(), option),
            other => panic!("{option}: {other:?}"),
        }
    }
    let created = world
        .registry
        .create(&ann(), NewKey::new("k"))
        .await
        .unwrap();
    let long = Duration::from_secs(91 * 86_400);
    let error = world
        .registry
        .rotate(&ann(), created.key.id(), long)
        .await
        .unwrap_err();
    assert_eq!(error.status(), StatusCode::UNPROCESSABLE_ENTITY);
}

#[tokio::test]
async fn what_happens_is_recorded_once() {
    let world = world();
    let created = world
        .registry
        .create(&ann(), NewKey::new("k"))
        .await
        .unwrap();
    let id = *created.key.id();
    world
        .registry
        .rotate(&ann(), &id, Duration::ZERO)
        .await
        .unwrap();
    world.registry.revoke(&ann(), &id).await.unwrap();
    world.registry.revoke(&ann(), &id).await.unwrap();
    let recorded = world.recorded.lock().unwrap();
    let kinds: Vec<_> = recorded.iter().map(|(kind, ..)| *kind).collect();
    assert_eq!(
        kinds,
        [
            EventKind::KeyCreated,
            EventKind::KeyRotated,
            EventKind::Revoked
        ]
    );
    assert!(
        recorded
            .iter()
            .all(|(_, _, own, _)| own.as_deref() == Some(id.as_str()))
    );
}

#[tokio::test]
async fn apk_05_who_switches_a_key_is_recorded() {
    let world = world();
    let created = world.registry.create(&ann(), NewKey::new("k")).await;
    let id = *created.unwrap().key.id();
    let unknown = *format().generate().unwrap().id();
    world.recorded.lock().unwrap().clear();
    for disabled in [true, false] {
        let (registry, owner) = (&world.registry, ann());
        registry.set_disabled(&owner, &id, disabled).await.unwrap();
        let done = registry.set_disabled_by_operator(&id, disabled).await;
        done.unwrap();
        // Nothing happened, and nothing is told.
        let done = registry.set_disabled(&bob(), &id, disabled).await;
        assert!(matches!(done, Err(KeyError::NotFound)));
        let done = registry.set_disabled_by_operator(&unknown, disabled).await;
        assert!(matches!(done, Err(KeyError::NotFound)));
    }
    let recorded = world.recorded.lock().unwrap();
    let told: Vec<_> = recorded
        .iter()
        .map(|(kind, reason, own, shown)| {
            assert_eq!(own.as_deref(), Some(id.as_str()));
            (*kind, *reason, shown.contains("\"ann\""))
        })
        .collect();
    assert_eq!(
        told,
        [
            (EventKind::KeyDisabled, Some("by_owner"), true),
            (EventKind::KeyDisabled, Some("by_operator"), false),
            (EventKind::KeyEnabled, Some("by_owner"), true),
            (EventKind::KeyEnabled, Some("by_operator"), false),
        ]
    );
}

#[tokio::test]
async fn keys_in_memory_that_ended_long_ago_are_forgotten() {
    const DAY: u64 = 24 * 60 * 60;
    let store = Arc::new(MemoryApiKeys::new());
    let world = world_over(Arc::clone(&store).into());
    let mut ended = Vec::new();
    for _ in 0..2 {
        let new = NewKey::new("k").expires_in(Duration::from_secs(DAY));
        let created = world.registry.create(&ann(), new).await.unwrap();
        ended.push(created.key);
    }
    let others = world.registry.create(&bob(), NewKey::new("k")).await;
    let others = others.unwrap().key;
    // It would have gone on; the other one ends by itself a day later.
    world.registry.revoke(&ann(), ended[0].id()).await.unwrap();
    world.registry.revoke(&bob(), others.id()).await.unwrap();
    for (day, kept) in [(30, [true, true]), (31, [false, true]), (32, [false; 2])] {
        world.set(START + day * DAY);
        let created = world.registry.create(&ann(), NewKey::new("k")).await;
        created.unwrap();
        for (key, kept) in ended.iter().zip(kept) {
            let found = world.registry.get(&ann(), key.id()).await;
            assert_eq!(found.is_ok(), kept, "on day {day}");
            let headers = [("x-api-key", key.expose())];
            assert_eq!(send(world.keys.clone(), &headers).await.status(), 401);
        }
    }
    // Two of them went, and bob has not asked for a new one.
    assert_eq!(store.len(), 3 + 1);
    assert_eq!(
        world
            .registry
            .list(&ann(), None, 10)
            .await
            .unwrap()
            .keys
            .len(),
        3
    );
    // One that is in use is never too old.
    world.set(START + 4_000 * DAY);
    let created = world.registry.create(&ann(), NewKey::new("k")).await;
    created.unwrap();
    assert_eq!(store.len(), 4 + 1);
}

#[tokio::test]
async fn what_has_ended_is_not_rotated() {
    let world = world();
    let new = NewKey::new("k").expires_in(Duration::from_secs(10));
    let expired = world.registry.create(&ann(), new).await.unwrap();
    let revoked = world
        .registry
        .create(&ann(), NewKey::new("k"))
        .await
        .unwrap();
    world
        .registry
        .revoke(&ann(), revoked.key.id())
        .await
        .unwrap();
    world.set(START + 10);
    for key in [expired.key, revoked.key] {
        let error = world
            .registry
            .rotate(&ann(), key.id(), Duration::ZERO)
            .await
            .unwrap_err();
        assert_eq!(error.status(), StatusCode::CONFLICT);
    }
}

#[tokio::test]
async fn everything_of_an_owner_ends_at_once() {
    let world = world();
    let mut keys = Vec::new();
    for _ in 0..3 {
        keys.push(
            world
                .registry
                .create(&ann(), NewKey::new("k"))
                .await
                .unwrap()
                .key,
        );
    }
    let other = world
        .registry
        .create(&bob(), NewKey::new("k"))
        .await
        .unwrap()
        .key;
    world.registry.revoke(&ann(), keys[0].id()).await.unwrap();
    assert_eq!(
        world.registry.revoke_all(&Owner::of(&ann())).await.unwrap(),
        2
    );
    assert_eq!(
        world.registry.revoke_all(&Owner::of(&ann())).await.unwrap(),
        0
    );
    for key in keys {
        assert_eq!(
            send(world.keys.clone(), &[("x-api-key", key.expose())])
                .await
                .status(),
            401
        );
    }
    assert_eq!(
        send(world.keys, &[("x-api-key", other.expose())])
            .await
            .status(),
        200
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_rotations_at_once_one_succeeds() {
    let store = SharedApiKeyStore::new(MemoryApiKeys::new());
    let registry = KeyRegistry::new(format(), store.clone());
    let created = registry.create(&ann(), NewKey::new("k")).await.unwrap();
    let id = *created.key.id();
    let record = store.find(&id).await.unwrap().unwrap();
    let digests: Vec<_> = (0..40_u8).map(|n| SecretDigest::of([n])).collect();
    let until = at(START);
    let tasks: Vec<_> = digests
        .into_iter()
        .map(|digest| {
            let (store, replaces) = (store.clone(), record.digest());
            tokio::spawn(async move {
                let rotation = Rotation::new(replaces, digest, at(START), until);
                store.rotate(&id, &rotation).await.unwrap()
            })
        })
        .collect();
    let mut done = 0;
    for task in tasks {
        done += usize::from(task.await.unwrap() == Rotated::Done);
    }
    assert_eq!(done, 1);
}

#[tokio::test]
async fn an_id_is_never_taken_over() {
    let store = MemoryApiKeys::new();
    let key = format().generate().unwrap();
    let record = |name: &str| {
        let owner = Owner::new(name);
        KeyRecord::new(*key.id(), SecretDigest::of(name), owner, at(START))
    };
    assert_eq!(
        store.insert(record("ann"), 10).await.unwrap(),
        Inserted::Done
    );
    assert_eq!(
        store.insert(record("eve"), 10).await.unwrap(),
        Inserted::Taken
    );
    let kept = store.find(key.id()).await.unwrap().unwrap();
    assert_eq!(kept.owner().subject, "ann");
    assert!(
        store
            .list(&Owner::new("eve"), None, 10)
            .await
            .unwrap()
            .is_empty()
    );
    assert_eq!(store.len(), 1);
}

#[test]
fn traits() {
    fn shared<T: Send + Sync + Clone + std::fmt::Debug + 'static>() {}
    shared::<ApiKeys>();
    shared::<KeyRegistry>();
    shared::<SharedApiKeyStore>();
    fn plain<T: Send + Sync + std::fmt::Debug>() {}
    plain::<Arc<MemoryApiKeys>>();
    plain::<apikey_layer::CreatedKey>();
}

/// The users of a service are the same after its issuer has got another name.
#[tokio::test]
async fn keys_of_own_users_outlive_a_change_of_the_issuer() {
    let store = Arc::new(MemoryApiKeys::new());
    let registry = |issuer: &str| KeyRegistry::new(format(), Arc::clone(&store)).own_issuer(issuer);
    let user = |issuer: &str| Identity::builder("session", "ann").issuer(issuer).build();
    let (old, new) = ("https://old.example", "https://new.example");

    let created = registry(old)
        .create(&user(old), NewKey::new("nightly"))
        .await
        .unwrap();
    assert_eq!(created.record.owner(), &Owner::new("ann"));
    for (own, asks, is_hers) in [
        (new, user(new), true),
        (new, Identity::new("session", "ann"), true),
        (new, user(old), false),
        (old, user("https://other.example"), false),
    ] {
        let found = registry(own).get(&asks, created.key.id()).await;
        assert_eq!(found.is_ok(), is_hers, "{own} {:?}", asks.issuer());
    }

    let scheme = ApiKeys::danger_without_owners(format(), Arc::clone(&store)).own_issuer(new);
    let request = http::Request::builder().header("x-api-key", created.key.expose());
    let (parts, ()) = request.body(()).unwrap().into_parts();
    let presented = scheme.extract(&parts).unwrap().unwrap();
    let identity = scheme.verify(presented).await.unwrap();
    assert_eq!((identity.issuer(), identity.subject()), (Some(new), "ann"));
}
