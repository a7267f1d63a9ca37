//! A family as one value.
//!
//! | bytes | holds |
//! |---|---|
//! | 0 | the format, 1 |
//! | 1..9 | when it is over unless it is used, in ms, big-endian |
//! | 9 | 1 if a token was used again, which ended it; else 0 |
//! | 10..53 | the key of the user, as text |
//! | 53..85 | the digest of the current token |
//! | 85..117 | the digest of the token used last; zeros if there is none |
//! | 117..125 | when that one was used, in ms, big-endian |
//! | 125..129 | how often it was replayed, big-endian |
//! | 129..133 | the length of its successor, big-endian |
//! | 133.. | the successor, encrypted, and the family, as `Family::encode` writes it |

use std::time::SystemTime;

use auth_layer::{AuthError, SecretDigest};
use jwt_layer::refresh::{Family, FamilyId, FamilyState, Rotation};

use crate::keys::{DIGEST, text};
use crate::time::{millis, time};

const FORMAT: u8 = 1;
const USER: usize = 10;
const SUCCESSOR: usize = 133;

pub(super) fn pack(state: &FamilyState) -> Vec<u8> {
    let family = state.family.encode();
    let mut packed = Vec::with_capacity(SUCCESSOR + family.len());
    packed.push(FORMAT);
    packed.extend_from_slice(&millis(state.expires_at).to_be_bytes());
    packed.push(u8::from(state.reused));
    packed.extend_from_slice(&text(state.family.user().as_bytes()));
    packed.extend_from_slice(state.current.as_bytes());
    packed.extend_from_slice(&[0; 32 + 8 + 4 + 4]);
    packed.extend_from_slice(&family);
    packed
}

/// Whose it is.
pub(super) fn user(packed: &[u8]) -> Option<&[u8]> {
    packed.get(USER..USER + DIGEST)
}

pub(super) fn unpack(id: FamilyId, packed: &[u8]) -> Result<FamilyState, AuthError> {
    read(id, packed).ok_or_else(|| AuthError::unavailable("redis_undecodable_family"))?
}

/// `None` if it is too short, or of another format.
fn read(id: FamilyId, packed: &[u8]) -> Option<Result<FamilyState, AuthError>> {
    let (head, rest) = packed.split_at_checked(SUCCESSOR)?;
    let number = |at: usize| Some(u64::from_be_bytes(*head.get(at..at + 8)?.first_chunk()?));
    let short = |at: usize| Some(u32::from_be_bytes(*head.get(at..at + 4)?.first_chunk()?));
    let digest = |at: usize| {
        let bytes: &[u8; 32] = head.get(at..at + 32)?.first_chunk()?;
        Some(SecretDigest::from_bytes(*bytes))
    };
    if head[0] != FORMAT {
        return None;
    }
    let (successor, family) = rest.split_at_checked(usize::try_from(short(129)?).ok()?)?;
    let family = match Family::decode(id, family) {
        Ok(family) => family,
        Err(error) => {
            let unreadable = AuthError::unavailable("redis_undecodable_family");
            return Some(Err(unreadable.with_source(error)));
        }
    };
    let used = digest(85)?;
    let mut state = FamilyState::new(family, digest(53)?, time(number(1)?)?);
    state.reused = head[9] == 1;
    if used.as_bytes() != &[0; 32] {
        let mut last = jwt_layer::refresh::UsedToken::new(used, time(number(117)?)?);
        last.replays = short(125)?;
        last.successor = successor.to_vec();
        state.used = Some(last);
    }
    Some(Ok(state))
}

/// For how long a window lasts, in milliseconds.
pub(super) fn window(rotation: &Rotation) -> u64 {
    // To the millisecond, as times are.
    let window = rotation.window.min(std::time::Duration::from_secs(1 << 32));
    millis(SystemTime::UNIX_EPOCH + window)
}
