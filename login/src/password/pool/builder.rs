//! Configuring a [`HashPool`].

use std::num::NonZero;
use std::sync::Arc;
use std::thread;

use auth_layer::ConfigError;

use super::queue::Queue;
use super::{HashPool, Owner, worker};
use crate::password::hasher::PasswordHasher;

/// Configures a [`HashPool`].
#[derive(Clone, Debug)]
#[must_use]
pub struct HashPoolBuilder {
    hasher: PasswordHasher,
    threads: Option<usize>,
    queue: Option<usize>,
}

impl HashPoolBuilder {
    pub(super) const fn new(hasher: PasswordHasher) -> Self {
        Self {
            hasher,
            threads: None,
            queue: None,
        }
    }

    /// How many threads hash, 1 to 64. Default: one for each core, at most 4.
    ///
    /// More threads than cores hash no faster, and each keeps the memory of a hash: four keep 76 MiB
    /// and, at the default parameters, check some 250 passwords a second.
    pub const fn threads(mut self, threads: usize) -> Self {
        self.threads = Some(threads);
        self
    }

    /// How many passwords may wait, 1 to 65,536. Default: 64 for each thread.
    ///
    /// It bounds how long a login waits: 64 at the default parameters are one second. What does not
    /// fit is answered 503 at once.
    pub const fn queue(mut self, passwords: usize) -> Self {
        self.queue = Some(passwords);
        self
    }

    /// Starts the threads.
    ///
    /// # Errors
    ///
    /// Names the option that is out of range; `threads` also if the system starts none.
    pub fn build(self) -> Result<HashPool, ConfigError> {
        let threads = self.threads.unwrap_or_else(|| {
            thread::available_parallelism()
                .map_or(1, NonZero::get)
                .clamp(1, 4)
        });
        if !(1..=64).contains(&threads) {
            return Err(ConfigError::new("threads", "must be between 1 and 64"));
        }
        let capacity = self.queue.unwrap_or(64 * threads);
        if !(1..=65_536).contains(&capacity) {
            return Err(ConfigError::new("queue", "must be between 1 and 65536"));
        }

        let mut owner = Owner {
            hasher: self.hasher,
            queue: Arc::new(Queue::new(capacity)),
            threads: Vec::with_capacity(threads),
        };
        for _ in 0..threads {
            let thread = worker::start(Arc::clone(&owner.queue), owner.hasher.block_count());
            // Dropping the owner stops those that were started.
            owner.threads.push(thread.map_err(|error| {
                ConfigError::new("threads", format!("could not be started: {error}"))
            })?);
        }
        Ok(HashPool {
            owner: Arc::new(owner),
        })
    }
}
