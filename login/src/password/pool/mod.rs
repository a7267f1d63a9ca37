//! Hashing on threads of its own, away from requests.

mod builder;
mod job;
mod queue;
mod worker;

#[cfg(test)]
pub(super) mod tests;

use std::fmt;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use auth_layer::{AuthError, ConfigError};
use zeroize::Zeroizing;

pub use self::builder::HashPoolBuilder;
use self::queue::{Queue, Refused};
use super::hash::{PasswordHash, Verification};
use super::hasher::PasswordHasher;
use super::memory::Memory;

/// Hashes passwords on a few threads of its own.
///
/// A hash takes a core for some 15 ms. On an async worker it holds up every other request of that
/// worker; on a pool of hundreds of blocking threads a rush of logins takes gigabytes of memory
/// and all cores. Here
///
/// - a fixed number of threads hashes, so that memory has a bound;
/// - they run at the lowest priority, so that requests go first;
/// - each keeps the memory that argon2 works in;
/// - a bounded number of passwords waits, and one more is answered 503 with `Retry-After`;
/// - a password whose caller has gone is skipped;
/// - a panic ends one job, with an error, and no thread.
///
/// Copies of passwords are overwritten after use, and argon2's memory as soon as nothing waits.
///
/// The lowest priority is nice 19 on Linux and its like elsewhere; where the system refuses it, that
/// is logged and hashing goes on at normal priority. On a machine whose cores never rest, logins get
/// the little that is left.
///
/// Works with every async runtime. Clones share the threads; they stop when the last clone is
/// dropped.
///
/// ```
/// use login::password::{HashPool, PasswordHasher};
///
/// # #[tokio::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let pool = HashPool::builder(PasswordHasher::new()).threads(2).build()?;
/// let hash = pool.hash("correct horse").await?;
/// assert!(pool.verify("correct horse", &hash).await?.is_match());
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct HashPool {
    owner: Arc<Owner>,
}

struct Owner {
    hasher: PasswordHasher,
    queue: Arc<Queue>,
    // Not joined: who drops the pool need not wait for the hash that is being computed.
    threads: Vec<JoinHandle<()>>,
}

impl HashPool {
    /// Starts the default number of threads.
    ///
    /// # Errors
    ///
    /// Names `threads` if the system starts none.
    pub fn new(hasher: PasswordHasher) -> Result<Self, ConfigError> {
        Self::builder(hasher).build()
    }

    /// Starts from the defaults.
    pub const fn builder(hasher: PasswordHasher) -> HashPoolBuilder {
        HashPoolBuilder::new(hasher)
    }

    /// What hashes.
    pub fn hasher(&self) -> &PasswordHasher {
        &self.owner.hasher
    }

    /// Hashes a password. See [`PasswordHasher::hash`].
    ///
    /// # Errors
    ///
    /// Fails with [`Unavailable`](auth_layer::AuthErrorKind::Unavailable) and the reason
    /// `hashing_busy` if too many passwords wait, and otherwise as [`PasswordHasher::hash`] does.
    pub async fn hash(&self, password: impl AsRef<[u8]> + Send) -> Result<PasswordHash, AuthError> {
        let hasher = self.hasher().clone();
        // One byte more than is allowed is enough to be refused for.
        let password = password.as_ref();
        let len = password.len().min(hasher.max_password_len() + 1);
        let password = Zeroizing::new(password[..len].to_vec());
        self.run(move |memory| hasher.hash_in(memory, &password))
            .await?
            .map_err(AuthError::from)
    }

    /// Checks a password against a stored hash. See [`PasswordHasher::verify`].
    ///
    /// # Errors
    ///
    /// Fails with [`Unavailable`](auth_layer::AuthErrorKind::Unavailable) and the reason
    /// `hashing_busy` if too many passwords wait, and otherwise as [`PasswordHasher::verify`] does.
    pub async fn verify(
        &self,
        password: impl AsRef<[u8]> + Send,
        stored: &PasswordHash,
    ) -> Result<Verification, AuthError> {
        self.check(password.as_ref(), Some(stored.clone())).await
    }

    /// Checks a password; without a hash, does the work and says that it mismatches.
    pub(super) async fn check(
        &self,
        password: &[u8],
        stored: Option<PasswordHash>,
    ) -> Result<Verification, AuthError> {
        let hasher = self.hasher().clone();
        // What is too long is not copied either.
        let password = hasher
            .takes(password)
            .then(|| Zeroizing::new(password.to_vec()));
        self.run(move |memory| {
            let password = password.as_ref().map(|password| &***password);
            let stored = stored.as_ref().map(PasswordHash::as_str);
            hasher.verify_in(memory, password, stored)
        })
        .await?
        .map_err(AuthError::from)
    }

    /// Fails if there is no room for another password now.
    pub(super) fn check_room(&self) -> Result<(), AuthError> {
        self.owner.queue.check_room().map_err(refused)
    }

    /// Runs `work` on one of the threads.
    async fn run<T, F>(&self, work: F) -> Result<T, AuthError>
    where
        F: FnOnce(&mut Memory) -> T + Send + 'static,
        T: Send + 'static,
    {
        let (job, result) = job::job(work);
        self.owner.queue.push(job).map_err(refused)?;
        // Nothing sent: the pool has gone.
        result
            .await
            .unwrap_or_else(|_| Err(refused(Refused::Closed)))
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        self.queue.close();
    }
}

#[expect(clippy::needless_pass_by_value, reason = "for `map_err`")]
fn refused(refused: Refused) -> AuthError {
    match refused {
        Refused::Closed => AuthError::unavailable("hashing_stopped"),
        Refused::Full => {
            AuthError::unavailable("hashing_busy").with_retry_after(Duration::from_secs(1))
        }
    }
}

impl fmt::Debug for HashPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HashPool")
            .field("hasher", &self.owner.hasher)
            .field("threads", &self.owner.threads.len())
            .finish_non_exhaustive()
    }
}
