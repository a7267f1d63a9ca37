//! Where it is counted: [`RateCounters`].

use std::time::{Duration, SystemTime};

use super::Charge;
use crate::AuthError;

/// Counts what is taken from buckets of tokens, so that nothing happens more often than its
/// [`Rate`](super::Rate).
///
/// Implement it with plain `async fn`s. [`MemoryRateCounters`](super::MemoryRateCounters) is the one
/// for a single process; several nodes need one that they share.
///
/// # Contract
///
/// - **A bucket is one instant**: when it is full again if nothing more is taken, in whole
///   microseconds since 1970. A bucket that was never taken from is full. Taking moves the instant,
///   or `now` if that is later, by the rate's interval for each token of the charge, if it then lies
///   at most `count` intervals ahead of `now`; otherwise the bucket has too few and stays as it is.
/// - **All or none.** A charge of several tokens takes all of them or none.
/// - **Atomic per bucket.** Of any number of parallel `take`s from a bucket that holds five, on any
///   number of nodes, exactly five are allowed.
/// - **In order.** `take` takes from each bucket in the order of the charges and stops at
///   the first that has too few. What was taken before it stays taken, and nothing is taken behind it.
/// - **Asking an empty bucket does not extend it**: however often it is asked, it has what was asked
///   for after the time that was first answered.
/// - **`peek` takes nothing** and answers what `take` would.
/// - **`give_back` returns the tokens** of each charge to its bucket, and never makes it more than full:
///   it moves the instant back by as many intervals if that lies ahead of `now`, and does nothing
///   otherwise.
/// - **Time comes from the caller**, and the clocks of callers may differ by up to
///   [`MAX_LEEWAY`](crate::MAX_LEEWAY). Of all `take`s whose `now`s lie within a stretch of time, in
///   whichever order they come, no more tokens are taken than `count`, and one for each whole interval of
///   the stretch, and those that were given back. So nothing but an allowed `take` and
///   `give_back` moves the instant; with one exception:
/// - **A clock may be set back.** An instant that lies ahead of `now` by more than `count` intervals
///   and `MAX_LEEWAY` counts as `count` intervals ahead, and is stored so by the next `take`: nobody
///   gets in for it, and nobody waits longer than a period and `MAX_LEEWAY`.
/// - **What is not full is remembered**, and what is, for `MAX_LEEWAY` more: another's clock may say
///   that it is not. A store that has run out of room forgets buckets that are
///   nearest to being full, and never an empty one: if it has only those, it fails.
/// - **Dropped half-way**, a `take` may have taken from some of its buckets.
/// - **An error means "could not count"** and is never read as "allowed" by itself.
///
/// `auth_test::contract::rate_counters` checks an implementation against this, with races.
pub trait RateCounters: Send + Sync + 'static {
    /// Takes from each bucket what its charge costs, in order, up to the first that has too few.
    ///
    /// # Errors
    ///
    /// Fails if the buckets cannot be asked, or there is no room for another.
    fn take(
        &self,
        charges: &[Charge],
        now: SystemTime,
    ) -> impl Future<Output = Result<TakeOutcome, AuthError>> + Send;

    /// What [`take`](Self::take) would answer; nothing is taken.
    ///
    /// # Errors
    ///
    /// Fails if the buckets cannot be asked.
    fn peek(
        &self,
        charges: &[Charge],
        now: SystemTime,
    ) -> impl Future<Output = Result<TakeOutcome, AuthError>> + Send;

    /// Returns to each bucket what its charge has cost. Do it at most once for what was taken: for
    /// all charges of a `take` that was allowed, or those before the place of a refusal.
    ///
    /// # Errors
    ///
    /// Fails if the buckets cannot be asked; then some of them may not have got theirs.
    fn give_back(
        &self,
        charges: &[Charge],
        now: SystemTime,
    ) -> impl Future<Output = Result<(), AuthError>> + Send;
}

/// What became of [`RateCounters::take`].
///
/// Exhaustive: both have to be decided about.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub enum TakeOutcome {
    /// Every bucket had enough.
    Allowed {
        /// How many tokens each bucket had left then, in the order of the charges.
        remaining: Vec<u32>,
    },
    /// A bucket had too few.
    Refused {
        /// The place of its charge among the charges.
        charge: usize,
        /// When it has enough again; longer than zero.
        retry_after: Duration,
    },
}
