//! The limits of API keys, counted for several nodes.

mod common;

use std::sync::Arc;

use apikey_layer::{ApiKey, ApiKeys, KeyFormat, KeyRegistry, MemoryApiKeys, NewKey};
use auth_layer::{Identity, Rate};
use auth_test::TestClient;
use axum::Router;
use axum::routing::get;
use redis_store::RedisStore;
use test_servers::RedisServer;

fn format() -> KeyFormat {
    KeyFormat::live("sk").expect("a prefix")
}

fn rate(text: &str) -> Rate {
    text.parse().expect("a rate")
}

async fn key(keys: &Arc<MemoryApiKeys>, limits: &[&str]) -> ApiKey {
    let new = NewKey::new("robot").limits(limits.iter().map(|limit| rate(limit)));
    let registry = KeyRegistry::new(format(), Arc::clone(keys));
    let owner = Identity::new("session", "ann");
    registry.create(&owner, new).await.expect("a key").key
}

/// A process of its own, with a connection of its own.
fn node(server: &RedisServer, keys: &Arc<MemoryApiKeys>) -> TestClient {
    let counters = RedisStore::new(common::pool(server)).rate_counters();
    let scheme = ApiKeys::danger_without_owners(format(), Arc::clone(keys))
        .quota(counters.clone())
        .failure_limit(rate("5/h"), counters);
    let router = Router::new().route("/", get(|| async { "done" }));
    TestClient::new(router.layer(scheme.into_layer()))
}

/// How many of forty requests at once are answered with `status`, on two nodes.
async fn answered(nodes: &[TestClient; 2], key: &str, status: u16) -> usize {
    let requests = (0..40).map(|n| {
        let request = nodes[n % 2].get("/").header("x-api-key", key);
        tokio::spawn(request.into_future())
    });
    let answers = futures_util::future::join_all(requests).await;
    let answers = answers.into_iter().map(|res| res.expect("an answer"));
    answers.filter(|res| res.status() == status).count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn apk_04_of_forty_requests_with_ten_left_ten_pass_on_all_nodes_together() {
    let server = RedisServer::start();
    let keys = Arc::new(MemoryApiKeys::new());
    let nodes = [node(&server, &keys), node(&server, &keys)];
    for limits in [&["10/h"][..], &["1000/h", "10/30d"], &["10/h", "1000/30d"]] {
        let key = key(&keys, limits).await;
        assert_eq!(answered(&nodes, key.expose(), 200).await, 10, "{limits:?}");
        // Never below nothing: all of them are refused, and say when there is one again.
        assert_eq!(answered(&nodes, key.expose(), 429).await, 40, "{limits:?}");
        let res = nodes[0].get("/").header("x-api-key", key.expose()).await;
        let left = res.header("ratelimit").expect("it is said");
        assert!(left.contains(";r=0;"), "{left}");
        assert!(res.header("retry-after").is_some());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn apk_12_bad_keys_are_counted_on_all_nodes_together() {
    let server = RedisServer::start();
    let keys = Arc::new(MemoryApiKeys::new());
    let nodes = [node(&server, &keys), node(&server, &keys)];
    let unknown = format().generate().expect("randomness");
    assert_eq!(answered(&nodes, unknown.expose(), 401).await, 5);
    assert_eq!(answered(&nodes, unknown.expose(), 429).await, 40);
    let good = key(&keys, &[]).await;
    assert_eq!(answered(&nodes, good.expose(), 200).await, 40);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn x_09_a_redis_that_is_gone_is_503_for_keys_with_limits_alone() {
    let server = RedisServer::start();
    let keys = Arc::new(MemoryApiKeys::new());
    let node = node(&server, &keys);
    let (limited, free) = (key(&keys, &["10/h"]).await, key(&keys, &[]).await);
    let send = async |key: &ApiKey| {
        node.get("/")
            .header("x-api-key", key.expose())
            .await
            .status()
    };
    assert_eq!(send(&limited).await, 200);
    drop(server);
    assert_eq!(send(&limited).await, 503);
    assert_eq!(send(&free).await, 200);
}
