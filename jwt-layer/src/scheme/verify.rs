//! From a token to an identity: at once where everything is known, else waiting for keys or for
//! the store of revocations.

use std::sync::Arc;
use std::time::SystemTime;

use auth_layer::{AuthError, AuthErrorKind, Identity, Verdict, VerifyFuture};

use super::token::Note;
use super::{BearerToken, Inner};
use crate::cache::{KnownToken, MIN_TOKEN_LEN, Place};
use crate::policy::AccessToken;
use crate::token::{Claims, Compact, Header};
use crate::verifier::{Look, Trusted, could_not_ask};
use crate::{IssuedToken, Revocations, SharedRevocations};

/// A token whose signature and claims hold, now or when it was seen before.
///
/// What is asked for each request, whether it was taken back or who shows it, is asked after this.
#[derive(Clone)]
pub(crate) struct Verified {
    pub(crate) identity: Identity,
    pub(crate) issued_at: SystemTime,
    /// The first moment at which it is no longer good, leeway included.
    pub(crate) ends_at: Option<SystemTime>,
}

/// What one look at a token came to.
enum Outcome {
    Verified(Verified),
    /// The key is not known to this issuer's source, which may learn of it.
    MissingKey {
        trusted: Arc<Trusted<AccessToken>>,
    },
}

/// What a look into the cache came to.
pub(super) enum Taken {
    Known(BearerToken),
    Unknown(Option<Note>),
}

/// How far a token comes without waiting.
enum Step {
    Done(Result<Identity, AuthError>),
    /// The store of revocations has to be asked, and nothing else.
    Ask(Verified, SharedRevocations),
    MissingKey {
        trusted: Arc<Trusted<AccessToken>>,
    },
}

pub(super) fn start(inner: &Arc<Inner>, mut token: BearerToken) -> VerifyFuture {
    if token.presented().proof.is_some() {
        return VerifyFuture::waiting(Arc::clone(inner).with_proof(token));
    }
    match inner.step(&mut token) {
        Step::Done(result) => VerifyFuture::ready(result),
        Step::Ask(verified, revocations) => VerifyFuture::waiting(verified.ask(revocations)),
        Step::MissingKey { trusted } => {
            VerifyFuture::waiting(Arc::clone(inner).with_new_keys(token, trusted))
        }
    }
}

/// As [`start`], for a layer that need not keep the request.
pub(super) fn start_now(inner: &Arc<Inner>, mut token: BearerToken) -> Verdict<BearerToken> {
    if token.presented().proof.is_some() {
        // Whether it was used before has to be asked.
        return Verdict::Wait(token);
    }
    match inner.step(&mut token) {
        Step::Done(result) => Verdict::Now(result),
        Step::Ask(verified, _) => {
            // A signature is not checked twice.
            token.note(inner.rules, Note::Verified(verified));
            Verdict::Wait(token)
        }
        Step::MissingKey { .. } => Verdict::Wait(token),
    }
}

impl Inner {
    fn step(&self, token: &mut BearerToken) -> Step {
        let place = match token.take_note(self.rules) {
            Some(Note::Verified(verified)) if !verified.has_ended(self.clock.now()) => {
                return self.finish(verified, token);
            }
            // Whoever found it kept it for too long.
            Some(Note::Verified(_)) => {
                let error = AuthError::new(AuthErrorKind::Expired, "token_expired");
                return Step::Done(Err(error));
            }
            Some(Note::Hash(digest)) => self.cache.as_ref().map(|cache| cache.place_of(digest)),
            None => self.place(token.as_bytes()),
        };
        match self.known_or_look(token.as_bytes(), place) {
            Ok(Outcome::Verified(verified)) => self.finish(verified, token),
            Ok(Outcome::MissingKey { trusted }) => Step::MissingKey { trusted },
            Err(error) => Step::Done(Err(error)),
        }
    }

    /// A token as it stands in the header: if it was seen before, its text is not needed again.
    pub(super) fn take(&self, token: &[u8]) -> Taken {
        let Some(place) = self.place(token) else {
            return Taken::Unknown(None);
        };
        match self.known(&place) {
            Some(verified) => Taken::Known(BearerToken::known(self.rules, verified)),
            None => Taken::Unknown(Some(Note::Hash(place.digest()))),
        }
    }

    fn known_or_look(&self, token: &[u8], place: Option<Place<'_>>) -> Result<Outcome, AuthError> {
        match place.as_ref().and_then(|place| self.known(place)) {
            Some(verified) => Ok(Outcome::Verified(verified)),
            None => self.look(token, place),
        }
    }

    /// Verifies a token, whoever shows it. That it was not taken back, and is bound to nothing but what
    /// the sender has, is left to the caller.
    pub(super) async fn verified(&self, token: &[u8]) -> Result<Verified, AuthError> {
        let trusted = match self.known_or_look(token, self.place(token))? {
            Outcome::Verified(verified) => return Ok(verified),
            Outcome::MissingKey { trusted } => trusted,
        };
        trusted.learn_key(token).await?;
        match self.known_or_look(token, self.place(token))? {
            Outcome::Verified(verified) => Ok(verified),
            Outcome::MissingKey { .. } => Err(AuthError::invalid("unknown_key")),
        }
    }

    fn place(&self, token: &[u8]) -> Option<Place<'_>> {
        let cache = self.cache.as_ref()?;
        let plausible = MIN_TOKEN_LEN..=self.max_token_size;
        plausible.contains(&token.len()).then(|| cache.place(token))
    }

    /// A token that was seen before, if to verify it again would come to the same.
    fn known(&self, place: &Place<'_>) -> Option<Verified> {
        let known = place.get()?;
        let now = self.clock.now();
        let issuer = known.verified.identity.issuer().unwrap_or_default();
        let holds = |trusted: &Trusted<_>| known.holds(now, &trusted.keys);
        if self.issuers.are_current(&known.trusted, issuer, holds) {
            return Some(known.verified.clone());
        }
        place.forget(&known);
        None
    }

    fn look(&self, token: &[u8], place: Option<Place<'_>>) -> Result<Outcome, AuthError> {
        let compact = Compact::split(token, self.max_token_size)?;
        let header = compact.header()?;
        let header = Header::parse(&header)?;
        let payload = compact.payload()?;
        let (trusted, claims) = self.issuer_of(&payload)?;
        if token.len() > trusted.policy.common.max_token_size {
            return Err(AuthError::malformed("token_too_long"));
        }
        let now = self.clock.now();
        let proof = match trusted.judge(&compact, &header, &claims, now)? {
            Look::Verified(proof) => proof,
            Look::MissingKey => return Ok(Outcome::MissingKey { trusted }),
        };
        drop(claims);
        let verified = Verified {
            identity: proof.proved.identity.raw_claims(payload).build(),
            issued_at: proof.proved.issued_at,
            ends_at: trusted.policy.common.ends_at(proof.times),
        };
        if let Some(place) = place
            && verified.ends_at.is_some()
        {
            let known = KnownToken {
                verified: verified.clone(),
                trusted: Arc::downgrade(&trusted),
                verified_at: now,
                key: proof.key,
                kid: header.kid.as_deref().map(Box::from),
                algorithm: header.algorithm,
            };
            place.insert(known);
        }
        Ok(Outcome::Verified(verified))
    }

    /// The claims, and which of the issuers made them, by their own account.
    fn issuer_of<'a>(
        &self,
        payload: &'a [u8],
    ) -> Result<(Arc<Trusted<AccessToken>>, Claims<'a>), AuthError> {
        let deepest = self.issuers.max_depth();
        let claims = Claims::parse(payload, deepest)?;
        let Some(trusted) = self.issuers.find(&claims.issuer()?) else {
            return Err(AuthError::invalid("wrong_issuer"));
        };
        // Another issuer may have been allowed to nest deeper.
        let own = trusted.policy.common.max_depth;
        if own < deepest {
            return Ok((trusted, Claims::parse(payload, own)?));
        }
        Ok((trusted, claims))
    }

    /// What is asked for every request, whether the token was seen before or not.
    fn finish(&self, verified: Verified, token: &BearerToken) -> Step {
        if let Err(error) = self.check_unproved(&verified.identity, token) {
            return Step::Done(Err(error));
        }
        let Some(revocations) = &self.revocations else {
            return Step::Done(Ok(verified.identity));
        };
        match revocations.check_now(&verified.token()) {
            Some(revoked) => Step::Done(verified.admit(revoked)),
            None => Step::Ask(verified, revocations.clone()),
        }
    }

    async fn with_new_keys(
        self: Arc<Self>,
        mut token: BearerToken,
        trusted: Arc<Trusted<AccessToken>>,
    ) -> Result<Identity, AuthError> {
        trusted.learn_key(token.as_bytes()).await?;

        match self.step(&mut token) {
            Step::Done(result) => result,
            Step::Ask(verified, revocations) => verified.ask(revocations).await,
            Step::MissingKey { .. } => Err(AuthError::invalid("unknown_key")),
        }
    }
}

impl Verified {
    pub(crate) fn has_ended(&self, now: SystemTime) -> bool {
        self.ends_at.is_some_and(|end| now >= end)
    }

    pub(super) fn token(&self) -> IssuedToken<'_> {
        IssuedToken::of(&self.identity, self.issued_at)
    }

    pub(super) fn admit(self, revoked: bool) -> Result<Identity, AuthError> {
        if revoked {
            return Err(AuthError::new(AuthErrorKind::Revoked, "token_revoked"));
        }
        Ok(self.identity)
    }

    async fn ask(self, revocations: SharedRevocations) -> Result<Identity, AuthError> {
        let revoked = revocations
            .is_revoked(&self.token())
            .await
            .map_err(could_not_ask)?;
        self.admit(revoked)
    }
}
