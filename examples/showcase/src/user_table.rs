//! The table of users: each with an argon2id hash for login and Basic, and HA1 records for Digest.

use auth_layer::AuthError;
use auth_layer::digest::{DigestRecord, MemoryDigestStore, SharedDigestStore};
use login::password::{MemoryUserStore, PasswordHash, SharedUserStore, UserRecord, UserStore as _};
use std::sync::Arc;

/// Where users are kept.
#[derive(Clone, Debug)]
pub(crate) enum UserTable {
    Memory {
        passwords: Arc<MemoryUserStore>,
        digests: MemoryDigestStore,
    },
}

impl UserTable {
    pub(crate) fn in_memory(realm: &str) -> Self {
        Self::Memory {
            passwords: Arc::default(),
            digests: MemoryDigestStore::new(realm),
        }
    }

    /// For login and Basic.
    pub(crate) fn passwords(&self) -> SharedUserStore {
        match self {
            Self::Memory { passwords, .. } => SharedUserStore::new(Arc::clone(passwords)),
        }
    }

    /// For Digest.
    pub(crate) fn digests(&self) -> SharedDigestStore {
        match self {
            Self::Memory { digests, .. } => SharedDigestStore::new(digests.clone()),
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
        }
    }

    /// Gives a user another password.
    pub(crate) async fn set_password(
        &self,
        name: &str,
        hash: PasswordHash,
        digest: DigestRecord,
    ) -> Result<(), AuthError> {
        match self {
            Self::Memory { passwords, digests } => {
                passwords.update(name, |user| user.password_hash = Some(hash));
                digests.set(name, digest);
                Ok(())
            }
        }
    }
}
