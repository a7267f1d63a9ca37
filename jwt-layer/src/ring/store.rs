//! Where a ring of signing keys is kept: [`SigningKeyStore`].

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

use auth_layer::AuthError;

/// Where the documents of [`KeyRing`](crate::KeyRing)s are kept, so that several nodes share one ring.
///
/// A store knows nothing of keys: a document is some bytes, a few thousand at most, with a name. What
/// a ring writes is encrypted, unless that was switched off.
///
/// Implement it with plain `async fn`s.
///
/// # Contract
///
/// - What is replaced and what is loaded are the same bytes: nothing is changed, cut or normalised.
/// - `replace` is one step. Of several that expect the same document one succeeds, and so it is with
///   several that expect none.
/// - A `replace` that returned `Ok(true)` is seen by every later `load`, on every node. A cache or a
///   replica that lags does not answer.
/// - One that returned `Ok(false)` has changed nothing.
/// - Names are told apart exactly, and rings do not touch each other.
/// - Documents do not expire.
/// - An error means "could not ask", and is never read as "there is none": a ring would make new keys.
///   After an error of `replace` the document may have been replaced or not.
///
/// `auth_test::contract::signing_key_store` checks an implementation against this.
pub trait SigningKeyStore: Send + Sync + 'static {
    /// The document of a ring; `None` if there is none yet.
    ///
    /// # Errors
    ///
    /// Fails if the store cannot be asked.
    fn load(&self, ring: &str) -> impl Future<Output = Result<Option<Vec<u8>>, AuthError>> + Send;

    /// Writes the document of a ring if the one that is there is `expected`, or, for `None`, if there
    /// is none. Returns whether it did.
    ///
    /// # Errors
    ///
    /// Fails if the store cannot be written to.
    fn replace(
        &self,
        ring: &str,
        expected: Option<&[u8]>,
        document: &[u8],
    ) -> impl Future<Output = Result<bool, AuthError>> + Send;
}

/// Any [`SigningKeyStore`], shared and type-erased.
#[derive(Clone)]
pub struct SharedSigningKeyStore {
    store: Arc<dyn DynStore>,
}

impl SharedSigningKeyStore {
    /// Shares `store`.
    #[must_use]
    pub fn new(store: impl SigningKeyStore) -> Self {
        Self {
            store: Arc::new(store),
        }
    }
}

impl<S: SigningKeyStore> From<Arc<S>> for SharedSigningKeyStore {
    fn from(store: Arc<S>) -> Self {
        Self { store }
    }
}

impl SigningKeyStore for SharedSigningKeyStore {
    async fn load(&self, ring: &str) -> Result<Option<Vec<u8>>, AuthError> {
        self.store.load(ring).await
    }

    async fn replace(
        &self,
        ring: &str,
        expected: Option<&[u8]>,
        document: &[u8],
    ) -> Result<bool, AuthError> {
        self.store.replace(ring, expected, document).await
    }
}

impl fmt::Debug for SharedSigningKeyStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedSigningKeyStore")
            .finish_non_exhaustive()
    }
}

type Boxed<'a, T> = Pin<Box<dyn Future<Output = Result<T, AuthError>> + Send + 'a>>;

/// The dyn-compatible twin of [`SigningKeyStore`]; the only place that boxes.
trait DynStore: Send + Sync {
    fn load<'a>(&'a self, ring: &'a str) -> Boxed<'a, Option<Vec<u8>>>;
    fn replace<'a>(
        &'a self,
        ring: &'a str,
        expected: Option<&'a [u8]>,
        document: &'a [u8],
    ) -> Boxed<'a, bool>;
}

impl<T: SigningKeyStore> DynStore for T {
    fn load<'a>(&'a self, ring: &'a str) -> Boxed<'a, Option<Vec<u8>>> {
        Box::pin(SigningKeyStore::load(self, ring))
    }

    fn replace<'a>(
        &'a self,
        ring: &'a str,
        expected: Option<&'a [u8]>,
        document: &'a [u8],
    ) -> Boxed<'a, bool> {
        Box::pin(SigningKeyStore::replace(self, ring, expected, document))
    }
}
