//! Sessions on Redis, on the loopback interface.

use std::rc::Rc;
use std::time::SystemTime;

use axum::Router;
use axum::routing::get;
use bench::sections::sessions::{USER, ours, private, requests, session};
use bench::{Contender, Section};
use redis::AsyncCommands as _;
use redis_store::RedisStore;
use session_layer::{SessionBackend as _, SessionLayer};
use test_servers::RedisServer;
use tokio::runtime::Runtime;
use tower_sessions_redis_store::RedisStore as TheirStore;
use tower_sessions_redis_store::fred::prelude::{ClientLike as _, Config, Pool};

use crate::memory::peer;
use crate::{axum_login_peer, tower_sessions_peer};

pub(crate) fn section(runtime: &Runtime) -> Section {
    // It runs as long as the program.
    let server: &'static RedisServer = Box::leak(Box::new(RedisServer::start()));
    let bare = runtime.block_on(bare(server));
    let ours = runtime.block_on(store(server));
    let theirs = runtime.block_on(theirs(server));
    let tower = |save| tower_sessions_peer::v014::router(TheirStore::new(theirs.clone()), save);
    let axum_login = axum_login_peer::router(TheirStore::new(theirs.clone()));
    let bare_router = Router::new().route("/me", get(async || private(USER.to_owned())));
    let (_, cookie) = session(0, USER, None, SystemTime::now());
    let mut contenders = vec![
        Contender::router("router that asks nobody", bare_router),
        Contender::router("multiplexed GET in the handler", bare),
        ours,
        peer(runtime, "tower-sessions 0.14 + redis-store", tower(false)),
        peer(
            runtime,
            "tower-sessions 0.14 + redis-store, always_save",
            tower(true),
        ),
        peer(runtime, "axum-login 0.18 + redis-store", axum_login),
    ];
    print_commands(runtime, server, &mut contenders, &cookie);
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
    let pool = deadpool_redis::Config::from_url(server.url())
        .create_pool(Some(deadpool_redis::Runtime::Tokio1))
        .expect("a url");
    let store = RedisStore::new(pool).sessions();
    let (new, cookie) = session(0, USER, None, SystemTime::now());
    let outcome = store.create(new).await;
    assert!(outcome.is_ok(), "{outcome:?}");
    let router = ours().layer(SessionLayer::new(store));
    Contender::router("`SessionLayer`", router).with_requests(requests(vec![cookie]))
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
        let commands: f64 = server
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
        let reads: f64 = reads
            .and_then(|reads| reads.trim().parse().ok())
            .unwrap_or_default();
        println!(
            "| {} | {:.2} | {:.2} |",
            contender.name(),
            commands / 1_000.0,
            reads / 1_000.0
        );
    }
}
