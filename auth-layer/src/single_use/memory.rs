//! What was used, in the memory of one process.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashSet};
use std::fmt;
use std::time::SystemTime;

use super::{SingleUse, SingleUseKey};
use crate::shards::Shards;
use crate::{AuthError, ConfigError};

/// [`SingleUse`] in memory, bounded: for one process, and gone with it.
///
/// After a restart, what was used is good again until it ends, and so it is in another process; use a
/// store that lasts where that matters. A key takes about 100 bytes until it ends. One that lives is
/// never given up for another, because it could then be used again: when there is no room, new ones
/// are answered 503 until one ends.
///
/// Clones share what they remember.
///
/// ```
/// use std::time::{Duration, SystemTime};
///
/// use auth_layer::{MemorySingleUse, SingleUse as _, SingleUseKey};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), auth_layer::AuthError> {
/// let used = MemorySingleUse::new();
/// let (key, now) = (SingleUseKey::new("link", ["4f1c"]), SystemTime::now());
/// let end = now + Duration::from_secs(60);
/// assert!(used.claim(&key, end, now).await?);
/// assert!(!used.claim(&key, end, now).await?);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct MemorySingleUse {
    shards: Shards<Shard>,
}

#[derive(Default)]
struct Shard {
    used: HashSet<SingleUseKey>,
    // The same keys, the one that ends first on top.
    ends: BinaryHeap<Reverse<(SystemTime, SingleUseKey)>>,
    // The latest end of a key that was forgotten.
    forgotten: Option<SystemTime>,
}

impl MemorySingleUse {
    /// How many keys are remembered at once, unless another number is asked for.
    pub const DEFAULT_CAPACITY: usize = 1 << 18;

    /// Room for [`DEFAULT_CAPACITY`](Self::DEFAULT_CAPACITY) keys.
    #[must_use]
    pub fn new() -> Self {
        Self {
            shards: Shards::with_room(Self::DEFAULT_CAPACITY),
        }
    }

    /// Room for `capacity` keys, which should be several times what is used while one of them lives.
    /// The memory is taken as it is needed.
    ///
    /// From 1024 on, the room is divided into 16 shards with a lock each.
    ///
    /// # Errors
    ///
    /// Fails if `capacity` is 0.
    pub fn with_capacity(capacity: usize) -> Result<Self, ConfigError> {
        Ok(Self {
            shards: Shards::new(capacity)?,
        })
    }

    /// How many keys are remembered, those that have ended since the last claim included.
    pub fn len(&self) -> usize {
        self.shards.iter().map(|shard| shard.used.len()).sum()
    }

    /// Whether none are remembered.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Default for MemorySingleUse {
    fn default() -> Self {
        Self::new()
    }
}

impl Shard {
    fn claim(
        &mut self,
        key: &SingleUseKey,
        until: SystemTime,
        now: SystemTime,
        capacity: usize,
    ) -> Result<bool, AuthError> {
        self.forget_ended(now);
        // If the clock was set back, this one may have been used and forgotten.
        let may_be_forgotten = self.forgotten.is_some_and(|latest| until <= latest);
        if until <= now || may_be_forgotten || self.used.contains(key) {
            return Ok(false);
        }
        if self.used.len() >= capacity {
            let full = AuthError::unavailable("single_use_full");
            return Err(match self.ends.peek() {
                Some(Reverse((first, _))) => {
                    full.with_retry_after(first.duration_since(now).unwrap_or_default())
                }
                None => full,
            });
        }
        self.used.insert(*key);
        self.ends.push(Reverse((until, *key)));
        Ok(true)
    }

    fn forget_ended(&mut self, now: SystemTime) {
        while let Some(Reverse((end, key))) = self.ends.peek()
            && *end <= now
        {
            self.used.remove(key);
            self.forgotten = self.forgotten.max(Some(*end));
            self.ends.pop();
        }
    }
}

impl SingleUse for MemorySingleUse {
    async fn claim(
        &self,
        key: &SingleUseKey,
        until: SystemTime,
        now: SystemTime,
    ) -> Result<bool, AuthError> {
        let mut shard = self.shards.of(key.as_bytes()[0]);
        shard.claim(key, until, now, self.shards.each())
    }
}

impl From<MemorySingleUse> for super::SharedSingleUse {
    fn from(store: MemorySingleUse) -> Self {
        Self::new(store)
    }
}

impl fmt::Debug for MemorySingleUse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemorySingleUse")
            .field("capacity", &self.shards.capacity())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
    }

    fn key(number: u32) -> SingleUseKey {
        SingleUseKey::new("test", [number.to_be_bytes()])
    }

    #[tokio::test]
    async fn a_clock_that_is_set_back_makes_nothing_good_again() {
        let used = MemorySingleUse::with_capacity(10).unwrap();
        assert!(used.claim(&key(1), at(100), at(50)).await.unwrap());
        assert!(used.claim(&key(2), at(200), at(100)).await.unwrap());
        assert_eq!(used.len(), 1);
        for (number, until, fresh) in [(1, 100, false), (3, 100, false), (3, 101, true)] {
            let claimed = used.claim(&key(number), at(until), at(50)).await.unwrap();
            assert_eq!(claimed, fresh, "{number} until {until}");
        }
    }

    #[tokio::test]
    async fn a_flood_takes_no_more_than_the_room_and_frees_it_when_it_ends() {
        for capacity in [10, 2048] {
            let used = MemorySingleUse::with_capacity(capacity).unwrap();
            let (mut taken, mut refused) = (0, None);
            for number in 0..5000 {
                match used.claim(&key(number), at(160), at(100)).await {
                    Ok(fresh) => taken += usize::from(fresh),
                    Err(error) => refused = Some(error),
                }
            }
            assert_eq!((taken, used.len()), (capacity, capacity));
            let refused = refused.unwrap();
            assert_eq!(refused.kind(), crate::AuthErrorKind::Unavailable);
            assert_eq!(refused.retry_after(), Some(Duration::from_secs(60)));
            for number in 5000..5010 {
                assert!(used.claim(&key(number), at(200), at(160)).await.unwrap());
            }
            assert!(used.len() <= capacity);
        }
        assert!(MemorySingleUse::with_capacity(0).is_err());
    }
}
