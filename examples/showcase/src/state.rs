//! What handlers work with.

use std::error::Error;
use std::sync::Arc;
use std::time::SystemTime;

use apikey_layer::KeyRegistry;
use auth_layer::{
    AuthError, AuthErrorKind, ClientAddress, Event, EventKind, Events, Identity, MetricsSink,
    PasswordCredentials,
};
use jwt_layer::{Issuer, Revocations as _, SigningKey, SubjectRevocation};
use login::attempts::{AttemptLimitLayer, AttemptLimits};
use login::password::{NewPasswordError, PasswordLogin};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use session_layer::{SessionId, SessionLayer, UserKey};
use tower::util::{Either, option_layer};

use crate::config::{Settings, WrongVariable};
use crate::schemes;
use crate::stores::Stores;
use crate::users::Users;

/// The application's state. Everything in it is shared and cheap to clone.
#[derive(Clone)]
pub(crate) struct AppState {
    pub(crate) users: Users,
    /// The demo users that were made at this start, by name.
    pub(crate) added_users: Arc<[&'static str]>,
    pub(crate) login: PasswordLogin,
    pub(crate) login_limits: Option<AttemptLimits>,
    pub(crate) issuer: Issuer,
    pub(crate) stores: Stores,
    pub(crate) api_keys: KeyRegistry,
    pub(crate) sessions: SessionLayer,
    pub(crate) events: Events,
    pub(crate) metrics: PrometheusHandle,
}

impl AppState {
    pub(crate) async fn new(settings: &Settings) -> Result<Self, Box<dyn Error>> {
        let stores = Stores::open(settings).await?;
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

        let key = SigningKey::generate(settings.jwt_algorithm)
            .map_err(|error| WrongVariable::new("JWT_ALGORITHM", error))?;
        let issuer = Issuer::builder(&settings.jwt_issuer, &settings.jwt_audience, key)
            .lifetime(settings.access_ttl)
            .build()
            .map_err(|error| WrongVariable::new("ACCESS_TTL", error))?;

        let api_keys = KeyRegistry::new(schemes::key_format()?, stores.api_keys.clone())
            .events(events.clone());

        Ok(Self {
            users,
            login,
            login_limits,
            issuer,
            sessions: schemes::sessions(settings, &stores, &events)?,
            api_keys,
            stores,
            added_users: added_users.into(),
            events,
            metrics: PrometheusBuilder::new().install_recorder()?,
        })
    }

    /// Turns away who has no attempt left, before the request is read; nothing without a limit.
    pub(crate) fn login_limit_layer(
        &self,
    ) -> Either<AttemptLimitLayer, tower::layer::util::Identity> {
        option_layer(self.login_limits.as_ref().map(AttemptLimits::layer))
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

    /// Gives a user another password and ends everything that the old one opened: access tokens, and
    /// sessions but `keep`.
    pub(crate) async fn change_password(
        &self,
        identity: &Identity,
        password: &str,
        keep: Option<SessionId>,
    ) -> Result<(), NewPasswordError> {
        let subject = identity.subject();
        self.users
            .set_password(&self.login, subject, password)
            .await?;
        let tokens = SubjectRevocation::new(subject, SystemTime::now(), self.issuer.lifetime())
            .issuer(self.issuer.name());
        self.stores
            .revocations
            .revoke_subject(&tokens)
            .await
            .map_err(NewPasswordError::Fail)?;
        let user = UserKey::from(identity);
        let sessions = self.sessions.sessions();
        match keep {
            Some(keep) => sessions.revoke_others(&user, &keep).await,
            None => sessions.revoke_all(&user).await,
        }
        .map_err(NewPasswordError::Fail)?;
        self.events
            .record(&Event::new(EventKind::PasswordChanged).with_identity(identity));
        Ok(())
    }
}
