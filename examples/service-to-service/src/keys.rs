//! The keys of callers: what they look like, where they are kept, and what each caller may do.

use std::env;

use apikey_layer::{KeyFormat, KeyOwners, Owner, OwnerAuthority, SharedApiKeyStore};
use auth_layer::{AuthError, ConfigError, Identity, ScopeSet};
use sql_store::{SqlDatabase, SqlError};

/// The services that may call, with what each may do. A key has what is both here and in its own
/// record, and the keys of a service that is taken off this list are refused.
const CALLERS: [(&str, &str); 2] = [
    ("orders", "stock:read stock:reserve"),
    ("reports", "stock:read"),
];

/// Keys look like `stock_live_…`, so that scanners find those that leak.
pub(crate) fn format() -> Result<KeyFormat, ConfigError> {
    KeyFormat::live("stock")
}

/// The file of `DATABASE_URL`, made if it is missing. A service and an operator may have it open at the
/// same time.
pub(crate) async fn open() -> Result<SharedApiKeyStore, SqlError> {
    let url = env::var("DATABASE_URL").unwrap_or("sqlite:stock.db".to_owned());
    let database = SqlDatabase::connect(&url).await?;
    database.migrate().await?;
    Ok(SharedApiKeyStore::new(database.store().await?.api_keys()))
}

/// Answers from [`CALLERS`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct Callers;

impl KeyOwners for Callers {
    async fn authority(&self, owner: &Owner) -> Result<Option<OwnerAuthority>, AuthError> {
        Ok(scopes(&owner.subject).map(|scopes| OwnerAuthority::new(scopes, [""; 0])))
    }
}

/// The service that a key is made for, as its owner; `None` if it is not one of the callers.
pub(crate) fn caller(name: &str) -> Option<Identity> {
    let scopes = scopes(name)?;
    Some(Identity::builder("operator", name).scopes(scopes).build())
}

/// A service that may not be one of the callers any more, as the owner of keys that are to be ended.
pub(crate) fn former_caller(name: &str) -> Identity {
    Identity::new("operator", name)
}

fn scopes(caller: &str) -> Option<ScopeSet> {
    let (_, scopes) = CALLERS.iter().find(|(name, _)| *name == caller)?;
    scopes.parse().ok()
}
