//! A store with faults before it.

use std::fmt;
use std::sync::Arc;

use super::Faults;

/// A store that does what its [`Faults`] say, and otherwise what the store inside does.
///
/// It is every kind of store that the one inside is: a `Revocations`, a `SingleUse`, a `DigestStore`,
/// a `NonceCounters`, an `ApiKeyStore` or `KeyOwners` (feature `apikey`), a `UserStore` (`login`), a
/// `SessionBackend` or a `RememberStore` (`session`), a `SigningKeyStore` (`jwt`).
/// Clones share the store.
///
/// ```
/// use auth_layer::digest::{Digest, MemoryDigestStore};
/// use auth_test::{Faults, Faulty};
///
/// let faults = Faults::new();
/// let users = Faulty::new(MemoryDigestStore::new("printers"), &faults);
/// let digest = Digest::builder("printers", users.clone()).build()?;
/// faults.fail(); // from now on, requests with a Digest credential are answered 503
/// # let _ = digest;
/// # Ok::<(), auth_layer::ConfigError>(())
/// ```
pub struct Faulty<S> {
    store: Arc<S>,
    pub(super) faults: Faults,
}

impl<S> Faulty<S> {
    /// Puts `faults` before `store`.
    #[must_use]
    pub fn new(store: S, faults: &Faults) -> Self {
        Self {
            store: Arc::new(store),
            faults: faults.clone(),
        }
    }

    /// The store inside, which has no faults.
    pub fn store(&self) -> &S {
        &self.store
    }

    /// What decides.
    pub const fn faults(&self) -> &Faults {
        &self.faults
    }
}

impl<S> Clone for Faulty<S> {
    fn clone(&self) -> Self {
        Self {
            store: Arc::clone(&self.store),
            faults: self.faults.clone(),
        }
    }
}

impl<S> fmt::Debug for Faulty<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Faulty")
            .field("faults", &self.faults)
            .finish_non_exhaustive()
    }
}
