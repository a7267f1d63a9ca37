//! A session as a record of tower-sessions.

use std::collections::HashMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use auth_layer::{AuthError, AuthErrorKind, SecretDigest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tower_sessions_core::session::{Id, Record};

use crate::record::expiry_date;
use crate::{SessionData, SessionRecord};

/// The one key of the record's data.
const KEY: &str = "session-layer";

/// Times are milliseconds since 1970.
#[derive(Serialize, Deserialize)]
struct Stored {
    /// The whole digest, of which the id has the first half.
    digest: String,
    fixed: String,
    version: u64,
    seen: u64,
    expires: u64,
    data: String,
}

pub(super) fn to_foreign(
    id: Id,
    secret: &SecretDigest,
    record: &SessionRecord,
) -> Result<Record, AuthError> {
    let stored = Stored {
        digest: URL_SAFE_NO_PAD.encode(secret.as_bytes()),
        fixed: URL_SAFE_NO_PAD.encode(record.encode()),
        version: record.version,
        seen: millis(record.last_seen_at),
        expires: millis(record.expires_at),
        data: URL_SAFE_NO_PAD.encode(record.data.as_bytes()),
    };
    let stored = serde_json::to_value(stored).map_err(|error| {
        AuthError::new(AuthErrorKind::Internal, "unencodable_session").with_source(error)
    })?;
    Ok(Record {
        id,
        data: HashMap::from([(KEY.to_owned(), stored)]),
        expiry_date: expiry_date(record.expires_at),
    })
}

/// `None` if it is somebody else's record.
pub(super) fn from_foreign(
    secret: &SecretDigest,
    mut record: Record,
) -> Result<Option<SessionRecord>, AuthError> {
    let Some(stored) = record.data.remove(KEY) else {
        return Ok(None);
    };
    let stored: Stored = read(stored)?;
    let digest: [u8; 32] = match decode(&stored.digest)?.try_into() {
        Ok(digest) => digest,
        Err(_) => return Err(unreadable()),
    };
    if SecretDigest::from_bytes(digest) != *secret {
        return Ok(None);
    }
    let data = SessionData::from_bytes(Bytes::from(decode(&stored.data)?));
    let record = SessionRecord::decode(
        &decode(&stored.fixed)?,
        stored.version,
        time(stored.seen)?,
        time(stored.expires)?,
        data,
    );
    record
        .map(Some)
        .map_err(|error| unreadable().with_source(error))
}

fn read(stored: Value) -> Result<Stored, AuthError> {
    serde_json::from_value(stored).map_err(|error| unreadable().with_source(error))
}

fn decode(text: &str) -> Result<Vec<u8>, AuthError> {
    let decoded = URL_SAFE_NO_PAD.decode(text);
    decoded.map_err(|error| unreadable().with_source(error))
}

fn millis(time: SystemTime) -> u64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

fn time(millis: u64) -> Result<SystemTime, AuthError> {
    let time = UNIX_EPOCH.checked_add(Duration::from_millis(millis));
    time.ok_or_else(unreadable)
}

fn unreadable() -> AuthError {
    AuthError::unavailable("unreadable_session")
}

#[cfg(test)]
mod tests {
    use auth_layer::Identity;

    use super::*;
    use crate::{SessionId, SessionLimits};

    #[test]
    fn ses_17_what_is_written_is_read_by_its_digest_only() {
        let now = UNIX_EPOCH + Duration::from_millis(1_800_000_000_123);
        let mut record =
            SessionRecord::new(SessionId::from_bytes([7; 16]), now, SessionLimits::STRICT);
        record.login = Some(Identity::new(crate::SCHEME, "ann"));
        record.version = 3;
        record.data = SessionData::from_bytes(Bytes::from_static(b"{\"k\":1}"));
        let digest = SecretDigest::of("secret");
        let foreign = to_foreign(Id(5), &digest, &record).unwrap();
        let read = from_foreign(&digest, foreign.clone()).unwrap().unwrap();
        assert_eq!(read.encode(), record.encode());
        assert_eq!((read.version, &read.data), (3, &record.data));
        assert_eq!(read.last_seen_at, record.last_seen_at);
        assert_eq!(read.expires_at, record.expires_at);

        // The same id, and another secret.
        let mut half = *digest.as_bytes();
        half[31] ^= 1;
        let other = SecretDigest::from_bytes(half);
        assert!(from_foreign(&other, foreign.clone()).unwrap().is_none());
        // A record of tower-sessions' own.
        let mut theirs = foreign.clone();
        theirs.data = HashMap::from([("user".to_owned(), Value::from("ann"))]);
        assert!(from_foreign(&digest, theirs).unwrap().is_none());
        // What cannot be read is no "unknown session".
        let mut broken = foreign;
        broken.data.insert(KEY.to_owned(), Value::from(1));
        let error = from_foreign(&digest, broken).unwrap_err();
        assert_eq!(error.kind(), AuthErrorKind::Unavailable);
    }
}
