//! Making hashes and checking passwords against them, on the thread that asks.

mod argon2id;
#[cfg(feature = "bcrypt")]
mod bcrypt;
mod builder;
#[cfg(feature = "pbkdf2")]
mod pbkdf2;
#[cfg(feature = "scrypt")]
mod scrypt;
mod stored;

#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;

use argon2::Params;

use self::argon2id::Argon2Hash;
pub use self::builder::PasswordHasherBuilder;
use self::stored::Stored;
use super::error::{HashError, HashErrorKind};
use super::hash::{PasswordHash, Verification};
use super::limits::HashLimits;
use super::memory::Memory;
use super::pepper::{self, Pepper};

/// Hashes passwords, and checks passwords against hashes.
///
/// It is a configuration: which parameters new hashes have, which [`Pepper`] goes into them, and
/// what stored hashes may cost. Cheap to clone. Both methods take milliseconds and megabytes by
/// design: call them from command-line tools and tests, and use [`HashPool`](super::HashPool) in
/// servers.
///
/// # Defaults
///
/// | | |
/// |---|---|
/// | algorithm | argon2id, version 19 (RFC 9106) |
/// | memory | 19 MiB |
/// | iterations | 2 |
/// | lanes | 1 |
/// | salt, hash | 16 random bytes, 32 bytes |
/// | pepper | none |
/// | longest password | 1,024 bytes |
///
/// Memory and iterations are those of OWASP's Password Storage Cheat Sheet.
///
/// ```
/// use login::password::{PasswordHasher, Verification};
///
/// # fn main() -> Result<(), login::password::HashError> {
/// let hasher = PasswordHasher::new();
/// let hash = hasher.hash("correct horse battery staple")?;
/// assert!(hash.as_str().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
///
/// let outcome = hasher.verify("correct horse battery staple", hash.as_str())?;
/// assert_eq!(outcome, Verification::Matches);
/// assert_eq!(hasher.verify("Tr0ub4dor&3", hash.as_str())?, Verification::Mismatches);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct PasswordHasher {
    inner: Arc<Inner>,
}

struct Inner {
    params: Params,
    max_password_len: usize,
    limits: HashLimits,
    pepper: Option<Pepper>,
    previous_peppers: Vec<Pepper>,
    #[cfg(test)]
    work: std::sync::Mutex<Vec<String>>,
}

impl PasswordHasher {
    /// A hasher with the defaults.
    #[must_use]
    pub fn new() -> Self {
        Self::builder().finish(Params::DEFAULT)
    }

    /// Starts from the defaults.
    pub fn builder() -> PasswordHasherBuilder {
        PasswordHasherBuilder::new()
    }

    /// Hashes a password with a new random salt.
    ///
    /// Slow by design: not for async code.
    ///
    /// # Errors
    ///
    /// Fails for a password that is longer than [`max_password_len`](Self::max_password_len), and
    /// if there is no memory or no randomness to be had.
    pub fn hash(&self, password: impl AsRef<[u8]>) -> Result<PasswordHash, HashError> {
        self.hash_in(&mut Memory::new(), password.as_ref())
    }

    /// Checks a password against a stored hash.
    ///
    /// Every byte of the password counts: nothing is trimmed, folded, normalised or cut off. A
    /// password that is longer than [`max_password_len`](Self::max_password_len) mismatches, after
    /// the same work; so does every password if `stored` is empty. Slow by design: not for async
    /// code.
    ///
    /// # Errors
    ///
    /// Fails if the hash cannot be checked: because it is malformed, of an algorithm that is
    /// unknown or whose feature is not enabled, beyond the [`HashLimits`], made with a pepper key
    /// that is not there, or because there is no memory.
    pub fn verify(
        &self,
        password: impl AsRef<[u8]>,
        stored: &str,
    ) -> Result<Verification, HashError> {
        let password = password.as_ref();
        let password = self.takes(password).then_some(password);
        self.verify_in(&mut Memory::new(), password, Some(stored))
    }

    /// How many bytes a password may have.
    pub fn max_password_len(&self) -> usize {
        self.inner.max_password_len
    }

    pub(super) fn takes(&self, password: &[u8]) -> bool {
        password.len() <= self.inner.max_password_len
    }

    /// How many KiB a new hash takes.
    pub(super) fn block_count(&self) -> usize {
        self.inner.params.block_count()
    }

    pub(super) fn hash_in(
        &self,
        memory: &mut Memory,
        password: &[u8],
    ) -> Result<PasswordHash, HashError> {
        if !self.takes(password) {
            return Err(HashError::new(
                HashErrorKind::PasswordTooLong,
                "the password is too long",
            ));
        }
        let Inner { params, pepper, .. } = &*self.inner;
        let hash = match pepper {
            Some(pepper) => {
                let hash = Argon2Hash::make(params, memory, &*pepper.apply(password))?;
                pepper.seal(&hash.to_phc())
            }
            None => Argon2Hash::make(params, memory, password)?.to_phc(),
        };
        Ok(PasswordHash::new(hash))
    }

    /// Checks a password, or works as long as that would take and says that it mismatches.
    ///
    /// `None` for the password: it is not one that we take. `None` for the hash, or an empty one:
    /// there is nothing to compare with.
    pub(super) fn verify_in(
        &self,
        memory: &mut Memory,
        password: Option<&[u8]>,
        stored: Option<&str>,
    ) -> Result<Verification, HashError> {
        let Inner { params, pepper, .. } = &*self.inner;
        let stored = stored.filter(|stored| !stored.is_empty());

        let (key, hash) = match stored {
            Some(stored) => {
                let limits = &self.inner.limits;
                match pepper::open(stored)? {
                    (Some(id), hash) => {
                        let hash = Stored::parse_peppered(hash, limits)?;
                        (Some(self.pepper(id)?), hash)
                    }
                    (None, hash) => (None, Stored::parse(hash, limits)?),
                }
            }
            None => (
                pepper.as_ref(),
                Stored::Argon2(Argon2Hash::of_nothing(params)?),
            ),
        };
        #[cfg(test)]
        self.record(hash.work());

        let sent = password.unwrap_or_default();
        let is_same = match key {
            Some(key) => hash.check(memory, &*key.apply(sent))?,
            None => hash.check(memory, sent)?,
        };
        // What was compared in vain may even be the same.
        if !(is_same & password.is_some() & stored.is_some()) {
            return Ok(Verification::Mismatches);
        }
        let is_current =
            key.map(Pepper::id) == pepper.as_ref().map(Pepper::id) && hash.is_current(params);
        Ok(if is_current {
            Verification::Matches
        } else {
            Verification::MatchesOutdated
        })
    }

    fn pepper(&self, id: &str) -> Result<&Pepper, HashError> {
        let Inner {
            pepper,
            previous_peppers,
            ..
        } = &*self.inner;
        pepper
            .iter()
            .chain(previous_peppers)
            .find(|pepper| pepper.id() == id)
            .ok_or(HashError::new(
                HashErrorKind::UnknownKey,
                "the hash was made with a pepper key that is not configured",
            ))
    }
}

#[cfg(test)]
impl PasswordHasher {
    /// The smallest parameters there are: what tests use that are not about argon2.
    pub(crate) fn fast() -> Self {
        Self::builder()
            .memory_kib(8)
            .iterations(1)
            .danger_allow_weak_parameters()
            .build()
            .unwrap()
    }

    fn record(&self, work: String) {
        self.inner.work.lock().unwrap().push(work);
    }

    /// What was computed to check passwords since this was asked last.
    pub(crate) fn take_work(&self) -> Vec<String> {
        std::mem::take(&mut self.inner.work.lock().unwrap())
    }
}

impl Default for PasswordHasher {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for PasswordHasher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PasswordHasher")
            .field("params", &self.inner.params)
            .field("max_password_len", &self.inner.max_password_len)
            .field("limits", &self.inner.limits)
            .field("pepper", &self.inner.pepper)
            .field("previous_peppers", &self.inner.previous_peppers)
            .finish_non_exhaustive()
    }
}
