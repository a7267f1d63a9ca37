//! Encrypting what has to be kept and read again: [`SealingKeys`].

use std::fmt;

use chacha20poly1305::aead::{Aead as _, Payload};
use chacha20poly1305::{Key, KeyInit as _, XChaCha20Poly1305, XNonce};
use hkdf::Hkdf;
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::{AuthError, AuthErrorKind, ConfigError, SecretSlice, random_bytes};

/// The form of a sealed value; another one gets another number.
const VERSION: u8 = 1;
const NONCE: usize = 24;
const TAG: usize = 16;
const SALT: &[u8] = b"auth-layer sealing key v1";

/// The keys that encrypt values at rest, for those few that cannot be kept as a digest because they
/// are needed again: signing keys, tokens of other services.
///
/// One key seals; it and the previous ones open, so that a key can be changed without losing what it
/// has sealed. The cipher is XChaCha20-Poly1305 with a random nonce, and a sealed value is bound to a
/// *context*: what is written for one purpose or record cannot be passed off as another's.
///
/// ```
/// use auth_layer::{ExposeSecret, SealingKeys};
///
/// let secret = [7; 32]; // from your configuration; `openssl rand -base64 32` makes one
/// let keys = SealingKeys::new(&secret)?;
///
/// let sealed = keys.seal(&[b"signing key", b"2026-11"], b"private")?;
/// let opened = keys.open(&[b"signing key", b"2026-11"], &sealed).expect("it is ours");
/// assert_eq!(opened.expose_secret(), b"private");
/// assert!(keys.open(&[b"signing key", b"2026-12"], &sealed).is_none());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct SealingKeys {
    current: XChaCha20Poly1305,
    previous: Vec<XChaCha20Poly1305>,
}

impl SealingKeys {
    /// Seals with the key that is derived from `secret`.
    ///
    /// # Errors
    ///
    /// Refuses a secret of less than 32 bytes. It is meant to be random: a password is not.
    pub fn new(secret: &[u8]) -> Result<Self, ConfigError> {
        if secret.len() < 32 {
            return Err(ConfigError::new(
                "sealing_key",
                "must be at least 32 random bytes",
            ));
        }
        Ok(Self::derive(secret, "configured"))
    }

    /// Also opens what another secret has sealed. For changing the secret: give the new one to
    /// [`new`](Self::new) and the old one here, until everything has been sealed anew.
    ///
    /// # Errors
    ///
    /// Refuses a secret of less than 32 bytes.
    pub fn previous(mut self, secret: &[u8]) -> Result<Self, ConfigError> {
        let previous = Self::new(secret)?;
        self.previous.push(previous.current);
        Ok(self)
    }

    /// Keys that are derived (HKDF-SHA-256, RFC 5869) from a secret that another party holds, such as
    /// a token: whoever does not present it cannot open what it has sealed.
    ///
    /// `secret` has at least 128 random bits. Different purposes give independent keys.
    #[must_use]
    pub fn derive(secret: &[u8], purpose: &str) -> Self {
        Self {
            current: cipher(secret, purpose),
            previous: Vec::new(),
        }
    }

    /// Encrypts `plain` for `context`: the names of the purpose and of the record, which are not kept
    /// in the result and must be the same for [`open`](Self::open).
    ///
    /// The result is 41 bytes longer.
    ///
    /// # Errors
    ///
    /// Fails if the system has no randomness.
    pub fn seal(&self, context: &[&[u8]], plain: &[u8]) -> Result<Vec<u8>, AuthError> {
        let nonce = random_bytes::<NONCE>()?;
        let aad = bound(context);
        let payload = Payload {
            msg: plain,
            aad: &aad,
        };
        let encrypted = self
            .current
            .encrypt(&XNonce::from(nonce), payload)
            .map_err(|_| AuthError::new(AuthErrorKind::Internal, "cannot_seal"))?;
        let mut sealed = Vec::with_capacity(1 + NONCE + encrypted.len());
        sealed.push(VERSION);
        sealed.extend_from_slice(&nonce);
        sealed.extend_from_slice(&encrypted);
        Ok(sealed)
    }

    /// What was sealed for `context` by one of these keys; `None` for everything else, without
    /// saying what is wrong with it.
    #[must_use]
    pub fn open(&self, context: &[&[u8]], sealed: &[u8]) -> Option<SecretSlice<u8>> {
        let (&VERSION, rest) = sealed.split_first()? else {
            return None;
        };
        let (nonce, encrypted) = rest.split_first_chunk::<NONCE>()?;
        if encrypted.len() < TAG {
            return None;
        }
        let aad = bound(context);
        let mut keys = std::iter::once(&self.current).chain(&self.previous);
        keys.find_map(|key| {
            let payload = Payload {
                msg: encrypted,
                aad: &aad,
            };
            key.decrypt(&XNonce::from(*nonce), payload).ok()
        })
        .map(SecretSlice::from)
    }
}

fn cipher(secret: &[u8], purpose: &str) -> XChaCha20Poly1305 {
    let mut key = Zeroizing::new([0; 32]);
    Hkdf::<Sha256>::new(Some(SALT), secret)
        .expand(purpose.as_bytes(), key.as_mut_slice())
        .expect("32 bytes are not too many for HKDF");
    XChaCha20Poly1305::new(&Key::from(*key))
}

/// The context as one text that no other context has.
fn bound(context: &[&[u8]]) -> Vec<u8> {
    let mut bound = vec![VERSION];
    for part in context {
        bound.extend_from_slice(&(part.len() as u64).to_be_bytes());
        bound.extend_from_slice(part);
    }
    bound
}

impl fmt::Debug for SealingKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SealingKeys")
            .field("previous", &self.previous.len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret as _;

    use super::*;

    fn keys(byte: u8) -> SealingKeys {
        SealingKeys::new(&[byte; 32]).unwrap()
    }

    #[test]
    fn only_the_same_key_and_context_open_a_sealed_value() {
        let sealed = keys(1).seal(&[b"a", b"b"], b"plain").unwrap();
        assert_eq!(sealed.len(), 5 + 41);
        let opens = |keys: &SealingKeys, context: &[&[u8]], sealed: &[u8]| {
            keys.open(context, sealed)
                .map(|plain| plain.expose_secret().to_vec())
        };
        assert_eq!(
            opens(&keys(1), &[b"a", b"b"], &sealed).as_deref(),
            Some(b"plain".as_slice())
        );
        let contexts: [&[&[u8]]; 5] = [&[], &[b"ab"], &[b"a"], &[b"b", b"a"], &[b"a", b"b", b""]];
        for context in contexts {
            assert_eq!(opens(&keys(1), context, &sealed), None, "{context:?}");
        }
        assert_eq!(opens(&keys(2), &[b"a", b"b"], &sealed), None);
        let derived = SealingKeys::derive(&[1; 32], "other");
        assert_eq!(opens(&derived, &[b"a", b"b"], &sealed), None);
    }

    #[test]
    fn no_changed_or_shortened_value_opens() {
        let keys = keys(1);
        let sealed = keys.seal(&[b"a"], b"plain").unwrap();
        for index in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[index] ^= 1;
            assert!(keys.open(&[b"a"], &changed).is_none(), "byte {index}");
            assert!(keys.open(&[b"a"], &sealed[..index]).is_none());
        }
    }

    #[test]
    fn key_11_a_previous_key_opens_and_never_seals() {
        let old = keys(1).seal(&[b"a"], b"plain").unwrap();
        let rotated = keys(2).previous(&[1; 32]).unwrap();
        assert!(rotated.open(&[b"a"], &old).is_some());

        let new = rotated.seal(&[b"a"], b"plain").unwrap();
        assert!(keys(1).open(&[b"a"], &new).is_none());
        assert!(keys(2).open(&[b"a"], &new).is_some());
    }

    #[test]
    fn a_value_is_never_sealed_the_same_way_twice() {
        let keys = keys(1);
        let seal = || keys.seal(&[b"a"], b"plain").unwrap();
        assert_ne!(seal(), seal());
    }

    #[test]
    fn short_secrets_are_refused_and_none_is_printed() {
        let error = SealingKeys::new(&[1; 31]).unwrap_err();
        assert_eq!(error.option(), "sealing_key");
        assert!(keys(1).previous(b"").is_err());
        assert_eq!(format!("{:?}", keys(1)), "SealingKeys { previous: 0, .. }");
    }
}
