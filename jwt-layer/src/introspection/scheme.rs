//! The scheme: `Authorization: Bearer`, whatever the token looks like.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

use auth_layer::{
    AuthError, Challenges, ExposeSecret, Identity, Scheme, SecretString, Verdict, authorization,
};
use http::request::Parts;

use super::{Introspection, Outcome};
use crate::token::looks_like_jwt;

/// The longest token that is asked about.
const MAX_TOKEN_SIZE: usize = 8 * 1024;

/// A token that was found and not yet asked about. It cannot be printed.
#[derive(Clone)]
#[allow(unnameable_types, reason = "it is named by the scheme alone")]
pub struct OpaqueToken(SecretString);

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
        let Some(token) = authorization(&parts.headers, "Bearer") else {
            return Ok(None);
        };
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
        // RFC 6750 section 2.1: `b64token`.
        let fine = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~+/=".contains(byte);
        match std::str::from_utf8(token) {
            Ok(text) if token.iter().all(fine) => Ok(Some(OpaqueToken(text.into()))),
            _ => Err(AuthError::malformed("impossible_token")),
        }
    }

    fn verify(&self, token: OpaqueToken) -> Self::Future {
        let token = Box::from(token.0.expose_secret());
        Box::pin(Arc::clone(&self.inner).verify(token))
    }

    fn verify_now(&self, token: OpaqueToken) -> Verdict<OpaqueToken> {
        if self.inner.revocations.is_some() {
            return Verdict::Wait(token);
        }
        match self.inner.known(token.0.expose_secret()) {
            Some(known) => match &known.outcome {
                Outcome::Active(active) => Verdict::Now(Ok(active.identity.clone())),
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
