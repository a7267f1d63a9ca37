//! A copy of all revocations, so that no question makes a trip.

mod entries;
mod follow;

use std::fmt;
use std::sync::Arc;

use auth_layer::{ConfigError, IssuedToken};
use redis::Client;

use self::entries::{Entries, Writing};
use super::{Id, instant};
use crate::keys::Prefix;
use crate::link::Link;
use crate::tracking::{Source, Tracking};

/// A copy of all revocations for [`RedisRevocations`](super::RedisRevocations): what is revoked and
/// what is not is answered from memory, without a trip, and Redis says what has changed (`CLIENT
/// TRACKING` in its broadcasting mode, Redis 6 or later).
///
/// - A revocation made through this store is seen at once. One made elsewhere is seen when the news
///   arrives, which takes about as long as a trip; until its value is there too, questions about that
///   token or subject go to Redis.
/// - The copy is loaded in the background (`SCAN`), while the news is heard already, so that nothing
///   is missed in between. Until then, every question goes to Redis.
/// - The connection that brings the news is asked twice a second whether it lives. When it is closed,
///   or does not answer, the copy is dropped and every question goes to Redis; which is answered
///   503 if that is down. **No answer is ever older than one second.**
/// - It needs a [`redis::Client`] of its own, for the same server and database as the pool. That it is the
///   same is checked each time either connection is made anew, with a key that is written through the
///   pool.
/// - It does not work with a cluster, whose nodes each know of their own keys only.
///
/// ```no_run
/// use redis_store::{LocalRevocations, RedisStore};
///
/// # let pool = deadpool_redis::Config::from_url("redis://127.0.0.1/").create_pool(None)?;
/// let local = LocalRevocations::new(redis::Client::open("redis://127.0.0.1/")?);
/// let revocations = RedisStore::new(pool).revocations().local_copy(local)?;
/// # let _ = revocations;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
#[must_use]
pub struct LocalRevocations {
    source: Source,
    capacity: usize,
}

impl LocalRevocations {
    /// A copy that connects with `client`, of at most 100,000 revocations.
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

    /// How many revocations there may be at most, of some 100 bytes each. If there are more, the copy
    /// switches itself off, which is logged as an error, and tries again after a minute; meanwhile
    /// every question goes to Redis.
    pub fn capacity(mut self, revocations: usize) -> Self {
        self.capacity = revocations;
        self
    }

    fn check(&self, link: &Link) -> Result<(), ConfigError> {
        if link.is_partitioned() {
            let problem = "works with one server or behind a sentinel, not with a cluster";
            return Err(ConfigError::new("local_copy", problem));
        }
        if self.capacity == 0 {
            let problem = "must be at least 1";
            return Err(ConfigError::new("local_copy.capacity", problem));
        }
        Ok(())
    }
}

impl fmt::Debug for LocalRevocations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalRevocations")
            .field("capacity", &self.capacity)
            .finish_non_exhaustive()
    }
}

/// The copy, and the connection that brings news of it.
#[derive(Clone)]
pub(super) struct Local {
    entries: Arc<Entries>,
    tracking: Tracking<Entries>,
}

impl Local {
    pub(super) fn new(
        options: LocalRevocations,
        link: Link,
        prefix: &Prefix,
    ) -> Result<Self, ConfigError> {
        options.check(&link)?;
        let entries = Entries::new(options.capacity, prefix, link.epoch().clone());
        let entries = Arc::new(entries);
        let tracking = Tracking::new(options.source, link, Arc::clone(&entries), prefix);
        Ok(Self { entries, tracking })
    }

    /// Begins to make the copy, if nobody has.
    pub(super) fn begin(&self) {
        self.tracking.run();
    }

    /// The answer; `None` if it is not known here.
    pub(super) fn check(&self, token: &IssuedToken<'_>) -> Option<bool> {
        self.begin();
        if self.entries.is_empty()? {
            return Some(false);
        }
        let issued_at = instant(token.issued_at);
        self.entries.check(Id::all(token), &issued_at)
    }

    /// Something is being revoked. Until that has ended, in whatever way, and what came of it was heard,
    /// nothing is said of it.
    pub(super) fn writing(&self, id: Id) -> Writing {
        Writing::new(&self.entries, id)
    }
}

impl fmt::Debug for Local {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.entries.fmt(f)
    }
}
