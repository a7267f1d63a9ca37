//! A new session.

use session_layer::{CreateOutcome, NewSession};
use sqlx::Error;

use super::cap::make_room;
use super::row::{insert, lock_users};
use crate::connection::Connection;
use crate::step::{Access, Step};

pub(super) struct Create(pub(super) NewSession);

impl Step for Create {
    type Output = CreateOutcome;

    const ACCESS: Access = Access::Transaction;

    async fn run(&self, connection: &mut Connection) -> Result<CreateOutcome, Error> {
        // Until the end, so that counting and storing are one step and no logout everywhere runs
        // beside it.
        lock_users(connection, self.0.record.user()).await?;
        if !insert(connection, &self.0).await? {
            return Ok(CreateOutcome::Collided);
        }
        Ok(match make_room(connection, &self.0).await? {
            Some(evicted) => CreateOutcome::Created { evicted },
            None => CreateOutcome::Full,
        })
    }

    fn is_kept(outcome: &CreateOutcome) -> bool {
        matches!(outcome, CreateOutcome::Created { .. })
    }
}
