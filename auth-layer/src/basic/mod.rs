//! Basic authentication (RFC 7617).
//!
//! 1. `Authorization: Basic <base64>` is decoded as UTF-8 and split at its first colon; the scheme's
//!    name is matched without regard to case. Anything that cannot be read, control characters and
//!    an empty user name are 401.
//! 2. A [`PasswordVerifier`] decides. [`StaticUsers`] is one for a few users in a configuration;
//!    `login::password` has one for a user store with slow hashes.
//! 3. Refusals carry `Basic realm="…", charset="UTF-8"`.
//!
//! # Caveats
//!
//! The password travels with every request, so use it over TLS only. Every request is a login: with
//! a slow hash each costs milliseconds. For programs, an API key is better.
//!
//! Guesses are limited by the verifier, not here; `login::attempts` does it, and `StaticUsers` does not.
//! Such a limit also bounds how many requests may run at once: with `5/5m/account`, the sixth of six
//! parallel requests is answered 429 for a moment, even if every password is right.
//!
//! Browsers send a password that was typed into their dialog again by themselves, with requests that
//! other sites cause, too. Routes that change something need protection from those (CSRF), as
//! `session_layer::SessionLayer::csrf_layer` and tower-http's `CsrfLayer` give it.
//!
//! ```
//! use auth_layer::basic::{Basic, StaticUsers};
//! use auth_layer::{AuthLayer, Identity, RequireAuth};
//! use axum::{Router, routing::get};
//!
//! let users = StaticUsers::new().user(Identity::new("basic", "prometheus"), "s3cret");
//! let app: Router = Router::new()
//!     .route("/metrics", get(|| async { "up 1" }))
//!     .route_layer(RequireAuth::authenticated())
//!     .layer(AuthLayer::new(Basic::new("metrics", users)));
//! # let _ = app;
//! ```

mod scheme;
mod static_users;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

pub use self::scheme::{Basic, BasicFuture};
pub use self::static_users::StaticUsers;
use crate::{AuthError, PasswordCredentials, PasswordVerifier};

/// The longest header value that is decoded, in bytes. A password of a kilobyte fits.
const MAX_LENGTH: usize = 8 * 1024;

/// Reads what follows `Basic ` in `Authorization`.
///
/// # Errors
///
/// `Malformed` if it is longer than 8 KiB, not base64 (padded, as RFC 4648 section 3.2 wants it), not
/// UTF-8, has no colon, or holds a control character (RFC 7617 section 2).
///
/// ```
/// let credentials = auth_layer::basic::parse(b"QWxhZGRpbjpvcGVuIHNlc2FtZQ==")?;
/// assert_eq!(credentials.username(), "Aladdin");
/// assert_eq!(credentials.password(), "open sesame");
/// # Ok::<(), auth_layer::AuthError>(())
/// ```
pub fn parse(encoded: &[u8]) -> Result<PasswordCredentials, AuthError> {
    if encoded.len() > MAX_LENGTH {
        return Err(AuthError::malformed("basic_too_long"));
    }
    let decoded = STANDARD
        .decode(encoded)
        .map_err(|_| AuthError::malformed("basic_not_base64"))?;
    let text = match String::from_utf8(decoded) {
        Ok(text) => Zeroizing::new(text),
        Err(error) => {
            // The bytes may hold a password in another encoding.
            drop(Zeroizing::new(error.into_bytes()));
            return Err(AuthError::malformed("basic_not_utf8"));
        }
    };
    if has_control(&text) {
        return Err(AuthError::malformed("basic_control_character"));
    }
    PasswordCredentials::from_pair(text).ok_or_else(|| AuthError::malformed("basic_no_colon"))
}

/// Whether there is a control character, of ASCII or of Unicode. Text that is ASCII without any, as
/// most is, is told apart without decoding it.
fn has_control(text: &str) -> bool {
    // No early end: so the compiler looks at many bytes at once.
    let suspect = text
        .bytes()
        .fold(false, |found, b| found | !(b' '..=b'~').contains(&b));
    suspect && text.contains(char::is_control)
}
