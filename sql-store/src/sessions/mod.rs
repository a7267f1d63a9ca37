//! Sessions: [`SqlSessions`].

mod cap;
mod create;
mod end;
mod rotate;
mod row;
mod write;

use std::fmt;

use auth_layer::{AuthError, SecretDigest};
use session_layer::{
    CreateOutcome, NewSession, RotateOutcome, SessionBackend, SessionData, SessionId,
    SessionRecord, Touch, UpdateOutcome, UserKey,
};

use self::create::Create;
use self::end::{Delete, DeleteAll, DeleteById};
use self::rotate::Rotate;
use self::row::{Find, List};
use self::write::{Touched, Update};
use crate::database::Pools;

const REASON: &str = "sql_sessions";

/// Sessions in the table `auth_sessions`: a [`SessionBackend`].
///
/// Of the secret in the cookie the table holds the SHA-256, and of the user a digest too; but what is
/// in the session (subject, roles, device, the handlers' data) is readable for whoever reads the table.
///
/// Expired sessions stay until [`SqlStore::delete_expired`](crate::SqlStore::delete_expired).
///
/// ```
/// use session_layer::SessionLayer;
/// use sql_store::SqlDatabase;
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), sql_store::SqlError> {
/// let database = SqlDatabase::connect("sqlite::memory:").await?;
/// database.migrate().await?;
/// let layer = SessionLayer::new(database.store().await?.sessions());
/// # let _ = layer;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct SqlSessions {
    pools: Pools,
}

impl SqlSessions {
    pub(crate) const fn new(pools: Pools) -> Self {
        Self { pools }
    }
}

impl SessionBackend for SqlSessions {
    async fn create(&self, session: NewSession) -> Result<CreateOutcome, AuthError> {
        self.pools.run(Create(session), REASON).await
    }

    async fn find(&self, secret: &SecretDigest) -> Result<Option<SessionRecord>, AuthError> {
        self.pools.run(Find(*secret), REASON).await
    }

    async fn touch(&self, secret: &SecretDigest, touch: Touch) -> Result<bool, AuthError> {
        self.pools.run(Touched(*secret, touch), REASON).await
    }

    async fn update(
        &self,
        secret: &SecretDigest,
        version: u64,
        data: SessionData,
    ) -> Result<UpdateOutcome, AuthError> {
        let update = Update {
            secret: *secret,
            version,
            data,
        };
        self.pools.run(update, REASON).await
    }

    async fn rotate(
        &self,
        old: &SecretDigest,
        version: Option<u64>,
        new: NewSession,
    ) -> Result<RotateOutcome, AuthError> {
        let rotate = Rotate {
            old: *old,
            version,
            new,
        };
        self.pools.run(rotate, REASON).await
    }

    async fn delete(&self, secret: &SecretDigest) -> Result<bool, AuthError> {
        self.pools.run(Delete(*secret), REASON).await
    }

    async fn list(&self, user: &UserKey) -> Result<Vec<SessionRecord>, AuthError> {
        self.pools.run(List(*user), REASON).await
    }

    async fn delete_by_id(&self, user: &UserKey, id: &SessionId) -> Result<bool, AuthError> {
        self.pools.run(DeleteById(*user, *id), REASON).await
    }

    async fn delete_all(
        &self,
        user: &UserKey,
        except: Option<&SessionId>,
    ) -> Result<Vec<SessionId>, AuthError> {
        let all = DeleteAll {
            user: *user,
            except: except.copied(),
        };
        self.pools.run(all, REASON).await
    }
}

impl fmt::Debug for SqlSessions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SqlSessions").field(&self.pools).finish()
    }
}
