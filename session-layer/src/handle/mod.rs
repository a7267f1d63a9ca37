//! What handlers do with their session: [`SessionHandle`].

mod log_in;
mod log_out;
mod merge;
mod new_session;
mod remembered;
mod request;
mod respond;
mod revive;
mod save;
mod sent;
mod series;
mod store;
mod theft;
mod unindexed;

use std::fmt;
use std::sync::{Arc, OnceLock};

use auth_layer::{AuthError, AuthErrorKind, Identity};
use tower_sessions_core::{Session, session};

pub(crate) use self::request::{Current, RequestSession};
pub use self::unindexed::UnindexedSession;
use crate::{SessionId, SessionInfo, UserKey};

/// The session of a request: log in, log out, list and revoke.
///
/// [`SessionLayer`](crate::SessionLayer) puts one into the extensions of every request, whether or
/// not somebody is logged in; with the feature `axum` handlers extract it. It is cheap to clone,
/// and all clones are about the same session. Data is kept by tower-sessions' [`Session`], which
/// handlers extract as ever, or get from [`data`](Self::data).
#[derive(Clone)]
pub struct SessionHandle {
    inner: Arc<Inner>,
}

/// Apart from [`RequestSession`], because `Session` holds that one.
struct Inner {
    request: Arc<RequestSession>,
    data: OnceLock<Session>,
}

impl SessionHandle {
    pub(crate) fn new(request: RequestSession) -> Self {
        Self {
            inner: Arc::new(Inner {
                request: Arc::new(request),
                data: OnceLock::new(),
            }),
        }
    }

    /// The scheme has found the session that the cookie names.
    pub(crate) fn resume(&self, current: Current) {
        let id = current.record.id.into();
        self.request().resume(current);
        // Made here, where the id is at hand.
        let session = || Session::new(Some(id), Arc::clone(self.request()), None);
        self.inner.data.get_or_init(session);
    }

    pub(crate) fn request(&self) -> &Arc<RequestSession> {
        &self.inner.request
    }

    /// Who is logged in by now: after [`log_in`](Self::log_in) the new user, after
    /// [`log_out`](Self::log_out) nobody.
    ///
    /// The [`Identity`] in the request's extensions is who was logged in when the request came, by
    /// whatever scheme.
    pub fn identity(&self) -> Option<Identity> {
        let found = self
            .request()
            .with_current(|current| current.record.login.clone());
        found.flatten()
    }

    /// The public id of the session, if there is one.
    pub fn id(&self) -> Option<SessionId> {
        self.request().with_current(|current| current.record.id)
    }

    /// The data of the session, as handlers written for tower-sessions know it.
    ///
    /// A session is made when something is first put into it; reading makes none. Changes are saved
    /// before the response leaves, key by key, so that concurrent requests lose none; like with
    /// tower-sessions, they are not saved if the response is a server error. Its `flush` and
    /// `delete` log out; its `cycle_id` makes a new session with the same data and **nobody logged
    /// in** ([`refresh`](Self::refresh) is for that); its `set_expiry` has no effect, the limits
    /// are the layer's. Where [`log_out`](Self::log_out) would fail with 403, because another site
    /// caused the request, `flush`, `delete` and `cycle_id` fail too, and nothing that the request
    /// has changed is saved. If an identity by another scheme went before the cookie
    /// ([`ConflictPolicy::FirstWins`](auth_layer::ConflictPolicy::FirstWins)), the `Session` knows
    /// nothing of the cookie's: there only [`log_out`](Self::log_out) and
    /// [`log_in`](Self::log_in) end it.
    pub fn data(&self) -> &Session {
        self.inner.data.get_or_init(|| {
            let id = self.id().map(Into::into);
            Session::new(id, Arc::clone(self.request()), None)
        })
    }

    /// The user's live sessions, this one marked.
    ///
    /// # Errors
    ///
    /// Fails with [`Missing`](auth_layer::AuthErrorKind::Missing) if nobody is logged in by this
    /// session, and with [`Unavailable`](auth_layer::AuthErrorKind::Unavailable) if the backend
    /// could not be asked.
    pub async fn list(&self) -> Result<Vec<SessionInfo>, AuthError> {
        let (user, id) = self.user()?;
        let sessions = &self.request().config.sessions;
        sessions.list_marking(&user, Some(id)).await
    }

    /// Ends one of the user's own sessions by its public id; false if the user has none of that id.
    /// Ending this very session is logging out.
    ///
    /// # Errors
    ///
    /// As [`list`](Self::list).
    pub async fn revoke(&self, id: &str) -> Result<bool, AuthError> {
        let (user, own) = self.user()?;
        if id.parse() == Ok(own) {
            self.log_out().await?;
            return Ok(true);
        }
        self.request().config.sessions.revoke(&user, id).await
    }

    /// Ends all of the user's sessions but this one, and says how many those were.
    ///
    /// All remembered logins are forgotten but that of this browser, which stays remembered: whoever
    /// has copied its remember-me cookie comes back by it. After a change of the password call
    /// [`refresh`](Self::refresh) with the new epoch first, which ends that one too.
    ///
    /// # Errors
    ///
    /// As [`list`](Self::list).
    pub async fn revoke_others(&self) -> Result<usize, AuthError> {
        let (user, own) = self.user()?;
        let sessions = &self.request().config.sessions;
        sessions.revoke_others(&user, &own).await
    }

    fn user(&self) -> Result<(UserKey, SessionId), AuthError> {
        let found = self
            .request()
            .with_current(|current| current.record.user().map(|user| (user, current.record.id)));
        found.flatten().ok_or_else(not_logged_in)
    }
}

fn not_logged_in() -> AuthError {
    AuthError::missing().with_scheme(crate::SCHEME)
}

/// The error behind an error of `Session`.
fn session_failed(request: &RequestSession, error: session::Error) -> AuthError {
    request.take_fault().unwrap_or_else(|| {
        AuthError::new(AuthErrorKind::Internal, "session_data").with_source(error)
    })
}

impl fmt::Debug for SessionHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionHandle")
            .field("id", &self.id())
            .finish_non_exhaustive()
    }
}
