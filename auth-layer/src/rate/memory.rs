//! Counting in this process.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fmt;
use std::time::{Duration, SystemTime};

use super::bucket::{self, bounded, give_back, leeway_micros, micros, take};
use super::{Charge, Rate, RateCounters, RateKey, TakeOutcome};
use crate::shards::Shards;
use crate::{AuthError, ConfigError};

/// [`RateCounters`] in the memory of this process, bounded.
///
/// Only buckets that are not full, or have not been for longer than [`MAX_LEEWAY`](crate::MAX_LEEWAY), take
/// room, about 70 bytes each. When there is no room for another,
/// an eighth of them is forgotten, those of which the smallest part is used, and never one that is
/// empty: so a flood of made-up names frees nobody who is locked out. If every bucket is empty, what
/// has no bucket yet is refused, as if it could not be counted.
///
/// Clones share what they count.
///
/// ```
/// use std::time::SystemTime;
///
/// use auth_layer::{Charge, MemoryRateCounters, RateCounters as _, RateKey, TakeOutcome};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let counters = MemoryRateCounters::new();
/// let charge = Charge::new(RateKey::new("export", ["user-17"]), "2/h".parse()?);
/// let now = SystemTime::now();
/// assert_eq!(counters.take(&[charge], now).await?, TakeOutcome::Allowed { remaining: vec![1] });
/// assert_eq!(counters.take(&[charge], now).await?, TakeOutcome::Allowed { remaining: vec![0] });
/// assert!(matches!(counters.take(&[charge], now).await?, TakeOutcome::Refused { .. }));
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct MemoryRateCounters {
    shards: Shards<Shard>,
}

#[derive(Default)]
struct Shard {
    // The keys are hashes already, and the map is seeded: nobody can make them collide.
    buckets: HashMap<RateKey, Bucket>,
    swept_at: u64,
}

#[derive(Clone, Copy)]
struct Bucket {
    full_at: u64,
    rate: Rate,
}

/// How long a shard is left alone after it was searched for full buckets, in microseconds.
const SWEEP_EVERY: u64 = 60 * 1_000_000;

impl MemoryRateCounters {
    /// How many buckets are kept at once, unless another number is asked for.
    pub const DEFAULT_CAPACITY: usize = 1 << 17;

    /// Room for [`DEFAULT_CAPACITY`](Self::DEFAULT_CAPACITY) buckets that are not full.
    #[must_use]
    pub fn new() -> Self {
        Self {
            shards: Shards::with_room(Self::DEFAULT_CAPACITY),
        }
    }

    /// Room for `capacity` buckets that are not full. The memory is taken as it is needed.
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

    /// How many buckets are kept, full ones that were not swept yet included.
    pub fn len(&self) -> usize {
        self.shards.iter().map(|shard| shard.buckets.len()).sum()
    }

    /// Whether none are kept.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Default for MemoryRateCounters {
    fn default() -> Self {
        Self::new()
    }
}

impl Bucket {
    /// Which part of it is used, in thousandths; `None` if it has no token.
    fn used(&self, now: u64) -> Option<u64> {
        let span = self.rate.span_micros();
        let used = bounded(self.full_at, self.rate, now) - now;
        let has_token = used + self.rate.interval_micros() <= span;
        has_token.then(|| used.saturating_mul(1000) / span)
    }

    /// After how many microseconds it has a token.
    fn token_after(&self, now: u64) -> u64 {
        take(self.full_at, self.rate, 1, now)
            .outcome
            .err()
            .unwrap_or(0)
    }
}

impl Shard {
    fn take(
        &mut self,
        charge: &Charge,
        now: u64,
        capacity: usize,
    ) -> Result<Result<u32, u64>, AuthError> {
        // A clock that was set back makes a sweep due too.
        if now.abs_diff(self.swept_at) >= SWEEP_EVERY {
            // Those who ask may have read a clock that was not corrected yet.
            self.sweep(now, leeway_micros());
        }
        let rate = charge.rate();
        if let Some(bucket) = self.buckets.get_mut(charge.key()) {
            let taken = take(bucket.full_at, rate, charge.cost(), now);
            *bucket = Bucket {
                full_at: taken.full_at,
                rate,
            };
            return Ok(taken.outcome);
        }
        if self.buckets.len() >= capacity {
            self.make_room(now)?;
        }
        let bucket::Taken { full_at, outcome } = take(0, rate, charge.cost(), now);
        self.buckets.insert(*charge.key(), Bucket { full_at, rate });
        Ok(outcome)
    }

    fn peek(&self, charge: &Charge, now: u64) -> Result<u32, u64> {
        let bucket = self.buckets.get(charge.key());
        let full_at = bucket.map_or(0, |bucket| bucket.full_at);
        // What `take` would leave, not what there is now.
        take(full_at, charge.rate(), charge.cost(), now).outcome
    }

    fn give_back(&mut self, charge: &Charge, now: u64) {
        if let Entry::Occupied(mut entry) = self.buckets.entry(*charge.key()) {
            let full_at = give_back(entry.get().full_at, charge.rate(), charge.cost(), now);
            entry.get_mut().full_at = full_at;
        }
    }

    /// Forgets the buckets that have been full for longer than `since`.
    fn sweep(&mut self, now: u64, since: u64) {
        self.swept_at = now;
        let kept = |bucket: &Bucket| bucket.full_at.saturating_add(since) > now;
        self.buckets.retain(|_, bucket| kept(bucket));
        if self.buckets.capacity() > 4 * self.buckets.len().max(16) {
            self.buckets.shrink_to_fit();
        }
    }

    /// Forgets full buckets, or else those of which the smallest part is used. An eighth of them, so
    /// that a flood does not have every bucket looked at each time.
    fn make_room(&mut self, now: u64) -> Result<(), AuthError> {
        let before = self.buckets.len();
        self.sweep(now, 0);
        if self.buckets.len() < before {
            return Ok(());
        }
        let mut usable: Vec<(u64, RateKey)> = self
            .buckets
            .iter()
            .filter_map(|(key, bucket)| Some((bucket.used(now)?, *key)))
            .collect();
        if usable.is_empty() {
            let waits = self.buckets.values().map(|bucket| bucket.token_after(now));
            let wait = Duration::from_micros(waits.min().unwrap_or(0));
            return Err(AuthError::unavailable("rate_counters_full").with_retry_after(wait));
        }
        let forget = usable.len().min(before.div_ceil(8));
        usable.select_nth_unstable(forget - 1);
        for (_, key) in &usable[..forget] {
            self.buckets.remove(key);
        }
        Ok(())
    }
}

impl RateCounters for MemoryRateCounters {
    async fn take(&self, charges: &[Charge], now: SystemTime) -> Result<TakeOutcome, AuthError> {
        let now = micros(now);
        in_order(charges, |charge| {
            let mut shard = self.shards.of(charge.key().as_bytes()[0]);
            shard.take(charge, now, self.shards.each())
        })
    }

    async fn peek(&self, charges: &[Charge], now: SystemTime) -> Result<TakeOutcome, AuthError> {
        let now = micros(now);
        in_order(charges, |charge| {
            Ok(self.shards.of(charge.key().as_bytes()[0]).peek(charge, now))
        })
    }

    async fn give_back(&self, charges: &[Charge], now: SystemTime) -> Result<(), AuthError> {
        let now = micros(now);
        for charge in charges {
            self.shards
                .of(charge.key().as_bytes()[0])
                .give_back(charge, now);
        }
        Ok(())
    }
}

/// Asks for each charge up to the first that is refused.
fn in_order(
    charges: &[Charge],
    mut ask: impl FnMut(&Charge) -> Result<Result<u32, u64>, AuthError>,
) -> Result<TakeOutcome, AuthError> {
    let mut remaining = Vec::with_capacity(charges.len());
    for (index, charge) in charges.iter().enumerate() {
        match ask(charge)? {
            Ok(left) => remaining.push(left),
            Err(wait) => {
                return Ok(TakeOutcome::Refused {
                    charge: index,
                    retry_after: Duration::from_micros(wait),
                });
            }
        }
    }
    Ok(TakeOutcome::Allowed { remaining })
}

impl fmt::Debug for MemoryRateCounters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryRateCounters")
            .field("capacity", &self.shards.capacity())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000 + seconds)
    }

    fn charge(name: &str, rate: &str) -> Charge {
        Charge::new(RateKey::new("test", [name]), rate.parse().unwrap())
    }

    async fn allows(counters: &MemoryRateCounters, charge: Charge, now: SystemTime) -> bool {
        let outcome = counters.take(&[charge], now).await.unwrap();
        matches!(outcome, TakeOutcome::Allowed { .. })
    }

    #[tokio::test]
    async fn a_flood_of_made_up_names_frees_nobody() {
        for capacity in [8, 100, 4096] {
            let counters = MemoryRateCounters::with_capacity(capacity).unwrap();
            // Locked under a rate that refills soon, while those of the flood refill late.
            let locked = charge("alice", "5/m");
            for _ in 0..5 {
                assert!(allows(&counters, locked, at(0)).await);
            }
            // Nearly locked: forgotten last of those that may be.
            for n in 0..20_000 {
                assert!(allows(&counters, charge(&n.to_string(), "5/d"), at(1)).await);
            }
            assert!(counters.len() <= capacity);
            assert!(!allows(&counters, locked, at(2)).await, "{capacity}");
        }
    }

    #[tokio::test]
    async fn what_is_used_least_is_forgotten_first() {
        let counters = MemoryRateCounters::with_capacity(64).unwrap();
        let nearly = charge("alice", "5/m");
        for _ in 0..4 {
            assert!(allows(&counters, nearly, at(0)).await);
        }
        for n in 0..1000 {
            assert!(allows(&counters, charge(&n.to_string(), "5/d"), at(0)).await);
        }
        assert!(allows(&counters, nearly, at(0)).await);
        assert!(!allows(&counters, nearly, at(0)).await);
    }

    #[tokio::test]
    async fn with_nothing_but_empty_buckets_new_ones_are_not_let_through_uncounted() {
        let counters = MemoryRateCounters::with_capacity(3).unwrap();
        for name in ["a", "b", "c"] {
            assert!(allows(&counters, charge(name, "1/m"), at(0)).await);
        }
        let error = counters.take(&[charge("d", "1/m")], at(20)).await;
        let error = error.unwrap_err();
        assert_eq!(error.kind(), crate::AuthErrorKind::Unavailable);
        assert_eq!(error.retry_after(), Some(Duration::from_secs(40)));
        for name in ["a", "b", "c"] {
            assert!(!allows(&counters, charge(name, "1/m"), at(59)).await);
        }
        assert!(allows(&counters, charge("d", "1/m"), at(60)).await);
    }

    #[tokio::test]
    async fn full_buckets_are_freed() {
        let counters = MemoryRateCounters::new();
        for n in 0..10_000 {
            assert!(allows(&counters, charge(&n.to_string(), "10/m"), at(0)).await);
        }
        assert_eq!(counters.len(), 10_000);
        for n in 0..500 {
            assert!(allows(&counters, charge(&format!("later {n}"), "10/m"), at(361)).await);
        }
        assert_eq!(counters.len(), 500);
        // And what was given back. Not before every clock calls it full.
        let given = charge("given", "10/m");
        assert!(allows(&counters, given, at(361)).await);
        counters.give_back(&[given], at(361)).await.unwrap();
        assert_eq!(counters.len(), 501);
        for n in 0..500 {
            assert!(allows(&counters, charge(&format!("last {n}"), "10/m"), at(722)).await);
        }
        assert_eq!(counters.len(), 500);
        // When there is no room, at once.
        let counters = MemoryRateCounters::with_capacity(100).unwrap();
        for n in 0..100 {
            assert!(allows(&counters, charge(&n.to_string(), "10/m"), at(0)).await);
        }
        assert!(allows(&counters, charge("later", "10/m"), at(7)).await);
        assert_eq!(counters.len(), 1);
        assert!(MemoryRateCounters::with_capacity(0).is_err());
    }
}
