//! What is taken from, and how much it holds.

use std::fmt;

use super::Rate;
use crate::ConfigError;
use crate::name_digest::name_digest;

/// The key of a bucket: a SHA-256 of what is counted, so that stores hold no names and no addresses.
///
/// Names can be guessed, so whoever reads the store can find out whether a name that he thinks of is
/// there. He cannot list them.
///
/// ```
/// use auth_layer::RateKey;
///
/// let key = RateKey::new("login/account", ["alice"]);
/// assert_eq!(key, RateKey::new("login/account", ["alice"]));
/// assert_ne!(key, RateKey::new("reset/account", ["alice"]));
/// assert_ne!(RateKey::new("x", ["ab", "c"]), RateKey::new("x", ["a", "bc"]));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RateKey([u8; 32]);

impl RateKey {
    /// The key of what `parts` name, for `purpose`. Another purpose, or other bounds between the
    /// parts, is another key.
    #[must_use]
    pub fn new<P: AsRef<[u8]>>(purpose: &str, parts: impl IntoIterator<Item = P>) -> Self {
        Self(name_digest(purpose, parts))
    }

    /// A key that was stored.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The bytes to store under.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for RateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RateKey([hashed])")
    }
}

/// Tokens, to be taken from the bucket `key` that holds `rate`: one, unless it costs
/// [more](Self::tokens).
///
/// A key is used with one rate: make the rate a part of the key if it is configurable, so that a new
/// rate starts with new buckets.
///
/// ```
/// use auth_layer::{Charge, RateKey};
///
/// let search = Charge::new(RateKey::new("api", ["user-17"]), "100/h".parse()?);
/// let export = search.tokens(25)?; // costs as much as 25 searches
/// assert_eq!((search.cost(), export.cost()), (1, 25));
/// assert!(search.tokens(101).is_err()); // the bucket never holds so many
/// # Ok::<(), auth_layer::ConfigError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Charge {
    key: RateKey,
    rate: Rate,
    cost: u32,
}

impl Charge {
    /// One from the bucket `key`.
    #[must_use]
    pub const fn new(key: RateKey, rate: Rate) -> Self {
        Self { key, rate, cost: 1 }
    }

    /// So many instead of one. All of them are taken, or none.
    ///
    /// # Errors
    ///
    /// Refuses, naming `tokens`, 0 and what is more than the bucket ever holds, the
    /// [count](Rate::count) of its rate: that could never be allowed.
    pub fn tokens(self, tokens: u32) -> Result<Self, ConfigError> {
        if tokens == 0 {
            return Err(ConfigError::new("tokens", "must be at least 1"));
        }
        if tokens > self.rate.count() {
            let problem = format!("must be at most {}, the count", self.rate.count());
            return Err(ConfigError::new("tokens", problem));
        }
        Ok(Self {
            cost: tokens,
            ..self
        })
    }

    /// The bucket.
    pub const fn key(&self) -> &RateKey {
        &self.key
    }

    /// What it holds, and how it refills.
    pub const fn rate(&self) -> Rate {
        self.rate
    }

    /// How many tokens it takes: at least 1, and at most the count of the rate.
    pub const fn cost(&self) -> u32 {
        self.cost
    }
}
