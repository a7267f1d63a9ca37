//! Remember-me: logins that outlive their sessions.

mod login;
mod memory;
mod store;

pub use self::login::{DecodeRememberedLoginError, RememberedLogin};
pub use self::memory::MemoryRememberStore;
pub use self::store::{NewSeries, RedeemOutcome, Redemption, RememberStore, SharedRememberStore};
