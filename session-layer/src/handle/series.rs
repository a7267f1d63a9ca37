//! The beginning and the end of what is remembered.

use std::time::SystemTime;

use auth_layer::{AuthError, AuthErrorKind, Identity, SecretDigest};

use super::RequestSession;
use crate::record::SessionRecord;
use crate::remember::{NewSeries, RememberStore as _, RememberToken, RememberedLogin};
use crate::{SCHEME, UserKey};

impl RequestSession {
    /// Begins a series for a login. Its token is given to the browser by [`remember`].
    ///
    /// [`remember`]: Self::remember
    pub(super) async fn begin_series(
        &self,
        identity: &Identity,
        now: SystemTime,
    ) -> Result<(RememberToken, RememberedLogin), AuthError> {
        let Some(remember) = &self.config.remember else {
            let error = AuthError::new(AuthErrorKind::Misconfigured, "no_remember_me");
            return Err(error.with_source(
                "give the layer `SessionLayerBuilder::remember_me`, or call `log_in`",
            ));
        };
        let ends_at = now.checked_add(remember.lifetime).unwrap_or(now);
        let login = RememberedLogin::new(identity.clone(), now, ends_at);
        let token = RememberToken::generate()?;
        let max = remember.max_per_user;
        let series = NewSeries::new(token.series(), token.secret(), login.clone(), max);
        if !remember.store.insert(series).await? {
            let error = AuthError::new(AuthErrorKind::Internal, "no_free_series");
            return Err(error.with_scheme(SCHEME));
        }
        Ok((token, login))
    }

    /// Ends the series that a session belongs to and the one of the cookie, with all their other
    /// sessions; `session` itself is left to the caller.
    pub(super) async fn end_remembered(
        &self,
        session: Option<&SessionRecord>,
        reason: &'static str,
    ) -> Result<(), AuthError> {
        if self.config.remember.is_none() {
            return Ok(());
        }
        let of_session = session.and_then(|session| session.remembered_by);
        if let Some(series) = of_session {
            let user = session.and_then(SessionRecord::user);
            self.end_series(&series, user, session, reason).await?;
        }
        if let Some(series) = self.token().map(|token| token.series())
            && of_session != Some(series)
        {
            self.end_series(&series, None, session, reason).await?;
        }
        Ok(())
    }

    /// Ends a series whose first session could not be stored: nobody knows its secret, and if this
    /// fails too, it stays until it is over.
    pub(super) async fn abandon_series(&self, token: &RememberToken) {
        if let Some(remember) = &self.config.remember {
            drop(remember.store.delete(&token.series()).await);
        }
    }

    /// Ends a series first, so that no more sessions come from it, and then those that have.
    pub(super) async fn end_series(
        &self,
        series: &SecretDigest,
        user: Option<UserKey>,
        except: Option<&SessionRecord>,
        reason: &'static str,
    ) -> Result<(), AuthError> {
        let Some(remember) = &self.config.remember else {
            return Ok(());
        };
        let user = match user {
            Some(user) => Some(user),
            None => {
                let known = remember.store.find(series).await?;
                known.map(|known| known.user())
            }
        };
        remember.store.delete(series).await?;
        let Some(user) = user else { return Ok(()) };
        let except = except.map(|session| session.id);
        let sessions = &self.config.sessions;
        sessions
            .end_sessions_of(&user, series, except, reason)
            .await
    }
}
