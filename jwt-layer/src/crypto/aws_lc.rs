//! Keys prepared once, with aws-lc-rs.

use auth_layer::{AuthError, AuthErrorKind, ConfigError, ExposeSecret, SecretSlice, random_bytes};
use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    self, EcdsaKeyPair, EcdsaSigningAlgorithm, Ed25519KeyPair, KeyPair as _, ParsedPublicKey,
    RsaEncoding, RsaKeyPair, RsaParameters, RsaPublicKeyComponents, VerificationAlgorithm,
};

use super::material::refused;
use super::{Curve, PrivateMaterial, PublicMaterial};
use crate::Algorithm;
use crate::key::der;

/// Verifies with one key and one algorithm.
pub(crate) enum Verifier {
    Hmac(Box<hmac::Key>),
    Public(ParsedPublicKey),
}

impl Verifier {
    /// `material` has been checked to fit `algorithm`.
    pub(crate) fn new(
        algorithm: Algorithm,
        material: &PublicMaterial,
    ) -> Result<Self, ConfigError> {
        let parsed = match material {
            PublicMaterial::Symmetric(secret) => {
                let hash = hmac_hash(algorithm)?;
                let key = hmac::Key::new(hash, secret.expose_secret());
                return Ok(Self::Hmac(Box::new(key)));
            }
            PublicMaterial::Rsa { n, e } => {
                RsaPublicKeyComponents { n, e }.to_parsed_public_key(rsa_parameters(algorithm)?)
            }
            PublicMaterial::Ec { point, .. } => ParsedPublicKey::new(ecdsa(algorithm)?, point),
            PublicMaterial::Ed { x } => ParsedPublicKey::new(&signature::ED25519, x),
        };
        match parsed {
            Ok(key) => Ok(Self::Public(key)),
            Err(_) => Err(refused(format!("is not a valid {algorithm} key"))),
        }
    }

    pub(crate) fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        match self {
            Self::Hmac(key) => hmac::verify(key, message, signature).is_ok(),
            Self::Public(key) => key.verify_sig(message, signature).is_ok(),
        }
    }
}

/// Signs with one key and one algorithm.
pub(crate) enum Signer {
    Ec(EcdsaKeyPair),
    Ed(Ed25519KeyPair),
    Hmac(Box<hmac::Key>),
    Rsa(RsaKeyPair, &'static dyn RsaEncoding),
}

impl Signer {
    /// Prepares a key; what verifies its signatures comes with it.
    pub(crate) fn new(
        algorithm: Algorithm,
        material: &PrivateMaterial,
    ) -> Result<(Self, PublicMaterial), ConfigError> {
        let invalid = |_| refused(format!("is not a valid {algorithm} key"));
        Ok(match material {
            PrivateMaterial::Symmetric(secret) => {
                let key = hmac::Key::new(hmac_hash(algorithm)?, secret.expose_secret());
                let public = PublicMaterial::Symmetric(secret.clone());
                (Self::Hmac(Box::new(key)), public)
            }
            PrivateMaterial::Ec(pkcs8) => {
                let (curve, signing) = ecdsa_signing(algorithm)?;
                let pair = EcdsaKeyPair::from_pkcs8(signing, pkcs8.expose_secret());
                ec_signer(curve, pair.map_err(invalid)?)
            }
            PrivateMaterial::Ed(pkcs8) => {
                let pair = Ed25519KeyPair::from_pkcs8(pkcs8.expose_secret());
                ed_signer(pair.map_err(invalid)?)
            }
            PrivateMaterial::Rsa(pkcs1) => {
                let pair = RsaKeyPair::from_der(pkcs1.expose_secret()).map_err(invalid)?;
                rsa_signer(algorithm, pair)?
            }
        })
    }

    /// Makes a new private key.
    pub(crate) fn generate(algorithm: Algorithm) -> Result<PrivateMaterial, ConfigError> {
        let failed = |_| refused(format!("for {algorithm} could not be made"));
        let secret = |bytes: &[u8]| SecretSlice::from(bytes.to_vec());
        Ok(match algorithm {
            Algorithm::EdDsa => {
                let pair = Ed25519KeyPair::generate().map_err(failed)?;
                let pkcs8 = pair.to_pkcs8v1().map_err(failed)?;
                PrivateMaterial::Ed(secret(pkcs8.as_ref()))
            }
            Algorithm::Es256 | Algorithm::Es384 | Algorithm::Es512 => {
                let (_, signing) = ecdsa_signing(algorithm)?;
                let pair = EcdsaKeyPair::generate(signing).map_err(failed)?;
                let pkcs8 = pair.to_pkcs8v1().map_err(failed)?;
                PrivateMaterial::Ec(secret(pkcs8.as_ref()))
            }
            Algorithm::Hs256 | Algorithm::Hs384 | Algorithm::Hs512 => {
                let bytes = random_bytes::<64>().map_err(|error| refused(error.to_string()))?;
                PrivateMaterial::Symmetric(secret(&bytes))
            }
            _ => {
                let pair = aws_lc_rs::rsa::KeyPair::generate(KeySize::Rsa2048).map_err(failed)?;
                let der: Pkcs8V1Der<'_> = pair.as_der().map_err(failed)?;
                PrivateMaterial::from_pem(algorithm, &der::to_pem("PRIVATE KEY", der.as_ref()))?
            }
        })
    }

    pub(crate) fn sign(&self, message: &[u8]) -> Result<Vec<u8>, AuthError> {
        let failed = |_| AuthError::new(AuthErrorKind::Internal, "signing_failed");
        Ok(match self {
            Self::Ec(pair) => {
                let signature = pair.sign(&SystemRandom::new(), message).map_err(failed)?;
                signature.as_ref().to_vec()
            }
            Self::Ed(pair) => pair.try_sign(message).map_err(failed)?.as_ref().to_vec(),
            Self::Hmac(key) => hmac::sign(key, message).as_ref().to_vec(),
            Self::Rsa(pair, encoding) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(*encoding, &SystemRandom::new(), message, &mut signature)
                    .map_err(failed)?;
                signature
            }
        })
    }
}

fn ec_signer(curve: Curve, pair: EcdsaKeyPair) -> (Signer, PublicMaterial) {
    let point = pair.public_key().as_ref().to_vec();
    (Signer::Ec(pair), PublicMaterial::Ec { curve, point })
}

fn ed_signer(pair: Ed25519KeyPair) -> (Signer, PublicMaterial) {
    let x = pair.public_key().as_ref().to_vec();
    (Signer::Ed(pair), PublicMaterial::Ed { x })
}

fn rsa_signer(
    algorithm: Algorithm,
    pair: RsaKeyPair,
) -> Result<(Signer, PublicMaterial), ConfigError> {
    let (n, e) = der::rsa_public_key(pair.public_key().as_ref())?;
    let encoding: &'static dyn RsaEncoding = match algorithm {
        Algorithm::Ps256 => &signature::RSA_PSS_SHA256,
        Algorithm::Ps384 => &signature::RSA_PSS_SHA384,
        Algorithm::Ps512 => &signature::RSA_PSS_SHA512,
        Algorithm::Rs256 => &signature::RSA_PKCS1_SHA256,
        Algorithm::Rs384 => &signature::RSA_PKCS1_SHA384,
        Algorithm::Rs512 => &signature::RSA_PKCS1_SHA512,
        _ => {
            return Err(refused(format!(
                "is an RSA key, which {algorithm} does not use"
            )));
        }
    };
    Ok((Signer::Rsa(pair, encoding), PublicMaterial::Rsa { n, e }))
}

fn hmac_hash(algorithm: Algorithm) -> Result<hmac::Algorithm, ConfigError> {
    match algorithm {
        Algorithm::Hs256 => Ok(hmac::HMAC_SHA256),
        Algorithm::Hs384 => Ok(hmac::HMAC_SHA384),
        Algorithm::Hs512 => Ok(hmac::HMAC_SHA512),
        _ => Err(refused(format!(
            "is a secret, which {algorithm} does not use"
        ))),
    }
}

fn rsa_parameters(algorithm: Algorithm) -> Result<&'static RsaParameters, ConfigError> {
    match algorithm {
        Algorithm::Ps256 => Ok(&signature::RSA_PSS_2048_8192_SHA256),
        Algorithm::Ps384 => Ok(&signature::RSA_PSS_2048_8192_SHA384),
        Algorithm::Ps512 => Ok(&signature::RSA_PSS_2048_8192_SHA512),
        Algorithm::Rs256 => Ok(&signature::RSA_PKCS1_2048_8192_SHA256),
        Algorithm::Rs384 => Ok(&signature::RSA_PKCS1_2048_8192_SHA384),
        Algorithm::Rs512 => Ok(&signature::RSA_PKCS1_2048_8192_SHA512),
        _ => Err(refused(format!(
            "is an RSA key, which {algorithm} does not use"
        ))),
    }
}

fn ecdsa(algorithm: Algorithm) -> Result<&'static dyn VerificationAlgorithm, ConfigError> {
    match algorithm {
        Algorithm::Es256 => Ok(&signature::ECDSA_P256_SHA256_FIXED),
        Algorithm::Es384 => Ok(&signature::ECDSA_P384_SHA384_FIXED),
        Algorithm::Es512 => Ok(&signature::ECDSA_P521_SHA512_FIXED),
        _ => Err(refused(format!(
            "is an EC key, which {algorithm} does not use"
        ))),
    }
}

fn ecdsa_signing(
    algorithm: Algorithm,
) -> Result<(Curve, &'static EcdsaSigningAlgorithm), ConfigError> {
    match algorithm {
        Algorithm::Es256 => Ok((Curve::P256, &signature::ECDSA_P256_SHA256_FIXED_SIGNING)),
        Algorithm::Es384 => Ok((Curve::P384, &signature::ECDSA_P384_SHA384_FIXED_SIGNING)),
        Algorithm::Es512 => Ok((Curve::P521, &signature::ECDSA_P521_SHA512_FIXED_SIGNING)),
        _ => Err(refused(format!(
            "is an EC key, which {algorithm} does not use"
        ))),
    }
}
