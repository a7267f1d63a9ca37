//! [`Faulty`](super::Faulty) as each kind of store.

#[cfg(feature = "apikey")]
mod api_key_store;
mod digest;
#[cfg(feature = "apikey")]
mod key_owners;
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
