//! The public half of a key.

use std::error::Error;
use std::fmt;
use std::str::FromStr;

use auth_layer::AuthError;

use super::base62;

/// The public id of a key: twelve letters and digits. It names the key in lists, logs and URLs and
/// is what a store looks up; it proves nothing.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyId([u8; KeyId::LEN]);

impl KeyId {
    pub(crate) const LEN: usize = 12;

    pub(super) fn random() -> Result<Self, AuthError> {
        base62::random_letters().map(Self)
    }

    fn from_letters(letters: [u8; Self::LEN]) -> Option<Self> {
        base62::are_letters(&letters).then_some(Self(letters))
    }

    /// The id of letters and digits that were found to be such.
    pub(super) const fn from_checked_letters(letters: [u8; Self::LEN]) -> Self {
        Self(letters)
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        // An id is made of ASCII letters and digits, so it is text.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl AsRef<str> for KeyId {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

impl FromStr for KeyId {
    type Err = InvalidKeyId;

    fn from_str(text: &str) -> Result<Self, InvalidKeyId> {
        let letters = text.as_bytes().try_into().ok();
        letters.and_then(Self::from_letters).ok_or(InvalidKeyId(()))
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyId({self})")
    }
}

/// A text that is not a [`KeyId`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidKeyId(());

impl fmt::Display for InvalidKeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the id of a key is twelve letters and digits")
    }
}

impl Error for InvalidKeyId {}
