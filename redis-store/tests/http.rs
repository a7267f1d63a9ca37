//! A small application on Redis, as its clients see it.

mod common;

use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use auth_layer::{AuthError, Identity, RequireAuth, Requirement};
use auth_test::TestClient;
use axum::Router;
use axum::extract::Path;
use axum::routing::{get, post};
use http::StatusCode;
use redis_store::{NearCache, RedisSessions, RedisStore};
use session_layer::{SessionHandle, SessionLayer, WhenFull};
use test_servers::RedisServer;
use tokio::time::sleep;

const BACK: Duration = Duration::from_secs(2);
const TIMEOUT: Duration = Duration::from_secs(1);

async fn log_in(session: SessionHandle, Path(name): Path<String>) -> Result<(), AuthError> {
    session.log_in(Identity::new("password", name)).await?;
    Ok(())
}

async fn log_out(session: SessionHandle) -> Result<(), AuthError> {
    session.log_out().await?;
    Ok(())
}

async fn me(identity: Identity) -> String {
    identity.subject().to_owned()
}

/// Begins with the session as it is, and writes to it when it is told to.
async fn slow(session: tower_sessions_core::Session, Path(key): Path<String>) -> StatusCode {
    let before: Option<u32> = session.get("key").await.ok().flatten();
    sleep(Duration::from_millis(150)).await;
    match session.insert(&key, before.unwrap_or_default() + 1).await {
        Ok(()) => StatusCode::OK,
        Err(_) => StatusCode::SERVICE_UNAVAILABLE,
    }
}

fn app(layer: SessionLayer) -> Router {
    let protected = Router::new()
        .route("/me", get(me))
        .route_layer(RequireAuth::new(Requirement::authenticated()));
    Router::new()
        .route("/login/{name}", post(log_in))
        .route("/logout", post(log_out))
        .route("/slow/{key}", post(slow))
        .route("/public", get(|| async { "public" }))
        .merge(protected)
        .layer(layer)
}

fn sessions(server: &RedisServer) -> RedisSessions {
    RedisStore::new(common::pool(server)).sessions()
}

fn near_sessions(server: &RedisServer) -> RedisSessions {
    let client = redis::Client::open(server.url()).expect("a URL");
    let near = sessions(server).near_cache(NearCache::new(client));
    near.expect("the options are fine")
}

fn client(sessions: RedisSessions) -> TestClient {
    TestClient::new(app(SessionLayer::new(sessions)))
}

async fn post_to(client: &TestClient, path: &str) -> StatusCode {
    let request = client.post(path).header("sec-fetch-site", "same-origin");
    request.await.status()
}

async fn logged_in(client: &TestClient) {
    assert_eq!(post_to(client, "/login/ann").await, StatusCode::OK);
    let res = client.get("/me").await;
    assert_eq!(
        (res.status(), res.text()),
        (StatusCode::OK, "ann".to_owned())
    );
}

/// What the clients of a service meet while Redis comes and goes.
#[derive(Default)]
struct Load {
    stop: AtomicBool,
    answered: AtomicUsize,
    unavailable: AtomicUsize,
}

/// Calls a protected route with a session, the same without one, and a public route, again and again.
async fn load(client: TestClient, load: Arc<Load>) {
    let nobody = client.fresh();
    while !load.stop.load(Ordering::SeqCst) {
        let start = Instant::now();
        let res = client.get("/me").await;
        assert!(start.elapsed() < TIMEOUT * 3, "{:?}", start.elapsed());
        match res.status() {
            StatusCode::OK => assert_eq!(res.text(), "ann"),
            StatusCode::SERVICE_UNAVAILABLE => {
                load.unavailable.fetch_add(1, Ordering::SeqCst);
            }
            // Redis came back without what was in it: nobody is let in.
            StatusCode::UNAUTHORIZED => {}
            status => panic!("{status}: {}", res.text()),
        }
        assert_eq!(nobody.get("/me").await.status(), StatusCode::UNAUTHORIZED);
        let public = nobody.get("/public").await;
        assert_eq!(
            (public.status(), public.text()),
            (StatusCode::OK, "public".to_owned())
        );
        load.answered.fetch_add(1, Ordering::SeqCst);
        sleep(Duration::from_millis(1)).await;
    }
}

/// Waits until somebody can log in again; how long it took.
async fn until_back(client: &TestClient, since: Instant) {
    while post_to(&client.fresh(), "/login/ann").await != StatusCode::OK {
        assert!(
            since.elapsed() < BACK,
            "not back after {:?}",
            since.elapsed()
        );
        sleep(Duration::from_millis(10)).await;
    }
    assert!(
        since.elapsed() < BACK,
        "back only after {:?}",
        since.elapsed()
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn ses_20_redis_is_killed_under_load_and_comes_back() {
    for near in [false, true] {
        let mut server = RedisServer::start();
        let sessions = if near {
            near_sessions(&server)
        } else {
            sessions(&server)
        };
        let client = client(sessions);
        logged_in(&client).await;
        let shared = Arc::new(Load::default());
        let tasks: Vec<_> = (0..8)
            .map(|_| tokio::spawn(load(client.clone(), Arc::clone(&shared))))
            .collect();
        sleep(Duration::from_millis(200)).await;

        server.kill();
        let killed = Instant::now();
        // Everybody is told so, and soon: without waiting for a time-out each.
        while shared.unavailable.load(Ordering::SeqCst) < 50 {
            assert!(killed.elapsed() < TIMEOUT * 3, "near cache: {near}");
            sleep(Duration::from_millis(5)).await;
        }
        let start = Instant::now();
        assert_eq!(
            client.get("/me").await.status(),
            StatusCode::SERVICE_UNAVAILABLE
        );
        assert_eq!(
            post_to(&client.fresh(), "/login/ann").await,
            StatusCode::SERVICE_UNAVAILABLE
        );
        assert_eq!(
            post_to(&client, "/logout").await,
            StatusCode::SERVICE_UNAVAILABLE
        );
        assert!(
            start.elapsed() < Duration::from_millis(500),
            "{:?}",
            start.elapsed()
        );

        server.restart();
        until_back(&client, Instant::now()).await;
        shared.stop.store(true, Ordering::SeqCst);
        for task in tasks {
            task.await.expect("no client has seen anything else");
        }
        assert!(shared.answered.load(Ordering::SeqCst) > 50);
        // What was in Redis is gone, and with it the session.
        assert_eq!(client.get("/me").await.status(), StatusCode::UNAUTHORIZED);
        logged_in(&client.fresh()).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn ses_20_redis_hangs_and_goes_on() {
    let server = RedisServer::start();
    let client = client(sessions(&server));
    logged_in(&client).await;
    server.pause();
    for path in ["/me", "/me", "/public", "/me"] {
        let start = Instant::now();
        assert_eq!(
            client.get(path).await.status(),
            StatusCode::SERVICE_UNAVAILABLE,
            "{path}"
        );
        assert!(
            start.elapsed() < TIMEOUT + Duration::from_millis(500),
            "{:?}",
            start.elapsed()
        );
    }
    assert_eq!(client.fresh().get("/public").await.status(), StatusCode::OK);
    server.resume();
    until_back(&client, Instant::now()).await;
    // Nothing was lost.
    assert_eq!(client.get("/me").await.text(), "ann");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn ses_04_ses_05_a_slow_request_does_not_bring_a_session_back() {
    let server = RedisServer::start();
    for sessions in [sessions(&server), near_sessions(&server)] {
        let client = client(sessions);
        logged_in(&client).await;
        let (name, value) = cookie(&client);
        let slow = tokio::spawn({
            let client = client.clone();
            async move { post_to(&client, "/slow/key").await }
        });
        sleep(Duration::from_millis(50)).await;
        assert_eq!(post_to(&client, "/logout").await, StatusCode::OK);
        slow.await.expect("it is answered");
        let thief = client.fresh();
        thief.set_cookie(&name, &value);
        assert_eq!(thief.get("/me").await.status(), StatusCode::UNAUTHORIZED);
    }
}

fn cookie(client: &TestClient) -> (String, String) {
    let name = "__Host-session".to_owned();
    let value = client.cookie(&name).expect("a session has begun");
    (name, value)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn ses_17_a_dump_of_redis_holds_nothing_that_is_a_cookie() {
    let server = RedisServer::start();
    let client = client(sessions(&server));
    logged_in(&client).await;
    assert_eq!(post_to(&client, "/slow/key").await, StatusCode::OK);
    let (name, value) = cookie(&client);

    let mut dump = Vec::new();
    let mut connection = common::pool(&server).get().await.expect("Redis is there");
    let keys: Vec<Vec<u8>> = redis::cmd("KEYS")
        .arg("*")
        .query_async(&mut connection)
        .await
        .expect("Redis is there");
    assert_eq!(keys.len(), 2);
    for key in keys {
        let mut read = redis::cmd("TYPE");
        let kind: String = read
            .arg(&key)
            .query_async(&mut connection)
            .await
            .expect("a type");
        let command = if kind == "hash" { "HGETALL" } else { "GET" };
        let read = redis::cmd(command)
            .arg(&key)
            .query_async(&mut connection)
            .await;
        let parts: Vec<Vec<u8>> = match read.expect("a value") {
            redis::Value::Array(parts) => parts
                .into_iter()
                .map(|part| redis::from_redis_value(part).expect("bytes"))
                .collect(),
            other => vec![redis::from_redis_value(other).expect("bytes")],
        };
        let ttl: i64 = redis::cmd("PTTL")
            .arg(&key)
            .query_async(&mut connection)
            .await
            .expect("a ttl");
        assert!(ttl > 0, "{key:?} has no TTL");
        dump.push(key);
        dump.extend(parts);
    }
    let everything = dump.join(&b"\n"[..]);
    let text = String::from_utf8_lossy(&everything);
    assert!(!text.contains(&value));
    // Whatever could be a cookie is tried as one, wherever it begins.
    let is_text = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_".contains(byte);
    let mut tried = 0;
    for window in everything.windows(value.len()) {
        if window.iter().all(is_text) {
            let thief = client.fresh();
            thief.set_cookie(&name, std::str::from_utf8(window).expect("it is ASCII"));
            assert_eq!(thief.get("/me").await.status(), StatusCode::UNAUTHORIZED);
            tried += 1;
        }
    }
    assert!(
        tried >= 2,
        "the digests of the secret and of the user are there"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn ses_19_parallel_logins_make_no_more_sessions_than_allowed() {
    let server = RedisServer::start();
    for when_full in [WhenFull::Refuse, WhenFull::EvictOldest] {
        let layer = SessionLayer::builder(sessions(&server))
            .max_sessions(NonZeroU32::MIN.saturating_add(2), when_full);
        let client = TestClient::new(app(layer.build().expect("the options are fine")));
        let clients: Vec<_> = (0..24).map(|_| client.fresh()).collect();
        let name = format!("/login/{when_full:?}");
        let logins = clients.iter().map(|client| {
            let (client, name) = (client.clone(), name.clone());
            tokio::spawn(async move { post_to(&client, &name).await })
        });
        let logins: Vec<_> = logins.collect();
        for login in logins {
            let status = login.await.expect("it is answered");
            assert!(
                status == StatusCode::OK || when_full == WhenFull::Refuse,
                "{status}"
            );
        }
        let mut live = 0;
        for client in &clients {
            live += usize::from(client.get("/me").await.status() == StatusCode::OK);
        }
        assert_eq!(live, 3, "{when_full:?}");
    }
}

/// How often Redis was called since the last time: what clients sent, by command, without what scripts called.
fn commands(server: &RedisServer) -> Vec<(String, u64)> {
    let stats = server.command("INFO commandstats");
    let lines = stats.lines().filter_map(|line| {
        let (name, rest) = line.strip_prefix("cmdstat_")?.split_once(":calls=")?;
        let calls = rest.split(',').next()?.parse().ok()?;
        Some((name.to_owned(), calls))
    });
    let own = [
        "config|resetstat",
        "info",
        "ping",
        "hello",
        "client|setinfo",
    ];
    let found = lines
        .filter(|(name, _)| !own.contains(&name.as_str()))
        .collect();
    server.command("CONFIG RESETSTAT");
    found
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn trips_are_counted() {
    let server = RedisServer::start();
    let client = client(sessions(&server));
    // Scripts are known from here on.
    logged_in(&client).await;
    assert_eq!(post_to(&client, "/login/ann").await, StatusCode::OK);
    assert_eq!(post_to(&client, "/logout").await, StatusCode::OK);
    commands(&server);

    let sent = |commands: &[(String, u64)]| -> u64 {
        let trips = commands.iter().filter(|(name, _)| name == "evalsha");
        trips.map(|(_, calls)| calls).sum()
    };
    assert_eq!(post_to(&client, "/login/ann").await, StatusCode::OK);
    let login = commands(&server);
    assert!((1..=2).contains(&sent(&login)), "{login:?}");
    assert!(!login.iter().any(|(name, _)| name == "eval"), "{login:?}");

    for _ in 0..10 {
        assert_eq!(client.get("/me").await.status(), StatusCode::OK);
    }
    let reads = commands(&server);
    assert_eq!(reads, [("get".to_owned(), 10)]);

    assert_eq!(client.get("/public").await.status(), StatusCode::OK);
    commands(&server);
    assert_eq!(post_to(&client, "/logout").await, StatusCode::OK);
    let logout = commands(&server);
    assert_eq!(sent(&logout), 1, "{logout:?}");
    let nobody = client.fresh();
    assert_eq!(nobody.get("/public").await.status(), StatusCode::OK);
    assert_eq!(commands(&server), []);
}
