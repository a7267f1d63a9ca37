//! The contract suites, on one server, behind a sentinel, and on a cluster.

mod common;

use auth_test::{ManualClock, contract};
use redis_store::{RedisPool, RedisStore};
use test_servers::RedisServer;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn stores_on_one_server_keep_the_contracts() {
    let server = RedisServer::start();
    let pool = RedisPool::from(common::pool(&server));
    let store = RedisStore::new(pool.clone());
    contract::session_backend(async || store.sessions()).await;
    smaller_contracts(pool).await;
}

#[cfg(feature = "sentinel")]
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn stores_behind_a_sentinel_keep_the_contracts() {
    let sentinel = test_servers::RedisSentinel::start();
    let pool = RedisPool::from(common::sentinel_pool(&sentinel));
    let store = RedisStore::new(pool.clone());
    contract::session_backend(async || store.sessions()).await;
    smaller_contracts(pool).await;
}

#[cfg(feature = "cluster")]
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn stores_on_a_cluster_keep_the_contracts() {
    let cluster = test_servers::RedisCluster::start();
    let pool = RedisPool::from(common::cluster_pool(&cluster));
    let store = RedisStore::new(pool.clone());
    contract::partitioned_session_backend(async || store.sessions()).await;
    smaller_contracts(pool).await;
}

/// The contracts that say the same wherever the keys lie.
async fn smaller_contracts(pool: RedisPool) {
    let store = RedisStore::new(pool.clone());
    let with_clock = |clock: ManualClock| {
        let store = RedisStore::builder(pool.clone()).clock(clock).build();
        store.expect("the options are fine")
    };
    #[cfg(feature = "apikey")]
    contract::api_key_store(async || store.api_keys()).await;
    contract::remember_store(async || store.remembered()).await;
    #[cfg(feature = "jwt")]
    contract::refresh_store(async || store.refresh_families()).await;
    contract::revocations(async || store.revocations()).await;
    contract::revocations_over_time(async |clock| with_clock(clock).revocations()).await;
    contract::rate_counters(async || store.rate_counters()).await;
    contract::single_use(async || store.single_use()).await;
    #[cfg(feature = "jwt")]
    contract::signing_key_store(async || store.signing_keys()).await;
    contract::nonce_counters(async || store.nonce_counters()).await;
    contract::nonce_counters_over_time(async |clock| with_clock(clock).nonce_counters()).await;
}
