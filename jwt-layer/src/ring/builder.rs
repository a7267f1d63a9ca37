//! Opening a ring.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use auth_layer::{AuthError, ConfigError, Events, SealingKeys, SharedClock, check_duration};

use super::document::{Protection, Times};
use super::{KeyRing, SharedSigningKeyStore};
use crate::Algorithm;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Opens a [`KeyRing`]. See [`KeyRing::builder`].
///
/// | option | default |
/// |---|---|
/// | [`sealed_with`](Self::sealed_with) | none: it has to be chosen |
/// | [`name`](Self::name) | `default` |
/// | [`rotate_every`](Self::rotate_every) | 90 days |
/// | [`publish_ahead`](Self::publish_ahead) | 10 minutes |
/// | [`token_lifetime`](Self::token_lifetime) | 24 hours |
/// | [`refresh_every`](Self::refresh_every) | 30 seconds |
/// | [`store_timeout`](Self::store_timeout) | 5 seconds |
#[derive(Debug)]
#[must_use]
pub struct KeyRingBuilder {
    algorithm: Algorithm,
    store: SharedSigningKeyStore,
    pub(super) name: String,
    protection: Option<Sealing>,
    rotate_every: Option<Duration>,
    publish_ahead: Duration,
    token_lifetime: Duration,
    refresh_every: Duration,
    store_timeout: Duration,
    clock: SharedClock,
    events: Events,
}

#[derive(Debug)]
enum Sealing {
    With(SealingKeys),
    Off,
}

/// What a ring works by.
pub(super) struct Options {
    pub(super) algorithm: Algorithm,
    pub(super) store: SharedSigningKeyStore,
    pub(super) name: Box<str>,
    pub(super) protection: Protection,
    pub(super) times: Times,
    pub(super) token_lifetime: Duration,
    pub(super) publish_ahead: Duration,
    pub(super) refresh_every: Duration,
    pub(super) store_timeout: Duration,
    pub(super) clock: SharedClock,
    pub(super) events: Events,
}

impl KeyRingBuilder {
    pub(super) fn new(algorithm: Algorithm, store: SharedSigningKeyStore) -> Self {
        Self {
            algorithm,
            store,
            name: "default".to_owned(),
            protection: None,
            rotate_every: Some(90 * DAY),
            publish_ahead: Duration::from_secs(10 * 60),
            token_lifetime: DAY,
            refresh_every: Duration::from_secs(30),
            store_timeout: Duration::from_secs(5),
            clock: SharedClock::system(),
            events: Events::default(),
        }
    }

    /// Encrypts what is kept with these keys. Whoever reads the store, or a copy of it, then has no
    /// signing key; and whoever can write to it cannot bring in a key of his own.
    ///
    /// What he can do is put back an older document, with keys that have been taken out since. A node
    /// that runs notices it, tells it as an event (`signing_keys_rolled_back`), goes on with the keys it
    /// holds, and writes them back. A node that starts has nothing to compare it with, and takes it
    /// until another node, if one runs, has written the newer one back.
    ///
    /// After a change of the secret, the old one is needed as
    /// [`previous`](SealingKeys::previous) until the ring was rotated.
    pub fn sealed_with(mut self, keys: SealingKeys) -> Self {
        self.protection = Some(Sealing::With(keys));
        self
    }

    /// Keeps the private keys as they are. Whoever reads the store, a backup or a replica can then
    /// make tokens for everybody, and whoever writes to it can, too. For tests, and for a store that
    /// encrypts by itself.
    pub fn insecure_plain(mut self) -> Self {
        self.protection = Some(Sealing::Off);
        self
    }

    /// The name of the ring in the store: nodes that share a name share the keys. Default: `default`;
    /// 1 to 200 bytes.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// How long a key signs before [`KeyRing::update`] or [`KeyRing::run`] make the next; a minute to
    /// ten years. Default: 90 days.
    pub fn rotate_every(mut self, period: Duration) -> Self {
        self.rotate_every = Some(period);
        self
    }

    /// A next key is made only by [`KeyRing::rotate`].
    pub fn rotate_by_call(mut self) -> Self {
        self.rotate_every = None;
        self
    }

    /// For how long a new key is published before it signs, so that those who verify with a copy of
    /// the JWKS document know it when the first token comes: at least as long as they keep the copy.
    /// Default: 10 minutes, which is twice what [`Issuer::jwks_response`](crate::Issuer::jwks_response)
    /// lets them keep it; at most a week. Zero is right where all who verify hold the ring itself.
    pub fn publish_ahead(mut self, ahead: Duration) -> Self {
        self.publish_ahead = ahead;
        self
    }

    /// The longest that a token of this ring lives: so long, and 5 minutes more for clocks that differ,
    /// a key that has stopped signing goes on verifying. Default: 24 hours, which is the longest that
    /// an [`Issuer`](crate::Issuer) can be set to, and the most.
    pub fn token_lifetime(mut self, lifetime: Duration) -> Self {
        self.token_lifetime = lifetime;
        self
    }

    /// How often [`KeyRing::run`] looks what other nodes have done: a key that was revoked elsewhere
    /// verifies here for so long at most. Default: 30 seconds; a second to an hour, and at most half of
    /// `publish_ahead` unless that is zero.
    pub fn refresh_every(mut self, period: Duration) -> Self {
        self.refresh_every = period;
        self
    }

    /// How long the store may take for one answer. Default: 5 seconds; at most a minute.
    pub fn store_timeout(mut self, timeout: Duration) -> Self {
        self.store_timeout = timeout;
        self
    }

    /// The clock. Default: the system's.
    pub fn clock(mut self, clock: impl Into<SharedClock>) -> Self {
        self.clock = clock.into();
        self
    }

    /// Where events go. Default: `tracing`, if that feature of auth-layer is on.
    pub fn events(mut self, events: Events) -> Self {
        self.events = events;
        self
    }

    /// Loads the keys. If there are none yet, makes the first, which signs at once; of several nodes
    /// that do this at the same time, one makes it.
    ///
    /// # Errors
    ///
    /// Names the option that cannot work, or says why the keys could not be had: the store could not
    /// be asked, or what it holds cannot be read with the sealing keys.
    pub async fn open(self) -> Result<KeyRing, KeyRingError> {
        let ring = KeyRing::new(self.check()?);
        ring.first().await?;
        Ok(ring)
    }

    fn check(self) -> Result<Options, ConfigError> {
        let wrong = |option, problem: &str| Err(ConfigError::new(option, problem));
        if self.algorithm.is_symmetric() {
            return wrong("algorithm", "must have a public key, which HMAC has not");
        }
        let protection = match self.protection {
            Some(Sealing::With(keys)) => Protection::Sealed(keys),
            Some(Sealing::Off) => Protection::Plain,
            None => return wrong("sealed_with", "must be set, or `insecure_plain` chosen"),
        };
        if self.name.is_empty() || self.name.len() > 200 || self.name.contains('\0') {
            return wrong("name", "must be 1 to 200 bytes, none of them zero");
        }
        if self.publish_ahead > 7 * DAY {
            return wrong("publish_ahead", "must be at most a week");
        }
        let lifetime = check_duration("token_lifetime", self.token_lifetime)?;
        if !(Duration::from_secs(1)..=DAY).contains(&lifetime) {
            return wrong("token_lifetime", "must be a second to a day");
        }
        let overlap = lifetime + auth_layer::MAX_LEEWAY;
        if let Some(every) = self.rotate_every {
            check_duration("rotate_every", every)?;
            let allowed = Duration::from_secs(60)..=3650 * DAY;
            if !allowed.contains(&every) || every <= self.publish_ahead {
                let problem = "must be a minute to ten years, and more than `publish_ahead`";
                return wrong("rotate_every", problem);
            }
            if every * 40 < overlap {
                let problem = "must be so long that at most 40 keys verify at a time";
                return wrong("rotate_every", problem);
            }
        }
        check_duration("refresh_every", self.refresh_every)?;
        let allowed = Duration::from_secs(1)..=Duration::from_secs(60 * 60);
        let ahead = self.publish_ahead;
        if !allowed.contains(&self.refresh_every)
            || (!ahead.is_zero() && self.refresh_every > ahead / 2)
        {
            let problem = "must be a second to an hour, and at most half of `publish_ahead`";
            return wrong("refresh_every", problem);
        }
        let timeout = check_duration("store_timeout", self.store_timeout)?;
        if timeout > Duration::from_secs(60) {
            return wrong("store_timeout", "must be at most a minute");
        }
        Ok(Options {
            algorithm: self.algorithm,
            store: self.store,
            name: self.name.into(),
            protection,
            times: Times {
                publish_ahead: millis(ahead),
                overlap: millis(overlap),
                rotate_every: self.rotate_every.map(millis),
            },
            token_lifetime: lifetime,
            publish_ahead: ahead,
            refresh_every: self.refresh_every,
            store_timeout: timeout,
            clock: self.clock,
            events: self.events,
        })
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// Why a ring could not be opened.
#[derive(Debug)]
#[non_exhaustive]
pub enum KeyRingError {
    /// An option cannot work.
    Config(ConfigError),
    /// The keys could not be had.
    Store(AuthError),
}

impl fmt::Display for KeyRingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Config(error) => error.fmt(f),
            Self::Store(error) => write!(f, "the signing keys could not be had: {error}"),
        }
    }
}

impl Error for KeyRingError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Config(error) => error.source(),
            Self::Store(error) => Some(error),
        }
    }
}

impl From<ConfigError> for KeyRingError {
    fn from(error: ConfigError) -> Self {
        Self::Config(error)
    }
}

impl From<AuthError> for KeyRingError {
    fn from(error: AuthError) -> Self {
        Self::Store(error)
    }
}
