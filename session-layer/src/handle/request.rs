//! What is known about the session of one request while the request lasts.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use auth_layer::{AuthError, ClientAddress, Identity, SecretDigest};
use http::header::USER_AGENT;
use http::{HeaderMap, HeaderName, HeaderValue, Request};
use serde_json::Value;

use super::remembered::Remembered;
use super::respond;
use super::sent::{Sent, differing_cookies};
use crate::config::Config;
use crate::csrf::{Cause, is_unsafe};
use crate::record::Device;
use crate::remember::RememberToken;
use crate::secret::SessionSecret;
use crate::{SessionBackend as _, SessionLimits, SessionRecord};

const CLEAR_SITE_DATA: HeaderName = HeaderName::from_static("clear-site-data");

/// Shared by the layer, the scheme, the handle and tower-sessions' `Session`, which takes it for
/// its store (see [`store`](super::store)).
pub(crate) struct RequestSession {
    pub(crate) config: Arc<Config>,
    pub(crate) cause: Cause,
    pub(crate) is_unsafe: bool,
    user_agent: Option<HeaderValue>,
    pub(super) address: ClientAddress,
    // Never held across an await.
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    current: Option<Current>,
    /// What was the current one until it turned out to be gone under its secret.
    lost: Option<Current>,
    sent: Sent,
    cookie: CookieChange,
    /// Somebody wanted to end the session who must not: nothing of this request is kept.
    refuses_changes: bool,
    /// Only if logins are remembered.
    remembered: Option<Box<Remembered>>,
    /// Whether the user has logged out.
    logged_out: bool,
    /// Whether the response depends on a session, or may.
    used: bool,
    /// What went wrong below `Session`, whose errors hold text only.
    fault: Option<AuthError>,
}

impl State {
    fn due_touch(&self, now: SystemTime, limits: SessionLimits) -> Option<SecretDigest> {
        let current = self.current.as_ref()?;
        let record = &current.record;
        let unseen = now.duration_since(record.last_seen_at).ok()?;
        let due = unseen >= limits.touch_after() && !unseen.is_zero();
        (due && record.is_live_under(now, limits)).then_some(current.digest)
    }

    /// Has the browser forget its remember-me cookie; false if it has none.
    fn forget_token(&mut self) -> bool {
        let remembered = self.remembered.as_deref_mut();
        remembered.is_some_and(Remembered::forget)
    }
}

/// The secret of the session cookie with its digest, and whether a session may be begun from the
/// remember-me cookie.
pub(crate) type TakenCookies = (Option<(SessionSecret, SecretDigest)>, bool);

/// A live session.
#[derive(Clone)]
pub(crate) struct Current {
    pub(crate) secret: SessionSecret,
    pub(crate) digest: SecretDigest,
    /// As far as this request knows, what is stored.
    pub(crate) record: Arc<SessionRecord>,
    /// What `Session` was given to work on; its changes are found by comparing with it.
    pub(crate) view: Option<Arc<HashMap<String, Value>>>,
    /// When the scheme found it to be live.
    pub(crate) judged_at: Option<SystemTime>,
}

impl Current {
    pub(crate) fn new(
        secret: SessionSecret,
        digest: SecretDigest,
        record: impl Into<Arc<SessionRecord>>,
    ) -> Self {
        Self {
            secret,
            digest,
            record: record.into(),
            view: None,
            judged_at: None,
        }
    }
}

/// What the response does to the cookie.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum CookieChange {
    #[default]
    Keep,
    Remove,
    Set,
}

impl RequestSession {
    pub(crate) fn new<B>(config: Arc<Config>, req: &Request<B>) -> Self {
        let (headers, extensions) = (req.headers(), req.extensions());
        let is_unsafe = is_unsafe(req.method(), headers);
        Self {
            cause: config.csrf.judge(is_unsafe, req.uri(), headers),
            is_unsafe,
            user_agent: headers.get(USER_AGENT).cloned(),
            address: extensions
                .get()
                .copied()
                .unwrap_or(ClientAddress::unknown()),
            state: Mutex::new(State {
                // Beside an identity the scheme may not be asked, but the cookie was sent.
                sent: Sent::of(headers, config.cookie.name()),
                remembered: config.remember.as_ref().map(|remember| {
                    let may_revive = extensions.get::<Identity>().is_none();
                    Box::new(Remembered::of(headers, remember, may_revive))
                }),
                ..State::default()
            }),
            config,
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The secret of the session cookie, for the scheme to look up, and whether a session may be
    /// begun from the remember-me cookie. Unless it is looked up, no handler gets to see the request.
    pub(crate) fn take_sent(&self) -> Result<TakenCookies, AuthError> {
        let mut state = self.lock();
        if matches!(state.sent, Sent::Differing) {
            return Err(differing_cookies());
        }
        let may_revive = match state.remembered.as_deref() {
            Some(remembered) => remembered.may_revive()?,
            None => false,
        };
        Ok((state.sent.take(), may_revive))
    }

    /// The session of the cookie, if nobody has looked it up yet: an identity by another scheme went
    /// before it.
    pub(super) async fn find_unverified(&self) -> Result<Option<Current>, AuthError> {
        let (secret, digest) = match &self.lock().sent {
            Sent::Nothing | Sent::Checked => return Ok(None),
            Sent::Differing => return Err(differing_cookies()),
            Sent::Unverified(secret, digest) => (secret.clone(), *digest),
        };
        let found = self.config.backend().find(&digest).await?;
        Ok(found.map(|record| Current::new(secret, digest, record)))
    }

    /// The live session; or the one that was, which may live on under another secret.
    pub(super) fn current_or_lost(&self) -> Option<Current> {
        let state = self.lock();
        state.current.as_ref().or(state.lost.as_ref()).cloned()
    }

    /// Nothing that this request has changed is saved.
    pub(super) fn refuse_changes(&self) {
        self.lock().refuses_changes = true;
    }

    pub(super) fn refuses_changes(&self) -> bool {
        self.lock().refuses_changes
    }

    pub(crate) fn current(&self) -> Option<Current> {
        self.lock().current.clone()
    }

    /// Looks at the remember-me cookie, if logins are remembered.
    pub(super) fn with_remembered<T>(&self, look: impl FnOnce(&Remembered) -> T) -> Option<T> {
        self.lock().remembered.as_deref().map(look)
    }

    /// The browser shall keep this token until then.
    pub(super) fn remember(&self, token: RememberToken, until: SystemTime) {
        let mut state = self.lock();
        if let Some(remembered) = &mut state.remembered {
            remembered.set(token, until);
            state.used = true;
        }
    }

    /// The browser shall forget its token.
    pub(super) fn forget_token(&self) {
        let mut state = self.lock();
        state.used |= state.forget_token();
    }

    /// Looks at the live session without cloning it.
    pub(crate) fn with_current<T>(&self, look: impl FnOnce(&Current) -> T) -> Option<T> {
        self.lock().current.as_ref().map(look)
    }

    /// The scheme has found the session that the cookie names.
    pub(crate) fn resume(&self, current: Current) {
        let mut state = self.lock();
        state.current = Some(current);
        state.used = true;
    }

    /// A session was made, in the place of any other.
    pub(crate) fn begin(&self, current: Current) {
        let mut state = self.lock();
        state.current = Some(current);
        state.lost = None;
        state.sent.settle();
        state.cookie = CookieChange::Set;
        state.used = true;
    }

    /// The session was ended by this request.
    pub(crate) fn end(&self) {
        let mut state = self.lock();
        let had_cookie = !matches!(state.sent, Sent::Nothing);
        let had_token = state.forget_token();
        let had_any = state.current.is_some() || had_cookie || had_token;
        state.used |= had_any;
        state.logged_out |= had_any;
        state.current = None;
        state.lost = None;
        state.sent.settle();
        state.cookie = if had_cookie {
            CookieChange::Remove
        } else {
            CookieChange::Keep
        };
    }

    /// The session turned out to have been ended by somebody else. Its cookie is left alone: the
    /// browser may have a newer one by now.
    pub(crate) fn lost(&self, digest: &SecretDigest) {
        let mut state = self.lock();
        if state.current.as_ref().is_some_and(|c| c.digest == *digest) {
            state.lost = state.current.take();
            state.cookie = CookieChange::Keep;
        }
    }

    /// Changes what is known of the session `digest`, if it is still the one.
    pub(crate) fn amend(&self, digest: &SecretDigest, amend: impl FnOnce(&mut Current)) {
        let mut state = self.lock();
        if let Some(current) = state.current.as_mut().filter(|c| c.digest == *digest) {
            amend(current);
        }
    }

    /// The use of the session was written down, so that its cookie lasts longer.
    pub(crate) fn touched(
        &self,
        digest: &SecretDigest,
        seen_at: SystemTime,
        expires_at: SystemTime,
    ) {
        let mut state = self.lock();
        let state = &mut *state;
        if let Some(current) = state.current.as_mut().filter(|c| c.digest == *digest) {
            let record = Arc::make_mut(&mut current.record);
            record.last_seen_at = seen_at;
            record.expires_at = expires_at;
            state.cookie = CookieChange::Set;
        }
    }

    /// The session to be touched at `now`, if that is due.
    pub(crate) fn due_touch(&self, now: SystemTime) -> Option<SecretDigest> {
        self.lock().due_touch(now, self.config.limits)
    }

    pub(crate) fn fail(&self, fault: AuthError) {
        self.lock().fault = Some(fault);
    }

    pub(crate) fn take_fault(&self) -> Option<AuthError> {
        self.lock().fault.take()
    }

    pub(crate) fn device(&self) -> Device {
        Device::of_request(self.user_agent.as_ref(), self.address.ip())
    }

    /// As [`respond`](Self::respond), unless the session is to be touched first; whether it is not.
    ///
    /// It goes by the time at which the request came: few handlers take so long that it matters, and
    /// the clock is asked only once.
    pub(crate) fn respond_unless_due(&self, headers: &mut HeaderMap) -> bool {
        let state = self.lock();
        let is_due = state.current.as_ref().is_some_and(|current| {
            let now = current.judged_at.unwrap_or_else(|| self.config.now());
            state.due_touch(now, self.config.limits).is_some()
        });
        if !is_due {
            self.write_head(&state, headers);
        }
        !is_due
    }

    /// Writes into the head of a response what the request did to its session.
    pub(crate) fn respond(&self, headers: &mut HeaderMap) {
        self.write_head(&self.lock(), headers);
    }

    fn write_head(&self, state: &State, headers: &mut HeaderMap) {
        if !state.used {
            return;
        }
        let cookie = &self.config.cookie;
        let line = match (state.cookie, &state.current) {
            (CookieChange::Set, Some(current)) => {
                let left = current.record.expires_at.duration_since(self.config.now());
                // The cookie of a session that is over by now would only be removed.
                let left = left.unwrap_or(Duration::ZERO);
                Some(cookie.set(current.secret.expose(), left))
            }
            (CookieChange::Remove, _) => Some(cookie.remove()),
            (CookieChange::Keep | CookieChange::Set, _) => None,
        };
        respond::keep_out_of_caches(headers);
        if let Some(line) = line {
            respond::set_cookie(headers, cookie.name(), line);
        }
        if let (Some(remember), Some(remembered)) = (&self.config.remember, &state.remembered)
            && let Some(line) = remembered.line(&remember.cookie, || self.config.now())
        {
            respond::set_cookie(headers, remember.cookie.name(), line);
        }
        if let (true, Some(kinds)) = (state.logged_out, &self.config.clear_site_data) {
            headers
                .entry(CLEAR_SITE_DATA)
                .or_insert_with(|| kinds.clone());
        }
    }
}

/// Shows neither secrets nor data; tower-sessions prints its stores.
impl fmt::Debug for RequestSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.lock();
        f.debug_struct("RequestSession")
            .field("id", &state.current.as_ref().map(|c| c.record.id))
            .field("cookie", &state.cookie)
            .finish_non_exhaustive()
    }
}
