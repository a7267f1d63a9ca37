//! Beginning a session, and refreshing one.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::SystemTime;

use auth_layer::{AuthError, AuthErrorKind, CredentialEpoch, Event, EventKind, Factor, Identity};
use serde_json::Value;

use super::new_session::{Rotation, session_identity};
use super::{Current, SessionHandle, not_logged_in, session_failed};
use crate::SCHEME;
use crate::csrf::{Cause, cross_site};
use crate::record::{SessionData, SessionRecord};
use crate::standing::is_older;

/// How often a refresh starts again because other requests changed the data at the same time.
const MAX_ATTEMPTS: usize = 64;

/// A session that was stored by a login.
struct Begun {
    session: Current,
    /// What of the data before goes on in it.
    data: HashMap<String, Value>,
    /// Whether the session before was still there to be ended.
    has_ended_old: bool,
}

impl SessionHandle {
    /// Logs `identity` in: begins a session with a new id and a new secret, always, and ends the
    /// one that the request came with.
    ///
    /// Of `identity`, which comes from whoever verified the password, the passkey or the provider's
    /// answer, the session keeps issuer, subject, tenant, roles, scopes, factors, `auth_time`, `acr`,
    /// claims and [`CredentialEpoch`](auth_layer::CredentialEpoch). What is returned is the identity by the session.
    ///
    /// Without an `auth_time` it is when the latest of the factors was proved. An identity without
    /// factors and without `auth_time` gets none: nobody knows when its user last proved anything,
    /// so it is never fresh enough for [`Requirement::max_age`](auth_layer::Requirement::max_age).
    /// Whoever checks a password or a passkey adds the [`Factor`](auth_layer::Factor) that was
    /// proved; whoever trusts a provider passes its `auth_time` on, or a
    /// [`FactorKind::Federated`](auth_layer::FactorKind::Federated) where there is none.
    ///
    /// Of the data only the keys named by
    /// [`keep_on_login`](crate::SessionLayerBuilder::keep_on_login) are carried over, and none if
    /// somebody else was logged in. When this returns, the session is stored; the cookie leaves
    /// with the response, whatever its status.
    ///
    /// # Errors
    ///
    /// Then nobody new is logged in and no cookie leaves.
    /// - [`Forbidden`](AuthErrorKind::Forbidden): another site caused this request (login CSRF).
    ///   GET requests are excepted, because a provider's redirect is one: whoever logs in there
    ///   checks a `state`. Or `identity` was proved by an API key, which is no login.
    /// - [`Limited`](AuthErrorKind::Limited): the user has as many sessions as allowed.
    /// - [`Unavailable`](AuthErrorKind::Unavailable): the backend could not be asked.
    pub async fn log_in(&self, identity: Identity) -> Result<Identity, AuthError> {
        self.begin_login(identity, false).await
    }

    /// As [`log_in`](Self::log_in), and the login is remembered in this browser: when the session has
    /// ended, the next request begins another one from it, as
    /// [`RememberMe`](crate::RememberMe) says. For the users who ask for it.
    ///
    /// # Errors
    ///
    /// As [`log_in`](Self::log_in); and [`Misconfigured`](AuthErrorKind::Misconfigured) if the layer
    /// has no [`remember_me`](crate::SessionLayerBuilder::remember_me).
    pub async fn log_in_remembered(&self, identity: Identity) -> Result<Identity, AuthError> {
        self.begin_login(identity, true).await
    }

    async fn begin_login(&self, identity: Identity, remember: bool) -> Result<Identity, AuthError> {
        let request = self.request();
        refuse_key(&identity)?;
        if request.is_unsafe && request.cause == Cause::Other {
            return Err(cross_site());
        }
        let old = match request.current_or_lost() {
            Some(old) => Some(old),
            None => request.find_unverified().await?,
        };
        let old_login = old.as_ref().and_then(|old| old.record.login.as_ref());
        let kept = match old_login {
            Some(login) if !login.is_same_principal(&identity) => HashMap::new(),
            _ => self.kept_on_login().await?,
        };

        let now = request.config.now();
        let identity = with_auth_time(identity, None, now);
        let identity = request.config.standing.with_epoch(identity).await?;
        let old_record = old.as_ref().map(|old| &*old.record);
        request
            .end_remembered(old_record, "logged_in_again")
            .await?;
        let mut record = SessionRecord::unnamed(now, request.config.limits);
        record.login = Some(identity.clone());
        record.data = SessionData::encode(&kept)?;
        let series = if remember {
            let identity = session_identity(&identity, &record);
            let (token, login) = request.begin_series(&identity, now).await?;
            record.remembered_by = Some(token.series());
            Some((token, login.ends_at))
        } else {
            None
        };
        let begun = self.replace(old.as_ref(), record, kept).await;
        if let (Err(_), Some((token, _))) = (&begun, &series) {
            request.abandon_series(token).await;
        }
        let Begun {
            session,
            data,
            has_ended_old,
        } = begun?;
        let identity = self.adopt(session, data).await?;
        match series {
            Some((token, until)) => request.remember(token, until),
            None => request.forget_token(),
        }

        let events = request.config.events();
        if let (true, Some(old), Some(login)) = (has_ended_old, &old, old_login) {
            let id = old.record.id.to_string();
            let event = Event::new(EventKind::LoggedOut).with_identity(login);
            events.record(&event.with_object_id(&id).with_reason("logged_in_again"));
        }
        let event = Event::new(EventKind::LoggedIn).with_identity(&identity);
        events.record(&event.with_object_id(identity.session_id().unwrap_or_default()));
        Ok(identity)
    }

    /// Stores a session in the place of `old`, or of none.
    async fn replace(
        &self,
        old: Option<&Current>,
        mut record: SessionRecord,
        data: HashMap<String, Value>,
    ) -> Result<Begun, AuthError> {
        let mut has_ended_old = true;
        if let Some(old) = old {
            if let Rotation::Done(session) = self.rotate(old, None, &record, None).await? {
                return Ok(Begun {
                    session: *session,
                    data,
                    has_ended_old,
                });
            }
            // Somebody has ended the old session meanwhile, or refreshed it, so that it has another
            // secret by now: nothing of it lives on.
            has_ended_old = self.request().delete(old).await?;
            record.data = SessionData::default();
        }
        Ok(Begun {
            session: self.create(&record).await?,
            data: if old.is_some() { HashMap::new() } else { data },
            has_ended_old,
        })
    }

    /// Replaces what the session knows of its user, after a second factor, a change of roles, or
    /// renewed authentication: a new secret, and the same id, the same data, and the same end.
    ///
    /// Because the id stays, whoever ends the session by it, or logs out in another tab at the same
    /// time, ends the refreshed session.
    ///
    /// An identity without a [`CredentialEpoch`] keeps that of the session. After a change of the
    /// password, pass the new epoch, and end the others with
    /// [`revoke_others`](Self::revoke_others). With a newer epoch this browser is no longer
    /// remembered: its remember-me series ends, with all sessions that came from it but this one, as
    /// somebody may have copied its cookie. To go on being remembered, the user logs in again.
    ///
    /// ```
    /// # use auth_layer::{AuthError, Factor, FactorKind, SharedClock, Unauthenticated};
    /// # use session_layer::SessionHandle;
    /// # async fn step_up(session: SessionHandle, clock: SharedClock) -> Result<(), AuthError> {
    /// let identity = session.identity().ok_or(Unauthenticated)?;
    /// let factor = Factor::new(FactorKind::Otp, clock.now());
    /// session.refresh(identity.to_builder().factor(factor).build()).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Then the session is as it was, but perhaps no longer remembered, or has ended.
    /// - [`Missing`](AuthErrorKind::Missing): nobody is logged in by this session, or no longer.
    /// - [`Conflict`](AuthErrorKind::Conflict): `identity` is somebody else.
    /// - [`Forbidden`](AuthErrorKind::Forbidden): `identity` was proved by an API key, which proves
    ///   nothing about who sits before the browser.
    /// - [`Unavailable`](AuthErrorKind::Unavailable): the backend, or the store of remembered logins,
    ///   could not be asked.
    pub async fn refresh(&self, identity: Identity) -> Result<Identity, AuthError> {
        let request = self.request();
        refuse_key(&identity)?;
        let mut old = request.current().ok_or_else(not_logged_in)?;
        let login = old.record.login.clone().ok_or_else(not_logged_in)?;
        if !login.is_same_principal(&identity) {
            let error = AuthError::new(AuthErrorKind::Conflict, "refresh_of_another_principal");
            return Err(error.with_scheme(SCHEME));
        }
        let identity = with_auth_time(identity, login.auth_time(), request.config.now());
        let identity = match (identity.extra(), login.extra::<CredentialEpoch>()) {
            (None::<&CredentialEpoch>, Some(known)) => identity.to_builder().extra(*known).build(),
            _ => identity,
        };
        let epoch = identity.extra::<CredentialEpoch>();
        let is_newer = epoch.is_some_and(|epoch| is_older(&login, *epoch));
        if is_newer {
            let ended = request.end_remembered(Some(&old.record), "credentials_changed");
            ended.await?;
            request.forget_token();
        }

        for _ in 0..MAX_ATTEMPTS {
            let now = request.config.now();
            let mut record = SessionRecord::clone(&old.record);
            record.last_seen_at = now;
            record.expires_at = request.config.limits.expires_at(now, record.ends_at);
            record.login = Some(identity.clone());
            if is_newer {
                record.remembered_by = None;
            }
            let (version, id) = (old.record.version, old.record.id);
            match self.rotate(&old, Some(version), &record, Some(id)).await? {
                Rotation::Done(mut new) => {
                    // `Session` notices nothing: its id and its data are the same.
                    new.view = old.view;
                    let identity = new.record.login.clone().ok_or_else(not_logged_in)?;
                    request.begin(*new);
                    let event = Event::new(EventKind::Authenticated).with_identity(&identity);
                    request
                        .config
                        .events()
                        .record(&event.with_reason("refreshed"));
                    return Ok(identity);
                }
                Rotation::Changed(record) => old.record = Arc::from(record),
                Rotation::Gone => {
                    request.lost(&old.digest);
                    return Err(not_logged_in());
                }
            }
        }
        Err(AuthError::unavailable("session_contended"))
    }

    /// The data that survives a login, saved or not.
    async fn kept_on_login(&self) -> Result<HashMap<String, Value>, AuthError> {
        let request = self.request();
        let mut kept = HashMap::new();
        for key in &request.config.keep_on_login {
            let value = self.data().get_value(key).await;
            if let Some(value) = value.map_err(|error| session_failed(request, error))? {
                kept.insert(key.to_string(), value);
            }
        }
        Ok(kept)
    }

    /// Makes a stored session with an id of its own the one of this request, and has `Session` take
    /// its id and its data, and forget all else. Waits for no I/O.
    async fn adopt(
        &self,
        mut new: Current,
        data: HashMap<String, Value>,
    ) -> Result<Identity, AuthError> {
        let request = self.request();
        let identity = new.record.login.clone().ok_or_else(not_logged_in)?;
        new.view = Some(Arc::new(data.clone()));
        request.begin(new);

        let session = self.data();
        let adopted = async {
            session.clear().await;
            for (key, value) in data {
                session.insert_value(&key, value).await?;
            }
            // Without an id it asks for one, and gets the new one. The old session's is not
            // deleted again, because it is no longer the current one.
            session.cycle_id().await?;
            session.save().await
        };
        match adopted.await {
            Ok(()) => Ok(identity),
            Err(error) => Err(session_failed(request, error)),
        }
    }
}

/// A key is for programs: it must not become a session, with the freshness and the length of one.
fn refuse_key(identity: &Identity) -> Result<(), AuthError> {
    if identity.key_id().is_none() {
        return Ok(());
    }
    let error = AuthError::new(AuthErrorKind::Forbidden, "key_is_no_login");
    Err(error.with_scheme(SCHEME))
}

/// When the user was authenticated: as the identity says, as was known, or when the latest factor
/// was proved (never later than now). It is never merely assumed.
fn with_auth_time(identity: Identity, known: Option<SystemTime>, now: SystemTime) -> Identity {
    if identity.auth_time().is_some() {
        return identity;
    }
    let proved = || identity.factors().iter().map(Factor::proved_at).max();
    match known.or_else(proved) {
        Some(time) => identity.to_builder().auth_time(time.min(now)).build(),
        None => identity,
    }
}
