//! Ending a session.

use auth_layer::{AuthError, Event, EventKind};

use super::{RequestSession, SessionHandle, session_failed};
use crate::csrf::{Cause, cross_site};

impl SessionHandle {
    /// Logs out: ends the session in the backend first, and then has the response remove the
    /// cookie. Nothing that this or another request does later brings the session back. Nobody
    /// being logged in is no error.
    ///
    /// # Errors
    ///
    /// - [`Forbidden`](auth_layer::AuthErrorKind::Forbidden): another site caused this request, by
    ///   GET too.
    /// - [`Unavailable`](auth_layer::AuthErrorKind::Unavailable): the backend could not be asked,
    ///   and the session may still be there.
    pub async fn log_out(&self) -> Result<(), AuthError> {
        let request = self.request();
        if request.cause == Cause::Other {
            return Err(cross_site());
        }
        request.end_session().await?;
        // Forgets data and id; there is nothing left to delete.
        let flushed = self.data().flush().await;
        flushed.map_err(|error| session_failed(request, error))
    }
}

impl RequestSession {
    pub(super) async fn end_session(&self) -> Result<(), AuthError> {
        if let Some(current) = self.current() {
            let ended = self.config.backend().delete(&current.digest).await?;
            if let (true, Some(login)) = (ended, &current.record.login) {
                let id = current.record.id.to_string();
                let event = Event::new(EventKind::LoggedOut).with_identity(login);
                self.config.events().record(&event.with_object_id(&id));
            }
        }
        self.end();
        Ok(())
    }
}
