//! The user's pool.

use std::fmt;

use redis::{RedisError, RedisResult};

use super::Connection;

/// A pool of deadpool-redis: for one server, for a master that sentinels watch (feature `sentinel`),
/// or for a cluster (feature `cluster`). Made with `From` from either.
#[derive(Clone)]
pub struct RedisPool(pub(super) Pool);

#[derive(Clone)]
pub(super) enum Pool {
    Server(deadpool_redis::Pool),
    #[cfg(feature = "sentinel")]
    Sentinel(deadpool_redis::sentinel::Pool),
    #[cfg(feature = "cluster")]
    Cluster(deadpool_redis::cluster::Pool),
}

impl RedisPool {
    /// Whether keys lie on several servers, so that no step can change two of them.
    pub(crate) const fn is_partitioned(&self) -> bool {
        match self.0 {
            Pool::Server(_) => false,
            #[cfg(feature = "sentinel")]
            Pool::Sentinel(_) => false,
            #[cfg(feature = "cluster")]
            Pool::Cluster(_) => true,
        }
    }

    /// Takes a connection from the pool for good: each checkout would send `UNWATCH` and `PING`.
    pub(super) async fn connect(&self) -> RedisResult<Connection> {
        match &self.0 {
            Pool::Server(pool) => {
                let connection = pool.get().await.map_err(cause)?;
                Ok(Connection::Server(deadpool_redis::Connection::take(
                    connection,
                )))
            }
            #[cfg(feature = "sentinel")]
            Pool::Sentinel(pool) => {
                let connection = pool.get().await.map_err(cause)?;
                Ok(Connection::Server(
                    deadpool_redis::sentinel::Connection::take(connection),
                ))
            }
            #[cfg(feature = "cluster")]
            Pool::Cluster(pool) => {
                let connection = pool.get().await.map_err(cause)?;
                Ok(Connection::Cluster(
                    deadpool_redis::cluster::Connection::take(connection),
                ))
            }
        }
    }
}

fn cause(error: deadpool_redis::PoolError) -> RedisError {
    match error {
        deadpool_redis::PoolError::Backend(error) => error,
        other => RedisError::from(std::io::Error::other(other)),
    }
}

impl From<deadpool_redis::Pool> for RedisPool {
    fn from(pool: deadpool_redis::Pool) -> Self {
        Self(Pool::Server(pool))
    }
}

#[cfg(feature = "sentinel")]
impl From<deadpool_redis::sentinel::Pool> for RedisPool {
    fn from(pool: deadpool_redis::sentinel::Pool) -> Self {
        Self(Pool::Sentinel(pool))
    }
}

#[cfg(feature = "cluster")]
impl From<deadpool_redis::cluster::Pool> for RedisPool {
    fn from(pool: deadpool_redis::cluster::Pool) -> Self {
        Self(Pool::Cluster(pool))
    }
}

impl fmt::Debug for RedisPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Pool::Server(_) => "RedisPool(server)",
            #[cfg(feature = "sentinel")]
            Pool::Sentinel(_) => "RedisPool(sentinel)",
            #[cfg(feature = "cluster")]
            Pool::Cluster(_) => "RedisPool(cluster)",
        })
    }
}
