//! Nothing stays in Redis for ever.

mod common;

use std::time::{Duration, SystemTime};

use auth_layer::digest::{NonceCounters as _, NonceId};
use auth_layer::{
    Charge, Identity, MAX_LEEWAY, RateCounters as _, RateKey, Revocations as _, SecretDigest,
    SingleUse as _, SingleUseKey, SubjectRevocation, random_bytes,
};
use redis_store::{RedisSessions, RedisStore};
use session_layer::{
    NewSeries, NewSession, Redemption, RememberStore as _, RememberedLogin, SessionBackend as _,
    SessionCap, SessionData, SessionId, SessionLimits, SessionRecord, Touch, UserKey, WhenFull,
};
use test_servers::RedisServer;

const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(86_400);
/// How long a test may take on a busy machine.
const SLACK: Duration = Duration::from_secs(30);

fn digest() -> SecretDigest {
    SecretDigest::from_bytes(random_bytes().expect("randomness"))
}

fn ann() -> Identity {
    Identity::builder(session_layer::SCHEME, "ann").build()
}

fn session(login: Option<Identity>) -> NewSession {
    let id = SessionId::generate().expect("randomness");
    let mut record = SessionRecord::new(id, SystemTime::now(), SessionLimits::STANDARD);
    record.login = login;
    NewSession::new(digest(), record)
}

async fn created(sessions: &RedisSessions, new: NewSession) -> NewSession {
    let _ = sessions.create(new.clone()).await.expect("create");
    new
}

/// All keys on these servers, and how much longer they are kept.
fn keys(nodes: &[&RedisServer]) -> Vec<(String, Duration)> {
    let mut all = Vec::new();
    for node in nodes {
        for key in node.command("KEYS *").lines() {
            if key.starts_with(['*', '$']) {
                continue;
            }
            let ttl = node.command(&format!("PTTL {key}"));
            let millis = ttl.trim().strip_prefix(':').expect("a number").parse();
            // A key without an end has -1.
            let millis: i64 = millis.expect("a number");
            let millis = u64::try_from(millis).unwrap_or_else(|_| panic!("{key}: {millis}"));
            all.push((key.to_owned(), Duration::from_millis(millis)));
        }
    }
    all
}

/// The only key that begins like this.
fn ttl_of(nodes: &[&RedisServer], kind: &str) -> Duration {
    let found = keys(nodes).into_iter();
    let found: Vec<_> = found
        .filter(|(key, _)| key.starts_with(&format!("auth:{kind}:")))
        .collect();
    assert_eq!(found.len(), 1, "{kind}: {found:?}");
    found[0].1
}

#[track_caller]
fn is_about(ttl: Duration, expected: Duration) {
    let range = expected.saturating_sub(SLACK)..=expected;
    assert!(range.contains(&ttl), "{ttl:?}, not {expected:?}");
}

async fn all_verbs_of_sessions(sessions: &RedisSessions) {
    let now = SystemTime::now();
    let key = UserKey::from(&ann());
    let cap = SessionCap::new(3, WhenFull::EvictOldest);
    for _ in 0..5 {
        let _ = created(sessions, session(Some(ann())).with_cap(cap)).await;
    }
    let anonymous = created(sessions, session(None)).await;
    let first = session(Some(ann()));
    let rotated = sessions.rotate(&anonymous.secret, None, first.clone());
    let _ = rotated.await.expect("rotate");
    let mut second = session(Some(ann()));
    second.record.id = first.record.id;
    let rotated = sessions.rotate(&first.secret, Some(1), second.clone());
    let _ = rotated.await.expect("rotate");
    let updated = sessions.update(&second.secret, 1, SessionData::from_bytes("{}".into()));
    let _ = updated.await.expect("update");
    let touch = Touch::new(now + HOUR, now + 2 * HOUR);
    assert!(sessions.touch(&second.secret, touch).await.expect("touch"));
    let fourth = created(sessions, session(Some(ann()))).await;
    assert!(sessions.delete(&fourth.secret).await.expect("delete"));
    let fifth = created(sessions, session(Some(ann()))).await;
    let ended = sessions.delete_by_id(&key, &fifth.record.id).await;
    assert!(ended.expect("delete_by_id"));
    let id = &second.record.id;
    let ended = sessions.delete_all(&key, Some(id)).await;
    assert_eq!(ended.expect("delete_all").len(), 3);
    assert_eq!(sessions.list(&key).await.expect("list").len(), 1);
    let _ = created(sessions, session(None)).await;
}

#[cfg(feature = "jwt")]
async fn all_verbs_of_refresh_families(store: &RedisStore) {
    use jwt_layer::refresh::{Family, FamilyId, FamilyState, RefreshStore as _, Rotation};

    let now = SystemTime::now();
    let families = store.refresh_families();
    for n in 0..3 {
        let id = FamilyId::from_bytes(random_bytes().expect("randomness"));
        let family = Family::new(id, ann(), now, now + 30 * DAY);
        let (current, next) = (digest(), digest());
        let new = FamilyState::new(family, current, now + HOUR);
        assert!(families.insert(new).await.expect("insert"));
        let rotation = Rotation::new(current, next, now, now + DAY);
        let rotation = rotation.replayable(HOUR, 1, b"sealed".to_vec());
        // Exchanged, replayed, too often, and used by a thief.
        for _ in 0..3 {
            let _ = families
                .rotate(&id, rotation.clone())
                .await
                .expect("rotate");
        }
        if n == 1 {
            let rotation = Rotation::new(digest(), digest(), now, now + DAY);
            let _ = families.rotate(&id, rotation).await.expect("rotate");
        }
        if n == 2 {
            assert!(families.end(&id).await.expect("end"));
        }
    }
    let listed = families.list(&UserKey::from(&ann())).await.expect("list");
    assert_eq!(listed.len(), 2);
}

/// Where the only index of families is, and its key.
#[cfg(feature = "jwt")]
fn index_of_families<'a>(nodes: &[&'a RedisServer]) -> Option<(&'a RedisServer, String)> {
    nodes.iter().find_map(|node| {
        let mut found = keys(&[*node]).into_iter().map(|(key, _)| key);
        let index = found.find(|key| key.starts_with("auth:families:"))?;
        Some((*node, index))
    })
}

/// A family is kept to its end, and the index of a user to the end of the one that lives longest.
#[cfg(feature = "jwt")]
async fn families_are_kept_as_long_as_they_live(store: &RedisStore, nodes: &[&RedisServer]) {
    use jwt_layer::refresh::{
        Family, FamilyId, FamilyState, RefreshStore as _, RotateOutcome, Rotation,
    };

    let now = SystemTime::now();
    let families = store.refresh_families();
    let insert = async |idle: Duration, life: Duration| {
        let id = FamilyId::from_bytes(random_bytes().expect("randomness"));
        let family = Family::new(id, ann(), now, now + life);
        let current = digest();
        let new = FamilyState::new(family, current, now + idle);
        assert!(families.insert(new).await.expect("insert"));
        (id, current)
    };
    let indexed = || {
        let index = index_of_families(nodes);
        index.map_or(0, |(node, index)| {
            let number = node.command(&format!("ZCARD {index}"));
            let number = number.trim().strip_prefix(':').expect("a number").parse();
            number.expect("a number")
        })
    };

    let (long, current) = insert(2 * HOUR, 30 * DAY).await;
    is_about(ttl_of(nodes, "family"), 2 * HOUR + MAX_LEEWAY);
    is_about(ttl_of(nodes, "families"), 30 * DAY + MAX_LEEWAY);
    let rotation = Rotation::new(current, digest(), now + HOUR, now + 9 * HOUR);
    let rotated = families.rotate(&long, rotation).await.expect("rotate");
    assert!(matches!(rotated, RotateOutcome::Rotated));
    // Counted from when it was rotated; that is not Redis' time.
    is_about(ttl_of(nodes, "family"), 8 * HOUR + MAX_LEEWAY);

    // One that lives shorter takes nothing from the index, and one that lives longer gives to it.
    let (short, _) = insert(HOUR, DAY).await;
    is_about(ttl_of(nodes, "families"), 30 * DAY + MAX_LEEWAY);
    let (longest, _) = insert(HOUR, 60 * DAY).await;
    is_about(ttl_of(nodes, "families"), 60 * DAY + MAX_LEEWAY);

    for (left, id) in [(2, short), (1, longest), (0, long)] {
        assert_eq!(indexed(), left + 1);
        assert!(families.end(&id).await.expect("end"));
        assert_eq!(indexed(), left);
    }
    assert_eq!(keys(nodes), []);
}

/// A family that was ended is ended, also if its index cannot be written to.
#[cfg(all(feature = "cluster", feature = "jwt"))]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_family_has_ended_though_its_index_cannot_be_written_to() {
    use jwt_layer::refresh::{Family, FamilyId, FamilyState, RefreshStore as _};

    let cluster = test_servers::RedisCluster::start();
    let store = RedisStore::new(common::cluster_pool(&cluster));
    let families = store.refresh_families();
    let now = SystemTime::now();
    let id = FamilyId::from_bytes(random_bytes().expect("randomness"));
    let new = FamilyState::new(Family::new(id, ann(), now, now + DAY), digest(), now + HOUR);
    assert!(families.insert(new).await.expect("insert"));
    // In the place of the index lies what is none: removing from it is an error.
    let nodes: Vec<_> = cluster.nodes().iter().collect();
    let (node, index) = index_of_families(&nodes).expect("an index");
    let _ = node.command(&format!("SET {index} none"));

    assert!(families.end(&id).await.expect("it has ended"));
    assert!(families.find(&id).await.expect("find").is_none());
    assert!(!families.end(&id).await.expect("end"));
}

async fn all_verbs_of_the_others(store: &RedisStore) {
    let now = SystemTime::now();
    let remembered = store.remembered();
    let mut newest = digest();
    for n in 0..3 {
        let login = RememberedLogin::new(ann(), now + n * HOUR, now + 30 * DAY);
        let (series, secret) = (digest(), digest());
        let new = NewSeries::new(series, secret, login, 2);
        assert!(remembered.insert(new).await.expect("insert"));
        let redemption = Redemption::new(secret, digest(), now, HOUR);
        let _ = remembered
            .redeem(&series, redemption)
            .await
            .expect("redeem");
        newest = series;
    }
    assert!(remembered.find(&newest).await.expect("find").is_some());
    assert!(remembered.delete(&newest).await.expect("delete"));

    #[cfg(feature = "jwt")]
    all_verbs_of_refresh_families(store).await;

    let revocations = store.revocations();
    for longer in [HOUR, DAY, HOUR] {
        let token = revocations.revoke_token("issuer", "id", now + longer);
        token.await.expect("revoke_token");
        let subject = SubjectRevocation::new("ann", now, longer).issuer("issuer");
        let subject = revocations.revoke_subject(&subject).await;
        subject.expect("revoke_subject");
    }

    let rates = store.rate_counters();
    let rate = "3/h".parse().expect("a rate");
    let charge = Charge::new(RateKey::new("test", ["ann"]), rate);
    for _ in 0..5 {
        let _ = rates.take(&[charge], now).await.expect("take");
        let _ = rates.peek(&[charge], now).await.expect("peek");
    }
    rates.give_back(&[charge], now).await.expect("give_back");

    let nonce = NonceId::from_bytes([7; 16]);
    let nonces = store.nonce_counters();
    for count in [1, 3, 2] {
        let advanced = nonces.advance(nonce, count, now + HOUR);
        assert_eq!(advanced.await.expect("advance"), count != 2);
    }

    let key = SingleUseKey::new("test", ["ann"]);
    for fresh in [true, false] {
        let claimed = store.single_use().claim(&key, now + HOUR, now).await;
        assert_eq!(claimed.expect("claim"), fresh);
    }
}

async fn every_key_has_an_end(store: &RedisStore, nodes: &[&RedisServer]) {
    let sessions = store.sessions();
    let user = ann();
    let now = SystemTime::now();
    let new = created(&sessions, session(Some(user.clone()))).await;
    let record = &new.record;
    let lives =
        |until: SystemTime| until.duration_since(record.last_seen_at).expect("later") + MAX_LEEWAY;
    is_about(ttl_of(nodes, "session"), lives(record.expires_at));
    is_about(ttl_of(nodes, "user"), lives(record.ends_at));
    // Counted from when it was seen; that is not Redis' time.
    let touch = Touch::new(now + 10 * HOUR, now + 40 * HOUR);
    assert!(sessions.touch(&new.secret, touch).await.expect("touch"));
    is_about(ttl_of(nodes, "session"), 30 * HOUR + MAX_LEEWAY);
    is_about(ttl_of(nodes, "user"), lives(record.ends_at));
    let all = sessions.delete_all(&UserKey::from(&user), None).await;
    assert_eq!(all.expect("delete_all").len(), 1);
    assert_eq!(keys(nodes), []);
    #[cfg(feature = "jwt")]
    families_are_kept_as_long_as_they_live(store, nodes).await;

    all_verbs_of_sessions(&sessions).await;
    all_verbs_of_the_others(store).await;
    is_about(ttl_of(nodes, "token"), DAY + MAX_LEEWAY);
    is_about(ttl_of(nodes, "subject"), DAY + MAX_LEEWAY);
    is_about(ttl_of(nodes, "nonce"), HOUR + MAX_LEEWAY);
    is_about(ttl_of(nodes, "used"), HOUR + MAX_LEEWAY);
    is_about(ttl_of(nodes, "rate"), 2 * HOUR / 3 + MAX_LEEWAY);
    let all = keys(nodes);
    let families = if cfg!(feature = "jwt") { 2 } else { 0 };
    for (kind, number) in [
        ("family", families),
        ("families", families / 2),
        ("session", 2),
        ("user", 1),
        ("remember", 1),
        ("remembered", 1),
        ("token", 1),
        ("subject", 1),
        ("rate", 1),
        ("nonce", 1),
        ("used", 1),
    ] {
        let beginning = format!("auth:{kind}:");
        let found = all.iter().filter(|(key, _)| key.starts_with(&beginning));
        assert_eq!(found.count(), number, "{kind}: {all:?}");
    }
    assert_eq!(all.len(), 10 + families + families / 2, "{all:?}");
    assert!(all.iter().all(|(_, ttl)| !ttl.is_zero()), "{all:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_key_has_an_end_on_one_server() {
    let server = RedisServer::start();
    every_key_has_an_end(&common::store(&server), &[&server]).await;
}

#[cfg(feature = "cluster")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_key_has_an_end_in_a_cluster() {
    let cluster = test_servers::RedisCluster::start();
    let nodes: Vec<_> = cluster.nodes().iter().collect();
    let store = RedisStore::new(common::cluster_pool(&cluster));
    every_key_has_an_end(&store, &nodes).await;
}
