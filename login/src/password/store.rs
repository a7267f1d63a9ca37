//! Where users are kept.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

use auth_layer::AuthError;

use super::hash::PasswordHash;
use super::user::UserRecord;

/// Where users with passwords are kept.
///
/// Implement it with plain `async fn`s. A store never sees a password: it hands out hashes, and
/// [`PasswordLogin`](super::PasswordLogin) checks them.
///
/// # Contract
///
/// - `find` looks the name up as it was sent, or in one canonical form that is also the one it was
///   registered in; never by a pattern or a collation that finds somebody else. No two users share a
///   name or a subject.
/// - `find` returns disabled users, and users without a password, too. They are refused after the
///   same work as a wrong password; a store that left them out would only hide why from the log.
/// - A credential epoch that was never set may be found as 0. A store that answers
///   `session_layer`'s `CredentialEpochs` with 0 for it has to: a login without an epoch would get the
///   one that holds when its session begins, after its password was checked.
/// - `find` takes about as long for a name that nobody has.
/// - `replace_hash` is one atomic compare-and-swap, as `UPDATE .. WHERE subject = ? AND hash = ?` is:
///   of two calls with one `old`, one returns true. It changes nothing but the hash; in
///   particular it does not raise the credential epoch, because the password stays the same.
/// - A `find` that begins after a `replace_hash` has returned true sees the new hash.
/// - An error means "could not ask". It is never read as "no such user": the login is answered 503.
///
/// `auth_test::contract::user_store` checks an implementation against this, except for the time.
///
/// ```
/// use auth_layer::AuthError;
/// use login::password::{PasswordHash, UserRecord, UserStore};
///
/// struct OneUser {
///     record: std::sync::Mutex<UserRecord>,
/// }
///
/// impl UserStore for OneUser {
///     async fn find(&self, username: &str) -> Result<Option<UserRecord>, AuthError> {
///         let record = self.record.lock().expect("no holder panics").clone();
///         Ok((username == "alice").then_some(record))
///     }
///
///     async fn replace_hash(
///         &self,
///         subject: &str,
///         old: &PasswordHash,
///         new: &PasswordHash,
///     ) -> Result<bool, AuthError> {
///         let mut record = self.record.lock().expect("no holder panics");
///         let is_same = *record.subject == *subject && record.password_hash.as_ref() == Some(old);
///         if is_same {
///             record.password_hash = Some(new.clone());
///         }
///         Ok(is_same)
///     }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a store of users",
    note = "implement `login::password::UserStore` for it, or use `login::password::MemoryUserStore`"
)]
pub trait UserStore: Send + Sync + 'static {
    /// Looks a user up by the name that was typed in.
    ///
    /// # Errors
    ///
    /// Fails if the backing store cannot be reached or holds a record it cannot decode.
    fn find(
        &self,
        username: &str,
    ) -> impl Future<Output = Result<Option<UserRecord>, AuthError>> + Send;

    /// Replaces the hash of a user if it is still `old`; false if it is not, or if there is no such
    /// user any more.
    ///
    /// # Errors
    ///
    /// Fails if the backing store cannot be reached. The login succeeds nevertheless.
    fn replace_hash(
        &self,
        subject: &str,
        old: &PasswordHash,
        new: &PasswordHash,
    ) -> impl Future<Output = Result<bool, AuthError>> + Send;
}

/// A store that is shared is a store.
impl<S: UserStore> UserStore for Arc<S> {
    fn find(
        &self,
        username: &str,
    ) -> impl Future<Output = Result<Option<UserRecord>, AuthError>> + Send {
        S::find(self, username)
    }

    fn replace_hash(
        &self,
        subject: &str,
        old: &PasswordHash,
        new: &PasswordHash,
    ) -> impl Future<Output = Result<bool, AuthError>> + Send {
        S::replace_hash(self, subject, old, new)
    }
}

/// Any [`UserStore`], shared and type-erased, so that what holds it needs no type parameter.
///
/// ```
/// use login::password::{MemoryUserStore, SharedUserStore};
///
/// let store = SharedUserStore::new(MemoryUserStore::new());
/// let same = store.clone();
/// # let _ = same;
/// ```
#[derive(Clone)]
pub struct SharedUserStore {
    store: Arc<dyn DynUserStore>,
}

impl SharedUserStore {
    /// Shares `store`.
    #[must_use]
    pub fn new(store: impl UserStore) -> Self {
        Self {
            store: Arc::new(store),
        }
    }
}

impl UserStore for SharedUserStore {
    async fn find(&self, username: &str) -> Result<Option<UserRecord>, AuthError> {
        self.store.find(username).await
    }

    async fn replace_hash(
        &self,
        subject: &str,
        old: &PasswordHash,
        new: &PasswordHash,
    ) -> Result<bool, AuthError> {
        self.store.replace_hash(subject, old, new).await
    }
}

impl fmt::Debug for SharedUserStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedUserStore").finish_non_exhaustive()
    }
}

/// The dyn-compatible twin of [`UserStore`]; the only place that boxes.
trait DynUserStore: Send + Sync {
    fn find<'a>(&'a self, username: &'a str) -> Boxed<'a, Option<UserRecord>>;

    fn replace_hash<'a>(
        &'a self,
        subject: &'a str,
        old: &'a PasswordHash,
        new: &'a PasswordHash,
    ) -> Boxed<'a, bool>;
}

type Boxed<'a, T> = Pin<Box<dyn Future<Output = Result<T, AuthError>> + Send + 'a>>;

impl<S: UserStore> DynUserStore for S {
    fn find<'a>(&'a self, username: &'a str) -> Boxed<'a, Option<UserRecord>> {
        Box::pin(UserStore::find(self, username))
    }

    fn replace_hash<'a>(
        &'a self,
        subject: &'a str,
        old: &'a PasswordHash,
        new: &'a PasswordHash,
    ) -> Boxed<'a, bool> {
        Box::pin(UserStore::replace_hash(self, subject, old, new))
    }
}
