#![cfg_attr(docsrs, feature(doc_cfg))]
#![doc = include_str!("../README.md")]

#[cfg(not(any(feature = "postgres", feature = "sqlite")))]
compile_error!("sql-store needs a database: enable the feature `sqlite` or `postgres`");

#[cfg(feature = "apikey")]
mod api_keys;
#[cfg(any(feature = "apikey", feature = "digest", feature = "login"))]
mod attributes;
mod connection;
mod database;
#[cfg(feature = "digest")]
mod digest_users;
mod expiry;
mod key;
#[cfg(feature = "jwt")]
mod refresh;
#[cfg(feature = "session")]
mod remember;
mod revocations;
#[cfg(feature = "session")]
mod sessions;
#[cfg(feature = "jwt")]
mod signing_keys;
mod single_use;
mod step;
mod store;
mod time;
#[cfg(feature = "login")]
mod users;

#[cfg(feature = "apikey")]
pub use self::api_keys::SqlApiKeys;
pub use self::database::{SqlDatabase, SqlDatabaseBuilder, SqlError, SqlErrorKind};
#[cfg(feature = "digest")]
pub use self::digest_users::SqlDigestUsers;
#[cfg(feature = "jwt")]
pub use self::refresh::SqlRefreshStore;
#[cfg(feature = "session")]
pub use self::remember::SqlRememberStore;
pub use self::revocations::SqlRevocations;
#[cfg(feature = "session")]
pub use self::sessions::SqlSessions;
#[cfg(feature = "jwt")]
pub use self::signing_keys::SqlSigningKeys;
pub use self::single_use::SqlSingleUse;
pub use self::store::SqlStore;
#[cfg(feature = "login")]
pub use self::users::{InsertedUser, SqlUsers};
/// The library that speaks to the databases, for pools of the application's own.
pub use sqlx;
