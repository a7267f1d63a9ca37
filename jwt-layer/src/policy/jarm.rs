//! Signed authorization responses (JWT Secured Authorization Response Mode).

use std::sync::Arc;

use auth_layer::AuthError;

use super::kind::{Rules, Signed, is_plain};
use super::{MINUTE, PolicyBuilder, VerificationPolicy};
use crate::verifier::{TokenVerifier, VerifiedToken};

/// Authorization responses: what comes back through the browser.
#[derive(Clone, Debug)]
pub struct JarmResponse(());

impl VerificationPolicy<JarmResponse> {
    /// Signed authorization responses of `issuer` for the client `client_id`.
    ///
    /// `iss`, `aud` and `exp` are there, a response lives at most 10 minutes, and it holds a response:
    /// `code`, `error`, `access_token` or `id_token`. Tokens with `sub`, `nonce` or `events` are
    /// another kind.
    pub fn jarm_response(
        issuer: impl Into<Arc<str>>,
        client_id: impl Into<Box<str>>,
    ) -> PolicyBuilder<JarmResponse> {
        let kind = JarmResponse(());
        PolicyBuilder::new(kind, issuer.into(), Some(client_id.into())).max_lifetime(10 * MINUTE)
    }
}

impl Rules for JarmResponse {
    type Proved = ();

    fn fits(&self, typ: Option<&str>) -> bool {
        is_plain(typ)
    }

    fn check(&self, token: &Signed<'_>) -> Result<(), AuthError> {
        let claims = token.claims;
        let foreign = [
            "events",
            "htm",
            "htu",
            "nonce",
            "sub",
            "token_introspection",
        ];
        let mut holds_response = false;
        for name in ["code", "error", "access_token", "id_token"] {
            holds_response |= claims.string(name)?.is_some_and(|text| !text.is_empty());
        }
        if claims.has_any(&foreign) || !holds_response {
            return Err(AuthError::invalid("not_an_authorization_response"));
        }
        Ok(())
    }
}

impl TokenVerifier<JarmResponse> {
    /// Verifies a response to the request that was made with `state`. Ready at once unless its key has
    /// to be asked for.
    ///
    /// An `error` in it is as verified as a `code`.
    ///
    /// # Errors
    ///
    /// Refuses a response that does not fulfil the policy, or is to another request. Fails with
    /// `Unavailable` if its key could not be asked for.
    pub async fn verify(
        &self,
        token: &str,
        state: &str,
    ) -> Result<VerifiedToken<JarmResponse>, AuthError> {
        let verified = self.verified(token).await?;
        let own = verified.parsed()?.string("state")?.as_deref() == Some(state);
        if !own {
            return Err(AuthError::invalid("wrong_state"));
        }
        Ok(verified)
    }
}
