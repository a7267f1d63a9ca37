//! A session as one value: a head of fixed size, which the scripts read, and the rest.
//!
//! | bytes | holds |
//! |---|---|
//! | 0 | the format, 1 |
//! | 1..9 | version |
//! | 9..17 | last seen, in ms |
//! | 17..25 | expires, in ms |
//! | 25..33 | ends, in ms |
//! | 33..55 | the id, as text |
//! | 55..98 | the key of the user, as text; dots if nobody is logged in |
//! | 98..102 | the length of what follows |
//! | | what never changes, as `SessionRecord::encode` writes it |
//! | | the data |
//!
//! Numbers are big-endian.

use auth_layer::AuthError;
use bytes::Bytes;
use redis::Value;
use session_layer::{SessionData, SessionRecord, UserKey};

use crate::error::unexpected_answer;
use crate::keys::{DIGEST, text};
use crate::time::{millis, time};

const FORMAT: u8 = 1;
const VERSION: usize = 1;
const SEEN: usize = 9;
const EXPIRES: usize = 17;
const ID: usize = 33;
const USER: usize = 55;
const LENGTH: usize = 98;
pub(super) const HEAD: usize = 102;

/// What stands for the user where nobody is logged in; no digest looks like it.
const NOBODY: [u8; DIGEST] = [b'.'; DIGEST];

pub(super) fn pack(record: &SessionRecord) -> Vec<u8> {
    let lasting = record.encode();
    let data = record.data.as_bytes();
    let user = record.user();
    let length = u32::try_from(lasting.len()).unwrap_or(u32::MAX);
    let mut packed = Vec::with_capacity(HEAD + lasting.len() + data.len());
    packed.push(FORMAT);
    packed.extend_from_slice(&record.version.to_be_bytes());
    for time in [record.last_seen_at, record.expires_at, record.ends_at] {
        packed.extend_from_slice(&millis(time).to_be_bytes());
    }
    packed.extend_from_slice(record.id.to_string().as_bytes());
    packed.extend_from_slice(&user.as_ref().map_or(NOBODY, user_text));
    packed.extend_from_slice(&length.to_be_bytes());
    packed.extend_from_slice(&lasting);
    packed.extend_from_slice(data);
    packed
}

pub(super) fn user_text(user: &UserKey) -> [u8; DIGEST] {
    text(user.as_bytes())
}

/// Reads what [`pack`] wrote and scripts have changed.
pub(super) fn unpack(packed: Vec<u8>) -> Result<SessionRecord, AuthError> {
    let packed = Bytes::from(packed);
    let head = Head::read(&packed).ok_or_else(undecodable)?;
    let length = number(&packed, LENGTH, 4).and_then(|length| usize::try_from(length).ok());
    let data = length.and_then(|length| HEAD.checked_add(length));
    let Some(data) = data.filter(|data| *data <= packed.len()) else {
        return Err(undecodable());
    };
    let lasting = &packed[HEAD..data];
    let (Some(seen), Some(expires)) = (time(head.seen), time(head.expires)) else {
        return Err(undecodable());
    };
    let data = SessionData::from_bytes(packed.slice(data..));
    SessionRecord::decode(lasting, head.version, seen, expires, data)
        .map_err(|error| undecodable().with_source(error))
}

/// The session in an answer that is one or nil.
pub(super) fn unpack_found(answer: Value) -> Result<Option<SessionRecord>, AuthError> {
    match answer {
        Value::Nil => Ok(None),
        Value::BulkString(packed) => unpack(packed).map(Some),
        _ => Err(unexpected_answer()),
    }
}

/// What the head of a stored session says.
#[cfg_attr(
    not(feature = "cluster"),
    allow(dead_code, reason = "scripts read them")
)]
pub(super) struct Head {
    pub(super) version: u64,
    pub(super) seen: u64,
    pub(super) expires: u64,
    pub(super) id: Vec<u8>,
    pub(super) user: Option<[u8; DIGEST]>,
}

impl Head {
    pub(super) fn read(packed: &[u8]) -> Option<Self> {
        if packed.len() < HEAD || packed[0] != FORMAT {
            return None;
        }
        let user: [u8; DIGEST] = packed.get(USER..LENGTH)?.try_into().ok()?;
        Some(Self {
            version: number(packed, VERSION, 8)?,
            seen: number(packed, SEEN, 8)?,
            expires: number(packed, EXPIRES, 8)?,
            id: packed.get(ID..USER)?.to_vec(),
            user: (user != NOBODY).then_some(user),
        })
    }
}

fn number(packed: &[u8], at: usize, length: usize) -> Option<u64> {
    let bytes = packed.get(at..at + length)?;
    let number = bytes
        .iter()
        .fold(0, |number, byte| number << 8 | u64::from(*byte));
    Some(number)
}

#[cold]
fn undecodable() -> AuthError {
    AuthError::unavailable("redis_undecodable_session")
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use auth_layer::Identity;
    use session_layer::{SessionId, SessionLimits};

    use super::*;

    fn record() -> SessionRecord {
        let now = UNIX_EPOCH + Duration::from_millis(1_234_567);
        let id = SessionId::from_bytes([7; 16]);
        let mut record = SessionRecord::new(id, now, SessionLimits::STRICT);
        record.login = Some(Identity::builder(session_layer::SCHEME, "ann").build());
        record.version = 258;
        record.data = SessionData::from_bytes(r#"{"a":1}"#.into());
        record
    }

    #[test]
    fn what_is_packed_is_unpacked() {
        let mut nobodys = record();
        nobodys.login = None;
        nobodys.data = SessionData::default();
        for record in [record(), nobodys] {
            let packed = pack(&record);
            let head = Head::read(&packed).unwrap();
            assert_eq!(head.version, 258);
            assert_eq!(head.id, record.id.to_string().into_bytes());
            assert_eq!(head.user, record.user().as_ref().map(user_text));
            let read = unpack(packed).unwrap();
            assert_eq!(read.encode(), record.encode());
            assert_eq!(read.version, record.version);
            assert_eq!(read.data, record.data);
            assert_eq!(read.last_seen_at, record.last_seen_at);
            assert_eq!(read.expires_at, record.expires_at);
        }
    }

    #[test]
    fn what_was_not_packed_is_an_error_and_never_no_session() {
        let whole = pack(&record());
        let mut long = whole.clone();
        long[LENGTH..HEAD].fill(0xff);
        let mut format = whole.clone();
        format[0] = 2;
        let damaged = (0..HEAD + 20).map(|length| whole[..length].to_vec());
        for packed in damaged.chain([long, format]) {
            let error = unpack(packed).unwrap_err();
            assert_eq!(error.reason(), "redis_undecodable_session");
        }
    }
}
