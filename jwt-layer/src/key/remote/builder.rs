//! Settings of [`RemoteKeys`].

use std::time::Duration;

use auth_layer::{ConfigError, Events, SharedClock, check_duration};

use super::snapshot::Timing;
use super::source::{Place, Source};
use super::{RemoteKeys, Shared};
use crate::fetch::{HttpLimits, SecureUrl, SharedHttpClient};
use crate::{Algorithm, Discovery};

/// Builds [`RemoteKeys`].
#[derive(Debug)]
#[must_use]
pub struct RemoteKeysBuilder {
    place: Result<Place, ConfigError>,
    algorithms: Vec<Algorithm>,
    client: Option<SharedHttpClient>,
    clock: SharedClock,
    events: Events,
    limits: HttpLimits,
    timing: Timing,
}

impl RemoteKeysBuilder {
    fn new(place: Result<Place, ConfigError>) -> Self {
        let public = |algorithm: &Algorithm| !algorithm.is_symmetric();
        Self {
            place,
            algorithms: Algorithm::ALL.into_iter().filter(public).collect(),
            client: None,
            clock: SharedClock::system(),
            events: Events::default(),
            limits: HttpLimits::new(),
            timing: Timing {
                cooldown: Duration::from_secs(30),
                refresh_interval: Duration::from_secs(10 * 60),
                max_age: Duration::from_secs(24 * 60 * 60),
            },
        }
    }

    pub(super) fn from_url(url: &str) -> Self {
        Self::new(url.parse::<SecureUrl>().map(Place::Jwks))
    }

    pub(super) fn from_discovery(discovery: Result<Discovery, ConfigError>) -> Self {
        Self::new(discovery.map(Place::Discovered))
    }

    /// The algorithms that keys are taken for. Default: all but HMAC, whose keys are secrets.
    ///
    /// A key that names its algorithm (`alg`) is taken for that one. An RSA key that does not is taken
    /// for each RSA algorithm in this list, so name the one that the issuer signs with.
    pub fn algorithms(mut self, algorithms: impl IntoIterator<Item = Algorithm>) -> Self {
        self.algorithms = algorithms.into_iter().collect();
        self
    }

    /// What asks. Default: a `ReqwestClient` of its own, with the feature `reqwest`.
    pub fn client(mut self, client: impl Into<SharedHttpClient>) -> Self {
        self.client = Some(client.into());
        self
    }

    /// What one request may cost, and where it may go. Default: 5 seconds, 512 KiB, anywhere.
    pub fn limits(mut self, limits: HttpLimits) -> Self {
        self.limits = limits;
        self
    }

    /// How long after an attempt the next one may be, whether it went well or not. Default: 30 seconds,
    /// at least 1.
    ///
    /// Anybody may send tokens with invented key ids; this is how often they can have the issuer
    /// asked. It is also how long a new key may stay unknown, so issuers publish a key before they
    /// sign with it.
    pub fn cooldown(mut self, cooldown: Duration) -> Self {
        self.timing.cooldown = cooldown;
        self
    }

    /// After how long the keys are asked for anew, in the background. Default: 10 minutes.
    ///
    /// A key that the issuer took back is accepted for so long. If the issuer says `max-age`, that is
    /// taken instead, from one minute to an hour (or to this interval, if that is longer). Up to a
    /// tenth is taken off at random, so that not all instances ask at once.
    pub fn refresh_interval(mut self, interval: Duration) -> Self {
        self.timing.refresh_interval = interval;
        self
    }

    /// For how long keys are used while the issuer cannot be asked. Default: 24 hours, at most 30
    /// days. After that tokens are answered 503.
    pub fn max_age(mut self, age: Duration) -> Self {
        self.timing.max_age = age;
        self
    }

    /// The clock that ages are judged by. Default: the system's.
    pub fn clock(mut self, clock: impl Into<SharedClock>) -> Self {
        self.clock = clock.into();
        self
    }

    /// Where events go. Default: to `tracing`, if auth-layer has that feature.
    pub fn events(mut self, events: Events) -> Self {
        self.events = events;
        self
    }

    /// Checks the settings. Nothing is sent yet: the first token does that, or
    /// [`RemoteKeys::ready`].
    ///
    /// # Errors
    ///
    /// Names the setting that cannot be meant. Without the feature `reqwest` a
    /// [`client`](Self::client) must be given.
    pub fn build(self) -> Result<RemoteKeys, ConfigError> {
        const MONTH: Duration = Duration::from_secs(30 * 24 * 60 * 60);

        let refuse = |option, problem: &str| Err(ConfigError::new(option, problem));
        let Timing {
            cooldown,
            refresh_interval,
            max_age,
        } = self.timing;
        if check_duration("cooldown", cooldown)? < Duration::from_secs(1) {
            return refuse("cooldown", "must be at least a second");
        }
        if check_duration("refresh_interval", refresh_interval)? < cooldown {
            return refuse("refresh_interval", "must be at least the cooldown");
        }
        if check_duration("max_age", max_age)? < refresh_interval {
            return refuse("max_age", "must be at least the refresh interval");
        }
        if max_age > MONTH {
            return refuse("max_age", "must be at most 30 days");
        }
        if self.algorithms.is_empty() {
            return refuse("algorithms", "must name at least one");
        }
        if self.algorithms.iter().any(|one| one.is_symmetric()) {
            return refuse("algorithms", "has HMAC, whose keys are not published");
        }
        let source = Source {
            place: self.place?,
            client: match self.client {
                Some(client) => client,
                None => default_client()?,
            },
            limits: self.limits,
            algorithms: self.algorithms,
        };
        Ok(RemoteKeys::start(Shared::new(
            source,
            self.timing,
            self.clock,
            self.events,
        )))
    }
}

#[cfg(feature = "reqwest")]
fn default_client() -> Result<SharedHttpClient, ConfigError> {
    crate::ReqwestClient::new().map(SharedHttpClient::new)
}

#[cfg(not(feature = "reqwest"))]
fn default_client() -> Result<SharedHttpClient, ConfigError> {
    let problem = "must be given, because the feature `reqwest` is off";
    Err(ConfigError::new("client", problem))
}
