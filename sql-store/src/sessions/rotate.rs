//! One session in the place of another.

use auth_layer::SecretDigest;
use session_layer::{NewSession, RotateOutcome, SessionRecord};
use sqlx::Error;

use super::cap::make_room;
use super::row::{find, insert, lock_users, take};
use crate::connection::Connection;
use crate::step::{Access, Step};

pub(super) struct Rotate {
    pub(super) old: SecretDigest,
    pub(super) version: Option<u64>,
    pub(super) new: NewSession,
}

impl Step for Rotate {
    type Output = RotateOutcome;

    const ACCESS: Access = Access::Transaction;

    async fn run(&self, connection: &mut Connection) -> Result<RotateOutcome, Error> {
        // Whose session it is never changes, so that much can be asked before anything is locked.
        let Some(SessionRecord { login, .. }) = find(connection, &self.old).await? else {
            return Ok(RotateOutcome::Gone);
        };
        let users = login.iter().chain(&self.new.record.login);
        lock_users(connection, users.map(Into::into)).await?;

        // From here on no update and no logout comes between. If this is not kept, neither is that.
        let Some(old) = take(connection, &self.old).await? else {
            return Ok(RotateOutcome::Gone);
        };
        if !old.is_live(self.new.record.last_seen_at) {
            return Ok(RotateOutcome::Gone);
        }
        if self.version.is_some_and(|version| version != old.version) {
            return Ok(RotateOutcome::Changed(Box::new(old)));
        }
        if self.new.secret == self.old {
            return Ok(RotateOutcome::Collided);
        }
        if !insert(connection, &self.new).await? {
            return Ok(RotateOutcome::Collided);
        }
        Ok(match make_room(connection, &self.new).await? {
            Some(evicted) => RotateOutcome::Rotated { evicted },
            None => RotateOutcome::Full,
        })
    }

    fn is_kept(outcome: &RotateOutcome) -> bool {
        matches!(outcome, RotateOutcome::Rotated { .. })
    }
}
