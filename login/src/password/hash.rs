//! The stored form of a password.

use std::fmt;

use auth_layer::SecretDigest;

/// A password hash, as it is stored: a PHC string, or one of an older form.
///
/// `Debug` does not show it: a leaked hash can be attacked offline. Two hashes compare in constant
/// time. See the [module documentation](super) for the forms.
///
/// ```
/// use login::password::PasswordHash;
///
/// let hash = PasswordHash::new("$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHQ$aGFzaA");
/// assert_eq!(format!("{hash:?}"), "PasswordHash([redacted])");
/// ```
#[derive(Clone)]
pub struct PasswordHash {
    text: Box<str>,
}

impl PasswordHash {
    /// A hash from the store. It is not looked at until a password is checked against it.
    #[must_use]
    pub fn new(text: impl Into<Box<str>>) -> Self {
        Self { text: text.into() }
    }

    /// The text to store.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether there is nothing in it. No password matches an empty hash.
    pub fn is_empty(&self) -> bool {
        self.text.is_empty()
    }
}

impl PartialEq for PasswordHash {
    fn eq(&self, other: &Self) -> bool {
        SecretDigest::of(&*self.text) == SecretDigest::of(&*other.text)
    }
}

impl Eq for PasswordHash {}

impl From<String> for PasswordHash {
    fn from(text: String) -> Self {
        Self::new(text)
    }
}

impl From<PasswordHash> for String {
    fn from(hash: PasswordHash) -> Self {
        hash.text.into()
    }
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordHash([redacted])")
    }
}

/// What came of checking a password against a hash.
///
/// There is no fourth outcome: what could not be checked is an error.
#[must_use = "a password that was checked is not a password that was right"]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verification {
    /// It is the password.
    Matches,
    /// It is the password, and the hash should be replaced: it is of an older algorithm, of other
    /// parameters, or under another pepper key than new hashes are.
    MatchesOutdated,
    /// It is not the password.
    Mismatches,
}

impl Verification {
    /// Whether it is the password.
    #[must_use]
    pub const fn is_match(self) -> bool {
        matches!(self, Self::Matches | Self::MatchesOutdated)
    }

    /// Whether it is the password and the hash should be replaced.
    #[must_use]
    pub const fn needs_rehash(self) -> bool {
        matches!(self, Self::MatchesOutdated)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_compare_by_their_whole_text() {
        let hash = PasswordHash::new("$argon2id$one");
        for (other, same) in [
            ("$argon2id$one", true),
            ("$argon2id$on", false),
            ("$argon2id$onE", false),
            ("", false),
        ] {
            assert_eq!(hash == PasswordHash::new(other), same, "{other}");
        }
    }

    #[test]
    fn x_12_debug_shows_no_hash() {
        let text = format!("{:?}", PasswordHash::new("$argon2id$very-secret"));
        assert!(!text.contains("argon2id"), "{text}");
    }
}
