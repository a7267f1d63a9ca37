//! Listing and ending sessions from anywhere: [`Sessions`].

use std::fmt;
use std::time::SystemTime;

use auth_layer::{AuthError, Event, EventKind, Events, SharedClock};

use crate::{
    Device, SCHEME, SessionBackend as _, SessionId, SessionLimits, SessionRecord,
    SharedSessionBackend, UserKey,
};

/// Lists and ends sessions from outside a session: for administration, back-channel logout, and
/// for ending a user's sessions when the account is disabled or the password changed.
///
/// Made by [`SessionLayer::sessions`](crate::SessionLayer::sessions); cheap to clone, put it into
/// the application's state. Handlers that act for the user of their own session use
/// [`SessionHandle`](crate::SessionHandle).
#[derive(Clone)]
pub struct Sessions {
    pub(crate) backend: SharedSessionBackend,
    pub(crate) clock: SharedClock,
    pub(crate) events: Events,
    pub(crate) limits: SessionLimits,
}

impl Sessions {
    /// The live sessions of a user, the one used last first.
    ///
    /// # Errors
    ///
    /// Fails with [`Unavailable`](auth_layer::AuthErrorKind::Unavailable) if the backend could not
    /// be asked.
    pub async fn list(&self, user: &UserKey) -> Result<Vec<SessionInfo>, AuthError> {
        self.list_marking(user, None).await
    }

    pub(crate) async fn list_marking(
        &self,
        user: &UserKey,
        current: Option<SessionId>,
    ) -> Result<Vec<SessionInfo>, AuthError> {
        let now = self.clock.now();
        let mut records = self.backend.list(user).await?;
        records.retain(|record| record.is_live_under(now, self.limits));
        records.sort_by_key(|record| std::cmp::Reverse((record.last_seen_at, record.created_at)));
        Ok(records
            .into_iter()
            .map(|record| SessionInfo {
                current: Some(record.id) == current,
                record,
            })
            .collect())
    }

    /// Ends one session of a user; false if this user has none of that id, which includes the ids
    /// of other users and texts that are no ids.
    ///
    /// # Errors
    ///
    /// Fails with [`Unavailable`](auth_layer::AuthErrorKind::Unavailable) if the backend could not
    /// be asked.
    pub async fn revoke(&self, user: &UserKey, id: &str) -> Result<bool, AuthError> {
        let Ok(id) = id.parse::<SessionId>() else {
            return Ok(false);
        };
        let ended = self.backend.delete_by_id(user, &id).await?;
        if ended {
            self.record_revoked(id, "revoked");
        }
        Ok(ended)
    }

    /// Ends all sessions of a user and says how many there were.
    ///
    /// # Errors
    ///
    /// Fails with [`Unavailable`](auth_layer::AuthErrorKind::Unavailable) if the backend could not
    /// be asked.
    pub async fn revoke_all(&self, user: &UserKey) -> Result<usize, AuthError> {
        self.revoke_except(user, None).await
    }

    /// Ends all sessions of a user but one and says how many those were.
    ///
    /// # Errors
    ///
    /// Fails with [`Unavailable`](auth_layer::AuthErrorKind::Unavailable) if the backend could not
    /// be asked.
    pub async fn revoke_others(
        &self,
        user: &UserKey,
        keep: &SessionId,
    ) -> Result<usize, AuthError> {
        self.revoke_except(user, Some(keep)).await
    }

    async fn revoke_except(
        &self,
        user: &UserKey,
        keep: Option<&SessionId>,
    ) -> Result<usize, AuthError> {
        let ended = self.backend.delete_all(user, keep).await?;
        for id in &ended {
            self.record_revoked(*id, "revoked");
        }
        Ok(ended.len())
    }

    pub(crate) fn record_revoked(&self, id: SessionId, reason: &'static str) {
        let id = id.to_string();
        let event = Event::new(EventKind::Revoked).with_scheme(SCHEME);
        self.events
            .record(&event.with_object_id(&id).with_reason(reason));
    }
}

impl fmt::Debug for Sessions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sessions")
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

/// One line in the list of a user's sessions.
#[derive(Clone, Debug)]
pub struct SessionInfo {
    record: SessionRecord,
    current: bool,
}

impl SessionInfo {
    /// The public id, to be shown and to be passed to `revoke`.
    pub fn id(&self) -> SessionId {
        self.record.id
    }

    /// Whether it is the session that asks. Always false in lists by [`Sessions`].
    pub fn is_current(&self) -> bool {
        self.current
    }

    /// When the user logged in.
    pub fn created_at(&self) -> SystemTime {
        self.record.created_at
    }

    /// When it was last used, to a twentieth of the idle time.
    pub fn last_seen_at(&self) -> SystemTime {
        self.record.last_seen_at
    }

    /// When it ends unless it is used again.
    pub fn expires_at(&self) -> SystemTime {
        self.record.expires_at
    }

    /// What it runs on, as far as that was told at login.
    pub fn device(&self) -> &Device {
        &self.record.device
    }
}
