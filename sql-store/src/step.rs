//! One atomic step in the database.

use std::time::Duration;

use auth_layer::AuthError;
use sqlx::Error;
use tokio::time::{sleep, timeout};

use crate::connection::Connection;
use crate::database::Pools;

/// How often a step is tried that others got in the way of.
const ATTEMPTS: u32 = 10;

/// What a verb of a store does in the database. It is tried again when the database asks for it, so
/// it changes nothing else.
pub(crate) trait Step: Send + Sync + 'static {
    type Output: Send + 'static;

    const ACCESS: Access;

    fn run(
        &self,
        connection: &mut Connection,
    ) -> impl Future<Output = Result<Self::Output, Error>> + Send;

    /// Whether a transaction that came out like this is kept.
    fn is_kept(output: &Self::Output) -> bool {
        let _ = output;
        true
    }
}

/// What a step needs.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    /// It only reads.
    Read,
    /// It is several statements that happen together or not at all.
    Transaction,
    /// What it changes, it changes in one statement.
    Write,
}

impl Pools {
    /// Runs a step to its end, also if nobody waits for it any more: a request whose client has gone
    /// leaves nothing half done and no connection in an unknown state.
    pub(crate) async fn run<S: Step>(
        &self,
        step: S,
        reason: &'static str,
    ) -> Result<S::Output, AuthError> {
        let pools = self.clone();
        let task = tokio::spawn(async move {
            let limit = pools.operation_timeout();
            match timeout(limit, pools.attempts(&step)).await {
                Ok(result) => result,
                // What was under way is dropped, and its connection closed.
                Err(_) => Err(Error::Io(std::io::ErrorKind::TimedOut.into())),
            }
        });
        match task.await {
            Ok(result) => result.map_err(|error| AuthError::unavailable(reason).with_source(error)),
            Err(error) => Err(AuthError::unavailable(reason).with_source(error)),
        }
    }

    async fn attempts<S: Step>(&self, step: &S) -> Result<S::Output, Error> {
        for attempt in 1..ATTEMPTS {
            match self.attempt(step).await {
                Err(error) if is_passing(&error) => sleep(pause(attempt)).await,
                result => return result,
            }
        }
        self.attempt(step).await
    }

    async fn attempt<S: Step>(&self, step: &S) -> Result<S::Output, Error> {
        let mut connection = match S::ACCESS {
            Access::Read => self.reader().await?,
            Access::Transaction | Access::Write => self.writer().await?,
        };
        connection.work();
        let result = if S::ACCESS == Access::Transaction {
            transaction(step, &mut connection).await?
        } else {
            step.run(&mut connection).await
        };
        connection.rest();
        result
    }
}

/// The outer error is that of a connection that is no longer good for anything.
async fn transaction<S: Step>(
    step: &S,
    connection: &mut Connection,
) -> Result<Result<S::Output, Error>, Error> {
    if let Err(error) = connection.begin().await {
        // It is passing if others have kept the writer of SQLite from beginning.
        return if is_passing(&error) {
            Ok(Err(error))
        } else {
            Err(error)
        };
    }
    let result = step.run(connection).await;
    if result.as_ref().is_ok_and(S::is_kept) {
        return match connection.script("COMMIT").await {
            Ok(()) => Ok(result),
            // What has become of it is not known, unless the database says that it was undone; the
            // connection is closed in either case, which undoes what is still open.
            Err(error) => Err(error),
        };
    }
    connection.script("ROLLBACK").await?;
    Ok(result)
}

/// Whether the database has undone a step because others got in its way: serialisation failures and
/// deadlocks of PostgreSQL, and a SQLite that was busy or locked.
fn is_passing(error: &Error) -> bool {
    let Error::Database(error) = error else {
        return false;
    };
    #[cfg(feature = "postgres")]
    if error
        .try_downcast_ref::<sqlx::postgres::PgDatabaseError>()
        .is_some()
    {
        return matches!(error.code().as_deref(), Some("40001" | "40P01"));
    }
    // The lower byte of an extended code of SQLite is the primary one.
    let code = error.code().and_then(|code| code.parse::<u32>().ok());
    matches!(code.map(|code| code & 0xff), Some(5 | 6))
}

/// Longer with each attempt, and random, so that those who met once do not meet again.
fn pause(attempt: u32) -> Duration {
    let most = 1_000 << attempt.min(6);
    Duration::from_micros(rand::random_range(500..most))
}
