//! One proof: what it must be to be believed (RFC 9449 section 4.3).

use std::time::SystemTime;

use auth_layer::{AuthError, AuthErrorKind, SecretDigest, SingleUseKey};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::{Dpop, target};
use crate::binding::JwkThumbprint;

/// What a proof is to be for.
#[derive(Clone, Copy)]
pub(super) struct Expected<'a> {
    pub(super) method: &'a str,
    pub(super) path: &'a str,
    /// The token that is shown with it; none at a token endpoint.
    pub(super) token: Option<&'a [u8]>,
    pub(super) now: SystemTime,
}

/// A proof that is right, and was perhaps used before.
#[derive(Debug)]
pub(crate) struct Proof {
    /// The key that signed it.
    pub(crate) key: JwkThumbprint,
    /// What it is used by.
    pub(super) use_key: SingleUseKey,
    /// From when on nobody takes it any more.
    pub(super) until: SystemTime,
}

/// Why a proof was refused. The reasons begin alike, so that the challenge can say whose fault it is.
pub(super) fn refused(reason: &'static str) -> AuthError {
    debug_assert!(is_about_proof(reason), "{reason}");
    AuthError::invalid(reason)
}

/// Whether an error with this reason is about the proof, and not about the token.
pub(super) fn is_about_proof(reason: &str) -> bool {
    reason.starts_with("dpop_")
}

impl Dpop {
    /// Judges a proof without waiting. Whether it was used before is not known then.
    pub(super) fn judge(&self, proof: &[u8], expected: Expected<'_>) -> Result<Proof, AuthError> {
        let Expected { now, .. } = expected;
        let verified = self.inner.policy.verify_proof(proof, now);
        let verified =
            verified.map_err(|error| refused("dpop_invalid_proof").with_source(error))?;

        if verified.method != expected.method {
            return Err(refused("dpop_wrong_method"));
        }
        if !target::names(&verified.uri, &self.inner.origin, expected.path) {
            return Err(refused("dpop_wrong_target"));
        }
        if let Some(token) = expected.token {
            let hash = URL_SAFE_NO_PAD.encode(SecretDigest::of(token).as_bytes());
            let sent = verified.access_token_hash.unwrap_or_default();
            // As digests: equally long, and in constant time.
            if SecretDigest::of(sent) != SecretDigest::of(hash) {
                return Err(refused("dpop_wrong_token"));
            }
        }
        if let Some(nonces) = &self.inner.nonces
            && !verified.nonce.is_some_and(|nonce| nonces.are(&nonce, now))
        {
            return Err(AuthError::new(AuthErrorKind::Stale, "dpop_nonce_needed"));
        }
        let key: JwkThumbprint = verified
            .thumbprint
            .parse()
            .map_err(|error| refused("dpop_invalid_proof").with_source(error))?;
        let parts = [&key.as_bytes()[..], verified.token_id.as_bytes()];
        Ok(Proof {
            key,
            use_key: SingleUseKey::new("dpop", parts),
            until: verified.issued_at + self.inner.policy.longest_use(),
        })
    }
}
