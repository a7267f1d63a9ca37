//! What is kept of a ring: its keys, and from when until when each of them does what.

use auth_layer::{AuthError, AuthErrorKind, ExposeSecret, SealingKeys, SecretSlice, SecretString};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

/// The most keys a ring may have; a set that verifies may have 100.
const MAX_KEYS: usize = 50;

/// What a sealed value is bound to, besides the name of the ring.
const PURPOSE: &[u8] = b"jwt-layer key ring";

/// The keys in the order in which they sign. Times are milliseconds since 1970.
#[derive(Clone, Default)]
pub(super) struct Document {
    /// How often it was written. A lower number than one that was seen is an older document.
    pub(super) generation: u64,
    pub(super) keys: Vec<Record>,
}

#[derive(Clone)]
pub(super) struct Record {
    pub(super) kid: Box<str>,
    /// The name of the algorithm.
    pub(super) algorithm: Box<str>,
    pub(super) schedule: Schedule,
    /// The private key, in base64url.
    pub(super) private: SecretString,
}

/// When a key does what.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Schedule {
    /// It signs from then on.
    pub(super) from: u64,
    /// It no longer signs.
    pub(super) until: Option<u64>,
    /// It no longer verifies.
    pub(super) ends: Option<u64>,
}

impl Schedule {
    pub(super) const fn open(from: u64) -> Self {
        Self {
            from,
            until: None,
            ends: None,
        }
    }

    pub(super) fn is_retired(&self, now: u64) -> bool {
        self.until.is_some_and(|until| until <= now)
    }

    pub(super) fn has_ended(&self, now: u64) -> bool {
        self.ends.is_some_and(|ends| ends <= now)
    }
}

/// The options that say when.
#[derive(Clone, Copy, Debug)]
pub(super) struct Times {
    pub(super) publish_ahead: u64,
    /// For how long a key verifies after it has signed for the last time.
    pub(super) overlap: u64,
    pub(super) rotate_every: Option<u64>,
}

impl Document {
    /// The kid of the key that came last, be it that it has begun to sign or not.
    pub(super) fn newest(&self) -> Option<&str> {
        self.keys.last().map(|record| &*record.kid)
    }

    /// Whether a key is there that is yet to sign.
    pub(super) fn is_announced(&self, now: u64) -> bool {
        self.keys
            .last()
            .is_some_and(|last| last.schedule.from > now)
    }

    /// The place of the key that signs at `now`.
    pub(super) fn signing(schedules: &[Schedule], now: u64) -> Option<usize> {
        let begun = |one: &Schedule| one.from <= now && !one.is_retired(now);
        // A clock that is behind that of the node which made the first key, or its successor when it
        // was revoked, sees none that has begun.
        schedules
            .iter()
            .rposition(begun)
            .or_else(|| schedules.iter().position(|one| !one.is_retired(now)))
    }

    /// Whether the newest key has signed for so long that its successor is to be announced.
    pub(super) fn is_rotation_due(&self, now: u64, times: Times) -> bool {
        let (Some(every), Some(newest)) = (times.rotate_every, self.keys.last()) else {
            return false;
        };
        newest.schedule.from.saturating_add(every) <= now.saturating_add(times.publish_ahead)
    }

    /// Adds a key that signs after the time it is announced for; the one before stops then.
    pub(super) fn rotate(
        &mut self,
        mut next: Record,
        now: u64,
        times: Times,
    ) -> Result<(), AuthError> {
        if self.keys.len() >= MAX_KEYS {
            return Err(AuthError::new(
                AuthErrorKind::Internal,
                "too_many_signing_keys",
            ));
        }
        let from = now + times.publish_ahead;
        next.schedule = Schedule::open(from);
        if let Some(newest) = self.keys.last_mut() {
            newest.schedule.until = Some(from);
            newest.schedule.ends = Some(from + times.overlap);
        }
        self.keys.push(next);
        Ok(())
    }

    /// Takes a key out at once. If it was the last that would ever sign, `next` makes another, which
    /// signs at once, as does one that was announced.
    pub(super) fn revoke(
        &mut self,
        kid: &str,
        now: u64,
        next: impl FnOnce() -> Result<Record, AuthError>,
    ) -> Result<bool, AuthError> {
        let Some(index) = self.keys.iter().position(|record| &*record.kid == kid) else {
            return Ok(false);
        };
        let schedules = self.schedules();
        let was_signing = Self::signing(&schedules, now) == Some(index);
        self.keys.remove(index);
        if was_signing {
            match self.keys.get_mut(index) {
                Some(announced) => announced.schedule.from = now.min(announced.schedule.from),
                None => {
                    let mut next = next()?;
                    next.schedule = Schedule::open(now);
                    self.keys.push(next);
                }
            }
        } else if index == self.keys.len()
            && let Some(before) = self.keys.last_mut()
        {
            // It was announced, and the one before it goes on.
            before.schedule = Schedule::open(before.schedule.from);
        }
        Ok(true)
    }

    /// Takes out what verifies no longer. Returns whether there was any.
    pub(super) fn delete_ended(&mut self, now: u64) -> bool {
        let before = self.keys.len();
        self.keys.retain(|record| !record.schedule.has_ended(now));
        self.keys.len() != before
    }

    pub(super) fn schedules(&self) -> Vec<Schedule> {
        self.keys.iter().map(|record| record.schedule).collect()
    }
}

/// How documents are written.
pub(super) enum Protection {
    Sealed(SealingKeys),
    /// As they are.
    Plain,
}

/// The first byte of a document, so that none is taken for one of the other kind: whoever can write
/// to the store must not be able to pass off a plain one with keys of his own.
const SEALED: u8 = b's';
const PLAIN: u8 = b'p';

#[derive(Serialize, Deserialize)]
struct Written<'a> {
    generation: u64,
    #[serde(borrow)]
    keys: Vec<WrittenKey<'a>>,
}

#[derive(Serialize, Deserialize)]
struct WrittenKey<'a> {
    kid: &'a str,
    alg: &'a str,
    #[serde(flatten)]
    schedule: Schedule,
    private: &'a str,
}

impl Protection {
    pub(super) fn write(&self, ring: &str, document: &Document) -> Result<Vec<u8>, AuthError> {
        let keys = document.keys.iter().map(|record| WrittenKey {
            kid: &record.kid,
            alg: &record.algorithm,
            schedule: record.schedule,
            private: record.private.expose_secret(),
        });
        let written = Written {
            generation: document.generation,
            keys: keys.collect(),
        };
        let json = serde_json::to_vec(&written).map_err(|error| {
            AuthError::new(AuthErrorKind::Internal, "unwritable_signing_keys").with_source(error)
        })?;
        let json = SecretSlice::from(json);
        let (kind, body) = match self {
            Self::Sealed(keys) => {
                let context = [PURPOSE, ring.as_bytes()];
                (SEALED, keys.seal(&context, json.expose_secret())?)
            }
            Self::Plain => (PLAIN, json.expose_secret().to_vec()),
        };
        let mut bytes = Vec::with_capacity(1 + body.len());
        bytes.push(kind);
        bytes.extend_from_slice(&body);
        Ok(bytes)
    }

    pub(super) fn read(&self, ring: &str, bytes: &[u8]) -> Result<Document, AuthError> {
        let (kind, body) = bytes.split_first().ok_or_else(unreadable)?;
        let json = match (self, *kind) {
            (Self::Sealed(keys), SEALED) => keys
                .open(&[PURPOSE, ring.as_bytes()], body)
                .ok_or_else(|| AuthError::unavailable("signing_keys_not_opened"))?,
            (Self::Plain, PLAIN) => SecretSlice::from(body.to_vec()),
            _ => return Err(AuthError::unavailable("signing_keys_sealed_otherwise")),
        };
        // What serde_json says may quote a key.
        let written: Written<'_> =
            serde_json::from_slice(json.expose_secret()).map_err(|_| unreadable())?;
        if written.keys.is_empty() || written.keys.len() > MAX_KEYS {
            return Err(unreadable());
        }
        let keys = written.keys.into_iter().map(|key| Record {
            kid: key.kid.into(),
            algorithm: key.alg.into(),
            schedule: key.schedule,
            private: key.private.to_owned().into(),
        });
        Ok(Document {
            generation: written.generation,
            keys: keys.collect(),
        })
    }
}

#[cold]
pub(super) fn unreadable() -> AuthError {
    AuthError::unavailable("signing_keys_unreadable")
}

pub(super) fn encode(private: &SecretSlice<u8>) -> SecretString {
    URL_SAFE_NO_PAD.encode(private.expose_secret()).into()
}

pub(super) fn decode(private: &SecretString) -> Result<SecretSlice<u8>, AuthError> {
    let bytes = URL_SAFE_NO_PAD.decode(private.expose_secret());
    bytes.map(SecretSlice::from).map_err(|_| unreadable())
}

#[cfg(test)]
mod tests;
