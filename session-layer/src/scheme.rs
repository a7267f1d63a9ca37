//! The session cookie as a scheme.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use auth_layer::{AuthError, AuthErrorKind, Identity, Scheme, SecretDigest, Verdict};
use http::HeaderMap;
use http::header::COOKIE;
use http::request::Parts;

use crate::backend::{SessionLookup, could_not_ask};
use crate::config::Config;
use crate::csrf::{Cause, cross_site};
use crate::handle::{Current, RequestSession, Sent, SessionHandle, differing_cookies};
use crate::secret::SessionSecret;
use crate::{SCHEME, SessionBackend as _, SessionRecord};

/// Authenticates requests by the session cookie; the scheme inside
/// [`SessionLayer`](crate::SessionLayer).
///
/// A cookie that names no live session counts as not sent, because browsers keep such cookies; its
/// value is never taken over. Two different cookies of the name are refused with 400. A live
/// session on an unsafe request that another site caused is refused with 403; see
/// [CSRF](crate#csrf).
pub struct SessionScheme {
    config: Arc<Config>,
}

impl SessionScheme {
    pub(crate) fn new(config: Arc<Config>) -> Self {
        Self { config }
    }
}

impl Scheme for SessionScheme {
    type Credential = SessionCredential;
    type Future = VerifySession;

    fn name(&self) -> &'static str {
        SCHEME
    }

    fn extract(&self, parts: &Parts) -> Result<Option<SessionCredential>, AuthError> {
        let sent = match Sent::of(&parts.headers, self.config.cookie.name()) {
            Sent::Nothing => return Ok(None),
            Sent::Differing => return Err(differing_cookies()),
            sent => sent,
        };
        let Some(handle) = parts.extensions.get::<SessionHandle>() else {
            return Err(AuthError::new(
                AuthErrorKind::Misconfigured,
                "no_session_handle",
            ));
        };
        let request = handle.request();
        let credential = match &sent {
            Sent::Unverified(secret, digest) => Some(SessionCredential {
                request: Arc::clone(request),
                digest: *digest,
                secret: secret.clone(),
            }),
            _ => None,
        };
        request.note_cookie(sent);
        Ok(credential)
    }

    fn verify(&self, credential: SessionCredential) -> VerifySession {
        VerifySession {
            find: self.config.backend().find_owned(credential.digest),
            credential: Some(credential),
        }
    }

    fn verify_now(&self, credential: SessionCredential) -> Verdict<SessionCredential> {
        match self.config.backend().find_now(&credential.digest) {
            SessionLookup::Found(record) => Verdict::Now(credential.admit(Some(record))),
            SessionLookup::Missing => Verdict::Now(credential.admit(None)),
            SessionLookup::Wait => Verdict::Wait(credential),
        }
    }

    fn claims_authorization(&self, _credential: &SessionCredential) -> bool {
        false
    }

    fn conceal(&self, headers: &mut HeaderMap) {
        for (name, value) in headers.iter_mut() {
            if name == COOKIE {
                value.set_sensitive(true);
            }
        }
    }
}

impl fmt::Debug for SessionScheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionScheme")
            .field("cookie", &self.config.cookie)
            .field("limits", &self.config.limits)
            .finish_non_exhaustive()
    }
}

/// What [`SessionScheme`] found in a request.
pub struct SessionCredential {
    request: Arc<RequestSession>,
    digest: SecretDigest,
    secret: SessionSecret,
}

impl SessionCredential {
    fn admit(self, found: Option<SessionRecord>) -> Result<Identity, AuthError> {
        let request = self.request;
        request.verified();
        let Some(record) = found else {
            return Err(AuthError::absent("unknown_session"));
        };
        let config = &request.config;
        if !record.is_live_under(config.now(), config.limits) {
            return Err(AuthError::absent("expired_session"));
        }
        let login = record.login.clone();
        let cause_is_good = match request.cause {
            Cause::Own => true,
            Cause::Other => false,
            Cause::Unknown => login.is_none() || config.allow_missing_origin,
        };
        if request.is_unsafe && !cause_is_good {
            return Err(cross_site());
        }
        request.resume(Current::new(self.secret, self.digest, record));
        login.ok_or_else(|| AuthError::absent("nobody_logged_in"))
    }
}

impl fmt::Debug for SessionCredential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionCredential([redacted])")
    }
}

/// Looks a session up; the only box is the backend's.
pub struct VerifySession {
    find: Pin<Box<dyn Future<Output = Result<Option<SessionRecord>, AuthError>> + Send>>,
    credential: Option<SessionCredential>,
}

impl Future for VerifySession {
    type Output = Result<Identity, AuthError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let found = ready!(self.find.as_mut().poll(cx)).map_err(could_not_ask);
        let credential = self.credential.take().expect("polled after completion");
        Poll::Ready(found.and_then(|found| credential.admit(found)))
    }
}

impl fmt::Debug for VerifySession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifySession").finish_non_exhaustive()
    }
}
