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

    /// The secret, if there is one that nobody has looked up yet.
    pub(super) fn take(&mut self) -> Option<(SessionSecret, SecretDigest)> {
        if !matches!(self, Self::Unverified(..)) {
            return None;
        }
        match std::mem::replace(self, Self::Checked) {
            Self::Unverified(secret, digest) => Some((secret, digest)),
            _ => None,
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
