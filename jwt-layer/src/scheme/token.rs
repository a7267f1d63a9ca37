//! The credential.

use std::fmt;
use std::sync::Arc;

use auth_layer::{ExposeSecret, SecretString};
use http::HeaderValue;

use super::Inner;
use super::possession::Presented;
use super::verify::Verified;

/// A token that was found and not yet verified. It cannot be printed.
#[derive(Clone)]
pub struct BearerToken {
    kept: Kept,
    presented: Option<Box<Presented>>,
    /// What is known of it already, and by whom.
    verified: Option<Box<(Arc<Inner>, Verified)>>,
}

#[derive(Clone)]
enum Kept {
    /// The whole header, and how long the name of its scheme is: sharing it costs no copy.
    Header(HeaderValue, usize),
    Text(SecretString),
}

impl BearerToken {
    /// `value` starts with `scheme`, in any case.
    pub(super) fn from_header(mut value: HeaderValue, scheme: &str) -> Self {
        value.set_sensitive(true);
        Self {
            kept: Kept::Header(value, scheme.len()),
            presented: None,
            verified: None,
        }
    }

    /// Adds what was shown with it.
    pub(super) fn with(mut self, presented: Presented) -> Self {
        self.presented = Some(Box::new(presented));
        self
    }

    pub(super) fn presented(&self) -> &Presented {
        const NOTHING: &Presented = &Presented {
            proof: None,
            certificate: None,
        };
        self.presented.as_deref().unwrap_or(NOTHING)
    }

    pub(super) fn from_text(token: &str) -> Self {
        Self {
            kept: Kept::Text(token.into()),
            presented: None,
            verified: None,
        }
    }

    /// Notes that the token holds by the rules of `by`.
    pub(super) fn set_verified(&mut self, by: &Arc<Inner>, verified: Verified) {
        self.verified = Some(Box::new((Arc::clone(by), verified)));
    }

    /// What was noted, if the rules are the same ones.
    pub(super) fn take_verified(&mut self, by: &Arc<Inner>) -> Option<Verified> {
        let (noted_by, verified) = *self.verified.take()?;
        Arc::ptr_eq(&noted_by, by).then_some(verified)
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        match &self.kept {
            Kept::Header(value, scheme) => value
                .as_bytes()
                .get(*scheme..)
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
