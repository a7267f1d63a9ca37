//! What a store keeps of a session.

mod codec;
mod data;
mod device;
mod expiry_date;
mod wire;

use std::fmt;
use std::time::SystemTime;

use auth_layer::{Identity, SecretDigest};

pub use self::codec::DecodeRecordError;
pub(crate) use self::codec::{Head, millis};
pub use self::data::SessionData;
pub use self::device::Device;
pub(crate) use self::expiry_date::expiry_date;
use crate::{SessionId, SessionLimits, UserKey};

/// A session as stores keep it. Cheap to clone.
///
/// The parts change at different rates, and stores may keep them apart:
/// [`encode`](Self::encode) writes what never changes, and `version`, `data`, `last_seen_at` and
/// `expires_at` are what [`update`](crate::SessionBackend::update) and
/// [`touch`](crate::SessionBackend::touch) write.
///
/// There is no secret in it: neither the cookie's value nor its digest, and of a remember-me series
/// only the digest of its selector.
#[derive(Clone)]
#[non_exhaustive]
pub struct SessionRecord {
    /// The public id.
    pub id: SessionId,
    /// Counts the changes of `data`, from 1.
    pub version: u64,
    /// When the session began; a refreshed session keeps it.
    pub created_at: SystemTime,
    /// When it was last used, to a twentieth of the idle time.
    pub last_seen_at: SystemTime,
    /// When it ends unless it is used again. Never after `ends_at`.
    pub expires_at: SystemTime,
    /// When it ends however much it is used.
    pub ends_at: SystemTime,
    /// Who is logged in; `None` for a session that only holds data.
    pub login: Option<Identity>,
    /// What it runs on, as far as that was told at login.
    pub device: Device,
    /// The remember-me series that the session came from or has begun: the digest of its selector.
    pub remembered_by: Option<SecretDigest>,
    /// What handlers have put into it.
    pub data: SessionData,
}

impl SessionRecord {
    /// A session that begins at `now`, with nobody logged in and no data.
    #[must_use]
    pub fn new(id: SessionId, now: SystemTime, limits: SessionLimits) -> Self {
        let ends_at = limits.ends_at(now);
        Self {
            id,
            version: 1,
            created_at: now,
            last_seen_at: now,
            expires_at: limits.expires_at(now, ends_at),
            ends_at,
            login: None,
            device: Device::default(),
            remembered_by: None,
            data: SessionData::default(),
        }
    }

    /// A template: the id is drawn when it is stored.
    pub(crate) fn unnamed(now: SystemTime, limits: SessionLimits) -> Self {
        Self::new(SessionId::from_bytes([0; 16]), now, limits)
    }

    /// The key of the user who is logged in, which stores index sessions by.
    pub fn user(&self) -> Option<UserKey> {
        self.login.as_ref().map(UserKey::from)
    }

    /// Whether the session is live at `now`: it is over at the very instant at which it expires.
    pub fn is_live(&self, now: SystemTime) -> bool {
        now < self.expires_at
    }

    /// As [`is_live`](Self::is_live), and by `limits` too, which may have become shorter since.
    pub(crate) fn is_live_under(&self, now: SystemTime, limits: SessionLimits) -> bool {
        self.is_live(now)
            && now < limits.expires_at(self.last_seen_at, limits.ends_at(self.created_at))
    }
}

/// Leaves out the data, which may hold personal matters.
impl fmt::Debug for SessionRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionRecord")
            .field("id", &self.id)
            .field("version", &self.version)
            .field("login", &self.login)
            .field("expires_at", &self.expires_at)
            .finish_non_exhaustive()
    }
}
