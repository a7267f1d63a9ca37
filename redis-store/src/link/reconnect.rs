//! Making the connection again, more and more seldom, until it succeeds.

use std::sync::{Arc, Weak};
use std::time::Duration;

use rand::RngExt as _;
use tokio::time::{sleep, timeout};

use super::{Inner, State};

/// The pause after the first try that failed; it doubles with each further one.
const FIRST_PAUSE: Duration = Duration::from_millis(50);

/// The longest pause: Redis is used again at most so long after it is back, and the time that a try
/// may take.
const LONGEST_PAUSE: Duration = Duration::from_millis(500);

/// Connects in the background. The task ends when it has, or when nobody holds the link any more.
pub(super) fn spawn(inner: &Arc<Inner>) {
    let task = Task(Arc::downgrade(inner));
    tokio::spawn(task.run());
}

struct Task(Weak<Inner>);

impl Task {
    async fn run(self) {
        let mut pause = FIRST_PAUSE;
        loop {
            let Some(inner) = self.0.upgrade() else {
                return;
            };
            match timeout(inner.timeout, inner.pool.connect()).await {
                Ok(Ok(connection)) => {
                    inner.up(connection);
                    return;
                }
                Ok(Err(error)) => {
                    tracing::debug!(error = %error, "could not connect to Redis");
                }
                Err(_) => tracing::debug!("could not connect to Redis in time"),
            }
            inner.down();
            drop(inner);
            // Many nodes lose Redis at the same instant, and must not all come back at one.
            let jitter = rand::rng().random_range(0.5..=1.0);
            sleep(pause.mul_f64(jitter)).await;
            pause = LONGEST_PAUSE.min(pause * 2);
        }
    }
}

/// If the runtime ends the task, the next who asks begins anew.
impl Drop for Task {
    fn drop(&mut self) {
        let Some(inner) = self.0.upgrade() else {
            return;
        };
        inner.state.send_if_modified(|state| {
            let unfinished = matches!(state, State::Connecting | State::Down);
            if unfinished {
                *state = State::Idle;
            }
            unfinished
        });
    }
}

impl Inner {
    fn up(&self, connection: super::Connection) {
        use std::sync::atomic::{AtomicU64, Ordering};
        static NUMBER: AtomicU64 = AtomicU64::new(0);

        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        tracing::debug!("connected to Redis");
        self.epoch.end();
        self.state.send_replace(State::Up { connection, number });
    }

    fn down(&self) {
        let was_up = self.state.send_if_modified(|state| match state {
            State::Down => false,
            _ => {
                *state = State::Down;
                true
            }
        });
        if was_up {
            tracing::warn!("Redis cannot be reached");
        }
    }
}
