//! Where the current epoch of a user's credentials comes from: [`CredentialEpochs`].

use std::pin::Pin;

use auth_layer::{AuthError, CredentialEpoch, Identity};

/// Knows the current [`CredentialEpoch`] of each user, for
/// [`SessionLayerBuilder::credential_epochs`](crate::SessionLayerBuilder::credential_epochs).
///
/// A closure from [`Identity`] to a future is one. It is asked on each request with a session, so it
/// should answer from a cache or beside other I/O; what it takes is added to every request. Whatever
/// it answers is obeyed at once, so an epoch from a copy that lags behind delays the end of sessions
/// by as much.
///
/// ```
/// use auth_layer::{CredentialEpoch, Identity};
/// use session_layer::{MemorySessionBackend, SessionLayer};
///
/// let layer = SessionLayer::builder(MemorySessionBackend::new())
///     .credential_epochs(|user: Identity| async move {
///         // SELECT credential_epoch FROM users WHERE id = $1 AND NOT disabled
///         Ok((user.subject() == "user-17").then(|| CredentialEpoch::new(3)))
///     })
///     .build()?;
/// # let _ = layer;
/// # Ok::<(), auth_layer::ConfigError>(())
/// ```
pub trait CredentialEpochs: Send + Sync + 'static {
    /// The answer, if it can be given without waiting. The default is that it cannot.
    fn epoch_now(&self, user: &Identity) -> EpochLookup {
        let _ = user;
        EpochLookup::Wait
    }

    /// The current epoch of a user; `None` if there is no such user any more, or none who may be
    /// logged in. The number never goes back.
    ///
    /// # Errors
    ///
    /// An error means "could not ask", whatever its kind: the request is answered 503.
    fn epoch(
        &self,
        user: &Identity,
    ) -> impl Future<Output = Result<Option<CredentialEpoch>, AuthError>> + Send;
}

impl<F, Fut> CredentialEpochs for F
where
    F: Fn(Identity) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<Option<CredentialEpoch>, AuthError>> + Send,
{
    fn epoch(
        &self,
        user: &Identity,
    ) -> impl Future<Output = Result<Option<CredentialEpoch>, AuthError>> + Send {
        self(user.clone())
    }
}

/// What [`CredentialEpochs::epoch_now`] answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum EpochLookup {
    /// This is the current epoch.
    Found(CredentialEpoch),
    /// There is no such user any more.
    Gone,
    /// Ask [`epoch`](CredentialEpochs::epoch).
    Wait,
}

type BoxFuture<'a> =
    Pin<Box<dyn Future<Output = Result<Option<CredentialEpoch>, AuthError>> + Send + 'a>>;

/// The dyn-compatible twin of [`CredentialEpochs`]; the only place that boxes.
pub(super) trait DynEpochs: Send + Sync {
    fn epoch_now(&self, user: &Identity) -> EpochLookup;
    fn epoch<'a>(&'a self, user: &'a Identity) -> BoxFuture<'a>;
}

impl<T: CredentialEpochs> DynEpochs for T {
    fn epoch_now(&self, user: &Identity) -> EpochLookup {
        CredentialEpochs::epoch_now(self, user)
    }

    fn epoch<'a>(&'a self, user: &'a Identity) -> BoxFuture<'a> {
        Box::pin(CredentialEpochs::epoch(self, user))
    }
}
