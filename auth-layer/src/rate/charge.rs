//! What is taken from, and how much it holds.

use std::fmt;

use super::Rate;
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

/// One token, to be taken from the bucket `key` that holds `rate`.
///
/// A key is used with one rate: make the rate a part of the key if it is configurable, so that a new
/// rate starts with new buckets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Charge {
    key: RateKey,
    rate: Rate,
}

impl Charge {
    /// One from the bucket `key`.
    #[must_use]
    pub const fn new(key: RateKey, rate: Rate) -> Self {
        Self { key, rate }
    }

    /// The bucket.
    pub const fn key(&self) -> &RateKey {
        &self.key
    }

    /// What it holds, and how it refills.
    pub const fn rate(&self) -> Rate {
        self.rate
    }
}
