//! The near cache: sessions that are asked for often, answered without a trip.

mod copies;

use std::fmt;
use std::sync::Arc;

use auth_layer::{AuthError, ConfigError, SecretDigest};
use redis::{Client, Cmd};
use session_layer::{SessionLookup, SessionRecord};

pub(super) use self::copies::{Copies, Unfinished, Writing};
use crate::keys::Prefix;
use crate::link::Link;
use crate::tracking::{Source, Tracking};

/// A near cache for [`RedisSessions`](super::RedisSessions): sessions that were asked for lately are
/// answered from memory, without a trip, and Redis says which of them have changed
/// (`CLIENT TRACKING`, Redis 6 or later).
///
/// - A change made through this store is seen at once. One made elsewhere is seen when the news
///   arrives, which takes about as long as a trip.
/// - The connection that brings the news is asked twice a second whether it lives. When it is closed, or does
///   not answer, nothing is answered from memory any more until it is back, and everything that was kept is
///   dropped. **No answer is ever older than one second.**
/// - It needs a [`redis::Client`] of its own, for the same server and database as the pool. That it is the
///   same is checked each time it or the pool's connection is made anew, with a key that is written through the
///   pool; until then nothing is answered from memory.
///
/// ```no_run
/// use redis_store::{NearCache, RedisStore};
///
/// # let pool = deadpool_redis::Config::from_url("redis://127.0.0.1/").create_pool(None)?;
/// let near = NearCache::new(redis::Client::open("redis://127.0.0.1/")?).capacity(10_000);
/// let sessions = RedisStore::new(pool).sessions().near_cache(near)?;
/// # let _ = sessions;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
#[must_use]
pub struct NearCache {
    source: Source,
    capacity: usize,
}

impl NearCache {
    /// A near cache that connects with `client`, for at most 100,000 sessions.
    pub fn new(client: Client) -> Self {
        Self {
            source: Source::server(client),
            capacity: 100_000,
        }
    }

    /// As `new`, for a master that sentinels watch.
    #[cfg(feature = "sentinel")]
    pub fn sentinel(client: redis::sentinel::SentinelClient) -> Self {
        Self {
            source: Source::sentinel(client),
            capacity: 100_000,
        }
    }

    /// How many sessions are kept at most; those that were read first make room.
    pub fn capacity(mut self, sessions: usize) -> Self {
        self.capacity = sessions;
        self
    }

    fn check(&self, link: &Link) -> Result<(), ConfigError> {
        if link.is_partitioned() {
            let problem = "works with one server or behind a sentinel, not with a cluster";
            return Err(ConfigError::new("near_cache", problem));
        }
        if self.capacity == 0 {
            return Err(ConfigError::new(
                "near_cache.capacity",
                "must be at least 1",
            ));
        }
        Ok(())
    }
}

impl fmt::Debug for NearCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NearCache")
            .field("capacity", &self.capacity)
            .finish_non_exhaustive()
    }
}

/// The copies, and the connection that brings news of them.
#[derive(Clone)]
pub(super) struct Near {
    copies: Arc<Copies>,
    tracking: Tracking<Copies>,
}

impl Near {
    pub(super) fn new(
        options: NearCache,
        link: Link,
        sessions: &str,
        prefix: &Prefix,
    ) -> Result<Self, ConfigError> {
        options.check(&link)?;
        let copies = Arc::new(Copies::new(
            options.capacity,
            sessions,
            link.epoch().clone(),
        ));
        let tracking = Tracking::new(options.source, link, Arc::clone(&copies), prefix);
        Ok(Self { copies, tracking })
    }

    pub(super) fn copies(&self) -> &Arc<Copies> {
        &self.copies
    }

    pub(super) fn find_now(&self, secret: &SecretDigest) -> SessionLookup {
        match self.copies.get(secret) {
            Some(record) => SessionLookup::Found(record),
            None => SessionLookup::Wait,
        }
    }

    /// Asks over the connection that brings the news, and keeps what is found. `None` if there is no
    /// such connection now.
    pub(super) async fn find(
        &self,
        secret: &SecretDigest,
        session: &[u8],
    ) -> Option<Result<Option<SessionRecord>, AuthError>> {
        let reading = self.copies.begin_to_read(secret);
        let answer = self.tracking.send(Cmd::get(session)).await?;
        let found = super::unpack_found(answer);
        if let (Some(reading), Ok(Some(record))) = (reading, &found) {
            self.copies.keep(reading, record);
        }
        Some(found)
    }
}

impl fmt::Debug for Near {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Near")
            .field("copies", &self.copies)
            .finish()
    }
}
