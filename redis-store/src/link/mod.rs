//! The connection to Redis: taken from the pool once, shared, and replaced when it breaks.

mod connection;
mod epoch;
mod pool;
mod reconnect;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use auth_layer::AuthError;
use redis::{Cmd, Value};
use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};

pub(crate) use self::connection::Connection;
pub(crate) use self::epoch::Epoch;
pub use self::pool::RedisPool;
use crate::error::{could_not_ask, down, ends_connection, is_unknown_script, timed_out};
use crate::script::Script;

/// A connection that heals by itself. Clones share it.
#[derive(Clone)]
pub(crate) struct Link(Arc<Inner>);

struct Inner {
    pool: RedisPool,
    timeout: Duration,
    state: watch::Sender<State>,
    epoch: Epoch,
}

/// What is known about the connection.
#[derive(Clone)]
enum State {
    /// Nobody has asked yet.
    Idle,
    /// It is being made, for the first time or after it broke: whoever asks waits.
    Connecting,
    Up {
        connection: Connection,
        /// Tells this connection from those before it.
        number: u64,
    },
    /// It could not be made; whoever asks is told so at once, until a further try succeeds.
    Down,
}

impl Link {
    pub(crate) fn new(pool: RedisPool, timeout: Duration) -> Self {
        Self(Arc::new(Inner {
            pool,
            timeout,
            state: watch::Sender::new(State::Idle),
            epoch: Epoch::default(),
        }))
    }

    /// Changes before anything is sent over another connection.
    pub(crate) fn epoch(&self) -> &Epoch {
        &self.0.epoch
    }

    pub(crate) fn is_partitioned(&self) -> bool {
        self.0.pool.is_partitioned()
    }

    /// Sends one command to the server that has `key` and waits for its answer.
    ///
    /// It is never sent twice: when this fails, it may have been executed or not.
    pub(crate) async fn send(&self, key: &[u8], command: Cmd) -> Result<Value, AuthError> {
        let deadline = Instant::now() + self.0.timeout;
        let (mut connection, number) = self.connection(deadline).await?;
        match timeout_at(deadline, connection.send(command, key)).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => {
                if ends_connection(&error) {
                    self.broke(number);
                }
                Err(could_not_ask(error))
            }
            Err(_) => {
                self.broke(number);
                Err(timed_out())
            }
        }
    }

    /// Runs a script on the server that has its first key.
    pub(crate) async fn run(
        &self,
        script: &Script,
        keys: &[&[u8]],
        arguments: &[&[u8]],
    ) -> Result<Value, AuthError> {
        let key = keys.first().copied().unwrap_or_default();
        let deadline = Instant::now() + self.0.timeout;
        let (mut connection, number) = self.connection(deadline).await?;
        let run = async {
            let known = connection.send(script.by_hash(keys, arguments), key).await;
            match known {
                // It was not executed: the server has never seen it, or was started again.
                Err(error) if is_unknown_script(&error) => {
                    connection
                        .send(script.by_source(keys, arguments), key)
                        .await
                }
                answer => answer,
            }
        };
        match timeout_at(deadline, run).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => {
                if ends_connection(&error) {
                    self.broke(number);
                }
                Err(could_not_ask(error))
            }
            Err(_) => {
                self.broke(number);
                Err(timed_out())
            }
        }
    }

    async fn connection(&self, deadline: Instant) -> Result<(Connection, u64), AuthError> {
        if let State::Up { connection, number } = &*self.0.state.borrow() {
            return Ok((connection.clone(), *number));
        }
        let mut state = self.0.state.subscribe();
        loop {
            match &*state.borrow_and_update() {
                State::Up { connection, number } => return Ok((connection.clone(), *number)),
                State::Down => return Err(down()),
                State::Idle | State::Connecting => {}
            }
            self.connect_unless(|state| !matches!(state, State::Idle));
            match timeout_at(deadline, state.changed()).await {
                Ok(Ok(())) => {}
                Ok(Err(_)) | Err(_) => return Err(timed_out()),
            }
        }
    }

    /// The connection of this number serves no longer.
    fn broke(&self, number: u64) {
        self.connect_unless(
            |state| !matches!(state, State::Up { number: now, .. } if *now == number),
        );
    }

    /// Begins to connect unless the state says otherwise: at most one task does at any time.
    fn connect_unless(&self, otherwise: impl FnOnce(&State) -> bool) {
        let begin = self.0.state.send_if_modified(|state| {
            let begin = !otherwise(state);
            if begin {
                // Before the state: whoever sees that it has changed sees this.
                self.0.epoch.end();
                *state = State::Connecting;
            }
            begin
        });
        if begin {
            reconnect::spawn(&self.0);
        }
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match &*self.0.state.borrow() {
            State::Idle => "idle",
            State::Connecting => "connecting",
            State::Up { .. } => "up",
            State::Down => "down",
        };
        f.debug_struct("Link")
            .field("pool", &self.0.pool)
            .field("timeout", &self.0.timeout)
            .field("state", &state)
            .finish()
    }
}
