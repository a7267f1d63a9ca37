//! A new key.

use apikey_layer::{DisabledBy, Inserted, KeyRecord};
use sqlx::Error;

use super::row::{attributes, owner_key};
use crate::connection::Connection;
use crate::key::lock_of;
use crate::step::{Access, Step};
use crate::time::millis;

pub(super) struct Insert {
    pub(super) record: KeyRecord,
    pub(super) limit: usize,
}

impl Step for Insert {
    type Output = Inserted;

    const ACCESS: Access = Access::Transaction;

    async fn run(&self, connection: &mut Connection) -> Result<Inserted, Error> {
        const INSERT: &str = "INSERT INTO auth_api_keys (key_id, digest, previous_digest, \
            previous_replaced_at, previous_valid_until, owner_key, created_at, expires_at, \
            revoked_at, last_used_at, disabled_by_owner, disabled_by_operator, attributes) \
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) ON CONFLICT DO NOTHING";
        const LIVE: &str = "SELECT COUNT(*) FROM auth_api_keys WHERE owner_key = $1 \
            AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > $2) AND key_id <> $3";

        let record = &self.record;
        let owner = owner_key(record.owner());
        let (digest, previous) = (record.digest(), record.previous());
        let previous = previous.as_ref();
        let created_at = millis(record.created_at());
        let attributes = attributes(record)?;
        // So that two inserts cannot share the last room, and `revoke_owned_by` misses none.
        connection.lock(lock_of("key owner", &owner)).await?;
        let parameters = [
            record.id().as_str().into(),
            digest.as_bytes().into(),
            previous.map(|previous| previous.digest.as_bytes()).into(),
            previous.map(|previous| millis(previous.replaced_at)).into(),
            previous.map(|previous| millis(previous.valid_until)).into(),
            (&owner).into(),
            created_at.into(),
            record.expires_at().map(millis).into(),
            record.revoked_at().map(millis).into(),
            record.last_used_at().map(millis).into(),
            record.is_disabled_by(DisabledBy::Owner).into(),
            record.is_disabled_by(DisabledBy::Operator).into(),
            attributes.as_str().into(),
        ];
        if connection.execute(INSERT, &parameters).await? == 0 {
            return Ok(Inserted::Taken);
        }
        let parameters = [
            (&owner).into(),
            created_at.into(),
            record.id().as_str().into(),
        ];
        let live = connection.one(LIVE, &parameters).await?.int(0)?;
        let is_full = usize::try_from(live).unwrap_or(usize::MAX) >= self.limit;
        Ok(if is_full {
            Inserted::Full
        } else {
            Inserted::Done
        })
    }

    fn is_kept(outcome: &Inserted) -> bool {
        *outcome == Inserted::Done
    }
}
