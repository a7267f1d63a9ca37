//! Signed UserInfo responses (OpenID Connect Core section 5.3.2).

use std::sync::Arc;

use auth_layer::AuthError;

use super::kind::{Rules, Signed, is_plain};
use super::{PolicyBuilder, VerificationPolicy};
use crate::verifier::{TokenVerifier, VerifiedToken};

/// UserInfo responses: what an issuer tells a client about a user.
#[derive(Clone, Debug)]
pub struct UserInfoResponse(());

impl VerificationPolicy<UserInfoResponse> {
    /// Signed UserInfo responses of `issuer` for the client `client_id`.
    ///
    /// `iss`, `aud` and `sub` are there; times are checked if they are. Tokens of another `typ` are
    /// refused, and those with claims that only ID tokens, access tokens, security events, DPoP proofs
    /// and introspection answers have.
    pub fn user_info_response(
        issuer: impl Into<Arc<str>>,
        client_id: impl Into<Box<str>>,
    ) -> PolicyBuilder<UserInfoResponse> {
        let kind = UserInfoResponse(());
        let mut builder = PolicyBuilder::new(kind, issuer.into(), Some(client_id.into()));
        builder.policy.common.must_expire = false;
        builder
    }
}

impl Rules for UserInfoResponse {
    type Proved = ();

    fn fits(&self, typ: Option<&str>) -> bool {
        is_plain(typ)
    }

    fn check(&self, token: &Signed<'_>) -> Result<(), AuthError> {
        let foreign = [
            "at_hash",
            "c_hash",
            "client_id",
            "cnf",
            "events",
            "htm",
            "htu",
            "nonce",
            "s_hash",
            "scope",
            "scp",
            "token_introspection",
        ];
        if token.claims.has_any(&foreign) {
            return Err(AuthError::invalid("not_a_user_info_response"));
        }
        token.claims.subject()?;
        Ok(())
    }
}

impl TokenVerifier<UserInfoResponse> {
    /// Verifies a response about `subject`, the `sub` of the ID token: about anybody else it must not
    /// be used. Ready at once unless its key has to be asked for.
    ///
    /// # Errors
    ///
    /// Refuses a response that does not fulfil the policy, or is about somebody else. Fails with
    /// `Unavailable` if its key could not be asked for.
    pub async fn verify(
        &self,
        token: &str,
        subject: &str,
    ) -> Result<VerifiedToken<UserInfoResponse>, AuthError> {
        let verified = self.verified(token).await?;
        if verified.subject() != Some(subject) {
            return Err(AuthError::invalid("wrong_subject"));
        }
        Ok(verified)
    }
}
