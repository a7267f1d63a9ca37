//! What handlers work with.

use std::error::Error;
use std::time::Duration;

use auth_layer::{Events, MetricsSink};
use jwt_layer::{Issuer, MemoryRevocations, SharedRevocations, SigningKey};
use login::password::PasswordLogin;
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};

use crate::config::{Settings, WrongVariable};
use crate::users::Users;

/// The application's state. Everything in it is shared and cheap to clone.
#[derive(Clone)]
pub(crate) struct AppState {
    pub(crate) users: Users,
    pub(crate) login: PasswordLogin,
    pub(crate) issuer: Issuer,
    pub(crate) revocations: SharedRevocations,
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

        Ok(Self {
            users,
            login,
            issuer,
            revocations: SharedRevocations::new(MemoryRevocations::new()),
            events: Events::default().and(MetricsSink::new()),
            metrics: PrometheusBuilder::new().install_recorder()?,
        })
    }

    /// How long a token that is issued now may be accepted anywhere: its lifetime and the skew of
    /// clocks that verifiers tolerate.
    pub(crate) fn token_horizon(&self) -> Duration {
        self.issuer.lifetime() + Duration::from_secs(5 * 60)
    }
}
