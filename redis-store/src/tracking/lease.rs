//! Until when what is kept may be used.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::link::Epoch;

/// A lease, which the connection that brings the news extends by answering.
///
/// What is kept is used only until the lease ends, only if it was read over the connection that is
/// there now, and only while the stores write over the connection of which it was found that it leads
/// to the same server.
pub(crate) struct Lease {
    origin: Instant,
    /// Nanoseconds after `origin`; 0 while there is no connection.
    until: AtomicU64,
    /// The epoch of the link in which the servers were compared.
    compared: AtomicU64,
    epoch: Epoch,
    /// The connection that is there now; guards the lease.
    connection: Mutex<Option<u64>>,
}

impl Lease {
    pub(crate) fn new(epoch: Epoch) -> Self {
        Self {
            origin: Instant::now(),
            until: AtomicU64::new(0),
            compared: AtomicU64::new(0),
            epoch,
            connection: Mutex::default(),
        }
    }

    fn connection(&self) -> MutexGuard<'_, Option<u64>> {
        self.connection
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn holds(&self) -> bool {
        let until = self.until.load(Ordering::Acquire);
        until != 0
            && self.compared.load(Ordering::Acquire) == self.epoch.now()
            && self.origin.elapsed() < Duration::from_nanos(until)
    }

    /// A connection is there and brings news from now on, of the server that the link has in `epoch`.
    /// What was kept before is cleared first.
    pub(super) fn begin(&self, connection: u64, epoch: u64, until: Instant, clear: impl FnOnce()) {
        let mut now = self.connection();
        clear();
        *now = Some(connection);
        self.compared.store(epoch, Ordering::Release);
        self.set(until);
    }

    /// The connection has answered. False if it is in doubt by now.
    pub(super) fn extend(&self, connection: u64, until: Instant) -> bool {
        let now = self.connection();
        let is_on = *now == Some(connection);
        if is_on {
            self.set(until);
        }
        is_on
    }

    /// The connection is in doubt: nothing is used any more.
    pub(super) fn end(&self, connection: u64, clear: impl FnOnce()) {
        let mut now = self.connection();
        if *now == Some(connection) {
            *now = None;
            self.until.store(0, Ordering::Release);
            clear();
        }
    }

    fn set(&self, until: Instant) {
        let after = until.saturating_duration_since(self.origin).as_nanos();
        let nanos = u64::try_from(after).unwrap_or(u64::MAX);
        self.until.store(nanos, Ordering::Release);
    }

    #[cfg(test)]
    pub(crate) fn epoch(&self) -> &Epoch {
        &self.epoch
    }
}
