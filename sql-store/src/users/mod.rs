//! Users with passwords: [`SqlUsers`].

mod change;
#[cfg(feature = "session")]
mod epoch;
mod row;

use std::fmt;

use auth_layer::{AuthError, CredentialEpoch};
use login::password::{PasswordHash, UserRecord, UserStore};

use self::change::{Insert, RaiseEpoch, Remove, Replace, ReplaceHash, SetDisabled, SetPassword};
use self::row::{Find, FindBySubject};
use crate::database::Pools;

const REASON: &str = "sql_users";

/// Users in the table `auth_users`: a [`UserStore`], and what an application needs to administer them.
///
/// A user whose epoch was never set is found with epoch 0, so that a login which began before the
/// first change ends with it.
///
/// Names are compared byte for byte, so bring them into one form before they come here, at
/// registration and at login. A name or subject with the character 0 in it is nobody's.
///
/// Each method is one atomic step. Sessions and tokens are not ended by a change here; that is for
/// [`Revocations`](auth_layer::Revocations) and the sessions' `delete_all`.
///
/// ```
/// use login::password::{PasswordHash, UserRecord};
/// use sql_store::{InsertedUser, SqlDatabase};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let database = SqlDatabase::connect("sqlite::memory:").await?;
/// # database.migrate().await?;
/// let users = database.store().await?.users();
/// let alice = UserRecord::new("user-17").with_role("editor");
/// assert_eq!(users.insert("alice", alice).await?, InsertedUser::Done);
/// let hash = PasswordHash::new("$argon2id$..."); // of `PasswordLogin::hash_new`
/// let epoch = users.set_password("user-17", hash).await?;
/// assert_eq!(epoch.map(|epoch| epoch.as_u64()), Some(1));
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct SqlUsers {
    pools: Pools,
}

/// What became of a new user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
#[must_use]
pub enum InsertedUser {
    /// It is kept.
    Done,
    /// Somebody else has the name or the subject, or one of them cannot be kept because it has the
    /// character 0 in it; nothing is changed.
    Taken,
}

impl SqlUsers {
    pub(crate) const fn new(pools: Pools) -> Self {
        Self { pools }
    }

    /// Keeps a new user, unless the name or the subject is taken.
    ///
    /// # Errors
    ///
    /// Fails if the database cannot be asked.
    pub async fn insert(
        &self,
        username: &str,
        user: UserRecord,
    ) -> Result<InsertedUser, AuthError> {
        let step = Insert {
            username: username.to_owned(),
            user,
        };
        self.pools.run(step, REASON).await
    }

    /// Replaces all that is kept of a user, but not the name; false if there is none of that name.
    ///
    /// # Errors
    ///
    /// Fails if the database cannot be asked, or if somebody else has the subject.
    pub async fn replace(&self, username: &str, user: UserRecord) -> Result<bool, AuthError> {
        let step = Replace {
            username: username.to_owned(),
            user,
        };
        self.pools.run(step, REASON).await
    }

    /// Removes a user; false if there is none of that name.
    ///
    /// # Errors
    ///
    /// Fails if the database cannot be asked.
    pub async fn remove(&self, username: &str) -> Result<bool, AuthError> {
        self.pools.run(Remove(username.to_owned()), REASON).await
    }

    /// The name and the record of the user with this subject.
    ///
    /// # Errors
    ///
    /// Fails if the database cannot be asked, or holds a record that it cannot decode.
    pub async fn find_by_subject(
        &self,
        subject: &str,
    ) -> Result<Option<(String, UserRecord)>, AuthError> {
        let step = FindBySubject(subject.to_owned());
        self.pools.run(step, REASON).await
    }

    /// Gives a user another password: sets the hash and raises the credential epoch, which is
    /// returned; `None` if there is no such user.
    ///
    /// # Errors
    ///
    /// Fails if the database cannot be asked; then nothing is changed.
    pub async fn set_password(
        &self,
        subject: &str,
        hash: PasswordHash,
    ) -> Result<Option<CredentialEpoch>, AuthError> {
        let step = SetPassword {
            subject: subject.to_owned(),
            hash,
            expected: None,
            #[cfg(feature = "digest")]
            digest: None,
        };
        self.pools.run(step, REASON).await
    }

    /// As [`set_password`](Self::set_password), and sets what Digest needs of the same password, both
    /// or neither. `username` is the name that the record was made with.
    ///
    /// # Errors
    ///
    /// Fails if the database cannot be asked; then nothing is changed.
    #[cfg(feature = "digest")]
    pub async fn set_password_and_digest(
        &self,
        subject: &str,
        hash: PasswordHash,
        digest_users: &crate::SqlDigestUsers,
        username: &str,
        record: auth_layer::digest::DigestRecord,
    ) -> Result<Option<CredentialEpoch>, AuthError> {
        let step = SetPassword {
            subject: subject.to_owned(),
            hash,
            expected: None,
            digest: Some(digest_users.put_of(username, record)),
        };
        self.pools.run(step, REASON).await
    }

    /// As [`set_password`](Self::set_password), if the credential epoch is still `expected`; `None`,
    /// and nothing is changed, if it is not, or if there is no such user.
    ///
    /// For users who change their own password: `expected` is the epoch of the identity that the
    /// current password has proved. Of two changes that began with one password, one is made.
    ///
    /// # Errors
    ///
    /// Fails if the database cannot be asked; then nothing is changed.
    pub async fn replace_password(
        &self,
        subject: &str,
        expected: CredentialEpoch,
        hash: PasswordHash,
    ) -> Result<Option<CredentialEpoch>, AuthError> {
        let step = SetPassword {
            subject: subject.to_owned(),
            hash,
            expected: Some(expected),
            #[cfg(feature = "digest")]
            digest: None,
        };
        self.pools.run(step, REASON).await
    }

    /// As [`replace_password`](Self::replace_password), and sets what Digest needs of the same
    /// password, both or neither. `username` is the name that the record was made with.
    ///
    /// # Errors
    ///
    /// Fails if the database cannot be asked; then nothing is changed.
    #[cfg(feature = "digest")]
    pub async fn replace_password_and_digest(
        &self,
        subject: &str,
        expected: CredentialEpoch,
        hash: PasswordHash,
        digest_users: &crate::SqlDigestUsers,
        username: &str,
        record: auth_layer::digest::DigestRecord,
    ) -> Result<Option<CredentialEpoch>, AuthError> {
        let step = SetPassword {
            subject: subject.to_owned(),
            hash,
            expected: Some(expected),
            digest: Some(digest_users.put_of(username, record)),
        };
        self.pools.run(step, REASON).await
    }

    /// Raises the credential epoch, as a removed factor or "log out everywhere" does, and returns it;
    /// `None` if there is no such user.
    ///
    /// # Errors
    ///
    /// Fails if the database cannot be asked.
    pub async fn raise_credential_epoch(
        &self,
        subject: &str,
    ) -> Result<Option<CredentialEpoch>, AuthError> {
        let step = RaiseEpoch(subject.to_owned());
        self.pools.run(step, REASON).await
    }

    /// Says whether a user may not log in; false if there is no such user. Digest users with the same
    /// subject are not found while it is so.
    ///
    /// # Errors
    ///
    /// Fails if the database cannot be asked.
    pub async fn set_disabled(&self, subject: &str, is_disabled: bool) -> Result<bool, AuthError> {
        let step = SetDisabled {
            subject: subject.to_owned(),
            is_disabled,
        };
        self.pools.run(step, REASON).await
    }
}

impl UserStore for SqlUsers {
    async fn find(&self, username: &str) -> Result<Option<UserRecord>, AuthError> {
        self.pools.run(Find(username.to_owned()), REASON).await
    }

    async fn replace_hash(
        &self,
        subject: &str,
        old: &PasswordHash,
        new: &PasswordHash,
    ) -> Result<bool, AuthError> {
        let step = ReplaceHash {
            subject: subject.to_owned(),
            old: old.clone(),
            new: new.clone(),
        };
        self.pools.run(step, REASON).await
    }
}

impl fmt::Debug for SqlUsers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SqlUsers").field(&self.pools).finish()
    }
}
