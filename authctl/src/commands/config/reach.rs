//! Whether what the settings name answers.

use std::time::Duration;

use sql_store::SqlDatabase;
use tokio::time::timeout;

use super::issuers;
use super::settings::{self, Problem};
use super::source::Source;
use crate::report::{Failure, chain};

/// How long Redis may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// What does not answer, of what is not wrong already.
pub(super) async fn check(source: &Source, problems: &[Problem]) -> Vec<Problem> {
    let is_good = |name: &str| problems.iter().all(|problem| problem.setting != name);
    let named = |name| source.get(name).filter(|_| is_good(name));
    let mut unreachable = Vec::new();
    let mut told = |name, result: Result<(), String>| {
        if let Err(problem) = result {
            unreachable.push(Problem::new(name, problem));
        }
    };
    if let Some(url) = named("DATABASE_URL") {
        told("DATABASE_URL", database(url).await);
    }
    if let Some(url) = named("REDIS_URL") {
        told("REDIS_URL", redis(url).await);
    }
    if let (Some(jwks), Some(names)) = (named("TRUST_JWKS"), named("TRUST_ALGORITHMS")) {
        told("TRUST_JWKS", issuer(jwks, names).await);
    }
    unreachable
}

/// The tables too must be what they have to be.
async fn database(url: &str) -> Result<(), String> {
    let builder = SqlDatabase::builder(url).max_connections(2);
    let database = builder.create_if_missing(false).connect().await;
    let store = match database {
        Ok(database) => database.store().await,
        Err(error) => Err(error),
    };
    store
        .map(drop)
        .map_err(|error| Failure::from(error).to_string())
}

async fn redis(url: &str) -> Result<(), String> {
    let pool = settings::redis_pool(url)?;
    match timeout(PATIENCE, pool.get()).await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(error)) => Err(chain(&error)),
        Err(_) => Err("does not answer".to_owned()),
    }
}

async fn issuer(jwks: &str, names: &str) -> Result<(), String> {
    let Some(keys) = issuers::keys(jwks, settings::algorithms(names)?)? else {
        return Ok(());
    };
    keys.ready().await.map_err(|error| chain(&error))
}
