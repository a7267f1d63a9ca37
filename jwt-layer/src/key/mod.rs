//! Keys that verify: [`VerifyingKey`], [`KeySet`] and where they come from.

pub(crate) mod der;
pub(crate) mod jwk;
#[cfg(feature = "remote")]
mod remote;
mod set;
mod source;

use std::fmt;

use auth_layer::{ConfigError, SecretSlice};
use jsonwebtoken::DecodingKey;

#[cfg(feature = "remote")]
pub use self::remote::{RemoteKeys, RemoteKeysBuilder};
pub use self::set::KeySet;
pub use self::source::{KeyLookup, KeySource, Keys, WantedKey};
use crate::Algorithm;
use crate::algorithm::Family;
use crate::crypto::{Curve, PublicMaterial, Verifier};

/// One key that verifies signatures of one algorithm.
///
/// The algorithm belongs to the key and is never taken from a token: a public key cannot be passed
/// off as an HMAC secret. Weak keys are refused when they are loaded: HMAC secrets shorter than
/// their hash, RSA below 2048 bits, points that are not on their curve or of small order.
///
/// ```
/// # #[cfg(any(feature = "aws-lc", feature = "rust-crypto"))] {
/// use jwt_layer::{Algorithm, VerifyingKey};
///
/// let secret = [7; 32]; // from your configuration
/// let key = VerifyingKey::from_secret(Algorithm::Hs256, &secret)?;
/// assert_eq!(key.algorithm(), Algorithm::Hs256);
/// assert!(VerifyingKey::from_secret(Algorithm::Hs256, b"too short").is_err());
/// # }
/// # Ok::<(), auth_layer::ConfigError>(())
/// ```
pub struct VerifyingKey {
    kid: Option<Box<str>>,
    algorithm: Algorithm,
    verifier: Verifier,
    digest: [u8; 32],
    thumbprint: Option<Box<str>>,
}

impl VerifyingKey {
    pub(crate) fn new(
        algorithm: Algorithm,
        material: &PublicMaterial,
    ) -> Result<Self, ConfigError> {
        material.check(algorithm)?;
        Ok(Self {
            kid: None,
            algorithm,
            verifier: Verifier::new(algorithm, material)?,
            digest: material.digest(),
            thumbprint: jwk::thumbprint(material).map(String::into_boxed_str),
        })
    }

    /// A secret that is shared with the issuer.
    ///
    /// # Errors
    ///
    /// Refuses algorithms other than HMAC, and secrets shorter than the hash (32, 48 or 64 bytes).
    pub fn from_secret(algorithm: Algorithm, secret: &[u8]) -> Result<Self, ConfigError> {
        let secret = SecretSlice::from(secret.to_vec());
        Self::new(algorithm, &PublicMaterial::Symmetric(secret))
    }

    /// A public key or certificate in PEM: `PUBLIC KEY`, `RSA PUBLIC KEY` or `CERTIFICATE`.
    ///
    /// Of a certificate only the key is taken; nothing else in it is checked.
    ///
    /// # Errors
    ///
    /// Refuses what is not a public key for `algorithm`, and weak keys.
    pub fn from_pem(algorithm: Algorithm, pem: &str) -> Result<Self, ConfigError> {
        Self::new(algorithm, &public_from_pem(algorithm, pem)?)
    }

    /// A public key in DER (`SubjectPublicKeyInfo`).
    ///
    /// # Errors
    ///
    /// Refuses what is not a public key for `algorithm`, and weak keys.
    pub fn from_der(algorithm: Algorithm, der: &[u8]) -> Result<Self, ConfigError> {
        Self::from_pem(algorithm, &der::to_pem("PUBLIC KEY", der))
    }

    /// A JSON Web Key (RFC 7517), with its `kid`.
    ///
    /// # Errors
    ///
    /// Refuses a key that says of itself that it is for something else (`alg`, `use`, `key_ops`), a
    /// private key, what does not fit `algorithm`, and weak keys.
    pub fn from_jwk(algorithm: Algorithm, json: &str) -> Result<Self, ConfigError> {
        Self::from_parsed(algorithm, &jwk::Jwk::parse(json)?)
    }

    pub(crate) fn from_parsed(algorithm: Algorithm, jwk: &jwk::Jwk) -> Result<Self, ConfigError> {
        jwk.check_purpose(algorithm)?;
        let mut key = Self::new(algorithm, &jwk.material()?)?;
        key.kid = jwk.kid.as_deref().map(Box::from);
        Ok(key)
    }

    /// Gives the key an id: it then verifies only tokens whose header names this id, or none.
    #[must_use]
    pub fn with_kid(mut self, kid: impl Into<Box<str>>) -> Self {
        self.kid = Some(kid.into());
        self
    }

    /// The id of the key.
    pub fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    /// The one algorithm that the key is for.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The SHA-256 thumbprint of the public key (RFC 7638), whatever its id. `None` for a secret, of
    /// which not even a hash is given away.
    pub fn thumbprint(&self) -> Option<&str> {
        self.thumbprint.as_deref()
    }

    /// Whether both verify the same: the same algorithm and the same key, whatever they are called.
    pub(crate) fn is_same_key(&self, other: &Self) -> bool {
        std::ptr::eq(self, other)
            || (self.algorithm == other.algorithm && self.digest == other.digest)
    }

    pub(crate) fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        self.verifier.verify(message, signature)
    }
}

impl fmt::Debug for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifyingKey")
            .field("kid", &self.kid)
            .field("algorithm", &self.algorithm)
            .finish_non_exhaustive()
    }
}

/// Reads a public key through jsonwebtoken's PEM reader.
fn public_from_pem(algorithm: Algorithm, pem: &str) -> Result<PublicMaterial, ConfigError> {
    let unreadable =
        |_| ConfigError::new("key", format!("is not a PEM public key for {algorithm}"));
    let pem = pem.as_bytes();
    let bytes = |key: &DecodingKey| {
        key.try_get_as_bytes()
            .map(<[u8]>::to_vec)
            .map_err(unreadable)
    };
    Ok(match algorithm.family() {
        Family::Ec => PublicMaterial::Ec {
            curve: Curve::of(algorithm).unwrap_or(Curve::P256),
            point: bytes(&DecodingKey::from_ec_pem(pem).map_err(unreadable)?)?,
        },
        Family::Ed => PublicMaterial::Ed {
            x: bytes(&DecodingKey::from_ed_pem(pem).map_err(unreadable)?)?,
        },
        Family::Rsa => {
            let pkcs1 = bytes(&DecodingKey::from_rsa_pem(pem).map_err(unreadable)?)?;
            let (n, e) = der::rsa_public_key(&pkcs1)?;
            PublicMaterial::Rsa { n, e }
        }
        Family::Hmac => {
            return Err(ConfigError::new(
                "key",
                format!("is in PEM, and {algorithm} takes a secret"),
            ));
        }
    })
}
