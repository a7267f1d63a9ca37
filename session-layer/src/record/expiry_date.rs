//! Times as tower-sessions has them.

use std::time::{SystemTime, UNIX_EPOCH};

use time::{Duration, OffsetDateTime};

/// The same time, or the nearest that there is: dates end with the year 9999, and what a store has
/// kept may be anything.
pub(crate) fn expiry_date(time: SystemTime) -> OffsetDateTime {
    let from = OffsetDateTime::UNIX_EPOCH;
    match time.duration_since(UNIX_EPOCH) {
        Ok(since) => from.saturating_add(since.try_into().unwrap_or(Duration::MAX)),
        Err(before) => {
            let before = before.duration().try_into().unwrap_or(Duration::MAX);
            from.saturating_sub(before)
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration as Since;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn any_time_has_a_date(seconds: i64, nanos in 0..1_000_000_000_u32) {
            let since = Since::new(seconds.unsigned_abs(), nanos);
            let time = match seconds < 0 {
                true => UNIX_EPOCH.checked_sub(since),
                false => UNIX_EPOCH.checked_add(since),
            };
            if let Some(time) = time {
                let date = expiry_date(time);
                prop_assert!((-9_999..=9_999).contains(&date.year()));
            }
        }

        #[test]
        fn times_of_today_are_kept(millis in -62_000_000_000_000..253_000_000_000_000_i64) {
            let since = Since::from_millis(millis.unsigned_abs());
            let time = if millis < 0 { UNIX_EPOCH - since } else { UNIX_EPOCH + since };
            prop_assert_eq!(SystemTime::from(expiry_date(time)), time);
        }
    }
}
