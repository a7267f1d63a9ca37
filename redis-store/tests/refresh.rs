//! Refresh tokens of two nodes that share a Redis.
#![allow(clippy::unwrap_used, reason = "for tests only, but not marked as one")]

mod common;
#[path = "../../tests/tests/support/refreshing.rs"]
mod refreshing;

use auth_layer::SharedRevocations;
use jwt_layer::refresh::SharedRefreshStore;
use redis_store::{RedisPool, RedisStore};
use test_servers::RedisServer;

async fn two_nodes_on(pool: RedisPool) {
    let store = RedisStore::new(pool);
    refreshing::two_nodes(
        SharedRefreshStore::new(store.refresh_families()),
        SharedRevocations::new(store.revocations()),
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn ref_01_ref_02_two_nodes_on_one_server_are_one() {
    let server = RedisServer::start();
    two_nodes_on(common::pool(&server).into()).await;
}

#[cfg(feature = "cluster")]
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn ref_01_ref_02_two_nodes_on_a_cluster_are_one() {
    let cluster = test_servers::RedisCluster::start();
    two_nodes_on(common::cluster_pool(&cluster).into()).await;
}
