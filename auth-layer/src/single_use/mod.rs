//! What may be used once: [`SingleUse`].

mod key;
mod memory;

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::time::SystemTime;

use crate::AuthError;

pub use self::key::SingleUseKey;
pub use self::memory::MemorySingleUse;

/// Remembers what was used, so that nothing is used twice: proofs, assertions, logout tokens, links.
///
/// Implement it with a plain `async fn`. [`MemorySingleUse`] is the one for a single process;
/// several nodes that accept the same things need a store that they share.
///
/// # Contract
///
/// - `claim` is one atomic step. Of any number of calls with one key, on any number of nodes, at most
///   one answers `true`.
/// - The first call with a key that nobody has claimed answers `true`, if `until` is later than `now`.
/// - Once it has answered `true` for a key, it answers `false` for it in every call whose `now` is
///   before the `until` that it was claimed with.
/// - Nothing is forgotten before `until`, not even when space runs out: then it fails with
///   [`AuthErrorKind::Unavailable`](crate::AuthErrorKind::Unavailable) for keys that it does not know
///   yet.
/// - If `until` is not later than `now`, it answers `false`: what was used may already be forgotten.
/// - The callers say what time it is. They are nodes whose clocks may differ by
///   [`MAX_LEEWAY`](crate::MAX_LEEWAY), so a store that nodes share keeps a key that much longer.
/// - An error means "could not ask". It is never read as "used" or "unused", and the key may be
///   claimed or not.
///
/// `auth_test::contract::single_use` checks an implementation against this.
pub trait SingleUse: Send + Sync + 'static {
    /// Uses what `key` names, which nobody accepts any more from `until` on: `true` if it was not used
    /// before.
    ///
    /// `until` is to be the same in all calls with one key.
    ///
    /// # Errors
    ///
    /// Fails if the store cannot be asked, or has no room for another key.
    fn claim(
        &self,
        key: &SingleUseKey,
        until: SystemTime,
        now: SystemTime,
    ) -> impl Future<Output = Result<bool, AuthError>> + Send;
}

/// Any [`SingleUse`], shared and type-erased.
#[derive(Clone)]
pub struct SharedSingleUse {
    store: Arc<dyn DynSingleUse>,
}

impl SharedSingleUse {
    /// Shares `store`.
    #[must_use]
    pub fn new(store: impl SingleUse) -> Self {
        Self {
            store: Arc::new(store),
        }
    }
}

impl<S: SingleUse> From<Arc<S>> for SharedSingleUse {
    fn from(store: Arc<S>) -> Self {
        Self { store }
    }
}

impl SingleUse for SharedSingleUse {
    async fn claim(
        &self,
        key: &SingleUseKey,
        until: SystemTime,
        now: SystemTime,
    ) -> Result<bool, AuthError> {
        self.store.claim(key, until, now).await
    }
}

impl fmt::Debug for SharedSingleUse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedSingleUse").finish_non_exhaustive()
    }
}

/// The dyn-compatible twin of [`SingleUse`]; the only place that boxes.
trait DynSingleUse: Send + Sync {
    fn claim<'a>(
        &'a self,
        key: &'a SingleUseKey,
        until: SystemTime,
        now: SystemTime,
    ) -> Pin<Box<dyn Future<Output = Result<bool, AuthError>> + Send + 'a>>;
}

impl<T: SingleUse> DynSingleUse for T {
    fn claim<'a>(
        &'a self,
        key: &'a SingleUseKey,
        until: SystemTime,
        now: SystemTime,
    ) -> Pin<Box<dyn Future<Output = Result<bool, AuthError>> + Send + 'a>> {
        Box::pin(SingleUse::claim(self, key, until, now))
    }
}
