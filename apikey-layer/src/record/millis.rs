//! Times of eight bytes.

use std::fmt;
use std::num::NonZeroI64;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A time to the millisecond, rounded down, also in an `Option` no larger than a number. What is too
/// far away to be told is as far away as can be.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Millis(NonZeroI64);

impl Millis {
    const fn new(since_1970: i64) -> Self {
        // The one number that is left out stands for no time.
        match NonZeroI64::new(since_1970 ^ i64::MIN) {
            Some(number) => Self(number),
            None => Self::new(i64::MIN + 1),
        }
    }

    const fn since_1970(self) -> i64 {
        self.0.get() ^ i64::MIN
    }
}

impl From<SystemTime> for Millis {
    fn from(time: SystemTime) -> Self {
        Self::new(match time.duration_since(UNIX_EPOCH) {
            Ok(since) => i64::try_from(since.as_millis()).unwrap_or(i64::MAX),
            Err(error) => {
                let before = error.duration().as_nanos().div_ceil(1_000_000);
                i64::try_from(before).map_or(i64::MIN + 1, |before| -before)
            }
        })
    }
}

impl From<Millis> for SystemTime {
    fn from(time: Millis) -> Self {
        let millis = time.since_1970();
        let distance = Duration::from_millis(millis.unsigned_abs());
        let time = if millis < 0 {
            UNIX_EPOCH.checked_sub(distance)
        } else {
            UNIX_EPOCH.checked_add(distance)
        };
        // Every platform's clock reaches as far as its `SystemTime` that this was made of.
        time.unwrap_or(UNIX_EPOCH)
    }
}

impl PartialOrd for Millis {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Millis {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.since_1970().cmp(&other.since_1970())
    }
}

impl fmt::Debug for Millis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        SystemTime::from(*self).fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(millis: i64) -> SystemTime {
        Millis::new(millis).into()
    }

    #[test]
    fn a_time_is_rounded_down_and_no_larger_than_a_number() {
        let nanos = Duration::from_nanos;
        for (time, millis) in [
            (UNIX_EPOCH, 0),
            (UNIX_EPOCH + nanos(999_999), 0),
            (UNIX_EPOCH + nanos(1_000_000), 1),
            (UNIX_EPOCH - nanos(1), -1),
            (UNIX_EPOCH - nanos(1_000_000), -1),
            (UNIX_EPOCH - nanos(1_000_001), -2),
        ] {
            assert_eq!(Millis::from(time).since_1970(), millis, "{time:?}");
        }
        assert_eq!(size_of::<Option<Millis>>(), 8);
    }

    #[test]
    fn times_that_are_far_away_stay_far_away() {
        let age = Duration::from_secs(u64::MAX / 4);
        let (past, future) = (UNIX_EPOCH.checked_sub(age), UNIX_EPOCH.checked_add(age));
        for (time, millis) in [(past, i64::MIN + 1), (future, i64::MAX)] {
            let Some(time) = time else { continue };
            assert_eq!(Millis::from(time).since_1970(), millis, "{time:?}");
        }
        assert!(at(i64::MAX) > UNIX_EPOCH && at(i64::MIN) < UNIX_EPOCH);
    }

    proptest! {
        #[test]
        fn times_keep_their_order(a in i64::MIN / 2..i64::MAX / 2, b in any::<i64>()) {
            let (left, right) = (Millis::new(a), Millis::new(b.max(i64::MIN + 1)));
            prop_assert_eq!(left.cmp(&right), a.cmp(&b.max(i64::MIN + 1)));
            prop_assert_eq!(Millis::from(SystemTime::from(left)), left);
        }
    }
}
