//! Failovers, restarts and permissions.

mod common;

use std::time::{Duration, Instant, SystemTime};

use auth_layer::digest::{NonceCounters as _, NonceId};
use auth_layer::{
    Charge, Identity, IssuedToken, RateCounters as _, RateKey, Revocations as _, SecretDigest,
    SubjectRevocation, TakeOutcome, random_bytes,
};
use redis_store::{LocalRevocations, NearCache, RedisSessions, RedisStore};
use session_layer::{
    NewSession, RememberStore as _, SessionBackend as _, SessionCap, SessionData, SessionId,
    SessionLimits, SessionLookup, SessionRecord, UserKey, WhenFull,
};
use test_servers::RedisServer;
use tokio::time::sleep;

const HOUR: Duration = Duration::from_secs(3600);

fn session(name: &str) -> NewSession {
    let id = SessionId::generate().expect("randomness");
    let mut record = SessionRecord::new(id, SystemTime::now(), SessionLimits::STANDARD);
    record.login = Some(Identity::builder(session_layer::SCHEME, name).build());
    NewSession::new(
        SecretDigest::from_bytes(random_bytes().expect("randomness")),
        record,
    )
}

/// Asks until the session is answered from memory.
async fn until_near(sessions: &RedisSessions, session: &NewSession) {
    let start = Instant::now();
    while !matches!(sessions.find_now(&session.secret), SessionLookup::Found(_)) {
        assert!(
            start.elapsed() < Duration::from_secs(5),
            "the cache does not come on"
        );
        let _ = sessions.find(&session.secret).await;
        sleep(Duration::from_millis(5)).await;
    }
}

/// Logs somebody in until it succeeds; how long it took.
#[cfg(any(feature = "cluster", feature = "sentinel"))]
async fn until_created(store: &RedisStore, name: &str, at_most: Duration) {
    let start = Instant::now();
    loop {
        match store.sessions().create(session(name)).await {
            Ok(outcome) => {
                assert!(
                    matches!(outcome, session_layer::CreateOutcome::Created { .. }),
                    "{outcome:?}"
                );
                return;
            }
            Err(error) => {
                assert!(
                    start.elapsed() < at_most,
                    "{error:?} after {:?}",
                    start.elapsed()
                );
            }
        }
        sleep(Duration::from_millis(20)).await;
    }
}

#[cfg(feature = "sentinel")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ses_20_after_a_failover_the_new_master_is_asked() {
    let mut sentinel = test_servers::RedisSentinel::start();
    let store = RedisStore::new(common::sentinel_pool(&sentinel));
    let near = redis::sentinel::SentinelClient::build(
        vec![sentinel.url()],
        test_servers::RedisSentinel::MASTER_NAME.to_owned(),
        None,
        redis::sentinel::SentinelServerType::Master,
    );
    let near = NearCache::sentinel(near.expect("a URL"));
    let near = store
        .sessions()
        .near_cache(near)
        .expect("the options are fine");
    let before = session("ann");
    let _ = store
        .sessions()
        .create(before.clone())
        .await
        .expect("a master");
    until_near(&near, &before).await;
    sentinel.replicate();
    let sentinel = tokio::task::spawn_blocking(move || {
        sentinel.fail_over();
        sentinel
    });
    let sentinel = sentinel.await.expect("a failover");
    assert!(matches!(near.find_now(&before.secret), SessionLookup::Wait));
    until_created(&store, "ann", Duration::from_secs(3)).await;
    until_near(&near, &before).await;
    // What the replica had is there, and scripts run on it that it has never seen.
    let found = store
        .sessions()
        .find(&before.secret)
        .await
        .expect("a master");
    assert!(found.is_some());
    let key = before.record.user().expect("somebody");
    let ended = store
        .sessions()
        .delete_all(&key, None)
        .await
        .expect("a master");
    assert_eq!(ended.len(), 2);
    // The news comes from the new master now.
    let start = Instant::now();
    while !matches!(near.find_now(&before.secret), SessionLookup::Wait) {
        assert!(start.elapsed() < Duration::from_millis(200), "stale");
        sleep(Duration::from_millis(1)).await;
    }
    drop(sentinel);
}

#[cfg(feature = "cluster")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ses_20_a_cluster_serves_again_when_its_nodes_are_back() {
    let mut cluster = test_servers::RedisCluster::start();
    let store = RedisStore::new(common::cluster_pool(&cluster));
    for n in 0..30 {
        until_created(&store, &format!("user {n}"), Duration::from_secs(1)).await;
    }
    for node in cluster.nodes_mut() {
        node.kill();
    }
    let start = Instant::now();
    let found = store.sessions().find(&session("ann").secret).await;
    let error = found.expect_err("nobody is there");
    assert_eq!(error.kind(), auth_layer::AuthErrorKind::Unavailable);
    assert!(
        start.elapsed() < Duration::from_secs(2),
        "{:?}",
        start.elapsed()
    );
    for node in cluster.nodes_mut() {
        node.restart();
    }
    let whole = Instant::now();
    while !cluster
        .nodes()
        .iter()
        .all(|node| node.command("CLUSTER INFO").contains("state:ok"))
    {
        assert!(
            whole.elapsed() < Duration::from_secs(20),
            "the cluster does not come back"
        );
        sleep(Duration::from_millis(10)).await;
    }
    for n in 0..30 {
        until_created(&store, &format!("user {n}"), Duration::from_secs(2)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn x_06_without_memory_a_method_fails_and_changes_nothing() {
    let server = RedisServer::start();
    let store = RedisStore::new(common::pool(&server));
    let (sessions, now) = (store.sessions(), SystemTime::now());
    let (old, new) = (session("ann"), session("ann"));
    let key = UserKey::new(None, None, "ann");
    let _ = sessions.create(old.clone()).await.expect("create");
    let charge = Charge::new(
        RateKey::new("test", ["ann"]),
        "1/h".parse().expect("a rate"),
    );
    let rates = store.rate_counters();
    let _ = rates.take(&[charge], now).await.expect("take");
    server.command("CONFIG SET maxmemory 1");

    let capped = new
        .clone()
        .with_cap(SessionCap::new(1, WhenFull::EvictOldest));
    let failed = [
        sessions.create(capped.clone()).await.map(|_| ()),
        sessions
            .rotate(&old.secret, None, capped.clone())
            .await
            .map(|_| ()),
        sessions
            .rotate(&old.secret, None, session("bob"))
            .await
            .map(|_| ()),
        sessions
            .update(&old.secret, 1, SessionData::default())
            .await
            .map(|_| ()),
        store
            .revocations()
            .revoke_token("issuer", "id", now + HOUR)
            .await,
    ];
    for (index, failed) in failed.into_iter().enumerate() {
        let error = failed.expect_err("there is no memory");
        assert_eq!(
            error.kind(),
            auth_layer::AuthErrorKind::Unavailable,
            "{index}"
        );
    }
    let listed = sessions.list(&key).await.expect("list");
    assert_eq!((listed.len(), listed[0].id), (1, old.record.id));
    assert!(sessions.find(&old.secret).await.expect("find").is_some());
    assert!(sessions.find(&new.secret).await.expect("find").is_none());
    let outcome = rates
        .take(&[charge], now)
        .await
        .expect("an empty bucket needs none");
    assert!(
        matches!(outcome, TakeOutcome::Refused { .. }),
        "{outcome:?}"
    );
    server.command("CONFIG SET maxmemory 0");
    let _ = sessions.create(new).await.expect("create");
}

/// What ends needs no memory.
async fn without_memory_sessions_end(store: &RedisStore, nodes: &[&RedisServer]) {
    let sessions = store.sessions();
    let key = UserKey::new(None, None, "ann");
    let new: Vec<_> = (0..5).map(|_| session("ann")).collect();
    for new in &new {
        let _ = sessions.create(new.clone()).await.expect("create");
    }
    for node in nodes {
        node.command("CONFIG SET maxmemory 1");
    }
    let created = sessions.create(session("ann")).await;
    let error = created.expect_err("there is no memory");
    assert_eq!(error.kind(), auth_layer::AuthErrorKind::Unavailable);
    assert!(sessions.delete(&new[0].secret).await.expect("delete"));
    let id = &new[1].record.id;
    let ended = sessions.delete_by_id(&key, id).await;
    assert!(ended.expect("delete_by_id"));
    let (kept, all) = (&new[2].record.id, sessions.delete_all(&key, None));
    let but_one = sessions.delete_all(&key, Some(kept)).await;
    assert_eq!(but_one.expect("delete_all").len(), 2);
    assert_eq!(all.await.expect("delete_all"), [*kept]);
    for new in &new {
        let found = sessions.find(&new.secret).await.expect("find");
        assert!(found.is_none());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn x_06_without_memory_sessions_end() {
    let server = RedisServer::start();
    without_memory_sessions_end(&common::store(&server), &[&server]).await;
}

#[cfg(feature = "cluster")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn x_06_without_memory_sessions_end_in_a_cluster() {
    let cluster = test_servers::RedisCluster::start();
    let nodes: Vec<_> = cluster.nodes().iter().collect();
    let store = RedisStore::new(common::cluster_pool(&cluster));
    without_memory_sessions_end(&store, &nodes).await;
}

#[cfg(feature = "apikey")]
fn api_key(id: &str) -> apikey_layer::KeyRecord {
    let digest = SecretDigest::from_bytes(random_bytes().expect("randomness"));
    let owner = apikey_layer::Owner::new("ann");
    let id = id.parse().expect("an id");
    apikey_layer::KeyRecord::new(id, digest, owner, SystemTime::now())
}

#[cfg(feature = "apikey")]
async fn every_verb_of_api_keys(keys: &redis_store::RedisApiKeys) {
    use apikey_layer::{ApiKeyStore as _, DisabledBy, Inserted, Rotated, Rotation};

    let now = SystemTime::now();
    let (one, other) = (api_key("aaaaaaaaaaaa"), api_key("bbbbbbbbbbbb"));
    for record in [&one, &other] {
        let inserted = keys.insert(record.clone(), 2).await.expect("insert");
        assert_eq!(inserted, Inserted::Done);
    }
    let rotation = Rotation::new(one.digest(), other.digest(), now, now);
    let rotated = keys.rotate(one.id(), &rotation).await.expect("rotate");
    assert_eq!(rotated, Rotated::Done);
    let by = DisabledBy::Owner;
    assert!(keys.set_disabled(one.id(), by, true).await.expect("switch"));
    keys.touch(&[(*one.id(), now)]).await.expect("touch");
    assert!(keys.revoke(one.id(), now).await.expect("revoke"));
    let revoked = keys.revoke_owned_by(one.owner(), now).await;
    assert_eq!(revoked.expect("revoke_owned_by"), 1);
    let listed = keys.list(one.owner(), None, 10).await.expect("list");
    assert_eq!(listed.len(), 2);
    let found = keys.find(one.id()).await.expect("find");
    assert!(found.is_some_and(|record| record.last_used_at().is_some()));
}

/// A revocation needs no memory; what changes a key otherwise fails and changes nothing.
#[cfg(feature = "apikey")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn apk_05_without_memory_api_keys_end() {
    use apikey_layer::{ApiKeyStore as _, Rotation};

    let server = RedisServer::start();
    let keys = common::store(&server).api_keys();
    let ids = ["aaaaaaaaaaaa", "bbbbbbbbbbbb", "cccccccccccc"];
    let records = ids.map(api_key);
    for record in &records {
        let _ = keys.insert(record.clone(), 10).await.expect("insert");
    }
    server.command("CONFIG SET maxmemory 1");
    let now = SystemTime::now();
    let [one, rest @ ..] = &records;
    let rotation = Rotation::new(one.digest(), one.digest(), now, now);
    for failed in [
        keys.insert(api_key("dddddddddddd"), 10).await.map(drop),
        keys.rotate(one.id(), &rotation).await.map(drop),
    ] {
        let error = failed.expect_err("there is no memory");
        assert_eq!(error.kind(), auth_layer::AuthErrorKind::Unavailable);
    }
    assert!(keys.revoke(one.id(), now).await.expect("revoke"));
    let revoked = keys.revoke_owned_by(one.owner(), now).await;
    assert_eq!(revoked.expect("revoke_owned_by"), rest.len());
    server.command("CONFIG SET maxmemory 0");
    for record in &records {
        let found = keys.find(record.id()).await.expect("find");
        assert!(found.is_none_or(|record| record.revoked_at().is_some()));
    }
    // Nothing of them takes a place.
    let inserted = keys.insert(api_key("dddddddddddd"), 1).await;
    assert_eq!(inserted.expect("insert"), apikey_layer::Inserted::Done);
}

/// What has ended goes after its time, and so do the lists of an owner who has nothing left.
#[cfg(feature = "apikey")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ended_api_keys_and_lists_of_them_have_an_end() {
    use apikey_layer::ApiKeyStore as _;

    let server = RedisServer::start();
    let keys = common::store(&server).api_keys();
    let now = SystemTime::now();
    let lasting = api_key("aaaaaaaaaaaa");
    let expiring = api_key("bbbbbbbbbbbb").with_expires_at(now + HOUR);
    for record in [&lasting, &expiring] {
        let _ = keys.insert(record.clone(), 10).await.expect("insert");
    }
    let ttl = |key: &str| {
        let answer = server.command(&format!("PTTL auth:apikey:{key}"));
        answer.trim_start_matches(':').trim().parse::<i64>()
    };
    let days = |days: i64| days * 86_400_000;
    assert_eq!(ttl("aaaaaaaaaaaa"), Ok(-1));
    let kept = ttl("bbbbbbbbbbbb").expect("a number");
    assert!((days(30)..days(31)).contains(&kept), "{kept}");
    assert!(keys.revoke(lasting.id(), now).await.expect("revoke"));
    let kept = ttl("aaaaaaaaaaaa").expect("a number");
    assert!((days(29)..days(31)).contains(&kept), "{kept}");
    let all = server.command("KEYS auth:apikeys:*");
    let lists: Vec<_> = all
        .lines()
        .filter(|line| line.starts_with("auth"))
        .collect();
    assert_eq!(lists.len(), 2, "{lists:?}");
    for list in lists {
        let answer = server.command(&format!("PTTL {list}"));
        assert!(!answer.starts_with(":-"), "{list} stays: {answer}");
    }
}

/// An index forgets what ended long ago, once that is gone, and nothing that is still there.
#[cfg(feature = "apikey")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_index_of_api_keys_forgets_what_is_gone() {
    use apikey_layer::ApiKeyStore as _;

    let server = RedisServer::start();
    let keys = common::store(&server).api_keys().keep_ended(HOUR);
    let keys = keys.expect("a duration");
    let now = SystemTime::now();
    let (gone, kept) = (api_key("aaaaaaaaaaaa"), api_key("bbbbbbbbbbbb"));
    for record in [&gone, &kept] {
        let _ = keys.insert(record.clone(), 10).await.expect("insert");
        assert!(keys.revoke(record.id(), now).await.expect("revoke"));
    }
    server.command("DEL auth:apikey:aaaaaaaaaaaa");
    let all = server.command("KEYS auth:apikeys:*:ends");
    let ends = all.lines().find(|line| line.starts_with("auth"));
    let ends = ends.expect("an index");
    let is_there = |id: &str| server.command(&format!("ZSCORE {ends} {id}")) != "$-1\r\n";
    for (id, made, remains) in [
        ("cccccccccccc", now + HOUR, true),
        ("dddddddddddd", now + 2 * HOUR, false),
    ] {
        let digest = gone.digest();
        let owner = gone.owner().clone();
        let new = apikey_layer::KeyRecord::new(id.parse().expect("an id"), digest, owner, made);
        let inserted = keys.insert(new, 10).await.expect("insert");
        assert_eq!(inserted, apikey_layer::Inserted::Done);
        assert_eq!(is_there("aaaaaaaaaaaa"), remains, "{id}");
        assert!(is_there("bbbbbbbbbbbb"), "{id}");
    }
}

/// The list in the README is enough, and these keys are all there are.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_permissions_in_the_readme_suffice() {
    let readme = include_str!("../README.md");
    let begin = readme.find("ACL SETUSER").expect("it is there");
    let end = begin + readme[begin..].find("```").expect("it ends");
    let server = RedisServer::start();
    let words: Vec<_> = readme[begin..end].split_whitespace().collect();
    server.command(&words.join(" "));

    let url = format!("redis://app:secret@127.0.0.1:{}/", server.port());
    let pool = deadpool_redis::Config::from_url(&*url)
        .create_pool(Some(deadpool_redis::Runtime::Tokio1))
        .expect("a URL makes a pool");
    let store = RedisStore::new(pool);
    let client = redis::Client::open(url).expect("a URL");
    let sessions = store.sessions().near_cache(NearCache::new(client.clone()));
    let sessions = sessions.expect("the options are fine");

    let now = SystemTime::now();
    let (old, new) = (session("ann"), session("ann"));
    let key = UserKey::new(None, None, "ann");
    let _ = sessions.create(old.clone()).await.expect("create");
    let _ = sessions
        .update(&old.secret, 1, SessionData::default())
        .await
        .expect("update");
    let touch = session_layer::Touch::new(now + HOUR, now + 30 * HOUR);
    assert!(sessions.touch(&old.secret, touch).await.expect("touch"));
    let _ = sessions
        .rotate(&old.secret, None, new.clone())
        .await
        .expect("rotate");
    assert_eq!(sessions.list(&key).await.expect("list").len(), 1);
    until_near(&sessions, &new).await;
    assert!(sessions.delete(&new.secret).await.expect("delete"));
    assert!(
        sessions
            .delete_all(&key, None)
            .await
            .expect("delete_all")
            .is_empty()
    );

    let revocations = store
        .revocations()
        .local_copy(LocalRevocations::new(client));
    let revocations = revocations.expect("the options are fine");
    let subject = SubjectRevocation::new("ann", now, HOUR).issuer("issuer");
    revocations
        .revoke_subject(&subject)
        .await
        .expect("revoke_subject");
    revocations
        .revoke_token("issuer", "id", now + HOUR)
        .await
        .expect("revoke_token");
    let token = IssuedToken::new("issuer", "ann", Some("id"), now);
    assert!(revocations.is_revoked(&token).await.expect("is_revoked"));
    let deadline = Instant::now() + Duration::from_secs(5);
    while revocations.check_now(&token) != Some(true) {
        assert!(Instant::now() < deadline, "the copy does not come on");
        sleep(Duration::from_millis(2)).await;
    }
    #[cfg(feature = "jwt")]
    {
        use jwt_layer::SigningKeyStore as _;

        let keys = store.signing_keys();
        let replaced = keys.replace("ring", None, b"document").await;
        assert!(replaced.expect("replace"));
        let loaded = keys.load("ring").await.expect("load");
        assert_eq!(loaded.as_deref(), Some(&b"document"[..]));
    }

    #[cfg(feature = "apikey")]
    every_verb_of_api_keys(&store.api_keys()).await;

    let charge = Charge::new(
        RateKey::new("test", ["ann"]),
        "5/m".parse().expect("a rate"),
    );
    let rates = store.rate_counters();
    let _ = rates.take(&[charge], now).await.expect("take");
    rates.give_back(&[charge], now).await.expect("give_back");
    let nonce = NonceId::from_bytes([7; 16]);
    let counters = store.nonce_counters();
    assert!(
        counters
            .advance(nonce, 1, now + HOUR)
            .await
            .expect("advance")
    );

    let remembered = store.remembered();
    let login = Identity::builder(session_layer::SCHEME, "ann").build();
    let login = session_layer::RememberedLogin::new(login, now, now + HOUR);
    let (series, secret) = (old.secret, new.secret);
    let new = session_layer::NewSeries::new(series, secret, login, 1);
    assert!(remembered.insert(new).await.expect("insert"));
    assert!(remembered.find(&series).await.expect("find").is_some());
    let redemption = session_layer::Redemption::new(secret, series, now, HOUR);
    let _ = remembered
        .redeem(&series, redemption)
        .await
        .expect("redeem");
    assert_eq!(
        remembered.delete_all(&key, None).await.expect("delete_all"),
        1
    );
}

/// A login ends what was marked, in case whoever marked it has crashed; whoever has not still says so.
#[cfg(feature = "cluster")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ses_18_in_a_cluster_what_ends_beside_logins_is_named() {
    let cluster = test_servers::RedisCluster::start();
    let sessions = RedisStore::new(common::cluster_pool(&cluster)).sessions();
    for round in 0..100 {
        let name = format!("user {round}");
        let key = UserKey::new(None, None, &name);
        let all: Vec<_> = (0..5).map(|_| session(&name)).collect();
        for new in &all {
            let _ = sessions.create(new.clone()).await.expect("create");
        }
        let logins: Vec<_> = (0..4)
            .map(|_| {
                let cap = SessionCap::new(100, WhenFull::EvictOldest);
                let (sessions, new) = (sessions.clone(), session(&name).with_cap(cap));
                tokio::spawn(async move { sessions.create(new).await })
            })
            .collect();
        if round % 2 == 0 {
            let ended = sessions.delete_all(&key, None).await.expect("delete_all");
            assert!(
                all.iter().all(|it| ended.contains(&it.record.id)),
                "{round}"
            );
        } else {
            for it in &all {
                let ended = sessions.delete_by_id(&key, &it.record.id).await;
                assert!(ended.expect("delete_by_id"), "{round}");
            }
        }
        for it in &all {
            let found = sessions.find(&it.secret).await.expect("find");
            assert!(found.is_none(), "{round}");
        }
        for login in logins {
            drop(login.await.expect("no panic").expect("create"));
        }
    }
}

/// What a method has marked and not ended yet, a login ends for it, and leaves a note that it was
/// there: whoever marked it counts it.
#[cfg(feature = "cluster")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ses_18_in_a_cluster_a_login_leaves_a_note_of_what_it_ends() {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;

    let cluster = test_servers::RedisCluster::start();
    let pool = common::cluster_pool(&cluster);
    let sessions = RedisStore::new(pool.clone()).sessions();
    let old = session("alice");
    let _ = sessions.create(old.clone()).await.expect("create");

    let user = UserKey::new(None, None, "alice");
    let index = format!("auth:user:{}", URL_SAFE_NO_PAD.encode(user.as_bytes()));
    let id = old.record.id.to_string();
    let marked = format!("E{}", URL_SAFE_NO_PAD.encode(old.secret.as_bytes()));
    let mut redis = pool.get().await.expect("a connection");
    let mut mark = redis::cmd("HSET");
    mark.arg(&index).arg(&id).arg(&marked);
    let new: i64 = mark.query_async(&mut redis).await.expect("HSET");
    assert_eq!(new, 0, "this is not where the session is entered");

    let cap = SessionCap::new(100, WhenFull::EvictOldest);
    let login = session("alice").with_cap(cap);
    let _ = sessions.create(login).await.expect("create");
    assert!(sessions.find(&old.secret).await.expect("find").is_none());
    let note: String = redis::cmd("HGET")
        .arg(&index)
        .arg(&id)
        .query_async(&mut redis)
        .await
        .expect("HGET");
    assert!(note.starts_with('F'), "{note}");
}
