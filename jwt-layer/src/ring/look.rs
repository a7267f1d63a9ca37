//! Looking for a key that a token names and the node does not know.

use std::sync::Arc;
use std::time::Duration;

use auth_layer::{AuthError, Event};
use tokio::sync::{Semaphore, watch};
use tokio::time::{Instant, sleep_until, timeout};

use super::key_ring::Inner;
use super::upkeep::{Change, timed_out};
use crate::{KeyLookup, WantedKey};

/// After a look: for so long there is no other.
const COOLDOWN: Duration = Duration::from_secs(1);

/// How many may wait for a look. Anybody can send tokens with invented keys, and each of them waits for
/// a second at most.
const MAX_WAITING: usize = 1_024;

/// The looks of a node.
pub(super) struct Looks {
    state: watch::Sender<State>,
    places: Semaphore,
}

#[derive(Clone, Copy, Debug, Default)]
struct State {
    /// How many looks have begun.
    begun: u64,
    last: Attempt,
}

/// What became of the last look.
#[derive(Clone, Copy, Debug, Default)]
enum Attempt {
    #[default]
    None,
    Running,
    Succeeded(Instant),
    Failed(Instant),
}

impl State {
    const fn is_running(&self) -> bool {
        matches!(self.last, Attempt::Running)
    }

    /// When the next look may begin, if that is not now.
    fn cools_until(&self) -> Option<Instant> {
        match self.last {
            Attempt::Succeeded(at) | Attempt::Failed(at) => {
                let end = at + COOLDOWN;
                (Instant::now() < end).then_some(end)
            }
            Attempt::None | Attempt::Running => None,
        }
    }

    fn begin(&mut self) -> bool {
        let begins = !self.is_running() && self.cools_until().is_none();
        if begins {
            self.begun += 1;
            self.last = Attempt::Running;
        }
        begins
    }
}

impl Looks {
    pub(super) fn new() -> Self {
        Self {
            state: watch::Sender::default(),
            places: Semaphore::new(MAX_WAITING),
        }
    }

    /// What a key is that is not there. That a look which is over did not find it says nothing: another
    /// node may have made it since.
    pub(super) fn lookup(&self) -> KeyLookup {
        let state = *self.state.borrow();
        match state.last {
            Attempt::Failed(_) if state.cools_until().is_some() => KeyLookup::Unavailable,
            _ => KeyLookup::Ask,
        }
    }
}

/// Waits until a look is over that began after this was called, or the key is there. However many ask,
/// there is one look at a time, and at most one a second, and none of those who wait for it can end it.
pub(super) async fn look(inner: &Arc<Inner>, wanted: &WantedKey<'_>) -> Result<(), AuthError> {
    let Looks { state, places } = &inner.looks;
    let Ok(_place) = places.try_acquire() else {
        return Err(AuthError::unavailable("too_many_unknown_signing_keys"));
    };
    let mut changes = state.subscribe();
    let before = changes.borrow().begun;
    loop {
        if state.send_if_modified(State::begin) {
            tokio::spawn(Look(Arc::clone(inner)).run());
        }
        let finished = changes.wait_for(|state| !state.is_running()).await;
        let state = finished.map(|state| *state).unwrap_or_default();
        if !matches!(state.last, Attempt::Succeeded(_)) {
            return Err(AuthError::unavailable("signing_keys_unavailable"));
        }
        if state.begun > before || inner.held(wanted).is_some() {
            return Ok(());
        }
        if let Some(end) = state.cools_until() {
            sleep_until(end).await;
        }
    }
}

struct Look(Arc<Inner>);

impl Look {
    async fn run(self) {
        let inner = &self.0;
        // Also if another change has its turn for long: there are requests that wait.
        let limit = 2 * inner.options.store_timeout;
        let result = timeout(limit, inner.change(&Change::Nothing)).await;
        let result = result.unwrap_or_else(|_| Err(timed_out()));
        if let Err(error) = &result {
            inner.options.events.record(&Event::refused(error));
        }
        let now = Instant::now();
        inner.looks.state.send_modify(|state| {
            state.last = match result {
                Ok(_) => Attempt::Succeeded(now),
                Err(_) => Attempt::Failed(now),
            };
        });
    }
}

/// If the runtime ends the task, it has failed.
impl Drop for Look {
    fn drop(&mut self) {
        self.0.looks.state.send_if_modified(|state| {
            let is_unfinished = state.is_running();
            if is_unfinished {
                state.last = Attempt::Failed(Instant::now());
            }
            is_unfinished
        });
    }
}
