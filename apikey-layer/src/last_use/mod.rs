//! When keys were last used, written behind: [`LastUses`].

mod marks;
#[cfg(feature = "tokio")]
mod run;

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use auth_layer::{AuthError, ConfigError, Events, check_duration};

use self::marks::Marks;
use crate::store::ApiKeyStore as _;
use crate::{KeyId, SharedApiKeyStore};

const DEFAULT_CAPACITY: usize = 100_000;

const DEFAULT_INTERVAL: Duration = Duration::from_secs(45);

/// How many keys a store is told of at once.
const BATCH: usize = 500;

/// Remembers when keys were last used, and writes it into their store now and then.
///
/// [`ApiKeys::last_uses`](crate::ApiKeys::last_uses) marks every key that was found good. A mark is a
/// number in memory, one for each key, to the second; no request waits for a store because of it, and
/// none fails. [`flush`](Self::flush) writes the marks by [`ApiKeyStore::touch`](crate::ApiKeyStore::touch),
/// and `run` (feature `tokio`) does so again and again.
///
/// - What could not be written is kept, and written the next time together with what has come since.
/// - It is bounded: while more keys are used between two writes than there is room for, those that do
///   not fit are not marked.
/// - A process that is killed loses the marks since the last write and nothing else. On an orderly end,
///   call `flush` once more.
/// - Nodes mark for themselves. A store never moves a time back, whatever order they write in.
///
/// So a key's last use is known to about a minute. That is for people who look for keys that nobody
/// uses any more; nothing is allowed or refused by it.
///
#[cfg_attr(feature = "tokio", doc = "```")]
#[cfg_attr(not(feature = "tokio"), doc = "```ignore")]
/// use std::sync::Arc;
///
/// use apikey_layer::{ApiKeys, KeyFormat, LastUses, MemoryApiKeys};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let store = Arc::new(MemoryApiKeys::new());
/// let uses = LastUses::new(Arc::clone(&store));
/// let keys = ApiKeys::danger_without_owners(KeyFormat::live("sk")?, store).last_uses(&uses);
/// tokio::spawn(uses.run());
///
/// // axum::serve(listener, app).with_graceful_shutdown(signal).await?;
/// uses.flush().await?; // the last seconds
/// # let _ = keys;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct LastUses {
    store: SharedApiKeyStore,
    marks: Arc<Marks>,
    interval: Duration,
    events: Events,
}

impl LastUses {
    /// For the keys in `store`: room for 100,000 keys, written every 45 seconds.
    #[must_use]
    pub fn new(store: impl Into<SharedApiKeyStore>) -> Self {
        Self {
            store: store.into(),
            marks: Arc::new(Marks::new(DEFAULT_CAPACITY)),
            interval: DEFAULT_INTERVAL,
            events: Events::default(),
        }
    }

    /// How many keys are remembered between two writes, about; one takes some 30 bytes. What was marked
    /// until now is forgotten.
    ///
    /// # Errors
    ///
    /// Refuses zero, and more than ten million.
    pub fn capacity(mut self, keys: usize) -> Result<Self, ConfigError> {
        if !(1..=10_000_000).contains(&keys) {
            return Err(ConfigError::new("capacity", "must be 1 to 10,000,000"));
        }
        self.marks = Arc::new(Marks::new(keys));
        Ok(self)
    }

    /// How long `run` waits between two writes, give or take a third. Default: 45 seconds.
    ///
    /// # Errors
    ///
    /// Refuses less than a second, and more than a day.
    pub fn interval(mut self, interval: Duration) -> Result<Self, ConfigError> {
        let interval = check_duration("interval", interval)?;
        if !(Duration::from_secs(1)..=Duration::from_secs(86_400)).contains(&interval) {
            return Err(ConfigError::new("interval", "must be a second to a day"));
        }
        self.interval = interval;
        Ok(self)
    }

    /// Where `run` tells that it could not write. Default: `tracing`, if that feature of auth-layer is
    /// on.
    #[must_use]
    pub fn events(mut self, events: Events) -> Self {
        self.events = events;
        self
    }

    /// Remembers that a key was used.
    pub fn mark(&self, id: &KeyId, at: SystemTime) {
        self.marks.mark(id, at);
    }

    /// Writes what was marked until now; says of how many keys. One write at a time: another one that
    /// is under way is waited for.
    ///
    /// It takes as long as the store does. If it is dropped half-way, nothing is lost.
    ///
    /// # Errors
    ///
    /// Fails as the first of its batches did that the store did not take; the others are written all the
    /// same. What it did not take is kept for the next time.
    pub async fn flush(&self) -> Result<usize, AuthError> {
        let _turn = self.marks.turn.lock().await;
        let mut taken = Taken {
            marks: &self.marks,
            rest: self.marks.take(),
        };
        let total = taken.rest.len();
        let (mut left, mut result) = (total, Ok(total));
        while left > 0 {
            let batch = left.saturating_sub(BATCH)..left;
            left = batch.start;
            match self.store.touch(&taken.rest[batch.clone()]).await {
                // Nothing behind it but what was not taken, and that is not written again now.
                Ok(()) => drop(taken.rest.drain(batch)),
                Err(error) => result = result.and(Err(error)),
            }
        }
        result
    }
}

/// Marks that are being written. Those that are left when it is dropped go back.
struct Taken<'a> {
    marks: &'a Marks,
    rest: Vec<(KeyId, SystemTime)>,
}

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        for (id, at) in &self.rest {
            self.marks.mark(id, *at);
        }
    }
}

impl fmt::Debug for LastUses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LastUses")
            .field("marked", &self.marks.len())
            .field("interval", &self.interval)
            .finish_non_exhaustive()
    }
}
