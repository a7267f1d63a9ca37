//! The use of a token.

use jwt_layer::refresh::{FamilyId, RotateOutcome, Rotation};
use sqlx::Error;

use crate::connection::Connection;
use crate::step::{Access, Step};
use crate::time::millis;

pub(super) struct Rotate(pub(super) FamilyId, pub(super) Rotation);

impl Step for Rotate {
    type Output = RotateOutcome;

    const ACCESS: Access = Access::Transaction;

    /// Each statement asks the whole question again, so nothing depends on what is between them: of
    /// two that use one token the first takes it, and the second finds it to be the one used last.
    async fn run(&self, connection: &mut Connection) -> Result<RotateOutcome, Error> {
        const ROTATE: &str = "UPDATE auth_refresh_families SET used_token = current_token, \
            used_at = $3, replays = 0, current_token = $4, successor = $5, expires_at = $6 \
            WHERE family_id = $1 AND current_token = $2 AND reused = 0 AND expires_at > $3";
        // The clocks of two servers may differ: what is a moment earlier is near too.
        const REPEAT: &str = "UPDATE auth_refresh_families SET replays = replays + 1 \
            WHERE family_id = $1 AND used_token = $2 AND reused = 0 AND expires_at > $3 \
                AND $3 - used_at < $4 AND used_at - $3 < $4 AND replays < $5 \
            RETURNING successor";
        const END: &str = "UPDATE auth_refresh_families SET reused = 1 \
            WHERE family_id = $1 AND expires_at > $3 AND (reused <> 0 OR (current_token <> $2 \
                AND (used_token <> $2 OR $3 - used_at >= $4 OR used_at - $3 >= $4)))";
        const LIVE: &str = "SELECT expires_at FROM auth_refresh_families \
            WHERE family_id = $1 AND expires_at > $2";

        let Self(id, rotation) = self;
        let (id, presented) = (id.as_bytes(), rotation.presented.as_bytes());
        let now = millis(rotation.now);
        let window = i64::try_from(rotation.window.as_millis()).unwrap_or(i64::MAX);

        let parameters = [
            id.into(),
            presented.into(),
            now.into(),
            rotation.next.as_bytes().into(),
            rotation.successor.as_slice().into(),
            millis(rotation.expires_at).into(),
        ];
        if connection.execute(ROTATE, &parameters).await? == 1 {
            return Ok(RotateOutcome::Rotated);
        }
        let parameters = [
            id.into(),
            presented.into(),
            now.into(),
            window.into(),
            i64::from(rotation.max_replays).into(),
        ];
        if let Some(row) = connection.optional(REPEAT, &parameters).await? {
            return row.bytes(0).map(RotateOutcome::Repeated);
        }
        if connection.execute(END, &parameters[..4]).await? == 1 {
            return Ok(RotateOutcome::Reused);
        }
        let live = connection.optional(LIVE, &[id.into(), now.into()]).await?;
        Ok(live.map_or(RotateOutcome::Unknown, |_| RotateOutcome::Exhausted))
    }
}
