//! What was used: [`SqlSingleUse`].

use std::fmt;
use std::time::SystemTime;

use auth_layer::{AuthError, SingleUse, SingleUseKey};
use sqlx::Error;

use crate::connection::Connection;
use crate::database::Pools;
use crate::step::{Access, Step};
use crate::time::millis_up;

/// What was used, in the table `auth_used_once`: [`SingleUse`].
///
/// The table holds digests. Rows stay until
/// [`SqlStore::delete_expired`](crate::SqlStore::delete_expired) removes them, which keeps to the
/// leeway of nodes whose clocks differ. Each claim is a write: for what is used at every request, a
/// store in Redis is the better one.
#[derive(Clone)]
pub struct SqlSingleUse {
    pools: Pools,
}

impl SqlSingleUse {
    pub(crate) const fn new(pools: Pools) -> Self {
        Self { pools }
    }
}

impl SingleUse for SqlSingleUse {
    async fn claim(
        &self,
        key: &SingleUseKey,
        until: SystemTime,
        now: SystemTime,
    ) -> Result<bool, AuthError> {
        if until <= now {
            return Ok(false);
        }
        let step = Claim {
            key: *key.as_bytes(),
            until: millis_up(until),
        };
        self.pools.run(step, "sql_single_use").await
    }
}

struct Claim {
    key: [u8; 32],
    until: i64,
}

impl Step for Claim {
    type Output = bool;

    const ACCESS: Access = Access::Write;

    async fn run(&self, connection: &mut Connection) -> Result<bool, Error> {
        const CLAIM: &str = "INSERT INTO auth_used_once (use_key, kept_until) VALUES ($1, $2) \
            ON CONFLICT (use_key) DO NOTHING";

        let parameters = [(&self.key).into(), self.until.into()];
        Ok(connection.execute(CLAIM, &parameters).await? == 1)
    }
}

impl fmt::Debug for SqlSingleUse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SqlSingleUse").field(&self.pools).finish()
    }
}
