//! The configuration, from environment variables.
//!
//! Whatever is wrong stops the start with one line that names the variable.

mod trusted;

use std::env;
use std::fmt;
use std::net::SocketAddr;
use std::str::FromStr;
use std::time::Duration;

use auth_layer::{
    ConfigError, ExposeSecret, Origin, SecretString, TrustedProxies, check_duration, random_bytes,
};
use jwt_layer::Algorithm;
use login::attempts::AttemptRules;
use session_layer::SessionLimits;

pub(crate) use self::trusted::{TrustedIssuer, TrustedKeys};
use crate::duration;

/// Variables of features that this build does not have. To ignore one would be to pretend: somebody
/// who sets `OIDC_ISSUER` expects to be sent there.
const NOT_AVAILABLE: [&str; 4] = [
    "OIDC_CLIENT_ID",
    "OIDC_CLIENT_SECRET",
    "OIDC_ISSUER",
    "OIDC_SCOPES",
];

/// What the environment says.
#[derive(Debug)]
pub(crate) struct Config {
    pub(crate) listen: String,
    public_url: Option<Origin>,
    demo_password: Option<SecretString>,
    redis_url: Option<SecretString>,
    database_url: Option<SecretString>,
    jwt_issuer: Option<String>,
    jwt_audience: String,
    jwt_algorithm: Algorithm,
    signing_key_secret: Option<SecretString>,
    access_ttl: Duration,
    refresh_ttl: Duration,
    session_limits: SessionLimits,
    login_limit: Option<AttemptRules>,
    trusted_proxies: TrustedProxies,
    trusted_issuer: Option<TrustedIssuer>,
}

/// The configuration with the defaults that depend on the address filled in.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) public_url: Origin,
    pub(crate) demo_password: DemoPassword,
    pub(crate) redis_url: Option<SecretString>,
    pub(crate) database_url: Option<SecretString>,
    pub(crate) jwt_issuer: String,
    pub(crate) jwt_audience: String,
    pub(crate) jwt_algorithm: Algorithm,
    pub(crate) signing_key_secret: Option<SecretString>,
    pub(crate) access_ttl: Duration,
    pub(crate) refresh_ttl: Duration,
    pub(crate) session_limits: SessionLimits,
    pub(crate) login_limit: Option<AttemptRules>,
    pub(crate) trusted_proxies: TrustedProxies,
    pub(crate) trusted_issuer: Option<TrustedIssuer>,
}

/// The password of the demo users.
#[derive(Debug)]
pub(crate) enum DemoPassword {
    /// From the environment: never printed.
    Given(SecretString),
    /// Made for this run: printed, because nobody else knows it.
    Random(SecretString),
}

impl DemoPassword {
    pub(crate) fn expose(&self) -> &str {
        let (Self::Given(password) | Self::Random(password)) = self;
        password.expose_secret()
    }
}

/// A variable that is wrong.
#[derive(Debug)]
pub(crate) struct WrongVariable {
    name: &'static str,
    problem: String,
}

impl WrongVariable {
    pub(crate) fn new(name: &'static str, problem: impl fmt::Display) -> Self {
        Self {
            name,
            problem: problem.to_string(),
        }
    }
}

impl fmt::Display for WrongVariable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.name, self.problem)
    }
}

impl std::error::Error for WrongVariable {}

impl Config {
    /// Reads the environment of the process.
    pub(crate) fn from_env() -> Result<Self, WrongVariable> {
        Self::read(|name| match env::var(name) {
            Ok(value) => Ok(Some(value)),
            Err(env::VarError::NotPresent) => Ok(None),
            Err(env::VarError::NotUnicode(_)) => Err("is not UTF-8".to_owned()),
        })
    }

    /// Fills in what depends on the address that was bound.
    pub(crate) fn resolve(self, address: SocketAddr) -> Result<Settings, WrongVariable> {
        let public_url = match self.public_url {
            Some(url) => url,
            None => public_url(&format!("http://{address}"))?,
        };
        let demo_password = match self.demo_password {
            Some(password) => DemoPassword::Given(password),
            None => {
                let bytes = random_bytes::<12>()
                    .map_err(|error| WrongVariable::new("DEMO_PASSWORD", error))?;
                let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
                DemoPassword::Random(hex.into())
            }
        };
        let jwt_issuer = self.jwt_issuer.unwrap_or_else(|| public_url.to_string());
        if let Some(trusted) = &self.trusted_issuer
            && trusted.policy.issuer() == jwt_issuer
        {
            let problem = "must not be this program's own issuer";
            return Err(WrongVariable::new("TRUST_ISSUER", problem));
        }
        Ok(Settings {
            public_url,
            demo_password,
            redis_url: self.redis_url,
            database_url: self.database_url,
            jwt_issuer,
            jwt_audience: self.jwt_audience,
            jwt_algorithm: self.jwt_algorithm,
            signing_key_secret: self.signing_key_secret,
            access_ttl: self.access_ttl,
            refresh_ttl: self.refresh_ttl,
            session_limits: self.session_limits,
            login_limit: self.login_limit,
            trusted_proxies: self.trusted_proxies,
            trusted_issuer: self.trusted_issuer,
        })
    }

    pub(crate) fn read(
        get: impl Fn(&str) -> Result<Option<String>, String>,
    ) -> Result<Self, WrongVariable> {
        // An empty variable is how shells and compose files unset one.
        let text = |name: &'static str| -> Result<Option<String>, WrongVariable> {
            let value = get(name).map_err(|problem| WrongVariable::new(name, problem))?;
            Ok(value.filter(|value| !value.is_empty()))
        };
        let duration = |name: &'static str, default: u64| {
            let Some(value) = text(name)? else {
                return Ok(Duration::from_secs(default));
            };
            parse_duration(name, &value)
        };

        for name in NOT_AVAILABLE {
            if text(name)?.is_some() {
                return Err(WrongVariable::new(name, "is not available in this build"));
            }
        }
        let session_idle = duration("SESSION_IDLE", 30 * 60)?;
        let session_absolute = duration("SESSION_ABSOLUTE", 12 * 60 * 60)?;
        if session_idle > session_absolute {
            let problem = "must be at most SESSION_ABSOLUTE";
            return Err(WrongVariable::new("SESSION_IDLE", problem));
        }

        Ok(Self {
            listen: text("LISTEN")?.unwrap_or("127.0.0.1:3000".to_owned()),
            public_url: match text("PUBLIC_URL")? {
                Some(url) => Some(public_url(&url)?),
                None => None,
            },
            demo_password: text("DEMO_PASSWORD")?.map(SecretString::from),
            redis_url: text("REDIS_URL")?.map(SecretString::from),
            database_url: text("DATABASE_URL")?.map(SecretString::from),
            jwt_issuer: text("JWT_ISSUER")?,
            jwt_audience: text("JWT_AUDIENCE")?.unwrap_or("showcase".to_owned()),
            jwt_algorithm: match text("JWT_ALGORITHM")? {
                Some(name) => algorithm("JWT_ALGORITHM", &name)?,
                None => Algorithm::Es256,
            },
            signing_key_secret: text("SIGNING_KEY_SECRET")?.map(SecretString::from),
            access_ttl: duration("ACCESS_TTL", 10 * 60)?,
            refresh_ttl: duration("REFRESH_TTL", 30 * 24 * 60 * 60)?,
            session_limits: SessionLimits::new(session_idle, session_absolute),
            login_limit: login_limit(text("LOGIN_LIMIT")?.as_deref())?,
            trusted_proxies: match text("TRUSTED_PROXIES")? {
                Some(networks) => TrustedProxies::x_forwarded_for(networks.split(','))
                    .map_err(|error| WrongVariable::new("TRUSTED_PROXIES", error))?,
                None => TrustedProxies::none(),
            },
            trusted_issuer: trusted::read(&text)?,
        })
    }
}

/// How often a password may be tried; `off` for without limit.
fn login_limit(text: Option<&str>) -> Result<Option<AttemptRules>, WrongVariable> {
    match text.unwrap_or("10/m/ip,5/5m/account") {
        "off" => Ok(None),
        rules => rules
            .parse()
            .map(Some)
            .map_err(|error: ConfigError| WrongVariable::new("LOGIN_LIMIT", error)),
    }
}

fn algorithm(variable: &'static str, name: &str) -> Result<Algorithm, WrongVariable> {
    Algorithm::from_name(name.trim())
        .ok_or_else(|| WrongVariable::new(variable, "is not an algorithm that is supported"))
}

/// An origin that cookies are safe on: https, or http on this machine.
fn public_url(url: &str) -> Result<Origin, WrongVariable> {
    let wrong = |problem: &dyn fmt::Display| WrongVariable::new("PUBLIC_URL", problem);
    let origin = Origin::from_str(url).map_err(|error| wrong(&error))?;
    if !origin.is_https() && !origin.is_loopback() {
        return Err(wrong(&"must be https, except on a loopback host"));
    }
    Ok(origin)
}

fn parse_duration(name: &'static str, value: &str) -> Result<Duration, WrongVariable> {
    let duration = duration::parse(value)
        .ok_or_else(|| WrongVariable::new(name, "is not a duration like 30s, 10m, 12h or 30d"))?;
    check_duration(name, duration).map_err(|error: ConfigError| WrongVariable::new(name, error))
}

#[cfg(test)]
mod tests;
