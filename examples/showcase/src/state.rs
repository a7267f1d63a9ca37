//! What handlers work with.

use std::error::Error;
use std::time::Duration;

use apikey_layer::{KeyRegistry, MemoryApiKeys, SharedApiKeyStore};
use auth_layer::{Events, MetricsSink};
use jwt_layer::{Issuer, MemoryRevocations, SharedRevocations, SigningKey};
use login::password::PasswordLogin;
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};

use crate::config::{Settings, WrongVariable};
use crate::users::Users;
use crate::{schemes, users};

/// The application's state. Everything in it is shared and cheap to clone.
#[derive(Clone)]
pub(crate) struct AppState {
    pub(crate) users: Users,
    pub(crate) login: PasswordLogin,
    pub(crate) issuer: Issuer,
    pub(crate) revocations: SharedRevocations,
    pub(crate) api_keys: KeyRegistry,
    pub(crate) key_store: SharedApiKeyStore,
    pub(crate) events: Events,
    pub(crate) metrics: PrometheusHandle,
}

impl AppState {
    pub(crate) async fn new(settings: &Settings) -> Result<Self, Box<dyn Error>> {
        let users = Users::new(&settings.jwt_issuer);
        let login = PasswordLogin::builder(users.passwords.clone())
            .issuer(settings.jwt_issuer.as_str())
            .build()?;
        users
            .add_demo_users(&login, settings.demo_password.expose())
            .await
            .map_err(|error| WrongVariable::new("DEMO_PASSWORD", error))?;

        let key = SigningKey::generate(settings.jwt_algorithm)
            .map_err(|error| WrongVariable::new("JWT_ALGORITHM", error))?;
        let issuer = Issuer::builder(&settings.jwt_issuer, &settings.jwt_audience, key)
            .lifetime(settings.access_ttl)
            .build()
            .map_err(|error| WrongVariable::new("ACCESS_TTL", error))?;

        let events = Events::default().and(MetricsSink::new());
        let key_store = SharedApiKeyStore::new(MemoryApiKeys::new());
        let api_keys = KeyRegistry::new(schemes::key_format()?, key_store.clone())
            .events(events.clone())
            // Any scope of this service may be asked for. A key has those that its owner has, at
            // the moment of its use.
            .grantable_scopes(|_| users::all_scopes());

        Ok(Self {
            users,
            login,
            issuer,
            revocations: SharedRevocations::new(MemoryRevocations::new()),
            api_keys,
            key_store,
            events,
            metrics: PrometheusBuilder::new().install_recorder()?,
        })
    }

    /// How long a token that is issued now may be accepted anywhere: its lifetime and the skew of
    /// clocks that verifiers tolerate.
    pub(crate) fn token_horizon(&self) -> Duration {
        self.issuer.lifetime() + Duration::from_secs(5 * 60)
    }
}
