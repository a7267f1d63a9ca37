//! Tokens that were verified, so that they need not be verified again at once.

use std::sync::{Arc, Weak};
use std::time::SystemTime;

use auth_layer::{ConfigError, random_bytes};
use highway::{HighwayHash as _, HighwayHasher, Key};
use quick_cache::Weighter;
use quick_cache::sync::Cache;

use crate::policy::AccessToken;
use crate::scheme::Verified;
use crate::verifier::Trusted;
use crate::{Algorithm, KeyLookup, Keys, VerifyingKey, WantedKey};

/// A shorter text is no token: a signature alone has 43 letters.
pub(crate) const MIN_TOKEN_LEN: usize = 64;

/// How many tokens are kept unless somebody says otherwise.
pub(crate) const DEFAULT_CAPACITY: usize = 10_000;

/// More than this is a mistake: it would be gigabytes.
const MAX_CAPACITY: usize = 10_000_000;

/// A token with up to so many bytes of claims counts as one; larger ones count as several.
const USUAL_CLAIMS: usize = 512;

/// Verified tokens, by a hash of their whole text.
///
/// One cache is of one verifier: other policies never see its entries. That an entry is found says
/// that the token was verified once. What may have changed since is asked again on every hit: the
/// time, the key, and, by the caller, whether the token was taken back. A refused token is never
/// kept.
///
/// The hash has 256 bits and a random key that never leaves the process, so nobody can look for two
/// texts of one hash. No token is in memory longer than its request.
pub(crate) struct TokenCache {
    tokens: Cache<Digest, Arc<KnownToken>, Weight>,
    key: Key,
    capacity: usize,
}

pub(crate) type Digest = [u64; 4];

/// A token that was verified.
pub(crate) struct KnownToken {
    pub(crate) verified: Verified,
    /// Which of the verifier's policies it was verified by. Weak, so that an issuer who is trusted no
    /// longer is not kept, nor its keys kept fresh, by tokens that nobody sends any more.
    pub(crate) trusted: Weak<Trusted<AccessToken>>,
    /// When it was verified. At an earlier time nothing is known of it: `nbf` and `iat` may lie
    /// ahead.
    pub(crate) verified_at: SystemTime,
    /// The key that verified it, and what its header asked for.
    pub(crate) key: Arc<VerifyingKey>,
    pub(crate) kid: Option<Box<str>>,
    pub(crate) algorithm: Algorithm,
}

impl KnownToken {
    /// Whether time and key are such that verifying it again would come to the same.
    pub(crate) fn holds(&self, now: SystemTime, keys: &Keys) -> bool {
        if now < self.verified_at || self.verified.has_ended(now) {
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
        let random = random_bytes::<32>();
        let random =
            random.map_err(|error| ConfigError::new("cache_capacity", error.to_string()))?;
        let (words, _) = random.as_chunks::<8>();
        let mut key = Key::default();
        for (word, bytes) in key.0.iter_mut().zip(words) {
            *word = u64::from_le_bytes(*bytes);
        }
        Ok(Self::with_key(capacity, key))
    }

    fn with_key(capacity: usize, key: Key) -> Self {
        Self {
            tokens: Cache::with_weighter(capacity, capacity as u64, Weight),
            key,
            capacity,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.tokens.len()
    }

    /// Where a token is, or would be.
    pub(crate) fn place(&self, token: &[u8]) -> Place<'_> {
        self.place_of(HighwayHasher::new(self.key).hash256(token))
    }

    pub(crate) fn place_of(&self, digest: Digest) -> Place<'_> {
        Place {
            cache: self,
            digest,
        }
    }
}

/// The place of one token in the cache; the token is hashed once.
pub(crate) struct Place<'a> {
    cache: &'a TokenCache,
    digest: Digest,
}

impl Place<'_> {
    pub(crate) fn digest(&self) -> Digest {
        self.digest
    }

    pub(crate) fn get(&self) -> Option<Arc<KnownToken>> {
        self.cache.tokens.get(&self.digest)
    }

    pub(crate) fn insert(self, known: KnownToken) {
        self.cache.tokens.insert(self.digest, Arc::new(known));
    }

    /// Forgets what turned out not to hold, unless somebody has verified the token anew meanwhile.
    pub(crate) fn forget(&self, known: &Arc<KnownToken>) {
        let is_same = |current: &Arc<KnownToken>| Arc::ptr_eq(current, known);
        self.cache.tokens.remove_if(&self.digest, is_same);
    }
}

/// A copy is empty: whoever copies a verifier may change it.
impl Clone for TokenCache {
    fn clone(&self) -> Self {
        Self::with_key(self.capacity, self.key)
    }
}

#[derive(Clone)]
struct Weight;

impl Weighter<Digest, Arc<KnownToken>> for Weight {
    fn weight(&self, _: &Digest, known: &Arc<KnownToken>) -> u64 {
        let claims = known.verified.identity.raw_claims();
        let bytes = claims.map_or(0, |claims| claims.len());
        bytes.div_ceil(USUAL_CLAIMS).max(1) as u64
    }
}

#[cfg(test)]
#[cfg(any(feature = "aws-lc", feature = "rust-crypto"))]
mod tests {
    use std::time::UNIX_EPOCH;

    use auth_layer::Identity;

    use super::*;

    fn known() -> KnownToken {
        KnownToken {
            verified: Verified {
                identity: Identity::new("bearer", "alice"),
                issued_at: UNIX_EPOCH,
                ends_at: None,
            },
            trusted: Weak::new(),
            verified_at: UNIX_EPOCH,
            key: Arc::new(VerifyingKey::from_secret(Algorithm::Hs256, &[7; 32]).unwrap()),
            kid: None,
            algorithm: Algorithm::Hs256,
        }
    }

    #[test]
    fn what_was_verified_anew_meanwhile_is_not_forgotten() {
        let cache = TokenCache::new(10).unwrap();
        let place = || cache.place(b"token");
        place().insert(known());
        let old = place().get().unwrap();
        place().insert(known());
        place().forget(&old);
        let new = place().get().unwrap();
        place().forget(&new);
        assert!(place().get().is_none());
    }
}
