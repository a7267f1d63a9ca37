//! What is used.

use std::fmt;

use crate::name_digest::name_digest;

/// The key of something that may be used once: a SHA-256 of what it is and whose, so that stores
/// hold no names, and so that an id of any length takes the same room.
///
/// ```
/// use auth_layer::SingleUseKey;
///
/// let key = SingleUseKey::new("logout_token", ["https://id.example.com", "a5b6"]);
/// assert_eq!(key, SingleUseKey::new("logout_token", ["https://id.example.com", "a5b6"]));
/// assert_ne!(key, SingleUseKey::new("client_assertion", ["https://id.example.com", "a5b6"]));
/// assert_ne!(SingleUseKey::new("x", ["ab", "c"]), SingleUseKey::new("x", ["a", "bc"]));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SingleUseKey([u8; 32]);

impl SingleUseKey {
    /// The key of what `parts` name, among the things of one `kind`. Another kind, or other bounds
    /// between the parts, is another key.
    #[must_use]
    pub fn new<P: AsRef<[u8]>>(kind: &str, parts: impl IntoIterator<Item = P>) -> Self {
        Self(name_digest(kind, parts))
    }

    /// A key that was stored.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The bytes to store under.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for SingleUseKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SingleUseKey([hashed])")
    }
}
