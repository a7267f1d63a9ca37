//! A handful of users in this process.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use super::{DigestRecord, DigestStore, UserHash};
use crate::AuthError;

/// A [`DigestStore`] in the memory of this process, for a handful of users and for tests.
///
/// Clones share their users: keep one to follow password changes with. The next request sees them.
///
/// ```
/// use auth_layer::digest::{Algorithm, DigestRecord, MemoryDigestStore};
///
/// let users = MemoryDigestStore::new("printers");
/// let record = |password| {
///     DigestRecord::from_password("alice", "printers", password, [Algorithm::Sha256])
/// };
/// users.set("alice", record("first password"));
/// // ... her password is changed:
/// assert!(users.replace("alice", record("second password")));
/// // ... she leaves:
/// assert!(users.remove("alice"));
/// assert!(!users.replace("alice", record("third password"))); // and does not come back so
/// ```
#[derive(Clone)]
pub struct MemoryDigestStore {
    realm: Arc<str>,
    users: Arc<RwLock<Users>>,
}

#[derive(Default)]
struct Users {
    by_name: HashMap<String, DigestRecord>,
    by_hash: HashMap<UserHash, String>,
}

impl MemoryDigestStore {
    /// No users yet, for `realm`.
    #[must_use]
    pub fn new(realm: &str) -> Self {
        Self {
            realm: Arc::from(realm),
            users: Arc::default(),
        }
    }

    /// Adds a user, or replaces the record of one.
    pub fn set(&self, username: &str, record: DigestRecord) {
        self.write().set(&self.realm, username, record);
    }

    /// Replaces the record of a user who is there, and says whether that was so.
    pub fn replace(&self, username: &str, record: DigestRecord) -> bool {
        let mut users = self.write();
        let known = users.by_name.contains_key(username);
        if known {
            users.set(&self.realm, username, record);
        }
        known
    }

    /// Removes a user, and says whether there was one.
    pub fn remove(&self, username: &str) -> bool {
        self.write().remove(&self.realm, username)
    }

    // Between lock and unlock only memory can fail, and that ends the process: a poisoned lock
    // guards whole users.
    fn read(&self) -> RwLockReadGuard<'_, Users> {
        self.users.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Users> {
        self.users.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Users {
    fn set(&mut self, realm: &str, username: &str, record: DigestRecord) {
        self.remove(realm, username);
        for algorithm in record.algorithms() {
            let hash = UserHash::of(algorithm, username, realm);
            self.by_hash.insert(hash, username.to_owned());
        }
        self.by_name.insert(username.to_owned(), record);
    }

    fn remove(&mut self, realm: &str, username: &str) -> bool {
        let Some(record) = self.by_name.remove(username) else {
            return false;
        };
        for algorithm in record.algorithms() {
            self.by_hash
                .remove(&UserHash::of(algorithm, username, realm));
        }
        true
    }
}

impl DigestStore for MemoryDigestStore {
    async fn find(&self, username: &str) -> Result<Option<DigestRecord>, AuthError> {
        Ok(self.read().by_name.get(username).cloned())
    }

    async fn find_by_userhash(
        &self,
        userhash: &UserHash,
    ) -> Result<Option<DigestRecord>, AuthError> {
        let users = self.read();
        let name = users.by_hash.get(userhash);
        Ok(name.and_then(|name| users.by_name.get(name)).cloned())
    }
}

/// Names no users.
impl fmt::Debug for MemoryDigestStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryDigestStore")
            .field("realm", &self.realm)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::Algorithm;

    #[tokio::test]
    async fn names_and_hashes_find_the_same_users() {
        let users = MemoryDigestStore::new("realm");
        let record = |algorithms: &[Algorithm]| {
            DigestRecord::from_password("alice", "realm", "pw", algorithms.iter().copied())
        };
        let hash = |algorithm| UserHash::of(algorithm, "alice", "realm");

        for (algorithms, sha256, sha512) in [
            (&[Algorithm::Sha256, Algorithm::Sha512_256][..], true, true),
            (&[Algorithm::Sha512_256], false, true),
            (&[Algorithm::Sha256], true, false),
        ] {
            users.set("alice", record(algorithms));
            assert!(users.find("alice").await.unwrap().is_some());
            assert!(users.find("Alice").await.unwrap().is_none());
            for (algorithm, found) in [
                (Algorithm::Sha256, sha256),
                (Algorithm::Sha512_256, sha512),
                (Algorithm::Md5, false),
            ] {
                let record = users.find_by_userhash(&hash(algorithm)).await.unwrap();
                assert_eq!(record.is_some(), found, "{algorithms:?} {algorithm}");
            }
        }

        assert!(users.remove("alice"));
        assert!(!users.remove("alice"));
        let gone = users.find_by_userhash(&hash(Algorithm::Sha256)).await;
        assert!(gone.unwrap().is_none());
    }
}
