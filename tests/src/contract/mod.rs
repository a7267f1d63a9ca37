//! Suites that check a store against the contract of its trait.
//!
//! Each suite is an async function: it is given something that makes stores and panics, naming the
//! line of the contract, when the store breaks it. A store may be made anew for each call or be the
//! same each time: all names, ids and secrets are random, so a suite can run against a database
//! that is in use, and leaves its rows there.
//!
//! ```
//! use auth_layer::MemoryRevocations; // yours, here
//! use auth_test::contract;
//!
//! // In a `#[tokio::test(flavor = "multi_thread", worker_threads = 4)]`:
//! # #[tokio::main(flavor = "multi_thread", worker_threads = 2)] async fn main() {
//! contract::revocations(async || MemoryRevocations::new()).await;
//! # }
//! ```
//!
//! | suite | checks | feature |
//! |---|---|---|
#![cfg_attr(
    feature = "apikey",
    doc = "| [`api_key_store`] | `apikey_layer::ApiKeyStore` | `apikey` |"
)]
#![cfg_attr(
    feature = "session",
    doc = "| [`session_backend`], [`partitioned_session_backend`] | `session_layer::SessionBackend` | `session` |\n| [`remember_store`] | `session_layer::RememberStore` | `session` |"
)]
#![cfg_attr(
    feature = "jwt",
    doc = "| [`refresh_store`] | `jwt_layer::refresh::RefreshStore` | `jwt` |"
)]
#![cfg_attr(
    feature = "login",
    doc = "| [`user_store`] | `login::password::UserStore` | `login` |"
)]
#![cfg_attr(
    feature = "jwt",
    doc = "| [`signing_key_store`] | `jwt_layer::SigningKeyStore` | `jwt` |"
)]
//! | [`revocations`], [`revocations_over_time`] | `auth_layer::Revocations` | |
//! | [`single_use`], [`single_use_when_full`] | `auth_layer::SingleUse` | |
//! | [`rate_counters`] | `auth_layer::RateCounters` | |
//! | [`digest_store`] | `auth_layer::digest::DigestStore` | |
//! | [`nonce_counters`], [`nonce_counters_over_time`], [`nonce_counters_when_full`] | `auth_layer::digest::NonceCounters` | |
//!
//! # Races
//!
//! Much of a contract is about what happens at the same time, so the suites need a runtime with
//! several threads, and say so if it has one. A race that a store loses only now and then may need
//! several runs to be found; those that take two steps for one are found at once.
//!
//! # What is not checked
//!
//! That an error means "could not ask" (make your store unreachable and look at what it returns),
//! and how long an answer takes.

#[cfg(feature = "apikey")]
mod api_key_store;
mod digest_store;
mod nonce_counters;
mod race;
mod rate_counters;
#[cfg(feature = "jwt")]
mod refresh_store;
#[cfg(feature = "session")]
mod remember_store;
mod revocations;
#[cfg(feature = "session")]
mod session_backend;
#[cfg(feature = "jwt")]
mod signing_key_store;
mod single_use;
#[cfg(feature = "login")]
mod user_store;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use auth_layer::{AuthError, random_bytes};

#[cfg(feature = "apikey")]
pub use self::api_key_store::api_key_store;
pub use self::digest_store::digest_store;
pub use self::nonce_counters::{
    nonce_counters, nonce_counters_over_time, nonce_counters_when_full,
};
pub use self::rate_counters::rate_counters;
#[cfg(feature = "jwt")]
pub use self::refresh_store::refresh_store;
#[cfg(feature = "session")]
pub use self::remember_store::remember_store;
pub use self::revocations::{revocations, revocations_over_time};
#[cfg(feature = "session")]
pub use self::session_backend::{partitioned_session_backend, session_backend};
#[cfg(feature = "jwt")]
pub use self::signing_key_store::signing_key_store;
pub use self::single_use::{single_use, single_use_when_full};
#[cfg(feature = "login")]
pub use self::user_store::user_store;

/// Fails the test, naming the line of the contract, unless the condition holds.
macro_rules! check {
    ($line:expr, $holds:expr, $($message:tt)+) => {
        assert!($holds, "contract broken: \"{}\": {}", $line, format_args!($($message)+))
    };
}
use check;

/// What the store answered. A store that works has no errors to return here.
#[track_caller]
fn answer<T>(result: Result<T, AuthError>) -> T {
    result.unwrap_or_else(|error| {
        let source = std::error::Error::source(&error);
        panic!("the store could not be asked: {error}, source: {source:?}")
    })
}

/// Random bytes, so that suites do not meet each other in a shared store.
fn random<const N: usize>() -> [u8; N] {
    random_bytes().expect("the operating system has randomness")
}

/// A name that nobody else has.
fn unique(name: &str) -> String {
    let number = u64::from_be_bytes(random());
    format!("{name}-{number:016x}")
}

/// The system's time, in whole seconds. Stores with a clock of their own see what lies behind it as
/// over, and what lies well before it as not.
fn this_second() -> SystemTime {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    UNIX_EPOCH + Duration::from_secs(since.as_secs())
}

const HOUR: Duration = Duration::from_secs(60 * 60);
const SECOND: Duration = Duration::from_secs(1);
