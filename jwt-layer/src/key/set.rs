//! Several keys of one issuer.

use std::sync::Arc;

use auth_layer::ConfigError;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::VerifyingKey;
use super::jwk::{self, Jwk};
use crate::Algorithm;
use crate::token::from_object;

/// The most keys that a set may have.
const MAX_KEYS: usize = 100;

/// The keys of one issuer, as they are at one moment.
///
/// How a token finds its key:
///
/// 1. Only keys of the algorithm that the token names are looked at.
/// 2. A token that names a key by `kid` gets the key of that id. If no key has it, a single key
///    without an id of its own will do.
/// 3. A token without `kid` gets the only key there is for its algorithm, and none if there are
///    several.
#[derive(Clone, Debug)]
pub struct KeySet {
    keys: Arc<[Arc<VerifyingKey>]>,
}

impl KeySet {
    /// A set of these keys.
    ///
    /// # Errors
    ///
    /// Refuses no keys, more than 100, two keys with the same algorithm and id, and secrets beside
    /// public keys.
    pub fn new(keys: impl IntoIterator<Item = VerifyingKey>) -> Result<Self, ConfigError> {
        let keys: Vec<_> = keys.into_iter().map(Arc::new).collect();
        if keys.is_empty() {
            return Err(no_key());
        }
        if keys.len() > MAX_KEYS {
            return Err(too_many());
        }
        let secrets = keys
            .iter()
            .filter(|key| key.algorithm().is_symmetric())
            .count();
        if secrets != 0 && secrets != keys.len() {
            return Err(ConfigError::new("keys", "holds secrets beside public keys"));
        }
        for (index, key) in keys.iter().enumerate() {
            if keys[..index].iter().any(|other| other.is_named_like(key)) {
                return Err(ConfigError::new(
                    "keys",
                    format!("holds two keys for {} with one id", key.algorithm()),
                ));
            }
        }
        Ok(Self { keys: keys.into() })
    }

    /// The public keys of a JWKS document (RFC 7517 section 5) that fit one of `algorithms`.
    ///
    /// A key without `alg` is taken for each of `algorithms` that fits its kind. Keys for other
    /// purposes, of unknown kinds and secrets are left out, as section 5 asks for. So are different
    /// keys with the same algorithm and id, because a token could not tell which of them it means; a
    /// key that occurs twice is taken once.
    ///
    /// # Errors
    ///
    /// Fails if the document is not a JWKS or has more than 100 keys, and if none of them can be used.
    pub fn from_jwks(
        json: &str,
        algorithms: impl IntoIterator<Item = Algorithm>,
    ) -> Result<Self, ConfigError> {
        #[derive(Deserialize)]
        struct Document<'a> {
            #[serde(borrow)]
            keys: Vec<&'a RawValue>,
        }

        let algorithms: Vec<_> = algorithms.into_iter().collect();
        let document: Document<'_> =
            from_object(json).map_err(|_| ConfigError::new("keys", "is not a JWKS document"))?;
        if document.keys.len() > MAX_KEYS {
            return Err(too_many());
        }
        let mut found: Vec<Found> = Vec::new();
        for json in document.keys.iter().map(|raw| raw.get()) {
            let Ok(jwk) = Jwk::parse(json) else { continue };
            let Ok(material) = jwk.material() else {
                continue;
            };
            // Secrets have no thumbprint.
            let Some(thumbprint) = jwk::thumbprint(&material) else {
                continue;
            };
            for algorithm in &algorithms {
                let Ok(key) = VerifyingKey::from_parsed(*algorithm, &jwk) else {
                    continue;
                };
                let same = |other: &&mut Found| other.key.is_named_like(&key);
                match found.iter_mut().find(same) {
                    Some(other) => other.is_ambiguous |= other.thumbprint != thumbprint,
                    None => found.push(Found {
                        key,
                        thumbprint: thumbprint.clone(),
                        is_ambiguous: false,
                    }),
                }
            }
        }
        let keys = found.into_iter().filter(|found| !found.is_ambiguous);
        let keys: Arc<[_]> = keys.map(|found| Arc::new(found.key)).collect();
        if keys.is_empty() {
            return Err(no_key());
        }
        Ok(Self { keys })
    }

    /// The key for a token that names `kid` and `algorithm`.
    pub fn find(&self, kid: Option<&str>, algorithm: Algorithm) -> Option<&Arc<VerifyingKey>> {
        let of_algorithm = || self.keys.iter().filter(|key| key.algorithm() == algorithm);
        match kid {
            Some(kid) => of_algorithm()
                .find(|key| key.kid() == Some(kid))
                .or_else(|| only(of_algorithm().filter(|key| key.kid().is_none()))),
            None => only(of_algorithm()),
        }
    }

    /// How many keys there are.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Always false: a set has keys.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }
}

/// A key of a document.
struct Found {
    key: VerifyingKey,
    thumbprint: String,
    /// Whether another key has the same algorithm and id.
    is_ambiguous: bool,
}

impl VerifyingKey {
    /// Whether a token could not tell the two apart.
    fn is_named_like(&self, other: &Self) -> bool {
        self.algorithm() == other.algorithm() && self.kid() == other.kid()
    }
}

fn no_key() -> ConfigError {
    ConfigError::new("keys", "holds no usable key")
}

fn too_many() -> ConfigError {
    ConfigError::new("keys", format!("holds more than {MAX_KEYS} keys"))
}

fn only<T>(mut items: impl Iterator<Item = T>) -> Option<T> {
    let first = items.next()?;
    items.next().is_none().then_some(first)
}

#[cfg(test)]
#[cfg(any(feature = "aws-lc", feature = "rust-crypto"))]
mod tests {
    use super::*;

    fn key(algorithm: Algorithm, kid: Option<&str>) -> VerifyingKey {
        let key = VerifyingKey::from_secret(algorithm, &[7; 64]).unwrap();
        match kid {
            Some(kid) => key.with_kid(kid),
            None => key,
        }
    }

    #[test]
    fn a_token_gets_the_key_it_names_or_the_only_one() {
        use Algorithm::{Hs256, Hs384, Hs512};

        let keys = [
            key(Hs256, Some("a")),
            key(Hs256, Some("b")),
            key(Hs384, Some("a")),
            key(Hs512, None),
        ];
        let set = KeySet::new(keys).unwrap();
        for (kid, algorithm, found) in [
            (Some("a"), Hs256, Some(Some("a"))),
            (Some("b"), Hs256, Some(Some("b"))),
            (Some("c"), Hs256, None),
            (None, Hs256, None), // two candidates
            (None, Hs384, Some(Some("a"))),
            (Some("b"), Hs384, None), // another key's algorithm
            (Some("x"), Hs512, Some(None)),
            (None, Hs512, Some(None)),
            (Some("a"), Algorithm::Rs256, None),
        ] {
            let key = set.find(kid, algorithm).map(|key| key.kid());
            assert_eq!(key, found, "{kid:?} {algorithm}");
        }
    }

    #[test]
    fn ambiguous_and_empty_sets_are_refused() {
        use Algorithm::Hs256;

        assert!(KeySet::new([]).is_err());
        assert!(KeySet::new([key(Hs256, Some("a")), key(Hs256, Some("a"))]).is_err());
        assert!(KeySet::new([key(Hs256, None), key(Hs256, None)]).is_err());
    }
}
