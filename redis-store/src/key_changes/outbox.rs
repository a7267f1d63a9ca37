//! What is to be announced.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use apikey_layer::KeyChange;
use auth_layer::AuthError;
use futures_util::future::try_join_all;
use rand::RngExt as _;
use redis::Cmd;
use tokio::runtime::Handle;
use tokio::time::sleep;

use super::Names;
use crate::link::Link;

/// For how long the key of an announcement is there, in milliseconds. When it ends, that is news once
/// more.
const ECHO: u64 = 1_000;

/// With more than this to say, it is said that everything has changed.
const MANY: usize = 1_000;

/// The pause before what failed is tried again.
const PAUSE: Duration = Duration::from_millis(500);

pub(super) struct Outbox {
    names: Names,
    link: Link,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    changes: HashSet<KeyChange>,
    /// A task is sending them.
    is_sending: bool,
}

impl State {
    fn add(&mut self, change: KeyChange) {
        if self.changes.contains(&KeyChange::All) {
            return;
        }
        if change == KeyChange::All || self.changes.len() >= MANY {
            self.changes.clear();
            self.changes.insert(KeyChange::All);
        } else {
            self.changes.insert(change);
        }
    }
}

impl Outbox {
    pub(super) fn new(names: Names, link: Link) -> Self {
        Self {
            names,
            link,
            state: Mutex::default(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends it in the background. Outside of a runtime it goes along with the next.
    pub(super) fn announce(self: &Arc<Self>, change: KeyChange) {
        let mut state = self.state();
        state.add(change);
        if state.is_sending {
            return;
        }
        if let Ok(runtime) = Handle::try_current() {
            state.is_sending = true;
            // Unlocked first: a runtime that is ending drops the task at once, and that locks.
            drop(state);
            let task = Task {
                outbox: Arc::downgrade(self),
                is_done: false,
            };
            runtime.spawn(task.run(Arc::clone(self)));
        }
    }

    /// What is to be sent. With nothing left, whoever announces next begins anew.
    fn take(&self) -> Option<HashSet<KeyChange>> {
        let mut state = self.state();
        if state.changes.is_empty() {
            state.is_sending = false;
            return None;
        }
        Some(std::mem::take(&mut state.changes))
    }

    async fn send(&self, changes: &HashSet<KeyChange>) -> Result<(), AuthError> {
        let sent = changes.iter().map(|change| async {
            let name = self.names.of(change);
            let set = Cmd::pset_ex(&name, "", ECHO);
            self.link.send(&name, set).await
        });
        try_join_all(sent).await?;
        Ok(())
    }
}

/// Sends until there is nothing left, or nobody has the outbox any more.
struct Task {
    outbox: Weak<Outbox>,
    is_done: bool,
}

impl Task {
    async fn run(mut self, first: Arc<Outbox>) {
        let mut outbox = first;
        let mut has_failed = false;
        while let Some(changes) = outbox.take() {
            if let Err(error) = outbox.send(&changes).await {
                if !has_failed {
                    tracing::warn!(
                        error = %error,
                        "other nodes cannot be told of changed API keys: they see them after the age"
                    );
                }
                has_failed = true;
                outbox.state().add(KeyChange::All);
                drop(outbox);
                let jitter = rand::rng().random_range(0.5..=1.0);
                sleep(PAUSE.mul_f64(jitter)).await;
                let Some(still) = self.outbox.upgrade() else {
                    return;
                };
                outbox = still;
            }
        }
        self.is_done = true;
    }
}

/// If the runtime ends the task, the next who announces begins anew. What was being sent may be lost.
impl Drop for Task {
    fn drop(&mut self) {
        if !self.is_done
            && let Some(outbox) = self.outbox.upgrade()
        {
            let mut state = outbox.state();
            state.add(KeyChange::All);
            state.is_sending = false;
        }
    }
}
