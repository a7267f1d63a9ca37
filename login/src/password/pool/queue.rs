//! A bounded queue between those who ask for hashes and the threads that compute them.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use super::job::Job;

/// A bounded first-in, first-out queue of jobs.
pub(super) struct Queue {
    state: Mutex<State>,
    changed: Condvar,
    capacity: usize,
}

struct State {
    jobs: VecDeque<Box<dyn Job>>,
    is_closed: bool,
}

/// Why a job was not taken.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Refused {
    Closed,
    Full,
}

impl Queue {
    pub(super) fn new(capacity: usize) -> Self {
        Self {
            state: Mutex::new(State {
                jobs: VecDeque::new(),
                is_closed: false,
            }),
            changed: Condvar::new(),
            capacity,
        }
    }

    /// Takes a job, without waiting for anything.
    pub(super) fn push(&self, job: Box<dyn Job>) -> Result<(), Refused> {
        let mut state = self.lock();
        if state.is_closed {
            return Err(Refused::Closed);
        }
        self.make_room(&mut state)?;
        state.jobs.push_back(job);
        drop(state);
        self.changed.notify_one();
        Ok(())
    }

    /// Whether a job would be taken now.
    pub(super) fn check_room(&self) -> Result<(), Refused> {
        self.make_room(&mut self.lock())
    }

    /// Those who went away make room for those who wait.
    fn make_room(&self, state: &mut State) -> Result<(), Refused> {
        if state.jobs.len() >= self.capacity {
            state.jobs.retain(|job| !job.is_cancelled());
        }
        if state.jobs.len() >= self.capacity {
            return Err(Refused::Full);
        }
        Ok(())
    }

    /// The next job, if there is one.
    pub(super) fn try_next(&self) -> Option<Box<dyn Job>> {
        self.lock().jobs.pop_front()
    }

    /// Waits for the next job; `None` when the queue is closed.
    pub(super) fn next(&self) -> Option<Box<dyn Job>> {
        let mut state = self
            .changed
            .wait_while(self.lock(), |state| {
                state.jobs.is_empty() && !state.is_closed
            })
            .unwrap_or_else(PoisonError::into_inner);
        state.jobs.pop_front()
    }

    /// Drops what waits and takes nothing more.
    pub(super) fn close(&self) {
        let mut state = self.lock();
        state.is_closed = true;
        let jobs = std::mem::take(&mut state.jobs);
        drop(state);
        // Dropping a job wakes who waits for it: not under the lock.
        drop(jobs);
        self.changed.notify_all();
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.lock().jobs.len()
    }

    /// Nothing panics while it holds the lock, and the queue is whole at every step.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
