//! What handlers work with.

use std::error::Error;
use std::sync::Arc;

use apikey_layer::{KeyCursor, KeyError, KeyRecord, KeyRegistry, LastUses};
use auth_layer::{
    AuthError, AuthErrorKind, ClientAddress, CredentialEpoch, Event, EventKind, Events, Identity,
    MetricsSink, PasswordCredentials,
};
use login::attempts::{AttemptLimitLayer, AttemptLimits};
use login::password::{NewPasswordError, PasswordLogin};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use session_layer::{SessionId, SessionLayer, UserKey};
use tower::util::{Either, option_layer};

use crate::config::{Settings, TrustedIssuer, TrustedKeys, WrongVariable};
use crate::schemes;
use crate::stores::Stores;
use crate::tokens::Tokens;
use crate::users::Users;

/// The application's state. Everything in it is shared and cheap to clone.
#[derive(Clone)]
pub(crate) struct AppState {
    pub(crate) users: Users,
    /// The demo users that were made at this start, by name.
    pub(crate) added_users: Arc<[&'static str]>,
    pub(crate) login: PasswordLogin,
    pub(crate) login_limits: Option<AttemptLimits>,
    pub(crate) tokens: Tokens,
    pub(crate) trusted_issuer: Option<TrustedIssuer>,
    pub(crate) stores: Stores,
    pub(crate) api_keys: KeyRegistry,
    /// When keys were used: written behind, by who runs it.
    pub(crate) last_uses: LastUses,
    pub(crate) sessions: SessionLayer,
    pub(crate) events: Events,
    pub(crate) metrics: PrometheusHandle,
}

impl AppState {
    pub(crate) async fn new(settings: &Settings) -> Result<Self, Box<dyn Error>> {
        let metrics = PrometheusBuilder::new().install_recorder()?;
        Self::with_stores(settings, Stores::open(settings).await?, metrics).await
    }

    pub(crate) async fn with_stores(
        settings: &Settings,
        stores: Stores,
        metrics: PrometheusHandle,
    ) -> Result<Self, Box<dyn Error>> {
        let users = Users::new(stores.users.clone(), &settings.jwt_issuer);
        let events = Events::default().and(MetricsSink::new());
        let login_limits = settings.login_limit.clone().map(|rules| {
            AttemptLimits::with_rules(rules, stores.attempts.clone()).events(events.clone())
        });
        let mut login =
            PasswordLogin::builder(stores.users.passwords()).issuer(settings.jwt_issuer.as_str());
        if let Some(limits) = &login_limits {
            login = login.attempt_limits(limits.clone());
        }
        let login = login.build()?;
        let added_users = users
            .add_demo_users(&login, settings.demo_password.expose())
            .await
            .map_err(|error| match error {
                NewPasswordError::Fail(error) => WrongVariable::new("DATABASE_URL", error),
                error => WrongVariable::new("DEMO_PASSWORD", error),
            })?;

        let tokens = Tokens::open(settings, &stores, &users, &events).await?;

        let api_keys = KeyRegistry::new(schemes::key_format()?, stores.api_keys.clone())
            .own_issuer(users.issuer())
            .events(events.clone());

        let last_uses = LastUses::new(stores.api_keys.clone()).events(events.clone());

        let sessions = schemes::sessions(settings, &stores, &users, &events)?;
        Ok(Self {
            users,
            login,
            login_limits,
            tokens,
            sessions,
            api_keys,
            last_uses,
            stores,
            trusted_issuer: settings.trusted_issuer.clone(),
            added_users: added_users.into(),
            events,
            metrics,
        })
    }

    /// All keys of `owner`, in the order of their ids.
    pub(crate) async fn all_keys(&self, owner: &Identity) -> Result<Vec<Arc<KeyRecord>>, KeyError> {
        let (mut keys, mut next) = (Vec::new(), None::<KeyCursor>);
        loop {
            let cursor = next.as_ref().map(KeyCursor::as_str);
            let page = self.api_keys.list(owner, cursor, 100).await?;
            keys.extend(page.keys);
            next = page.next;
            if next.is_none() {
                return Ok(keys);
            }
        }
    }

    /// Turns away who has no attempt left, before the request is read; nothing without a limit.
    pub(crate) fn login_limit_layer(
        &self,
    ) -> Either<AttemptLimitLayer, tower::layer::util::Identity> {
        option_layer(self.login_limits.as_ref().map(AttemptLimits::layer))
    }

    /// Fails if a store cannot be asked, or if there are no keys of the second issuer.
    pub(crate) async fn check_ready(&self) -> Result<(), AuthError> {
        self.stores.check().await?;
        if let Some(trusted) = &self.trusted_issuer
            && let TrustedKeys::Remote(keys) = &trusted.keys
        {
            keys.ready().await?;
        }
        Ok(())
    }

    /// Checks a user name and a password; a failure is an event.
    pub(crate) async fn check_password(
        &self,
        username: &str,
        password: &str,
        address: Option<ClientAddress>,
    ) -> Result<Identity, AuthError> {
        let address = address.unwrap_or_else(ClientAddress::unknown);
        let credentials = PasswordCredentials::new(username, password).with_client_address(address);
        self.login
            .authenticate(credentials)
            .await
            .inspect_err(|error| {
                let kind = match error.kind() {
                    AuthErrorKind::Limited => EventKind::Limited,
                    _ => EventKind::LoginFailed,
                };
                let mut event = Event::new(kind)
                    .with_reason(error.reason())
                    .with_claimed_subject(username);
                event.address = address.ip();
                self.events.record(&event);
            })
    }

    /// Fails, as a wrong password does, if the one that proved `identity` has been changed since.
    pub(crate) async fn check_current(&self, identity: &Identity) -> Result<(), AuthError> {
        if self.users.is_current(identity).await? {
            return Ok(());
        }
        Err(AuthError::invalid("password_changed_meanwhile"))
    }

    /// Gives a user, whom the current password has `proved`, another one, and ends everything that
    /// the current one opened: refresh families, access tokens, and sessions but `keep`. The new epoch, or `None` if
    /// somebody else has changed the password meanwhile.
    pub(crate) async fn change_password(
        &self,
        proved: &Identity,
        password: &str,
        keep: Option<SessionId>,
    ) -> Result<Option<CredentialEpoch>, NewPasswordError> {
        let prepared = self
            .users
            .prepare_password(&self.login, proved.subject(), password);
        let Some(new) = prepared.await? else {
            return Ok(None);
        };
        // Before anything has changed: a store that is down stops it here.
        self.end_tokens(proved)
            .await
            .map_err(NewPasswordError::Fail)?;
        let changed = self.users.replace_password(proved, new).await;
        let Some(epoch) = changed.map_err(NewPasswordError::Fail)? else {
            return Ok(None);
        };
        self.events
            .record(&Event::new(EventKind::PasswordChanged).with_identity(proved));

        // Again, for what was opened between the two. Sessions have ended with the epoch: this
        // takes them out of the list.
        let ended = match self.end_tokens(proved).await {
            Ok(()) => self.end_sessions(proved, keep).await,
            Err(error) => Err(error),
        };
        match ended {
            Err(error) if !self.stores.has_epochs => return Err(NewPasswordError::Fail(error)),
            // It cannot be tried again with the old password: the change stands.
            Err(error) => {
                let mut event = Event::new(EventKind::Unavailable).with_identity(proved);
                event.error = Some(&error);
                self.events
                    .record(&event.with_reason("not_ended_after_password_change"));
            }
            Ok(()) => {}
        }
        Ok(Some(epoch))
    }

    /// Ends the refresh families and the access tokens of a user.
    pub(crate) async fn end_tokens(&self, user: &Identity) -> Result<(), AuthError> {
        self.tokens.refresh.revoke_user(user, None).await.map(drop)
    }

    async fn end_sessions(
        &self,
        user: &Identity,
        keep: Option<SessionId>,
    ) -> Result<(), AuthError> {
        let (sessions, user) = (self.sessions.sessions(), UserKey::from(user));
        match keep {
            Some(keep) => sessions.revoke_others(&user, &keep).await?,
            None => sessions.revoke_all(&user).await?,
        };
        Ok(())
    }
}
