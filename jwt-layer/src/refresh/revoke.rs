//! Revocation of a token by its text (RFC 7009).

use std::time::SystemTime;

use auth_layer::{AuthError, AuthErrorKind, Event, EventKind, Identity, Revocations as _};

use super::{RefreshStore as _, RefreshToken, RefreshTokens, could_not_ask};

impl RefreshTokens {
    /// Takes back a token, as RFC 7009 has it: a refresh token with its family and the access tokens
    /// of it, or one access token of the issuer's, also one that is good only later, because the clock
    /// of the node that made it is ahead. A token that is unknown, over, forged or not ours is as good
    /// as taken back. Whoever holds a token may end it, so no more is asked.
    ///
    /// # Errors
    ///
    /// Fails if it could not be done, or if the key of an access token that names our issuer is not
    /// known here: another node may know it. Then answer 5xx and never 200: the client has to try
    /// again. An access token that is bound to a key is an invalid request, `unsupported_token_type`:
    /// its refresh token ends it.
    ///
    /// # Panics
    ///
    /// Outside of a Tokio runtime.
    pub async fn revoke(&self, token: &str) -> Result<(), AuthError> {
        let inner = &*self.inner;
        if let Some(token) = RefreshToken::parse(token) {
            let found = inner.store.find(&token.family()).await;
            return match found.map_err(could_not_ask)? {
                Some(state) => self.end_family(&state.family, "token_revoked").await,
                None => Ok(()),
            };
        }
        let Some(identity) = self.own_access_token(token).await? else {
            return Ok(());
        };
        let (Some(token_id), Some(until)) = (identity.token_id(), identity.expires_at()) else {
            return Ok(());
        };
        let name = inner.issuer.name();
        let revoked = inner.revocations.revoke_token(name, token_id, until).await;
        revoked.map_err(could_not_ask)?;
        let event = Event::new(EventKind::Revoked).with_identity(&identity);
        let event = event.with_object_id(token_id).with_reason("token_revoked");
        inner.events.record(&event);
        Ok(())
    }

    /// What an access token says that is good, here or on any node, now or later.
    async fn own_access_token(&self, token: &str) -> Result<Option<Identity>, AuthError> {
        let verifier = &self.inner.verifier;
        let now = verifier.now();
        let Ok((begins_at, ends_at)) = verifier.claimed_times(token) else {
            return Ok(None);
        };
        // Judged as of when it begins: until then it would be refused, and be good later.
        let then = begins_at.map_or(now, |begins_at| begins_at.max(now));
        let verified = verifier.verified_at(token, then).await;
        match verified.and_then(|verified| verified.check_unbound().map(|()| verified)) {
            Ok(verified) => Ok(Some(verified.into_identity().build())),
            // It is good, and is not taken back by its text alone.
            Err(error) if error.reason() == "sender_constrained_token" => {
                let kind = AuthErrorKind::InvalidRequest;
                Err(AuthError::new(kind, "unsupported_token_type").with_source(error))
            }
            Err(error) if error.reason() == "unknown_key" && !is_over(ends_at, now) => {
                Err(AuthError::unavailable("unknown_key").with_source(error))
            }
            Err(error) if error.kind().is_bad_credential() => Ok(None),
            Err(error) => Err(could_not_ask(error)),
        }
    }
}

/// Whether no node accepts any more what says that it ends then.
fn is_over(ends_at: Option<SystemTime>, now: SystemTime) -> bool {
    ends_at.is_none_or(|ends_at| ends_at + auth_layer::MAX_LEEWAY <= now)
}
