//! The credential.

use std::fmt;

use auth_layer::{ExposeSecret, SecretString};
use http::HeaderValue;

/// A token that was found and not yet verified. It cannot be printed.
#[derive(Clone)]
pub struct BearerToken {
    kept: Kept,
}

#[derive(Clone)]
enum Kept {
    /// The whole header: sharing it costs no copy.
    Header(HeaderValue),
    Text(SecretString),
}

impl BearerToken {
    /// `value` starts with `Bearer`, in any case.
    pub(super) fn from_header(mut value: HeaderValue) -> Self {
        value.set_sensitive(true);
        Self {
            kept: Kept::Header(value),
        }
    }

    pub(super) fn from_text(token: &str) -> Self {
        Self {
            kept: Kept::Text(token.into()),
        }
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        match &self.kept {
            Kept::Header(value) => value
                .as_bytes()
                .get("Bearer".len()..)
                .unwrap_or_default()
                .trim_ascii(),
            Kept::Text(token) => token.expose_secret().as_bytes(),
        }
    }
}

impl fmt::Debug for BearerToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BearerToken([redacted])")
    }
}
