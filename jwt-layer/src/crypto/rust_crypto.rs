//! jsonwebtoken's RustCrypto backend, named explicitly instead of through its global provider.

use auth_layer::{AuthError, AuthErrorKind, ConfigError, ExposeSecret, SecretSlice, random_bytes};
use jsonwebtoken::crypto::rust_crypto::DEFAULT_PROVIDER;
use jsonwebtoken::jwk::EllipticCurve;
use jsonwebtoken::{DecodingKey, EncodingKey};

use super::material::refused;
use super::{Curve, PrivateMaterial, PublicMaterial};
use crate::Algorithm;
use crate::key::der;

/// Verifies with one key and one algorithm.
pub(crate) struct Verifier {
    algorithm: jsonwebtoken::Algorithm,
    key: DecodingKey,
}

impl Verifier {
    /// `material` has been checked to fit `algorithm`.
    pub(crate) fn new(
        algorithm: Algorithm,
        material: &PublicMaterial,
    ) -> Result<Self, ConfigError> {
        let key = match material {
            PublicMaterial::Ec { point, .. } => DecodingKey::from_ec_der(point),
            PublicMaterial::Ed { x } => DecodingKey::from_ed_der(x),
            PublicMaterial::Rsa { n, .. } if n.len() > 512 => {
                return Err(refused(
                    "is an RSA key of more than 4096 bits, which needs the `aws-lc` backend",
                ));
            }
            PublicMaterial::Rsa { n, e } => DecodingKey::from_rsa_raw_components(n, e),
            PublicMaterial::Symmetric(secret) => DecodingKey::from_secret(secret.expose_secret()),
        };
        let name = algorithm;
        let algorithm = supported(algorithm)?;
        // Building one shows whether the key can be used at all.
        (DEFAULT_PROVIDER.verifier_factory)(&algorithm, &key)
            .map_err(|_| refused(format!("is not a valid {name} key")))?;
        Ok(Self { algorithm, key })
    }

    pub(crate) fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        (DEFAULT_PROVIDER.verifier_factory)(&self.algorithm, &self.key)
            .is_ok_and(|verifier| verifier.verify(message, &signature.to_vec()).is_ok())
    }
}

/// Signs with one key and one algorithm.
pub(crate) struct Signer {
    algorithm: jsonwebtoken::Algorithm,
    key: EncodingKey,
}

impl Signer {
    /// Prepares a key; what verifies its signatures comes with it.
    pub(crate) fn new(
        algorithm: Algorithm,
        material: &PrivateMaterial,
    ) -> Result<(Self, PublicMaterial), ConfigError> {
        let theirs = supported(algorithm)?;
        let utils = &DEFAULT_PROVIDER.key_utils;
        let invalid = |_| refused(format!("is not a valid {algorithm} key"));
        let (key, public) = match material {
            PrivateMaterial::Ec(pkcs8) => {
                let pkcs8 = pkcs8.expose_secret();
                let (curve, x, y) =
                    (utils.ec_pub_components_from_private_key)(pkcs8, theirs).map_err(invalid)?;
                let curve = match curve {
                    EllipticCurve::P256 => Curve::P256,
                    _ => Curve::P384,
                };
                let point = [&[4], &*x, &*y].concat();
                (
                    EncodingKey::from_ec_der(pkcs8),
                    PublicMaterial::Ec { curve, point },
                )
            }
            PrivateMaterial::Ed(pkcs8) => {
                let pkcs8 = pkcs8.expose_secret();
                let x = (utils.ed_pub_components_from_private_key)(pkcs8, &EllipticCurve::Ed25519)
                    .map_err(invalid)?;
                (EncodingKey::from_ed_der(pkcs8), PublicMaterial::Ed { x })
            }
            PrivateMaterial::Rsa(pkcs1) => {
                let pkcs1 = pkcs1.expose_secret();
                let (n, e) = (utils.rsa_pub_components_from_private_key)(pkcs1).map_err(invalid)?;
                (
                    EncodingKey::from_rsa_der(pkcs1),
                    PublicMaterial::Rsa { n, e },
                )
            }
            PrivateMaterial::Symmetric(secret) => (
                EncodingKey::from_secret(secret.expose_secret()),
                PublicMaterial::Symmetric(secret.clone()),
            ),
        };
        (DEFAULT_PROVIDER.signer_factory)(&theirs, &key).map_err(invalid)?;
        let signer = Self {
            algorithm: theirs,
            key,
        };
        Ok((signer, public))
    }

    /// Makes a new private key.
    pub(crate) fn generate(algorithm: Algorithm) -> Result<PrivateMaterial, ConfigError> {
        let bytes = random_bytes::<64>().map_err(|error| refused(error.to_string()))?;
        Ok(match algorithm {
            Algorithm::EdDsa => PrivateMaterial::Ed(der::ed25519_pkcs8(&bytes[..32])),
            // Random bytes are outside the range of the curve once in 2^32 times, and then no key.
            Algorithm::Es256 => PrivateMaterial::Ec(der::p256_pkcs8(&bytes[..32])),
            Algorithm::Es384 => PrivateMaterial::Ec(der::p384_pkcs8(&bytes[..48])),
            Algorithm::Hs256 | Algorithm::Hs384 | Algorithm::Hs512 => {
                PrivateMaterial::Symmetric(SecretSlice::from(bytes.to_vec()))
            }
            _ => {
                return Err(refused(format!(
                    "for {algorithm} cannot be made by the `rust-crypto` backend: load one, or use `aws-lc`"
                )));
            }
        })
    }

    pub(crate) fn sign(&self, message: &[u8]) -> Result<Vec<u8>, AuthError> {
        let failed = || AuthError::new(AuthErrorKind::Internal, "signing_failed");
        let signer = (DEFAULT_PROVIDER.signer_factory)(&self.algorithm, &self.key)
            .map_err(|error| failed().with_source(error))?;
        signer
            .try_sign(message)
            .map_err(|error| failed().with_source(error))
    }
}

fn supported(algorithm: Algorithm) -> Result<jsonwebtoken::Algorithm, ConfigError> {
    Ok(match algorithm {
        Algorithm::EdDsa => jsonwebtoken::Algorithm::EdDSA,
        Algorithm::Es256 => jsonwebtoken::Algorithm::ES256,
        Algorithm::Es384 => jsonwebtoken::Algorithm::ES384,
        Algorithm::Es512 => return Err(refused("for ES512 needs the `aws-lc` backend")),
        Algorithm::Hs256 => jsonwebtoken::Algorithm::HS256,
        Algorithm::Hs384 => jsonwebtoken::Algorithm::HS384,
        Algorithm::Hs512 => jsonwebtoken::Algorithm::HS512,
        Algorithm::Ps256 => jsonwebtoken::Algorithm::PS256,
        Algorithm::Ps384 => jsonwebtoken::Algorithm::PS384,
        Algorithm::Ps512 => jsonwebtoken::Algorithm::PS512,
        Algorithm::Rs256 => jsonwebtoken::Algorithm::RS256,
        Algorithm::Rs384 => jsonwebtoken::Algorithm::RS384,
        Algorithm::Rs512 => jsonwebtoken::Algorithm::RS512,
    })
}
