//! What an issuer signs with.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use auth_layer::{AuthError, ConfigError, SecretString};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;

use super::SigningKey;
use super::issuer::internal;
#[cfg(feature = "key-ring")]
use crate::KeyRing;
use crate::{Algorithm, KeySet, Keys};

/// What an [`Issuer`](crate::Issuer) signs with: one [`SigningKey`], or a `KeyRing` (feature
/// `key-ring`). Made with `From` from either.
#[derive(Clone, Debug)]
pub struct SigningKeys(Kind);

#[derive(Clone, Debug)]
enum Kind {
    One(Arc<SigningKey>),
    #[cfg(feature = "key-ring")]
    Ring(KeyRing),
}

impl From<SigningKey> for SigningKeys {
    fn from(key: SigningKey) -> Self {
        Self(Kind::One(Arc::new(key)))
    }
}

#[cfg(feature = "key-ring")]
impl From<KeyRing> for SigningKeys {
    fn from(ring: KeyRing) -> Self {
        Self(Kind::Ring(ring))
    }
}

impl SigningKeys {
    /// Whether tokens that live so long end before their key does.
    pub(super) fn check_lifetime(&self, lifetime: Duration) -> Result<(), ConfigError> {
        match &self.0 {
            Kind::One(_) => {
                let _ = lifetime;
                Ok(())
            }
            #[cfg(feature = "key-ring")]
            Kind::Ring(ring) if lifetime <= ring.token_lifetime() => Ok(()),
            #[cfg(feature = "key-ring")]
            Kind::Ring(_) => Err(ConfigError::new(
                "lifetime",
                format!("must be at most the ring's `token_lifetime`, not {lifetime:?}"),
            )),
        }
    }
}

/// The keys, ready for use.
pub(super) enum Signing {
    One {
        key: Arc<SigningKey>,
        header: String,
        jwks: Arc<str>,
        keys: Keys,
    },
    #[cfg(feature = "key-ring")]
    Ring(KeyRing),
}

impl Signing {
    pub(super) fn new(keys: &SigningKeys) -> Result<Self, ConfigError> {
        Ok(match &keys.0 {
            Kind::One(key) => Self::One {
                header: header_of(key)?,
                jwks: format!(r#"{{"keys":[{}]}}"#, key.public_jwk().unwrap_or_default()).into(),
                keys: KeySet::new([key.verifying_key()?])?.into(),
                key: Arc::clone(key),
            },
            #[cfg(feature = "key-ring")]
            Kind::Ring(ring) => Self::Ring(ring.clone()),
        })
    }

    /// A token with these claims, signed with the key of this time.
    pub(super) fn sign(
        &self,
        payload: &impl Serialize,
        now: SystemTime,
    ) -> Result<SecretString, AuthError> {
        match self {
            Self::One { key, header, .. } => {
                let _ = now;
                sign(key, header, payload)
            }
            #[cfg(feature = "key-ring")]
            Self::Ring(ring) => {
                let key = ring.signing(now)?;
                sign(&key.signing, &key.header, payload)
            }
        }
    }

    pub(super) fn jwks(&self) -> Arc<str> {
        match self {
            Self::One { jwks, .. } => Arc::clone(jwks),
            #[cfg(feature = "key-ring")]
            Self::Ring(ring) => ring.jwks(),
        }
    }

    pub(super) fn verifying_keys(&self) -> Keys {
        match self {
            Self::One { keys, .. } => keys.clone(),
            #[cfg(feature = "key-ring")]
            Self::Ring(ring) => Keys::from_source(ring.clone()),
        }
    }

    /// For how long others may keep the document at most.
    pub(super) fn max_age(&self) -> Duration {
        match self {
            Self::One { .. } => Duration::MAX,
            #[cfg(feature = "key-ring")]
            Self::Ring(ring) => ring.publish_ahead() / 2,
        }
    }

    pub(super) fn algorithms(&self) -> Vec<Algorithm> {
        match self {
            Self::One { key, .. } => vec![key.algorithm()],
            #[cfg(feature = "key-ring")]
            Self::Ring(ring) => ring.algorithms(),
        }
    }
}

fn sign(
    key: &SigningKey,
    header: &str,
    payload: &impl Serialize,
) -> Result<SecretString, AuthError> {
    let payload = serde_json::to_vec(payload)
        .map_err(|error| internal("unwritable_claims").with_source(error))?;
    let mut token = header.to_owned();
    token.push('.');
    URL_SAFE_NO_PAD.encode_string(payload, &mut token);
    let signature = key.sign(token.as_bytes())?;
    token.push('.');
    URL_SAFE_NO_PAD.encode_string(signature, &mut token);
    Ok(token.into())
}

/// The encoded header of every access token that `key` signs.
pub(crate) fn header_of(key: &SigningKey) -> Result<String, ConfigError> {
    #[derive(Serialize)]
    struct Header<'a> {
        alg: &'a str,
        typ: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        kid: Option<&'a str>,
    }

    let header = Header {
        alg: key.algorithm().as_str(),
        typ: "at+jwt",
        kid: key.kid(),
    };
    let header =
        serde_json::to_vec(&header).map_err(|error| ConfigError::new("key", error.to_string()))?;
    Ok(URL_SAFE_NO_PAD.encode(header))
}
