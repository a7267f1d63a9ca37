//! Where the stores come from.

use std::time::Duration;

use auth_layer::{ConfigError, SharedClock, check_duration};

use crate::keys::Prefix;
use crate::link::{Link, RedisPool};
use crate::nonce_counters::RedisNonceCounters;
use crate::rate_counters::RedisRateCounters;
use crate::remember::RedisRememberStore;
use crate::revocations::RedisRevocations;
use crate::sessions::RedisSessions;
use crate::single_use::RedisSingleUse;

/// The stores on one Redis, which share a connection.
///
/// The connection is taken from the pool at the first use, kept, and replaced when it breaks. While
/// Redis is down every question is answered "could not ask" (503) at once; it is used again within
/// two seconds of its return. Cheap to clone.
#[derive(Clone, Debug)]
pub struct RedisStore {
    link: Link,
    prefix: Prefix,
    clock: SharedClock,
}

impl RedisStore {
    /// Stores with the default options.
    ///
    /// ```no_run
    /// let pool = deadpool_redis::Config::from_url("redis://127.0.0.1/")
    ///     .create_pool(Some(deadpool_redis::Runtime::Tokio1))?;
    /// let store = redis_store::RedisStore::new(pool);
    /// # Ok::<(), deadpool_redis::CreatePoolError>(())
    /// ```
    #[must_use]
    pub fn new(pool: impl Into<RedisPool>) -> Self {
        let options = Self::builder(pool);
        Self {
            link: Link::new(options.pool, options.timeout),
            prefix: Prefix::default(),
            clock: options.clock,
        }
    }

    /// Stores with options.
    pub fn builder(pool: impl Into<RedisPool>) -> RedisStoreBuilder {
        RedisStoreBuilder {
            pool: pool.into(),
            prefix: Prefix::DEFAULT.to_owned(),
            timeout: Duration::from_secs(1),
            clock: SharedClock::default(),
        }
    }

    /// The sessions.
    pub fn sessions(&self) -> RedisSessions {
        RedisSessions::new(self.link.clone(), &self.prefix)
    }

    /// API keys.
    #[cfg(feature = "apikey")]
    pub fn api_keys(&self) -> crate::RedisApiKeys {
        crate::RedisApiKeys::new(self.link.clone(), &self.prefix)
    }

    /// News of changed API keys and owners, for `CachedApiKeys::changes` and `CachedKeyOwners::changes`
    /// of apikey-layer. `client` connects to the same server and database as the pool.
    ///
    /// # Errors
    ///
    /// Refuses a cluster.
    #[cfg(feature = "apikey")]
    pub fn key_changes(
        &self,
        client: redis::Client,
    ) -> Result<crate::RedisKeyChanges, ConfigError> {
        let source = crate::tracking::Source::server(client);
        crate::RedisKeyChanges::new(source, self.link.clone(), &self.prefix)
    }

    /// As [`key_changes`](Self::key_changes), for a master that sentinels watch.
    ///
    /// # Errors
    ///
    /// Refuses a cluster.
    #[cfg(all(feature = "apikey", feature = "sentinel"))]
    pub fn key_changes_by_sentinel(
        &self,
        client: redis::sentinel::SentinelClient,
    ) -> Result<crate::RedisKeyChanges, ConfigError> {
        let source = crate::tracking::Source::sentinel(client);
        crate::RedisKeyChanges::new(source, self.link.clone(), &self.prefix)
    }

    /// Families of refresh tokens.
    #[cfg(feature = "jwt")]
    pub fn refresh_families(&self) -> crate::RedisRefreshStore {
        crate::RedisRefreshStore::new(self.link.clone(), &self.prefix)
    }

    /// Logins that are remembered.
    pub fn remembered(&self) -> RedisRememberStore {
        RedisRememberStore::new(self.link.clone(), &self.prefix)
    }

    /// What was taken back.
    pub fn revocations(&self) -> RedisRevocations {
        RedisRevocations::new(self.link.clone(), self.clock.clone(), &self.prefix)
    }

    /// Rings of signing keys.
    #[cfg(feature = "jwt")]
    pub fn signing_keys(&self) -> crate::RedisSigningKeys {
        crate::RedisSigningKeys::new(self.link.clone(), &self.prefix)
    }

    /// The counters of limits.
    pub fn rate_counters(&self) -> RedisRateCounters {
        RedisRateCounters::new(self.link.clone(), &self.prefix)
    }

    /// The counters of HTTP Digest.
    pub fn nonce_counters(&self) -> RedisNonceCounters {
        RedisNonceCounters::new(self.link.clone(), self.clock.clone(), &self.prefix)
    }

    /// What was used and may not be used again.
    pub fn single_use(&self) -> RedisSingleUse {
        RedisSingleUse::new(self.link.clone(), &self.prefix)
    }
}

/// Options of a [`RedisStore`].
#[derive(Clone, Debug)]
#[must_use]
pub struct RedisStoreBuilder {
    pool: RedisPool,
    prefix: String,
    timeout: Duration,
    clock: SharedClock,
}

impl RedisStoreBuilder {
    /// What all keys begin with; `auth` by default. 1 to 64 letters, digits or `.`, `_`, `-`, `:`, `/`.
    ///
    /// Applications that share a Redis need different ones.
    pub fn prefix(mut self, prefix: impl Into<String>) -> Self {
        prefix.into().clone_into(&mut self.prefix);
        self
    }

    /// How long a command may take, connecting included; 1 second by default, at most a minute.
    ///
    /// A command that took longer may have been executed nevertheless. The pool has time-outs of its own, for an
    /// answer (half a second unless set otherwise) and for connecting; the shorter one counts.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// The clock of those stores whose callers do not say what time it is; the system's by default.
    pub fn clock(mut self, clock: impl Into<SharedClock>) -> Self {
        self.clock = clock.into();
        self
    }

    /// The stores.
    ///
    /// # Errors
    ///
    /// Fails if the prefix or the time-out cannot be meant.
    pub fn build(self) -> Result<RedisStore, ConfigError> {
        let timeout = check_duration("timeout", self.timeout)?;
        if timeout > Duration::from_secs(60) {
            return Err(ConfigError::new("timeout", "must be at most a minute"));
        }
        Ok(RedisStore {
            prefix: Prefix::new(&self.prefix)?,
            link: Link::new(self.pool, timeout),
            clock: self.clock,
        })
    }
}
