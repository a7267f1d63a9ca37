//! How long a session lives.

use std::time::{Duration, SystemTime};

use auth_layer::{ConfigError, check_duration};

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// How long a session lives: unused, and altogether. Both limits are always on, and both are
/// enforced by the server; the cookie's `Max-Age` merely follows.
///
/// | preset | idle | absolute |
/// |---|---|---|
/// | [`STRICT`](Self::STRICT) | 30 minutes | 12 hours |
/// | [`STANDARD`](Self::STANDARD) (default) | 24 hours | 14 days |
/// | [`AAL2`](Self::AAL2) (NIST SP 800-63B-4) | 1 hour | 24 hours |
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub struct SessionLimits {
    idle: Duration,
    absolute: Duration,
}

impl SessionLimits {
    /// 30 minutes idle, 12 hours in all.
    pub const STRICT: Self = Self::new(
        Duration::from_secs(30 * MINUTE),
        Duration::from_secs(12 * HOUR),
    );

    /// 24 hours idle, 14 days in all. The default.
    pub const STANDARD: Self = Self::new(Duration::from_secs(DAY), Duration::from_secs(14 * DAY));

    /// 1 hour idle, 24 hours in all.
    pub const AAL2: Self = Self::new(Duration::from_secs(HOUR), Duration::from_secs(DAY));

    /// Limits of your own. The session ends at whichever comes first; both are checked when the
    /// layer is built.
    pub const fn new(idle: Duration, absolute: Duration) -> Self {
        Self { idle, absolute }
    }

    /// How long a session may go unused.
    pub const fn idle(&self) -> Duration {
        self.idle
    }

    /// How long a session may last, however much it is used.
    pub const fn absolute(&self) -> Duration {
        self.absolute
    }

    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        for (option, duration) in [
            ("limits.idle", self.idle),
            ("limits.absolute", self.absolute),
        ] {
            if check_duration(option, duration)? < Duration::from_secs(1) {
                return Err(ConfigError::new(option, "must be at least one second"));
            }
        }
        Ok(())
    }

    /// When a session that starts at `now` ends at the latest.
    pub(crate) fn ends_at(&self, now: SystemTime) -> SystemTime {
        now.checked_add(self.absolute).unwrap_or(now)
    }

    /// When a session that was used at `now` ends if it is not used again.
    pub(crate) fn expires_at(&self, now: SystemTime, ends_at: SystemTime) -> SystemTime {
        now.checked_add(self.idle).unwrap_or(now).min(ends_at)
    }

    /// How stale "last seen" may get before a request is written down: a twentieth of idle.
    pub(crate) fn touch_after(&self) -> Duration {
        self.idle / 20
    }
}

impl Default for SessionLimits {
    fn default() -> Self {
        Self::STANDARD
    }
}
