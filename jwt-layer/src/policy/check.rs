//! Judging header and claims by a policy.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use auth_layer::{AuthError, AuthErrorKind};

use super::{Profile, VerificationPolicy};
use crate::token::{Claims, Header};

/// When a token was issued and when it ends.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Times {
    pub(crate) expires_at: SystemTime,
    /// At the earliest: as exactly as the token says, and 1970 if it does not say.
    pub(crate) issued_at: SystemTime,
}

impl VerificationPolicy {
    pub(crate) fn max_depth(&self) -> usize {
        self.max_depth
    }

    /// Type and algorithm.
    pub(crate) fn check_header(&self, header: &Header<'_>) -> Result<(), AuthError> {
        let fits = match self.profile {
            Profile::AccessToken => header.is_type("at+jwt"),
            Profile::PlainAccessToken => {
                header.typ.is_none() || header.is_type("jwt") || header.is_type("at+jwt")
            }
        };
        if !fits {
            return Err(AuthError::invalid("wrong_token_type"));
        }
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
        let expires_at = claims.time("exp")?.ok_or_else(|| missing("exp"))?;
        let not_before = claims.time("nbf")?;
        let issued_at = claims.time("iat")?;

        if now >= expires_at + self.leeway {
            return Err(AuthError::new(AuthErrorKind::Expired, "token_expired"));
        }
        if not_before.is_some_and(|time| time > later) {
            return Err(AuthError::invalid("token_not_yet_valid"));
        }
        if issued_at.is_some_and(|time| time > later) {
            return Err(AuthError::invalid("issued_in_the_future"));
        }
        let lifetime = expires_at
            .duration_since(issued_at.unwrap_or(now))
            .unwrap_or_default();
        if lifetime > self.max_lifetime {
            return Err(AuthError::invalid("token_lives_too_long"));
        }
        Ok(Times {
            expires_at,
            issued_at: issued_at.map_or(UNIX_EPOCH, |iat| self.issued_at(claims, iat)),
        })
    }

    /// When a token was issued at the earliest, for revocation.
    ///
    /// Our own issuer says the millisecond in `iat_ms`, so that a revocation tells the token before
    /// it from the token after it within one second. For others the clock may have run ahead by the
    /// leeway: without subtracting it, their tokens would survive a revocation that came after them.
    /// An `iat_ms` that does not refine `iat` is somebody else's claim and says nothing.
    fn issued_at(&self, claims: &Claims<'_>, iat: SystemTime) -> SystemTime {
        let millis = claims.read::<u64>("iat_ms").ok().flatten();
        let exact = millis.and_then(|millis| {
            let exact = UNIX_EPOCH.checked_add(Duration::from_millis(millis))?;
            let after = exact.duration_since(iat).ok()?;
            (after < Duration::from_secs(1)).then_some(exact)
        });
        exact.unwrap_or_else(|| iat.checked_sub(self.leeway).unwrap_or(UNIX_EPOCH))
    }

    /// Everything that is asked once the signature holds. The issuer has been compared already.
    pub(crate) fn check_claims(&self, claims: &Claims<'_>) -> Result<(), AuthError> {
        let audiences = claims.strings("aud")?.ok_or_else(|| missing("aud"))?;
        let ours = |named: &str| self.audiences.iter().any(|own| **own == *named);
        if !audiences.iter().any(|named| ours(named)) {
            return Err(AuthError::invalid("wrong_audience"));
        }
        if !self.required.iter().all(|name| claims.has(name)) {
            return Err(AuthError::invalid("missing_claim"));
        }
        // Proof of possession is not checked here, and a bound token without it is a stolen one
        // (RFC 9449 section 7.2).
        if claims.has("cnf") {
            return Err(AuthError::invalid("sender_constrained_token"));
        }
        if self.profile == Profile::PlainAccessToken {
            let foreign = ["at_hash", "c_hash", "s_hash", "events"];
            let foreign = foreign.iter().any(|name| claims.has(name));
            if foreign || (claims.has("nonce") && !self.nonce) {
                return Err(AuthError::invalid("not_an_access_token"));
            }
        }
        Ok(())
    }
}

fn missing(claim: &'static str) -> AuthError {
    AuthError::invalid(match claim {
        "exp" => "missing_exp",
        _ => "missing_aud",
    })
}
