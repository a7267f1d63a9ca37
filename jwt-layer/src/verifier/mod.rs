//! Verifying tokens of one issuer and one kind: [`TokenVerifier`].

mod trusted;
mod verified;

use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use auth_layer::{AuthError, SharedClock};

use crate::policy::{AccessToken, TokenKind};
use crate::token::{Claims, Compact, Header};
use crate::{Keys, VerificationPolicy};

pub(crate) use self::trusted::{Look, Proof, Trusted, check_signature, could_not_ask, unverified};
pub use self::verified::VerifiedToken;

/// Verifies tokens of one kind and one issuer: a policy, the issuer's keys and a clock.
///
/// What [`Jwt`](crate::Jwt) does for requests, this does for tokens that come by any other way. It
/// asks no store of revocations, and remembers nothing: that a token with a `jti` is used once only
/// is left to the caller.
///
/// Cheap to clone.
///
/// ```
/// # #[cfg(any(feature = "aws-lc", feature = "rust-crypto"))]
/// # async fn example(token: &str) -> Result<(), Box<dyn std::error::Error>> {
/// use jwt_layer::{Algorithm, TokenVerifier, VerificationPolicy, VerifyingKey};
///
/// let policy = VerificationPolicy::access_token("https://id.example.com", "https://api.example.com");
/// let key = VerifyingKey::from_secret(Algorithm::Hs256, &[7; 32])?;
/// let verifier = TokenVerifier::new(policy.build()?, key);
/// let verified = verifier.verify(token).await?;
/// println!("{:?} until {:?}", verified.subject(), verified.expires_at());
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct TokenVerifier<K = AccessToken> {
    trusted: Arc<Trusted<K>>,
    clock: SharedClock,
}

impl<K: TokenKind> TokenVerifier<K> {
    /// Verifies tokens that fulfil `policy` and are signed with one of `keys`.
    #[must_use]
    pub fn new(policy: VerificationPolicy<K>, keys: impl Into<Keys>) -> Self {
        Self {
            trusted: Arc::new(Trusted {
                policy,
                keys: keys.into(),
            }),
            clock: SharedClock::system(),
        }
    }

    /// The clock that expiry is judged by. Default: the system's.
    #[must_use]
    pub fn clock(mut self, clock: impl Into<SharedClock>) -> Self {
        self.clock = clock.into();
        self
    }

    /// What tokens must be.
    pub fn policy(&self) -> &VerificationPolicy<K> {
        &self.trusted.policy
    }

    pub(crate) fn now(&self) -> SystemTime {
        self.clock.now()
    }

    /// Verifies a token, and waits only if its key has to be asked for.
    pub(crate) async fn verified(&self, token: &str) -> Result<VerifiedToken<K>, AuthError> {
        self.verify_as_of(token, None).await
    }

    /// Verifies a token as of another time than now.
    #[cfg(feature = "refresh")]
    pub(crate) async fn verified_at(
        &self,
        token: &str,
        time: SystemTime,
    ) -> Result<VerifiedToken<K>, AuthError> {
        self.verify_as_of(token, Some(time)).await
    }

    async fn verify_as_of(
        &self,
        token: &str,
        time: Option<SystemTime>,
    ) -> Result<VerifiedToken<K>, AuthError> {
        let token = token.as_bytes();
        if let Look::Verified(verified) = self.look(token, time)? {
            return Ok(verified);
        }
        self.trusted.learn_key(token).await?;
        match self.look(token, time)? {
            Look::Verified(verified) => Ok(verified),
            Look::MissingKey => Err(AuthError::invalid("unknown_key")),
        }
    }

    /// When a token says that it begins and ends. Nobody has vouched for that yet.
    #[cfg(feature = "refresh")]
    pub(crate) fn claimed_times(
        &self,
        token: &str,
    ) -> Result<(Option<SystemTime>, Option<SystemTime>), AuthError> {
        let common = &self.trusted.policy.common;
        let payload = Compact::split(token.as_bytes(), common.max_token_size)?.payload()?;
        let claims = Claims::parse(&payload, common.max_depth)?;
        let begins_at = claims.time("iat")?.max(claims.time("nbf")?);
        Ok((begins_at, claims.time("exp")?))
    }

    fn look(
        &self,
        token: &[u8],
        time: Option<SystemTime>,
    ) -> Result<Look<VerifiedToken<K>>, AuthError> {
        let common = &self.trusted.policy.common;
        let compact = Compact::split(token, common.max_token_size)?;
        let header = compact.header()?;
        let header = Header::parse(&header)?;
        let payload = compact.payload()?;
        let claims = Claims::parse(&payload, common.max_depth)?;
        if *claims.issuer()? != *common.issuer {
            return Err(AuthError::invalid("wrong_issuer"));
        }
        let now = time.unwrap_or_else(|| self.now());
        let proof = match self.trusted.judge(&compact, &header, &claims, now)? {
            Look::Verified(proof) => proof,
            Look::MissingKey => return Ok(Look::MissingKey),
        };
        let verified = VerifiedToken::new(common, proof, &claims)?;
        drop(claims);
        Ok(Look::Verified(verified.with_payload(payload)))
    }
}

impl TokenVerifier<AccessToken> {
    /// Verifies an access token. Ready at once unless its key has to be asked for.
    ///
    /// # Errors
    ///
    /// Refuses a token that does not fulfil the policy, and one that is bound to a key: who sent it has
    /// to prove more than that he has it, which [`Jwt`](crate::Jwt) asks for. Fails with `Unavailable`
    /// if its key could not be asked for.
    pub async fn verify(&self, token: &str) -> Result<VerifiedToken<AccessToken>, AuthError> {
        let verified = self.verified(token).await?;
        verified.check_unbound()?;
        Ok(verified)
    }
}

impl<K: TokenKind> fmt::Debug for TokenVerifier<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenVerifier")
            .field("policy", &self.trusted.policy)
            .finish_non_exhaustive()
    }
}
