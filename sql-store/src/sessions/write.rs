//! Changes of a session that stays what it is.

use auth_layer::SecretDigest;
use session_layer::{SessionData, Touch, UpdateOutcome};
use sqlx::Error;

use super::row::find;
use crate::connection::Connection;
use crate::step::{Access, Step};
use crate::time::millis;

pub(super) struct Touched(pub(super) SecretDigest, pub(super) Touch);

impl Step for Touched {
    type Output = bool;

    const ACCESS: Access = Access::Write;

    async fn run(&self, connection: &mut Connection) -> Result<bool, Error> {
        // Both only move forward, and the end not past the last one.
        const TOUCH: &str = "UPDATE auth_sessions SET \
            last_seen_at = CASE WHEN $2 > last_seen_at THEN $2 ELSE last_seen_at END, \
            expires_at = CASE WHEN $3 <= expires_at THEN expires_at \
                WHEN $3 > ends_at THEN ends_at ELSE $3 END \
            WHERE secret_digest = $1 AND expires_at > $2";

        let Self(secret, touch) = self;
        let (seen_at, expires_at) = (millis(touch.seen_at), millis(touch.expires_at));
        let parameters = [secret.as_bytes().into(), seen_at.into(), expires_at.into()];
        Ok(connection.execute(TOUCH, &parameters).await? == 1)
    }
}

pub(super) struct Update {
    pub(super) secret: SecretDigest,
    pub(super) version: u64,
    pub(super) data: SessionData,
}

impl Step for Update {
    type Output = UpdateOutcome;

    // The second statement only says why the first has changed nothing.
    const ACCESS: Access = Access::Write;

    async fn run(&self, connection: &mut Connection) -> Result<UpdateOutcome, Error> {
        const UPDATE: &str = "UPDATE auth_sessions SET data = $3, version = version + 1 \
            WHERE secret_digest = $1 AND version = $2";

        let data: &[u8] = self.data.as_bytes();
        let parameters = [
            self.secret.as_bytes().into(),
            // A version that no session can have is no session's.
            i64::try_from(self.version).ok().into(),
            data.into(),
        ];
        if connection.execute(UPDATE, &parameters).await? == 1 {
            return Ok(UpdateOutcome::Updated {
                version: self.version + 1,
            });
        }
        let stored = find(connection, &self.secret).await?;
        Ok(stored.map_or(UpdateOutcome::Gone, |stored| {
            UpdateOutcome::Changed(Box::new(stored))
        }))
    }
}
