//! Where users and what stands for their passwords are kept.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

use super::{Algorithm, Ha1, UserHash};
use crate::{AuthError, Identity};

/// Where Digest finds its users.
///
/// Implement it with plain `async fn`s.
/// [`MemoryDigestStore`](super::MemoryDigestStore) is one for a handful of users.
///
/// # Contract
///
/// - `None` means that nobody of that name may log in: unknown, disabled and locked users are not
///   told apart.
/// - Names are compared byte for byte, as [`Ha1`] hashes them.
/// - A changed password is seen by the next call. A record that is cached longer than that keeps
///   the old password working.
/// - An error means "could not ask", and is never read as "no such user": the layer answers 503.
///
/// `auth_test::contract::digest_store` checks an implementation against this.
pub trait DigestStore: Send + Sync + 'static {
    /// Looks a user up by name.
    ///
    /// # Errors
    ///
    /// Fails if the backing store cannot be reached or holds a record it cannot decode.
    fn find(
        &self,
        username: &str,
    ) -> impl Future<Output = Result<Option<DigestRecord>, AuthError>> + Send;

    /// Looks a user up by the hash of the name, for
    /// [`offer_userhash`](super::DigestBuilder::offer_userhash). Nobody is found unless this is
    /// implemented, with an index over the hashes of one algorithm at least.
    ///
    /// # Errors
    ///
    /// As [`find`](Self::find).
    fn find_by_userhash(
        &self,
        userhash: &UserHash,
    ) -> impl Future<Output = Result<Option<DigestRecord>, AuthError>> + Send {
        let _ = userhash;
        async { Ok(None) }
    }
}

/// A user: who it is, and what stands for the password, once for each algorithm.
#[derive(Clone)]
pub struct DigestRecord {
    identity: Identity,
    ha1: Vec<Ha1>,
}

impl DigestRecord {
    /// A record from stored parts. Of several [`Ha1`]s of one algorithm the first counts.
    #[must_use]
    pub fn new(identity: Identity, ha1: impl IntoIterator<Item = Ha1>) -> Self {
        Self {
            identity,
            ha1: ha1.into_iter().collect(),
        }
    }

    /// A record from a password, for the algorithms that are offered or may be one day. Its
    /// subject is the user name, unless [`with_identity`](Self::with_identity) says otherwise.
    #[must_use]
    pub fn from_password(
        username: &str,
        realm: &str,
        password: &str,
        algorithms: impl IntoIterator<Item = Algorithm>,
    ) -> Self {
        Self {
            identity: Identity::new(super::NAME, username),
            ha1: algorithms
                .into_iter()
                .map(|algorithm| Ha1::from_password(algorithm, username, realm, password))
                .collect(),
        }
    }

    /// The same password for another identity: subject, roles and scopes. The scheme puts its own
    /// name on it.
    #[must_use]
    pub fn with_identity(mut self, identity: Identity) -> Self {
        self.identity = identity;
        self
    }

    /// Who it is.
    pub const fn identity(&self) -> &Identity {
        &self.identity
    }

    /// What stands for the password under `algorithm`.
    pub fn ha1(&self, algorithm: Algorithm) -> Option<&Ha1> {
        self.ha1.iter().find(|ha1| ha1.algorithm() == algorithm)
    }

    /// The algorithms that this user can log in with.
    pub fn algorithms(&self) -> impl Iterator<Item = Algorithm> {
        self.ha1.iter().map(Ha1::algorithm)
    }

    pub(super) fn into_identity(self) -> Identity {
        self.identity
    }
}

impl fmt::Debug for DigestRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DigestRecord")
            .field("identity", &self.identity)
            .field("ha1", &self.ha1)
            .finish()
    }
}

/// Any [`DigestStore`], shared and type-erased.
#[derive(Clone)]
pub struct SharedDigestStore(Arc<dyn DynStore>);

impl SharedDigestStore {
    /// Shares `store`.
    #[must_use]
    pub fn new(store: impl DigestStore) -> Self {
        Self(Arc::new(store))
    }
}

impl DigestStore for SharedDigestStore {
    async fn find(&self, username: &str) -> Result<Option<DigestRecord>, AuthError> {
        self.0.find(username).await
    }

    async fn find_by_userhash(
        &self,
        userhash: &UserHash,
    ) -> Result<Option<DigestRecord>, AuthError> {
        self.0.find_by_userhash(userhash).await
    }
}

impl fmt::Debug for SharedDigestStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedDigestStore").finish_non_exhaustive()
    }
}

type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// The dyn-compatible twin of [`DigestStore`]; the only place that boxes.
trait DynStore: Send + Sync {
    fn find<'a>(
        &'a self,
        username: &'a str,
    ) -> BoxFuture<'a, Result<Option<DigestRecord>, AuthError>>;

    fn find_by_userhash<'a>(
        &'a self,
        userhash: &'a UserHash,
    ) -> BoxFuture<'a, Result<Option<DigestRecord>, AuthError>>;
}

impl<T: DigestStore> DynStore for T {
    fn find<'a>(
        &'a self,
        username: &'a str,
    ) -> BoxFuture<'a, Result<Option<DigestRecord>, AuthError>> {
        Box::pin(DigestStore::find(self, username))
    }

    fn find_by_userhash<'a>(
        &'a self,
        userhash: &'a UserHash,
    ) -> BoxFuture<'a, Result<Option<DigestRecord>, AuthError>> {
        Box::pin(DigestStore::find_by_userhash(self, userhash))
    }
}
