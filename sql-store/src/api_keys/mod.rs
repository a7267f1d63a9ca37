//! API keys: [`SqlApiKeys`].

mod change;
mod insert;
mod row;

use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use apikey_layer::{ApiKeyStore, DisabledBy, Inserted, KeyId, KeyRecord, Owner, Rotated, Rotation};
use auth_layer::AuthError;

use self::change::{Revoke, RevokeOwned, Rotate, SetDisabled, Touch};
use self::insert::Insert;
use self::row::{Find, List, ListAll, owner_key};
use crate::database::Pools;
use crate::time::millis;

const REASON: &str = "sql_api_keys";

/// How many uses are written in one transaction: others who write wait for it.
const TOUCHED_AT_ONCE: usize = 500;

/// API keys in the table `auth_api_keys`: an [`ApiKeyStore`]. Of the keys it holds the SHA-256. Times are
/// kept to the millisecond.
///
/// Each lookup is a query, so that a revocation takes effect at once everywhere. Keys that have expired
/// or were revoked stay until [`SqlStore::delete_expired`](crate::SqlStore::delete_expired). A row that
/// is not understood, such as one with a limit that a newer version has set, is an error.
#[derive(Clone)]
pub struct SqlApiKeys {
    pools: Pools,
}

impl SqlApiKeys {
    pub(crate) const fn new(pools: Pools) -> Self {
        Self { pools }
    }

    /// At most `limit` keys of all owners, in the order of their ids, those after `after`: for operators.
    /// What an owner is shown comes from [`list`](ApiKeyStore::list).
    ///
    /// # Errors
    ///
    /// Fails if the database cannot be asked.
    pub async fn list_all(
        &self,
        after: Option<&KeyId>,
        limit: usize,
    ) -> Result<Vec<Arc<KeyRecord>>, AuthError> {
        let step = ListAll {
            after: after.copied(),
            limit: i64::try_from(limit).unwrap_or(i64::MAX),
        };
        self.pools.run(step, REASON).await
    }
}

impl ApiKeyStore for SqlApiKeys {
    async fn find(&self, id: &KeyId) -> Result<Option<Arc<KeyRecord>>, AuthError> {
        self.pools.run(Find(*id), REASON).await
    }

    async fn insert(&self, record: KeyRecord, limit: usize) -> Result<Inserted, AuthError> {
        self.pools.run(Insert { record, limit }, REASON).await
    }

    async fn rotate(&self, id: &KeyId, rotation: &Rotation) -> Result<Rotated, AuthError> {
        self.pools.run(Rotate(*id, *rotation), REASON).await
    }

    async fn revoke(&self, id: &KeyId, at: SystemTime) -> Result<bool, AuthError> {
        self.pools.run(Revoke(*id, millis(at)), REASON).await
    }

    async fn revoke_owned_by(&self, owner: &Owner, at: SystemTime) -> Result<usize, AuthError> {
        let step = RevokeOwned(owner_key(owner), millis(at));
        let revoked = self.pools.run(step, REASON).await?;
        Ok(usize::try_from(revoked).unwrap_or(usize::MAX))
    }

    async fn set_disabled(
        &self,
        id: &KeyId,
        by: DisabledBy,
        disabled: bool,
    ) -> Result<bool, AuthError> {
        let step = SetDisabled {
            id: *id,
            by,
            disabled,
        };
        self.pools.run(step, REASON).await
    }

    async fn touch(&self, uses: &[(KeyId, SystemTime)]) -> Result<(), AuthError> {
        let mut uses: Vec<_> = uses.iter().map(|(id, at)| (*id, millis(*at))).collect();
        // All in one order, so that two nodes do not wait for each other.
        uses.sort_unstable();
        for uses in uses.chunks(TOUCHED_AT_ONCE) {
            self.pools.run(Touch(uses.to_vec()), REASON).await?;
        }
        Ok(())
    }

    async fn list(
        &self,
        owner: &Owner,
        after: Option<&KeyId>,
        limit: usize,
    ) -> Result<Vec<Arc<KeyRecord>>, AuthError> {
        let step = List {
            owner: owner_key(owner),
            after: after.copied(),
            limit: i64::try_from(limit).unwrap_or(i64::MAX),
        };
        self.pools.run(step, REASON).await
    }
}

impl fmt::Debug for SqlApiKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SqlApiKeys").field(&self.pools).finish()
    }
}
