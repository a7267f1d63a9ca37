//! Tokens that only their issuer can read (RFC 7662): [`Introspection`].

mod answer;
mod builder;
mod client;
mod scheme;

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use auth_layer::{
    AuthError, AuthErrorKind, AuthLayer, Identity, Revocations as _, SecretDigest, SharedClock,
};
use quick_cache::sync::Cache;
use tokio::sync::Semaphore;
use tokio::time::timeout;

pub use self::builder::IntrospectionBuilder;
use self::client::Asker;
pub use self::client::ClientAuthentication;
use self::scheme::{OpaqueToken, Shown};
use crate::scheme::Challenger;
use crate::verifier::could_not_ask;
use crate::{Confirmation, IssuedToken, SharedRevocations};

/// Bearer tokens of any form, about which their issuer is asked (RFC 7662).
///
/// The [`Identity`] that a token proves has the scheme `introspection`, the issuer that was configured,
/// and the answer as its claims.
///
/// ```
/// # #[cfg(feature = "reqwest")] {
/// use jwt_layer::{ClientAuthentication, Introspection, ReqwestClient};
///
/// let scheme = Introspection::builder(
///     "https://id.example.com", // the issuer
///     "https://api.example.com", // this service, as `aud` names it
///     "https://id.example.com/introspect".parse()?,
/// )
/// .client_authentication(ClientAuthentication::basic("api", "s3cret"))
/// .http_client(ReqwestClient::new()?)
/// .build()?;
/// let layer = scheme.into_layer();
/// # let _ = layer;
/// # }
/// # Ok::<(), auth_layer::ConfigError>(())
/// ```
///
/// # How a token is judged
///
/// 1. `active` is `true`. If it is false or missing, the token is refused.
/// 2. `iss`, if it is there, is the issuer; `aud` names this service; `exp` and `nbf`, where they are,
///    hold; `sub` is there; the token is not a refresh or ID token by `token_type` or `typ`, and not
///    bound to a key or a certificate (`cnf`), except as said below.
/// 3. An issuer that does not answer, answers with an error or with what is no answer, has said nothing
///    about the token: 503, and never "active".
/// 4. It was not taken back, if there is a store of revocations; asked for every request.
///
/// An answer is remembered for at most a minute and never beyond `exp`, by a hash of the whole token; a
/// refusal for five seconds, a failure for one. So a revocation at the issuer is noticed up to a minute
/// later; [`remember_for`](IntrospectionBuilder::remember_for) makes it shorter. Requests with one token
/// wait for one question, and there is a bound for all questions together.
///
/// # Beside JWTs
///
/// To ask about some requests' JWTs too, put this into a layer of the routes where a revocation must be
/// noticed, inside the layer with [`Jwt`](crate::Jwt): both must then prove the same principal. Tokens with
/// a proof (`Authorization: DPoP`) and those bound to a certificate are asked about too. This scheme checks
/// neither proof nor certificate, so it takes a bound token only behind a layer that has: what the answer
/// names as `cnf` must be the [`Confirmation`] of the identity from there, exactly, and a token with a proof
/// that no layer further out has checked is refused.
///
/// To take
/// both kinds of tokens, put both into one layer, and let each leave to the other what is not its own:
/// [`opaque_only`](IntrospectionBuilder::opaque_only) and [`Jwt::leave_opaque`](crate::Jwt::leave_opaque).
#[derive(Clone)]
pub struct Introspection {
    inner: Arc<Inner>,
}

struct Inner {
    asker: Asker,
    rules: answer::Rules,
    clock: SharedClock,
    revocations: Option<SharedRevocations>,
    challenger: Challenger,
    opaque_only: bool,
    left: Vec<Box<str>>,
    remember_for: Duration,
    known: Cache<[u8; 32], Arc<Known>>,
    questions: Semaphore,
}

/// What is remembered of a token.
struct Known {
    outcome: Outcome,
    /// From when to when; a clock that was set back knows nothing.
    from: SystemTime,
    until: SystemTime,
}

enum Outcome {
    Active(Active),
    Refused(AuthError),
    Unavailable(AuthError),
}

/// A token that its issuer calls active, and that is for us.
#[derive(Clone)]
struct Active {
    identity: Identity,
    confirmation: Option<Confirmation>,
    /// Whether the issuer calls it a token that comes with a proof.
    with_proof: bool,
    issued_at: SystemTime,
    expires_at: Option<SystemTime>,
}

const REFUSED_FOR: Duration = Duration::from_secs(5);
const FAILED_FOR: Duration = Duration::from_secs(1);

impl Introspection {
    /// Asks the issuer named `issuer` at `endpoint` about tokens for `audience`.
    pub fn builder(
        issuer: impl Into<Arc<str>>,
        audience: impl Into<Box<str>>,
        endpoint: crate::SecureUrl,
    ) -> IntrospectionBuilder {
        IntrospectionBuilder::new(issuer.into(), audience.into(), endpoint)
    }

    /// A layer with this scheme alone.
    pub fn into_layer(self) -> AuthLayer<Self> {
        AuthLayer::new(self)
    }
}

impl Known {
    fn holds(&self, now: SystemTime) -> bool {
        (self.from..self.until).contains(&now)
    }

    fn active(&self) -> Result<Active, AuthError> {
        match &self.outcome {
            Outcome::Active(active) => Ok(active.clone()),
            Outcome::Refused(error) | Outcome::Unavailable(error) => Err(error.clone()),
        }
    }
}

impl Active {
    /// Admits a token that is not bound, or to what its sender has proved. Asked for every request, since
    /// what is remembered is of the token and not of its sender.
    fn admit(&self, shown: &Shown) -> Result<(), AuthError> {
        let bound = self.confirmation;
        let needs_proof = self.with_proof || bound.is_some_and(|bound| bound.key().is_some());
        if (needs_proof && !shown.with_proof) || (bound.is_some() && bound != shown.proved) {
            return Err(AuthError::invalid("sender_constrained_token"));
        }
        Ok(())
    }
}

impl Inner {
    async fn verify(self: Arc<Self>, token: OpaqueToken) -> Result<Identity, AuthError> {
        let active = self.active(token.text()).await?;
        active.admit(&token.shown)?;
        let Some(revocations) = &self.revocations else {
            return Ok(active.identity);
        };
        let issued = IssuedToken::of(&active.identity, active.issued_at);
        let revoked = revocations.is_revoked(&issued).await;
        if revoked.map_err(could_not_ask)? {
            return Err(AuthError::new(AuthErrorKind::Revoked, "token_revoked"));
        }
        Ok(active.identity)
    }

    /// What is known of a token, without waiting.
    fn known(&self, token: &str) -> Option<Arc<Known>> {
        let known = self.known.get(SecretDigest::of(token).as_bytes())?;
        known.holds(self.clock.now()).then_some(known)
    }

    /// What the issuer says, now or a moment ago. Of all who ask about one token at once, one does; if it
    /// is dropped, another goes on.
    async fn active(&self, token: &str) -> Result<Active, AuthError> {
        let key = *SecretDigest::of(token).as_bytes();
        loop {
            let guard = match self.known.get_value_or_guard_async(&key).await {
                Ok(known) if known.holds(self.clock.now()) => return known.active(),
                Ok(old) => {
                    self.known.remove_if(&key, |known| Arc::ptr_eq(known, &old));
                    continue;
                }
                Err(guard) => guard,
            };
            let known = Arc::new(self.ask(token).await);
            // Refused only if it was replaced meanwhile.
            let _ = guard.insert(Arc::clone(&known));
            return known.active();
        }
    }

    async fn ask(&self, token: &str) -> Known {
        let outcome = match self.outcome(token).await {
            Ok(active) => Outcome::Active(active),
            Err(error) if error.kind() == AuthErrorKind::Unavailable => Outcome::Unavailable(error),
            Err(error) => Outcome::Refused(error),
        };
        let now = self.clock.now();
        let until = match &outcome {
            Outcome::Active(active) => {
                let end = now + self.remember_for;
                active.expires_at.map_or(end, |exp| exp.min(end))
            }
            Outcome::Refused(_) => now + REFUSED_FOR.min(self.remember_for),
            Outcome::Unavailable(_) => now + FAILED_FOR,
        };
        Known {
            outcome,
            from: now,
            until,
        }
    }

    async fn outcome(&self, token: &str) -> Result<Active, AuthError> {
        let busy = || AuthError::unavailable("introspection_busy");
        let turn = timeout(self.asker.timeout(), self.questions.acquire()).await;
        let turn = turn.map_err(|_| busy())?.map_err(|_| busy())?;
        let answer = self.asker.ask(token).await?;
        drop(turn);
        self.rules.judge(&answer, self.clock.now())
    }
}

impl fmt::Debug for Introspection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Introspection")
            .field("issuer", &self.inner.rules.issuer)
            .finish_non_exhaustive()
    }
}
