//! The ends of sessions.

use auth_layer::SecretDigest;
use session_layer::{SessionId, UserKey};
use sqlx::Error;

use super::row::lock_users;
use crate::connection::Connection;
use crate::step::{Access, Step};

pub(super) struct Delete(pub(super) SecretDigest);

impl Step for Delete {
    type Output = bool;

    const ACCESS: Access = Access::Write;

    async fn run(&self, connection: &mut Connection) -> Result<bool, Error> {
        const DELETE: &str = "DELETE FROM auth_sessions WHERE secret_digest = $1";

        let deleted = connection
            .execute(DELETE, &[self.0.as_bytes().into()])
            .await?;
        Ok(deleted == 1)
    }
}

/// It locks the user: a session that is refreshed at this moment keeps its id, and this would see
/// neither the old row, which is gone, nor the new one, which was not there when it began.
pub(super) struct DeleteById(pub(super) UserKey, pub(super) SessionId);

impl Step for DeleteById {
    type Output = bool;

    const ACCESS: Access = Access::Transaction;

    async fn run(&self, connection: &mut Connection) -> Result<bool, Error> {
        const DELETE: &str = "DELETE FROM auth_sessions WHERE user_key = $1 AND session_id = $2";

        let Self(user, id) = self;
        lock_users(connection, [*user]).await?;
        let parameters = [user.as_bytes().into(), id.as_bytes().into()];
        Ok(connection.execute(DELETE, &parameters).await? == 1)
    }
}

/// It locks the user, as [`DeleteById`] does.
pub(super) struct DeleteAll {
    pub(super) user: UserKey,
    pub(super) except: Option<SessionId>,
}

impl Step for DeleteAll {
    type Output = Vec<SessionId>;

    const ACCESS: Access = Access::Transaction;

    async fn run(&self, connection: &mut Connection) -> Result<Vec<SessionId>, Error> {
        // No session has an empty id.
        const DELETE: &str = "DELETE FROM auth_sessions \
            WHERE user_key = $1 AND session_id <> $2 RETURNING session_id";

        lock_users(connection, [self.user]).await?;
        let except = self.except.as_ref().map_or(&[][..], |id| id.as_bytes());
        let parameters = [self.user.as_bytes().into(), except.into()];
        let deleted = connection.all(DELETE, &parameters).await?;
        deleted
            .iter()
            .map(|row| row.array(0).map(SessionId::from_bytes))
            .collect()
    }
}
