//! What was verified.

use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use auth_layer::{AuthError, IdentityBuilder};
use serde::de::DeserializeOwned;

use super::Proof;
use crate::VerifyingKey;
use crate::policy::{AccessToken, Common, Rules, Times, TokenKind};
use crate::token::Claims;

/// A token whose signature holds and that fulfils its policy. Only a
/// [`TokenVerifier`](crate::TokenVerifier) makes one.
///
/// It cannot be printed: claims are personal data.
pub struct VerifiedToken<K: TokenKind = AccessToken> {
    payload: Vec<u8>,
    issuer: Arc<str>,
    subject: Option<Box<str>>,
    audiences: Box<[Box<str>]>,
    token_id: Option<Box<str>>,
    times: Times,
    key: Arc<VerifyingKey>,
    proved: <K as Rules>::Proved,
}

impl<K: TokenKind> VerifiedToken<K> {
    pub(super) fn new(
        common: &Common,
        proof: Proof<K::Proved>,
        claims: &Claims<'_>,
    ) -> Result<Self, AuthError> {
        let text = |name| Ok::<_, AuthError>(claims.string(name)?.map(|text| text.into()));
        let audiences = claims.strings("aud")?.unwrap_or_default();
        let token_id = claims.string("jti")?.filter(|id| !id.is_empty());
        Ok(Self {
            payload: Vec::new(),
            issuer: Arc::clone(&common.issuer),
            subject: text("sub")?,
            audiences: audiences.into_iter().map(Into::into).collect(),
            token_id: token_id.map(Into::into),
            times: proof.times,
            key: proof.key,
            proved: proof.proved,
        })
    }

    pub(super) fn with_payload(mut self, payload: Vec<u8>) -> Self {
        self.payload = payload;
        self
    }

    /// What only this kind of token has.
    pub(crate) fn proved(&self) -> &<K as Rules>::Proved {
        &self.proved
    }

    /// The claims once more, each read as the type that it must have.
    pub(crate) fn parsed(&self) -> Result<Claims<'_>, AuthError> {
        Claims::parse_checked(&self.payload)
    }

    /// All claims, read as `T`.
    ///
    /// # Errors
    ///
    /// Fails if they do not have the shape of `T`.
    pub fn claims<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        serde_json::from_slice(&self.payload)
    }

    /// All claims, as JSON text of an object.
    pub fn raw_claims(&self) -> &[u8] {
        &self.payload
    }

    /// `iss`, which is that of the policy.
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// `sub`.
    pub fn subject(&self) -> Option<&str> {
        self.subject.as_deref()
    }

    /// `aud`: at least one is of the policy.
    pub fn audiences(&self) -> impl ExactSizeIterator<Item = &str> {
        self.audiences.iter().map(AsRef::as_ref)
    }

    /// `jti`; one that is empty is none.
    pub fn token_id(&self) -> Option<&str> {
        self.token_id.as_deref()
    }

    /// `iat`, as the token says it.
    pub fn issued_at(&self) -> Option<SystemTime> {
        self.times.issued_at
    }

    /// `exp`. The token is accepted for the leeway of the policy longer.
    pub fn expires_at(&self) -> Option<SystemTime> {
        self.times.expires_at
    }

    /// The key that verified it.
    pub fn key(&self) -> &Arc<VerifyingKey> {
        &self.key
    }
}

impl VerifiedToken<AccessToken> {
    pub(crate) fn check_unbound(&self) -> Result<(), AuthError> {
        match self.proved.confirmation {
            Some(_) => Err(AuthError::invalid("sender_constrained_token")),
            None => Ok(()),
        }
    }

    /// Whom it proves, to be refined or built. It holds the claims, too.
    pub fn into_identity(self) -> IdentityBuilder {
        self.proved.identity.raw_claims(self.payload)
    }
}

impl<K: TokenKind> fmt::Debug for VerifiedToken<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifiedToken")
            .field("issuer", &self.issuer)
            .field("audiences", &self.audiences)
            .field("expires_at", &self.times.expires_at)
            .field("key", &self.key)
            .finish_non_exhaustive()
    }
}
