//! Making the service.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use auth_layer::{
    AuthError, ConfigError, Events, Identity, SharedClock, SharedRevocations, check_duration,
};

use super::service::Inner;
use super::{RefreshTokens, SharedRefreshStore};
use crate::{Issuer, TokenVerifier};

pub(super) type LookUp = dyn Fn(Identity) -> LookUpFuture + Send + Sync;
type LookUpFuture = Pin<Box<dyn Future<Output = Result<Option<Identity>, AuthError>> + Send>>;

const SECOND: Duration = Duration::from_secs(1);
const DAY: u64 = 24 * 60 * 60;

/// Makes [`RefreshTokens`]. See [`RefreshTokens::builder`].
///
/// | option | default | |
/// |---|---|---|
/// | [`lifetime`](Self::lifetime) | 30 days | from the login on, however often it is refreshed |
/// | [`idle`](Self::idle) | 14 days | without being refreshed |
/// | [`replay_window`](Self::replay_window) | 10 seconds | for parallel requests and lost answers |
/// | [`max_replays`](Self::max_replays) | 64 | within that time |
/// | [`max_families`](Self::max_families) | 100 | of a user |
#[must_use]
pub struct RefreshTokensBuilder {
    issuer: Issuer,
    store: SharedRefreshStore,
    revocations: SharedRevocations,
    users: Arc<LookUp>,
    lifetime: Duration,
    idle: Duration,
    replay_window: Duration,
    max_replays: u32,
    max_families: u32,
    clock: SharedClock,
    events: Events,
}

impl RefreshTokensBuilder {
    pub(super) fn new(
        issuer: Issuer,
        store: SharedRefreshStore,
        revocations: SharedRevocations,
        users: Arc<LookUp>,
    ) -> Self {
        Self {
            issuer,
            store,
            revocations,
            users,
            lifetime: Duration::from_secs(30 * DAY),
            idle: Duration::from_secs(14 * DAY),
            replay_window: 10 * SECOND,
            max_replays: 64,
            max_families: 100,
            clock: SharedClock::system(),
            events: Events::default(),
        }
    }

    /// After which time a login has to be repeated, however often it was refreshed. At least a
    /// second.
    pub const fn lifetime(mut self, lifetime: Duration) -> Self {
        self.lifetime = lifetime;
        self
    }

    /// After which time a login has to be repeated that was not refreshed. At least a second; what is
    /// more than the lifetime counts for nothing.
    pub const fn idle(mut self, idle: Duration) -> Self {
        self.idle = idle;
        self
    }

    /// For how long the token used last may come again, from its first use on. At most a minute.
    ///
    /// Within it the same client gets the same next token, and whoever has copied the token, and can
    /// pass for that client, gets it too: keep it short. But where several nodes share a store, keep it
    /// far longer than their clocks differ: to a node whose clock is a window ahead or behind, what
    /// another has exchanged just now is outside of it, and a parallel request logs the user out.
    ///
    /// With zero it gets nothing. So that two requests at once do not log a user out, a token that
    /// comes again within one second is refused and no more; after that second it ends the family. The
    /// clocks of nodes then have to agree to well under that second.
    pub const fn replay_window(mut self, window: Duration) -> Self {
        self.replay_window = window;
        self
    }

    /// How often a token may come again within the window; what comes more often is refused, and
    /// ends nothing. At most 1000.
    pub const fn max_replays(mut self, max: u32) -> Self {
        self.max_replays = max;
        self
    }

    /// How many families a user has at most: 1 to 10,000. The login that would be one too many ends
    /// the one that was unused for longest, with its access tokens, so that nobody who has a password
    /// fills the store, or begins families faster than "log out everywhere" ends them. Logins at the
    /// same time may be above it by their number; the next one ends those.
    pub const fn max_families(mut self, max: u32) -> Self {
        self.max_families = max;
        self
    }

    /// The clock. Default: the system's.
    ///
    /// The clocks of nodes that share a store have to agree to well under
    /// [`replay_window`](Self::replay_window): see [`RefreshTokens`].
    pub fn clock(mut self, clock: impl Into<SharedClock>) -> Self {
        self.clock = clock.into();
        self
    }

    /// Where events go. Default: `tracing`, if that feature of auth-layer is on.
    pub fn events(mut self, events: Events) -> Self {
        self.events = events;
        self
    }

    /// The finished service.
    ///
    /// # Errors
    ///
    /// Names the option that cannot work.
    pub fn build(self) -> Result<RefreshTokens, ConfigError> {
        for (option, duration) in [("lifetime", self.lifetime), ("idle", self.idle)] {
            if check_duration(option, duration)? < SECOND {
                return Err(ConfigError::new(option, "must be at least one second"));
            }
        }
        if self.replay_window > 60 * SECOND {
            let problem = "must be at most a minute";
            return Err(ConfigError::new("replay_window", problem));
        }
        if self.max_replays > 1000 {
            return Err(ConfigError::new("max_replays", "must be at most 1000"));
        }
        if !(1..=10_000).contains(&self.max_families) {
            return Err(ConfigError::new("max_families", "must be 1 to 10000"));
        }
        let policy = self.issuer.policy().build()?;
        let verifier = TokenVerifier::new(policy, self.issuer.verifying_keys());
        Ok(RefreshTokens::new(Inner {
            verifier: verifier.clock(self.clock.clone()),
            issuer: self.issuer,
            store: self.store,
            revocations: self.revocations,
            users: self.users,
            lifetime: self.lifetime,
            idle: self.idle,
            replay_window: self.replay_window,
            max_replays: self.max_replays,
            max_families: self.max_families,
            clock: self.clock,
            events: self.events,
        }))
    }
}

impl std::fmt::Debug for RefreshTokensBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RefreshTokensBuilder")
            .field("issuer", &self.issuer)
            .field("lifetime", &self.lifetime)
            .field("idle", &self.idle)
            .field("replay_window", &self.replay_window)
            .field("max_replays", &self.max_replays)
            .field("max_families", &self.max_families)
            .finish_non_exhaustive()
    }
}
