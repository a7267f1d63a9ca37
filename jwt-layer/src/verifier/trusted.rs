//! One policy and its keys: everything that does not wait.

use std::sync::Arc;
use std::time::SystemTime;

use auth_layer::{AuthError, AuthErrorKind};

use crate::policy::{Signed, Times, TokenKind};
use crate::token::{Claims, Compact, Header};
use crate::{KeyLookup, Keys, VerificationPolicy, VerifyingKey, WantedKey};

/// A policy and the keys that are the issuer's alone.
#[derive(Clone)]
pub(crate) struct Trusted<K> {
    pub(crate) policy: VerificationPolicy<K>,
    pub(crate) keys: Keys,
}

/// What one look at a token came to.
pub(crate) enum Look<T> {
    Verified(T),
    /// The key is not known, and its source may learn of it.
    MissingKey,
}

/// What a token proves that fulfils a policy.
pub(crate) struct Proof<P> {
    pub(crate) proved: P,
    pub(crate) times: Times,
    /// The key that verified it.
    pub(crate) key: Arc<VerifyingKey>,
}

impl<K: TokenKind> Trusted<K> {
    /// Judges a token whose `iss` has been compared, without waiting and without a copy of anything
    /// but what the kind of token takes out of it.
    pub(crate) fn judge(
        &self,
        token: &Compact<'_>,
        header: &Header<'_>,
        claims: &Claims<'_>,
        now: SystemTime,
    ) -> Result<Look<Proof<K::Proved>>, AuthError> {
        let VerificationPolicy { common, kind } = &self.policy;
        if !kind.fits(header.bare_type()) {
            return Err(AuthError::invalid("wrong_token_type"));
        }
        common.check_algorithm(header)?;

        let wanted = WantedKey::new(header.kid.as_deref(), header.algorithm);
        let key = match self.keys.find(&wanted) {
            KeyLookup::Found(key) => key,
            KeyLookup::Unknown => return Err(AuthError::invalid("unknown_key")),
            KeyLookup::Ask => return Ok(Look::MissingKey),
            KeyLookup::Unavailable => return Err(AuthError::unavailable("keys_unavailable")),
        };
        let times = common.check_times(claims, now).map_err(unverified)?;
        check_signature(token, header, &key)?;
        common.check_claims(claims)?;
        let proved = kind.check(&Signed {
            common,
            claims,
            times,
            now,
        })?;
        Ok(Look::Verified(Proof { proved, times, key }))
    }

    /// Waits until the source of the keys has tried to learn of the one that a token names.
    pub(crate) async fn learn_key(&self, token: &[u8]) -> Result<(), AuthError> {
        let header = Compact::split(token, self.policy.common.max_token_size)?.header()?;
        let header = Header::parse(&header)?;
        let wanted = WantedKey::new(header.kid.as_deref(), header.algorithm);
        self.keys.refresh(&wanted).await.map_err(could_not_ask)
    }
}

/// A source that answers with a key for another algorithm must not widen anything.
pub(crate) fn check_signature(
    token: &Compact<'_>,
    header: &Header<'_>,
    key: &VerifyingKey,
) -> Result<(), AuthError> {
    let signature = token.signature()?;
    if key.algorithm() != header.algorithm || !key.verify(token.signed, signature.as_bytes()) {
        return Err(AuthError::invalid("bad_signature"));
    }
    Ok(())
}

/// What the claims say before the signature has held, anybody may have written: it does not choose
/// the reason of an event, and stands behind it only.
pub(crate) fn unverified(error: AuthError) -> AuthError {
    AuthError::invalid("refused_unverified").with_source(error)
}

/// Whatever a store or a key source fails with, it is not the token's fault.
pub(crate) fn could_not_ask(error: AuthError) -> AuthError {
    if error.kind() == AuthErrorKind::Unavailable {
        return error;
    }
    AuthError::unavailable("could_not_check").with_source(error)
}
