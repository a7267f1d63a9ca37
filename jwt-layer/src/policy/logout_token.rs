//! Logout tokens (OpenID Connect Back-Channel Logout 1.0 sections 2.4 and 2.6).

use std::sync::Arc;
use std::time::Duration;

use auth_layer::AuthError;

use super::kind::{Rules, Signed, is_plain, is_type};
use super::{MINUTE, PolicyBuilder, VerificationPolicy};
use crate::verifier::{TokenVerifier, VerifiedToken};

/// The member of `events` that makes it a logout.
const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";

/// Logout tokens: what an issuer tells a client of a session that is over.
#[derive(Clone, Debug)]
pub struct LogoutToken {
    needs_type: bool,
}

/// Which session is over.
#[derive(Debug)]
#[allow(unnameable_types, reason = "it is named by a sealed trait")]
pub struct Logout {
    session_id: Option<Box<str>>,
}

impl VerificationPolicy<LogoutToken> {
    /// Logout tokens of `issuer` for the client `client_id`.
    ///
    /// `events` names the logout, there is no `nonce`, and `sub` or `sid` is there; `aud` is the
    /// client and nobody else. A token is good for 10 minutes from its `iat`, however late its `exp`.
    /// That each `jti` counts once only is left to the caller; ending a session twice does no harm.
    pub fn logout_token(
        issuer: impl Into<Arc<str>>,
        client_id: impl Into<Box<str>>,
    ) -> PolicyBuilder<LogoutToken> {
        let kind = LogoutToken { needs_type: false };
        PolicyBuilder::new(kind, issuer.into(), Some(client_id.into()))
            .with_required(&["jti"])
            .max_age(10 * MINUTE)
    }
}

impl PolicyBuilder<LogoutToken> {
    /// How long after its `iat` a token is good. Default: 10 minutes, to which the leeway comes.
    pub fn max_age(mut self, age: Duration) -> Self {
        self.policy.common.max_age = Some(age);
        self
    }

    /// Only tokens whose `typ` is `logout+jwt`, as section 2.4 recommends. Default: those with
    /// `JWT` and without any, too, because most issuers write no other.
    pub fn require_type(mut self) -> Self {
        self.policy.kind.needs_type = true;
        self
    }

    /// Accepts tokens without `exp`, which drafts before the final specification did not ask for;
    /// [`max_age`](Self::max_age) bounds them.
    pub fn accept_missing_expiry(mut self) -> Self {
        self.policy.common.must_expire = false;
        self
    }
}

impl Rules for LogoutToken {
    type Proved = Logout;

    fn fits(&self, typ: Option<&str>) -> bool {
        is_type(typ, "logout+jwt") || (!self.needs_type && is_plain(typ))
    }

    fn check(&self, token: &Signed<'_>) -> Result<Logout, AuthError> {
        let claims = token.claims;
        let event = claims.member_of("events", EVENT)?;
        // What is no object is no event (section 2.4).
        if !event.is_some_and(|json| json.starts_with('{')) || claims.has("nonce") {
            return Err(AuthError::invalid("not_a_logout_token"));
        }
        token.check_sole_audience()?;
        let session_id = token.text("sid")?;
        let names_subject = token.text("sub")?.is_some_and(|sub| !sub.is_empty());
        let names_session = session_id.as_ref().is_some_and(|sid| !sid.is_empty());
        if !names_subject && !names_session {
            return Err(AuthError::invalid("missing_sub_and_sid"));
        }
        Ok(Logout { session_id })
    }
}

impl TokenVerifier<LogoutToken> {
    /// Verifies a logout token. Ready at once unless its key has to be asked for.
    ///
    /// # Errors
    ///
    /// Refuses a token that does not fulfil the policy. Fails with `Unavailable` if its key could not
    /// be asked for.
    pub async fn verify(&self, token: &str) -> Result<VerifiedToken<LogoutToken>, AuthError> {
        self.verified(token).await
    }
}

impl VerifiedToken<LogoutToken> {
    /// `sid`: the session that is over, as the ID token named it. Without it, all sessions of the
    /// [subject](Self::subject) are.
    pub fn session_id(&self) -> Option<&str> {
        self.proved()
            .session_id
            .as_deref()
            .filter(|id| !id.is_empty())
    }
}
