//! Secrets that cannot be printed, and digests that cannot be compared in a telling time.

use std::fmt;

use rand::TryRng;
use rand::rngs::SysRng;
pub use secrecy::{ExposeSecret, SecretBox, SecretSlice, SecretString};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq;

use crate::AuthError;

/// The SHA-256 of a secret: what stores keep and what comparisons compare.
///
/// Two digests compare in constant time, and both sides have one length, so that nothing is learnt
/// from how long a comparison takes. Use it for secrets of at least 128 random bits (session ids,
/// API keys, one-time tokens); passwords need a slow hash instead.
///
/// ```
/// use auth_layer::SecretDigest;
///
/// let stored = SecretDigest::of(b"s3cret-token");
/// assert_eq!(stored, SecretDigest::of(b"s3cret-token"));
/// assert_ne!(stored, SecretDigest::of(b"another"));
/// assert_eq!(format!("{stored:?}"), "SecretDigest([redacted])");
/// ```
#[derive(Clone, Copy)]
pub struct SecretDigest([u8; 32]);

impl SecretDigest {
    /// Hashes a secret.
    #[must_use]
    pub fn of(secret: impl AsRef<[u8]>) -> Self {
        Self(Sha256::digest(secret.as_ref()).into())
    }

    /// A digest that was stored.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The bytes to store.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Compares in constant time; for combining with `&` instead of `&&`.
    pub fn ct_eq(&self, other: &Self) -> subtle::Choice {
        // By words: `subtle` would go byte by byte.
        let pairs = self.0.chunks_exact(16).zip(other.0.chunks_exact(16));
        let word = |bytes: &[u8]| bytes.try_into().map_or(0, u128::from_ne_bytes);
        pairs.fold(subtle::Choice::from(1), |same, (own, other)| {
            same & word(own).ct_eq(&word(other))
        })
    }
}

impl PartialEq for SecretDigest {
    fn eq(&self, other: &Self) -> bool {
        self.ct_eq(other).into()
    }
}

impl Eq for SecretDigest {}

impl fmt::Debug for SecretDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretDigest([redacted])")
    }
}

/// Random bytes from the operating system.
///
/// # Errors
///
/// Fails, with [`AuthErrorKind::Internal`](crate::AuthErrorKind::Internal), if the system has no
/// randomness to give. There is no second source.
pub fn random_bytes<const N: usize>() -> Result<[u8; N], AuthError> {
    let mut bytes = [0; N];
    SysRng.try_fill_bytes(&mut bytes).map_err(|error| {
        AuthError::new(crate::AuthErrorKind::Internal, "no_randomness").with_source(error)
    })?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn x_13_secrets_of_any_length_compare_as_digests_of_one_length() {
        let stored = SecretDigest::of("correct horse");
        for (sent, same) in [
            ("correct horse", true),
            ("correct horsf", false),
            ("correct hors", false),
            ("correct horse ", false),
            ("", false),
        ] {
            let sent = SecretDigest::of(sent);
            assert_eq!(sent == stored, same);
            assert_eq!(bool::from(sent.ct_eq(&stored)), same);
        }
    }

    #[test]
    fn random_bytes_do_not_repeat() {
        let some: std::collections::HashSet<[u8; 16]> =
            (0..1000).map(|_| random_bytes().unwrap()).collect();
        assert_eq!(some.len(), 1000);
    }
}
