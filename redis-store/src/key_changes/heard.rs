//! What other nodes announce.

use std::sync::{Mutex, MutexGuard, PoisonError};

use apikey_layer::{KeyChange, KeyListener};
use redis::{Cmd, PushInfo, Value, cmd};

use super::Names;
use crate::link::Epoch;
use crate::tracking::{Kept, Lease};

/// Tells listeners what is heard. Nothing is kept here, but by them; the lease only says whether there
/// is a connection.
pub(super) struct Heard {
    names: Names,
    lease: Lease,
    listeners: Mutex<Vec<KeyListener>>,
}

impl Heard {
    pub(super) fn new(names: Names, epoch: Epoch) -> Self {
        Self {
            names,
            lease: Lease::new(epoch),
            listeners: Mutex::default(),
        }
    }

    fn listeners(&self) -> MutexGuard<'_, Vec<KeyListener>> {
        self.listeners
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn listen(&self, listener: KeyListener) {
        // Those that are gone are cleared away, or a process that makes many would keep them all.
        let mut listeners = self.listeners();
        listeners.retain(|listener| !listener.is_gone());
        listeners.push(listener);
    }

    pub(super) fn is_on(&self) -> bool {
        self.lease.holds()
    }

    fn tell(&self, change: KeyChange) {
        // Not under the lock: who is told may be the last who holds something.
        let listeners = self.listeners().clone();
        for listener in listeners {
            listener.hear(change);
        }
    }
}

impl Kept for Heard {
    const NAME: &'static str = "news of changed API keys";

    fn lease(&self) -> &Lease {
        &self.lease
    }

    fn clear(&self) {
        self.tell(KeyChange::All);
    }

    fn hear(&self, push: &PushInfo) {
        let Some(Value::Array(keys)) = push.data.first() else {
            // The database was emptied, or whatever else it may be.
            self.tell(KeyChange::All);
            return;
        };
        for key in keys {
            if let Value::BulkString(name) = key
                && let Some(change) = self.names.change(name)
            {
                self.tell(change);
            }
        }
    }

    fn track(&self, probe: &str) -> Cmd {
        let mut track = cmd("CLIENT");
        track.arg("TRACKING").arg("ON").arg("BCAST");
        for prefix in [&*self.names.beginning, probe] {
            track.arg("PREFIX").arg(prefix);
        }
        track
    }
}
