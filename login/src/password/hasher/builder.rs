//! Configuring a [`PasswordHasher`].

use std::sync::Arc;

use argon2::Params;
use auth_layer::ConfigError;

use super::{Inner, PasswordHasher};
use crate::password::limits::HashLimits;
use crate::password::pepper::Pepper;

/// Memory in KiB and iterations that are equally strong, from OWASP's Password Storage Cheat Sheet.
/// Fewer than all of these is weak.
const MINIMUM: [(u32, u32); 5] = [
    (47_104, 1),
    (19_456, 2),
    (12_288, 3),
    (9_216, 4),
    (7_168, 5),
];

/// Configures a [`PasswordHasher`].
///
/// Raising memory or iterations takes effect for every user at their next login, when the hash is
/// replaced. Aim for the slowest that your logins at the busiest hour allow: a default hash takes
/// about 15 ms of one core.
///
/// ```
/// use login::password::PasswordHasher;
///
/// # fn main() -> Result<(), auth_layer::ConfigError> {
/// // RFC 9106, second recommended option: 64 MiB, three passes.
/// let hasher = PasswordHasher::builder()
///     .memory_kib(64 * 1024)
///     .iterations(3)
///     .build()?;
///
/// let weak = PasswordHasher::builder().memory_kib(1024).build();
/// assert_eq!(weak.unwrap_err().option(), "memory_kib");
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct PasswordHasherBuilder {
    memory_kib: u32,
    iterations: u32,
    lanes: u32,
    max_password_len: usize,
    limits: HashLimits,
    pepper: Option<Pepper>,
    previous_peppers: Vec<Pepper>,
    allow_weak: bool,
}

impl PasswordHasherBuilder {
    pub(super) fn new() -> Self {
        Self {
            memory_kib: Params::DEFAULT_M_COST,
            iterations: Params::DEFAULT_T_COST,
            lanes: Params::DEFAULT_P_COST,
            max_password_len: 1024,
            limits: HashLimits::default(),
            pepper: None,
            previous_peppers: Vec::new(),
            allow_weak: false,
        }
    }

    /// Memory that a hash takes, in KiB. Default: 19,456 (19 MiB).
    pub fn memory_kib(mut self, kib: u32) -> Self {
        self.memory_kib = kib;
        self
    }

    /// How often argon2 goes over its memory. Default: 2.
    pub fn iterations(mut self, iterations: u32) -> Self {
        self.iterations = iterations;
        self
    }

    /// Argon2's degree of parallelism, 1 to 16. Default: 1.
    ///
    /// Lanes are computed one after the other: a server has other passwords to hash meanwhile. More
    /// lanes only make hashes that another program can compute in parallel.
    pub fn lanes(mut self, lanes: u32) -> Self {
        self.lanes = lanes;
        self
    }

    /// The key that goes into new hashes. Default: none.
    pub fn pepper(mut self, pepper: Pepper) -> Self {
        self.pepper = Some(pepper);
        self
    }

    /// Adds a key that was current once: its hashes still verify, and are then replaced.
    pub fn previous_pepper(mut self, pepper: Pepper) -> Self {
        self.previous_peppers.push(pepper);
        self
    }

    /// How many bytes a password may have, 64 to 4,096. Default: 1,024.
    ///
    /// What is longer is not hashed, so that nobody makes the server work through megabytes. NIST SP
    /// 800-63B asks for at least 64 characters.
    pub fn max_password_len(mut self, bytes: usize) -> Self {
        self.max_password_len = bytes;
        self
    }

    /// What stored hashes may cost.
    pub fn limits(mut self, limits: HashLimits) -> Self {
        self.limits = limits;
        self
    }

    /// Accepts parameters below OWASP's minimum: for the tests of an application, which hash many
    /// passwords and protect none.
    pub fn danger_allow_weak_parameters(mut self) -> Self {
        self.allow_weak = true;
        self
    }

    /// The finished hasher.
    ///
    /// # Errors
    ///
    /// Names the option that cannot be meant:
    ///
    /// - memory and iterations that together are weaker than OWASP's minimum (46 MiB and 1, 19 MiB
    ///   and 2, 12 MiB and 3, 9 MiB and 4, 7 MiB and 5), are impossible, or are beyond `limits`
    /// - no lanes, or more than 16
    /// - a longest password outside 64 to 4,096 bytes
    /// - two pepper keys of one id
    pub fn build(self) -> Result<PasswordHasher, ConfigError> {
        let (memory, iterations) = (self.memory_kib, self.iterations);
        if !(1..=16).contains(&self.lanes) {
            return Err(ConfigError::new("lanes", "must be between 1 and 16"));
        }
        if iterations == 0 || iterations > self.limits.max_argon2_iterations {
            return Err(ConfigError::new(
                "iterations",
                "must be at least 1 and within `limits`",
            ));
        }
        if memory > self.limits.max_memory_kib {
            return Err(ConfigError::new("memory_kib", "must be within `limits`"));
        }
        let is_strong = |(m, t): (u32, u32)| memory >= m && iterations >= t;
        if !self.allow_weak && !MINIMUM.into_iter().any(is_strong) {
            return Err(ConfigError::new(
                "memory_kib",
                "must be at least 19456 with 2 iterations, or one of OWASP's equivalents",
            ));
        }
        let params = Params::new(memory, iterations, self.lanes, None)
            .map_err(|_| ConfigError::new("memory_kib", "must be at least 8 for each lane"))?;
        if !(64..=4096).contains(&self.max_password_len) {
            return Err(ConfigError::new(
                "max_password_len",
                "must be between 64 and 4096 bytes",
            ));
        }
        let mut ids: Vec<&str> = self
            .pepper
            .iter()
            .chain(&self.previous_peppers)
            .map(Pepper::id)
            .collect();
        ids.sort_unstable();
        if ids.windows(2).any(|pair| pair[0] == pair[1]) {
            return Err(ConfigError::new(
                "previous_pepper",
                "must not have the id of another key",
            ));
        }

        Ok(self.finish(params))
    }

    pub(super) fn finish(self, params: Params) -> PasswordHasher {
        PasswordHasher {
            inner: Arc::new(Inner {
                params,
                max_password_len: self.max_password_len,
                limits: self.limits,
                pepper: self.pepper,
                previous_peppers: self.previous_peppers,
                #[cfg(test)]
                work: std::sync::Mutex::default(),
            }),
        }
    }
}
