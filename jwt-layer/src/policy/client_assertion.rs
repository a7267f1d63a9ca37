//! Client assertions (RFC 7523 section 3, with what its revision and FAPI 2.0 ask for).

use std::sync::Arc;

use auth_layer::AuthError;

use super::kind::{Rules, Signed, is_plain, is_type};
use super::{MINUTE, PolicyBuilder, VerificationPolicy};
use crate::verifier::{TokenVerifier, VerifiedToken};

/// Client assertions: how a client proves itself to a token endpoint.
#[derive(Clone, Debug)]
pub struct ClientAssertion {
    needs_type: bool,
}

impl VerificationPolicy<ClientAssertion> {
    /// Assertions of the client `client_id` for the authorization server `audience`, which is its
    /// issuer identifier.
    ///
    /// `iss` and `sub` are the client; `aud` is one string and no array, so that an assertion made
    /// for one server is not good at another; `jti` is there, and an assertion lives at most 10
    /// minutes. That each `jti` counts once only is left to the caller, who remembers it until the
    /// assertion [ends](VerifiedToken::expires_at), leeway included.
    pub fn client_assertion(
        client_id: impl Into<Arc<str>>,
        audience: impl Into<Box<str>>,
    ) -> PolicyBuilder<ClientAssertion> {
        let kind = ClientAssertion { needs_type: false };
        PolicyBuilder::new(kind, client_id.into(), Some(audience.into()))
            .with_required(&["jti"])
            .max_lifetime(10 * MINUTE)
    }
}

impl PolicyBuilder<ClientAssertion> {
    /// Another name of this server, such as the address of the token endpoint, that older clients
    /// use. Default: none.
    pub fn audience(mut self, audience: impl Into<Box<str>>) -> Self {
        self.policy.common.audiences.push(audience.into());
        self
    }

    /// Only assertions whose `typ` is `client-authentication+jwt`. Default: those with `JWT` and
    /// without any, too, because most clients write no other.
    pub fn require_type(mut self) -> Self {
        self.policy.kind.needs_type = true;
        self
    }
}

impl Rules for ClientAssertion {
    type Proved = ();

    fn fits(&self, typ: Option<&str>) -> bool {
        is_type(typ, "client-authentication+jwt") || (!self.needs_type && is_plain(typ))
    }

    fn check(&self, token: &Signed<'_>) -> Result<(), AuthError> {
        let claims = token.claims;
        if *claims.subject()? != *token.common.issuer {
            return Err(AuthError::invalid("wrong_subject"));
        }
        if token.text("jti")?.is_none_or(|id| id.is_empty()) {
            return Err(AuthError::invalid("missing_jti"));
        }
        // An array would have been read as well.
        if claims.string("aud")?.is_none() {
            return Err(AuthError::invalid("wrong_audience"));
        }
        // Clients sign authorization requests (RFC 9101) and proofs with the same key.
        let foreign = [
            "events",
            "htm",
            "htu",
            "nonce",
            "redirect_uri",
            "response_type",
            "scope",
        ];
        if claims.has_any(&foreign) {
            return Err(AuthError::invalid("not_a_client_assertion"));
        }
        Ok(())
    }
}

impl TokenVerifier<ClientAssertion> {
    /// Verifies a client assertion. Ready at once unless its key has to be asked for.
    ///
    /// # Errors
    ///
    /// Refuses an assertion that does not fulfil the policy. Fails with `Unavailable` if its key could
    /// not be asked for.
    pub async fn verify(&self, token: &str) -> Result<VerifiedToken<ClientAssertion>, AuthError> {
        self.verified(token).await
    }
}
