//! Tokens that were verified, so that they need not be verified again at once.

use std::sync::Arc;
use std::time::SystemTime;

use auth_layer::ConfigError;
use quick_cache::Weighter;
use quick_cache::sync::Cache;

use crate::scheme::Verified;
use crate::{Algorithm, KeyLookup, Keys, VerifyingKey, WantedKey};

/// How many tokens are kept unless somebody says otherwise.
pub(crate) const DEFAULT_CAPACITY: usize = 10_000;

/// More than this is a mistake: it would be gigabytes.
const MAX_CAPACITY: usize = 10_000_000;

/// What a token of up to this size takes, with its claims and all that belongs to it, counts as one;
/// larger ones count as several.
const USUAL_BYTES: usize = 1536;

/// What belongs to a token beside its text and its claims.
const FIXED_BYTES: usize = 384;

/// Verified tokens by their whole text.
///
/// One cache is of one verifier: other policies never see its entries. That an entry is found says
/// that the token was verified once. What may have changed since is asked again on every hit: the
/// time, the key, and, by the caller, whether the token was taken back. A refused token is never
/// kept.
pub(crate) struct TokenCache {
    tokens: Cache<Box<[u8]>, Arc<KnownToken>, Weight>,
    capacity: usize,
}

/// A token that was verified.
pub(crate) struct KnownToken {
    pub(crate) verified: Verified,
    /// Which of the verifier's policies it was verified by.
    pub(crate) trusted: usize,
    /// When it was verified. At an earlier time nothing is known of it: `nbf` and `iat` may lie
    /// ahead.
    pub(crate) verified_at: SystemTime,
    /// The first moment at which it is no longer good, leeway included.
    pub(crate) ends_at: SystemTime,
    /// The key that verified it, and what its header asked for.
    pub(crate) key: Arc<VerifyingKey>,
    pub(crate) kid: Option<Box<str>>,
    pub(crate) algorithm: Algorithm,
}

impl KnownToken {
    /// Whether time and key are such that verifying it again would come to the same.
    pub(crate) fn holds(&self, now: SystemTime, keys: &Keys) -> bool {
        if now < self.verified_at || now >= self.ends_at {
            return false;
        }
        let wanted = WantedKey::new(self.kid.as_deref(), self.algorithm);
        match keys.find(&wanted) {
            KeyLookup::Found(key) => key.is_same_key(&self.key),
            KeyLookup::Ask | KeyLookup::Unavailable | KeyLookup::Unknown => false,
        }
    }
}

impl TokenCache {
    pub(crate) fn new(capacity: usize) -> Result<Self, ConfigError> {
        if capacity == 0 {
            return Err(ConfigError::new(
                "cache_capacity",
                "must not be 0: `without_cache` switches the cache off",
            ));
        }
        if capacity > MAX_CAPACITY {
            return Err(ConfigError::new(
                "cache_capacity",
                format!("must be at most {MAX_CAPACITY}"),
            ));
        }
        Ok(Self::of_capacity(capacity))
    }

    fn of_capacity(capacity: usize) -> Self {
        Self {
            tokens: Cache::with_weighter(capacity, capacity as u64, Weight),
            capacity,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.tokens.len()
    }

    pub(crate) fn get(&self, token: &[u8]) -> Option<Arc<KnownToken>> {
        self.tokens.get(token)
    }

    pub(crate) fn insert(&self, token: &[u8], known: KnownToken) {
        // A copy: the header that the token came in is part of a larger buffer.
        self.tokens.insert(Box::from(token), Arc::new(known));
    }

    /// Forgets what turned out not to hold, unless somebody has verified the token anew meanwhile.
    pub(crate) fn forget(&self, token: &[u8], known: &Arc<KnownToken>) {
        self.tokens
            .remove_if(token, |current| Arc::ptr_eq(current, known));
    }
}

impl Default for TokenCache {
    fn default() -> Self {
        Self::of_capacity(DEFAULT_CAPACITY)
    }
}

/// A copy is empty: whoever copies a verifier may change it.
impl Clone for TokenCache {
    fn clone(&self) -> Self {
        Self::of_capacity(self.capacity)
    }
}

#[derive(Clone)]
struct Weight;

impl Weighter<Box<[u8]>, Arc<KnownToken>> for Weight {
    fn weight(&self, token: &Box<[u8]>, known: &Arc<KnownToken>) -> u64 {
        let claims = known
            .verified
            .identity
            .raw_claims()
            .map_or(0, |claims| claims.len());
        let bytes = FIXED_BYTES + token.len() + claims;
        bytes.div_ceil(USUAL_BYTES) as u64
    }
}
