//! The cryptographic backend, chosen by the features of this crate and by nothing else.
//!
//! The process-wide provider of `jsonwebtoken` is neither read nor installed: it panics while two
//! of its backends are enabled, and whatever another crate installs there must not change what this
//! one does.

#[cfg(feature = "aws-lc")]
#[path = "aws_lc.rs"]
mod backend;
#[cfg(all(feature = "rust-crypto", not(feature = "aws-lc")))]
#[path = "rust_crypto.rs"]
mod backend;
#[cfg(not(any(feature = "aws-lc", feature = "rust-crypto")))]
#[path = "missing.rs"]
mod backend;

// Compiled beside the preferred backend too, so that `--all-features` checks it.
#[cfg(all(feature = "rust-crypto", feature = "aws-lc", test))]
#[path = "rust_crypto.rs"]
mod second;

mod half_hash;
mod material;

pub(crate) use self::backend::{Signer, Verifier};
pub(crate) use self::half_hash::left_half_hash;
pub(crate) use self::material::{Curve, PrivateMaterial, PublicMaterial};

/// The longest signature there is: RSA with 8192 bits.
pub(crate) const MAX_SIGNATURE_LEN: usize = 1024;

#[cfg(test)]
mod tests;
#[cfg(test)]
#[cfg(any(feature = "aws-lc", feature = "rust-crypto"))]
mod vectors;
