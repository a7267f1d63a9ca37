//! The session cookie of a request.

use auth_layer::{AuthError, AuthErrorKind, SecretDigest};
use http::HeaderMap;

use crate::cookie::find_cookie;
use crate::secret::SessionSecret;

/// What the request has of the session cookie.
#[derive(Default)]
pub(crate) enum Sent {
    #[default]
    Nothing,
    /// One that was looked up, or cannot be ours.
    Checked,
    Differing,
    Unverified(SessionSecret, SecretDigest),
}

impl Sent {
    pub(crate) fn of(headers: &HeaderMap, name: &str) -> Self {
        match find_cookie(headers, name.as_bytes()) {
            Ok(None) => Self::Nothing,
            Ok(Some(value)) => SessionSecret::parse(value).map_or(Self::Checked, |secret| {
                let digest = secret.digest();
                Self::Unverified(secret, digest)
            }),
            Err(_) => Self::Differing,
        }
    }

    /// What was sent was dealt with.
    pub(super) fn settle(&mut self) {
        if !matches!(self, Self::Nothing) {
            *self = Self::Checked;
        }
    }
}

/// Nobody knows which of them is meant.
pub(crate) fn differing_cookies() -> AuthError {
    AuthError::new(AuthErrorKind::InvalidRequest, "differing_session_cookies")
}
