//! The clock that decides about expiry, so that tests never sleep.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Tells the time.
///
/// `auth_test::ManualClock` is one for tests.
pub trait Clock: Send + Sync + 'static {
    /// The time now.
    fn now(&self) -> SystemTime;
}

impl<F> Clock for F
where
    F: Fn() -> SystemTime + Send + Sync + 'static,
{
    fn now(&self) -> SystemTime {
        self()
    }
}

/// A [`Clock`] to pass around: the system's, unless another was given.
#[derive(Clone, Default)]
pub struct SharedClock {
    clock: Option<Arc<dyn Clock>>,
}

impl SharedClock {
    /// Shares `clock`.
    #[must_use]
    pub fn new(clock: impl Clock) -> Self {
        Self {
            clock: Some(Arc::new(clock)),
        }
    }

    /// The operating system's clock.
    #[must_use]
    pub const fn system() -> Self {
        Self { clock: None }
    }

    /// The time now.
    pub fn now(&self) -> SystemTime {
        self.clock
            .as_ref()
            .map_or_else(SystemTime::now, |clock| clock.now())
    }

    /// The time now, in whole seconds since 1970.
    pub fn unix_seconds(&self) -> u64 {
        unix_seconds(self.now())
    }

    pub(crate) fn is_system(&self) -> bool {
        self.clock.is_none()
    }
}

impl<C: Clock> From<Arc<C>> for SharedClock {
    fn from(clock: Arc<C>) -> Self {
        Self { clock: Some(clock) }
    }
}

impl fmt::Debug for SharedClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_system() {
            "SharedClock(system)"
        } else {
            "SharedClock(custom)"
        })
    }
}

/// Whole seconds since 1970; a time before that counts as 0.
pub fn unix_seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}

/// The time that is `seconds` after 1970, or `None` if the platform cannot express it.
pub fn from_unix_seconds(seconds: u64) -> Option<SystemTime> {
    UNIX_EPOCH.checked_add(Duration::from_secs(seconds))
}
