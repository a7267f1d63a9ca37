//! The suites for [`NonceCounters`].

use std::sync::Arc;
use std::time::SystemTime;

use auth_layer::digest::{NonceCounters, NonceId};
use auth_layer::{AuthErrorKind, Clock as _};

use super::race::{drop_after, need_threads, race};
use super::{HOUR, SECOND, answer, check, random, this_second};
use crate::ManualClock;

const AT_MOST_ONE: &str =
    "Of any number of calls with the same nonce and count at most one answers `true`";
const EXPIRED: &str = "If `expires_at` has passed by the store's own clock, it answers `false`";
const FULL: &str = "not even when space runs out: then it fails with Unavailable";
const LOWER: &str =
    "Once it has answered `true` for a count, it answers `false` for that and every lower count";
const NOT_ZERO: &str = "The first count of a nonce may be any but 0";
const REMEMBERED: &str = "Nothing is forgotten before `expires_at`";

/// Checks [`NonceCounters`] against their contract, as far as it does not take time.
///
/// What is checked: which counts are fresh, and that each nonce counts for itself; that of fifty
/// parallel calls with one count one answers `true`, and that of fifty with different counts none
/// is taken that is lower than one taken before; that an expired nonce is never fresh; and that a
/// call that is dropped half-way leaves no count that could be used twice (DIG-01).
///
/// Counters with a clock that can be set pass [`nonce_counters_over_time`] too, and those with
/// limited room [`nonce_counters_when_full`].
///
/// ```
/// use auth_layer::digest::MemoryNonceCounters;
/// use auth_test::contract;
///
/// # #[tokio::main(flavor = "multi_thread", worker_threads = 2)] async fn main() {
/// contract::nonce_counters(async || MemoryNonceCounters::new()).await;
/// # }
/// ```
///
/// # Panics
///
/// Panics if the counters break the contract or return an error, and on a runtime with one thread.
pub async fn nonce_counters<C: NonceCounters>(make: impl AsyncFn() -> C) {
    need_threads();
    let trial = Trial::new(make().await, this_second() + HOUR);
    trial.counts_only_go_up().await;
    trial.expired_nonces_are_never_fresh().await;
    for _ in 0..10 {
        trial.of_parallel_calls_one_is_fresh().await;
        trial.parallel_counts_only_go_up().await;
    }
    for waits in 0..8 {
        trial.what_is_dropped_is_not_used_twice(waits).await;
    }
}

/// Checks [`NonceCounters`] that go by a clock which can be set: what is remembered until
/// `expires_at`, and what is answered one second before, at and after it (DIG-01, X-21).
///
/// ```
/// use auth_layer::digest::MemoryNonceCounters;
/// use auth_test::contract;
///
/// # #[tokio::main(flavor = "multi_thread", worker_threads = 2)] async fn main() {
/// contract::nonce_counters_over_time(async |clock| MemoryNonceCounters::new().clock(clock)).await;
/// # }
/// ```
///
/// # Panics
///
/// Panics if the counters break the contract or return an error.
pub async fn nonce_counters_over_time<C: NonceCounters>(make: impl AsyncFn(ManualClock) -> C) {
    let clock = ManualClock::new();
    let expires_at = clock.now() + HOUR;
    let trial = Trial::new(make(clock.clone()).await, expires_at);
    let nonce = new_nonce();
    trial.expect(nonce, 5, true, REMEMBERED).await;

    // What else comes and goes does not make it forget.
    for n in 0..2_000 {
        let soon = clock.now() + SECOND * (n % 60 + 1);
        let counted = trial.counters.advance(new_nonce(), 1, soon).await;
        check!(
            EXPIRED,
            answer(counted),
            "`false` for a new nonce that has not expired"
        );
    }
    clock.set(expires_at - SECOND);
    for (count, fresh) in [(5, false), (4, false), (6, true), (6, false)] {
        trial.expect(nonce, count, fresh, REMEMBERED).await;
    }
    trial.expect(new_nonce(), 1, true, REMEMBERED).await;

    clock.set(expires_at);
    trial.expect(nonce, 6, false, LOWER).await;
    clock.set(expires_at + SECOND);
    for count in [6, 7, u32::MAX] {
        trial.expect(nonce, count, false, EXPIRED).await;
    }
    trial.expect(new_nonce(), 1, false, EXPIRED).await;
}

/// Checks what [`NonceCounters`] do when space runs out: give them room for a thousand nonces or
/// fewer.
///
/// ```
/// use auth_layer::digest::MemoryNonceCounters;
/// use auth_test::contract;
///
/// # #[tokio::main(flavor = "multi_thread", worker_threads = 2)] async fn main() {
/// contract::nonce_counters_when_full(async || {
///     MemoryNonceCounters::with_capacity(10).expect("10 is more than 0")
/// })
/// .await;
/// # }
/// ```
///
/// # Panics
///
/// Panics if the counters break the contract, and if they have room for more.
pub async fn nonce_counters_when_full<C: NonceCounters>(make: impl AsyncFn() -> C) {
    let trial = Trial::new(make().await, this_second() + HOUR);
    let mut known = Vec::new();
    let refused = loop {
        assert!(
            known.len() <= 1_000,
            "counters with room for more than a thousand nonces"
        );
        let nonce = new_nonce();
        match trial.counters.advance(nonce, 2, trial.expires_at).await {
            Ok(fresh) => check!(FULL, fresh, "`false` for a new nonce"),
            Err(error) => break error,
        }
        known.push(nonce);
    };
    let kind = refused.kind();
    check!(FULL, kind == AuthErrorKind::Unavailable, "{kind:?}");
    for nonce in known {
        for (count, fresh) in [(2, false), (1, false), (3, true), (3, false)] {
            trial.expect(nonce, count, fresh, FULL).await;
        }
    }
    let refused = trial
        .counters
        .advance(new_nonce(), 1, trial.expires_at)
        .await;
    check!(FULL, refused.is_err(), "{refused:?} for a new nonce");
}

struct Trial<C> {
    counters: Arc<C>,
    expires_at: SystemTime,
}

fn new_nonce() -> NonceId {
    NonceId::from_bytes(random())
}

impl<C: NonceCounters> Trial<C> {
    fn new(counters: C, expires_at: SystemTime) -> Self {
        Self {
            counters: Arc::new(counters),
            expires_at,
        }
    }

    async fn expect(&self, nonce: NonceId, count: u32, fresh: bool, line: &str) {
        let found = answer(self.counters.advance(nonce, count, self.expires_at).await);
        check!(line, found == fresh, "count {count} is answered {found}");
    }

    /// Calls with all counts at once; what was answered, in their order.
    async fn all_at_once(
        &self,
        nonce: NonceId,
        counts: impl IntoIterator<Item = u32>,
    ) -> Vec<bool> {
        race(counts.into_iter().map(|count| {
            let (counters, expires_at) = (Arc::clone(&self.counters), self.expires_at);
            async move { answer(counters.advance(nonce, count, expires_at).await) }
        }))
        .await
    }

    async fn counts_only_go_up(&self) {
        let (first, second) = (new_nonce(), new_nonce());
        for (nonce, count, fresh, line) in [
            (first, 0, false, NOT_ZERO),
            (first, 1, true, NOT_ZERO),
            (first, 1, false, LOWER),
            (first, 7, true, LOWER),
            (first, 6, false, LOWER),
            (first, 7, false, LOWER),
            (second, 3, true, NOT_ZERO),
            (second, 1, false, LOWER),
            (first, 8, true, LOWER),
            (first, 0, false, NOT_ZERO),
            (second, u32::MAX, true, LOWER),
            (second, u32::MAX, false, LOWER),
            (second, 1 << 31, false, LOWER),
            (second, 0, false, NOT_ZERO),
        ] {
            self.expect(nonce, count, fresh, line).await;
        }
    }

    async fn expired_nonces_are_never_fresh(&self) {
        for _ in 0..2 {
            let nonce = new_nonce();
            let past = self.expires_at - 2 * HOUR;
            for count in [1, 1, 2] {
                let found = answer(self.counters.advance(nonce, count, past).await);
                check!(
                    EXPIRED,
                    !found,
                    "`true` for count {count} of a nonce that expired long ago"
                );
            }
        }
    }

    async fn of_parallel_calls_one_is_fresh(&self) {
        let nonce = new_nonce();
        for count in [1, 2, 9] {
            let answers = self.all_at_once(nonce, [count; 50]).await;
            let fresh = answers.iter().filter(|fresh| **fresh).count();
            check!(
                AT_MOST_ONE,
                fresh <= 1,
                "{fresh} of 50 calls with count {count}"
            );
            check!(
                AT_MOST_ONE,
                fresh == 1,
                "none of 50 calls with a new count, {count}"
            );
        }
    }

    async fn parallel_counts_only_go_up(&self) {
        let nonce = new_nonce();
        let answers = self.all_at_once(nonce, (1..=25).rev().chain(1..=25)).await;
        for count in 1..=25 {
            let index = 25 - count;
            let fresh = u8::from(answers[index]) + u8::from(answers[24 + count]);
            check!(
                AT_MOST_ONE,
                fresh <= 1,
                "count {count} is fresh {fresh} times"
            );
        }
        check!(
            LOWER,
            answers[0] || answers[49],
            "the highest of all counts is not fresh"
        );
        for count in 1..=25 {
            self.expect(nonce, count, false, LOWER).await;
        }
        self.expect(nonce, 26, true, LOWER).await;
    }

    async fn what_is_dropped_is_not_used_twice(&self, waits: usize) {
        let nonce = new_nonce();
        let dropped = self.counters.advance(nonce, 5, self.expires_at);
        let first = drop_after(waits, dropped).await.is_some_and(answer);
        let answers = self.all_at_once(nonce, [5; 10]).await;
        let fresh = usize::from(first) + answers.iter().filter(|fresh| **fresh).count();
        check!(
            AT_MOST_ONE,
            fresh <= 1,
            "{fresh} calls, one of them dropped after {waits} waits"
        );
        self.expect(nonce, 5, false, LOWER).await;
        self.expect(nonce, 6, true, LOWER).await;
    }
}
