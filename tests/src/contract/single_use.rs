//! The suites for [`SingleUse`].

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use auth_layer::{AuthErrorKind, MAX_LEEWAY, SingleUse, SingleUseKey};

use super::race::{drop_after, need_threads, race};
use super::{HOUR, SECOND, answer, check, random, this_second};

const AT_MOST_ONE: &str = "Of any number of calls with one key at most one answers `true`";
const ENDED: &str = "If `until` is not later than `now`, it answers `false`";
const FIRST: &str = "The first call with a key that nobody has claimed answers `true`";
const FULL: &str = "not even when space runs out: then it fails with Unavailable";
const REMEMBERED: &str = "Nothing is forgotten before `until`";

/// Checks [`SingleUse`] against its contract.
///
/// What is checked: that a key is good once and each counts for itself, whatever bytes it has; that it
/// is remembered to the last instant before `until`, whatever else comes and goes, and also by those
/// whose clocks are behind; that what has ended is never good; that of fifty parallel claims of one key
/// one answers `true`; and that a claim that is dropped half-way leaves nothing that could be used
/// twice.
///
/// A store with limited room passes [`single_use_when_full`] too.
///
/// ```
/// use auth_layer::MemorySingleUse;
/// use auth_test::contract;
///
/// # #[tokio::main(flavor = "multi_thread", worker_threads = 2)] async fn main() {
/// contract::single_use(async || MemorySingleUse::new()).await;
/// # }
/// ```
///
/// # Panics
///
/// Panics if the store breaks the contract or returns an error, and on a runtime with one thread.
pub async fn single_use<S: SingleUse>(make: impl AsyncFn() -> S) {
    need_threads();
    let trial = Trial::new(make().await);
    trial.each_key_is_good_once().await;
    for _ in 0..10 {
        trial.of_parallel_claims_one_is_good().await;
    }
    for waits in 0..8 {
        trial.what_is_dropped_is_not_used_twice(waits).await;
    }
    // Last, because they move the time of the callers.
    trial.a_key_is_remembered_to_its_end().await;
    trial.what_has_ended_is_never_good().await;
}

/// Checks what [`SingleUse`] does when space runs out: give it room for a thousand keys or fewer.
///
/// ```
/// use auth_layer::MemorySingleUse;
/// use auth_test::contract;
///
/// # #[tokio::main(flavor = "multi_thread", worker_threads = 2)] async fn main() {
/// contract::single_use_when_full(async || {
///     MemorySingleUse::with_capacity(10).expect("10 is more than 0")
/// })
/// .await;
/// # }
/// ```
///
/// # Panics
///
/// Panics if the store breaks the contract, and if it has room for more.
pub async fn single_use_when_full<S: SingleUse>(make: impl AsyncFn() -> S) {
    let trial = Trial::new(make().await);
    let mut known = Vec::new();
    let refused = loop {
        assert!(
            known.len() <= 1_000,
            "a store with room for more than a thousand keys"
        );
        let key = new_key();
        match trial.store.claim(&key, trial.until, trial.now).await {
            Ok(good) => check!(FULL, good, "`false` for a new key"),
            Err(error) => break error,
        }
        known.push(key);
    };
    let kind = refused.kind();
    check!(FULL, kind == AuthErrorKind::Unavailable, "{kind:?}");
    for key in known {
        trial.expect(&key, false, FULL).await;
    }
    let refused = trial.store.claim(&new_key(), trial.until, trial.now).await;
    check!(FULL, refused.is_err(), "{refused:?} for a new key");
}

struct Trial<S> {
    store: Arc<S>,
    now: SystemTime,
    until: SystemTime,
}

fn new_key() -> SingleUseKey {
    SingleUseKey::from_bytes(random())
}

impl<S: SingleUse> Trial<S> {
    fn new(store: S) -> Self {
        let now = this_second();
        Self {
            store: Arc::new(store),
            now,
            until: now + HOUR,
        }
    }

    async fn expect(&self, key: &SingleUseKey, good: bool, line: &str) {
        self.expect_at(key, self.now, good, line).await;
    }

    async fn expect_at(&self, key: &SingleUseKey, now: SystemTime, good: bool, line: &str) {
        let found = answer(self.store.claim(key, self.until, now).await);
        check!(line, found == good, "a claim is answered {found}");
    }

    async fn each_key_is_good_once(&self) {
        let first = new_key();
        self.expect(&first, true, FIRST).await;
        // Others that have much in common with it.
        let mut bytes = *first.as_bytes();
        for index in [0, 15, 16, 31] {
            bytes[index] ^= 1;
            let other = SingleUseKey::from_bytes(bytes);
            self.expect(&other, true, FIRST).await;
            self.expect(&other, false, AT_MOST_ONE).await;
        }
        for _ in 0..3 {
            self.expect(&first, false, AT_MOST_ONE).await;
        }
    }

    async fn what_has_ended_is_never_good(&self) {
        for late in [Duration::ZERO, SECOND, HOUR] {
            let key = new_key();
            for _ in 0..2 {
                let claimed = self.store.claim(&key, self.until, self.until + late).await;
                check!(ENDED, !answer(claimed), "`true`, {late:?} after the end");
            }
        }
    }

    async fn of_parallel_claims_one_is_good(&self) {
        let key = new_key();
        let answers = race((0..50).map(|_| {
            let (store, until, now) = (Arc::clone(&self.store), self.until, self.now);
            async move { answer(store.claim(&key, until, now).await) }
        }));
        let good = answers.await.into_iter().filter(|good| *good).count();
        check!(AT_MOST_ONE, good <= 1, "{good} of 50 claims");
        check!(FIRST, good == 1, "none of 50 claims");
    }

    async fn what_is_dropped_is_not_used_twice(&self, waits: usize) {
        let key = new_key();
        let dropped = self.store.claim(&key, self.until, self.now);
        let first = drop_after(waits, dropped).await.is_some_and(answer);
        let answers = race((0..10).map(|_| {
            let (store, until, now) = (Arc::clone(&self.store), self.until, self.now);
            async move { answer(store.claim(&key, until, now).await) }
        }));
        let later = answers.await.into_iter().filter(|good| *good).count();
        let good = usize::from(first) + later;
        check!(
            AT_MOST_ONE,
            good <= 1,
            "{good} claims, one of them dropped after {waits} waits"
        );
        self.expect(&key, false, AT_MOST_ONE).await;
    }

    async fn a_key_is_remembered_to_its_end(&self) {
        let key = new_key();
        self.expect(&key, true, FIRST).await;
        for number in 0..500 {
            let soon = self.now + SECOND * (number % 60 + 1);
            let claimed = self.store.claim(&new_key(), soon, self.now).await;
            check!(FIRST, answer(claimed), "`false` for a new key");
        }
        for before in [HOUR / 2, SECOND, Duration::from_millis(1)] {
            let now = self.until - before;
            self.expect_at(&key, now, false, REMEMBERED).await;
            self.expect_at(&new_key(), now, true, FIRST).await;
        }
        // One caller's clock is ahead and says that it is over; another's is behind.
        self.expect_at(&key, self.until + SECOND, false, ENDED)
            .await;
        let behind = self.until + SECOND - MAX_LEEWAY;
        self.expect_at(&key, behind, false, REMEMBERED).await;
    }
}
