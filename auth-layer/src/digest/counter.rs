//! Where the use of nonces is counted.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::time::SystemTime;

use super::NonceId;
use crate::AuthError;

/// Counts how often each nonce was used, so that no request can be sent twice.
///
/// Implement it with a plain `async fn`. [`MemoryNonceCounters`](super::MemoryNonceCounters) is the
/// one for a single process; several nodes that share a key need one that they share too.
///
/// # Contract
///
/// - `advance` is one atomic step. Of any number of calls with the same nonce and count, on any
///   number of nodes, at most one answers `true`.
/// - Once it has answered `true` for a count, it answers `false` for that and every lower count of
///   the nonce. The first count of a nonce may be any but 0.
/// - Nothing is forgotten before `expires_at`, not even when space runs out: then it fails with
///   [`AuthErrorKind::Unavailable`](crate::AuthErrorKind::Unavailable) for nonces that it does not
///   know yet. After `expires_at` everything may be forgotten.
/// - If `expires_at` has passed by the store's own clock, it answers `false`: what was used may
///   already be forgotten. `expires_at` is the same in all calls for one nonce.
/// - An error means "could not count". It is never read as "used" or "unused": the layer answers 503.
///
/// `auth_test::contract::nonce_counters` checks an implementation against this.
pub trait NonceCounters: Send + Sync + 'static {
    /// Raises the count of `nonce` to `count` and answers `true`, or answers `false` if it is there
    /// or above already.
    ///
    /// # Errors
    ///
    /// Fails if the count could not be raised for another reason.
    fn advance(
        &self,
        nonce: NonceId,
        count: u32,
        expires_at: SystemTime,
    ) -> impl Future<Output = Result<bool, AuthError>> + Send;
}

/// Any [`NonceCounters`], shared and type-erased.
#[derive(Clone)]
pub struct SharedNonceCounters(Arc<dyn DynCounters>);

impl SharedNonceCounters {
    /// Shares `counters`.
    #[must_use]
    pub fn new(counters: impl NonceCounters) -> Self {
        Self(Arc::new(counters))
    }
}

impl NonceCounters for SharedNonceCounters {
    async fn advance(
        &self,
        nonce: NonceId,
        count: u32,
        expires_at: SystemTime,
    ) -> Result<bool, AuthError> {
        self.0.advance(nonce, count, expires_at).await
    }
}

impl fmt::Debug for SharedNonceCounters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedNonceCounters")
            .finish_non_exhaustive()
    }
}

/// The dyn-compatible twin of [`NonceCounters`]; the only place that boxes.
trait DynCounters: Send + Sync {
    fn advance(
        &self,
        nonce: NonceId,
        count: u32,
        expires_at: SystemTime,
    ) -> Pin<Box<dyn Future<Output = Result<bool, AuthError>> + Send + '_>>;
}

impl<T: NonceCounters> DynCounters for T {
    fn advance(
        &self,
        nonce: NonceId,
        count: u32,
        expires_at: SystemTime,
    ) -> Pin<Box<dyn Future<Output = Result<bool, AuthError>> + Send + '_>> {
        Box::pin(NonceCounters::advance(self, nonce, count, expires_at))
    }
}
