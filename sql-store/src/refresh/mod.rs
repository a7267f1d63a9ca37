//! Families of refresh tokens: [`SqlRefreshStore`].

mod rotate;
mod row;

use std::fmt;

use auth_layer::{AuthError, UserKey};
use jwt_layer::refresh::{FamilyId, FamilyState, RefreshStore, RotateOutcome, Rotation};

use self::rotate::Rotate;
use self::row::{End, Find, Insert, List};
use crate::database::Pools;

const REASON: &str = "sql_refresh_families";

/// Families of refresh tokens in the table `auth_refresh_families`: a [`RefreshStore`]. It holds digests
/// of tokens; whose they are is readable for whoever reads the table.
///
/// Families that are over stay until
/// [`SqlStore::delete_expired`](crate::SqlStore::delete_expired).
#[derive(Clone)]
pub struct SqlRefreshStore {
    pools: Pools,
}

impl SqlRefreshStore {
    pub(crate) const fn new(pools: Pools) -> Self {
        Self { pools }
    }
}

impl RefreshStore for SqlRefreshStore {
    async fn insert(&self, family: FamilyState) -> Result<bool, AuthError> {
        self.pools.run(Insert(family), REASON).await
    }

    async fn find(&self, id: &FamilyId) -> Result<Option<FamilyState>, AuthError> {
        self.pools.run(Find(*id), REASON).await
    }

    async fn rotate(&self, id: &FamilyId, rotation: Rotation) -> Result<RotateOutcome, AuthError> {
        self.pools.run(Rotate(*id, rotation), REASON).await
    }

    async fn end(&self, id: &FamilyId) -> Result<bool, AuthError> {
        self.pools.run(End(*id), REASON).await
    }

    async fn list(&self, user: &UserKey) -> Result<Vec<FamilyState>, AuthError> {
        self.pools.run(List(*user), REASON).await
    }
}

impl fmt::Debug for SqlRefreshStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SqlRefreshStore").field(&self.pools).finish()
    }
}
