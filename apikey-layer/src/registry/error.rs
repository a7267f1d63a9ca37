//! Why a key was not made, changed or found.

use std::error::Error;
use std::fmt;

use auth_layer::{AuthError, ConfigError};
use http::StatusCode;

/// Why [`KeyRegistry`](crate::KeyRegistry) did not do what it was asked.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum KeyError {
    /// The key is revoked, has expired, or was changed at the same time. 409.
    Conflict,
    /// What was asked for cannot be; it says which part. 422.
    Invalid(ConfigError),
    /// The owner has as many keys as one may have. 409.
    Full,
    /// There is no such key, or it is somebody else's. 404.
    NotFound,
    /// The principal may not do this. 403.
    Refused(AuthError),
    /// The store did not answer. 503.
    Unavailable(AuthError),
}

impl KeyError {
    /// The status to answer with.
    pub fn status(&self) -> StatusCode {
        match self {
            Self::Conflict | Self::Full => StatusCode::CONFLICT,
            Self::Invalid(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::Refused(error) => error.status(),
            Self::Unavailable(_) => StatusCode::SERVICE_UNAVAILABLE,
        }
    }
}

impl From<ConfigError> for KeyError {
    fn from(error: ConfigError) -> Self {
        Self::Invalid(error)
    }
}

impl fmt::Display for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Conflict => {
                f.write_str("the key cannot be changed any more, or was just changed")
            }
            Self::Full => f.write_str("there are too many keys already"),
            Self::Invalid(error) => write!(f, "{error}"),
            Self::NotFound => f.write_str("there is no such key"),
            Self::Refused(_) => f.write_str("that is not allowed"),
            Self::Unavailable(_) => f.write_str("the keys cannot be reached"),
        }
    }
}

impl Error for KeyError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Refused(error) | Self::Unavailable(error) => Some(error),
            Self::Conflict | Self::Full | Self::Invalid(_) | Self::NotFound => None,
        }
    }
}
