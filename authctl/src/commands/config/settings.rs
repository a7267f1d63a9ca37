//! The settings, each checked by the library that it is for.

use std::fmt;
use std::time::Duration;

use apikey_layer::KeyFormat;
use auth_layer::{ConfigError, Origin, Rate, SealingKeys, TrustedProxies, check_duration};
use deadpool_redis::{Pool, Runtime};
use jwt_layer::{Algorithm, Issuer, SigningKey};
use login::attempts::AttemptRules;
use serde::Serialize;
use session_layer::{MemorySessionBackend, SessionLayer, SessionLimits};
use sql_store::SqlDatabase;

use super::issuers;
use super::source::Source;
use crate::display::printable;
use crate::duration;
use crate::report::Failure;

/// The names of all settings.
pub(super) const NAMES: [&str; 27] = [
    "ACCESS_TTL",
    "API_KEY_PREFIX",
    "API_KEY_RATES",
    "DATABASE_URL",
    "DEMO_PASSWORD",
    "JWT_ALGORITHM",
    "JWT_AUDIENCE",
    "JWT_ISSUER",
    "LISTEN",
    "LOGIN_LIMIT",
    "OIDC_CLIENT_ID",
    "OIDC_CLIENT_SECRET",
    "OIDC_ISSUER",
    "OIDC_SCOPES",
    "PUBLIC_URL",
    "REDIS_URL",
    "REFRESH_TTL",
    "RUST_LOG",
    "SESSION_ABSOLUTE",
    "SESSION_IDLE",
    "SIGNING_KEY_SECRET",
    "TRUSTED_PROXIES",
    "TRUST_ALGORITHMS",
    "TRUST_AUDIENCE",
    "TRUST_HS256_SECRET",
    "TRUST_ISSUER",
    "TRUST_JWKS",
];

type Check = fn(&str) -> Result<(), String>;

/// What a value must be, whatever the others are.
const CHECKS: [(&str, Check); 13] = [
    ("ACCESS_TTL", token_lifetime),
    ("API_KEY_PREFIX", |value| told(KeyFormat::live(value))),
    ("API_KEY_RATES", rates),
    ("DATABASE_URL", database),
    ("JWT_ALGORITHM", signing_algorithm),
    ("LISTEN", address),
    ("LOGIN_LIMIT", attempts),
    ("PUBLIC_URL", public_url),
    ("REDIS_URL", |value| redis_pool(value).map(drop)),
    ("REFRESH_TTL", lifetime),
    ("SIGNING_KEY_SECRET", |value| {
        told(SealingKeys::new(value.as_bytes()))
    }),
    ("TRUSTED_PROXIES", |value| {
        told(TrustedProxies::x_forwarded_for(value.split(',')))
    }),
    ("TRUST_ALGORITHMS", |value| algorithms(value).map(drop)),
];

/// What is wrong with a setting. Its value is not repeated where it may be a secret.
#[derive(Debug, Serialize)]
pub(super) struct Problem {
    pub(super) setting: String,
    problem: String,
}

impl Problem {
    pub(super) fn new(setting: &str, problem: impl fmt::Display) -> Self {
        Self {
            setting: setting.to_owned(),
            problem: problem.to_string(),
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.setting, printable(&self.problem))
    }
}

/// Everything that is wrong.
pub(super) fn check(source: &Source) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (name, check) in CHECKS {
        if let Some(Err(problem)) = source.get(name).map(check) {
            problems.push(Problem::new(name, problem));
        }
    }
    sessions(source, &mut problems);
    issuers::check(source, &mut problems);
    problems
}

/// The defaults are those of the showcase.
fn sessions(source: &Source, problems: &mut Vec<Problem>) {
    let mut limits = [
        Duration::from_secs(30 * 60),
        Duration::from_secs(12 * 60 * 60),
    ];
    let names = ["SESSION_IDLE", "SESSION_ABSOLUTE"];
    let before = problems.len();
    for (limit, name) in limits.iter_mut().zip(names) {
        match source.get(name).map(positive) {
            Some(Ok(duration)) => *limit = duration,
            Some(Err(problem)) => problems.push(Problem::new(name, problem)),
            None => {}
        }
    }
    if problems.len() > before {
        return;
    }
    let [idle, absolute] = limits;
    let layer = SessionLayer::builder(MemorySessionBackend::new())
        .limits(SessionLimits::new(idle, absolute))
        .build();
    if let Err(error) = layer {
        let is_absolute = error.option() == "limits.absolute";
        problems.push(Problem::new(names[usize::from(is_absolute)], error));
    } else if idle > absolute {
        problems.push(Problem::new(names[0], "must be at most SESSION_ABSOLUTE"));
    }
}

/// A pool that has no connection yet.
pub(super) fn redis_pool(url: &str) -> Result<Pool, String> {
    let pool = deadpool_redis::Config::from_url(url).create_pool(Some(Runtime::Tokio1));
    // The text of the error might repeat the URL, and with it the password.
    pool.map_err(|_| "is not the URL of a Redis".to_owned())
}

pub(super) fn algorithms(names: &str) -> Result<Vec<Algorithm>, String> {
    names.split(',').map(algorithm).collect()
}

pub(super) fn told<T>(result: Result<T, ConfigError>) -> Result<(), String> {
    result.map(drop).map_err(|error| error.to_string())
}

fn lifetime(value: &str) -> Result<(), String> {
    positive(value).map(drop)
}

fn positive(value: &str) -> Result<Duration, String> {
    let duration = duration::parse(value)?;
    told(check_duration("lifetime", duration))?;
    Ok(duration)
}

/// By the issuer that would make the tokens.
fn token_lifetime(value: &str) -> Result<(), String> {
    let lifetime = positive(value)?;
    let key = SigningKey::generate(Algorithm::Es256).map_err(|error| error.to_string())?;
    let issuer = Issuer::builder("https://issuer.example", "audience", key);
    told(issuer.lifetime(lifetime).build())
}

/// A host and a port, without asking for the address of the host.
fn address(value: &str) -> Result<(), String> {
    let parts = value.rsplit_once(':');
    match parts.is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok()) {
        true => Ok(()),
        false => Err("must be HOST:PORT".to_owned()),
    }
}

fn rates(value: &str) -> Result<(), String> {
    value
        .split(',')
        .try_for_each(|rate| told(rate.trim().parse::<Rate>()))
}

fn database(value: &str) -> Result<(), String> {
    let checked = SqlDatabase::builder(value).check();
    checked.map_err(|error| Failure::from(error).to_string())
}

/// Whoever verifies the tokens must not be able to make them.
fn signing_algorithm(name: &str) -> Result<(), String> {
    match algorithm(name)?.is_symmetric() {
        true => Err("must be an algorithm with a public key".to_owned()),
        false => Ok(()),
    }
}

fn algorithm(name: &str) -> Result<Algorithm, String> {
    Algorithm::from_name(name.trim())
        .ok_or_else(|| "is not an algorithm that is supported".to_owned())
}

fn attempts(value: &str) -> Result<(), String> {
    match value {
        "off" => Ok(()),
        rules => told(rules.parse::<AttemptRules>()),
    }
}

/// An origin that cookies are safe on.
pub(super) fn public_url(value: &str) -> Result<(), String> {
    let origin: Origin = value
        .parse()
        .map_err(|error: ConfigError| error.to_string())?;
    match origin.is_https() || origin.is_loopback() {
        true => Ok(()),
        false => Err("must be https, except on a loopback host".to_owned()),
    }
}
