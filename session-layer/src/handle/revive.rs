//! Beginning a session from a login that is remembered.

use std::time::SystemTime;

use auth_layer::{
    AuthError, AuthErrorKind, CredentialEpoch, Event, EventKind, Identity, SecretDigest,
};

use super::{Current, RequestSession, theft};
use crate::backend::{SessionCap, WhenFull};
use crate::csrf::{Cause, cross_site};
use crate::record::SessionRecord;
use crate::remember::{
    RedeemOutcome, Redemption, RememberConfig, RememberStore as _, RememberToken, RememberedLogin,
};
use crate::standing::is_older;
use crate::{SCHEME, SessionLimits, UserKey};

impl RequestSession {
    /// Begins a session from the remember-me cookie.
    ///
    /// The session is stored before the secret is used up. So whoever ends the series ends the
    /// session with it: before that use, the use finds nothing; after it, the session is there to be
    /// found. And a fault in between costs no secret.
    ///
    /// # Errors
    ///
    /// `Absent`, if there is nothing to begin it from.
    pub(crate) async fn revive(&self) -> Result<Identity, AuthError> {
        let (Some(remember), Some(token)) = (&self.config.remember, self.token()) else {
            return Err(AuthError::absent("not_remembered"));
        };
        let cause_is_good = match self.cause {
            Cause::Own => true,
            Cause::Other => false,
            Cause::Unknown => self.config.allow_missing_origin,
        };
        if self.is_unsafe && !cause_is_good {
            return Err(cross_site());
        }

        let (series, now) = (token.series(), self.config.now());
        let known = remember.store.find(&series).await?;
        let Some(known) = known.filter(|known| known.is_live(now)) else {
            return Err(self.not_remembered("unknown_series"));
        };
        let user = match self.user_now(remember, &known).await? {
            Ok(user) => user,
            Err(reason) => {
                let event = Event::new(EventKind::Revoked).with_identity(&known.login);
                self.config.events().record(&event.with_reason(reason));
                self.end_series(&series, Some(known.user()), None, reason)
                    .await?;
                return Err(self.not_remembered(reason));
            }
        };
        let template = revived(&known, &user, series, now, self.config.limits);
        let current = self
            .create_revived(&template, &known.user(), &series)
            .await?;
        let next = token.next()?;
        let redemption = Redemption::new(
            token.secret(),
            next.secret(),
            self.config.now(),
            remember.grace,
        );
        let outcome = remember.store.redeem(&series, redemption).await;
        let failure = match outcome {
            Ok(RedeemOutcome::Rotated(_)) => {
                return Ok(self.begin_revived(current, Some((next, &known))));
            }
            // Another tab was first, and has the next secret.
            Ok(RedeemOutcome::Repeated(_)) => return Ok(self.begin_revived(current, None)),
            Ok(RedeemOutcome::Reused(known)) => {
                self.end_stolen(remember, &series, next.secret(), known, &current)
                    .await?;
                return Err(self.not_remembered(theft::REASON));
            }
            Ok(RedeemOutcome::Unknown) => self.not_remembered("unknown_series"),
            Err(error) => error,
        };
        // Nobody knows its secret; if this fails too, it goes unused until it expires.
        drop(self.delete(&current).await);
        Err(failure)
    }

    /// Stores the session of a remembered login. Where there are too many, the older sessions of its
    /// own series make room first, so that a browser that comes back often, or in many tabs, costs no
    /// other device its session.
    ///
    /// # Errors
    ///
    /// `Absent`, if the user has no room. The request goes on without a session, because a login or a
    /// logout may be what makes room; and the cookie stays, because there may be room later.
    async fn create_revived(
        &self,
        template: &SessionRecord,
        user: &UserKey,
        series: &SecretDigest,
    ) -> Result<Current, AuthError> {
        let Some(cap) = self.config.cap else {
            return self.create(template, None).await;
        };
        let without_ending = SessionCap::new(cap.max, WhenFull::Refuse);
        let mut created = self.create(template, Some(without_ending)).await;
        if is_limited(&created) {
            let (sessions, now) = (&self.config.sessions, template.last_seen_at);
            sessions.make_room(user, series, cap.max, now).await?;
            created = self.create(template, Some(cap)).await;
        }
        if let (true, Err(error)) = (is_limited(&created), &created) {
            self.config.events().record(&Event::refused(error));
            return Err(AuthError::absent("too_many_sessions"));
        }
        created
    }

    /// The user of a remembered login as of now, or why it is over.
    async fn user_now(
        &self,
        remember: &RememberConfig,
        known: &RememberedLogin,
    ) -> Result<Result<Identity, &'static str>, AuthError> {
        let standing = &self.config.standing;
        if let Some(reason) = standing.check(&known.login, known.began_at).await? {
            return Ok(Err(reason));
        }
        let Some(user) = remember.user_now(&known.login).await? else {
            return Ok(Err("user_gone"));
        };
        let kept = known.login.extra::<CredentialEpoch>();
        Ok(match user.extra::<CredentialEpoch>() {
            Some(current) if is_older(&known.login, *current) => Err("credentials_changed"),
            // Nobody says whether the credentials are still those.
            None if kept.is_some() && !standing.knows_epochs() => Err("no_credential_epoch"),
            _ => Ok(user),
        })
    }

    fn begin_revived(
        &self,
        current: Current,
        next: Option<(RememberToken, &RememberedLogin)>,
    ) -> Identity {
        let record = &current.record;
        let identity = record.login.clone().expect("it was made with a login");
        let id = record.id.to_string();
        self.begin(current);
        if let Some((next, known)) = next {
            self.remember(next, known.ends_at);
        }
        let event = Event::new(EventKind::LoggedIn).with_identity(&identity);
        let event = event.with_object_id(&id).with_reason("remembered");
        self.config.events().record(&event);
        identity
    }

    /// The cookie is good for nothing any more.
    fn not_remembered(&self, reason: &'static str) -> AuthError {
        self.forget_token();
        AuthError::absent(reason)
    }
}

fn is_limited(created: &Result<Current, AuthError>) -> bool {
    let error = created.as_ref().err();
    error.is_some_and(|error| error.kind() == AuthErrorKind::Limited)
}

/// A session like the login that is remembered, and no fresher: it keeps when which factor was
/// proved. The class of that authentication is not kept: it has no time by which to judge it.
fn revived(
    known: &RememberedLogin,
    user: &Identity,
    series: SecretDigest,
    now: SystemTime,
    limits: SessionLimits,
) -> SessionRecord {
    let login = &known.login;
    let mut identity = Identity::builder(SCHEME, login.subject())
        .scopes(user.scopes().clone())
        .roles(user.roles());
    if let Some(issuer) = login.issuer() {
        identity = identity.issuer(issuer);
    }
    if let Some(tenant) = login.tenant() {
        identity = identity.tenant(tenant);
    }
    for factor in login.factors() {
        identity = identity.factor(*factor);
    }
    if let Some(time) = login.auth_time() {
        identity = identity.auth_time(time);
    }
    let epoch = user.extra::<CredentialEpoch>();
    if let Some(epoch) = epoch.or_else(|| login.extra::<CredentialEpoch>()) {
        identity = identity.extra(*epoch);
    }
    if let Some(claims) = user.raw_claims() {
        identity = identity.raw_claims(claims.clone());
    }

    let mut record = SessionRecord::unnamed(now, limits);
    record.ends_at = record.ends_at.min(known.ends_at);
    record.expires_at = record.expires_at.min(known.ends_at);
    record.login = Some(identity.build());
    record.remembered_by = Some(series);
    record
}
