//! Stores on servers of their own.

#![allow(dead_code, reason = "each test program uses a part of it")]

use deadpool_redis::Runtime;
use redis_store::RedisStore;
use test_servers::RedisServer;

/// A pool for one server.
pub(crate) fn pool(server: &RedisServer) -> deadpool_redis::Pool {
    pool_at(&server.url())
}

/// A pool for whichever server is at this address.
pub(crate) fn pool_at(url: &str) -> deadpool_redis::Pool {
    deadpool_redis::Config::from_url(url)
        .create_pool(Some(Runtime::Tokio1))
        .expect("a URL makes a pool")
}

/// The stores on one server.
pub(crate) fn store(server: &RedisServer) -> RedisStore {
    RedisStore::new(pool(server))
}

/// A pool for a cluster.
#[cfg(feature = "cluster")]
pub(crate) fn cluster_pool(cluster: &test_servers::RedisCluster) -> deadpool_redis::cluster::Pool {
    let config = deadpool_redis::cluster::Config::from_urls(cluster.urls());
    config
        .create_pool(Some(Runtime::Tokio1))
        .expect("URLs make a pool")
}

/// A pool for the master that a sentinel knows.
#[cfg(feature = "sentinel")]
pub(crate) fn sentinel_pool(
    sentinel: &test_servers::RedisSentinel,
) -> deadpool_redis::sentinel::Pool {
    use deadpool_redis::sentinel::{Config, SentinelServerType};
    let name = test_servers::RedisSentinel::MASTER_NAME.to_owned();
    let urls = vec![sentinel.url()];
    let config = Config::from_urls(urls, name, SentinelServerType::Master);
    config
        .create_pool(Some(Runtime::Tokio1))
        .expect("URLs make a pool")
}
