//! The near cache: fast, and never older than it says.

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant, SystemTime};

use auth_layer::{Identity, SecretDigest, random_bytes};
use auth_test::contract;
use redis_store::{NearCache, RedisSessions, RedisStore};
use session_layer::{
    NewSession, SessionBackend, SessionData, SessionId, SessionLimits, SessionLookup,
    SessionRecord, Touch,
};
use test_servers::RedisServer;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::sleep;

/// How soon news must have come.
const SOON: Duration = Duration::from_millis(100);
/// How old an answer from memory may be at most, and a little.
const BOUND: Duration = Duration::from_millis(1_100);
/// How soon it must work again.
const AGAIN: Duration = Duration::from_secs(3);

fn node(server: &RedisServer) -> RedisSessions {
    node_at(&server.url())
}

fn node_at(url: &str) -> RedisSessions {
    let client = redis::Client::open(url).expect("a URL");
    let store = RedisStore::new(common::pool_at(url));
    let near = store.sessions().near_cache(NearCache::new(client));
    near.expect("the options are fine")
}

fn session(user: &Identity) -> NewSession {
    let id = SessionId::generate().expect("randomness");
    let mut record = SessionRecord::new(id, SystemTime::now(), SessionLimits::STANDARD);
    record.login = Some(user.clone());
    NewSession::new(
        SecretDigest::from_bytes(random_bytes().expect("randomness")),
        record,
    )
}

fn user() -> Identity {
    let name = SessionId::generate().expect("randomness").to_string();
    Identity::builder(session_layer::SCHEME, name).build()
}

async fn created(sessions: &RedisSessions) -> NewSession {
    let new = session(&user());
    let _ = sessions.create(new.clone()).await.expect("Redis is there");
    new
}

fn is_near(sessions: &RedisSessions, session: &NewSession) -> bool {
    matches!(sessions.find_now(&session.secret), SessionLookup::Found(_))
}

/// Asks until the session is answered from memory.
async fn until_near(sessions: &RedisSessions, session: &NewSession) {
    let deadline = Instant::now() + AGAIN;
    while !is_near(sessions, session) {
        assert!(Instant::now() < deadline, "the cache does not come on");
        let _ = sessions.find(&session.secret).await;
        sleep(Duration::from_millis(2)).await;
    }
}

/// Waits until the session is not answered from memory, and returns how long that took.
async fn until_not_near(sessions: &RedisSessions, session: &NewSession, at_most: Duration) {
    let start = Instant::now();
    while is_near(sessions, session) {
        assert!(
            start.elapsed() < at_most,
            "stale after {:?}",
            start.elapsed()
        );
        sleep(Duration::from_micros(200)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn with_a_near_cache_the_contract_holds() {
    let server = RedisServer::start();
    let sessions = node(&server);
    until_near(&sessions, &created(&sessions).await).await;
    contract::session_backend(async || sessions.clone()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ses_05_ses_18_what_another_node_changes_is_seen_at_once() {
    let server = RedisServer::start();
    let (here, there) = (node(&server), node(&server));
    for change in 0..7 {
        let session = created(&here).await;
        let (secret, now) = (session.secret, SystemTime::now());
        let key = session.record.user().expect("somebody is logged in");
        until_near(&here, &session).await;
        until_near(&there, &session).await;
        match change {
            0 => drop(there.delete(&secret).await.expect("Redis is there")),
            1 => drop(there.delete_all(&key, None).await.expect("Redis is there")),
            2 => {
                let id = session.record.id;
                assert!(there.delete_by_id(&key, &id).await.expect("Redis is there"));
            }
            3 => {
                let next = crate::session(&user());
                let rotated = there.rotate(&secret, None, next).await;
                drop(rotated.expect("Redis is there"));
            }
            4 => {
                let data = SessionData::from_bytes("{}".into());
                let updated = there.update(&secret, 1, data).await;
                drop(updated.expect("Redis is there"));
            }
            5 => {
                let later = Touch::new(
                    now + Duration::from_secs(9),
                    now + Duration::from_secs(99_999),
                );
                assert!(there.touch(&secret, later).await.expect("Redis is there"));
            }
            _ => drop(server.command("FLUSHALL")),
        }
        assert!(
            change == 6 || !is_near(&there, &session),
            "{change}: its own change"
        );
        until_not_near(&here, &session, SOON).await;
        until_not_near(&there, &session, SOON).await;
        let found = here.find(&secret).await.expect("Redis is there");
        assert_eq!(found.is_some(), (4..6).contains(&change), "{change}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_from_memory_costs_no_command() {
    let server = RedisServer::start();
    let sessions = node(&server);
    let session = created(&sessions).await;
    until_near(&sessions, &session).await;
    let gets = || {
        let stats = server.command("INFO commandstats");
        let line = stats.lines().find(|line| line.starts_with("cmdstat_get:"));
        line.map(|line| line.split(',').next().unwrap_or_default().to_owned())
    };
    let before = gets();
    assert!(before.is_some());
    for _ in 0..1_000 {
        assert!(is_near(&sessions, &session));
    }
    assert_eq!(gets(), before);
}

/// Readers at work, while something happens to the connection and then to the session.
#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn ses_20_a_killed_connection_answers_nothing_stale() {
    let server = RedisServer::start();
    let sessions = node(&server);
    let (session, other) = (created(&sessions).await, created(&sessions).await);
    until_near(&sessions, &session).await;
    let readers: Vec<_> = (0..4)
        .map(|_| {
            let (sessions, session) = (sessions.clone(), session.clone());
            tokio::spawn(async move {
                loop {
                    let _ = sessions.find_now(&session.secret);
                    let _ = sessions.find(&session.secret).await;
                    tokio::task::yield_now().await;
                }
            })
        })
        .collect();
    for _ in 0..5 {
        until_near(&sessions, &session).await;
        // Nobody is told of what happens after this.
        server.command("CLIENT KILL TYPE normal");
        let before = server.command("DBSIZE");
        assert!(before.starts_with(':'), "{before}");
        until_not_near(&sessions, &session, SOON).await;
    }
    until_near(&sessions, &session).await;
    server.command("CLIENT KILL TYPE normal");
    server.command("FLUSHALL");
    until_not_near(&sessions, &session, SOON).await;
    // And it stays gone, also when the cache is there again.
    let deadline = Instant::now() + AGAIN;
    // The stores' connection was killed, too, and is there again soon.
    while sessions.create(other.clone()).await.is_err() {
        assert!(Instant::now() < deadline, "no connection");
        sleep(Duration::from_millis(5)).await;
    }
    while !is_near(&sessions, &other) {
        assert!(!is_near(&sessions, &session), "it came back");
        assert!(Instant::now() < deadline, "the cache does not come on");
        let _ = sessions.find(&other.secret).await;
        sleep(Duration::from_millis(1)).await;
    }
    assert!(!is_near(&sessions, &session), "it came back");
    readers.iter().for_each(tokio::task::JoinHandle::abort);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ses_20_a_server_that_hangs_answers_nothing_stale() {
    let server = RedisServer::start();
    let sessions = node(&server);
    let session = created(&sessions).await;
    until_near(&sessions, &session).await;
    server.pause();
    until_not_near(&sessions, &session, BOUND).await;
    let start = Instant::now();
    let error = sessions
        .find(&session.secret)
        .await
        .expect_err("Redis hangs");
    assert_eq!(error.kind(), auth_layer::AuthErrorKind::Unavailable);
    assert!(
        start.elapsed() < Duration::from_millis(2_500),
        "{:?}",
        start.elapsed()
    );
    assert!(!is_near(&sessions, &session));
    server.resume();
    until_near(&sessions, &session).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ses_20_a_server_that_died_answers_nothing_stale() {
    let mut server = RedisServer::start();
    let sessions = node(&server);
    let session = created(&sessions).await;
    until_near(&sessions, &session).await;
    server.kill();
    until_not_near(&sessions, &session, SOON).await;
    server.restart();
    let new = crate::session(&user());
    let deadline = Instant::now() + AGAIN;
    while sessions.create(new.clone()).await.is_err() {
        assert!(Instant::now() < deadline, "no connection");
        sleep(Duration::from_millis(10)).await;
    }
    until_near(&sessions, &new).await;
    assert!(!is_near(&sessions, &session));
    let found = sessions
        .find(&session.secret)
        .await
        .expect("Redis is there");
    assert!(found.is_none());
}

/// An address behind which there is one server or another, as a name or a proxy is.
async fn address_of(target: Arc<AtomicU16>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            let to = ("127.0.0.1", target.load(Ordering::Relaxed));
            tokio::spawn(async move {
                if let Ok(mut server) = TcpStream::connect(to).await {
                    let _ = tokio::io::copy_bidirectional(&mut client, &mut server).await;
                }
            });
        }
    });
    port
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ses_20_what_the_former_server_says_is_not_believed() {
    let (former, now) = (RedisServer::start(), RedisServer::start());
    let target = Arc::new(AtomicU16::new(former.port()));
    let port = address_of(Arc::clone(&target)).await;
    let sessions = node_at(&format!("redis://127.0.0.1:{port}/"));
    let session = created(&sessions).await;
    until_near(&sessions, &session).await;

    // The address leads to another server now. The connection that brings the news lives on, to the
    // one that was cut off; the one that the stores write over breaks.
    target.store(now.port(), Ordering::Relaxed);
    for client in former.command("CLIENT LIST").lines() {
        let mut words = client.split_whitespace();
        let is_ours = words.clone().any(|word| word == "cmd=client|list");
        let tracks = words.clone().any(|word| word == "flags=t");
        if let Some(id) = words.find_map(|word| word.strip_prefix("id="))
            && !is_ours
            && !tracks
        {
            former.command(&format!("CLIENT KILL ID {id}"));
        }
    }
    let deadline = Instant::now() + AGAIN;
    while sessions.delete(&session.secret).await.is_err() {
        assert!(Instant::now() < deadline, "no connection");
        sleep(Duration::from_millis(5)).await;
    }
    // The former one still has it, and would say so.
    assert_eq!(former.command("DBSIZE"), ":2\r\n");
    assert!(!is_near(&sessions, &session), "a session that has ended");
    let found = sessions.find(&session.secret).await;
    assert!(found.expect("Redis is there").is_none());
    // And it comes on again, with the server that is there now.
    let new = created(&sessions).await;
    until_near(&sessions, &new).await;
    assert!(!is_near(&sessions, &session));
    now.command("FLUSHALL");
    until_not_near(&sessions, &new, SOON).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_of_another_database_keeps_the_cache_off() {
    let server = RedisServer::start();
    let other = redis::Client::open(format!("{}1", server.url())).expect("a URL");
    let store = RedisStore::new(common::pool(&server));
    let sessions = store.sessions().near_cache(NearCache::new(other));
    let sessions = sessions.expect("nobody can see it yet");
    let session = created(&sessions).await;
    let end = Instant::now() + Duration::from_millis(400);
    while Instant::now() < end {
        let found = sessions
            .find(&session.secret)
            .await
            .expect("Redis is there");
        assert!(found.is_some());
        assert!(!is_near(&sessions, &session));
        sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn x_15_options_that_cannot_be_meant_are_refused() {
    let url = "redis://127.0.0.1/";
    let client = || redis::Client::open(url).expect("a URL");
    let runtime = Some(deadpool_redis::Runtime::Tokio1);
    let pool = deadpool_redis::Config::from_url(url).create_pool(runtime);
    let store = RedisStore::new(pool.expect("a URL makes a pool"));
    let none = NearCache::new(client()).capacity(0);
    let error = store.sessions().near_cache(none).expect_err("no room");
    assert_eq!(error.option(), "near_cache.capacity");

    #[cfg(feature = "cluster")]
    {
        let config = deadpool_redis::cluster::Config::from_urls(vec![url.to_owned()]);
        let pool = config.create_pool(runtime).expect("URLs make a pool");
        let sessions = RedisStore::new(pool).sessions();
        let error = sessions
            .near_cache(NearCache::new(client()))
            .expect_err("a cluster");
        assert_eq!(error.option(), "near_cache");
    }
}
