//! Keys that sign.

use std::fmt;

use auth_layer::{AuthError, ConfigError, SecretSlice};

use crate::crypto::{PrivateMaterial, PublicMaterial, Signer};
use crate::key::jwk;
use crate::{Algorithm, VerifyingKey};

/// A key that signs with one algorithm.
///
/// Its id is the thumbprint of the public key (RFC 7638). A secret has no id unless it is given one,
/// because not even a hash of it is given away.
///
/// ```
/// # #[cfg(any(feature = "aws-lc", feature = "rust-crypto"))] {
/// use jwt_layer::{Algorithm, SigningKey};
///
/// let key = SigningKey::generate(Algorithm::Es256)?;
/// assert!(key.kid().is_some());
/// # }
/// # Ok::<(), auth_layer::ConfigError>(())
/// ```
pub struct SigningKey {
    kid: Option<Box<str>>,
    algorithm: Algorithm,
    signer: Signer,
    public: PublicMaterial,
}

impl SigningKey {
    /// A new random key: for RSA one of 2048 bits, which only the `aws-lc` backend makes.
    ///
    /// # Errors
    ///
    /// Fails if the backend cannot make keys for `algorithm`.
    pub fn generate(algorithm: Algorithm) -> Result<Self, ConfigError> {
        let material = Signer::generate(algorithm)?;
        Self::new(algorithm, Signer::new(algorithm, &material)?)
    }

    /// A private key in PEM: `PRIVATE KEY` (PKCS#8), or `RSA PRIVATE KEY`.
    ///
    /// # Errors
    ///
    /// Refuses what is not a private key for `algorithm`, and weak keys.
    pub fn from_pem(algorithm: Algorithm, pem: &str) -> Result<Self, ConfigError> {
        let material = PrivateMaterial::from_pem(algorithm, pem)?;
        Self::new(algorithm, Signer::new(algorithm, &material)?)
    }

    /// A secret, to be shared with those who verify. They can sign, too.
    ///
    /// # Errors
    ///
    /// Refuses algorithms other than HMAC, and secrets shorter than the hash (32, 48 or 64 bytes).
    pub fn from_secret(algorithm: Algorithm, secret: &[u8]) -> Result<Self, ConfigError> {
        let secret = SecretSlice::from(secret.to_vec());
        PublicMaterial::Symmetric(secret.clone()).check(algorithm)?;
        let signer = Signer::new(algorithm, &PrivateMaterial::Symmetric(secret))?;
        Self::new(algorithm, signer)
    }

    /// A new private key, in the form that [`from_private`](Self::from_private) reads.
    #[cfg(feature = "key-ring")]
    pub(crate) fn generate_private(algorithm: Algorithm) -> Result<SecretSlice<u8>, ConfigError> {
        Ok(Signer::generate(algorithm)?.into_bytes())
    }

    /// A private key as it was kept.
    #[cfg(feature = "key-ring")]
    pub(crate) fn from_private(
        algorithm: Algorithm,
        private: SecretSlice<u8>,
    ) -> Result<Self, ConfigError> {
        let material = PrivateMaterial::from_bytes(algorithm, private);
        Self::new(algorithm, Signer::new(algorithm, &material)?)
    }

    fn new(
        algorithm: Algorithm,
        (signer, public): (Signer, PublicMaterial),
    ) -> Result<Self, ConfigError> {
        public.check(algorithm)?;
        Ok(Self {
            kid: jwk::thumbprint(&public).map(String::into_boxed_str),
            algorithm,
            signer,
            public,
        })
    }

    /// Gives the key another id than its thumbprint.
    #[must_use]
    pub fn with_kid(mut self, kid: impl Into<Box<str>>) -> Self {
        self.kid = Some(kid.into());
        self
    }

    /// The id of the key.
    pub fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    /// The algorithm it signs with.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The key that verifies what this one signs.
    ///
    /// # Errors
    ///
    /// Fails if the backend cannot verify with it.
    pub fn verifying_key(&self) -> Result<VerifyingKey, ConfigError> {
        let key = VerifyingKey::new(self.algorithm, &self.public)?;
        Ok(match &self.kid {
            Some(kid) => key.with_kid(kid.clone()),
            None => key,
        })
    }

    /// The public key as a JSON Web Key; `None` for a secret.
    pub fn public_jwk(&self) -> Option<String> {
        jwk::to_json(&self.public, self.algorithm, self.kid())
    }

    pub(crate) fn sign(&self, message: &[u8]) -> Result<Vec<u8>, AuthError> {
        self.signer.sign(message)
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey")
            .field("kid", &self.kid)
            .field("algorithm", &self.algorithm)
            .finish_non_exhaustive()
    }
}
