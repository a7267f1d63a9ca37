//! How many sessions there are, and how many there may be.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

/// How long a full backend waits until it searches everything for expired sessions again: that takes
/// a moment, and whoever fills it must not be able to ask for it at will.
const FULL_SWEEP_EVERY: Duration = Duration::from_secs(5);

/// The places of a [`MemorySessionBackend`](super::MemorySessionBackend).
pub(super) struct Places {
    capacity: usize,
    anonymous_capacity: usize,
    taken: AtomicUsize,
    /// Those of the taken ones in which nobody is logged in.
    anonymous: AtomicUsize,
    swept_at: Mutex<Option<SystemTime>>,
}

impl Places {
    pub(super) fn new(capacity: usize) -> Self {
        Self {
            capacity,
            anonymous_capacity: capacity - capacity / 4,
            taken: AtomicUsize::new(0),
            anonymous: AtomicUsize::new(0),
            swept_at: Mutex::default(),
        }
    }

    pub(super) const fn capacity(&self) -> usize {
        self.capacity
    }

    pub(super) fn taken(&self) -> usize {
        self.taken.load(Ordering::Relaxed)
    }

    /// Takes a place; false if there is none.
    pub(super) fn take(&self, login: bool) -> bool {
        if !login && !take_one(&self.anonymous, self.anonymous_capacity) {
            return false;
        }
        let taken = take_one(&self.taken, self.capacity);
        if !taken && !login {
            self.anonymous.fetch_sub(1, Ordering::Relaxed);
        }
        taken
    }

    pub(super) fn release(&self, login: bool) {
        self.taken.fetch_sub(1, Ordering::Relaxed);
        if !login {
            self.anonymous.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// One session took the place of another.
    pub(super) fn change(&self, from_login: bool, to_login: bool) {
        match (from_login, to_login) {
            (false, true) => self.anonymous.fetch_sub(1, Ordering::Relaxed),
            (true, false) => self.anonymous.fetch_add(1, Ordering::Relaxed),
            _ => return,
        };
    }

    /// Whether everything may be searched at `now`; then it counts as done.
    pub(super) fn may_sweep(&self, now: SystemTime) -> bool {
        let mut swept_at = self.swept_at.lock().unwrap_or_else(PoisonError::into_inner);
        // A clock that was set back makes it due too.
        let due = swept_at.is_none_or(|at| {
            let since = now.duration_since(at);
            since.map_or(true, |since| since >= FULL_SWEEP_EVERY)
        });
        if due {
            *swept_at = Some(now);
        }
        due
    }
}

fn take_one(count: &AtomicUsize, capacity: usize) -> bool {
    let taken = count.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |count| {
        (count < capacity).then_some(count + 1)
    });
    taken.is_ok()
}
