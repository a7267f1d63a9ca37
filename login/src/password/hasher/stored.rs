//! A stored hash, read: which algorithm, and whether it may cost what it asks for.

use argon2::Params;

use super::argon2id::Argon2Hash;
#[cfg(feature = "bcrypt")]
use super::bcrypt::BcryptHash;
#[cfg(feature = "pbkdf2")]
use super::pbkdf2::{self, Pbkdf2Hash};
#[cfg(feature = "scrypt")]
use super::scrypt::ScryptHash;
use crate::password::error::HashError;
use crate::password::limits::HashLimits;
use crate::password::memory::Memory;

#[derive(Debug)]
pub(super) enum Stored {
    Argon2(Argon2Hash),
    #[cfg(feature = "bcrypt")]
    Bcrypt(BcryptHash),
    #[cfg(feature = "pbkdf2")]
    Pbkdf2(Pbkdf2Hash),
    #[cfg(feature = "scrypt")]
    Scrypt(ScryptHash),
}

impl Stored {
    /// Reads a hash that is made with a pepper key: argon2, as nothing else ever was.
    pub(super) fn parse_peppered(hash: &str, limits: &HashLimits) -> Result<Self, HashError> {
        if hash.starts_with("$argon2") {
            Self::parse(hash, limits)
        } else {
            Err(HashError::malformed("a hash under a pepper key is argon2"))
        }
    }

    pub(super) fn parse(hash: &str, limits: &HashLimits) -> Result<Self, HashError> {
        #[cfg(feature = "pbkdf2")]
        if hash.starts_with(pbkdf2::DJANGO) {
            return Pbkdf2Hash::parse(hash, limits).map(Self::Pbkdf2);
        }
        let Some(rest) = hash.strip_prefix('$') else {
            return Err(HashError::unsupported("the hash is of no known form"));
        };
        match rest.split('$').next().unwrap_or_default() {
            "argon2d" | "argon2i" | "argon2id" => Argon2Hash::parse(hash, limits).map(Self::Argon2),

            #[cfg(feature = "bcrypt")]
            "2a" | "2b" | "2y" => BcryptHash::parse(hash, limits).map(Self::Bcrypt),
            #[cfg(not(feature = "bcrypt"))]
            "2a" | "2b" | "2y" => Err(HashError::unsupported(
                "the hash is bcrypt: enable the feature `bcrypt`",
            )),

            #[cfg(feature = "pbkdf2")]
            "pbkdf2-sha256" | "pbkdf2-sha512" => Pbkdf2Hash::parse(hash, limits).map(Self::Pbkdf2),
            #[cfg(not(feature = "pbkdf2"))]
            "pbkdf2-sha256" | "pbkdf2-sha512" => Err(HashError::unsupported(
                "the hash is PBKDF2: enable the feature `pbkdf2`",
            )),

            #[cfg(feature = "scrypt")]
            "scrypt" => ScryptHash::parse(hash, limits).map(Self::Scrypt),
            #[cfg(not(feature = "scrypt"))]
            "scrypt" => Err(HashError::unsupported(
                "the hash is scrypt: enable the feature `scrypt`",
            )),

            _ => Err(HashError::unsupported("the hash is of no known algorithm")),
        }
    }

    /// Does the work of the hash, whatever the password is.
    pub(super) fn check(&self, memory: &mut Memory, password: &[u8]) -> Result<bool, HashError> {
        match self {
            Self::Argon2(hash) => hash.check(memory, password),
            #[cfg(feature = "bcrypt")]
            Self::Bcrypt(hash) => Ok(hash.check(password)),
            #[cfg(feature = "pbkdf2")]
            Self::Pbkdf2(hash) => Ok(hash.check(password)),
            #[cfg(feature = "scrypt")]
            Self::Scrypt(hash) => hash.check(password),
        }
    }

    /// Whether a new hash would be made in just this way.
    pub(super) fn is_current(&self, params: &Params) -> bool {
        matches!(self, Self::Argon2(hash) if hash.is_current(params))
    }

    #[cfg(test)]
    pub(super) fn work(&self) -> String {
        match self {
            Self::Argon2(hash) => hash.work(),
            #[cfg(feature = "bcrypt")]
            Self::Bcrypt(hash) => hash.work(),
            #[cfg(feature = "pbkdf2")]
            Self::Pbkdf2(hash) => hash.work(),
            #[cfg(feature = "scrypt")]
            Self::Scrypt(hash) => hash.work(),
        }
    }
}
