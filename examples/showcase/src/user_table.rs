//! The table of users: each with an argon2id hash for login and Basic, and HA1 records for Digest.

use std::sync::Arc;

use auth_layer::digest::{DigestRecord, MemoryDigestStore, SharedDigestStore};
use auth_layer::{AuthError, CredentialEpoch, Identity};
use login::password::{MemoryUserStore, PasswordHash, SharedUserStore, UserRecord, UserStore as _};
use session_layer::{CredentialEpochs as _, EpochLookup};
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

    /// Gives a user another password, and with it the next epoch, which is returned. `None`, and
    /// nothing changed, if the epoch is not `proved` any more: somebody else was faster.
    pub(crate) async fn replace_password(
        &self,
        name: &str,
        subject: &str,
        proved: CredentialEpoch,
        hash: PasswordHash,
        digest: DigestRecord,
    ) -> Result<Option<CredentialEpoch>, AuthError> {
        match self {
            Self::Memory { passwords, digests } => {
                let mut changed = None;
                passwords.update(name, |user| {
                    if user.credential_epoch == Some(proved) {
                        let next = CredentialEpoch::new(proved.as_u64() + 1);
                        user.credential_epoch = Some(next);
                        user.password_hash = Some(hash);
                        digests.set(name, digest);
                        changed = Some(next);
                    }
                });
                Ok(changed)
            }
            Self::Sql { passwords, digests } => {
                passwords
                    .replace_password_and_digest(subject, proved, hash, digests, name, digest)
                    .await
            }
        }
    }

    /// The current epoch of the user `name`, if that can be told without waiting.
    pub(crate) fn epoch_now(&self, name: &str) -> EpochLookup {
        match self {
            Self::Memory { passwords, .. } => passwords
                .get(name)
                .and_then(|user| user.credential_epoch)
                .map_or(EpochLookup::Gone, EpochLookup::Found),
            Self::Sql { .. } => EpochLookup::Wait,
        }
    }

    /// The current epoch of `user`, whose name is `name`; `None` if there is no such user any more.
    pub(crate) async fn epoch(
        &self,
        name: &str,
        user: &Identity,
    ) -> Result<Option<CredentialEpoch>, AuthError> {
        match (self.epoch_now(name), self) {
            (EpochLookup::Found(epoch), _) => Ok(Some(epoch)),
            (EpochLookup::Wait, Self::Sql { passwords, .. }) => passwords.epoch(user).await,
            _ => Ok(None),
        }
    }
}
