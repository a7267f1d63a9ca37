//! What a stored hash may cost.

/// How much memory and time a stored hash may ask for.
///
/// A hash carries its own parameters. Without limits, one row that somebody wrote into the user
/// table could make a login take all memory, or a thread for a day. A hash beyond a limit is not
/// checked: the login fails with 503, and the log says why.
///
/// ```
/// use login::password::{HashLimits, PasswordHasher};
///
/// # fn main() -> Result<(), auth_layer::ConfigError> {
/// // Hashes of RFC 9106's first recommended option: 2 GiB each.
/// let limits = HashLimits::default().with_max_memory_kib(2 * 1024 * 1024);
/// let hasher = PasswordHasher::builder().limits(limits).build()?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HashLimits {
    pub(super) max_memory_kib: u32,
    pub(super) max_argon2_iterations: u32,
    pub(super) max_bcrypt_cost: u32,
    pub(super) max_pbkdf2_iterations: u32,
}

impl HashLimits {
    /// Memory that argon2 or scrypt may use, in KiB. Default: 262,144 (256 MiB).
    #[must_use]
    pub const fn with_max_memory_kib(mut self, kib: u32) -> Self {
        self.max_memory_kib = kib;
        self
    }

    /// Passes of argon2 over its memory. Default: 32.
    #[must_use]
    pub const fn with_max_argon2_iterations(mut self, iterations: u32) -> Self {
        self.max_argon2_iterations = iterations;
        self
    }

    /// The cost of bcrypt, a power of two. Default: 16, a few seconds.
    #[must_use]
    pub const fn with_max_bcrypt_cost(mut self, cost: u32) -> Self {
        self.max_bcrypt_cost = cost;
        self
    }

    /// Iterations of PBKDF2. Default: 5,000,000, a few seconds.
    #[must_use]
    pub const fn with_max_pbkdf2_iterations(mut self, iterations: u32) -> Self {
        self.max_pbkdf2_iterations = iterations;
        self
    }
}

impl Default for HashLimits {
    fn default() -> Self {
        Self {
            max_memory_kib: 256 * 1024,
            max_argon2_iterations: 32,
            max_bcrypt_cost: 16,
            max_pbkdf2_iterations: 5_000_000,
        }
    }
}
