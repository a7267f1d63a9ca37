//! The session of a request whose backend has no index of users.

use auth_layer::{AuthError, Identity};
use http::Extensions;
use tower_sessions_core::Session;

use super::SessionHandle;
use crate::SessionId;

/// The session of a request below a layer that is [`Unindexed`](crate::Unindexed): log in and log
/// out, but no list and no revocation by id.
///
/// It stands in the extensions of each request in the place of a [`SessionHandle`]; with the feature
/// `axum` handlers extract it. See
/// [`SessionLayer::danger_unindexed`](crate::SessionLayer::danger_unindexed) for what it does not
/// promise.
#[derive(Clone, Debug)]
pub struct UnindexedSession(SessionHandle);

impl UnindexedSession {
    /// Who is logged in by now; see [`SessionHandle::identity`].
    pub fn identity(&self) -> Option<Identity> {
        self.0.identity()
    }

    /// The public id of the session, if there is one, for logs.
    pub fn id(&self) -> Option<SessionId> {
        self.0.id()
    }

    /// The data of the session; see [`SessionHandle::data`].
    pub fn data(&self) -> &Session {
        self.0.data()
    }

    /// Logs `identity` in; see [`SessionHandle::log_in`].
    ///
    /// # Errors
    ///
    /// As [`SessionHandle::log_in`].
    pub async fn log_in(&self, identity: Identity) -> Result<Identity, AuthError> {
        self.0.log_in(identity).await
    }

    /// Logs out; see [`SessionHandle::log_out`]. A request that began before and saves afterwards may
    /// undo it, if the store brings records back that were deleted, as most do.
    ///
    /// # Errors
    ///
    /// As [`SessionHandle::log_out`].
    pub async fn log_out(&self) -> Result<(), AuthError> {
        self.0.log_out().await
    }

    /// Replaces what the session knows of its user; see [`SessionHandle::refresh`]. A logout at the
    /// same time may miss the refreshed session.
    ///
    /// # Errors
    ///
    /// As [`SessionHandle::refresh`].
    pub async fn refresh(&self, identity: Identity) -> Result<Identity, AuthError> {
        self.0.refresh(identity).await
    }
}

impl SessionHandle {
    /// Puts it into the extensions of a request, as what handlers may use it as.
    pub(crate) fn offer(self, extensions: &mut Extensions) {
        if self.request().config.is_indexed {
            extensions.insert(self);
        } else {
            extensions.insert(UnindexedSession(self));
        }
    }

    /// The session of a request, for this crate's own services.
    pub(crate) fn of(extensions: &Extensions) -> Option<&Self> {
        let unindexed = || extensions.get::<UnindexedSession>().map(|own| &own.0);
        extensions.get::<Self>().or_else(unindexed)
    }
}
