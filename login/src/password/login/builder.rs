//! Configuring a [`PasswordLogin`].

use std::sync::Arc;

use auth_layer::{ConfigError, SharedClock};

use super::{Inner, PasswordLogin};
use crate::attempts::AttemptLimits;
use crate::password::hasher::PasswordHasher;
use crate::password::pool::HashPool;
use crate::password::store::SharedUserStore;

/// Configures a [`PasswordLogin`].
///
/// ```
/// use auth_layer::MemoryRateCounters;
/// use login::attempts::AttemptLimits;
/// use login::password::{HashPool, MemoryUserStore, PasswordHasher, PasswordLogin};
///
/// # fn main() -> Result<(), auth_layer::ConfigError> {
/// let hasher = PasswordHasher::builder().iterations(3).build()?;
/// let login = PasswordLogin::builder(MemoryUserStore::new())
///     .hash_pool(HashPool::builder(hasher).threads(2).build()?)
///     .issuer("https://id.example.com")
///     .min_password_len(15)
///     .attempt_limits(AttemptLimits::new("10/m/ip,5/5m/account", MemoryRateCounters::new())?)
///     .build()?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct PasswordLoginBuilder {
    store: SharedUserStore,
    pool: Option<HashPool>,
    clock: SharedClock,
    issuer: Option<Arc<str>>,
    min_password_len: usize,
    attempt_limits: Option<AttemptLimits>,
}

impl PasswordLoginBuilder {
    pub(super) fn new(store: SharedUserStore) -> Self {
        Self {
            store,
            pool: None,
            clock: SharedClock::system(),
            issuer: None,
            min_password_len: 8,
            attempt_limits: None,
        }
    }

    /// What hashes. Default: a pool of its own, with the default [`PasswordHasher`].
    ///
    /// Share one pool between everything that hashes passwords in a process.
    pub fn hash_pool(mut self, pool: HashPool) -> Self {
        self.pool = Some(pool);
        self
    }

    /// The issuer of the identities. Default: none, which stands for this service's own users.
    ///
    /// Set it to the issuer of the tokens for the same users, if there are any: otherwise a request
    /// with a session and a token proves two principals, and is refused.
    pub fn issuer(mut self, issuer: impl Into<Arc<str>>) -> Self {
        self.issuer = Some(issuer.into());
        self
    }

    /// The clock that says when the password was proved. Default: the system's.
    pub fn clock(mut self, clock: SharedClock) -> Self {
        self.clock = clock;
        self
    }

    /// How many characters a new password needs, 8 to 64. Default: 8.
    ///
    /// Characters are Unicode code points. NIST SP 800-63B-4 section 3.1.1.2 asks for 15 where the
    /// password is the only factor, and for 8 where it is one of two. It is not asked at login: what
    /// was accepted once stays good.
    pub fn min_password_len(mut self, characters: usize) -> Self {
        self.min_password_len = characters;
        self
    }

    /// How often somebody may try. Default: without limit, because only the application knows where
    /// its nodes can count together, and what else protects it.
    ///
    /// Logins that share the limits share their budgets: give the same ones to everything that takes
    /// the same passwords.
    pub fn attempt_limits(mut self, limits: AttemptLimits) -> Self {
        self.attempt_limits = Some(limits);
        self
    }

    /// The finished login.
    ///
    /// # Errors
    ///
    /// Names `min_password_len` if it is out of range, and `threads` if the system does not start
    /// the threads of the pool.
    pub fn build(self) -> Result<PasswordLogin, ConfigError> {
        if !(8..=64).contains(&self.min_password_len) {
            return Err(ConfigError::new(
                "min_password_len",
                "must be between 8 and 64 characters",
            ));
        }
        let pool = match self.pool {
            Some(pool) => pool,
            None => HashPool::new(PasswordHasher::new())?,
        };
        Ok(PasswordLogin {
            inner: Arc::new(Inner {
                store: self.store,
                pool,
                clock: self.clock,
                issuer: self.issuer,
                min_password_len: self.min_password_len,
                attempt_limits: self.attempt_limits,
            }),
        })
    }
}
