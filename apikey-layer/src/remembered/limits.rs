//! How old an answer may be, and how many there may be.

use std::time::{Duration, Instant, SystemTime};

use auth_layer::{ConfigError, SharedClock, check_duration};

/// The longest that the contracts of stores and owners let an answer be remembered.
const LONGEST: Duration = Duration::from_secs(60);

#[derive(Clone)]
pub(crate) struct Limits {
    pub(super) max_age: Duration,
    pub(super) capacity: usize,
    /// `None` is the system's.
    clock: Option<SharedClock>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_age: Duration::from_secs(5),
            capacity: 10_000,
            clock: None,
        }
    }
}

impl Limits {
    pub(crate) fn max_age(self, max_age: Duration) -> Result<Self, ConfigError> {
        let max_age = check_duration("max_age", max_age)?;
        if max_age > LONGEST {
            return Err(ConfigError::new("max_age", "must be at most a minute"));
        }
        Ok(Self { max_age, ..self })
    }

    pub(crate) fn capacity(self, capacity: usize) -> Result<Self, ConfigError> {
        if !(1..=10_000_000).contains(&capacity) {
            return Err(ConfigError::new("capacity", "must be 1 to 10,000,000"));
        }
        Ok(Self { capacity, ..self })
    }

    pub(crate) fn clock(self, clock: SharedClock) -> Self {
        let clock = Some(clock);
        Self { clock, ..self }
    }

    pub(super) fn now(&self) -> Moment {
        let system = SystemTime::now;
        Moment {
            by_clock: self.clock.as_ref().map_or_else(system, SharedClock::now),
            running: Instant::now(),
        }
    }

    pub(super) fn is_good(&self, asked_at: &Moment) -> bool {
        let clock = self.clock.as_ref();
        let now = clock.map_or_else(SystemTime::now, SharedClock::now);
        let age = now.duration_since(asked_at.by_clock);
        age.is_ok_and(|age| age < self.max_age)
            && (clock.is_some() || asked_at.running.elapsed() < self.max_age)
    }
}

/// When a question was asked, by both clocks of the system: the one goes on while the machine is
/// suspended, the other cannot be set back. An answer is too old if it is by either. A clock that was
/// given is believed alone.
#[derive(Clone, Copy)]
pub(super) struct Moment {
    by_clock: SystemTime,
    running: Instant,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_too_old_by_either_clock() {
        let limits = Limits::default();
        let (second, age) = (Duration::from_secs(1), limits.max_age);
        let now = limits.now();
        assert!(limits.is_good(&now));
        let longer_ago = Moment {
            by_clock: now.by_clock - age,
            ..now
        };
        let set_back = Moment {
            by_clock: now.by_clock + second,
            ..now
        };
        for moment in [longer_ago, set_back] {
            assert!(!limits.is_good(&moment));
        }
        // A machine that runs for less than its age has no such moment.
        if let Some(running) = now.running.checked_sub(age) {
            let kept_young = Moment { running, ..now };
            assert!(!limits.is_good(&kept_young));
            let given = limits.clock(SharedClock::system());
            assert!(given.is_good(&kept_young));
        }
    }
}
