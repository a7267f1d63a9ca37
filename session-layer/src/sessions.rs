//! Listing and ending sessions from anywhere: [`Sessions`].

use std::fmt;
use std::time::SystemTime;

use auth_layer::{AuthError, Event, EventKind, Events, SecretDigest, SharedClock};

use crate::{
    Device, RememberStore as _, SCHEME, SessionBackend as _, SessionId, SessionLimits,
    SessionRecord, SharedRememberStore, SharedSessionBackend, UserKey,
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
    pub(crate) remember: Option<SharedRememberStore>,
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
    /// of other users and texts that are no ids. If the login behind it is remembered, it is
    /// forgotten, and all sessions that came from it end.
    ///
    /// # Errors
    ///
    /// Fails with [`Unavailable`](auth_layer::AuthErrorKind::Unavailable) if the backend could not
    /// be asked.
    pub async fn revoke(&self, user: &UserKey, id: &str) -> Result<bool, AuthError> {
        let Ok(id) = id.parse::<SessionId>() else {
            return Ok(false);
        };
        if let Some(remember) = &self.remember
            && let Some(series) = self.series_of(user, &id).await?
        {
            remember.delete(&series).await?;
            self.end_sessions_of(user, &series, Some(id), "revoked")
                .await?;
        }
        let ended = self.backend.delete_by_id(user, &id).await?;
        if ended {
            self.record_revoked(id, "revoked");
        }
        Ok(ended)
    }

    /// Ends all sessions of a user, forgets all remembered logins, and says how many sessions there
    /// were.
    ///
    /// # Errors
    ///
    /// Fails with [`Unavailable`](auth_layer::AuthErrorKind::Unavailable) if the backend could not
    /// be asked.
    pub async fn revoke_all(&self, user: &UserKey) -> Result<usize, AuthError> {
        self.revoke_except(user, None).await
    }

    /// Ends all sessions of a user but one, forgets all remembered logins but that of this session,
    /// and says how many sessions those were.
    ///
    /// Whoever has copied the remember-me cookie of that browser still comes back by it; after a change
    /// of the password use [`revoke_all`](Self::revoke_all), or
    /// [`SessionHandle::refresh`](crate::SessionHandle::refresh) before.
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
        if let Some(remember) = &self.remember {
            let kept = match keep {
                Some(keep) => self.series_of(user, keep).await?,
                None => None,
            };
            // First, so that no session is begun from one of them after the sessions have ended.
            remember.delete_all(user, kept.as_ref()).await?;
        }
        let ended = self.backend.delete_all(user, keep).await?;
        for id in &ended {
            self.record_revoked(*id, "revoked");
        }
        Ok(ended.len())
    }

    async fn series_of(
        &self,
        user: &UserKey,
        id: &SessionId,
    ) -> Result<Option<SecretDigest>, AuthError> {
        let records = self.backend.list(user).await?;
        let found = records.iter().find(|record| record.id == *id);
        Ok(found.and_then(|record| record.remembered_by))
    }

    /// Ends all sessions but one that came from a remember-me series, which has ended before.
    pub(crate) async fn end_sessions_of(
        &self,
        user: &UserKey,
        series: &SecretDigest,
        except: Option<SessionId>,
        reason: &'static str,
    ) -> Result<(), AuthError> {
        for record in self.backend.list(user).await? {
            let ends = record.remembered_by == Some(*series) && Some(record.id) != except;
            if ends && self.backend.delete_by_id(user, &record.id).await? {
                self.record_revoked(record.id, reason);
            }
        }
        Ok(())
    }

    /// Ends sessions that came from a remember-me series, the ones that were not used for longest first,
    /// until there is room for one more of `max`, or none is left.
    pub(crate) async fn make_room(
        &self,
        user: &UserKey,
        series: &SecretDigest,
        max: u32,
        now: SystemTime,
    ) -> Result<(), AuthError> {
        let mut records = self.backend.list(user).await?;
        records.retain(|record| record.is_live(now));
        let max = usize::try_from(max).unwrap_or(usize::MAX);
        let excess = (records.len() + 1).saturating_sub(max);
        records.retain(|record| record.remembered_by == Some(*series));
        records.sort_by_key(|record| record.last_seen_at);
        for record in records.iter().take(excess) {
            if self.backend.delete_by_id(user, &record.id).await? {
                self.record_revoked(record.id, "too_many_sessions");
            }
        }
        Ok(())
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

    /// Whether its login is remembered: it was begun with
    /// [`log_in_remembered`](crate::SessionHandle::log_in_remembered), or came from such a login.
    pub fn is_remembered(&self) -> bool {
        self.record.remembered_by.is_some()
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
