//! The keys of a ring as a node holds them, ready for use.

use std::fmt::Write as _;
use std::sync::Arc;

use auth_layer::{AuthError, AuthErrorKind, ConfigError};

use super::document::{Document, Record, Schedule, decode, encode, unreadable};
use crate::issue::header_of;
use crate::{Algorithm, SigningKey, VerifyingKey};

/// A key that is prepared for use.
pub(crate) struct RingKey {
    pub(crate) signing: SigningKey,
    /// The encoded header: the same for every token of a key.
    pub(crate) header: String,
    pub(super) verifying: Arc<VerifyingKey>,
    jwk: String,
}

/// The keys as they were at one moment, in the order in which they sign.
pub(super) struct Snapshot {
    pub(super) document: Document,
    schedules: Vec<Schedule>,
    keys: Vec<Arc<RingKey>>,
    pub(super) jwks: Arc<str>,
    /// When the next of the keys ends.
    pub(super) next_end: Option<u64>,
}

impl Snapshot {
    /// Prepares the keys of `document`, as far as `before` has not done it.
    pub(super) fn new(document: Document, before: Option<&Self>) -> Result<Self, AuthError> {
        let mut keys = Vec::with_capacity(document.keys.len());
        for record in &document.keys {
            let held = before.and_then(|before| before.key(&record.kid));
            keys.push(match held {
                Some((_, key)) => Arc::clone(key),
                None => Arc::new(RingKey::new(record)?),
            });
        }
        let mut jwks = r#"{"keys":["#.to_owned();
        for (index, key) in keys.iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            // Writing to a string does not fail.
            let _ = write!(jwks, "{comma}{}", key.jwk);
        }
        jwks.push_str("]}");
        let schedules = document.schedules();
        Ok(Self {
            next_end: schedules.iter().filter_map(|one| one.ends).min(),
            document,
            schedules,
            keys,
            jwks: jwks.into(),
        })
    }

    fn key(&self, kid: &str) -> Option<(Schedule, &Arc<RingKey>)> {
        let pairs = self.schedules.iter().zip(&self.keys);
        let mut named = pairs.filter(|(_, key)| key.signing.kid() == Some(kid));
        named.next().map(|(schedule, key)| (*schedule, key))
    }

    /// The key that signs at `now`.
    pub(super) fn signing(&self, now: u64) -> Option<&Arc<RingKey>> {
        Document::signing(&self.schedules, now).map(|index| &self.keys[index])
    }

    /// The key for a token that names `kid` and `algorithm`, unless it has ended. The time is asked for
    /// only if the key will end.
    pub(super) fn verifying(
        &self,
        kid: &str,
        algorithm: Algorithm,
        now: impl FnOnce() -> u64,
    ) -> Option<&Arc<VerifyingKey>> {
        let (schedule, key) = self.key(kid)?;
        let lives = schedule.ends.is_none() || !schedule.has_ended(now());
        (lives && key.signing.algorithm() == algorithm).then_some(&key.verifying)
    }

    /// All keys, with what they are at `now`.
    pub(super) fn each(&self) -> impl Iterator<Item = (Schedule, &RingKey)> {
        let keys = self.keys.iter().map(|key| &**key);
        self.schedules.iter().copied().zip(keys)
    }
}

impl RingKey {
    fn new(record: &Record) -> Result<Self, AuthError> {
        let algorithm = Algorithm::from_name(&record.algorithm).ok_or_else(unreadable)?;
        let private = decode(&record.private)?;
        let signing = SigningKey::from_private(algorithm, private)
            .map_err(|error| unreadable().with_source(error))?;
        // Its id is what it is, and not what somebody calls it.
        if signing.kid() != Some(&*record.kid) {
            return Err(unreadable());
        }
        Self::prepare(signing).map_err(|error| unreadable().with_source(error))
    }

    fn prepare(signing: SigningKey) -> Result<Self, ConfigError> {
        Ok(Self {
            header: header_of(&signing)?,
            verifying: Arc::new(signing.verifying_key()?),
            jwk: signing.public_jwk().unwrap_or_default(),
            signing,
        })
    }
}

impl Record {
    /// A new key, whose schedule is yet to be made.
    pub(super) fn generate(algorithm: Algorithm) -> Result<Self, AuthError> {
        let failed = |error: ConfigError| {
            AuthError::new(AuthErrorKind::Internal, "no_new_signing_key").with_source(error)
        };
        let private = SigningKey::generate_private(algorithm).map_err(failed)?;
        let text = encode(&private);
        let key = SigningKey::from_private(algorithm, private).map_err(failed)?;
        let kid = key.kid().ok_or_else(unreadable)?;
        Ok(Self {
            kid: kid.into(),
            algorithm: algorithm.as_str().into(),
            schedule: Schedule::open(0),
            private: text,
        })
    }
}

/// Not the private keys.
impl std::fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let kids = self.keys.iter().map(|key| key.signing.kid());
        f.debug_list().entries(kids).finish()
    }
}
