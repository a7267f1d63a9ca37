//! A key that is not in the database.

use std::fmt;

use auth_layer::ConfigError;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use zeroize::Zeroizing;

use super::error::HashError;

/// Begins a hash that is made with a pepper. See [`Pepper`].
const ENVELOPE: &str = "$hmac-sha256$kid=";

/// A secret key that goes into every hash and is kept apart from the database.
///
/// Who steals the user table alone cannot even begin to guess passwords. The key belongs in a
/// secret store or a hardware module, not in the database and not in the code.
///
/// The password is put through HMAC-SHA-256 (RFC 2104) under the key, and the 32 bytes that come out
/// are hashed with argon2id: the additional keyed hashing that NIST SP 800-63B-4 section 3.1.1.2
/// recommends. The hash names its key:
///
/// ```text
/// $hmac-sha256$kid=<key id>$argon2id$v=19$m=19456,t=2,p=1$<salt>$<hash>
/// ```
///
/// so that several keys can be in use: new hashes are made with the current one, and a login
/// verified with a previous one, or without any, is rehashed. A key that is lost makes its hashes
/// unverifiable for ever; a key is retired when no stored hash names it any more.
///
/// ```
/// use login::password::{PasswordHasher, Pepper};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let (key, old_key) = ([1_u8; 32], [2_u8; 32]);
/// let hasher = PasswordHasher::builder()
///     .pepper(Pepper::new("2026-06", key)?)
///     .previous_pepper(Pepper::new("2025-01", old_key)?)
///     .build()?;
/// let hash = hasher.hash("correct horse")?;
/// assert!(hash.as_str().starts_with("$hmac-sha256$kid=2026-06$argon2id$v=19$"));
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Pepper {
    id: Box<str>,
    key: Zeroizing<Vec<u8>>,
}

impl Pepper {
    /// A key and the name that hashes know it by.
    ///
    /// # Errors
    ///
    /// Refuses a key of fewer than 32 bytes, and an id that is not 1 to 32 ASCII letters, digits,
    /// dots and hyphens.
    pub fn new(id: impl Into<Box<str>>, key: impl AsRef<[u8]>) -> Result<Self, ConfigError> {
        let (id, key) = (id.into(), key.as_ref());
        if !is_key_id(&id) {
            return Err(ConfigError::new(
                "pepper",
                "needs an id of 1 to 32 letters, digits, dots and hyphens",
            ));
        }
        if key.len() < 32 {
            return Err(ConfigError::new(
                "pepper",
                "needs a key of at least 32 bytes",
            ));
        }
        Ok(Self {
            id,
            key: Zeroizing::new(key.to_vec()),
        })
    }

    /// The name that hashes know it by.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// What is hashed in place of the password.
    pub(super) fn apply(&self, password: &[u8]) -> Zeroizing<[u8; 32]> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.key).expect("HMAC takes any length");
        mac.update(password);
        Zeroizing::new(mac.finalize().into_bytes().into())
    }

    /// Names the key in a hash.
    pub(super) fn seal(&self, hash: &str) -> String {
        format!("{ENVELOPE}{}{hash}", self.id)
    }
}

impl fmt::Debug for Pepper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pepper")
            .field("id", &self.id)
            .field("key", &"[redacted]")
            .finish()
    }
}

/// Splits a stored hash into the id of its key, if it has one, and the hash itself.
pub(super) fn open(stored: &str) -> Result<(Option<&str>, &str), HashError> {
    let Some(rest) = stored.strip_prefix(ENVELOPE) else {
        return Ok((None, stored));
    };
    let end = rest.find('$').unwrap_or(rest.len());
    let (id, hash) = rest.split_at(end);
    if is_key_id(id) {
        Ok((Some(id), hash))
    } else {
        Err(HashError::malformed("the hash names no proper pepper key"))
    }
}

fn is_key_id(id: &str) -> bool {
    (1..=32).contains(&id.len())
        && id
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'.' || b == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 4231 section 4.3 has a shorter key than we take; this is section 4.7, test case 6.
    #[test]
    fn the_password_goes_through_hmac_sha_256() {
        let pepper = Pepper::new("k", [0xaa; 131]).unwrap();
        let mac = pepper.apply(b"Test Using Larger Than Block-Size Key - Hash Key First");
        let hex: String = mac.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(
            hex,
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"
        );
    }

    #[test]
    fn silly_keys_are_refused() {
        for (id, key_len) in [
            ("", 32),
            ("a$b", 32),
            ("a,b", 32),
            ("ä", 32),
            ("123456789012345678901234567890123", 32),
            ("fine", 31),
            ("fine", 0),
        ] {
            let error = Pepper::new(id, vec![7; key_len]).unwrap_err();
            assert_eq!(error.option(), "pepper", "{id} {key_len}");
        }
    }

    #[test]
    fn what_is_sealed_opens() {
        let pepper = Pepper::new("2026-06.a", [7; 32]).unwrap();
        let sealed = pepper.seal("$argon2id$x");
        assert_eq!(sealed, "$hmac-sha256$kid=2026-06.a$argon2id$x");
        assert_eq!(open(&sealed), Ok((Some("2026-06.a"), "$argon2id$x")));
        assert_eq!(open("$argon2id$x"), Ok((None, "$argon2id$x")));
        for broken in ["$hmac-sha256$kid=", "$hmac-sha256$kid=$argon2id$x"] {
            assert!(open(broken).is_err(), "{broken}");
        }
    }

    #[test]
    fn x_12_debug_shows_no_key() {
        let pepper = Pepper::new("id", b"0123456789abcdef0123456789abcdef").unwrap();
        let text = format!("{pepper:?}");
        assert!(text.contains("id") && !text.contains("0123"), "{text}");
        assert!(!text.contains("48, 49"), "{text}");
    }
}
