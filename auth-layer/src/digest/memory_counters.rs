//! Counting the use of nonces in this process.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::fmt;
use std::time::SystemTime;

use super::{NonceCounters, NonceId};
use crate::shards::Shards;
use crate::{AuthError, ConfigError, SharedClock};

/// [`NonceCounters`] in the memory of this process, bounded.
///
/// Only nonces that were used with a right password take room, about 100 bytes each, until they
/// expire. A live nonce is never given up for another, because its requests could then be sent
/// again: when there is no room, clients with new nonces are answered 503 until one expires.
///
/// Clones share what they count.
#[derive(Clone)]
pub struct MemoryNonceCounters {
    shards: Shards<Shard>,
    clock: SharedClock,
}

#[derive(Default)]
struct Shard {
    counts: HashMap<NonceId, u32>,
    // The same nonces, the one that expires first on top.
    expiries: BinaryHeap<Reverse<(SystemTime, NonceId)>>,
    // The latest expiry of a nonce that was forgotten.
    forgotten: Option<SystemTime>,
}

impl MemoryNonceCounters {
    /// How many nonces are counted at once, unless another number is asked for.
    pub const DEFAULT_CAPACITY: usize = 1 << 17;

    /// Room for [`DEFAULT_CAPACITY`](Self::DEFAULT_CAPACITY) nonces.
    #[must_use]
    pub fn new() -> Self {
        Self {
            shards: Shards::with_room(Self::DEFAULT_CAPACITY),
            clock: SharedClock::system(),
        }
    }

    /// Room for `capacity` nonces, which should be several times the number of clients that come
    /// within the lifetime of a nonce. The memory is taken as it is needed.
    ///
    /// From 1024 on, the room is divided into 16 shards with a lock each.
    ///
    /// # Errors
    ///
    /// Fails if `capacity` is 0.
    pub fn with_capacity(capacity: usize) -> Result<Self, ConfigError> {
        Ok(Self {
            shards: Shards::new(capacity)?,
            clock: SharedClock::system(),
        })
    }

    /// The clock to expire by. Default: the system's.
    #[must_use]
    pub fn clock(mut self, clock: impl Into<SharedClock>) -> Self {
        self.clock = clock.into();
        self
    }
}

impl Default for MemoryNonceCounters {
    fn default() -> Self {
        Self::new()
    }
}

impl Shard {
    fn advance(
        &mut self,
        nonce: NonceId,
        count: u32,
        expires_at: SystemTime,
        now: SystemTime,
        capacity: usize,
    ) -> Result<bool, AuthError> {
        self.forget_expired(now);
        if expires_at <= now || count == 0 {
            return Ok(false);
        }
        if let Some(last) = self.counts.get_mut(&nonce) {
            let fresh = count > *last;
            *last = count.max(*last);
            return Ok(fresh);
        }
        // If the clock was set back, this one may have been counted and forgotten.
        if self.forgotten.is_some_and(|latest| expires_at <= latest) {
            return Ok(false);
        }
        if self.counts.len() >= capacity {
            let full = AuthError::unavailable("nonce_counters_full");
            return Err(match self.expiries.peek() {
                Some(Reverse((first, _))) => {
                    full.with_retry_after(first.duration_since(now).unwrap_or_default())
                }
                None => full,
            });
        }
        self.counts.insert(nonce, count);
        self.expiries.push(Reverse((expires_at, nonce)));
        Ok(true)
    }

    fn forget_expired(&mut self, now: SystemTime) {
        while let Some(Reverse((expires_at, nonce))) = self.expiries.peek()
            && *expires_at <= now
        {
            self.counts.remove(nonce);
            self.forgotten = self.forgotten.max(Some(*expires_at));
            self.expiries.pop();
        }
    }
}

impl NonceCounters for MemoryNonceCounters {
    async fn advance(
        &self,
        nonce: NonceId,
        count: u32,
        expires_at: SystemTime,
    ) -> Result<bool, AuthError> {
        let mut shard = self.shards.of(nonce.as_bytes()[0]);
        let now = self.clock.now();
        shard.advance(nonce, count, expires_at, now, self.shards.each())
    }
}

impl fmt::Debug for MemoryNonceCounters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryNonceCounters")
            .field("capacity", &self.shards.capacity())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::time::Duration;

    use super::*;

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
    }

    fn id(number: u32) -> NonceId {
        let mut bytes = [0; 16];
        bytes[..4].copy_from_slice(&number.to_le_bytes());
        NonceId::from_bytes(bytes)
    }

    fn counters(capacity: usize) -> (MemoryNonceCounters, Arc<AtomicU64>) {
        let now = Arc::new(AtomicU64::new(1000));
        let clock = SharedClock::new({
            let now = Arc::clone(&now);
            move || at(now.load(Ordering::Relaxed))
        });
        let counters = MemoryNonceCounters::with_capacity(capacity).unwrap();
        (counters.clock(clock), now)
    }

    #[tokio::test]
    async fn dig_01_counts_only_go_up() {
        let (counters, _) = counters(10);
        for (nonce, count, fresh) in [
            (1, 0, false),
            (1, 1, true),
            (1, 1, false),
            (1, 5, true), // gaps are fine: requests get lost
            (1, 4, false),
            (1, 5, false),
            (2, 1, true), // each nonce for itself
            (1, u32::MAX, true),
            (1, u32::MAX, false),
            (1, 0, false),
        ] {
            let advanced = counters.advance(id(nonce), count, at(2000)).await.unwrap();
            assert_eq!(advanced, fresh, "{nonce} {count}");
        }
    }

    #[tokio::test]
    async fn dig_01_expired_nonces_are_refused_and_freed() {
        let (counters, now) = counters(10);
        assert!(counters.advance(id(1), 1, at(1100)).await.unwrap());
        now.store(1099, Ordering::Relaxed);
        assert!(counters.advance(id(1), 2, at(1100)).await.unwrap());
        for later in [1100, 1101] {
            now.store(later, Ordering::Relaxed);
            assert!(!counters.advance(id(1), 3, at(1100)).await.unwrap());
        }
        {
            let shard = counters.shards.of(0);
            assert_eq!((shard.counts.len(), shard.expiries.len()), (0, 0));
        }
        // One that was never seen may have been forgotten by a process before this.
        assert!(!counters.advance(id(3), 1, at(1101)).await.unwrap());
        assert!(!counters.advance(id(3), 1, at(1000)).await.unwrap());

        // The clock is set back: what was used stays used, what is new is served.
        now.store(1050, Ordering::Relaxed);
        assert!(!counters.advance(id(1), 3, at(1100)).await.unwrap());
        assert!(counters.advance(id(2), 1, at(1101)).await.unwrap());
    }

    #[tokio::test]
    async fn dig_01_live_nonces_are_kept_when_there_is_no_room() {
        let (counters, now) = counters(3);
        for number in 0..3 {
            assert!(counters.advance(id(number), 1, at(1100)).await.unwrap());
        }
        let full = counters.advance(id(3), 1, at(1200)).await.unwrap_err();
        assert_eq!(full.kind(), crate::AuthErrorKind::Unavailable);
        assert_eq!(full.retry_after(), Some(Duration::from_secs(100)));
        for number in 0..3 {
            assert!(!counters.advance(id(number), 1, at(1100)).await.unwrap());
            assert!(counters.advance(id(number), 2, at(1100)).await.unwrap());
        }
        now.store(1100, Ordering::Relaxed);
        assert!(counters.advance(id(3), 1, at(1200)).await.unwrap());
    }

    #[tokio::test]
    async fn the_room_is_bounded_in_all_shards_together() {
        let (counters, _) = counters(1024);
        let mut taken = 0;
        for number in 0..5000 {
            taken += usize::from(counters.advance(id(number), 1, at(2000)).await.is_ok());
        }
        assert_eq!(taken, 1024);
        assert!(MemoryNonceCounters::with_capacity(0).is_err());
    }
}
