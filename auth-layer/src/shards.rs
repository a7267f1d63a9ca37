//! What the bounded stores in memory are divided into, so that requests seldom wait for each other.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::ConfigError;

/// Shards with a lock each. Clones share them.
#[derive(Debug)]
pub(crate) struct Shards<T> {
    shards: Arc<[Mutex<T>]>,
    /// Of one shard.
    capacity: usize,
}

const SHARDS: usize = 16;

impl<T: Default> Shards<T> {
    /// Room for `capacity` entries in all shards together.
    pub(crate) fn new(capacity: usize) -> Result<Self, ConfigError> {
        if capacity == 0 {
            return Err(ConfigError::new("capacity", "must be at least 1"));
        }
        Ok(Self::with_room(capacity))
    }

    /// Sixteen shards, or one if the room is so small that an uneven share would be felt.
    pub(crate) fn with_room(capacity: usize) -> Self {
        let shards = if capacity < 64 * SHARDS { 1 } else { SHARDS };
        Self {
            shards: (0..shards).map(|_| Mutex::default()).collect(),
            capacity: capacity.div_ceil(shards),
        }
    }
}

impl<T> Shards<T> {
    /// The shard of a key, of which this is the first byte. The bytes of keys are hashed or random,
    /// so that one of them spreads keys evenly.
    pub(crate) fn of(&self, first: u8) -> MutexGuard<'_, T> {
        lock(&self.shards[usize::from(first) % self.shards.len()])
    }

    /// All shards, one after the other.
    pub(crate) fn iter(&self) -> impl Iterator<Item = MutexGuard<'_, T>> {
        self.shards.iter().map(lock)
    }

    /// How many entries one shard may have.
    pub(crate) fn each(&self) -> usize {
        self.capacity
    }

    /// How many entries all shards may have.
    pub(crate) fn capacity(&self) -> usize {
        self.capacity * self.shards.len()
    }
}

/// No step between lock and unlock leaves a shard half changed, so one that is poisoned is whole.
fn lock<T>(shard: &Mutex<T>) -> MutexGuard<'_, T> {
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<T> Clone for Shards<T> {
    fn clone(&self) -> Self {
        Self {
            shards: Arc::clone(&self.shards),
            capacity: self.capacity,
        }
    }
}
