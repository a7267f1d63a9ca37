#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(feature = "apikey")]
mod api_keys;
mod error;
#[cfg(feature = "apikey")]
mod key_changes;
mod keys;
mod link;
mod nonce_counters;
mod rate_counters;
#[cfg(feature = "jwt")]
mod refresh;
mod remember;
mod revocations;
mod script;
mod sessions;
#[cfg(feature = "jwt")]
mod signing_keys;
mod single_use;
mod store;
mod time;
mod tracking;

#[cfg(feature = "apikey")]
pub use self::api_keys::RedisApiKeys;
#[cfg(feature = "apikey")]
pub use self::key_changes::RedisKeyChanges;
pub use self::link::RedisPool;
pub use self::nonce_counters::RedisNonceCounters;
pub use self::rate_counters::RedisRateCounters;
#[cfg(feature = "jwt")]
pub use self::refresh::RedisRefreshStore;
pub use self::remember::RedisRememberStore;
pub use self::revocations::{LocalRevocations, RedisRevocations};
pub use self::sessions::{NearCache, RedisSessions};
#[cfg(feature = "jwt")]
pub use self::signing_keys::RedisSigningKeys;
pub use self::single_use::RedisSingleUse;
pub use self::store::{RedisStore, RedisStoreBuilder};
