//! The session cookie as a scheme.

use std::fmt;
use std::mem;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::SystemTime;

use auth_layer::{AuthError, AuthErrorKind, Identity, Scheme, SecretDigest, Verdict};
use http::HeaderMap;
use http::request::Parts;

use crate::backend::{SessionLookup, could_not_ask};
use crate::config::Config;
use crate::csrf::{Cause, cross_site};
use crate::handle::{Current, SessionHandle};
use crate::secret::SessionSecret;
use crate::standing::Standing;
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
        let Some(handle) = SessionHandle::of(&parts.extensions) else {
            return Err(AuthError::new(
                AuthErrorKind::Misconfigured,
                "no_session_handle",
            ));
        };
        let request = handle.request();
        let (secret, may_revive) = request.take_sent()?;
        if secret.is_none() && !may_revive {
            return Ok(None);
        }
        Ok(Some(SessionCredential {
            handle: handle.clone(),
            may_revive,
            secret,
            found: SessionLookup::Wait,
            judged_at: None,
        }))
    }

    fn verify(&self, credential: SessionCredential) -> VerifySession {
        let state = match &credential.secret {
            Some((_, digest)) if matches!(credential.found, SessionLookup::Wait) => {
                VerifyState::Find {
                    find: self.config.backend().find_owned(*digest),
                    credential: Some(credential),
                }
            }
            _ => VerifyState::Check(Box::pin(credential.check())),
        };
        VerifySession { state }
    }

    fn verify_now(&self, mut credential: SessionCredential) -> Verdict<SessionCredential> {
        let Some((_, digest)) = &credential.secret else {
            return Verdict::Wait(credential);
        };
        let found = match self.config.backend().find_now(digest) {
            SessionLookup::Found(record) => Some(record),
            SessionLookup::Missing => None,
            SessionLookup::Wait => return Verdict::Wait(credential),
        };
        match credential.judge(found.as_deref()) {
            Judgement::Admit => Verdict::Now(credential.admit(found)),
            Judgement::Refuse(reason) => Verdict::Now(Err(AuthError::absent(reason))),
            Judgement::Wait => {
                credential.found = asked(found);
                Verdict::Wait(credential)
            }
        }
    }

    fn claims_authorization(&self, _credential: &SessionCredential) -> bool {
        false
    }

    /// [`SessionService`](crate::SessionService) has concealed all cookies.
    fn conceal(&self, _headers: &mut HeaderMap) {}
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
    handle: SessionHandle,
    /// Of the session cookie, if it can be one of ours.
    secret: Option<(SessionSecret, SecretDigest)>,
    /// Whether there is a remember-me cookie, and nobody else has said who it is.
    may_revive: bool,
    /// What the backend has of the session; `Wait` until it was asked.
    found: SessionLookup,
    /// When the session was found to be live.
    judged_at: Option<SystemTime>,
}

fn asked(found: Option<Arc<SessionRecord>>) -> SessionLookup {
    found.map_or(SessionLookup::Missing, SessionLookup::Found)
}

/// What is to be done about what the backend has found.
enum Judgement {
    Admit,
    Refuse(&'static str),
    /// Somebody has to be asked first.
    Wait,
}

impl SessionCredential {
    fn judge(&mut self, found: Option<&SessionRecord>) -> Judgement {
        let record = match self.live(found) {
            Ok(record) => record,
            Err(_) if self.may_revive => return Judgement::Wait,
            Err(reason) => return Judgement::Refuse(reason),
        };
        let Some(login) = &record.login else {
            // Nobody is logged in by it, so that its user may still be remembered.
            return if self.may_revive {
                Judgement::Wait
            } else {
                Judgement::Admit
            };
        };
        let standing = &self.handle.request().config.standing;
        match standing.check_now(login, record.created_at) {
            Standing::Good => Judgement::Admit,
            Standing::Over(_) | Standing::Wait => Judgement::Wait,
        }
    }

    fn live<'a>(
        &mut self,
        found: Option<&'a SessionRecord>,
    ) -> Result<&'a SessionRecord, &'static str> {
        let config = &self.handle.request().config;
        let record = found.ok_or("unknown_session")?;
        let now = config.now();
        self.judged_at = Some(now);
        if record.is_live_under(now, config.limits) {
            Ok(record)
        } else {
            Err("expired_session")
        }
    }

    /// The session is live, and nothing that happened to its user has ended it.
    fn admit(self, found: Option<Arc<SessionRecord>>) -> Result<Identity, AuthError> {
        let request = self.handle.request();
        let (Some(record), Some((secret, digest))) = (found, self.secret) else {
            return Err(AuthError::absent("unknown_session"));
        };
        let config = &request.config;
        let login = record.login.clone();
        let cause_is_good = match request.cause {
            Cause::Own => true,
            Cause::Other => false,
            Cause::Unknown => login.is_none() || config.allow_missing_origin,
        };
        if request.is_unsafe && !cause_is_good {
            return Err(cross_site());
        }
        let mut current = Current::new(secret, digest, record);
        current.judged_at = self.judged_at;
        self.handle.resume(current);
        login.ok_or_else(|| AuthError::absent("nobody_logged_in"))
    }

    /// Asks whoever has to be asked, now that the backend was.
    async fn check(mut self) -> Result<Identity, AuthError> {
        let found = match mem::replace(&mut self.found, SessionLookup::Wait) {
            SessionLookup::Found(record) => Some(record),
            SessionLookup::Missing | SessionLookup::Wait => None,
        };
        let mut refusal = "no_session";
        match self.live(found.as_deref()) {
            Ok(record) => match &record.login {
                None if !self.may_revive => return self.admit(found),
                // What is in an anonymous session is given up for the user who is remembered.
                None => {
                    let revived = self.handle.request().revive().await;
                    return match revived {
                        Err(error) if error.kind() == AuthErrorKind::Absent => self.admit(found),
                        revived => revived,
                    };
                }
                Some(login) => {
                    let request = self.handle.request();
                    let standing = &request.config.standing;
                    match standing.check(login, record.created_at).await? {
                        None => return self.admit(found),
                        Some(reason) => {
                            if let Some((_, digest)) = &self.secret {
                                request.end_over(digest, record, reason).await?;
                            }
                            refusal = reason;
                        }
                    }
                }
            },
            Err(reason) if self.secret.is_some() => refusal = reason,
            Err(_) => {}
        }
        if self.may_revive {
            return self.handle.request().revive().await;
        }
        Err(AuthError::absent(refusal))
    }
}

impl fmt::Debug for SessionCredential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionCredential([redacted])")
    }
}

/// Looks a session up; the only box is the backend's, unless somebody else has to be asked too.
pub struct VerifySession {
    state: VerifyState,
}

enum VerifyState {
    Find {
        find: Pin<Box<dyn Future<Output = Result<Option<SessionRecord>, AuthError>> + Send>>,
        credential: Option<SessionCredential>,
    },
    Check(Pin<Box<dyn Future<Output = Result<Identity, AuthError>> + Send>>),
}

impl Future for VerifySession {
    type Output = Result<Identity, AuthError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        loop {
            let (find, credential) = match &mut self.state {
                VerifyState::Find { find, credential } => (find, credential),
                VerifyState::Check(check) => return check.as_mut().poll(cx),
            };
            let found = ready!(find.as_mut().poll(cx)).map_err(could_not_ask);
            let mut credential = credential.take().expect("polled after completion");
            let found = match found {
                Ok(found) => found.map(Arc::new),
                Err(error) => return Poll::Ready(Err(error)),
            };
            match credential.judge(found.as_deref()) {
                Judgement::Admit => return Poll::Ready(credential.admit(found)),
                Judgement::Refuse(reason) => return Poll::Ready(Err(AuthError::absent(reason))),
                Judgement::Wait => {
                    credential.found = asked(found);
                    self.state = VerifyState::Check(Box::pin(credential.check()));
                }
            }
        }
    }
}

impl fmt::Debug for VerifySession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifySession").finish_non_exhaustive()
    }
}
