//! Starts the real servers that this workspace's tests talk to: each on a free port of the loopback
//! interface, in a folder of its own, stopped when the value is dropped. What is missing on the machine is
//! installed from Debian's packages, and from npm.

mod chromium;
mod debian;
mod folder;
mod oidc_provider;
mod postgres;
mod process;
mod redis;

pub use self::chromium::{ChromeDriver, Profile};
pub use self::oidc_provider::OidcProvider;
pub use self::postgres::PostgresServer;
pub use self::redis::{RedisCluster, RedisSentinel, RedisServer};
