//! No backend: the crate compiles, and every key says what is missing.

use std::convert::Infallible;

use auth_layer::{AuthError, ConfigError};

use super::{PrivateMaterial, PublicMaterial};
use crate::Algorithm;

/// Cannot exist.
pub(crate) struct Verifier(Infallible);

/// Cannot exist.
pub(crate) struct Signer(Infallible);

fn missing() -> ConfigError {
    ConfigError::new(
        "features",
        "of `jwt-layer` hold no cryptography: enable `aws-lc` (the default) or `rust-crypto`",
    )
}

impl Verifier {
    pub(crate) fn new(_: Algorithm, _: &PublicMaterial) -> Result<Self, ConfigError> {
        Err(missing())
    }

    pub(crate) fn verify(&self, _: &[u8], _: &[u8]) -> bool {
        match self.0 {}
    }
}

impl Signer {
    pub(crate) fn new(
        _: Algorithm,
        _: &PrivateMaterial,
    ) -> Result<(Self, PublicMaterial), ConfigError> {
        Err(missing())
    }

    pub(crate) fn generate(_: Algorithm) -> Result<PrivateMaterial, ConfigError> {
        Err(missing())
    }

    pub(crate) fn sign(&self, _: &[u8]) -> Result<Vec<u8>, AuthError> {
        match self.0 {}
    }
}
