//! Checking a user name and a password against a store.

mod builder;

#[cfg(test)]
mod tests;

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

use auth_layer::{
    AuthError, AuthErrorKind, ConfigError, Factor, FactorKind, Identity, PasswordCredentials,
    PasswordVerifier, SharedClock,
};

pub use self::builder::PasswordLoginBuilder;
use super::error::NewPasswordError;
use super::hash::{PasswordHash, Verification};
use super::log;
use super::pool::HashPool;
use super::store::{SharedUserStore, UserStore};
use super::user::UserRecord;
use crate::attempts::AttemptLimits;

/// Logs users in by name and password.
///
/// It is a [`PasswordVerifier`]: give it to the Basic scheme, or ask it in the handler of a login
/// form. Cheap to clone.
///
/// # How it decides
///
/// 1. If too many passwords wait to be hashed: 503, before the store is asked.
/// 2. The attempt is counted, if there are [`AttemptLimits`]. One too many: 429, whatever the password
///    is. A password that turns out right gives back what it has cost.
/// 3. The store is asked for the user. If it fails: 503.
/// 4. The password is checked against the user's hash, on the [`HashPool`]. Without a user or
///    without a hash, and for a password that is too long, the same work is done in vain. If the
///    hash cannot be checked: 503.
/// 5. Nobody by that name, no password, the wrong one, one too long, or a disabled user: one error,
///    of kind [`Invalid`](AuthErrorKind::Invalid). Its reason tells them apart, for the log:
///    `unknown_user`, `no_password`, `wrong_password`, `password_too_long`, `user_disabled`.
/// 6. If the hash is outdated, it is replaced, unless somebody else has replaced it meanwhile. A
///    failure to do so is logged and the login succeeds.
///
/// The same work means: the same algorithm with the same parameters. For users whose stored hash is
/// of another algorithm or of other parameters that is another time than for a user who does not
/// exist, until their first login replaces the hash.
///
/// # The identity
///
/// It has the scheme `password`, the subject, tenant, roles and scopes of the record, the factor
/// [`Password`](FactorKind::Password), `auth_time`, and the
/// [`CredentialEpoch`](super::CredentialEpoch) as an extra if the record has one.
///
/// ```
/// use auth_layer::{AuthErrorKind, PasswordCredentials};
/// use login::password::{MemoryUserStore, PasswordHasher, PasswordLogin, UserRecord};
///
/// # #[tokio::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let users = MemoryUserStore::new();
/// let hash = PasswordHasher::new().hash("correct horse")?;
/// users.insert("alice", UserRecord::new("user-17").with_password_hash(hash));
///
/// let login = PasswordLogin::new(users)?;
/// let alice = login
///     .authenticate(PasswordCredentials::new("alice", "correct horse"))
///     .await?;
/// assert_eq!(alice.subject(), "user-17");
///
/// for (name, password) in [("alice", "wrong"), ("nobody", "correct horse")] {
///     let error = login.authenticate(PasswordCredentials::new(name, password)).await.unwrap_err();
///     assert_eq!(error.kind(), AuthErrorKind::Invalid);
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct PasswordLogin {
    inner: Arc<Inner>,
}

/// The longest user name that a store is asked for, in bytes. E-mail addresses have at most 254.
const MAX_USERNAME_LEN: usize = 512;

struct Inner {
    store: SharedUserStore,
    pool: HashPool,
    clock: SharedClock,
    issuer: Option<Arc<str>>,
    min_password_len: usize,
    attempt_limits: Option<AttemptLimits>,
}

impl PasswordLogin {
    /// Logs in the users of `store`, with the defaults and a [`HashPool`] of its own.
    ///
    /// # Errors
    ///
    /// Names `threads` if the system does not start the pool's threads.
    pub fn new(store: impl UserStore) -> Result<Self, ConfigError> {
        Self::builder(store).build()
    }

    /// Starts from the defaults.
    pub fn builder(store: impl UserStore) -> PasswordLoginBuilder {
        PasswordLoginBuilder::new(SharedUserStore::new(store))
    }

    /// Checks a user name and a password.
    ///
    /// # Errors
    ///
    /// Fails with [`Invalid`](AuthErrorKind::Invalid) if they are not those of a user who may log in,
    /// with [`Limited`](AuthErrorKind::Limited) if there were too many attempts, and with
    /// [`Unavailable`](AuthErrorKind::Unavailable) if that could not be found out. See
    /// [`PasswordLogin`] for the reasons.
    pub async fn authenticate(
        &self,
        credentials: PasswordCredentials,
    ) -> Result<Identity, AuthError> {
        // Before the attempt is counted: that the server is busy is not to cost anybody's budget.
        self.inner.pool.check_room()?;
        let Some(limits) = &self.inner.attempt_limits else {
            return self.check(&credentials).await;
        };
        let attempt = limits
            .take(credentials.client_address(), credentials.username())
            .await?;
        let identity = self.check(&credentials).await?;
        limits.give_back(attempt).await;
        Ok(identity)
    }

    async fn check(&self, credentials: &PasswordCredentials) -> Result<Identity, AuthError> {
        let Inner { store, pool, .. } = &*self.inner;
        let password = credentials.password().as_bytes();
        let username = credentials.username();
        let user = if username.len() <= MAX_USERNAME_LEN {
            store.find(username).await.map_err(could_not_ask)?
        } else {
            None
        };
        let stored = user
            .as_ref()
            .and_then(|user| user.password_hash.clone())
            .filter(|hash| !hash.is_empty());
        let outcome = pool.check(password, stored.clone()).await?;

        let Some(user) = user else {
            return Err(AuthError::invalid("unknown_user"));
        };
        let Some(stored) = stored else {
            return Err(AuthError::invalid("no_password"));
        };
        if !pool.hasher().takes(password) {
            return Err(AuthError::invalid("password_too_long"));
        }
        match outcome {
            Verification::Mismatches => return Err(AuthError::invalid("wrong_password")),
            Verification::Matches | Verification::MatchesOutdated if user.is_disabled => {
                return Err(AuthError::invalid("user_disabled"));
            }
            Verification::MatchesOutdated => {
                if let Err(error) = self.rehash(&user.subject, &stored, password).await {
                    log::not_rehashed(&user.subject, &error);
                }
            }
            Verification::Matches => {}
        }
        Ok(self.identify(user))
    }

    /// Hashes a password that a user has chosen, to be stored by the application: at registration,
    /// when a password is changed, and after a reset.
    ///
    /// The rules are those of NIST SP 800-63B and OWASP ASVS 6.2: a least length, counted in
    /// characters, and no rules about which characters. Store the hash together with a raised
    /// [`CredentialEpoch`](super::CredentialEpoch), and end the user's sessions.
    ///
    /// Before changing the password of somebody who is logged in, ask for the current one and check
    /// it with [`authenticate`](Self::authenticate).
    ///
    /// ```
    /// # use login::password::{MemoryUserStore, NewPasswordError, PasswordLogin};
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let login = PasswordLogin::new(MemoryUserStore::new())?;
    /// let hash = login.hash_new("correct horse").await?;
    /// assert!(hash.as_str().starts_with("$argon2id$"));
    ///
    /// let error = login.hash_new("hunter2").await.unwrap_err();
    /// assert!(matches!(error, NewPasswordError::TooShort { min: 8 }));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Says what is wrong with the password, or why it could not be hashed.
    pub async fn hash_new(&self, password: &str) -> Result<PasswordHash, NewPasswordError> {
        let Inner {
            pool,
            min_password_len: min,
            ..
        } = &*self.inner;
        let max = pool.hasher().max_password_len();
        if password.len() > max {
            return Err(NewPasswordError::TooLong { max });
        }
        if password.chars().count() < *min {
            return Err(NewPasswordError::TooShort { min: *min });
        }
        pool.hash(password).await.map_err(NewPasswordError::Fail)
    }

    /// What hashes, to be used for other passwords too.
    pub fn hash_pool(&self) -> &HashPool {
        &self.inner.pool
    }

    async fn rehash(
        &self,
        subject: &str,
        old: &PasswordHash,
        password: &[u8],
    ) -> Result<(), AuthError> {
        let new = self.inner.pool.hash(password).await?;
        // False: somebody was faster, with a rehash or with a new password. Theirs stays.
        self.inner.store.replace_hash(subject, old, &new).await?;
        Ok(())
    }

    fn identify(&self, user: UserRecord) -> Identity {
        let now = self.inner.clock.now();
        let mut identity = Identity::builder("password", user.subject)
            .roles(user.roles)
            .scopes(user.scopes)
            .factor(Factor::new(FactorKind::Password, now))
            .auth_time(now);
        if let Some(issuer) = &self.inner.issuer {
            identity = identity.issuer(Arc::clone(issuer));
        }
        if let Some(tenant) = user.tenant {
            identity = identity.tenant(tenant);
        }
        if let Some(epoch) = user.credential_epoch {
            identity = identity.extra(epoch);
        }
        identity.build()
    }
}

impl PasswordVerifier for PasswordLogin {
    type Future = Pin<Box<dyn Future<Output = Result<Identity, AuthError>> + Send>>;

    fn verify(&self, credentials: PasswordCredentials) -> Self::Future {
        let this = self.clone();
        Box::pin(async move { this.authenticate(credentials).await })
    }
}

impl fmt::Debug for PasswordLogin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PasswordLogin")
            .field("hash_pool", &self.inner.pool)
            .field("issuer", &self.inner.issuer)
            .field("min_password_len", &self.inner.min_password_len)
            .field("attempt_limits", &self.inner.attempt_limits)
            .finish_non_exhaustive()
    }
}

/// Whatever a store fails with, it is never "this credential is wrong".
fn could_not_ask(error: AuthError) -> AuthError {
    match error.kind() {
        AuthErrorKind::Unavailable | AuthErrorKind::Limited | AuthErrorKind::Internal => error,
        _ => AuthError::unavailable("user_store_failed").with_source(error),
    }
}
