//! The proof of a request for a token.

use std::fmt;

use auth_layer::AuthError;

use super::Dpop;
use super::proof::{Proof, refused};
use crate::binding::JwkThumbprint;

/// A good proof that came with a request for a token, from
/// [`Dpop::verify_token_request`]. It was perhaps used before: [`use_up`](Self::use_up) asks that.
#[must_use = "a proof that is not used up is good once more"]
pub struct TokenRequestProof {
    pub(super) dpop: Dpop,
    pub(super) proof: Proof,
}

impl TokenRequestProof {
    /// The key that the proof is signed with, to compare it with what a grant is bound to. Bind a token to
    /// what [`use_up`](Self::use_up) returns.
    pub fn key(&self) -> &JwkThumbprint {
        &self.proof.key
    }

    /// Uses the proof up, once client and grant are known to be good, and before a token is handed out:
    /// the key to bind the token to, for
    /// [`AccessTokenRequest::bound_to`](crate::AccessTokenRequest::bound_to).
    ///
    /// # Errors
    ///
    /// Fails with `Invalid` if the proof was used before, or has ended since it was verified, and with
    /// `Unavailable` if the store could not be asked.
    pub async fn use_up(self) -> Result<JwkThumbprint, AuthError> {
        let now = self.dpop.inner.clock.now();
        // The store may have forgotten that it was used.
        if self.proof.until <= now {
            return Err(refused("dpop_ended_meanwhile"));
        }
        self.dpop.use_up(&self.proof, now).await?;
        Ok(self.proof.key)
    }
}

impl fmt::Debug for TokenRequestProof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenRequestProof")
            .field("key", &self.proof.key)
            .finish_non_exhaustive()
    }
}
