//! The table of users: each with an argon2id hash for login and Basic, and HA1 records for Digest.

use std::sync::Arc;

use auth_layer::digest::{DigestRecord, MemoryDigestStore, SharedDigestStore};
use auth_layer::{AuthError, AuthErrorKind};
use login::password::{MemoryUserStore, PasswordHash, SharedUserStore, UserRecord, UserStore as _};
use sql_store::{InsertedUser, SqlDigestUsers, SqlStore, SqlUsers};

/// Where users are kept.
#[derive(Clone, Debug)]
pub(crate) enum UserTable {
    Memory {
        passwords: Arc<MemoryUserStore>,
        digests: MemoryDigestStore,
    },
    Sql {
        passwords: SqlUsers,
        digests: SqlDigestUsers,
    },
}

impl UserTable {
    pub(crate) fn in_memory(realm: &str) -> Self {
        Self::Memory {
            passwords: Arc::default(),
            digests: MemoryDigestStore::new(realm),
        }
    }

    pub(crate) fn in_database(store: &SqlStore, realm: &str) -> Self {
        Self::Sql {
            passwords: store.users(),
            digests: store.digest_users(realm),
        }
    }

    /// For login and Basic.
    pub(crate) fn passwords(&self) -> SharedUserStore {
        match self {
            Self::Memory { passwords, .. } => SharedUserStore::new(Arc::clone(passwords)),
            Self::Sql { passwords, .. } => SharedUserStore::new(passwords.clone()),
        }
    }

    /// For Digest.
    pub(crate) fn digests(&self) -> SharedDigestStore {
        match self {
            Self::Memory { digests, .. } => SharedDigestStore::new(digests.clone()),
            Self::Sql { digests, .. } => SharedDigestStore::new(digests.clone()),
        }
    }

    /// Adds a user; false, and nothing changed, if there is one of this name.
    pub(crate) async fn add(
        &self,
        name: &str,
        user: UserRecord,
        digest: DigestRecord,
    ) -> Result<bool, AuthError> {
        match self {
            Self::Memory { passwords, digests } => {
                if passwords.find(name).await?.is_some() {
                    return Ok(false);
                }
                passwords.insert(name, user);
                digests.set(name, digest);
                Ok(true)
            }
            // Another process may be adding the same: one of them does it.
            Self::Sql { passwords, digests } => match passwords.insert(name, user).await? {
                InsertedUser::Done => {
                    digests.set(name, digest).await?;
                    Ok(true)
                }
                _ => Ok(false),
            },
        }
    }

    /// Gives a user another password.
    pub(crate) async fn set_password(
        &self,
        name: &str,
        subject: &str,
        hash: PasswordHash,
        digest: DigestRecord,
    ) -> Result<(), AuthError> {
        match self {
            Self::Memory { passwords, digests } => {
                passwords.update(name, |user| user.password_hash = Some(hash));
                digests.set(name, digest);
                Ok(())
            }
            Self::Sql { passwords, digests } => {
                let epoch = passwords
                    .set_password_and_digest(subject, hash, digests, name, digest)
                    .await?;
                let gone = || AuthError::new(AuthErrorKind::Internal, "no_such_user");
                epoch.map(drop).ok_or_else(gone)
            }
        }
    }
}
