//! Making an issuer.

use std::time::Duration;

use auth_layer::{ConfigError, Events, SharedClock, check_duration};

use super::{Issuer, SigningKeys};

/// Makes an [`Issuer`]. See [`Issuer::builder`].
#[derive(Debug)]
#[must_use]
pub struct IssuerBuilder {
    pub(super) issuer: String,
    pub(super) audience: String,
    pub(super) keys: SigningKeys,
    pub(super) client_id: String,
    pub(super) lifetime: Duration,
    pub(super) clock: SharedClock,
    pub(super) events: Events,
}

impl IssuerBuilder {
    pub(super) fn new(issuer: String, audience: String, keys: SigningKeys) -> Self {
        Self {
            issuer,
            audience,
            keys,
            client_id: "first-party".to_owned(),
            lifetime: Duration::from_secs(10 * 60),
            clock: SharedClock::system(),
            events: Events::default(),
        }
    }

    /// How long tokens live. Default: 10 minutes; a second to a day.
    pub fn lifetime(mut self, lifetime: Duration) -> Self {
        self.lifetime = lifetime;
        self
    }

    /// The `client_id` of tokens that no other client asked for. Default: `first-party`. No user may
    /// have this id.
    pub fn client_id(mut self, client_id: impl Into<String>) -> Self {
        self.client_id = client_id.into();
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

    /// The finished issuer.
    ///
    /// # Errors
    ///
    /// Names the option that cannot work: an empty issuer, audience or client id, a lifetime below a
    /// second or above a day, or above what the key ring keeps its keys for.
    pub fn build(self) -> Result<Issuer, ConfigError> {
        for (option, text) in [
            ("issuer", &self.issuer),
            ("audience", &self.audience),
            ("client_id", &self.client_id),
        ] {
            if text.is_empty() {
                return Err(ConfigError::new(option, "must not be empty"));
            }
        }
        check_duration("lifetime", self.lifetime)?;
        if !(1..=24 * 60 * 60).contains(&self.lifetime.as_secs()) {
            return Err(ConfigError::new("lifetime", "must be a second to a day"));
        }
        self.keys.check_lifetime(self.lifetime)?;
        Issuer::new(self)
    }
}
