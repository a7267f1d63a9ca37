//! Refresh tokens (RFC 6749 section 6, RFC 9700 section 4.14): logins that outlive their access
//! tokens.
//!
//! A login begins a *family*: one token that is good for one use, and is then replaced by the next.
//! How a token that is sent is judged:
//!
//! 1. The token that is good now is exchanged for the next one, in one step of the store.
//! 2. The token that was used last may come again for a moment (10 seconds, from its first use on),
//!    because two tabs sent it at once or an answer got lost. The same client, asking for the same,
//!    is given the *same* next token, which is kept encrypted under the one that it presents.
//! 3. Every other token of the family was copied: the family ends, and its access tokens with it, by
//!    the claim `sid` that they carry.
//! 4. What was granted never grows. Roles, scopes, and whether the user may log in at all are read
//!    anew each time; when a factor was proved is not, so nothing becomes fresh by refreshing.
//!
//! It needs a Tokio runtime: what ends a family is carried to its end, also if the client that asked
//! for it hangs up.
//!
//! ```
//! # #[cfg(any(feature = "aws-lc", feature = "rust-crypto"))] {
//! use auth_layer::{AuthError, Identity};
//! use jwt_layer::refresh::{MemoryRefreshStore, RefreshGrant, RefreshRequest, RefreshTokens};
//! use jwt_layer::{Algorithm, Issuer, MemoryRevocations, SharedRevocations, SigningKey};
//! # use auth_layer::ExposeSecret as _;
//! # async fn load_user(login: &Identity) -> Result<Option<Identity>, AuthError> { Ok(Some(login.clone())) }
//!
//! let key = SigningKey::generate(Algorithm::Es256)?;
//! let issuer = Issuer::builder("https://id.example.com", "https://api.example.com", key).build()?;
//! let revocations = SharedRevocations::new(MemoryRevocations::new()); // for `Jwt::revocations` too
//! let users = |login: Identity| async move { load_user(&login).await };
//! let tokens = RefreshTokens::builder(issuer, MemoryRefreshStore::new(), revocations, users).build()?;
//!
//! # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
//! # let identity = Identity::new("password", "user-17");
//! let pair = tokens.begin(&RefreshGrant::new(&identity)).await?; // after a login
//! let text = pair.refresh_token().to_secret_string();
//! let next = tokens.refresh(&RefreshRequest::new(text.expose_secret())).await?;
//! assert_eq!(next.family(), pair.family());
//! # Ok::<_, Box<dyn std::error::Error>>(()) })?;
//! # }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod answer;
mod builder;
mod cookie;
mod end;
mod error;
mod exchange;
mod family;
mod id;
mod memory;
mod request;
mod revoke;
mod service;
mod state;
mod store;
mod token;

use auth_layer::{AuthError, AuthErrorKind};
use tokio::task::JoinError;

pub use self::answer::TokenPair;
pub use self::builder::RefreshTokensBuilder;
pub use self::cookie::{RefreshCookie, RefreshCookieBuilder};
pub use self::end::FamilyInfo;
pub use self::error::{RefreshError, RefreshErrorKind};
pub use self::family::{DecodeFamilyError, Family, SCHEME};
pub use self::id::{FamilyId, InvalidFamilyId};
pub use self::memory::MemoryRefreshStore;
pub use self::request::{RefreshBody, RefreshGrant, RefreshRequest, RevokeBody};
pub use self::service::RefreshTokens;
pub use self::state::{FamilyState, RotateOutcome, Rotation, UsedToken};
pub use self::store::{RefreshStore, SharedRefreshStore};
pub use self::token::RefreshToken;

/// Carries what has begun to its end, also if nobody waits for it any more: a client that hangs up
/// leaves no family that is half ended.
async fn carried<T: Send + 'static>(
    work: impl Future<Output = Result<T, AuthError>> + Send + 'static,
) -> Result<T, AuthError> {
    match tokio::spawn(work).await {
        Ok(result) => result,
        Err(error) => Err(interrupted(error)),
    }
}

fn interrupted(error: JoinError) -> AuthError {
    AuthError::unavailable("refresh_interrupted").with_source(error)
}

/// Whatever a store fails with, it is not the token's fault.
fn could_not_ask(error: AuthError) -> AuthError {
    match error.kind() {
        AuthErrorKind::Internal | AuthErrorKind::Misconfigured | AuthErrorKind::Unavailable => {
            error
        }
        _ => AuthError::unavailable("could_not_check").with_source(error),
    }
}
