//! The scheme at the HTTP surface.
#![allow(clippy::unwrap_used, reason = "a test may")]

mod common;

use std::future::{Ready, ready};
use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use apikey_layer::{
    ApiKeyStore, ApiKeys, DisabledBy, Inserted, KeyFormat, KeyId, KeyOwners, KeyRecord,
    MemoryApiKeys, NewKey, Owner, OwnerAuthority, Rotated, Rotation, SharedApiKeyStore,
    SharedKeyOwners, SupersededKey,
};
use auth_layer::{
    AuthError, ClientAddress, Event, EventKind, Events, FactorKind, Identity, Requirement, Scheme,
    ScopeSet, scheme_fn,
};
use common::*;
use http::{Request, StatusCode, header};

#[tokio::test]
async fn a_good_key_is_its_owner() {
    let world = world();
    let owner = Identity::builder("bearer", "ann")
        .issuer("https://id.example.com")
        .tenant("acme")
        .scopes("read write".parse().unwrap())
        .role("editor")
        .build();
    let new = NewKey::new("build")
        .scopes("read".parse().unwrap())
        .roles(["editor"])
        .expires_in(Duration::from_secs(60));
    let created = world.registry.create(&owner, new).await.unwrap();
    let request = Request::builder().header("x-api-key", created.key.expose());
    let (parts, ()) = request.body(()).unwrap().into_parts();
    let credential = world.keys.extract(&parts).unwrap().unwrap();
    let identity = world.keys.verify(credential).await.unwrap();

    assert_eq!(identity.scheme(), "api-key");
    assert!(identity.is_same_principal(&owner));
    assert_eq!(identity.key_id(), Some(created.key.id().as_str()));
    assert_eq!(identity.scopes().to_string(), "read");
    assert_eq!(identity.roles().collect::<Vec<_>>(), ["editor"]);
    assert_eq!(identity.expires_at(), Some(at(START + 60)));
    assert!(identity.raw_claims().is_none());
}

#[tokio::test]
async fn keys_come_in_their_header_or_as_bearer_tokens() {
    let world = world();
    let created = world
        .registry
        .create(&ann(), NewKey::new("k"))
        .await
        .unwrap();
    let key = created.key.expose();
    let who = format!("ann/{}", created.key.id());
    let bearer = format!("Bearer {key}");
    let lower = format!("bearer   {key} ");
    let padded = format!("  {key}  ");
    let jwt = "Bearer eyJhbGciOiJIUzI1NiJ9.e30.c2ln";
    for (headers, expected) in [
        (vec![], ""),
        (vec![("x-api-key", key)], &*who),
        (vec![("X-API-KEY", &*padded)], &who),
        (vec![("authorization", &*bearer)], &who),
        (vec![("authorization", &*lower)], &who),
        (vec![("x-api-key", key), ("authorization", &*bearer)], &who),
        (vec![("authorization", jwt)], ""),
        (vec![("authorization", "Basic cHJvbTpwcm9t")], ""),
        (vec![("x-api-key", key), ("authorization", jwt)], &who),
    ] {
        let res = send(world.keys.clone(), &headers).await;
        assert_eq!(
            (res.status(), &**res.body()),
            (StatusCode::OK, expected),
            "{headers:?}"
        );
    }
    let own = world
        .keys
        .clone()
        .header(header::HeaderName::from_static("x-token"))
        .unwrap();
    assert_eq!(send(own.clone(), &[("x-token", key)]).await.body(), &who);
    assert_eq!(send(own, &[("x-api-key", key)]).await.body(), "");
    let only = world.keys.clone().header_only();
    assert_eq!(send(only, &[("authorization", &bearer)]).await.body(), "");
    for name in [header::AUTHORIZATION, header::COOKIE] {
        assert_eq!(
            world.keys.clone().header(name).unwrap_err().option(),
            "header"
        );
    }
}

#[tokio::test]
async fn two_keys_are_a_bad_request() {
    let world = world();
    let first = world
        .registry
        .create(&ann(), NewKey::new("1"))
        .await
        .unwrap();
    let second = world
        .registry
        .create(&ann(), NewKey::new("2"))
        .await
        .unwrap();
    let (first, second) = (first.key.expose(), second.key.expose());
    let bearer = format!("Bearer {second}");
    for headers in [
        [("x-api-key", first), ("x-api-key", second)],
        [("x-api-key", first), ("x-api-key", first)],
        [("x-api-key", first), ("authorization", &bearer)],
    ] {
        let res = send(world.keys.clone(), &headers).await;
        assert_eq!(res.status(), StatusCode::BAD_REQUEST);
    }
}

/// Counts how often it is asked; answers only when waited for.
#[derive(Default)]
struct Counting {
    memory: MemoryApiKeys,
    asked: AtomicUsize,
    down: bool,
}

impl ApiKeyStore for Counting {
    async fn find(&self, id: &KeyId) -> Result<Option<Arc<KeyRecord>>, AuthError> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        tokio::task::yield_now().await;
        if self.down {
            return Err(AuthError::invalid("connection_reset"));
        }
        self.memory.find(id).await
    }

    async fn insert(&self, record: KeyRecord, limit: usize) -> Result<Inserted, AuthError> {
        self.memory.insert(record, limit).await
    }

    async fn rotate(&self, id: &KeyId, rotation: &Rotation) -> Result<Rotated, AuthError> {
        self.memory.rotate(id, rotation).await
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

fn other_case(letter: char) -> char {
    if letter.is_ascii_lowercase() {
        letter.to_ascii_uppercase()
    } else {
        letter.to_ascii_lowercase()
    }
}

#[tokio::test]
async fn apk_02_apk_12_what_is_no_key_costs_no_lookup() {
    let store = Arc::new(Counting::default());
    let world = world_over(Arc::clone(&store).into());
    let created = world
        .registry
        .create(&ann(), NewKey::new("k"))
        .await
        .unwrap();
    let key = created.key.expose();
    let test = KeyFormat::test("sk").unwrap().generate().unwrap();
    let other = KeyFormat::live("pk").unwrap().generate().unwrap();
    // One letter in the other case, in the id and in the secret, and all of them.
    let in_other_case = |mut letters: std::ops::Range<usize>| {
        let at = letters.find(|n| key.as_bytes()[*n].is_ascii_alphabetic());
        let at = at.unwrap();
        let mut changed = key.as_bytes().to_vec();
        changed[at] ^= 0x20;
        String::from_utf8(changed).unwrap()
    };
    let body = "sk_live_".len();
    let [id_case, secret_case] = [body..body + 12, body + 12..key.len() - 6].map(in_other_case);
    let swapped: String = key[body..].chars().map(other_case).collect();
    let swapped = format!("sk_live_{swapped}");
    for changed in [&id_case, &secret_case, &swapped] {
        assert_eq!(changed.len(), key.len());
        assert_ne!(changed, key);
        assert!(changed.eq_ignore_ascii_case(key));
    }
    for bad in [
        "",
        "sk_",
        "sk_live_",
        "rubbish",
        &key[..key.len() - 1],
        &key[1..],
        &format!("{key}a"),
        &id_case,
        &secret_case,
        &swapped,
        &key.replacen("sk_live_", "SK_LIVE_", 1),
        &key.replacen("sk_live_", "sk_Live_", 1),
        test.expose(),
        other.expose(),
        &"k".repeat(60_000),
    ] {
        let res = send(world.keys.clone(), &[("x-api-key", bad)]).await;
        assert_eq!(res.status(), StatusCode::UNAUTHORIZED);
        let bearer = format!("Bearer {bad}");
        let res = send(world.keys.clone(), &[("authorization", &bearer)]).await;
        let ours = bad.starts_with("sk_");
        assert_eq!(
            res.status() == StatusCode::UNAUTHORIZED,
            ours,
            "{}",
            &bad[..bad.len().min(60)]
        );
    }
    assert_eq!(store.asked.load(Ordering::Relaxed), 0);
    assert_eq!(
        send(world.keys, &[("x-api-key", key)]).await.status(),
        StatusCode::OK
    );
    assert_eq!(store.asked.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn a_store_that_is_down_is_not_the_key_s_fault() {
    let store = Counting {
        down: true,
        ..Counting::default()
    };
    let world = world_over(SharedApiKeyStore::new(store));
    let key = format().generate().unwrap();
    let res = send(world.keys, &[("x-api-key", key.expose())]).await;
    assert_eq!(res.status(), StatusCode::SERVICE_UNAVAILABLE);
}

#[tokio::test]
async fn apk_02_apk_05_all_refusals_look_the_same() {
    let world = world();
    let make = async |name: &str| {
        let new = NewKey::new(name).expires_in(Duration::from_secs(100));
        world.registry.create(&ann(), new).await.unwrap().key
    };
    let (revoked, disabled, expired) = (make("a").await, make("b").await, make("c").await);
    let unknown = format().generate().unwrap();
    // Another secret under an id that exists, with a right checksum: the old secret of a key that
    // was rotated without overlap.
    let wrong = make("d").await;
    world
        .registry
        .rotate(&ann(), wrong.id(), Duration::ZERO)
        .await
        .unwrap();
    let twice = make("e").await;
    world
        .registry
        .rotate(&ann(), twice.id(), Duration::from_secs(50))
        .await
        .unwrap();
    world
        .registry
        .rotate(&ann(), twice.id(), Duration::from_secs(50))
        .await
        .unwrap();

    for key in [&revoked, &disabled] {
        assert_eq!(
            send(world.keys.clone(), &[("x-api-key", key.expose())])
                .await
                .status(),
            200
        );
    }
    world.registry.revoke(&ann(), revoked.id()).await.unwrap();
    world
        .registry
        .set_disabled(&ann(), disabled.id(), true)
        .await
        .unwrap();
    world.set(START + 99);
    assert_eq!(
        send(world.keys.clone(), &[("x-api-key", expired.expose())])
            .await
            .status(),
        200
    );
    world.set(START + 100);

    let mut answers = Vec::new();
    for (key, reason) in [
        (&revoked, "key_revoked"),
        (&disabled, "key_disabled"),
        (&expired, "key_expired"),
        (&unknown, "unknown_key"),
        (&wrong, "replaced_secret"),
        (&twice, "wrong_secret"),
    ] {
        let res = send(world.keys.clone(), &[("x-api-key", key.expose())]).await;
        assert_eq!(res.status(), StatusCode::UNAUTHORIZED, "{reason}");
        assert_eq!(
            res.headers()[header::WWW_AUTHENTICATE],
            r#"ApiKey realm="api", header="X-API-Key""#
        );
        answers.push((res.headers().clone(), res.into_body()));

        let request = Request::builder().header("x-api-key", key.expose());
        let (parts, ()) = request.body(()).unwrap().into_parts();
        let credential = world.keys.extract(&parts).unwrap().unwrap();
        let error = world.keys.verify(credential).await.unwrap_err();
        assert_eq!(
            (error.reason(), error.code()),
            (reason, "invalid_credential")
        );
    }
    assert!(answers.iter().all(|answer| *answer == answers[0]));
    // What is switched off can be switched on again; what is revoked cannot.
    world.set(START + 50);
    for (key, status) in [(&disabled, 200), (&revoked, 401)] {
        world
            .registry
            .set_disabled(&ann(), key.id(), false)
            .await
            .unwrap();
        assert_eq!(
            send(world.keys.clone(), &[("x-api-key", key.expose())])
                .await
                .status(),
            status
        );
    }
}

#[tokio::test]
async fn apk_06_two_secrets_are_good_during_the_overlap() {
    let world = world();
    let old = world
        .registry
        .create(&ann(), NewKey::new("k"))
        .await
        .unwrap();
    let id = *old.key.id();
    let new = world
        .registry
        .rotate(&ann(), &id, Duration::from_secs(600))
        .await
        .unwrap();
    assert_eq!(new.key.id(), &id);
    assert_ne!(new.key.expose(), old.key.expose());
    world.recorded.lock().unwrap().clear();

    let identify = async |key: &str| {
        let request = Request::builder().header("x-api-key", key);
        let (parts, ()) = request.body(()).unwrap().into_parts();
        let credential = world.keys.extract(&parts).unwrap().unwrap();
        world.keys.verify(credential).await
    };
    let identity = identify(new.key.expose()).await.unwrap();
    assert!(identity.extra::<SupersededKey>().is_none());
    assert!(world.recorded.lock().unwrap().is_empty());

    for (now, good) in [(START, true), (START + 599, true), (START + 600, false)] {
        world.set(now);
        let result = identify(old.key.expose()).await;
        assert_eq!(result.is_ok(), good, "{now}");
        if let Ok(identity) = result {
            let superseded = identity.extra::<SupersededKey>().unwrap();
            assert_eq!(superseded.valid_until(), at(START + 600));
        }
        assert!(identify(new.key.expose()).await.is_ok());
    }
    let recorded = world.recorded.lock().unwrap().clone();
    assert_eq!(recorded.len(), 2);
    assert_eq!(recorded[0].0, EventKind::SupersededKeyUsed);
    assert_eq!(recorded[0].1, Some("replaced_secret_used"));
    assert_eq!(recorded[0].2.as_deref(), Some(id.as_str()));
}

#[tokio::test]
async fn apk_06_the_use_of_a_replaced_secret_tells_whose_and_from_where() {
    let world = world();
    let owner = Identity::builder("session", "ann").tenant("acme").build();
    let old = world.registry.create(&owner, NewKey::new("k")).await;
    let old = old.unwrap().key;
    let overlap = Duration::from_secs(60);
    let rotated = world.registry.rotate(&owner, old.id(), overlap).await;
    rotated.unwrap();
    let told = Arc::new(Mutex::new(Vec::new()));
    let telling = Arc::clone(&told);
    let keys = world
        .keys
        .clone()
        .own_issuer("https://id.example")
        .events(Events::to(move |event: &Event<'_>| {
            let who = event.identity.unwrap();
            telling.lock().unwrap().push(format!(
                "{} {:?} {:?} {:?} {:?}",
                who.subject(),
                who.issuer(),
                who.tenant(),
                event.scheme,
                event.address
            ));
        }));
    let address: IpAddr = "203.0.113.7".parse().unwrap();
    let request = Request::builder().header("x-api-key", old.expose());
    let (mut parts, ()) = request.body(()).unwrap().into_parts();
    parts.extensions.insert(ClientAddress::new(address));
    let credential = keys.extract(&parts).unwrap().unwrap();
    keys.verify(credential).await.unwrap();
    assert_eq!(
        *told.lock().unwrap(),
        [r#"ann Some("https://id.example") Some("acme") Some("api-key") Some(203.0.113.7)"#]
    );
}

#[tokio::test]
async fn apk_06_a_secret_replaced_without_overlap_is_refused_where_the_clock_is_behind() {
    let world = world();
    let old = world.registry.create(&ann(), NewKey::new("k")).await;
    let old = old.unwrap().key;
    let owner = ann();
    let rotate = world.registry.rotate(&owner, old.id(), Duration::ZERO);
    let new = rotate.await.unwrap().key;
    for now in [START, START - 1, START - 3_600] {
        world.set(now);
        let headers = [("x-api-key", old.expose())];
        assert_eq!(send(world.keys.clone(), &headers).await.status(), 401);
        let headers = [("x-api-key", new.expose())];
        assert_eq!(send(world.keys.clone(), &headers).await.status(), 200);
    }
    assert!(
        world
            .recorded
            .lock()
            .unwrap()
            .iter()
            .all(|(kind, ..)| { *kind != EventKind::SupersededKeyUsed })
    );
}

#[tokio::test]
async fn apk_06_an_identity_ends_with_the_secret_it_was_proved_by() {
    for (lifetime, end) in [
        (None, Some(START + 600)),
        (Some(60), Some(START + 60)),
        (Some(6_000), Some(START + 600)),
    ] {
        let world = world();
        let mut new = NewKey::new("k");
        if let Some(seconds) = lifetime {
            new = new.expires_in(Duration::from_secs(seconds));
        }
        let old = world.registry.create(&ann(), new).await.unwrap();
        let overlap = Duration::from_secs(600);
        let owner = ann();
        let rotate = world.registry.rotate(&owner, old.key.id(), overlap);
        rotate.await.unwrap();
        let request = Request::builder().header("x-api-key", old.key.expose());
        let (parts, ()) = request.body(()).unwrap().into_parts();
        let credential = world.keys.extract(&parts).unwrap().unwrap();
        let identity = world.keys.verify(credential).await.unwrap();
        assert_eq!(identity.expires_at(), end.map(at), "{lifetime:?}");
    }
}

#[tokio::test]
async fn apk_06_revoking_beats_the_overlap() {
    let world = world();
    let old = world
        .registry
        .create(&ann(), NewKey::new("k"))
        .await
        .unwrap();
    let id = *old.key.id();
    let new = world
        .registry
        .rotate(&ann(), &id, Duration::from_secs(600))
        .await
        .unwrap();
    world.registry.revoke(&ann(), &id).await.unwrap();
    for key in [old.key, new.key] {
        assert_eq!(
            send(world.keys.clone(), &[("x-api-key", key.expose())])
                .await
                .status(),
            401
        );
    }
}

#[tokio::test]
async fn apk_07_a_key_proves_no_presence() {
    let world = world();
    let created = world
        .registry
        .create(&ann(), NewKey::new("k"))
        .await
        .unwrap();
    let request = Request::builder().header("x-api-key", created.key.expose());
    let (parts, ()) = request.body(()).unwrap().into_parts();
    let credential = world.keys.extract(&parts).unwrap().unwrap();
    let identity = world.keys.verify(credential).await.unwrap();
    assert!(identity.factors().is_empty());
    assert_eq!(identity.auth_time(), None);
    assert_eq!(identity.session_id(), None);
    let hour = Duration::from_secs(3600);
    for requirement in [
        Requirement::max_age(hour),
        Requirement::factor_within(FactorKind::Password, hour),
        Requirement::acr(["any"]),
    ] {
        assert!(
            requirement.check(&identity, at(START)).is_err(),
            "{requirement:?}"
        );
    }
    let res = send(world.keys, &[("x-api-key", created.key.expose())]).await;
    assert!(!res.headers().contains_key(header::SET_COOKIE));
}

struct Users(Option<OwnerAuthority>);

impl KeyOwners for Users {
    async fn authority(&self, owner: &Owner) -> Result<Option<OwnerAuthority>, AuthError> {
        assert_eq!(owner.subject, "ann");
        Ok(self.0.clone())
    }
}

#[tokio::test]
async fn apk_08_a_key_loses_what_its_owner_loses() {
    let world = world();
    let new = NewKey::new("k")
        .scopes("read write".parse().unwrap())
        .roles(["editor"]);
    let created = world.registry.create(&ann(), new).await.unwrap();
    let read: ScopeSet = "read admin".parse().unwrap();
    for (authority, expected) in [
        (
            Some(OwnerAuthority::new(read.clone(), ["editor", "admin"])),
            Ok(("read", 1)),
        ),
        (Some(OwnerAuthority::new(read, ["admin"])), Ok(("read", 0))),
        (
            Some(OwnerAuthority::any_scope(["editor"])),
            Ok(("read write", 1)),
        ),
        (
            Some(OwnerAuthority::new::<String>(ScopeSet::new(), [])),
            Ok(("", 0)),
        ),
        (None, Err("owner_gone")),
    ] {
        let keys = world.keys_of(SharedKeyOwners::new(Users(authority)));
        let request = Request::builder().header("x-api-key", created.key.expose());
        let (parts, ()) = request.body(()).unwrap().into_parts();
        let credential = keys.extract(&parts).unwrap().unwrap();
        let result = keys.verify(credential).await;
        let seen = match &result {
            Ok(identity) => Ok((identity.scopes().to_string(), identity.roles().len())),
            Err(error) => Err(error.reason()),
        };
        assert_eq!(
            seen,
            expected.map(|(scopes, roles)| (scopes.to_owned(), roles))
        );
    }
}

#[tokio::test]
async fn apk_08_an_owner_who_cannot_be_asked_for_is_503() {
    struct Down;

    impl KeyOwners for Down {
        async fn authority(&self, _: &Owner) -> Result<Option<OwnerAuthority>, AuthError> {
            Err(AuthError::invalid("timeout"))
        }
    }

    let world = world();
    let created = world
        .registry
        .create(&ann(), NewKey::new("k"))
        .await
        .unwrap();
    let keys = world.keys_of(SharedKeyOwners::new(Down));
    assert_eq!(
        send(keys, &[("x-api-key", created.key.expose())])
            .await
            .status(),
        503
    );
}

#[tokio::test]
async fn apk_08_owners_are_asked_for_unless_that_is_said_to_be_dangerous() {
    let world = world();
    let created = world.registry.create(&ann(), NewKey::new("k")).await;
    let key = created.unwrap().key;
    let headers = [("x-api-key", key.expose())];
    let asking = ApiKeys::new(
        format(),
        world.store.clone(),
        SharedKeyOwners::new(Users(None)),
    );
    let trusting = ApiKeys::danger_without_owners(format(), world.store.clone());
    assert_eq!(send(asking, &headers).await.status(), 401);
    assert_eq!(send(trusting, &headers).await.status(), 200);
}

#[tokio::test]
async fn apk_09_the_query_is_not_read() {
    let world = world();
    let created = world
        .registry
        .create(&ann(), NewKey::new("k"))
        .await
        .unwrap();
    for name in ["api_key", "key", "x-api-key", "access_token"] {
        let uri = format!("/?{name}={}", created.key.expose());
        let res = send_request(world.keys.clone(), Request::get(uri).body(()).unwrap()).await;
        assert_eq!(res.body(), "", "{name}");
    }
}

#[tokio::test]
async fn apk_09_x_12_headers_with_keys_are_concealed() {
    let world = world();
    let created = world
        .registry
        .create(&ann(), NewKey::new("k"))
        .await
        .unwrap();
    let key = created.key.expose();
    let bearer = format!("Bearer {key}");
    for (name, value, concealed) in [
        ("x-api-key", key, true),
        ("x-api-key", "rubbish", true),
        ("authorization", &*bearer, true),
        ("authorization", "Bearer other", false),
        ("x-other", key, false),
    ] {
        let request = Request::builder().header(name, value).body(()).unwrap();
        let (mut parts, ()) = request.into_parts();
        world.keys.conceal(&mut parts.headers);
        assert_eq!(parts.headers[name].is_sensitive(), concealed, "{name}");
        if let Ok(Some(credential)) = world.keys.extract(&parts) {
            assert!(!format!("{credential:?}").contains(&key[20..]));
        }
    }
    // Where names are repeated, every value counts.
    let request = Request::builder()
        .header("x-api-key", key)
        .header("cookie", "a=1")
        .header("x-other", "1")
        .header("x-api-key", "rubbish")
        .header("cookie", "b=2")
        .header("authorization", &bearer);
    let (mut parts, ()) = request.body(()).unwrap().into_parts();
    world.keys.conceal(&mut parts.headers);
    for (name, value) in &parts.headers {
        let is_key = name == "x-api-key" || name == "authorization";
        assert_eq!(value.is_sensitive(), is_key, "{name}");
    }
    let request = Request::builder().header("x-api-key", key);
    let request = request.header("cookie", "a=1").header("cookie", "b=2");
    let request = request.header("authorization", "Bearer other");
    let (mut parts, ()) = request.body(()).unwrap().into_parts();
    world.keys.conceal(&mut parts.headers);
    for (name, value) in &parts.headers {
        assert_eq!(value.is_sensitive(), name == "x-api-key", "{name}");
    }
    let secret = &key[20..];
    let (key, record) = (&created.key, &created.record);
    for shown in [
        format!("{created:?}"),
        format!("{key:?}"),
        format!("{record:?}"),
    ] {
        assert!(!shown.contains(secret), "{shown}");
    }
}

#[tokio::test]
async fn apk_10_the_tenant_travels_with_the_key() {
    let world = world();
    let owner = Identity::builder("session", "ann").tenant("a").build();
    let created = world
        .registry
        .create(&owner, NewKey::new("k"))
        .await
        .unwrap();
    let request = Request::builder().header("x-api-key", created.key.expose());
    let (parts, ()) = request.body(()).unwrap().into_parts();
    let credential = world.keys.extract(&parts).unwrap().unwrap();
    let identity = world.keys.verify(credential).await.unwrap();
    let tenant = |wanted: &'static str| {
        Requirement::when("tenant", move |who: &Identity| who.tenant() == Some(wanted))
    };
    assert!(tenant("a").check(&identity, at(START)).is_ok());
    let error = tenant("b").check(&identity, at(START)).unwrap_err();
    assert_eq!(error.status(), StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn a_key_may_be_bound_to_networks() {
    let world = world();
    let new = NewKey::new("k").allowed_cidrs(["10.0.0.0/8".parse().unwrap()]);
    let created = world.registry.create(&ann(), new).await.unwrap();
    for (address, status) in [
        (Some("10.1.2.3"), 200),
        (Some("::ffff:10.1.2.3"), 200),
        (Some("11.1.2.3"), 401),
        (None, 401),
    ] {
        let mut request = Request::builder().header("x-api-key", created.key.expose());
        if let Some(address) = address {
            request = request.extension(ClientAddress::new(address.parse().unwrap()));
        }
        let res = send_request(world.keys.clone(), request.body(()).unwrap()).await;
        assert_eq!(res.status(), status, "{address:?}");
    }
}

#[tokio::test]
async fn x_11_each_scheme_asks_for_its_own() {
    let other = scheme_fn(
        "other",
        |_| Ok(None::<()>),
        |()| -> Ready<Result<Identity, AuthError>> { ready(Err(AuthError::missing())) },
    )
    .with_challenge(auth_layer::Challenge::new("Other"));
    let world = world();
    let key = format().generate().unwrap();
    let keys = world.keys.clone().realm("my \"api\"");
    let res = send((keys, other), &[("x-api-key", key.expose())]).await;
    let asked: Vec<_> = res
        .headers()
        .get_all(header::WWW_AUTHENTICATE)
        .iter()
        .collect();
    assert_eq!(
        asked,
        [r#"ApiKey realm="my \"api\"", header="X-API-Key""#, "Other"]
    );
}

#[test]
fn a_store_in_memory_is_ready_at_once() {
    let key = format().generate().unwrap();
    let request = Request::builder().header("x-api-key", key.expose());
    let (parts, ()) = request.body(()).unwrap().into_parts();
    let keys = ApiKeys::danger_without_owners(format(), Arc::new(MemoryApiKeys::new()));
    let credential = keys.extract(&parts).unwrap().unwrap();
    let mut future = std::pin::pin!(keys.verify(credential));
    let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
    assert!(future.as_mut().poll(&mut cx).is_ready());
}
