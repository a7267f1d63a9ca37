//! Limits for attempts: how often somebody may try a password.
//!
//! [`AttemptLimits`] are given to a [`PasswordLogin`](crate::password::PasswordLogin). They are asked
//! before the user is looked up and before anything is hashed.
//!
//! # How it decides
//!
//! 1. The attempt is counted under every [rule](AttemptRules): one token from each bucket, in one
//!    atomic step per bucket, so that parallel attempts are counted exactly. If a bucket is empty:
//!    429 with `Retry-After`, whatever the password is. What a bucket had given before stays taken.
//! 2. A password that is right gives its own tokens back, and nothing more: it costs no budget, and
//!    it does not refill what failures have used. Whoever has an account cannot try others' with it.
//! 3. Everything else costs its tokens: a wrong password, a user who does not exist, a store that
//!    does not answer, a client that hangs up.
//! 4. If it cannot be counted: 503.
//!
//! An attempt holds its tokens until it is decided, so the count of a rule also bounds how many
//! attempts run at once: with `5/5m/account`, a sixth request that comes while five are being checked
//! is 429, even if all six passwords are right. Clients that send many requests with a password each, in
//! parallel, need a higher count, or better a session, a token or an API key.
//!
//! An attempt that is decided only after a token has come back by itself gets nothing back: it costs what
//! a failure does, and never takes the place of one.
//!
//! Attempts while a budget is used up change nothing about when there is one again. A used budget
//! comes back evenly, an attempt after the other: with `5/5m`, one each minute.
//!
//! # Which rules
//!
//! `10/m/ip,5/5m/account` is a good start. NIST SP 800-63B-4 section 3.2.2 allows at most 100 failures
//! in a row on an account; at one a minute and argon2id behind it, guessing is hopeless for all but
//! the worst passwords, and a person who mistypes does not notice.
//!
//! - `ip` bounds what one address may try, with all names together: one password tried on many
//!   accounts. People behind one address share it, such as an office behind a NAT; raise it there.
//! - `account` bounds what is tried on one account from everywhere, such as by a botnet. The price:
//!   **anybody who knows a name can keep its owner from logging in** for as long as he goes on
//!   trying. Sessions that are open are not affected.
//! - `ip+account` has no such price, and no such protection: each address has its own budget for the
//!   account. With a wide `account` rule beside it, such as `5/5m/ip+account,100/h/account`, one
//!   attacker at one address locks out nobody, and a botnet is still stopped.
//!
//! # Names and addresses
//!
//! Names are counted as they are sent, folded: trimmed, NFKC, without regard to case. A name that
//! nobody has is counted like any other. If your store takes more spellings for one user, such as with
//! and without accents, send it one of them: each spelling has a budget.
//!
//! The address is that of the credentials: the Basic scheme takes the
//! [`ClientAddress`](auth_layer::ClientAddress) of the request, and forms pass it with
//! [`with_client_address`](auth_layer::PasswordCredentials::with_client_address). One that is not
//! known shares a budget with all others that are not known. Behind a proxy, configure
//! [`TrustedProxies`](auth_layer::TrustedProxies): otherwise all clients have the proxy's address.
//!
//! # Other schemes
//!
//! Whatever else the same passwords can be guessed by has to be limited too. [`limit_scheme`] does it for
//! any [`Scheme`](auth_layer::Scheme), from the same budgets; HTTP Digest has no limit without it.
//!
//! [`limit_scheme`]: AttemptLimits::limit_scheme
//!
//! # Several nodes
//!
//! [`MemoryRateCounters`](auth_layer::MemoryRateCounters) count for one process: behind a load
//! balancer, each node allows as much again. `redis-store` counts for all.
//!
//! ```
//! use auth_layer::{AuthErrorKind, ClientAddress, MemoryRateCounters, PasswordCredentials};
//! use login::attempts::AttemptLimits;
//! use login::password::{MemoryUserStore, PasswordLogin};
//!
//! # #[tokio::main]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let limits = AttemptLimits::new("10/m/ip,5/5m/account", MemoryRateCounters::new())?;
//! let login = PasswordLogin::builder(MemoryUserStore::new()).attempt_limits(limits).build()?;
//!
//! let client = ClientAddress::new([203, 0, 113, 7].into()); // from the request's extensions
//! for attempt in 1..=6 {
//!     let sent = PasswordCredentials::new("alice", "a guess").with_client_address(client);
//!     let error = login.authenticate(sent).await.unwrap_err();
//!     let limited = error.kind() == AuthErrorKind::Limited;
//!     assert_eq!(limited, attempt == 6);
//! }
//! # Ok(())
//! # }
//! ```

mod account;
mod layer;
mod limits;
mod rules;
mod scheme;

#[cfg(test)]
mod tests;

pub use self::layer::{AttemptLimitLayer, AttemptLimitService};
pub use self::limits::AttemptLimits;
pub use self::rules::AttemptRules;
pub use self::scheme::{LimitedCredential, LimitedScheme};
