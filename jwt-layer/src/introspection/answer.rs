//! What an answer must say for the token to be good.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use auth_layer::{AuthError, AuthErrorKind, Identity};

use super::Active;
use crate::Confirmation;
use crate::policy::ClientToken;
use crate::token::Claims;

/// How deep an answer may nest.
const MAX_DEPTH: usize = 8;

/// By how much the issuer's clock may be ahead, for revocation.
const LEEWAY: Duration = Duration::from_secs(60);

/// What this service asks of a token.
pub(super) struct Rules {
    pub(super) issuer: Arc<str>,
    /// `None` if any will do.
    pub(super) audience: Option<Box<str>>,
    pub(super) client_tokens: bool,
}

impl Rules {
    /// An answer that cannot be read says nothing: that is "could not ask".
    pub(super) fn judge(&self, json: &[u8], now: SystemTime) -> Result<Active, AuthError> {
        let claims = Claims::parse(json, MAX_DEPTH).map_err(unreadable)?;
        match claims.read::<bool>("active").map_err(unreadable)? {
            Some(true) => {}
            Some(false) | None => return Err(AuthError::invalid("token_not_active")),
        }
        self.judge_active(&claims, json, now)
            .map_err(|error| match error.kind() {
                AuthErrorKind::Malformed => unreadable(error),
                _ => error,
            })
    }

    fn judge_active(
        &self,
        claims: &Claims<'_>,
        json: &[u8],
        now: SystemTime,
    ) -> Result<Active, AuthError> {
        if claims
            .string("iss")?
            .is_some_and(|issuer| *issuer != *self.issuer)
        {
            return Err(AuthError::invalid("wrong_issuer"));
        }
        if let Some(own) = &self.audience {
            let named = claims.strings("aud")?.unwrap_or_default();
            if !named.iter().any(|named| **named == **own) {
                return Err(AuthError::invalid("wrong_audience"));
            }
        }
        let expires_at = claims.time("exp")?;
        if expires_at.is_some_and(|end| end <= now) {
            return Err(AuthError::new(AuthErrorKind::Expired, "token_expired"));
        }
        if claims
            .time("nbf")?
            .is_some_and(|begin| begin > now + LEEWAY)
        {
            return Err(AuthError::invalid("token_not_yet_valid"));
        }
        // A refresh token is active too, and good for nothing here.
        let kind = |name: &str, known: &[&str]| {
            let kind = claims.string(name)?;
            let fits =
                kind.is_none_or(|kind| known.iter().any(|known| kind.eq_ignore_ascii_case(known)));
            Ok::<_, AuthError>(fits)
        };
        if !kind("token_type", &["bearer", "access_token", "dpop"])?
            || !kind("typ", &["bearer", "at+jwt", "jwt"])?
        {
            return Err(AuthError::invalid("wrong_token_type"));
        }
        self.active(claims, json, expires_at)
    }

    fn active(
        &self,
        claims: &Claims<'_>,
        json: &[u8],
        expires_at: Option<SystemTime>,
    ) -> Result<Active, AuthError> {
        let subject = claims.string("sub")?.filter(|subject| !subject.is_empty());
        let subject = subject.ok_or_else(|| AuthError::invalid("missing_sub"))?;
        let client = claims.string("client_id")?;
        let is_client = client.as_ref().is_some_and(|client| *client == subject);
        if is_client && !self.client_tokens {
            return Err(AuthError::invalid("client_token"));
        }
        let mut identity = Identity::builder("introspection", subject.into_owned())
            .issuer(Arc::clone(&self.issuer))
            .scopes(claims.scopes("scope")?)
            .raw_claims(json.to_vec());
        if is_client {
            identity = identity.extra(ClientToken::new());
        }
        if let Some(end) = expires_at {
            identity = identity.expires_at(end);
        }
        // An empty one would be the same for all tokens.
        if let Some(id) = claims.string("jti")?.filter(|id| !id.is_empty()) {
            identity = identity.token_id(id.into_owned());
        }
        if let Some(acr) = claims.string("acr")? {
            identity = identity.acr(acr.into_owned());
        }
        if let Some(time) = claims.time("auth_time")? {
            identity = identity.auth_time(time);
        }
        let issued_at = claims.time("iat")?;
        let token_type = claims.string("token_type")?;
        Ok(Active {
            identity: identity.build(),
            confirmation: Confirmation::read(claims)?,
            with_proof: token_type.is_some_and(|kind| kind.eq_ignore_ascii_case("dpop")),
            issued_at: issued_at
                .and_then(|time| time.checked_sub(LEEWAY))
                .unwrap_or(UNIX_EPOCH),
            expires_at,
        })
    }
}

fn unreadable(error: AuthError) -> AuthError {
    AuthError::unavailable("introspection_unreadable").with_source(error)
}
