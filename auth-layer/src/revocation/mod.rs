//! Taking back what was issued before it ends: [`Revocations`]. One model for all schemes.

mod memory;

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::time::SystemTime;

use crate::AuthError;

pub use self::memory::MemoryRevocations;

/// A verified token, as far as revocation is concerned.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct IssuedToken<'a> {
    /// `iss`.
    pub issuer: &'a str,
    /// `sub`.
    pub subject: &'a str,
    /// `jti`; a token without one can only be taken back with everything of its subject.
    pub token_id: Option<&'a str>,
    /// When it was issued; 1970 if the token does not say, so that any revocation of its subject
    /// ends it.
    pub issued_at: SystemTime,
}

impl<'a> IssuedToken<'a> {
    /// A token; for stores and their tests.
    #[must_use]
    pub const fn new(
        issuer: &'a str,
        subject: &'a str,
        token_id: Option<&'a str>,
        issued_at: SystemTime,
    ) -> Self {
        Self {
            issuer,
            subject,
            token_id,
            issued_at,
        }
    }
}

/// Where it is kept which tokens were taken back.
///
/// There are two ways to take something back: one token by its id, or everything of a subject that
/// was issued up to an instant. "Password changed", "user disabled" and "log out everywhere" are
/// the second.
///
/// A scheme that is given one asks on every request. If the store cannot answer, the request is answered
/// 503.
///
/// # Contract
///
/// - A revocation that returned `Ok` is seen by every later question.
/// - `until` is when everything revoked has ended anyway. An entry may be forgotten after it and not
///   before.
/// - A subject's instant only moves forward, whatever order revocations arrive in; so does `until`.
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

    /// Takes back one token.
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
        issuer: &str,
        subject: &str,
        issued_until: SystemTime,
        until: SystemTime,
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

    async fn revoke_subject(
        &self,
        issuer: &str,
        subject: &str,
        issued_until: SystemTime,
        until: SystemTime,
    ) -> Result<(), AuthError> {
        self.store
            .revoke_subject(issuer, subject, issued_until, until)
            .await
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
    fn revoke_subject<'a>(
        &'a self,
        issuer: &'a str,
        subject: &'a str,
        issued_until: SystemTime,
        until: SystemTime,
    ) -> Boxed<'a, ()>;
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

    fn revoke_subject<'a>(
        &'a self,
        issuer: &'a str,
        subject: &'a str,
        issued_until: SystemTime,
        until: SystemTime,
    ) -> Boxed<'a, ()> {
        Box::pin(Revocations::revoke_subject(
            self,
            issuer,
            subject,
            issued_until,
            until,
        ))
    }
}
