//! Remember-me: logins that outlive their sessions.

mod login;
mod memory;
mod options;
mod store;
mod token;

pub use self::login::{DecodeRememberedLoginError, RememberedLogin};
pub use self::memory::MemoryRememberStore;
pub(crate) use self::options::RememberConfig;
pub use self::options::RememberMe;
pub use self::store::{NewSeries, RedeemOutcome, Redemption, RememberStore, SharedRememberStore};
pub(crate) use self::token::RememberToken;
