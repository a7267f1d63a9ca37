//! The name of a family: [`FamilyId`].

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// The public id of a family of refresh tokens: the claim `sid` of its access tokens, and
/// [`Identity::session_id`](auth_layer::Identity::session_id) of whoever sends one. 22 characters of
/// base64url.
///
/// It is a hash of a part of the tokens and good for nothing but naming the family.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FamilyId([u8; 16]);

impl FamilyId {
    /// An id that was stored.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The bytes to store.
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl fmt::Display for FamilyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&URL_SAFE_NO_PAD.encode(self.0))
    }
}

impl fmt::Debug for FamilyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FamilyId({self})")
    }
}

impl FromStr for FamilyId {
    type Err = InvalidFamilyId;

    fn from_str(text: &str) -> Result<Self, InvalidFamilyId> {
        let mut bytes = [0; 16];
        match URL_SAFE_NO_PAD.decode_slice(text, &mut bytes) {
            Ok(16) => Ok(Self(bytes)),
            _ => Err(InvalidFamilyId(())),
        }
    }
}

/// A text that is not the id of a family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidFamilyId(());

impl fmt::Display for InvalidFamilyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not the id of a refresh family")
    }
}

impl std::error::Error for InvalidFamilyId {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_and_nothing_else() {
        let id = FamilyId::from_bytes([7; 16]);
        let text = id.to_string();
        assert_eq!(text.len(), 22);
        assert_eq!(text.parse(), Ok(id));
        let long = "A".repeat(1000);
        for wrong in ["", &text[1..], &format!("{text}A"), "%", &long] {
            assert_eq!(wrong.parse::<FamilyId>(), Err(InvalidFamilyId(())));
        }
    }
}
