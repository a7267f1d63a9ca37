//! How much of something is allowed in what time: [`Rate`], and where it is counted.

mod bucket;
mod charge;
mod counters;
mod limit;
mod memory;
mod shared;
mod state;

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

pub use self::charge::{Charge, RateKey};
pub use self::counters::{RateCounters, TakeOutcome};
pub use self::limit::{RateLimit, RateLimitService};
pub use self::memory::MemoryRateCounters;
pub use self::shared::SharedRateCounters;
pub use self::state::RateState;
use crate::ConfigError;

/// How often something may happen: so many times per period.
///
/// It is a bucket of `count` tokens that starts full: all may be taken at once, and they come back
/// evenly, one every [`interval`](Self::interval). An empty bucket is full again after the period.
/// So in no time `t` is more taken than `count + t / interval`.
///
/// As text it is `count/period`; a period is an optional number and one of the units `s`, `m`, `h`
/// and `d`.
///
/// ```
/// use std::time::Duration;
///
/// use auth_layer::Rate;
///
/// let rate: Rate = "5/5m".parse()?;
/// assert_eq!((rate.count(), rate.period()), (5, Duration::from_secs(300)));
/// assert_eq!(rate.interval(), Duration::from_secs(60));
/// assert_eq!(rate, Rate::new(5, Duration::from_secs(300))?);
/// for text in ["10/m", "100/h", "1000/d", "30/10s"] {
///     assert_eq!(text.parse::<Rate>()?.to_string(), text);
/// }
/// assert!("0/m".parse::<Rate>().is_err());
/// # Ok::<(), auth_layer::ConfigError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Rate {
    count: u32,
    period_seconds: u32,
}

const OPTION: &str = "rate";

/// The units of a period with their seconds, the longest first.
const UNITS: [(char, u32); 4] = [('d', 24 * 60 * 60), ('h', 60 * 60), ('m', 60), ('s', 1)];

impl Rate {
    /// The highest count: one million.
    pub const MAX_COUNT: u32 = 1_000_000;

    /// The longest period: 366 days.
    pub const MAX_PERIOD: Duration = Duration::from_secs(366 * 24 * 60 * 60);

    /// The shortest interval: 100 microseconds, which is ten thousand times a second.
    pub const MIN_INTERVAL: Duration = Duration::from_micros(100);

    /// `count` times per `period`.
    ///
    /// # Errors
    ///
    /// Refuses, naming `rate`, what cannot be meant: a count of 0 or above
    /// [`MAX_COUNT`](Self::MAX_COUNT); a period of 0, of broken seconds, or above
    /// [`MAX_PERIOD`](Self::MAX_PERIOD); and an interval below [`MIN_INTERVAL`](Self::MIN_INTERVAL).
    pub fn new(count: u32, period: Duration) -> Result<Self, ConfigError> {
        let wrong = |problem: &str| Err(ConfigError::new(OPTION, problem));
        if count == 0 {
            return wrong("must have a count of at least 1");
        }
        if count > Self::MAX_COUNT {
            return wrong("must have a count of at most one million");
        }
        if period.is_zero() {
            return wrong("must have a period longer than zero");
        }
        if period > Self::MAX_PERIOD {
            return wrong("must have a period of at most 366 days");
        }
        if period.subsec_nanos() != 0 {
            return wrong("must have a period of whole seconds");
        }
        if period / count < Self::MIN_INTERVAL {
            return wrong("must be at most ten thousand times a second");
        }
        match u32::try_from(period.as_secs()) {
            Ok(period_seconds) => Ok(Self {
                count,
                period_seconds,
            }),
            Err(_) => wrong("must have a period of at most 366 days"),
        }
    }

    /// How many times, and how many at once. At least 1.
    pub const fn count(self) -> u32 {
        self.count
    }

    /// In what time. At least a second.
    pub const fn period(self) -> Duration {
        Duration::from_secs(self.period_seconds as u64)
    }

    /// After what time one that was taken is there again: the period by the count, rounded up to
    /// whole microseconds, so that all stores count alike.
    pub const fn interval(self) -> Duration {
        Duration::from_micros(self.interval_micros())
    }

    const fn interval_micros(self) -> u64 {
        (self.period_seconds as u64 * 1_000_000).div_ceil(self.count as u64)
    }

    /// How long an empty bucket takes to be full, in microseconds.
    const fn span_micros(self) -> u64 {
        self.interval_micros() * self.count as u64
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whole = |(_, seconds): &&(char, u32)| self.period_seconds.is_multiple_of(*seconds);
        let (unit, seconds) = UNITS.iter().find(whole).unwrap_or(&UNITS[3]);
        match self.period_seconds / seconds {
            1 => write!(f, "{}/{unit}", self.count),
            number => write!(f, "{}/{number}{unit}", self.count),
        }
    }
}

impl FromStr for Rate {
    type Err = ConfigError;

    fn from_str(text: &str) -> Result<Self, ConfigError> {
        let wrong = |problem: &str| ConfigError::new(OPTION, problem);
        let form = || wrong("must be like 10/m, 5/5m or 30/10s, with the units s, m, h and d");
        let (count, period) = text.split_once('/').ok_or_else(form)?;
        let unit = period.chars().next_back().ok_or_else(form)?;
        let (_, seconds) = UNITS
            .into_iter()
            .find(|(own, _)| *own == unit)
            .ok_or_else(form)?;
        let number = &period[..period.len() - unit.len_utf8()];
        if !is_number(count) || !(number.is_empty() || is_number(number)) {
            return Err(form());
        }
        let count = count
            .parse()
            .map_err(|_| wrong("must have a count of at most one million"))?;
        let number: u64 = match number {
            "" => 1,
            number => number
                .parse()
                .map_err(|_| wrong("must have a period of at most 366 days"))?,
        };
        let period = Duration::from_secs(number.saturating_mul(seconds.into()));
        Self::new(count, period)
    }
}

/// Digits and nothing else: no sign, no space.
fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn rates_are_read_and_written() {
        for (text, count, seconds, written) in [
            ("10/m", 10, 60, "10/m"),
            ("5/5m", 5, 300, "5/5m"),
            ("100/h", 100, 3600, "100/h"),
            ("1000/d", 1000, 86_400, "1000/d"),
            ("30/10s", 30, 10, "30/10s"),
            ("1/s", 1, 1, "1/s"),
            ("1/60s", 1, 60, "1/m"),
            ("1/90s", 1, 90, "1/90s"),
            ("7/48h", 7, 172_800, "7/2d"),
            ("007/1m", 7, 60, "7/m"),
            ("10000/s", 10_000, 1, "10000/s"),
            ("1000000/366d", 1_000_000, 366 * 86_400, "1000000/366d"),
        ] {
            let rate: Rate = text.parse().unwrap();
            assert_eq!((rate.count(), rate.period().as_secs()), (count, seconds));
            assert_eq!(rate.to_string(), written);
        }
    }

    #[test]
    fn x_15_rates_that_cannot_be_meant_are_refused_by_name() {
        for (text, problem) in [
            ("", "must be like"),
            ("10", "must be like"),
            ("10/", "must be like"),
            ("/m", "must be like"),
            ("10/5", "must be like"),
            ("10/M", "must be like"),
            ("10/w", "must be like"),
            ("10/m ", "must be like"),
            (" 10/m", "must be like"),
            ("+10/m", "must be like"),
            ("-10/m", "must be like"),
            ("10/-5m", "must be like"),
            ("10/+5m", "must be like"),
            ("1.5/m", "must be like"),
            ("1e3/m", "must be like"),
            ("10/m/ip", "must be like"),
            ("10/5µ", "must be like"),
            ("١٠/m", "must be like"),
            ("0/m", "count of at least 1"),
            ("1000001/d", "at most one million"),
            ("99999999999999999999/m", "at most one million"),
            ("10/0s", "longer than zero"),
            ("10/0d", "longer than zero"),
            ("10/367d", "at most 366 days"),
            ("10/99999999999999999999s", "at most 366 days"),
            ("10/18446744073709551615d", "at most 366 days"),
            ("10001/s", "ten thousand times a second"),
        ] {
            let error = text.parse::<Rate>().unwrap_err();
            assert_eq!(error.option(), "rate", "{text}");
            assert!(error.to_string().contains(problem), "{text}: {error}");
        }
        assert!(Rate::new(1, Duration::from_millis(1500)).is_err());
        assert!(Rate::new(1, Duration::MAX).is_err());
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(count in 1..=Rate::MAX_COUNT, seconds in 1..=366_u64 * 86_400) {
            if let Ok(rate) = Rate::new(count, Duration::from_secs(seconds)) {
                prop_assert_eq!(rate.to_string().parse::<Rate>(), Ok(rate));
                let span = rate.interval() * count;
                prop_assert!(span >= rate.period());
                prop_assert!(span < rate.period() + Duration::from_micros(count.into()));
            }
        }

        #[test]
        fn no_text_panics(text in "\\PC{0,12}") {
            if let Ok(rate) = text.parse::<Rate>() {
                prop_assert_eq!(rate.to_string().parse::<Rate>(), Ok(rate));
            }
        }
    }
}
