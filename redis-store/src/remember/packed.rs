//! A series as one value.
//!
//! | bytes | holds |
//! |---|---|
//! | 0 | the format, 1 |
//! | 1..9 | ends, in ms, big-endian |
//! | 9..52 | the key of the user, as text |
//! | 52..84 | the digest of the current secret |
//! | 84..116 | the digest of the secret before; zeros if there is none |
//! | 116..124 | when that one was replaced, in ms, big-endian |
//! | | the login, as `RememberedLogin::encode` writes it |

use auth_layer::AuthError;
use session_layer::{NewSeries, RememberedLogin};

use crate::keys::{DIGEST, text};
use crate::time::millis;

const FORMAT: u8 = 1;
pub(super) const USER: usize = 9;
const LOGIN: usize = 124;

pub(super) fn pack(series: &NewSeries) -> Vec<u8> {
    let login = series.login.encode();
    let mut packed = Vec::with_capacity(LOGIN + login.len());
    packed.push(FORMAT);
    packed.extend_from_slice(&millis(series.login.ends_at).to_be_bytes());
    packed.extend_from_slice(&text(series.login.user().as_bytes()));
    packed.extend_from_slice(series.secret.as_bytes());
    packed.extend_from_slice(&[0; 32 + 8]);
    packed.extend_from_slice(&login);
    packed
}

/// When a series ends, in milliseconds, by the first bytes of it.
pub(super) fn ends(packed: &[u8]) -> Option<u64> {
    let ends = packed.get(1..USER)?.first_chunk()?;
    Some(u64::from_be_bytes(*ends))
}

/// The login of a packed series.
pub(super) fn unpack(packed: &[u8]) -> Result<RememberedLogin, AuthError> {
    match packed.split_at_checked(LOGIN) {
        Some((head, login)) if head[0] == FORMAT => decode(login),
        _ => Err(undecodable()),
    }
}

/// Whose it is.
pub(super) fn user(packed: &[u8]) -> Option<&[u8]> {
    packed.get(USER..USER + DIGEST)
}

pub(super) fn decode(login: &[u8]) -> Result<RememberedLogin, AuthError> {
    RememberedLogin::decode(login).map_err(|error| undecodable().with_source(error))
}

#[cold]
fn undecodable() -> AuthError {
    AuthError::unavailable("redis_undecodable_login")
}
