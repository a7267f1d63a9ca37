//! Where things are kept: in memory, on Redis, in a database.

use std::error::Error as _;
use std::time::SystemTime;

use apikey_layer::{CachedApiKeys, MemoryApiKeys, SharedApiKeyStore};
use auth_layer::{
    AuthError, ExposeSecret as _, Identity, IssuedToken, MemoryRateCounters, MemoryRevocations,
    MemorySingleUse, Revocations as _, SharedRateCounters, SharedRevocations, SharedSingleUse,
};
use jwt_layer::refresh::{MemoryRefreshStore, SharedRefreshStore};
use jwt_layer::{MemorySigningKeys, SharedSigningKeyStore};
use login::password::UserStore as _;
use redis_store::{RedisKeyChanges, RedisStore};
use session_layer::{MemorySessionBackend, SharedSessionBackend};
use sql_store::{SqlDatabase, SqlError, SqlStore};

use crate::config::{Settings, WrongVariable};
use crate::user_table::UserTable;
use crate::users::REALM;

/// All stores of this program.
#[derive(Clone)]
pub(crate) struct Stores {
    pub(crate) sessions: SharedSessionBackend,
    pub(crate) revocations: SharedRevocations,
    pub(crate) users: UserTable,
    pub(crate) api_keys: SharedApiKeyStore,
    pub(crate) refresh: SharedRefreshStore,
    pub(crate) signing_keys: SharedSigningKeyStore,
    /// Whether signing keys outlive this process.
    pub(crate) keep_keys: bool,
    /// Forms of the page that can be sent once.
    pub(crate) used_forms: SharedSingleUse,
    /// Attempts to log in.
    pub(crate) attempts: SharedRateCounters,
    /// Uses of API keys that have limits.
    pub(crate) key_uses: SharedRateCounters,
    /// Whether sessions end with the epoch of the password that began them. Not where processes share
    /// sessions and each has users of its own: the same epoch is another password in each.
    pub(crate) has_epochs: bool,
}

impl Stores {
    /// Opens what the configuration names; the rest is in memory.
    pub(crate) async fn open(settings: &Settings) -> Result<Self, WrongVariable> {
        let mut stores = Self::in_memory();
        let mut key_changes = None;
        if let Some(url) = &settings.redis_url {
            let redis = redis(url.expose_secret())?;
            key_changes = Some(changes_of_keys(&redis, url.expose_secret())?);
            stores.sessions = SharedSessionBackend::new(redis.sessions());
            stores.revocations = SharedRevocations::new(redis.revocations());
            stores.used_forms = SharedSingleUse::new(redis.single_use());
            stores.attempts = SharedRateCounters::new(redis.rate_counters());
            stores.key_uses = stores.attempts.clone();
            stores.refresh = SharedRefreshStore::new(redis.refresh_families());
            stores.signing_keys = SharedSigningKeyStore::new(redis.signing_keys());
        }
        if let Some(url) = &settings.database_url {
            let database = database(url.expose_secret()).await?;
            stores.users = UserTable::in_database(&database, REALM);
            // Remembered for some seconds where other processes tell of what they change; otherwise
            // every request asks the database, so that a revocation holds everywhere at once.
            stores.api_keys = match key_changes {
                Some(changes) => CachedApiKeys::new(database.api_keys())
                    .changes(changes)
                    .into(),
                None => SharedApiKeyStore::new(database.api_keys()),
            };
            stores.refresh = SharedRefreshStore::new(database.refresh_families());
            stores.signing_keys = SharedSigningKeyStore::new(database.signing_keys());
            // What was taken back must not be good again after a restart that has kept the keys.
            if settings.redis_url.is_none() {
                stores.revocations = SharedRevocations::new(database.revocations());
                stores.used_forms = SharedSingleUse::new(database.single_use());
            }
        }
        stores.keep_keys = settings.redis_url.is_some() || settings.database_url.is_some();
        stores.has_epochs = settings.redis_url.is_none() || settings.database_url.is_some();
        Ok(stores)
    }

    pub(crate) fn in_memory() -> Self {
        Self {
            sessions: SharedSessionBackend::new(MemorySessionBackend::new()),
            revocations: SharedRevocations::new(MemoryRevocations::new()),
            users: UserTable::in_memory(REALM),
            api_keys: SharedApiKeyStore::new(MemoryApiKeys::new()),
            refresh: SharedRefreshStore::new(MemoryRefreshStore::new()),
            signing_keys: SharedSigningKeyStore::new(MemorySigningKeys::new()),
            keep_keys: false,
            used_forms: SharedSingleUse::new(MemorySingleUse::new()),
            attempts: SharedRateCounters::new(MemoryRateCounters::new()),
            key_uses: SharedRateCounters::new(MemoryRateCounters::new()),
            has_epochs: true,
        }
    }

    /// Fails if one of them cannot be asked.
    pub(crate) async fn check(&self) -> Result<(), AuthError> {
        // Any question will do: the stores answer within their own time-outs.
        let nobody = Identity::new("readiness", "nobody");
        let token = IssuedToken::of(&nobody, SystemTime::now());
        self.revocations.is_revoked(&token).await?;
        self.users.passwords().find("nobody").await?;
        Ok(())
    }
}

/// Nothing is asked yet: a Redis that is down now may be up when it is needed.
fn redis(url: &str) -> Result<RedisStore, WrongVariable> {
    let pool = deadpool_redis::Config::from_url(url)
        .create_pool(Some(deadpool_redis::Runtime::Tokio1))
        // What the error says may hold the URL, and so a password.
        .map_err(|_| WrongVariable::new("REDIS_URL", "is not the URL of a Redis"))?;
    RedisStore::builder(pool)
        .prefix("showcase")
        .build()
        .map_err(|error| WrongVariable::new("REDIS_URL", error))
}

/// What other processes change about API keys, over a connection of its own, which is made when a key
/// is used first.
fn changes_of_keys(redis: &RedisStore, url: &str) -> Result<RedisKeyChanges, WrongVariable> {
    let client = deadpool_redis::redis::Client::open(url)
        .map_err(|_| WrongVariable::new("REDIS_URL", "is not the URL of a Redis"))?;
    let changes = redis.key_changes(client);
    changes.map_err(|error| WrongVariable::new("REDIS_URL", error))
}

/// Makes the tables if need be, so it has to be there.
async fn database(url: &str) -> Result<SqlStore, WrongVariable> {
    let open = async {
        let database = SqlDatabase::connect(url).await?;
        database.migrate().await?;
        database.store().await
    };
    open.await.map_err(|error: SqlError| {
        let why = error.source().map(ToString::to_string).unwrap_or_default();
        let why = why.lines().next().unwrap_or_default();
        WrongVariable::new("DATABASE_URL", format!("{error}: {why}"))
    })
}
