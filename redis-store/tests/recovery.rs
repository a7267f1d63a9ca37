//! Failovers, restarts and permissions.

mod common;

use std::time::{Duration, Instant, SystemTime};

use auth_layer::digest::{NonceCounters as _, NonceId};
use auth_layer::{
    Charge, Identity, IssuedToken, RateCounters as _, RateKey, Revocations as _, SecretDigest,
    SubjectRevocation, random_bytes,
};
use redis_store::{NearCache, RedisStore};
use session_layer::{
    CreateOutcome, NewSession, RememberStore as _, SessionBackend as _, SessionData, SessionId,
    SessionLimits, SessionLookup, SessionRecord, UserKey,
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

/// Logs somebody in until it succeeds; how long it took.
#[cfg(any(feature = "cluster", feature = "sentinel"))]
async fn until_created(store: &RedisStore, name: &str, at_most: Duration) {
    let start = Instant::now();
    loop {
        match store.sessions().create(session(name)).await {
            Ok(outcome) => {
                assert!(
                    matches!(outcome, CreateOutcome::Created { .. }),
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
    let before = session("ann");
    let _ = store
        .sessions()
        .create(before.clone())
        .await
        .expect("a master");
    sentinel.replicate();
    let sentinel = tokio::task::spawn_blocking(move || {
        sentinel.fail_over();
        sentinel
    });
    let sentinel = sentinel.await.expect("a failover");
    until_created(&store, "ann", Duration::from_secs(3)).await;
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
    let sessions = store.sessions().near_cache(NearCache::new(client));
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
    let deadline = Instant::now() + Duration::from_secs(3);
    while !matches!(sessions.find_now(&new.secret), SessionLookup::Found(_)) {
        assert!(Instant::now() < deadline, "the near cache does not come on");
        assert!(sessions.find(&new.secret).await.expect("find").is_some());
        sleep(Duration::from_millis(5)).await;
    }
    assert!(sessions.delete(&new.secret).await.expect("delete"));
    assert!(
        sessions
            .delete_all(&key, None)
            .await
            .expect("delete_all")
            .is_empty()
    );

    let revocations = store.revocations();
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
