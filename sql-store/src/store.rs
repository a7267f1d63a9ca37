//! Access to the tables.

use std::fmt;
use std::time::{Duration, SystemTime};

use auth_layer::{AuthError, ConfigError, check_duration};

use crate::database::Pools;
use crate::expiry::DeleteExpired;

/// For how long API keys that have ended are kept, unless it is said.
const KEEP_ENDED: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// A database with all its tables, from which the stores are had. Cheap to clone.
///
/// See [`SqlDatabase::store`](crate::SqlDatabase::store).
#[derive(Clone)]
pub struct SqlStore {
    pools: Pools,
    keep_ended_keys: Duration,
}

impl SqlStore {
    pub(crate) const fn new(pools: Pools) -> Self {
        Self {
            pools,
            keep_ended_keys: KEEP_ENDED,
        }
    }

    /// Where API keys are kept.
    #[cfg(feature = "apikey")]
    #[must_use]
    pub fn api_keys(&self) -> crate::SqlApiKeys {
        crate::SqlApiKeys::new(self.pools.clone())
    }

    /// Where the Digest users of `realm` are kept.
    #[cfg(feature = "digest")]
    #[must_use]
    pub fn digest_users(&self, realm: &str) -> crate::SqlDigestUsers {
        crate::SqlDigestUsers::new(self.pools.clone(), realm)
    }

    /// Where families of refresh tokens are kept.
    #[cfg(feature = "jwt")]
    #[must_use]
    pub fn refresh_families(&self) -> crate::SqlRefreshStore {
        crate::SqlRefreshStore::new(self.pools.clone())
    }

    /// Where remembered logins are kept.
    #[cfg(feature = "session")]
    #[must_use]
    pub fn remembered_logins(&self) -> crate::SqlRememberStore {
        crate::SqlRememberStore::new(self.pools.clone())
    }

    /// Where it is kept which tokens were taken back.
    #[must_use]
    pub fn revocations(&self) -> crate::SqlRevocations {
        crate::SqlRevocations::new(self.pools.clone())
    }

    /// Where it is kept what was used and may not be used again.
    #[must_use]
    pub fn single_use(&self) -> crate::SqlSingleUse {
        crate::SqlSingleUse::new(self.pools.clone())
    }

    /// Where rings of signing keys are kept.
    #[cfg(feature = "jwt")]
    #[must_use]
    pub fn signing_keys(&self) -> crate::SqlSigningKeys {
        crate::SqlSigningKeys::new(self.pools.clone())
    }

    /// Where users with passwords are kept.
    #[cfg(feature = "login")]
    #[must_use]
    pub fn users(&self) -> crate::SqlUsers {
        crate::SqlUsers::new(self.pools.clone())
    }

    /// Where sessions are kept.
    #[cfg(feature = "session")]
    #[must_use]
    pub fn sessions(&self) -> crate::SqlSessions {
        crate::SqlSessions::new(self.pools.clone())
    }

    /// For how long [`delete_expired`](Self::delete_expired) keeps API keys that have expired or were
    /// revoked, so that owners see what became of them; 30 days by default. After that they are as keys
    /// that never were, and refused as those.
    ///
    /// # Errors
    ///
    /// Fails, naming the option, if it is zero or too long to be meant.
    pub fn keep_ended_keys(mut self, keep: Duration) -> Result<Self, ConfigError> {
        self.keep_ended_keys = check_duration("keep_ended_keys", keep)?;
        Ok(self)
    }

    /// Removes rows of sessions, remembered logins, refresh families, revocations and used keys that are
    /// over at `now`, and of API keys that have been for
    /// [a while](Self::keep_ended_keys); at most `limit` of each kind, and says how many. What is over
    /// counts for nothing anyway; this gives its room back.
    ///
    /// Call it from time to time, again at once if it returns `limit` or more.
    ///
    /// # Errors
    ///
    /// Fails if the database cannot be asked. Some rows may be removed then.
    pub async fn delete_expired(&self, now: SystemTime, limit: u32) -> Result<u64, AuthError> {
        let mut deleted = 0;
        for table in &DeleteExpired::TABLES {
            let step = DeleteExpired::new(table, now, self.keep_ended_keys, limit);
            deleted += self.pools.run(step, "sql_expiry").await?;
        }
        Ok(deleted)
    }
}

impl fmt::Debug for SqlStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SqlStore").field(&self.pools).finish()
    }
}
