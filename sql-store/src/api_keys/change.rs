//! Changes of keys.

use apikey_layer::{DisabledBy, KeyId, Rotated, Rotation};
use sqlx::Error;

use crate::connection::Connection;
use crate::key::lock_of;
use crate::step::{Access, Step};
use crate::time::millis;

pub(super) struct Rotate(pub(super) KeyId, pub(super) Rotation);

impl Step for Rotate {
    type Output = Rotated;

    // The second statement only says why the first has changed nothing.
    const ACCESS: Access = Access::Write;

    async fn run(&self, connection: &mut Connection) -> Result<Rotated, Error> {
        const ROTATE: &str = "UPDATE auth_api_keys SET previous_digest = digest, \
            previous_replaced_at = $4, previous_valid_until = $5, digest = $3 \
            WHERE key_id = $1 AND digest = $2 AND revoked_at IS NULL";
        const REVOKED: &str = "SELECT revoked_at FROM auth_api_keys WHERE key_id = $1";

        let Self(id, rotation) = self;
        let parameters = [
            id.as_str().into(),
            rotation.replaces.as_bytes().into(),
            rotation.digest.as_bytes().into(),
            millis(rotation.replaced_at).into(),
            millis(rotation.previous_valid_until).into(),
        ];
        if connection.execute(ROTATE, &parameters).await? == 1 {
            return Ok(Rotated::Done);
        }
        let Some(row) = connection.optional(REVOKED, &[id.as_str().into()]).await? else {
            return Ok(Rotated::NotFound);
        };
        Ok(match row.optional_int(0)? {
            Some(_) => Rotated::Revoked,
            None => Rotated::Changed,
        })
    }
}

pub(super) struct Revoke(pub(super) KeyId, pub(super) i64);

impl Step for Revoke {
    type Output = bool;

    const ACCESS: Access = Access::Write;

    async fn run(&self, connection: &mut Connection) -> Result<bool, Error> {
        const REVOKE: &str =
            "UPDATE auth_api_keys SET revoked_at = COALESCE(revoked_at, $2) WHERE key_id = $1";

        let parameters = [self.0.as_str().into(), self.1.into()];
        Ok(connection.execute(REVOKE, &parameters).await? == 1)
    }
}

pub(super) struct RevokeOwned(pub(super) [u8; 32], pub(super) i64);

impl Step for RevokeOwned {
    type Output = u64;

    const ACCESS: Access = Access::Transaction;

    async fn run(&self, connection: &mut Connection) -> Result<u64, Error> {
        const REVOKE: &str = "UPDATE auth_api_keys SET revoked_at = $2 \
            WHERE owner_key = $1 AND revoked_at IS NULL";

        connection.lock(lock_of("key owner", &self.0)).await?;
        let parameters = [(&self.0).into(), self.1.into()];
        connection.execute(REVOKE, &parameters).await
    }
}

pub(super) struct SetDisabled {
    pub(super) id: KeyId,
    pub(super) by: DisabledBy,
    pub(super) disabled: bool,
}

impl Step for SetDisabled {
    type Output = bool;

    const ACCESS: Access = Access::Write;

    async fn run(&self, connection: &mut Connection) -> Result<bool, Error> {
        let sql = match self.by {
            DisabledBy::Operator => {
                "UPDATE auth_api_keys SET disabled_by_operator = $2 WHERE key_id = $1"
            }
            DisabledBy::Owner => {
                "UPDATE auth_api_keys SET disabled_by_owner = $2 WHERE key_id = $1"
            }
        };
        let parameters = [self.id.as_str().into(), self.disabled.into()];
        Ok(connection.execute(sql, &parameters).await? == 1)
    }
}

pub(super) struct Touch(pub(super) Vec<(KeyId, i64)>);

impl Step for Touch {
    type Output = ();

    const ACCESS: Access = Access::Transaction;

    async fn run(&self, connection: &mut Connection) -> Result<(), Error> {
        const TOUCH: &str = "UPDATE auth_api_keys SET last_used_at = $2 \
            WHERE key_id = $1 AND (last_used_at IS NULL OR last_used_at < $2)";

        for (id, at) in &self.0 {
            let parameters = [id.as_str().into(), (*at).into()];
            connection.execute(TOUCH, &parameters).await?;
        }
        Ok(())
    }
}
