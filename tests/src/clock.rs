//! A clock that stands still until it is told to go on.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use auth_layer::{Clock, SharedClock};

/// A clock for tests. Clones share the time.
///
/// ```
/// use std::time::Duration;
///
/// use auth_layer::Clock;
/// use auth_test::ManualClock;
///
/// let clock = ManualClock::new();
/// let before = clock.now();
/// clock.advance(Duration::from_secs(60));
/// assert_eq!(clock.now(), before + Duration::from_secs(60));
/// ```
#[derive(Clone, Debug)]
pub struct ManualClock {
    nanoseconds: Arc<AtomicU64>,
}

impl ManualClock {
    /// A clock that shows noon of 1 January 2030, UTC.
    #[must_use]
    pub fn new() -> Self {
        Self::at_unix_seconds(1_893_499_200)
    }

    /// A clock that shows this many seconds since 1970.
    #[must_use]
    pub fn at_unix_seconds(seconds: u64) -> Self {
        let clock = Self {
            nanoseconds: Arc::new(AtomicU64::new(0)),
        };
        clock.set(UNIX_EPOCH + Duration::from_secs(seconds));
        clock
    }

    /// Goes forward.
    ///
    /// # Panics
    ///
    /// Panics beyond the year 2554.
    pub fn advance(&self, by: Duration) {
        self.set(self.now() + by);
    }

    /// Goes back, as clocks sometimes do.
    ///
    /// # Panics
    ///
    /// Panics before 1970.
    pub fn go_back(&self, by: Duration) {
        self.set(self.now() - by);
    }

    /// Shows another time.
    ///
    /// # Panics
    ///
    /// Panics before 1970 and beyond the year 2554.
    pub fn set(&self, time: SystemTime) {
        let since = time
            .duration_since(UNIX_EPOCH)
            .expect("a manual clock begins in 1970");
        let nanoseconds = u64::try_from(since.as_nanos()).expect("a manual clock ends in 2554");
        self.nanoseconds.store(nanoseconds, Ordering::SeqCst);
    }

    /// This clock, to be given to a configuration.
    #[must_use]
    pub fn shared(&self) -> SharedClock {
        SharedClock::new(self.clone())
    }
}

impl Clock for ManualClock {
    fn now(&self) -> SystemTime {
        UNIX_EPOCH + Duration::from_nanos(self.nanoseconds.load(Ordering::SeqCst))
    }
}

impl Default for ManualClock {
    fn default() -> Self {
        Self::new()
    }
}

impl From<ManualClock> for SharedClock {
    fn from(clock: ManualClock) -> Self {
        Self::new(clock)
    }
}
