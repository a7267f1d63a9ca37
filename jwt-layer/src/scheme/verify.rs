//! From a token to an identity: at once where everything is known, else waiting for keys or for
//! the store of revocations.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::SystemTime;

use auth_layer::{AuthError, AuthErrorKind, Identity};

use super::{BearerToken, Inner};
use crate::token::{Claims, Compact, Header};
use crate::verifier::{Look, Trusted, could_not_ask};
use crate::{IssuedToken, Revocations, SharedRevocations};

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
    /// The key is not known to this issuer's source, which may learn of it.
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
        let trusted = &self.trusted[index];
        if token.len() > trusted.policy.common.max_token_size {
            return Err(AuthError::malformed("token_too_long"));
        }
        let now = self.clock.now();
        let proof = match trusted.judge(&compact, &header, &claims, now)? {
            Look::Verified(proof) => proof,
            Look::MissingKey => return Ok(Outcome::MissingKey { trusted: index }),
        };
        drop(claims);
        Ok(Outcome::Verified(Verified {
            identity: proof.proved.identity.raw_claims(payload).build(),
            issued_at: proof.proved.issued_at,
        }))
    }

    /// The claims, and which of the issuers made them, by their own account.
    fn issuer_of<'a>(&self, payload: &'a [u8]) -> Result<(usize, Claims<'a>), AuthError> {
        let depths = self.trusted.iter().map(|one| one.policy.common.max_depth);
        let deepest = depths.max().unwrap_or(1);
        let claims = Claims::parse(payload, deepest)?;
        let issuer = claims.issuer()?;
        let same = |trusted: &Trusted<_>| *trusted.policy.issuer() == *issuer;
        match self.trusted.iter().position(same) {
            // Another issuer may have been allowed to nest deeper.
            Some(index) if self.trusted[index].policy.common.max_depth < deepest => {
                let own = self.trusted[index].policy.common.max_depth;
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
        self.trusted[trusted].learn_key(token.as_bytes()).await?;

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
