//! The local copy of revocations: no trip, and never behind by more than it says.

mod common;

use std::time::{Duration, Instant, SystemTime};

use auth_layer::{AuthErrorKind, IssuedToken, Revocations as _, SubjectRevocation};
use auth_test::contract;
use redis_store::{LocalRevocations, RedisRevocations, RedisStore};
use test_servers::RedisServer;
use tokio::time::sleep;

const ISSUER: &str = "https://id.example.com";
const HOUR: Duration = Duration::from_secs(60 * 60);
/// How soon news must have come.
const SOON: Duration = Duration::from_millis(100);
/// How old an answer from memory may be at most, and a little.
const BOUND: Duration = Duration::from_millis(1_100);
/// How soon it must work again.
const AGAIN: Duration = Duration::from_secs(5);

fn with(server: &RedisServer, capacity: usize) -> RedisRevocations {
    let client = redis::Client::open(server.url()).expect("a URL");
    let local = LocalRevocations::new(client).capacity(capacity);
    let revocations = common::store(server).revocations().local_copy(local);
    revocations.expect("the options are fine")
}

fn node(server: &RedisServer) -> RedisRevocations {
    with(server, 100_000)
}

fn token<'a>(subject: &'a str, id: &'a str) -> IssuedToken<'a> {
    IssuedToken::new(ISSUER, subject, Some(id), SystemTime::now())
}

fn now(node: &RedisRevocations, id: &str) -> Option<bool> {
    node.check_now(&token("ann", id))
}

/// Waits until that is the answer from memory, and returns how long it took.
async fn until(node: &RedisRevocations, id: &str, answer: Option<bool>, at_most: Duration) {
    let start = Instant::now();
    loop {
        let found = now(node, id);
        if found == answer {
            return;
        }
        let waited = start.elapsed();
        assert!(waited < at_most, "{id}: {found:?} after {waited:?}");
        sleep(Duration::from_micros(200)).await;
    }
}

async fn until_on(node: &RedisRevocations) {
    until(node, "nothing of this name", Some(false), AGAIN).await;
}

async fn revoke(node: &RedisRevocations, id: &str) {
    let until = SystemTime::now() + HOUR;
    let revoked = node.revoke_token(ISSUER, id, until).await;
    revoked.expect("Redis is there");
}

fn commands(server: &RedisServer, names: &[&str]) -> u64 {
    let stats = server.command("INFO commandstats");
    let calls = stats.lines().filter_map(|line| {
        let (name, rest) = line.strip_prefix("cmdstat_")?.split_once(':')?;
        let calls = rest.strip_prefix("calls=")?.split(',').next()?;
        names.contains(&name).then(|| calls.parse::<u64>().ok())?
    });
    calls.sum()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn jwt_19_with_a_local_copy_the_contract_holds() {
    let server = RedisServer::start();
    let node = node(&server);
    until_on(&node).await;
    contract::revocations(async || node.clone()).await;
    until_on(&node).await;
}

#[cfg(feature = "sentinel")]
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn jwt_19_with_a_local_copy_behind_a_sentinel_the_contract_holds() {
    use test_servers::RedisSentinel;

    let sentinel = RedisSentinel::start();
    let client = redis::sentinel::SentinelClient::build(
        vec![sentinel.url()],
        RedisSentinel::MASTER_NAME.to_owned(),
        None,
        redis::sentinel::SentinelServerType::Master,
    );
    let local = LocalRevocations::sentinel(client.expect("a URL"));
    let store = RedisStore::new(common::sentinel_pool(&sentinel));
    let node = store.revocations().local_copy(local);
    let node = node.expect("the options are fine");
    until_on(&node).await;
    contract::revocations(async || node.clone()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn jwt_19_a_revocation_reaches_another_node_in_milliseconds() {
    let server = RedisServer::start();
    let (here, there) = (node(&server), node(&server));
    until_on(&here).await;
    until_on(&there).await;
    let mut slowest = Duration::ZERO;
    for n in 0..50 {
        let id = format!("token {n}");
        assert_eq!(now(&there, &id), Some(false));
        revoke(&here, &id).await;
        assert_ne!(now(&here, &id), Some(false), "its own");
        let start = Instant::now();
        until(&there, &id, Some(true), SOON).await;
        slowest = slowest.max(start.elapsed());
        until(&here, &id, Some(true), SOON).await;
        assert_eq!(now(&there, "another"), Some(false));
    }
    assert!(slowest < SOON, "{slowest:?}");

    // A session, and everything of a subject up to an instant.
    revoke(&here, "login 7").await;
    let issued_at = SystemTime::now();
    let mut of_session = IssuedToken::new(ISSUER, "ann", None, issued_at);
    of_session.session_id = Some("login 7");
    let everything = SubjectRevocation::new("bob", issued_at, HOUR).issuer(ISSUER);
    let revoked = here.revoke_subject(&everything).await;
    revoked.expect("Redis is there");
    sleep(SOON).await;
    assert_eq!(there.check_now(&of_session), Some(true));
    let later = issued_at + Duration::from_millis(1);
    for (subject, issued_at, answer) in [
        ("bob", issued_at, true),
        ("bob", later, false),
        ("eve", issued_at, false),
    ] {
        let token = IssuedToken::new(ISSUER, subject, Some("x"), issued_at);
        assert_eq!(there.check_now(&token), Some(answer), "{subject}");
        assert_eq!(there.is_revoked(&token).await.ok(), Some(answer));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_from_the_local_copy_costs_no_command() {
    let server = RedisServer::start();
    let node = node(&server);
    until_on(&node).await;
    revoke(&node, "revoked").await;
    until(&node, "revoked", Some(true), SOON).await;
    let asked = ["get", "mget", "scan", "eval", "evalsha", "set"];
    let before = commands(&server, &asked);
    assert!(before > 0);
    for n in 0..10_000 {
        assert_eq!(now(&node, "revoked"), Some(true));
        assert_eq!(now(&node, &format!("{n}")), Some(false));
    }
    assert_eq!(commands(&server, &asked), before);
}

/// What is written while the copy is being loaded, by somebody who has none, is never missing in it.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn jwt_19_nothing_is_lost_between_loading_and_hearing() {
    let server = RedisServer::start();
    let writer = common::store(&server).revocations();
    for n in 0..5_000 {
        revoke(&writer, &format!("before {n}")).await;
    }
    for round in 0..5 {
        let (started, writing) = (Instant::now(), writer.clone());
        let writes = tokio::spawn(async move {
            let mut written = Vec::new();
            while started.elapsed() < Duration::from_millis(150) {
                let id = format!("round {round}, {}", written.len());
                revoke(&writing, &id).await;
                written.push(id);
            }
            written
        });
        sleep(Duration::from_millis(10 * round)).await;
        let node = node(&server);
        until_on(&node).await;
        // The moment it is on, everything from before is there.
        for n in 0..5_000 {
            assert_eq!(now(&node, &format!("before {n}")), Some(true), "{n}");
        }
        let written = writes.await.expect("it writes");
        assert!(written.len() > 10, "{}", written.len());
        for id in written {
            until(&node, &id, Some(true), SOON).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn jwt_19_a_killed_connection_answers_nothing_stale() {
    let server = RedisServer::start();
    let node = node(&server);
    let plain = common::store(&server).revocations();
    for n in 0..5 {
        until_on(&node).await;
        server.command("CLIENT KILL TYPE normal");
        // Nobody is told of this one.
        let id = format!("token {n}");
        let key_is_new = now(&node, &id);
        assert_ne!(key_is_new, Some(true));
        let deadline = Instant::now() + AGAIN;
        while plain
            .revoke_token(ISSUER, &id, SystemTime::now() + HOUR)
            .await
            .is_err()
        {
            assert!(Instant::now() < deadline, "no connection");
            sleep(Duration::from_millis(5)).await;
        }
        let start = Instant::now();
        while now(&node, &id) == Some(false) {
            assert!(start.elapsed() < SOON, "stale");
            sleep(Duration::from_micros(200)).await;
        }
        // And when it is there again, it is not forgotten.
        let deadline = Instant::now() + AGAIN;
        while now(&node, &id).is_none() {
            assert!(Instant::now() < deadline, "the copy does not come on");
            sleep(Duration::from_millis(1)).await;
        }
        assert_eq!(now(&node, &id), Some(true));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn jwt_19_a_server_that_hangs_is_asked_and_not_remembered() {
    let server = RedisServer::start();
    let node = node(&server);
    until_on(&node).await;
    revoke(&node, "revoked").await;
    until(&node, "revoked", Some(true), SOON).await;
    server.pause();
    until(&node, "other", None, BOUND).await;
    assert_eq!(now(&node, "revoked"), None);
    let error = node.is_revoked(&token("ann", "other")).await;
    let error = error.expect_err("Redis hangs");
    assert_eq!(error.kind(), AuthErrorKind::Unavailable);
    server.resume();
    until(&node, "revoked", Some(true), AGAIN).await;
    assert_eq!(now(&node, "other"), Some(false));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn jwt_19_a_server_that_died_is_asked_and_not_remembered() {
    let mut server = RedisServer::start();
    let node = node(&server);
    until_on(&node).await;
    revoke(&node, "revoked").await;
    until(&node, "revoked", Some(true), SOON).await;
    server.kill();
    until(&node, "other", None, SOON).await;
    let error = node.is_revoked(&token("ann", "other")).await;
    let error = error.expect_err("Redis is down");
    assert_eq!(error.kind(), AuthErrorKind::Unavailable);
    server.restart();
    // It came back empty, and the copy says what Redis says.
    until(&node, "revoked", Some(false), AGAIN).await;
    revoke(&node, "after").await;
    until(&node, "after", Some(true), SOON).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_emptied_or_deleted_by_hand_is_loaded_anew() {
    let server = RedisServer::start();
    let (node, other) = (node(&server), common::store(&server).revocations());
    until_on(&node).await;
    revoke(&node, "first").await;
    until(&node, "first", Some(true), SOON).await;
    server.command("FLUSHALL");
    until(&node, "first", Some(false), AGAIN).await;
    revoke(&other, "second").await;
    until(&node, "second", Some(true), SOON).await;
    let keys = server.command("KEYS auth:token:*");
    let key = keys.lines().find(|line| line.starts_with("auth:token:"));
    let key = key.expect("there is one");
    // It ends by itself.
    server.command(&format!("PEXPIRE {key} 20"));
    until(&node, "second", Some(false), AGAIN).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_that_would_hold_too_much_is_off() {
    let server = RedisServer::start();
    let node = with(&server, 20);
    until_on(&node).await;
    for n in 0..19 {
        revoke(&node, &format!("token {n}")).await;
    }
    until(&node, "token 7", Some(true), SOON).await;
    for n in 19..40 {
        revoke(&node, &format!("token {n}")).await;
    }
    until(&node, "token 7", None, SOON).await;
    assert_eq!(now(&node, "other"), None);
    for (id, answer) in [("token 7", true), ("token 39", true), ("other", false)] {
        let found = node.is_revoked(&token("ann", id)).await;
        assert_eq!(found.ok(), Some(answer), "{id}");
    }
    // Nor is it on in a node that starts with too many.
    let late = with(&server, 20);
    let end = Instant::now() + Duration::from_millis(300);
    while Instant::now() < end {
        assert_eq!(now(&late, "token 7"), None);
        sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_of_another_database_keeps_the_copy_off() {
    let server = RedisServer::start();
    let other = redis::Client::open(format!("{}1", server.url())).expect("a URL");
    let node = common::store(&server).revocations();
    let node = node.local_copy(LocalRevocations::new(other));
    let node = node.expect("nobody can see it yet");
    revoke(&node, "revoked").await;
    let end = Instant::now() + Duration::from_millis(400);
    while Instant::now() < end {
        assert_eq!(now(&node, "revoked"), None);
        let found = node.is_revoked(&token("ann", "revoked")).await;
        assert_eq!(found.ok(), Some(true));
        sleep(Duration::from_millis(5)).await;
    }
}

#[test]
fn a_question_outside_of_a_runtime_is_left_to_the_store() {
    let url = "redis://127.0.0.1/";
    let client = redis::Client::open(url).expect("a URL");
    let store = RedisStore::new(common::pool_at(url));
    let node = store
        .revocations()
        .local_copy(LocalRevocations::new(client));
    assert_eq!(now(&node.expect("the options are fine"), "x"), None);
}

#[test]
fn x_15_options_that_cannot_be_meant_are_refused() {
    let url = "redis://127.0.0.1/";
    let local = || LocalRevocations::new(redis::Client::open(url).expect("a URL"));
    let store = RedisStore::new(common::pool_at(url));
    let none = store.revocations().local_copy(local().capacity(0));
    assert_eq!(none.expect_err("no room").option(), "local_copy.capacity");

    #[cfg(feature = "cluster")]
    {
        let config = deadpool_redis::cluster::Config::from_urls(vec![url.to_owned()]);
        let pool = config.create_pool(Some(deadpool_redis::Runtime::Tokio1));
        let store = RedisStore::new(pool.expect("URLs make a pool"));
        let error = store.revocations().local_copy(local());
        assert_eq!(error.expect_err("a cluster").option(), "local_copy");
    }
}
