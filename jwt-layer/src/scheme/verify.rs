//! From a token to an identity: at once where everything is known, else waiting for keys or for
//! the store of revocations.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::SystemTime;

use auth_layer::{AuthError, AuthErrorKind, Identity};

use super::{BearerToken, Inner, Trusted};
use crate::token::{Claims, Compact, Header};
use crate::{IssuedToken, KeyLookup, Revocations, SharedRevocations, WantedKey};

/// Verifies one token. Ready at once unless keys are fetched or revocations are asked for elsewhere.
#[must_use = "futures do nothing unless polled"]
pub struct VerifyFuture {
    state: State,
}

enum State {
    Ready(Option<Result<Identity, AuthError>>),
    Waiting(Pin<Box<dyn Future<Output = Result<Identity, AuthError>> + Send>>),
}

/// A token whose signature and claims hold.
struct Verified {
    identity: Identity,
    issued_at: SystemTime,
}

/// What one look at a token came to.
enum Outcome {
    Verified(Verified),
    /// The key is not known, and its source may learn of it.
    MissingKey {
        trusted: usize,
    },
}

pub(super) fn start(inner: &Arc<Inner>, token: BearerToken) -> VerifyFuture {
    let state = match inner.look(token.as_bytes()) {
        Ok(Outcome::Verified(verified)) => inner.finish(verified),
        Ok(Outcome::MissingKey { trusted }) => {
            State::Waiting(Box::pin(Arc::clone(inner).with_new_keys(token, trusted)))
        }
        Err(error) => State::Ready(Some(Err(error))),
    };
    VerifyFuture { state }
}

impl Inner {
    fn look(&self, token: &[u8]) -> Result<Outcome, AuthError> {
        let compact = Compact::split(token, self.max_token_size)?;
        let header = compact.header()?;
        let header = Header::parse(&header)?;
        let payload = compact.payload()?;
        let (index, claims) = self.issuer_of(&payload)?;
        let Trusted { policy, keys } = &self.trusted[index];
        if token.len() > policy.max_token_size {
            return Err(AuthError::malformed("token_too_long"));
        }
        policy.check_header(&header)?;

        let wanted = WantedKey::new(header.kid.as_deref(), header.algorithm);
        let key = match keys.find(&wanted) {
            KeyLookup::Found(key) => key,
            KeyLookup::Unknown => return Err(AuthError::invalid("unknown_key")),
            KeyLookup::Ask => return Ok(Outcome::MissingKey { trusted: index }),
            KeyLookup::Unavailable => return Err(AuthError::unavailable("keys_unavailable")),
        };
        let now = self.clock.now();
        let times = policy.check_times(&claims, now).map_err(unverified)?;
        // A source that answers with a key for another algorithm must not widen anything.
        let signature = compact.signature()?;
        if key.algorithm() != header.algorithm || !key.verify(compact.signed, signature.as_bytes())
        {
            return Err(AuthError::invalid("bad_signature"));
        }
        policy.check_claims(&claims)?;
        let identity = policy.identity(&claims, times, now)?;
        drop(claims);
        Ok(Outcome::Verified(Verified {
            identity: identity.raw_claims(payload).build(),
            issued_at: times.issued_at,
        }))
    }

    /// The claims, and which of the issuers made them, by their own account.
    fn issuer_of<'a>(&self, payload: &'a [u8]) -> Result<(usize, Claims<'a>), AuthError> {
        let depths = self.trusted.iter().map(|one| one.policy.max_depth());
        let deepest = depths.max().unwrap_or(1);
        let claims = Claims::parse(payload, deepest)?;
        let issuer = claims
            .string("iss")?
            .ok_or_else(|| AuthError::invalid("missing_iss"))?;
        let same = |trusted: &Trusted| *trusted.policy.issuer == *issuer;
        match self.trusted.iter().position(same) {
            // Another issuer may have been allowed to nest deeper.
            Some(index) if self.trusted[index].policy.max_depth() < deepest => {
                let own = self.trusted[index].policy.max_depth();
                Ok((index, Claims::parse(payload, own)?))
            }
            Some(index) => Ok((index, claims)),
            None => Err(AuthError::invalid("wrong_issuer")),
        }
    }

    fn finish(&self, verified: Verified) -> State {
        let Some(revocations) = &self.revocations else {
            return State::Ready(Some(Ok(verified.identity)));
        };
        match revocations.check_now(&verified.token()) {
            Some(revoked) => State::Ready(Some(verified.admit(revoked))),
            None => State::Waiting(Box::pin(verified.ask(revocations.clone()))),
        }
    }

    async fn with_new_keys(
        self: Arc<Self>,
        token: BearerToken,
        trusted: usize,
    ) -> Result<Identity, AuthError> {
        let header = Compact::split(token.as_bytes(), self.max_token_size)?.header()?;
        let header = Header::parse(&header)?;
        let wanted = WantedKey::new(header.kid.as_deref(), header.algorithm);
        self.trusted[trusted]
            .keys
            .refresh(&wanted)
            .await
            .map_err(could_not_ask)?;

        match self.look(token.as_bytes())? {
            Outcome::Verified(verified) => match &self.revocations {
                Some(revocations) => verified.ask(revocations.clone()).await,
                None => Ok(verified.identity),
            },
            Outcome::MissingKey { .. } => Err(AuthError::invalid("unknown_key")),
        }
    }
}

impl Verified {
    fn token(&self) -> IssuedToken<'_> {
        IssuedToken::of(&self.identity, self.issued_at)
    }

    fn admit(self, revoked: bool) -> Result<Identity, AuthError> {
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

/// What the claims say before the signature has held, anybody may have written: it does not choose
/// the reason of an event, and stands behind it only.
fn unverified(error: AuthError) -> AuthError {
    AuthError::invalid("refused_unverified").with_source(error)
}

/// Whatever a store or a key source fails with, it is not the token's fault.
fn could_not_ask(error: AuthError) -> AuthError {
    if error.kind() == AuthErrorKind::Unavailable {
        return error;
    }
    AuthError::unavailable("could_not_check").with_source(error)
}

impl Future for VerifyFuture {
    type Output = Result<Identity, AuthError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut self.state {
            State::Ready(result) => Poll::Ready(result.take().expect("polled after completion")),
            State::Waiting(future) => future.as_mut().poll(cx),
        }
    }
}

impl fmt::Debug for VerifyFuture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifyFuture").finish_non_exhaustive()
    }
}
