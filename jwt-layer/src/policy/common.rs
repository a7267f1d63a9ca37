//! What policies of all kinds ask of header and claims.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use auth_layer::{AuthError, AuthErrorKind};

use crate::Algorithm;
use crate::token::{Claims, Header};

/// The options that every kind of token has, and those of which only the default differs.
#[derive(Clone, Debug)]
pub(crate) struct Common {
    pub(crate) issuer: Arc<str>,
    pub(crate) max_token_size: usize,
    pub(crate) max_depth: usize,
    pub(super) audiences: Vec<Box<str>>,
    pub(super) algorithms: Option<Vec<Algorithm>>,
    pub(super) leeway: Duration,
    pub(super) max_lifetime: Duration,
    /// How long ago `iat` may be; with it, `iat` is required.
    pub(super) max_age: Option<Duration>,
    pub(super) must_expire: bool,
    pub(super) required: Vec<Box<str>>,
}

/// When a token was issued and when it ends, by its own account.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Times {
    pub(crate) expires_at: Option<SystemTime>,
    pub(crate) issued_at: Option<SystemTime>,
}

impl Common {
    /// Whether the policy allows the algorithm; which one it is the key decides.
    pub(crate) fn check_algorithm(&self, header: &Header<'_>) -> Result<(), AuthError> {
        match &self.algorithms {
            Some(allowed) if !allowed.contains(&header.algorithm) => {
                Err(AuthError::invalid("algorithm_not_allowed"))
            }
            _ => Ok(()),
        }
    }

    /// `exp`, `nbf`, `iat`, each with leeway.
    pub(crate) fn check_times(
        &self,
        claims: &Claims<'_>,
        now: SystemTime,
    ) -> Result<Times, AuthError> {
        let later = now + self.leeway;
        let expires_at = claims.time("exp")?;
        let not_before = claims.time("nbf")?;
        let issued_at = claims.time("iat")?;

        if self.must_expire && expires_at.is_none() {
            return Err(AuthError::invalid("missing_exp"));
        }
        if expires_at.is_some_and(|time| now >= time + self.leeway) {
            return Err(AuthError::new(AuthErrorKind::Expired, "token_expired"));
        }
        if not_before.is_some_and(|time| time > later) {
            return Err(AuthError::invalid("token_not_yet_valid"));
        }
        if issued_at.is_some_and(|time| time > later) {
            return Err(AuthError::invalid("issued_in_the_future"));
        }
        if let Some(max_age) = self.max_age {
            let issued_at = issued_at.ok_or_else(|| AuthError::invalid("missing_iat"))?;
            if now > issued_at + max_age + self.leeway {
                return Err(AuthError::new(AuthErrorKind::Expired, "token_too_old"));
            }
        }
        if let Some(expires_at) = expires_at {
            let lifetime = expires_at.duration_since(issued_at.unwrap_or(now));
            if lifetime.unwrap_or_default() > self.max_lifetime {
                return Err(AuthError::invalid("token_lives_too_long"));
            }
        }
        Ok(Times {
            expires_at,
            issued_at,
        })
    }

    /// The first moment at which [`check_times`](Self::check_times) would refuse what it has accepted;
    /// `None` if there is none.
    pub(crate) fn ends_at(&self, times: Times) -> Option<SystemTime> {
        let too_old = self.max_age.zip(times.issued_at);
        let too_old = too_old.map(|(max_age, issued_at)| issued_at + max_age);
        let ends = times.expires_at.into_iter().chain(too_old).min()?;
        Some(ends + self.leeway)
    }

    /// That the token is for us, and has what every token of the policy must have.
    pub(crate) fn check_claims(&self, claims: &Claims<'_>) -> Result<(), AuthError> {
        let audiences = claims
            .strings("aud")?
            .ok_or_else(|| AuthError::invalid("missing_aud"))?;
        if !audiences.iter().any(|named| self.is_audience(named)) {
            return Err(AuthError::invalid("wrong_audience"));
        }
        self.check_required(claims)
    }

    pub(super) fn check_required(&self, claims: &Claims<'_>) -> Result<(), AuthError> {
        if !self.required.iter().all(|name| claims.has(name)) {
            return Err(AuthError::invalid("missing_claim"));
        }
        Ok(())
    }

    pub(super) fn is_audience(&self, named: &str) -> bool {
        self.audiences.iter().any(|own| **own == *named)
    }
}
