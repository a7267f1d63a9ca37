//! Taking back what was issued before it ends: [`Revocations`]. One model for all schemes.

mod memory;

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::{AuthError, Identity};

pub use self::memory::MemoryRevocations;

/// The most by which clocks may differ: so long after its end something may still be accepted.
/// Schemes refuse a larger leeway, and revocations are kept that much longer.
pub const MAX_LEEWAY: Duration = Duration::from_secs(5 * 60);

const CENTURY: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);

/// A verified token, as far as revocation is concerned.
///
/// Whom it is about is said as [`Identity`] says it, so that sessions and keys can be asked about in
/// the same way.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct IssuedToken<'a> {
    /// Who vouches for the subject; `None` for this service's own users.
    pub issuer: Option<&'a str>,
    /// The tenant, if there is one.
    pub tenant: Option<&'a str>,
    /// The subject.
    pub subject: &'a str,
    /// `jti`; a token without one can only be taken back with everything of its subject.
    pub token_id: Option<&'a str>,
    /// The session or the family of refresh tokens that it was issued for (`sid`), if it says so:
    /// when that is taken back, all tokens of it are.
    pub session_id: Option<&'a str>,
    /// When it was issued, at the earliest; 1970 if the token does not say, so that any revocation of
    /// its subject ends it.
    pub issued_at: SystemTime,
}

impl<'a> IssuedToken<'a> {
    /// A token without a tenant; for stores and their tests.
    #[must_use]
    pub const fn new(
        issuer: &'a str,
        subject: &'a str,
        token_id: Option<&'a str>,
        issued_at: SystemTime,
    ) -> Self {
        Self {
            issuer: Some(issuer),
            tenant: None,
            subject,
            token_id,
            session_id: None,
            issued_at,
        }
    }

    /// The same token, issued for this session or family of refresh tokens.
    #[must_use]
    pub const fn of_session(mut self, session_id: &'a str) -> Self {
        self.session_id = Some(session_id);
        self
    }

    /// What proved `identity`.
    #[must_use]
    pub fn of(identity: &'a Identity, issued_at: SystemTime) -> Self {
        Self {
            issuer: identity.issuer(),
            tenant: identity.tenant(),
            subject: identity.subject(),
            token_id: identity.token_id(),
            session_id: identity.session_id(),
            issued_at,
        }
    }
}

/// Everything of a subject that was issued up to an instant.
///
/// ```
/// use std::time::{Duration, SystemTime};
///
/// use auth_layer::SubjectRevocation;
///
/// let lifetime = Duration::from_secs(600); // of the longest token
/// let everything = SubjectRevocation::new("user-17", SystemTime::now(), lifetime)
///     .issuer("https://id.example.com");
/// assert_eq!(everything.until, everything.issued_until + lifetime);
/// ```
#[derive(Clone, Copy, Debug)]
#[must_use]
#[non_exhaustive]
pub struct SubjectRevocation<'a> {
    /// Who vouches for the subject; `None` for this service's own users, and not for all issuers.
    pub issuer: Option<&'a str>,
    /// One tenant, or `None` for the subject in every tenant and in none.
    pub tenant: Option<&'a str>,
    /// The subject.
    pub subject: &'a str,
    /// What was issued at this instant or earlier is revoked.
    pub issued_until: SystemTime,
    /// When all of it has ended anyway, leeway aside.
    pub until: SystemTime,
}

impl<'a> SubjectRevocation<'a> {
    /// Everything that was issued to one of this service's own users, in whatever tenant, at
    /// `issued_until` or earlier. It lives at most `lifetime`; more than 100 years count as 100.
    pub fn new(subject: &'a str, issued_until: SystemTime, lifetime: Duration) -> Self {
        Self {
            issuer: None,
            tenant: None,
            subject,
            issued_until,
            until: issued_until + lifetime.min(CENTURY),
        }
    }

    /// Everything of the principal of `identity`: its issuer, its subject and, if it has one, its
    /// tenant.
    pub fn of(identity: &'a Identity, issued_until: SystemTime, lifetime: Duration) -> Self {
        Self {
            issuer: identity.issuer(),
            tenant: identity.tenant(),
            ..Self::new(identity.subject(), issued_until, lifetime)
        }
    }

    /// Who vouches for the subject.
    pub fn issuer(mut self, issuer: &'a str) -> Self {
        self.issuer = Some(issuer);
        self
    }

    /// Only in this tenant.
    pub fn tenant(mut self, tenant: &'a str) -> Self {
        self.tenant = Some(tenant);
        self
    }

    /// Whether this ends `token`. A store may ask this of each entry that it keeps for a subject.
    #[must_use]
    pub fn ends(&self, token: &IssuedToken<'_>) -> bool {
        self.issuer == token.issuer
            && self.subject == token.subject
            && (self.tenant.is_none() || self.tenant == token.tenant)
            && token.issued_at <= self.issued_until
    }
}

/// Where it is kept which tokens were taken back.
///
/// There are two ways to take something back: by an id, or everything of a subject that was issued up
/// to an instant. "Password changed", "user disabled" and "log out everywhere" are the second.
///
/// An id is that of one token (`jti`), or that of a session or a family of refresh tokens (`sid`),
/// which ends all tokens that were issued for it. Both are random, so that the ids of one issuer are
/// one namespace.
///
/// A scheme that is given one asks on every request. If the store cannot answer, the request is answered
/// 503.
///
/// # Contract
///
/// - A revocation that returned `Ok` is seen by every later question.
/// - `until` is when everything revoked has ended anyway. Verifiers allow for clocks that differ and
///   accept it a little longer, so an entry may be forgotten [`MAX_LEEWAY`] (5 minutes) after `until`
///   and not before.
/// - A token is revoked if its id was taken back, or the id of its session; an issuer's ids are one
///   namespace.
/// - A revocation of a subject is for one issuer, or for none. It is for one tenant, or, without a
///   tenant, for the subject in every tenant and in none; see [`SubjectRevocation::ends`].
/// - The instant of a subject, issuer and tenant only moves forward, whatever order revocations
///   arrive in; so does `until`.
/// - A token issued at the instant itself counts as issued before it.
/// - An error means "could not ask" and is never read as "not revoked".
///
/// `auth_test::contract::revocations` checks an implementation against this.
pub trait Revocations: Send + Sync + 'static {
    /// The answer, if it can be given without waiting; `None` to be asked by
    /// [`is_revoked`](Self::is_revoked).
    fn check_now(&self, token: &IssuedToken<'_>) -> Option<bool> {
        let _ = token;
        None
    }

    /// Whether a token was taken back.
    ///
    /// # Errors
    ///
    /// Fails if the store cannot be asked.
    fn is_revoked(
        &self,
        token: &IssuedToken<'_>,
    ) -> impl Future<Output = Result<bool, AuthError>> + Send;

    /// Takes back one token, which ends at `until` by itself; or, by the id of a session or of a family
    /// of refresh tokens, all tokens that were issued for it, of which the last ends at `until`.
    ///
    /// # Errors
    ///
    /// Fails if the store cannot be written to; then nothing is revoked.
    fn revoke_token(
        &self,
        issuer: &str,
        token_id: &str,
        until: SystemTime,
    ) -> impl Future<Output = Result<(), AuthError>> + Send;

    /// Takes back everything of a subject that was issued at `issued_until` or earlier.
    ///
    /// # Errors
    ///
    /// Fails if the store cannot be written to; then nothing is revoked.
    fn revoke_subject(
        &self,
        revocation: &SubjectRevocation<'_>,
    ) -> impl Future<Output = Result<(), AuthError>> + Send;
}

/// Any [`Revocations`], shared and type-erased.
#[derive(Clone)]
pub struct SharedRevocations {
    store: Arc<dyn DynRevocations>,
}

impl SharedRevocations {
    /// Shares `store`.
    #[must_use]
    pub fn new(store: impl Revocations) -> Self {
        Self {
            store: Arc::new(store),
        }
    }
}

impl<R: Revocations> From<Arc<R>> for SharedRevocations {
    fn from(store: Arc<R>) -> Self {
        Self { store }
    }
}

impl Revocations for SharedRevocations {
    fn check_now(&self, token: &IssuedToken<'_>) -> Option<bool> {
        self.store.check_now(token)
    }

    async fn is_revoked(&self, token: &IssuedToken<'_>) -> Result<bool, AuthError> {
        self.store.is_revoked(token).await
    }

    async fn revoke_token(
        &self,
        issuer: &str,
        token_id: &str,
        until: SystemTime,
    ) -> Result<(), AuthError> {
        self.store.revoke_token(issuer, token_id, until).await
    }

    async fn revoke_subject(&self, revocation: &SubjectRevocation<'_>) -> Result<(), AuthError> {
        self.store.revoke_subject(revocation).await
    }
}

impl fmt::Debug for SharedRevocations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedRevocations").finish_non_exhaustive()
    }
}

type Boxed<'a, T> = Pin<Box<dyn Future<Output = Result<T, AuthError>> + Send + 'a>>;

/// The dyn-compatible twin of [`Revocations`]; the only place that boxes.
trait DynRevocations: Send + Sync {
    fn check_now(&self, token: &IssuedToken<'_>) -> Option<bool>;
    fn is_revoked<'a>(&'a self, token: &'a IssuedToken<'_>) -> Boxed<'a, bool>;
    fn revoke_token<'a>(
        &'a self,
        issuer: &'a str,
        token_id: &'a str,
        until: SystemTime,
    ) -> Boxed<'a, ()>;
    fn revoke_subject<'a>(&'a self, revocation: &'a SubjectRevocation<'_>) -> Boxed<'a, ()>;
}

impl<T: Revocations> DynRevocations for T {
    fn check_now(&self, token: &IssuedToken<'_>) -> Option<bool> {
        Revocations::check_now(self, token)
    }

    fn is_revoked<'a>(&'a self, token: &'a IssuedToken<'_>) -> Boxed<'a, bool> {
        Box::pin(Revocations::is_revoked(self, token))
    }

    fn revoke_token<'a>(
        &'a self,
        issuer: &'a str,
        token_id: &'a str,
        until: SystemTime,
    ) -> Boxed<'a, ()> {
        Box::pin(Revocations::revoke_token(self, issuer, token_id, until))
    }

    fn revoke_subject<'a>(&'a self, revocation: &'a SubjectRevocation<'_>) -> Boxed<'a, ()> {
        Box::pin(Revocations::revoke_subject(self, revocation))
    }
}
