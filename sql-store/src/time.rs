//! Times as the tables keep them: milliseconds since 1970.

#[cfg(any(test, feature = "apikey", feature = "jwt", feature = "session"))]
use std::time::Duration;
use std::time::{SystemTime, UNIX_EPOCH};

/// The last whole millisecond; times before 1970 are 1970.
pub(crate) fn millis(time: SystemTime) -> i64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// The next whole millisecond, where too early would let something through.
pub(crate) fn millis_up(time: SystemTime) -> i64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    let nanos = since.as_nanos().div_ceil(1_000_000);
    i64::try_from(nanos).unwrap_or(i64::MAX)
}

/// The time that was stored. One that this platform cannot express is 1970: long ago, for an end.
#[cfg(any(feature = "apikey", feature = "jwt", feature = "session"))]
pub(crate) fn time(millis: i64) -> SystemTime {
    let since = Duration::from_millis(u64::try_from(millis).unwrap_or_default());
    UNIX_EPOCH.checked_add(since).unwrap_or(UNIX_EPOCH)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_of_a_millisecond_is_rounded_as_asked() {
        for (micros, down, up) in [
            (0, 0, 0),
            (1, 0, 1),
            (999, 0, 1),
            (1_000, 1, 1),
            (1_001, 1, 2),
        ] {
            let time = UNIX_EPOCH + Duration::from_micros(micros);
            assert_eq!((millis(time), millis_up(time)), (down, up), "{micros}");
        }
        assert_eq!(millis(UNIX_EPOCH - Duration::from_secs(1)), 0);
    }
}
