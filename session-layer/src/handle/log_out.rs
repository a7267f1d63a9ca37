//! Ending a session.

use auth_layer::{AuthError, Event, EventKind, SecretDigest};

use super::{Current, RequestSession, SessionHandle, session_failed};
use crate::SessionBackend as _;
use crate::SessionRecord;
use crate::csrf::{Cause, cross_site};

impl SessionHandle {
    /// Logs out: ends the session in the backend first, and then has the response remove the
    /// cookie. Nothing that this or another request does later brings the session back. Nobody
    /// being logged in is no error. A login that is remembered is forgotten, with all sessions that
    /// came from it.
    ///
    /// The response tells the browser to drop what it has stored for the site; see
    /// [`clear_site_data`](crate::SessionLayerBuilder::clear_site_data).
    ///
    /// A request that comes with a secret that [`refresh`](SessionHandle::refresh) has replaced before
    /// it arrived is nobody's, and ends nothing: backends keep no trace of secrets that are gone. The
    /// browser has the new one by then, or gets it with the response to the refresh.
    ///
    /// # Errors
    ///
    /// - [`Forbidden`](auth_layer::AuthErrorKind::Forbidden): another site caused this request, by
    ///   GET too; or it is a GET that does not say who caused it, and
    ///   [`allow_missing_origin`](crate::SessionLayerBuilder::allow_missing_origin) is off.
    /// - [`InvalidRequest`](auth_layer::AuthErrorKind::InvalidRequest): two different session cookies
    ///   were sent, which only comes this far below
    ///   [`ConflictPolicy::FirstWins`](auth_layer::ConflictPolicy::FirstWins).
    /// - [`Unavailable`](auth_layer::AuthErrorKind::Unavailable): the backend could not be asked,
    ///   and the session may still be there.
    pub async fn log_out(&self) -> Result<(), AuthError> {
        let request = self.request();
        request.end_session().await?;
        // Forgets data and id; there is nothing left to delete.
        let flushed = self.data().flush().await;
        flushed.map_err(|error| session_failed(request, error))
    }
}

impl RequestSession {
    /// Ends the session that the request came with or has made: for
    /// [`log_out`](SessionHandle::log_out), and for `Session`.
    pub(super) async fn end_session(&self) -> Result<(), AuthError> {
        if !self.may_end() {
            self.refuse_changes();
            return Err(cross_site());
        }
        let found = match self.current_or_lost() {
            Some(current) => Some(current),
            None => self.find_unverified().await?,
        };
        let record = found.as_ref().map(|current| &*current.record);
        self.end_remembered(record, "logged_out").await?;
        if let Some(current) = found {
            let ended = self.delete(&current).await?;
            if let (true, Some(login)) = (ended, &current.record.login) {
                let id = current.record.id.to_string();
                let event = Event::new(EventKind::LoggedOut).with_identity(login);
                self.config.events().record(&event.with_object_id(&id));
            }
        }
        self.end();
        Ok(())
    }

    /// Ends a session in the backend, also if it was refreshed since and has another secret by now.
    pub(super) async fn delete(&self, session: &Current) -> Result<bool, AuthError> {
        let backend = self.config.backend();
        if backend.delete(&session.digest).await? {
            return Ok(true);
        }
        match session.record.user() {
            Some(user) => backend.delete_by_id(&user, &session.record.id).await,
            None => Ok(false),
        }
    }

    /// Ends a session that something that happened to its user has ended.
    pub(crate) async fn end_over(
        &self,
        digest: &SecretDigest,
        record: &SessionRecord,
        reason: &'static str,
    ) -> Result<(), AuthError> {
        if self.config.backend().delete(digest).await? {
            self.config.sessions.record_revoked(record.id, reason);
        }
        Ok(())
    }

    /// Whether the request comes from where a logout may come from. Browsers of today say where a
    /// GET comes from; of a GET that does not say it, nobody knows.
    fn may_end(&self) -> bool {
        match self.cause {
            Cause::Own => true,
            Cause::Other => false,
            Cause::Unknown => self.is_unsafe || self.config.allow_missing_origin,
        }
    }
}
