//! Making, listing, rotating and revoking keys.
#![allow(clippy::unwrap_used, reason = "a test may")]

mod common;

use std::sync::Arc;
use std::time::Duration;

use apikey_layer::{
    ApiKeyStore, ApiKeys, KeyError, KeyRegistry, MemoryApiKeys, NewKey, Owner, SharedApiKeyStore,
};
use auth_layer::{EventKind, Identity, SecretDigest};
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
    assert_eq!(created.record.owner, Owner::of(&ann()));
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
    assert_eq!(record.digest, SecretDigest::of(key));
    let bytes = record.digest.as_bytes();
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
async fn keys_are_listed_page_by_page() {
    let world = world();
    for n in 0..25 {
        world
            .registry
            .create(&ann(), NewKey::new(format!("k{n}")))
            .await
            .unwrap();
        world
            .registry
            .create(&bob(), NewKey::new("other"))
            .await
            .unwrap();
    }
    let (mut seen, mut after) = (Vec::new(), None);
    loop {
        let page = world
            .registry
            .list(&ann(), after.as_ref(), 10)
            .await
            .unwrap();
        let Some(last) = page.last() else { break };
        after = Some(last.id);
        seen.extend(page.iter().map(|record| (record.id, record.name.clone())));
    }
    assert_eq!(seen.len(), 25);
    assert!(seen.is_sorted());
    assert!(seen.iter().all(|(_, name)| name.starts_with('k')));
    assert_eq!(
        world
            .registry
            .list(&ann(), None, usize::MAX)
            .await
            .unwrap()
            .len(),
        25
    );
    assert!(
        world
            .registry
            .list(&ann(), None, 0)
            .await
            .unwrap()
            .is_empty()
    );
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
            let (store, replaces) = (store.clone(), record.digest);
            tokio::spawn(async move {
                let rotation = apikey_layer::Rotation::new(replaces, digest, until);
                store.rotate(&id, &rotation).await.unwrap()
            })
        })
        .collect();
    let mut done = 0;
    for task in tasks {
        done += usize::from(task.await.unwrap() == apikey_layer::Rotated::Done);
    }
    assert_eq!(done, 1);
}

#[tokio::test]
async fn an_id_is_never_taken_over() {
    let store = MemoryApiKeys::new();
    let key = format().generate().unwrap();
    let record = |name: &str| {
        let owner = Owner::new(name);
        apikey_layer::KeyRecord::new(*key.id(), SecretDigest::of(name), owner, at(START))
    };
    assert!(store.insert(record("ann")).await.unwrap());
    assert!(!store.insert(record("eve")).await.unwrap());
    let kept = store.find(key.id()).await.unwrap().unwrap();
    assert_eq!(kept.owner.subject, "ann");
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
