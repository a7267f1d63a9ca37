//! One attempt at a time, which belongs to no caller.

use auth_layer::AuthError;
use tokio::sync::watch;

/// An attempt that is under way; anybody may wait for it and stop waiting.
#[derive(Clone, Debug)]
pub(super) struct Flight {
    outcome: watch::Receiver<Option<Result<(), AuthError>>>,
}

/// Ends a [`Flight`]; dropped without a word if the attempt was torn away.
pub(super) struct Landing {
    outcome: watch::Sender<Option<Result<(), AuthError>>>,
}

pub(super) fn flight() -> (Landing, Flight) {
    let (sender, receiver) = watch::channel(None);
    let landing = Landing { outcome: sender };
    (landing, Flight { outcome: receiver })
}

impl Flight {
    /// Whether the attempt is still under way.
    pub(super) fn is_under_way(&self) -> bool {
        self.outcome.borrow().is_none() && self.outcome.has_changed().is_ok()
    }

    pub(super) async fn wait(mut self) -> Result<(), AuthError> {
        match self.outcome.wait_for(Option::is_some).await {
            Ok(outcome) => outcome.clone().unwrap_or(Ok(())),
            // The runtime was shut down, or the HTTP client panicked.
            Err(_) => Err(AuthError::unavailable("keys_fetch_torn")),
        }
    }
}

impl Landing {
    pub(super) fn land(self, outcome: Result<(), AuthError>) {
        self.outcome.send_replace(Some(outcome));
    }
}
