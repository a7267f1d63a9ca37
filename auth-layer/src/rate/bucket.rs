//! The arithmetic of a bucket (GCRA): one instant says how full it is.
//!
//! The instant is when the bucket is full again if nothing more is taken, in microseconds since
//! 1970. An instant that has passed, and none at all, is a full bucket.

use std::time::{SystemTime, UNIX_EPOCH};

use super::Rate;
use crate::MAX_LEEWAY;

/// What becomes of a bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Taken {
    pub(super) full_at: u64,
    /// How many tokens remain, or after how many microseconds there are enough.
    pub(super) outcome: Result<u32, u64>,
}

/// Microseconds since 1970; earlier is 0.
pub(super) fn micros(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).map_or(0, |since| {
        u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
    })
}

/// Takes `tokens`, if there are so many.
pub(super) fn take(full_at: u64, rate: Rate, tokens: u32, now: u64) -> Taken {
    let (interval, span) = (rate.interval_micros(), rate.span_micros());
    let full_at = bounded(full_at, rate, now);
    // How much of the span would be used up then.
    let used = (full_at - now).saturating_add(cost(rate, tokens));
    if used > span {
        // It is the stored one, unless a clock was set back: from here on it refills by that clock.
        let outcome = Err(used - span);
        return Taken { full_at, outcome };
    }
    let remaining = (span - used) / interval;
    Taken {
        full_at: now.saturating_add(used),
        outcome: Ok(u32::try_from(remaining).unwrap_or(u32::MAX)),
    }
}

/// Puts `tokens` back; never more than there is room for.
///
/// A full bucket stays as it is, and none becomes one that is full at `now`: for a caller whose clock
/// is behind it would have more tokens then.
pub(super) fn give_back(full_at: u64, rate: Rate, tokens: u32, now: u64) -> u64 {
    if full_at <= now {
        return full_at;
    }
    bounded(full_at, rate, now).saturating_sub(cost(rate, tokens))
}

/// How much of the span `tokens` use up.
fn cost(rate: Rate, tokens: u32) -> u64 {
    rate.interval_micros().saturating_mul(tokens.into())
}

/// An instant that this bucket can have now. One that lies ahead of an empty bucket's by more than
/// clocks may differ was set by a clock that went wrong, or under another rate: it counts as an empty
/// bucket, so that it neither frees nor blocks anybody for much longer than the period.
pub(super) fn bounded(full_at: u64, rate: Rate, now: u64) -> u64 {
    let empty = now.saturating_add(rate.span_micros());
    if full_at > empty.saturating_add(leeway_micros()) {
        return empty;
    }
    full_at.max(now)
}

/// By how much the clocks of callers may differ.
pub(super) fn leeway_micros() -> u64 {
    u64::try_from(MAX_LEEWAY.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECOND: u64 = 1_000_000;
    const NOW: u64 = 1_000_000 * SECOND;

    fn rate(text: &str) -> Rate {
        text.parse().unwrap()
    }

    #[test]
    fn a_bucket_starts_full_and_refills_evenly() {
        let rate = rate("5/5m");
        let mut full_at = 0;
        for remaining in [4, 3, 2, 1, 0] {
            let taken = take(full_at, rate, 1, NOW);
            assert_eq!(taken.outcome, Ok(remaining));
            full_at = taken.full_at;
        }
        for (seconds, outcome) in [
            (0, Err(60 * SECOND)),
            (59, Err(SECOND)),
            (60, Ok(0)),
            (119, Ok(0)),
            (120, Ok(1)),
            (300, Ok(4)),
            (3000, Ok(4)),
        ] {
            let taken = take(full_at, rate, 1, NOW + seconds * SECOND);
            assert_eq!(taken.outcome, outcome, "{seconds}");
        }
        // Asking an empty bucket changes nothing.
        assert_eq!(take(full_at, rate, 1, NOW + SECOND).full_at, full_at);
    }

    #[test]
    fn what_is_given_back_is_one_token_and_never_above_full() {
        let rate = rate("2/m");
        let one = take(0, rate, 1, NOW).full_at;
        let two = take(one, rate, 1, NOW).full_at;
        assert_eq!(give_back(two, rate, 1, NOW), one);
        assert_eq!(give_back(one, rate, 1, NOW), NOW);
        assert_eq!(give_back(0, rate, 1, NOW), 0);
        assert_eq!(give_back(NOW - 1, rate, 1, NOW), NOW - 1);
    }

    #[test]
    fn a_clock_that_is_set_back_frees_nobody_and_blocks_for_little_more_than_a_period() {
        let rate = rate("5/5m");
        let year = 365 * 86_400 * SECOND;
        for (ahead, longer) in [
            (1, 1),
            (60 * SECOND, 60 * SECOND),
            (300 * SECOND, 300 * SECOND),
            (300 * SECOND + 1, 0),
            (year, 0),
        ] {
            let empty = (0..5).fold(0, |full_at, _| take(full_at, rate, 1, NOW + ahead).full_at);
            let refused = take(empty, rate, 1, NOW);
            assert_eq!(refused.outcome, Err(60 * SECOND + longer), "{ahead}");
            // Whoever's clock is not behind is not given anything by that.
            if longer > 0 {
                assert_eq!(refused.full_at, empty, "{ahead}");
            }
            let later = take(refused.full_at, rate, 1, NOW + 300 * SECOND + longer);
            assert_eq!(later.outcome, Ok(4), "{ahead}");
        }
        // Nor does the end of time overflow.
        assert!(take(u64::MAX, rate, 1, u64::MAX).outcome.is_ok());
        assert_eq!(take(u64::MAX, rate, 1, 0).outcome, Err(60 * SECOND));
    }

    proptest! {
        /// In any time no more is taken than the bucket holds and than comes back.
        #[test]
        fn no_more_is_taken_than_the_rate_allows(
            count in 1_u32..50,
            period in 1_u64..1000,
            steps in proptest::collection::vec(0_u64..30 * SECOND, 1..200),
        ) {
            let rate = Rate::new(count, std::time::Duration::from_secs(period)).unwrap();
            let (mut now, mut full_at, mut allowed) = (NOW, 0, 0);
            for step in steps {
                now += step;
                let taken = take(full_at, rate, 1, now);
                full_at = taken.full_at;
                match taken.outcome {
                    Ok(remaining) => {
                        prop_assert!(remaining < count);
                        allowed += 1;
                    }
                    Err(wait) => {
                        // It is true, to the microsecond.
                        prop_assert!(take(full_at, rate, 1, now + wait).outcome.is_ok());
                        prop_assert!(take(full_at, rate, 1, now + wait - 1).outcome.is_err());
                    }
                }
                let most = u64::from(count) + (now - NOW) / rate.interval_micros();
                prop_assert!(allowed <= most, "{} of {}", allowed, most);
            }
        }

        /// In whichever order clocks that differ come, all of them together get no more than one that
        /// goes from the earliest to the latest.
        #[test]
        fn clocks_that_differ_take_no_more_than_their_difference_allows(
            count in 1_u32..50,
            period in 1_u64..1000,
            clocks in proptest::collection::vec(0..=300 * SECOND, 1..300),
        ) {
            let rate = Rate::new(count, std::time::Duration::from_secs(period)).unwrap();
            let (mut full_at, mut allowed) = (0, 0);
            for ahead in &clocks {
                let taken = take(full_at, rate, 1, NOW + ahead);
                full_at = taken.full_at;
                allowed += u64::from(taken.outcome.is_ok());
            }
            let apart = clocks.iter().max().unwrap() - clocks.iter().min().unwrap();
            let most = u64::from(count) + apart / rate.interval_micros();
            prop_assert!(allowed <= most, "{} of {}", allowed, most);
        }

        #[test]
        fn giving_back_undoes_taking(ahead in 0_u64..400 * SECOND, tokens in 1_u32..=5) {
            let rate = rate("5/5m");
            let before = bounded(NOW + ahead, rate, NOW);
            let taken = take(before, rate, tokens, NOW);
            if taken.outcome.is_ok() {
                prop_assert_eq!(give_back(taken.full_at, rate, tokens, NOW), before);
            }
        }

        /// Several at once are as many one after the other, or none.
        #[test]
        fn several_tokens_are_several_times_one(
            count in 1_u32..50,
            ahead in 0_u64..400 * SECOND,
            part in 0_u32..50,
        ) {
            let rate = Rate::new(count, std::time::Duration::from_secs(300)).unwrap();
            let tokens = 1 + part % count;
            let taken = take(NOW + ahead, rate, tokens, NOW);
            let mut one = Taken { full_at: bounded(NOW + ahead, rate, NOW), outcome: Ok(0) };
            for _ in 0..tokens {
                if one.outcome.is_ok() {
                    one = take(one.full_at, rate, 1, NOW);
                }
            }
            match taken.outcome {
                Ok(_) => prop_assert_eq!(taken, one),
                Err(wait) => {
                    prop_assert!(one.outcome.is_err());
                    prop_assert_eq!(taken.full_at, bounded(NOW + ahead, rate, NOW));
                    // It is true, to the microsecond.
                    prop_assert!(take(taken.full_at, rate, tokens, NOW + wait).outcome.is_ok());
                    prop_assert!(take(taken.full_at, rate, tokens, NOW + wait - 1).outcome.is_err());
                }
            }
        }
    }
}
