//! Sessions on Redis, on the loopback interface.

use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use auth_layer::Identity;
use axum::Router;
use axum::routing::get;
use bench::sections::sessions::{USER, ours, private, requests, session};
use bench::{Contender, Section};
use redis::AsyncCommands as _;
use redis_store::{NearCache, RedisStore};
use session_layer::{SessionBackend as _, SessionHandle, SessionLayer, SessionLookup};
use test_servers::RedisServer;
use tokio::runtime::Runtime;
use tower_sessions_redis_store::RedisStore as TheirStore;
use tower_sessions_redis_store::fred::prelude::{ClientLike as _, Config, Pool};

use crate::memory::peer;
use crate::{axum_login_peer, axum_session_peer, cookies, send, tower_sessions_peer};

pub(crate) fn section(runtime: &Runtime) -> Section {
    // It runs as long as the program.
    let server: &'static RedisServer = Box::leak(Box::new(RedisServer::start()));
    let bare = runtime.block_on(bare(server));
    let ours = runtime.block_on(store(server));
    let near = runtime.block_on(near(server));
    let theirs = runtime.block_on(theirs(server));
    let tower = |save| tower_sessions_peer::v014::router(TheirStore::new(theirs.clone()), save);
    let axum_login = axum_login_peer::router(TheirStore::new(theirs.clone()));
    let bare_router = Router::new().route("/me", get(async || private(USER.to_owned())));
    let (_, cookie) = session(0, USER, None, SystemTime::now());
    let mut contenders = vec![
        Contender::router("router that asks nobody", bare_router),
        Contender::router("multiplexed GET in the handler", bare),
        ours,
        near,
        peer(runtime, "tower-sessions 0.14 + redis-store", tower(false)),
        peer(
            runtime,
            "tower-sessions 0.14 + redis-store, always_save",
            tower(true),
        ),
        peer(runtime, "axum-login 0.18 + redis-store", axum_login),
    ];
    let axum_session = |copies| axum_session_peer::on_redis(runtime, &server.url(), copies);
    contenders.extend([
        peer(
            runtime,
            "axum_session 0.22 + redispool, memory_lifetime 0",
            axum_session(false),
        ),
        peer(
            runtime,
            "axum_session 0.22 + redispool (a logout elsewhere is not seen)",
            axum_session(true),
        ),
    ]);
    print_commands(runtime, server, &mut contenders, &cookie);
    print_logins(
        runtime,
        server,
        &[
            ("`SessionLayer`", log_in_ours(server)),
            ("tower-sessions 0.14 + redis-store", tower(false)),
            (
                "axum-login 0.18 + redis-store",
                axum_login_peer::router(TheirStore::new(theirs.clone())),
            ),
            (
                "axum_session 0.22 + redispool, memory_lifetime 0",
                axum_session(false),
            ),
        ],
    );
    Section {
        title: "Session on Redis",
        steady: false,
        request: Rc::new(requests(vec![cookie])),
        contenders,
    }
}

async fn bare(server: &RedisServer) -> Router {
    let client = redis::Client::open(server.url()).expect("a url");
    let mut connection = client
        .get_multiplexed_async_connection()
        .await
        .expect("Redis");
    let () = connection.set("bare", USER).await.expect("stored");
    let get_bare = async move || {
        let user: String = connection.clone().get("bare").await.expect("read");
        private(user)
    };
    Router::new().route("/me", get(get_bare))
}

async fn store(server: &RedisServer) -> Contender {
    let store = redis_store(server).sessions();
    let (new, cookie) = session(0, USER, None, SystemTime::now());
    let outcome = store.create(new).await;
    assert!(outcome.is_ok(), "{outcome:?}");
    let router = ours().layer(SessionLayer::new(store));
    Contender::router("`SessionLayer`", router).with_requests(requests(vec![cookie]))
}

async fn near(server: &RedisServer) -> Contender {
    let client = redis::Client::open(server.url()).expect("a url");
    let store = redis_store(server)
        .sessions()
        .near_cache(NearCache::new(client))
        .expect("one server");
    let (new, cookie) = session(1, USER, None, SystemTime::now());
    let digest = new.secret;
    let outcome = store.create(new).await;
    assert!(outcome.is_ok(), "{outcome:?}");
    // The connection that brings news is made beside this.
    while !matches!(store.find_now(&digest), SessionLookup::Found(_)) {
        let found = store.find(&digest).await;
        assert!(matches!(found, Ok(Some(_))), "{found:?}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let router = ours().layer(SessionLayer::new(store));
    Contender::router("`SessionLayer`, near cache", router).with_requests(requests(vec![cookie]))
}

fn redis_store(server: &RedisServer) -> RedisStore {
    let pool = deadpool_redis::Config::from_url(server.url())
        .create_pool(Some(deadpool_redis::Runtime::Tokio1))
        .expect("a url");
    RedisStore::new(pool)
}

fn log_in_ours(server: &RedisServer) -> Router {
    // Each time another user, who has no other sessions.
    static USERS: AtomicUsize = AtomicUsize::new(0);
    let log_in = async |session: SessionHandle| {
        let number = USERS.fetch_add(1, Ordering::Relaxed);
        let user = Identity::new("password", format!("user-{number}"));
        session.log_in(user).await.map(|_| ())
    };
    let log_out = async |session: SessionHandle| session.log_out().await;
    Router::new()
        .route("/login", get(log_in))
        .route("/logout", get(log_out))
        .layer(SessionLayer::new(redis_store(server).sessions()))
}

async fn theirs(server: &RedisServer) -> Pool {
    let config = Config::from_url(&server.url()).expect("a url");
    let pool = Pool::new(config, None, None, None, 1).expect("a pool");
    pool.connect();
    pool.wait_for_connect().await.expect("Redis");
    pool
}

/// How many commands and trips one request takes, counted by Redis over a thousand.
fn print_commands(
    runtime: &Runtime,
    server: &RedisServer,
    contenders: &mut [Contender],
    cookie: &str,
) {
    let default: bench::MakeRequest = Rc::new(requests(vec![cookie.to_owned()]));
    println!(
        "\n| Redis, one authenticated read | commands | reads from the socket |\n|---|---:|---:|"
    );
    for contender in contenders {
        contender.serve(runtime, &default, 10);
        server.command("CONFIG RESETSTAT");
        contender.serve(runtime, &default, 1_000);
        let (commands, reads) = counted(server);
        println!(
            "| {} | {:.2} | {:.2} |",
            contender.name(),
            commands / 1_000.0,
            reads / 1_000.0
        );
    }
}

/// The same for logging in and out.
fn print_logins(runtime: &Runtime, server: &RedisServer, routers: &[(&str, Router)]) {
    println!(
        "\n| Redis | login: commands | reads from the socket | logout: commands | reads |\n\
         |---|---:|---:|---:|---:|"
    );
    for (name, router) in routers {
        let log_in = || {
            let response = send(runtime, router, "/login", None);
            cookies(&response)
        };
        send(runtime, router, "/logout", Some(&log_in()));
        server.command("CONFIG RESETSTAT");
        let logged_in: Vec<String> = (0..100).map(|_| log_in()).collect();
        let (login_commands, login_reads) = counted(server);
        server.command("CONFIG RESETSTAT");
        for cookie in &logged_in {
            send(runtime, router, "/logout", Some(cookie));
        }
        let (commands, reads) = counted(server);
        println!(
            "| {name} | {:.2} | {:.2} | {:.2} | {:.2} |",
            login_commands / 100.0,
            login_reads / 100.0,
            commands / 100.0,
            reads / 100.0
        );
    }
}

/// The commands and the reads from the socket since they were reset, but for what asks for them.
fn counted(server: &RedisServer) -> (f64, f64) {
    let commands = server
        .command("INFO commandstats")
        .lines()
        .filter(|line| !line.starts_with("cmdstat_info") && !line.starts_with("cmdstat_config"))
        .filter_map(|line| {
            line.split("calls=")
                .nth(1)?
                .split(',')
                .next()?
                .parse::<f64>()
                .ok()
        })
        .sum();
    let stats = server.command("INFO stats");
    let reads = stats
        .lines()
        .find_map(|line| line.strip_prefix("total_reads_processed:"));
    let reads = reads
        .and_then(|reads| reads.trim().parse().ok())
        .unwrap_or_default();
    (commands, reads)
}
