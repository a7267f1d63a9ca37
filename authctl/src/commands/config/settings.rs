//! The settings, each checked by the library that it is for.

use std::fmt;
use std::path::Path;
use std::time::Duration;

use apikey_layer::KeyFormat;
use auth_layer::{ConfigError, Origin, Rate, SealingKeys, TrustedProxies, check_duration};
use deadpool_redis::{Pool, Runtime};
use jwt_layer::{Algorithm, KeySet, RemoteKeys, VerificationPolicy, VerifyingKey};
use login::attempts::AttemptRules;
use serde::Serialize;
use session_layer::{MemorySessionBackend, SessionLayer, SessionLimits};
use url::Url;

use super::source::Source;
use crate::display::printable;
use crate::duration;
use crate::input::from_file;

/// The names of all settings.
pub(super) const NAMES: [&str; 20] = [
    "ACCESS_TTL",
    "API_KEY_PREFIX",
    "API_KEY_RATES",
    "DATABASE_URL",
    "JWT_ALGORITHM",
    "JWT_AUDIENCE",
    "JWT_ISSUER",
    "LOGIN_LIMIT",
    "PUBLIC_URL",
    "REDIS_URL",
    "REFRESH_TTL",
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
const CHECKS: [(&str, Check); 12] = [
    ("ACCESS_TTL", lifetime),
    ("API_KEY_PREFIX", |value| told(KeyFormat::live(value))),
    ("API_KEY_RATES", rates),
    ("DATABASE_URL", database),
    ("JWT_ALGORITHM", |value| algorithm(value).map(drop)),
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
    trusted_issuer(source, &mut problems);
    problems
}

/// The defaults are those of the showcase.
fn sessions(source: &Source, problems: &mut Vec<Problem>) {
    let mut limits = [
        Duration::from_secs(30 * 60),
        Duration::from_secs(12 * 60 * 60),
    ];
    let names = ["SESSION_IDLE", "SESSION_ABSOLUTE"];
    for (limit, name) in limits.iter_mut().zip(names) {
        match source.get(name).map(duration::parse) {
            Some(Ok(duration)) => *limit = duration,
            Some(Err(problem)) => return problems.push(Problem::new(name, problem)),
            None => {}
        }
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

/// `TRUST_…`: all of it, or nothing.
fn trusted_issuer(source: &Source, problems: &mut Vec<Problem>) {
    let mut wrong = |name, problem: String| problems.push(Problem::new(name, problem));
    let Some(issuer) = source.get("TRUST_ISSUER") else {
        for name in [
            "TRUST_ALGORITHMS",
            "TRUST_AUDIENCE",
            "TRUST_HS256_SECRET",
            "TRUST_JWKS",
        ] {
            if source.get(name).is_some() {
                wrong(name, "needs TRUST_ISSUER".to_owned());
            }
        }
        return;
    };
    match source.get("TRUST_AUDIENCE") {
        Some(audience) => {
            let policy = VerificationPolicy::plain_access_token(issuer, audience).build();
            if let Err(problem) = told(policy) {
                wrong("TRUST_ISSUER", problem);
            }
        }
        None => wrong("TRUST_AUDIENCE", "is needed with TRUST_ISSUER".to_owned()),
    }
    match (source.get("TRUST_JWKS"), source.get("TRUST_HS256_SECRET")) {
        (Some(_), Some(_)) => wrong("TRUST_JWKS", "excludes TRUST_HS256_SECRET".to_owned()),
        (None, None) => {
            wrong(
                "TRUST_JWKS",
                "or TRUST_HS256_SECRET is needed with TRUST_ISSUER".to_owned(),
            );
        }
        (None, Some(secret)) => {
            let key = VerifyingKey::from_secret(Algorithm::Hs256, secret.as_bytes());
            if let Err(problem) = told(key) {
                wrong("TRUST_HS256_SECRET", problem);
            }
        }
        (Some(jwks), None) => match source.get("TRUST_ALGORITHMS") {
            None => wrong("TRUST_ALGORITHMS", "is needed with TRUST_JWKS".to_owned()),
            // Names that are none were told already.
            Some(names) => {
                if let Ok(algorithms) = algorithms(names)
                    && let Err(problem) = keys(jwks, algorithms)
                {
                    wrong("TRUST_JWKS", problem);
                }
            }
        },
    }
}

/// The keys that are fetched from a URL; none for a file, which is read at once.
pub(super) fn keys(jwks: &str, algorithms: Vec<Algorithm>) -> Result<Option<RemoteKeys>, String> {
    if jwks.starts_with("http:") || jwks.starts_with("https:") {
        let keys = RemoteKeys::from_url(jwks).algorithms(algorithms).build();
        return keys.map(Some).map_err(|error| error.to_string());
    }
    let json = from_file(Path::new(jwks)).map_err(|failure| failure.to_string())?;
    told(KeySet::from_jwks(&json, algorithms)).map(|()| None)
}

/// A pool that has no connection yet.
pub(super) fn redis_pool(url: &str) -> Result<Pool, String> {
    let pool = deadpool_redis::Config::from_url(url).create_pool(Some(Runtime::Tokio1));
    // The text of the error might repeat the URL, and with it the password.
    pool.map_err(|_| "is not the URL of a Redis".to_owned())
}

pub(super) fn algorithms(names: &str) -> Result<Vec<Algorithm>, String> {
    names
        .split(',')
        .map(|name| algorithm(name.trim()))
        .collect()
}

fn told<T>(result: Result<T, ConfigError>) -> Result<(), String> {
    result.map(drop).map_err(|error| error.to_string())
}

fn lifetime(value: &str) -> Result<(), String> {
    told(check_duration("lifetime", duration::parse(value)?))
}

fn rates(value: &str) -> Result<(), String> {
    value
        .split(',')
        .try_for_each(|rate| told(rate.trim().parse::<Rate>()))
}

fn database(value: &str) -> Result<(), String> {
    let scheme = value.split(':').next().unwrap_or_default();
    let is_known = matches!(scheme, "postgres" | "postgresql" | "sqlite");
    match is_known && Url::parse(value).is_ok() {
        true => Ok(()),
        false => Err("must be sqlite:FILE or postgres://USER@HOST/NAME".to_owned()),
    }
}

fn algorithm(name: &str) -> Result<Algorithm, String> {
    Algorithm::from_name(name).ok_or_else(|| "is not an algorithm that is supported".to_owned())
}

fn attempts(value: &str) -> Result<(), String> {
    match value {
        "off" => Ok(()),
        rules => told(rules.parse::<AttemptRules>()),
    }
}

/// An origin that cookies are safe on.
fn public_url(value: &str) -> Result<(), String> {
    let origin: Origin = value
        .parse()
        .map_err(|error: ConfigError| error.to_string())?;
    match origin.is_https() || origin.is_loopback() {
        true => Ok(()),
        false => Err("must be https, except on a loopback host".to_owned()),
    }
}
