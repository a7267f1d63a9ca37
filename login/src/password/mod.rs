//! Passwords: hashing them, and logging in with them.
//!
//! [`PasswordLogin`] checks a user name and a password against a [`UserStore`]. It is what
//! applications use; the rest is what it is made of and can be used alone:
//!
//! - [`PasswordHasher`] makes and checks hashes, on the thread that asks.
//! - [`HashPool`] does the same on a few threads of its own, for servers.
//! - [`Pepper`] is a key that goes into the hashes and is kept apart from the database.
//!
//! # Hashes
//!
//! New hashes are argon2id, as PHC strings, within an envelope that names the key if there is a
//! pepper. Stored hashes of other kinds verify too, so that users can be brought along from another
//! system; the first login of each replaces its hash with a new one.
//!
//! | stored hash | feature |
//! |---|---|
//! | `$argon2id$`, `$argon2i$`, `$argon2d$`, versions 16 and 19 | |
//! | `$hmac-sha256$kid=<id>$argon2id$`, see [`Pepper`] | |
//! | `$2a$`, `$2b$`, `$2y$` (bcrypt) | `bcrypt` |
//! | `$pbkdf2-sha256$`, `$pbkdf2-sha512$`, PHC strings and passlib's | `pbkdf2` |
//! | `pbkdf2_sha256$` (Django) | `pbkdf2` |
//! | `$scrypt$` | `scrypt` |
//!
//! What is none of these cannot be checked: an error, answered 503, never a login. The same goes for
//! a hash that asks for more than the [`HashLimits`].
//!
//! Bcrypt reads 72 bytes of a password and stops, and takes `a` and `a\0a` for the same. A password of
//! more than 72 bytes never matches a bcrypt hash, nor does one for which there is a shorter one.
//!
//! # Caveats
//!
//! - Attempts are not counted unless [`attempts`](crate::attempts) are limited.
//! - A user whose stored hash cannot be checked (unknown kind, missing feature, over the limits) is
//!   answered 503, which tells that the account exists. It is a fault to be mended, and logged.
//! - New passwords are not compared with lists of leaked ones.
//! - Passwords are compared byte for byte. Two ways to write one text in Unicode are two passwords;
//!   normalise before, at registration and at login, if your users need it.

mod error;
mod hash;
mod hasher;
mod limits;
mod log;
mod login;
mod memory;
mod memory_store;
mod pepper;
mod pool;
mod store;
mod user;

pub use auth_layer::CredentialEpoch;

pub use self::error::{HashError, HashErrorKind, NewPasswordError};
pub use self::hash::{PasswordHash, Verification};
pub use self::hasher::{PasswordHasher, PasswordHasherBuilder};
pub use self::limits::HashLimits;
pub use self::login::{PasswordLogin, PasswordLoginBuilder};
pub use self::memory_store::MemoryUserStore;
pub use self::pepper::Pepper;
pub use self::pool::{HashPool, HashPoolBuilder};
pub use self::store::{SharedUserStore, UserStore};
pub use self::user::UserRecord;
