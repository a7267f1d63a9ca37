//! That the sender of a bound token has what it is bound to. Asked for every request, whether the token
//! was seen before or not.

use std::sync::Arc;

use auth_layer::{AuthError, Identity, Revocations as _};

use super::verify::Verified;
use super::{BearerToken, Inner, SCHEME};
use crate::binding::{CertificateThumbprint, Confirmation};
use crate::dpop::PresentedProof;
use crate::verifier::could_not_ask;

/// What was shown with a token.
#[derive(Clone, Default)]
pub(super) struct Presented {
    /// The proof that comes with the scheme `DPoP`.
    pub(super) proof: Option<PresentedProof>,
    /// The certificate that the client has proved to TLS.
    pub(super) certificate: Option<CertificateThumbprint>,
}

impl Inner {
    /// Admits a token that came without a DPoP proof: one that is not bound, or to the client's
    /// certificate alone.
    pub(super) fn check_unproved(
        &self,
        identity: &Identity,
        token: &BearerToken,
    ) -> Result<(), AuthError> {
        let confirmation = identity.extra::<Confirmation>();
        let bound_to_key = confirmation.is_some_and(|bound| bound.key.is_some());
        if bound_to_key {
            return Err(AuthError::invalid("sender_constrained_token"));
        }
        if self.dpop.as_ref().is_some_and(crate::Dpop::is_required) {
            return Err(AuthError::invalid("unbound_token"));
        }
        check_certificate(confirmation, token)
    }

    /// Verifies a token that came with a proof, and then the proof.
    ///
    /// The proof is used up last: a store cannot be filled by those who have no good token, and a
    /// request that is dropped before has used nothing. One that is dropped later may have; the client
    /// makes a new proof for the next anyway.
    pub(super) async fn with_proof(
        self: Arc<Self>,
        token: BearerToken,
    ) -> Result<Identity, AuthError> {
        self.prove(token)
            .await
            .map_err(|error| error.with_scheme(SCHEME))
    }

    async fn prove(self: Arc<Self>, token: BearerToken) -> Result<Identity, AuthError> {
        let (Some(dpop), Some(presented)) = (&self.dpop, &token.presented().proof) else {
            return Err(AuthError::invalid("sender_constrained_token"));
        };
        let verified = self.verified(token.as_bytes()).await?;
        let now = self.clock.now();
        let confirmation = verified.identity.extra::<Confirmation>();
        // An unbound token under the name DPoP is not what its client believes it to be.
        let Some(key) = confirmation.and_then(Confirmation::key) else {
            return Err(AuthError::invalid("unbound_token"));
        };
        let proof = dpop.check(presented, Some(token.as_bytes()), now)?;
        if proof.key != *key {
            return Err(AuthError::invalid("bound_to_another_key"));
        }
        check_certificate(confirmation, &token)?;
        let identity = self.unrevoked(verified).await?;
        dpop.use_up(&proof, now).await?;
        Ok(identity)
    }

    async fn unrevoked(&self, verified: Verified) -> Result<Identity, AuthError> {
        match &self.revocations {
            Some(revocations) => {
                let revoked = revocations.is_revoked(&verified.token()).await;
                verified.admit(revoked.map_err(could_not_ask)?)
            }
            None => Ok(verified.identity),
        }
    }
}

fn check_certificate(
    confirmation: Option<&Confirmation>,
    token: &BearerToken,
) -> Result<(), AuthError> {
    match confirmation.and_then(Confirmation::certificate) {
        Some(bound) if token.presented().certificate != Some(*bound) => {
            Err(AuthError::invalid("bound_to_another_certificate"))
        }
        _ => Ok(()),
    }
}
