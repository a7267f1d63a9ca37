//! The scheme: a token in `Authorization`, whatever it looks like.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

use auth_layer::{
    AuthError, Challenges, ExposeSecret, Identity, Scheme, SecretString, Verdict, authorization,
};
use http::request::Parts;

use super::{Introspection, Outcome};
use crate::Confirmation;
use crate::token::looks_like_jwt;

/// The longest token that is asked about.
const MAX_TOKEN_SIZE: usize = 8 * 1024;

/// A token that was found and not yet asked about. It cannot be printed.
#[derive(Clone)]
#[allow(unnameable_types, reason = "it is named by the scheme alone")]
pub struct OpaqueToken {
    text: SecretString,
    pub(super) shown: Shown,
}

/// What the sender of a token has proved to whoever looked at it before.
#[derive(Clone, Copy)]
pub(super) struct Shown {
    /// Whether the token came by the scheme `DPoP`.
    pub(super) with_proof: bool,
    pub(super) proved: Option<Confirmation>,
}

impl OpaqueToken {
    pub(super) fn text(&self) -> &str {
        self.text.expose_secret()
    }
}

impl fmt::Debug for OpaqueToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OpaqueToken([redacted])")
    }
}

impl Scheme for Introspection {
    type Credential = OpaqueToken;
    type Future = Pin<Box<dyn Future<Output = Result<Identity, AuthError>> + Send>>;

    fn name(&self) -> &'static str {
        "introspection"
    }

    fn extract(&self, parts: &Parts) -> Result<Option<OpaqueToken>, AuthError> {
        let bearer = authorization(&parts.headers, "Bearer");
        let with_proof = bearer.is_none();
        // A token with a proof is asked about as well: else binding it would be the way around.
        let Some(token) = bearer.or_else(|| authorization(&parts.headers, "DPoP")) else {
            return Ok(None);
        };
        if with_proof && self.inner.opaque_only {
            return Ok(None);
        }
        let mut left = self.inner.left.iter();
        if left.any(|prefix| token.starts_with(prefix.as_bytes())) {
            return Ok(None);
        }
        if self.inner.opaque_only && looks_like_jwt(token) {
            return Ok(None);
        }
        if token.is_empty() || token.len() > MAX_TOKEN_SIZE {
            return Err(AuthError::malformed("impossible_token"));
        }
        let before = parts.extensions.get::<Identity>();
        let shown = Shown {
            with_proof,
            proved: before.and_then(|identity| identity.extra().copied()),
        };
        // Here no proof is checked, so somebody else must have.
        if with_proof && shown.proved.is_none_or(|proved| proved.key().is_none()) {
            return Err(AuthError::invalid("sender_constrained_token"));
        }
        // RFC 6750 section 2.1: `b64token`.
        let fine = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~+/=".contains(byte);
        match std::str::from_utf8(token) {
            Ok(text) if token.iter().all(fine) => Ok(Some(OpaqueToken {
                text: text.into(),
                shown,
            })),
            _ => Err(AuthError::malformed("impossible_token")),
        }
    }

    fn verify(&self, token: OpaqueToken) -> Self::Future {
        Box::pin(Arc::clone(&self.inner).verify(token))
    }

    fn verify_now(&self, token: OpaqueToken) -> Verdict<OpaqueToken> {
        if self.inner.revocations.is_some() {
            return Verdict::Wait(token);
        }
        match self.inner.known(token.text()) {
            Some(known) => match &known.outcome {
                Outcome::Active(active) => {
                    let admitted = active.admit(&token.shown);
                    Verdict::Now(admitted.map(|()| active.identity.clone()))
                }
                Outcome::Refused(error) | Outcome::Unavailable(error) => {
                    Verdict::Now(Err(error.clone()))
                }
            },
            None => Verdict::Wait(token),
        }
    }

    fn challenge(&self, error: Option<&AuthError>) -> Challenges {
        self.inner.challenger.challenge(error)
    }

    fn explains_missing_scope(&self) -> bool {
        true
    }
}
