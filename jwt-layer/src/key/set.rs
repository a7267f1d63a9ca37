//! Several keys of one issuer.

use std::sync::Arc;

use auth_layer::ConfigError;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::VerifyingKey;
use super::jwk::Jwk;
use crate::Algorithm;

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
            return Err(ConfigError::new("keys", "holds no usable key"));
        }
        if keys.len() > MAX_KEYS {
            return Err(ConfigError::new(
                "keys",
                format!("holds more than {MAX_KEYS} keys"),
            ));
        }
        let secrets = keys
            .iter()
            .filter(|key| key.algorithm().is_symmetric())
            .count();
        if secrets != 0 && secrets != keys.len() {
            return Err(ConfigError::new("keys", "holds secrets beside public keys"));
        }
        for (index, key) in keys.iter().enumerate() {
            let same = |other: &Arc<VerifyingKey>| {
                other.algorithm() == key.algorithm() && other.kid() == key.kid()
            };
            if keys[..index].iter().any(same) {
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
    /// purposes, of unknown kinds and secrets are left out, as section 5 asks for.
    ///
    /// # Errors
    ///
    /// Fails if the document is not a JWKS, and if no key of it can be used.
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
        let document: Document<'_> = serde_json::from_str(json)
            .map_err(|_| ConfigError::new("keys", "is not a JWKS document"))?;
        if document.keys.len() > MAX_KEYS {
            return Err(ConfigError::new(
                "keys",
                format!("holds more than {MAX_KEYS} keys"),
            ));
        }
        let mut keys = Vec::new();
        for json in document.keys.iter().map(|raw| raw.get()) {
            if Jwk::parse(json).is_ok_and(|jwk| !jwk.is_symmetric()) {
                let fits = algorithms
                    .iter()
                    .filter_map(|algorithm| VerifyingKey::from_jwk(*algorithm, json).ok());
                keys.extend(fits);
            }
        }
        Self::new(keys)
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
