//! What is left to do when the response is on its way out.

use auth_layer::{AuthError, AuthErrorKind, Event, EventKind};
use http::Response;

use super::{SessionHandle, session_failed};
use crate::backend::Touch;
use crate::{SCHEME, SessionBackend as _};

impl SessionHandle {
    /// Writes the head of the response if [`finish`](Self::finish) has nothing to do; false if it
    /// has. Most requests only read; and what went with a server error is not saved, as with
    /// tower-sessions.
    pub(crate) fn respond_now<B>(&self, res: &mut Response<B>) -> bool {
        let request = self.request();
        if res.status().is_server_error() {
            request.respond(res.headers_mut());
            return true;
        }
        !self.is_changed() && request.respond_unless_due(res.headers_mut())
    }

    fn is_changed(&self) -> bool {
        let data = self.inner.data.get();
        data.is_some_and(tower_sessions_core::Session::is_modified)
    }

    /// Saves changed data, and notes that the session was used.
    pub(crate) async fn finish(self) -> Result<(), AuthError> {
        if self.is_changed() {
            self.save().await?;
        }
        self.touch().await;
        Ok(())
    }

    async fn save(&self) -> Result<(), AuthError> {
        let (request, session) = (self.request(), self.data());
        if session.is_empty().await {
            return Ok(());
        }
        request.take_fault(); // an earlier save's, which the handler has seen
        let Err(error) = session.save().await else {
            return Ok(());
        };
        let error = session_failed(request, error);
        if error.kind() == AuthErrorKind::Absent {
            // The session was ended while the handler ran, and stays so. The answer is still the
            // answer to somebody who was logged in when asking.
            let event = Event::new(EventKind::Refused).with_scheme(SCHEME);
            request
                .config
                .events()
                .record(&event.with_reason(error.reason()));
            return Ok(());
        }
        Err(error)
    }

    /// A touch that fails takes nothing from anybody: the session only ends sooner.
    async fn touch(&self) {
        let request = self.request();
        let now = request.config.now();
        let Some(digest) = request.due_touch(now) else {
            return;
        };
        let limits = request.config.limits;
        let expires_at = request.with_current(|c| limits.expires_at(now, c.record.ends_at));
        let Some(expires_at) = expires_at else {
            return;
        };
        let touch = Touch::new(now, expires_at);
        match request.config.backend().touch(&digest, touch).await {
            Ok(true) => request.touched(&digest, now, expires_at),
            Ok(false) => request.lost(&digest),
            Err(error) => request.config.events().record(&Event::refused(&error)),
        }
    }
}
