//! What a store keeps of a remembered login.

use std::fmt;
use std::time::SystemTime;

use auth_layer::Identity;

use crate::record::DecodeRecordError;
use crate::{SCHEME, SessionData, SessionId, SessionLimits, SessionRecord, UserKey};

/// A login that is remembered: who it was, as it was proved then, and until when. It never changes.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct RememberedLogin {
    /// Who logged in, with the factors and the `auth_time` of that login. It has the scheme
    /// `session`; scheme, session id and expiry are not kept.
    pub login: Identity,
    /// When the series began, to the millisecond.
    pub began_at: SystemTime,
    /// When it ends however much it is used, to the millisecond.
    pub ends_at: SystemTime,
}

impl RememberedLogin {
    /// A login that is remembered from `began_at` until `ends_at`.
    #[must_use]
    pub const fn new(login: Identity, began_at: SystemTime, ends_at: SystemTime) -> Self {
        Self {
            login,
            began_at,
            ends_at,
        }
    }

    /// The key of the user, which stores index series by.
    pub fn user(&self) -> UserKey {
        UserKey::from(&self.login)
    }

    /// Whether it is remembered at `now`: it is over at the very instant at which it ends.
    pub fn is_live(&self, now: SystemTime) -> bool {
        now < self.ends_at
    }

    /// Writes all of it.
    pub fn encode(&self) -> Vec<u8> {
        // It has the parts of a session that never change.
        let limits = SessionLimits::default();
        let mut record = SessionRecord::new(SessionId::from_bytes([0; 16]), self.began_at, limits);
        record.ends_at = self.ends_at;
        record.login = Some(self.login.clone());
        record.encode()
    }

    /// Reads what [`encode`](Self::encode) wrote.
    ///
    /// # Errors
    ///
    /// Fails if `stored` was not written by `encode`.
    pub fn decode(stored: &[u8]) -> Result<Self, DecodeRememberedLoginError> {
        let any_time = SystemTime::UNIX_EPOCH;
        let data = SessionData::default();
        let record = SessionRecord::decode(stored, 1, any_time, any_time, data)
            .map_err(|error| DecodeRememberedLoginError(Some(error)))?;
        let login = record.login.ok_or(DecodeRememberedLoginError(None))?;
        let login = Identity::to_builder(&login).scheme(SCHEME).build();
        Ok(Self::new(login, record.created_at, record.ends_at))
    }
}

/// A stored [`RememberedLogin`] that cannot be read.
#[derive(Debug)]
pub struct DecodeRememberedLoginError(Option<DecodeRecordError>);

impl fmt::Display for DecodeRememberedLoginError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the stored login cannot be read")
    }
}

impl std::error::Error for DecodeRememberedLoginError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.as_ref().map(|error| error as _)
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use auth_layer::{CredentialEpoch, Factor, FactorKind};

    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let at = |millis| UNIX_EPOCH + Duration::from_millis(millis);
        let login = Identity::builder(SCHEME, "ann")
            .issuer("https://id.example")
            .tenant("acme")
            .role("editor")
            .factor(Factor::new(FactorKind::Password, at(5_001)))
            .auth_time(at(5_001))
            .extra(CredentialEpoch::new(3))
            .build();
        let remembered = RememberedLogin::new(login.clone(), at(6_002), at(9_000_003));
        let read = RememberedLogin::decode(&remembered.encode()).unwrap();
        assert!(read.login.is_same_principal(&login));
        assert_eq!(read.user(), remembered.user());
        assert_eq!(read.login.factors(), login.factors());
        assert_eq!(read.login.auth_time(), login.auth_time());
        assert!(read.login.has_role("editor"));
        assert_eq!(read.login.extra(), Some(&CredentialEpoch::new(3)));
        assert_eq!((read.began_at, read.ends_at), (at(6_002), at(9_000_003)));
        for (millis, live) in [(9_000_002, true), (9_000_003, false), (9_000_004, false)] {
            assert_eq!(read.is_live(at(millis)), live, "{millis}");
        }
    }

    #[test]
    fn a_session_in_which_nobody_is_logged_in_is_no_login() {
        let id = SessionId::from_bytes([1; 16]);
        let record = SessionRecord::new(id, UNIX_EPOCH, SessionLimits::STRICT);
        assert!(RememberedLogin::decode(&record.encode()).is_err());
        assert!(RememberedLogin::decode(b"").is_err());
    }
}
