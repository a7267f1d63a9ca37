//! What stands for a password, and what stands for a user name.

use std::fmt;
use std::hash::{Hash, Hasher};

use super::algorithm::{Algorithm, HashOutput};
use crate::SecretString;

/// `H(username ":" realm ":" password)`, the `H(A1)` of RFC 7616 section 3.4.2.
///
/// It is as good as the password for everything in its realm: whoever reads it can log in.
/// Keep it as you would keep the password itself. `Debug` does not show it, the memory is
/// overwritten when it is dropped, and `==` takes constant time.
#[derive(Clone)]
pub struct Ha1(HashOutput);

impl Ha1 {
    /// Computes it.
    ///
    /// The bytes are hashed as they are. Clients are told to normalise names and passwords to NFC
    /// (RFC 7616 section 4), so normalise here if they were typed in elsewhere.
    #[must_use]
    pub fn from_password(
        algorithm: Algorithm,
        username: &str,
        realm: &str,
        password: &str,
    ) -> Self {
        Self(algorithm.digest(&[username.as_bytes(), realm.as_bytes(), password.as_bytes()]))
    }

    /// Reads one that was stored as hexadecimal digits, for example by `htdigest`.
    /// `None` if it is no output of `algorithm`.
    #[must_use]
    pub fn from_hex(algorithm: Algorithm, hex: &str) -> Option<Self> {
        HashOutput::from_hex(algorithm, hex).map(Self)
    }

    /// The hexadecimal digits, for storing it.
    pub fn to_hex(&self) -> SecretString {
        SecretString::from(self.0.to_hex().as_str())
    }

    /// The algorithm that made it.
    pub const fn algorithm(&self) -> Algorithm {
        self.0.algorithm()
    }

    /// One that stands for users who do not exist.
    pub(super) fn dummy(algorithm: Algorithm, random: [u8; 32]) -> Self {
        Self(HashOutput::from_bytes(algorithm, random))
    }

    pub(super) const fn output(&self) -> &HashOutput {
        &self.0
    }
}

impl PartialEq for Ha1 {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for Ha1 {}

impl fmt::Debug for Ha1 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Ha1({}, [redacted])", self.algorithm())
    }
}

/// `H(username ":" realm)`, which a client may send instead of the user name (RFC 7616 section
/// 3.4.4). It hides the name from onlookers; it is no secret and proves nothing.
#[derive(Clone)]
pub struct UserHash(HashOutput);

impl UserHash {
    /// Computes it, for finding users by it.
    #[must_use]
    pub fn of(algorithm: Algorithm, username: &str, realm: &str) -> Self {
        Self(algorithm.digest(&[username.as_bytes(), realm.as_bytes()]))
    }

    /// Reads hexadecimal digits; `None` if they are no output of `algorithm`.
    #[must_use]
    pub fn from_hex(algorithm: Algorithm, hex: &str) -> Option<Self> {
        HashOutput::from_hex(algorithm, hex).map(Self)
    }

    /// The algorithm that made it.
    pub const fn algorithm(&self) -> Algorithm {
        self.0.algorithm()
    }

    /// The bytes, 16 or 32 of them.
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }

    /// The bytes as lower-case hexadecimal digits.
    pub fn to_hex(&self) -> String {
        self.0.to_hex().as_str().to_owned()
    }
}

impl PartialEq for UserHash {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for UserHash {}

impl Hash for UserHash {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.algorithm().hash(state);
        self.as_bytes().hash(state);
    }
}

impl fmt::Debug for UserHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "UserHash({}, {})", self.algorithm(), self.to_hex())
    }
}

#[cfg(test)]
mod tests {
    use crate::ExposeSecret;

    use super::*;

    #[test]
    fn hex_round_trips_and_debug_shows_nothing() {
        let ha1 = Ha1::from_password(Algorithm::Sha256, "alice", "realm", "hunter2");
        let hex = ha1.to_hex();
        assert_eq!(
            Ha1::from_hex(Algorithm::Sha256, hex.expose_secret()),
            Some(ha1.clone())
        );
        assert_eq!(format!("{ha1:?}"), "Ha1(SHA-256, [redacted])");
        assert_ne!(
            ha1,
            Ha1::from_password(Algorithm::Sha256, "alice", "realm", "hunter3")
        );
    }
}
