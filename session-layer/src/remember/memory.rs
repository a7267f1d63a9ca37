//! Remembered logins in this process's memory.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use auth_layer::{AuthError, SecretDigest};

use super::{NewSeries, RedeemOutcome, Redemption, RememberStore, RememberedLogin};
use crate::UserKey;

/// How long expired series are left alone after they were looked for: a full store must not be
/// searched at the pace at which somebody fills it.
const SWEEP_EVERY: Duration = Duration::from_secs(60);

/// Keeps remembered logins in memory: for one process, for tests, and to begin with. A restart
/// forgets everybody.
///
/// Series that are over are removed as new ones come in, once a minute, and all at once by
/// [`remove_expired`](Self::remove_expired). When [`capacity`](Self::with_capacity) is reached, new
/// ones are refused, with 503, rather than memory filled or others forgotten.
///
/// To keep it beside the layer, pass an `Arc` of it.
pub struct MemoryRememberStore {
    // One lock: it is taken when somebody comes back after their session has ended, and at logins.
    kept: Mutex<Kept>,
    capacity: usize,
}

type Key = [u8; 32];

#[derive(Default)]
struct Kept {
    series: HashMap<Key, Series>,
    /// The series of each user, in the order in which they began.
    users: HashMap<UserKey, Vec<Key>>,
    swept_at: Option<SystemTime>,
}

struct Series {
    login: RememberedLogin,
    current: SecretDigest,
    /// The secret before, and when it was replaced.
    replaced: Option<(SecretDigest, SystemTime)>,
}

impl MemoryRememberStore {
    /// An empty store for at most a hundred thousand series.
    #[must_use]
    pub fn new() -> Self {
        Self::with_capacity(100_000)
    }

    /// An empty store for at most `capacity` series.
    #[must_use]
    pub fn with_capacity(capacity: usize) -> Self {
        Self {
            kept: Mutex::default(),
            capacity,
        }
    }

    /// How many series are kept, those that are over but were not yet removed included.
    pub fn len(&self) -> usize {
        self.lock().series.len()
    }

    /// Whether no series are kept.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Removes all series that are over at `now` and gives their memory back.
    pub fn remove_expired(&self, now: SystemTime) {
        self.lock().sweep(now);
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    /// Removes what is over, if that was not done lately.
    fn sweep_if_due(&mut self, now: SystemTime) {
        let due = match self.swept_at {
            None => true,
            // A clock that was set back makes it due too.
            Some(at) => now
                .duration_since(at)
                .map_or(true, |since| since >= SWEEP_EVERY),
        };
        if due {
            self.sweep(now);
        }
    }

    fn sweep(&mut self, now: SystemTime) {
        self.swept_at = Some(now);
        self.series.retain(|_, series| series.login.is_live(now));
        let series = &self.series;
        self.users.retain(|_, keys| {
            keys.retain(|key| series.contains_key(key));
            !keys.is_empty()
        });
        if self.series.capacity() > 4 * self.series.len().max(16) {
            self.series.shrink_to_fit();
            self.users.shrink_to_fit();
        }
    }

    fn remove(&mut self, key: &Key) -> Option<Series> {
        let series = self.series.remove(key)?;
        let user = series.login.user();
        if let Some(keys) = self.users.get_mut(&user) {
            keys.retain(|own| own != key);
            if keys.is_empty() {
                self.users.remove(&user);
            }
        }
        Some(series)
    }

    /// Removes the series of a user that are over, and ends those that began first until there is room
    /// for one more of `max`.
    fn make_room(&mut self, user: &UserKey, max: u32, now: SystemTime) {
        let max = usize::try_from(max).unwrap_or(usize::MAX).max(1);
        let keys = self.users.get(user).cloned().unwrap_or_default();
        let is_live = |key: &Key| {
            let series = self.series.get(key);
            series.is_some_and(|series| series.login.is_live(now))
        };
        let (live, over): (Vec<Key>, Vec<Key>) = keys.into_iter().partition(is_live);
        let excess = (live.len() + 1).saturating_sub(max);
        for key in over.iter().chain(&live[..excess]) {
            self.remove(key);
        }
    }
}

impl RememberStore for MemoryRememberStore {
    async fn insert(&self, new: NewSeries) -> Result<bool, AuthError> {
        let (key, user) = (*new.series.as_bytes(), new.login.user());
        let mut kept = self.lock();
        kept.sweep_if_due(new.login.began_at);
        if kept.series.contains_key(&key) {
            return Ok(false);
        }
        let of_user = kept.users.get(&user).map_or(0, Vec::len);
        let makes_room = of_user > 0 && of_user >= new.max_per_user as usize;
        if kept.series.len() >= self.capacity && !makes_room {
            return Err(AuthError::unavailable("remember_memory_full"));
        }
        let began_at = new.login.began_at;
        kept.make_room(&user, new.max_per_user, began_at);
        let series = Series {
            login: new.login,
            current: new.secret,
            replaced: None,
        };
        kept.series.insert(key, series);
        let Kept { series, users, .. } = &mut *kept;
        let keys = users.entry(user).or_default();
        let place = keys.partition_point(|key| {
            let other = series.get(key);
            other.is_some_and(|other| other.login.began_at <= began_at)
        });
        keys.insert(place, key);
        Ok(true)
    }

    async fn find(&self, series: &SecretDigest) -> Result<Option<RememberedLogin>, AuthError> {
        let kept = self.lock();
        let found = kept.series.get(series.as_bytes());
        Ok(found.map(|series| series.login.clone()))
    }

    async fn redeem(
        &self,
        series: &SecretDigest,
        redemption: Redemption,
    ) -> Result<RedeemOutcome, AuthError> {
        let Redemption {
            presented,
            next,
            now,
            grace,
        } = redemption;
        let key = series.as_bytes();
        let mut kept = self.lock();
        let Some(series) = kept.series.get_mut(key) else {
            return Ok(RedeemOutcome::Unknown);
        };
        if !series.login.is_live(now) {
            kept.remove(key);
            return Ok(RedeemOutcome::Unknown);
        }
        if presented == series.current {
            series.replaced = Some((presented, now));
            series.current = next;
            return Ok(RedeemOutcome::Rotated(series.login.clone()));
        }
        let in_grace = |(before, at): (SecretDigest, SystemTime)| {
            // The clocks of two servers may differ: what is a moment earlier is near too.
            let away = now.duration_since(at).unwrap_or_else(|e| e.duration());
            presented == before && away < grace
        };
        if series.replaced.is_some_and(in_grace) {
            return Ok(RedeemOutcome::Repeated(series.login.clone()));
        }
        let removed = kept.remove(key);
        Ok(removed.map_or(RedeemOutcome::Unknown, |series| {
            RedeemOutcome::Reused(series.login)
        }))
    }

    async fn delete(&self, series: &SecretDigest) -> Result<bool, AuthError> {
        Ok(self.lock().remove(series.as_bytes()).is_some())
    }

    async fn delete_all(
        &self,
        user: &UserKey,
        except: Option<&SecretDigest>,
    ) -> Result<usize, AuthError> {
        let mut kept = self.lock();
        let mut keys = kept.users.get(user).cloned().unwrap_or_default();
        keys.retain(|key| except.is_none_or(|except| except.as_bytes() != key));
        for key in &keys {
            kept.remove(key);
        }
        Ok(keys.len())
    }
}

impl Default for MemoryRememberStore {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for MemoryRememberStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryRememberStore")
            .field("len", &self.len())
            .field("capacity", &self.capacity)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use auth_layer::Identity;

    use super::*;
    use crate::SCHEME;

    fn at(seconds: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(seconds)
    }

    fn series(user: &str, number: u8, began: u64, ends: u64) -> NewSeries {
        let login = RememberedLogin::new(Identity::new(SCHEME, user), at(began), at(ends));
        let digest = SecretDigest::from_bytes([number; 32]);
        NewSeries::new(digest, digest, login, 2)
    }

    #[tokio::test]
    async fn x_16_a_full_store_refuses_and_forgets_nobody() {
        let store = MemoryRememberStore::with_capacity(2);
        assert!(store.insert(series("ann", 1, 0, 100)).await.unwrap());
        assert!(store.insert(series("ann", 2, 1, 200)).await.unwrap());
        let error = store.insert(series("bob", 3, 2, 100)).await.unwrap_err();
        assert_eq!(error.reason(), "remember_memory_full");
        assert_eq!(store.len(), 2);
        // Whoever has one to give up may have another.
        assert!(store.insert(series("ann", 4, 3, 100)).await.unwrap());
        assert_eq!(store.len(), 2);
        // What is over makes room, and its memory is given back.
        assert!(store.insert(series("bob", 3, 103, 300)).await.unwrap());
        assert_eq!(store.len(), 2);
        store.remove_expired(at(300));
        assert!(store.is_empty());
        assert!(store.lock().users.is_empty());
    }

    #[tokio::test]
    async fn a_redemption_removes_what_is_over() {
        let store = MemoryRememberStore::new();
        store.insert(series("ann", 1, 0, 100)).await.unwrap();
        let digest = SecretDigest::from_bytes([1; 32]);
        let redemption = Redemption::new(digest, digest, at(100), Duration::ZERO);
        let outcome = store.redeem(&digest, redemption).await.unwrap();
        assert!(matches!(outcome, RedeemOutcome::Unknown));
        assert!(store.is_empty());
    }
}
