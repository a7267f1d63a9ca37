//! A session as small as it gets.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use auth_layer::{AuthError, AuthErrorKind, SecretDigest};

use crate::record::{DecodeRecordError, Head, millis};
use crate::{SessionData, SessionId, SessionRecord, Touch, UpdateOutcome, UserKey};

/// The first half of the digest of a secret.
///
/// It is enough: the secrets are random, so are their digests, and finding a text whose digest
/// begins with one of the halves that are stored takes as many attempts as guessing a random secret of
/// 128 bits does, whatever else is known.
pub(super) type Key = [u8; 16];

pub(super) fn key(secret: &SecretDigest) -> Key {
    let (key, _) = secret.as_bytes().split_at(16);
    key.try_into().expect("half of 32 bytes")
}

/// One cache line, and what is stored of the record. Times are milliseconds since 1970, rounded
/// down, so that no session lasts longer for it.
pub(super) struct Session {
    pub(super) key: Key,
    last_seen_at: u64,
    expires_at: u64,
    stored: Box<[u8]>,
    /// What most sessions have not.
    rest: Option<Box<Rest>>,
    /// The record, if it is asked for often.
    pub(super) decoded: Option<Arc<SessionRecord>>,
}

/// Where it is missing, there is no data, in version 1.
struct Rest {
    version: u64,
    data: SessionData,
}

impl Session {
    pub(super) fn new(key: Key, record: &SessionRecord) -> Self {
        let rest = Rest {
            version: record.version,
            data: record.data.clone(),
        };
        let is_plain = rest.version == 1 && rest.data.as_bytes().is_empty();
        Self {
            key,
            last_seen_at: millis(record.last_seen_at),
            expires_at: millis(record.expires_at.min(record.ends_at)),
            stored: record.encode().into_boxed_slice(),
            rest: (!is_plain).then(|| Box::new(rest)),
            decoded: None,
        }
    }

    pub(super) fn record(&self) -> Result<Arc<SessionRecord>, AuthError> {
        if let Some(decoded) = &self.decoded {
            return Ok(Arc::clone(decoded));
        }
        let (last_seen_at, expires_at) = (time(self.last_seen_at)?, time(self.expires_at)?);
        let (version, data) = (self.version(), self.data());
        SessionRecord::decode(&self.stored, version, last_seen_at, expires_at, data)
            .map(Arc::new)
            .map_err(broken)
    }

    /// Whether `record` is what is stored, and not what was stored before a change.
    pub(super) fn is_as(&self, record: &SessionRecord) -> Result<bool, AuthError> {
        Ok(self.version() == record.version
            && self.last_seen_at == millis(record.last_seen_at)
            && self.expires_at == millis(record.expires_at)
            && self.id()? == record.id)
    }

    pub(super) fn id(&self) -> Result<SessionId, AuthError> {
        Ok(self.head()?.id)
    }

    pub(super) fn user(&self) -> Result<Option<UserKey>, AuthError> {
        Ok(self.record()?.user())
    }

    pub(super) fn version(&self) -> u64 {
        self.rest.as_ref().map_or(1, |rest| rest.version)
    }

    pub(super) fn is_live(&self, now: SystemTime) -> bool {
        millis(now) < self.expires_at
    }

    /// False if it is over by then.
    pub(super) fn touch(&mut self, touch: Touch) -> Result<bool, AuthError> {
        let live = self.is_live(touch.seen_at);
        if live {
            let expires_at = touch.expires_at.min(self.head()?.ends_at);
            self.last_seen_at = self.last_seen_at.max(millis(touch.seen_at));
            self.expires_at = self.expires_at.max(millis(expires_at));
            let (seen_at, expires_at) = (time(self.last_seen_at)?, time(self.expires_at)?);
            if let Some(decoded) = &mut self.decoded {
                let decoded = Arc::make_mut(decoded);
                decoded.last_seen_at = seen_at;
                decoded.expires_at = expires_at;
            }
        }
        Ok(live)
    }

    pub(super) fn update(
        &mut self,
        version: u64,
        data: SessionData,
    ) -> Result<UpdateOutcome, AuthError> {
        if self.version() != version {
            let stored = SessionRecord::clone(&*self.record()?);
            return Ok(UpdateOutcome::Changed(Box::new(stored)));
        }
        let version = version + 1;
        if let Some(decoded) = &mut self.decoded {
            let decoded = Arc::make_mut(decoded);
            decoded.version = version;
            decoded.data = data.clone();
        }
        self.rest = Some(Box::new(Rest { version, data }));
        Ok(UpdateOutcome::Updated { version })
    }

    fn data(&self) -> SessionData {
        let rest = self.rest.as_ref();
        rest.map_or_else(SessionData::default, |rest| rest.data.clone())
    }

    fn head(&self) -> Result<Head, AuthError> {
        let (head, _) = Head::read(&self.stored).map_err(broken)?;
        Ok(head)
    }
}

fn time(millis: u64) -> Result<SystemTime, AuthError> {
    UNIX_EPOCH
        .checked_add(Duration::from_millis(millis))
        .ok_or_else(|| broken(DecodeRecordError::Time))
}

/// Never, as this crate has written it.
#[cold]
fn broken(error: DecodeRecordError) -> AuthError {
    AuthError::new(AuthErrorKind::Internal, "undecodable_session").with_source(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slot_is_a_cache_line() {
        assert_eq!(size_of::<Session>(), 64);
        assert_eq!(size_of::<super::super::slab::Slot>(), 64);
    }
}
