//! Signed introspection responses (RFC 9701).

use std::sync::Arc;
use std::time::Duration;

use auth_layer::AuthError;
use serde::de::DeserializeOwned;

use super::kind::{Rules, Signed, is_type};
use super::{MINUTE, PolicyBuilder, VerificationPolicy};
use crate::verifier::{TokenVerifier, VerifiedToken};

/// The claim with the answer (section 5).
const ANSWER: &str = "token_introspection";

/// Introspection responses: what an authorization server tells a service about a token.
#[derive(Clone, Debug)]
pub struct IntrospectionResponse(());

impl VerificationPolicy<IntrospectionResponse> {
    /// Signed introspection responses of `issuer` for the service `audience`.
    ///
    /// `typ` is `token-introspection+jwt`; `iss`, `aud`, `iat` and `token_introspection`, an object,
    /// are there. A response is good for 5 minutes from its `iat`: it is the answer to a question
    /// that was asked just now.
    pub fn introspection_response(
        issuer: impl Into<Arc<str>>,
        audience: impl Into<Box<str>>,
    ) -> PolicyBuilder<IntrospectionResponse> {
        let kind = IntrospectionResponse(());
        let mut builder = PolicyBuilder::new(kind, issuer.into(), Some(audience.into()));
        builder.policy.common.must_expire = false;
        builder.max_age(5 * MINUTE)
    }
}

impl PolicyBuilder<IntrospectionResponse> {
    /// How long after its `iat` a response is good. Default: 5 minutes, to which the leeway comes.
    pub fn max_age(mut self, age: Duration) -> Self {
        self.policy.common.max_age = Some(age);
        self
    }
}

impl Rules for IntrospectionResponse {
    type Proved = ();

    fn fits(&self, typ: Option<&str>) -> bool {
        is_type(typ, "token-introspection+jwt")
    }

    fn check(&self, token: &Signed<'_>) -> Result<(), AuthError> {
        let answer = token.claims.json(ANSWER);
        if !answer.is_some_and(|json| json.starts_with('{')) {
            return Err(AuthError::invalid("not_an_introspection_response"));
        }
        Ok(())
    }
}

impl TokenVerifier<IntrospectionResponse> {
    /// Verifies a response. Ready at once unless its key has to be asked for.
    ///
    /// That it holds an answer says nothing about the answer, which may be `{"active":false}`.
    ///
    /// # Errors
    ///
    /// Refuses a response that does not fulfil the policy. Fails with `Unavailable` if its key could
    /// not be asked for.
    pub async fn verify(
        &self,
        token: &str,
    ) -> Result<VerifiedToken<IntrospectionResponse>, AuthError> {
        self.verified(token).await
    }
}

impl VerifiedToken<IntrospectionResponse> {
    /// The answer (RFC 7662 section 2.2), read as `T`.
    ///
    /// # Errors
    ///
    /// Fails if it does not have the shape of `T`.
    pub fn introspection<T: DeserializeOwned>(&self) -> Result<T, AuthError> {
        let unreadable = || AuthError::invalid("unreadable_introspection");
        let claims = self.parsed()?;
        let json = claims.json(ANSWER).ok_or_else(unreadable)?;
        serde_json::from_str(json).map_err(|_| unreadable())
    }
}
