//! The secret in the cookie.

use std::fmt;

use auth_layer::{AuthError, SecretDigest, random_bytes};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use zeroize::Zeroizing;

/// What stands before a secret when it is hashed, so that no other token of this suite is ever a
/// session. With the secret it fits into one block of SHA-256.
const PURPOSE: &[u8] = b"session\0";

/// The secret of a session: 256 random bits, as 43 characters of base64url.
#[derive(Clone)]
pub(crate) struct SessionSecret {
    /// The purpose and the secret, which are hashed together: one copy less to be made and wiped.
    text: Zeroizing<[u8; PURPOSE.len() + SessionSecret::LEN]>,
}

impl SessionSecret {
    pub(crate) const LEN: usize = 43;

    pub(crate) fn generate() -> Result<Self, AuthError> {
        let bytes = Zeroizing::new(random_bytes::<32>()?);
        let mut secret = Self::blank();
        URL_SAFE_NO_PAD
            .encode_slice(*bytes, &mut secret.text[PURPOSE.len()..])
            .expect("32 bytes are 43 characters of base64url");
        Ok(secret)
    }

    fn blank() -> Self {
        let mut text = Zeroizing::new([0; PURPOSE.len() + Self::LEN]);
        text[..PURPOSE.len()].copy_from_slice(PURPOSE);
        Self { text }
    }

    /// A secret that was sent; `None` if it cannot be one of ours.
    pub(crate) fn parse(text: &[u8]) -> Option<Self> {
        let text: &[u8; Self::LEN] = text.try_into().ok()?;
        // All of it is looked at whatever is found, so that the compiler can take many at once.
        let is_base64url = text.iter().fold(true, |good, b| {
            good & (b.is_ascii_alphanumeric() | matches!(b, b'-' | b'_'))
        });
        is_base64url.then(|| {
            let mut secret = Self::blank();
            secret.text[PURPOSE.len()..].copy_from_slice(text);
            secret
        })
    }

    /// What the store knows it by.
    pub(crate) fn digest(&self) -> SecretDigest {
        SecretDigest::of(&self.text[..])
    }

    /// The text for the cookie.
    pub(crate) fn expose(&self) -> &[u8] {
        &self.text[PURPOSE.len()..]
    }
}

impl fmt::Debug for SessionSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionSecret([redacted])")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ses_26_a_secret_is_256_random_bits() {
        let secrets: Vec<_> = (0..100)
            .map(|_| SessionSecret::generate().unwrap())
            .collect();
        for (index, secret) in secrets.iter().enumerate() {
            let bytes = URL_SAFE_NO_PAD.decode(secret.expose()).unwrap();
            assert_eq!(bytes.len(), 32);
            assert!(
                secrets[..index]
                    .iter()
                    .all(|s| s.expose() != secret.expose())
            );
        }
    }

    #[test]
    fn ses_07_the_digest_of_a_session_secret_is_of_no_other_kind() {
        let secret = SessionSecret::generate().unwrap();
        assert_ne!(secret.digest(), SecretDigest::of(secret.expose()));
    }

    #[test]
    fn x_12_debug_shows_nothing() {
        let secret = SessionSecret::parse(&[b'k'; 43]).unwrap();
        assert_eq!(format!("{secret:?}"), "SessionSecret([redacted])");
    }
}
