//! Whose it is, as stores index it.

use std::fmt;

use crate::{Identity, SecretDigest};

/// The key of what belongs to a user in a store, such as sessions or refresh families: made from issuer, tenant and subject, as
/// [`Identity::is_same_principal`] compares them.
///
/// It is a SHA-256, so that a store's index holds no names.
///
/// ```
/// use auth_layer::{Identity, UserKey};
///
/// let identity = Identity::builder("password", "alice").tenant("acme").build();
/// assert_eq!(UserKey::from(&identity), UserKey::new(None, Some("acme"), "alice"));
/// assert_ne!(UserKey::from(&identity), UserKey::new(None, None, "alice"));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct UserKey([u8; 32]);

impl UserKey {
    /// The key of `subject` within `issuer` and `tenant`.
    #[must_use]
    pub fn new(issuer: Option<&str>, tenant: Option<&str>, subject: &str) -> Self {
        let mut text = Vec::with_capacity(64);
        for part in [issuer, tenant, Some(subject)] {
            // Presence and length first, so that no two principals give the same text.
            text.push(u8::from(part.is_some()));
            let part = part.unwrap_or_default();
            text.extend_from_slice(&(part.len() as u64).to_be_bytes());
            text.extend_from_slice(part.as_bytes());
        }
        Self(*SecretDigest::of(text).as_bytes())
    }

    /// A key that was stored.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The bytes to store.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl From<&Identity> for UserKey {
    fn from(identity: &Identity) -> Self {
        Self::new(identity.issuer(), identity.tenant(), identity.subject())
    }
}

impl fmt::Debug for UserKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("UserKey(")?;
        for byte in &self.0[..4] {
            write!(f, "{byte:02x}")?;
        }
        f.write_str("…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn different_principals_have_different_keys() {
        let keys = [
            UserKey::new(None, None, "ab"),
            UserKey::new(None, Some("a"), "b"),
            UserKey::new(Some("a"), None, "b"),
            UserKey::new(Some(""), None, "ab"),
            UserKey::new(None, Some(""), "ab"),
            UserKey::new(Some("a"), Some("b"), ""),
        ];
        for (index, key) in keys.iter().enumerate() {
            assert!(!keys[..index].contains(key), "{index}");
        }
    }
}
