//! Remembered logins: [`SqlRememberStore`].

mod redeem;
mod series;

use std::fmt;

use auth_layer::{AuthError, SecretDigest};
use session_layer::{
    NewSeries, RedeemOutcome, Redemption, RememberStore, RememberedLogin, UserKey,
};

use self::redeem::Redeem;
use self::series::{Delete, DeleteAll, Find, Insert};
use crate::database::Pools;

const REASON: &str = "sql_remembered_logins";

/// Remembered logins in the table `auth_remembered_logins`: a [`RememberStore`]. It holds digests of
/// selectors and secrets; who is remembered is readable for whoever reads the table.
///
/// Series that are over stay until
/// [`SqlStore::delete_expired`](crate::SqlStore::delete_expired).
#[derive(Clone)]
pub struct SqlRememberStore {
    pools: Pools,
}

impl SqlRememberStore {
    pub(crate) const fn new(pools: Pools) -> Self {
        Self { pools }
    }
}

impl RememberStore for SqlRememberStore {
    async fn insert(&self, series: NewSeries) -> Result<bool, AuthError> {
        self.pools.run(Insert(series), REASON).await
    }

    async fn find(&self, series: &SecretDigest) -> Result<Option<RememberedLogin>, AuthError> {
        self.pools.run(Find(*series), REASON).await
    }

    async fn redeem(
        &self,
        series: &SecretDigest,
        redemption: Redemption,
    ) -> Result<RedeemOutcome, AuthError> {
        self.pools.run(Redeem(*series, redemption), REASON).await
    }

    async fn delete(&self, series: &SecretDigest) -> Result<bool, AuthError> {
        self.pools.run(Delete(*series), REASON).await
    }

    async fn delete_all(
        &self,
        user: &UserKey,
        except: Option<&SecretDigest>,
    ) -> Result<usize, AuthError> {
        let step = DeleteAll {
            user: *user,
            except: except.copied(),
        };
        let deleted = self.pools.run(step, REASON).await?;
        Ok(usize::try_from(deleted).unwrap_or(usize::MAX))
    }
}

impl fmt::Debug for SqlRememberStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SqlRememberStore")
            .field(&self.pools)
            .finish()
    }
}
