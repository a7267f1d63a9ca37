//! What can go wrong with a hash.

use std::error::Error;
use std::fmt;

use auth_layer::{AuthError, AuthErrorKind};

/// A hash that could not be made or could not be checked.
///
/// Never "the password is wrong": that is [`Verification::Mismatches`](super::Verification).
/// Neither the password nor the stored hash is part of the error.
///
/// ```
/// use login::password::{HashErrorKind, PasswordHasher};
///
/// let error = PasswordHasher::new().verify("secret", "$md5-crypt$whatever").unwrap_err();
/// assert_eq!(error.kind(), HashErrorKind::Unsupported);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HashError {
    kind: HashErrorKind,
    problem: &'static str,
}

/// What kind of failure a [`HashError`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum HashErrorKind {
    /// The stored hash asks for more memory or time than [`HashLimits`](super::HashLimits) allow.
    ExceedsLimits,
    /// The stored hash is not of the form that it says it is.
    Malformed,
    /// There is not enough memory.
    NoMemory,
    /// The operating system gave no randomness for a salt.
    NoRandomness,
    /// The password to hash is longer than the hasher takes.
    PasswordTooLong,
    /// The stored hash was made with a pepper key that the hasher does not have.
    UnknownKey,
    /// The stored hash is of a kind that is not supported, or not by the features enabled.
    Unsupported,
}

impl HashError {
    pub(super) const fn new(kind: HashErrorKind, problem: &'static str) -> Self {
        Self { kind, problem }
    }

    pub(super) const fn exceeds_limits(problem: &'static str) -> Self {
        Self::new(HashErrorKind::ExceedsLimits, problem)
    }

    pub(super) const fn malformed(problem: &'static str) -> Self {
        Self::new(HashErrorKind::Malformed, problem)
    }

    pub(super) const fn unsupported(problem: &'static str) -> Self {
        Self::new(HashErrorKind::Unsupported, problem)
    }

    /// What kind of failure this is.
    pub fn kind(&self) -> HashErrorKind {
        self.kind
    }
}

impl fmt::Display for HashError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.problem)
    }
}

impl Error for HashError {}

/// A hash that cannot be checked is a 503, as is every credential that cannot be checked; a
/// password that is too long to be hashed is a 400.
impl From<HashError> for AuthError {
    fn from(error: HashError) -> Self {
        let (kind, reason) = match error.kind {
            HashErrorKind::ExceedsLimits => (AuthErrorKind::Unavailable, "hash_exceeds_limits"),
            HashErrorKind::Malformed => (AuthErrorKind::Unavailable, "hash_malformed"),
            HashErrorKind::NoMemory => (AuthErrorKind::Unavailable, "hashing_no_memory"),
            HashErrorKind::NoRandomness => (AuthErrorKind::Internal, "no_randomness"),
            HashErrorKind::PasswordTooLong => (AuthErrorKind::InvalidRequest, "password_too_long"),
            HashErrorKind::UnknownKey => (AuthErrorKind::Unavailable, "hash_unknown_key"),
            HashErrorKind::Unsupported => (AuthErrorKind::Unavailable, "hash_unsupported"),
        };
        Self::new(kind, reason).with_source(error)
    }
}

/// A new password that was not accepted.
///
/// Unlike a failed login this is the user's own to mend, so it says what is wrong.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum NewPasswordError {
    /// It could not be hashed; [`AuthError::status`] is the status to answer with.
    Fail(AuthError),
    /// It has more than `max` bytes.
    TooLong {
        /// How many bytes are allowed.
        max: usize,
    },
    /// It has fewer than `min` characters.
    TooShort {
        /// How many characters are needed.
        min: usize,
    },
}

impl fmt::Display for NewPasswordError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fail(_) => f.write_str("the password could not be hashed"),
            Self::TooLong { max } => write!(f, "the password has more than {max} bytes"),
            Self::TooShort { min } => write!(f, "the password has fewer than {min} characters"),
        }
    }
}

impl Error for NewPasswordError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Fail(error) => Some(error),
            Self::TooLong { .. } | Self::TooShort { .. } => None,
        }
    }
}

/// Too short and too long are 400.
impl From<NewPasswordError> for AuthError {
    fn from(error: NewPasswordError) -> Self {
        let reason = match error {
            NewPasswordError::Fail(error) => return error,
            NewPasswordError::TooLong { .. } => "password_too_long",
            NewPasswordError::TooShort { .. } => "password_too_short",
        };
        Self::new(AuthErrorKind::InvalidRequest, reason).with_source(error)
    }
}
