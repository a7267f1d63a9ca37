//! Counting attempts.

use std::borrow::Cow;
use std::fmt;
use std::time::{Duration, SystemTime};

use auth_layer::{
    AuthError, AuthErrorKind, Charge, ClientAddress, ConfigError, Event, EventKind, Events,
    RateCounters, Scheme, SharedClock, SharedRateCounters, TakeOutcome,
};

use super::account::folded;
use super::layer::AttemptLimitLayer;
use super::rules::{AttemptRule, AttemptRules, CountBy};
use super::scheme::LimitedScheme;

/// How often somebody may try a password. See the [module docs](super).
///
/// Clones share what they count. Cheap to clone.
#[derive(Clone)]
#[must_use]
pub struct AttemptLimits {
    rules: AttemptRules,
    counters: SharedRateCounters,
    clock: SharedClock,
    events: Events,
    allows_uncounted: bool,
}

/// What an attempt was counted as.
#[derive(Debug)]
pub(crate) struct Attempt {
    charges: Vec<Charge>,
    taken_at: SystemTime,
}

impl AttemptLimits {
    /// Limits attempts by rules such as `10/m/ip,5/5m/account`, counted by `counters`.
    ///
    /// # Errors
    ///
    /// Names `attempt_limits`, and the rule that is wrong, by its place in the text.
    pub fn new(rules: &str, counters: impl RateCounters) -> Result<Self, ConfigError> {
        Ok(Self::with_rules(rules.parse()?, counters))
    }

    /// Limits attempts by rules that were read before.
    pub fn with_rules(rules: AttemptRules, counters: impl RateCounters) -> Self {
        Self {
            rules,
            counters: SharedRateCounters::new(counters),
            clock: SharedClock::system(),
            events: Events::default(),
            allows_uncounted: false,
        }
    }

    /// The clock that budgets come back by. Default: the system's.
    pub fn clock(mut self, clock: impl Into<SharedClock>) -> Self {
        self.clock = clock.into();
        self
    }

    /// Where it is told what no refusal tells: that something could not be counted, and whom the
    /// [`layer`](Self::layer) turned away. Default: the `tracing` sink, if that feature is on.
    ///
    /// An attempt that is refused by the login is an error of kind
    /// [`Limited`](AuthErrorKind::Limited). With the Basic scheme, the
    /// [`AuthLayer`](auth_layer::AuthLayer) records the event; a login form records its own.
    pub fn events(mut self, events: Events) -> Self {
        self.events = events;
        self
    }

    /// Lets attempts through that cannot be counted. Default: they are answered 503.
    ///
    /// Whoever can make the counters fail can then try passwords without a limit. Each such attempt
    /// is an event of kind [`Unavailable`](EventKind::Unavailable), `attempt_not_counted`.
    pub fn danger_allow_uncounted(mut self) -> Self {
        self.allows_uncounted = true;
        self
    }

    /// A layer for login routes that turns away who has no budget left, before the body is read.
    ///
    /// It only looks, by the rules that count by `ip`: the login itself counts. So a client that is
    /// refused anyway cannot have the server read and parse what it sends.
    pub fn layer(&self) -> AttemptLimitLayer {
        AttemptLimitLayer::new(self.clone())
    }

    /// Limits a scheme by whose credentials passwords can be guessed, such as HTTP
    /// Digest, by the same budgets as everything else that has these
    /// limits. `username` says whose password a credential claims to know. See [`LimitedScheme`].
    ///
    /// Not for the Basic scheme with a
    /// [`PasswordLogin`](crate::password::PasswordLogin) that has limits: that one counts by itself.
    pub fn limit_scheme<S, F>(&self, scheme: S, username: F) -> LimitedScheme<S>
    where
        S: Scheme,
        F: Fn(&S::Credential) -> Cow<'_, str> + Send + Sync + 'static,
    {
        LimitedScheme::new(scheme, self.clone(), username)
    }

    /// Counts an attempt, or says why there may not be one.
    pub(crate) async fn take(
        &self,
        client: ClientAddress,
        username: &str,
    ) -> Result<Attempt, AuthError> {
        let account = folded(username);
        let charges: Vec<_> = self
            .rules
            .iter()
            .map(|rule| Charge::new(rule.key(client, &account), rule.rate))
            .collect();
        let taken_at = self.clock.now();
        match self.counters.take(&charges, taken_at).await {
            Ok(TakeOutcome::Allowed { .. }) => Ok(Attempt { charges, taken_at }),
            Ok(TakeOutcome::Refused {
                charge,
                retry_after,
            }) => Err(refused(self.rules.iter().nth(charge), retry_after)),
            Err(error) => {
                self.uncounted(error, client)?;
                // What may have been taken from some of the buckets is not to be given back.
                Ok(Attempt {
                    charges: Vec::new(),
                    taken_at,
                })
            }
        }
    }

    /// Returns what an attempt cost that has succeeded.
    pub(crate) async fn give_back(&self, attempt: Attempt) {
        let Attempt {
            mut charges,
            taken_at,
        } = attempt;
        let now = self.clock.now();
        // What took that long may have come back by itself. A second time it would take the place of
        // a failure that was counted meanwhile.
        let age = now.duration_since(taken_at).unwrap_or_default();
        charges.retain(|charge| age < charge.rate().interval());
        if charges.is_empty() {
            return;
        }
        if let Err(error) = self.counters.give_back(&charges, now).await {
            // The login has succeeded; that it has cost budget is nobody's fault but the store's.
            let mut event =
                Event::new(EventKind::Unavailable).with_reason("attempt_not_given_back");
            event.error = Some(&error);
            self.events.record(&event);
        }
    }

    /// Whether the address has any budget left. Takes nothing.
    pub(super) async fn peek(&self, client: ClientAddress) -> Result<(), AuthError> {
        let by_address = || self.rules.iter().filter(|rule| rule.by == CountBy::Address);
        let charges: Vec<_> = by_address()
            .map(|rule| Charge::new(rule.key(client, ""), rule.rate))
            .collect();
        if charges.is_empty() {
            return Ok(());
        }
        match self.counters.peek(&charges, self.clock.now()).await {
            Ok(TakeOutcome::Allowed { .. }) => Ok(()),
            Ok(TakeOutcome::Refused {
                charge,
                retry_after,
            }) => {
                let error = refused(by_address().nth(charge), retry_after);
                self.record(Event::refused(&error), client);
                Err(error)
            }
            Err(error) => self.uncounted(error, client),
        }
    }

    fn uncounted(&self, error: AuthError, client: ClientAddress) -> Result<(), AuthError> {
        if !self.allows_uncounted {
            return Err(error);
        }
        let mut event = Event::new(EventKind::Unavailable).with_reason("attempt_not_counted");
        event.error = Some(&error);
        self.record(event, client);
        Ok(())
    }

    fn record(&self, mut event: Event<'_>, client: ClientAddress) {
        event.address = client.ip();
        self.events.record(&event);
    }
}

/// The error for a rule whose budget is used up.
fn refused(rule: Option<&AttemptRule>, retry_after: Duration) -> AuthError {
    let reason = rule.map_or("too_many_attempts", AttemptRule::reason);
    AuthError::new(AuthErrorKind::Limited, reason).with_retry_after(retry_after)
}

impl fmt::Debug for AttemptLimits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AttemptLimits")
            .field("rules", &format_args!("{}", self.rules))
            .field("allows_uncounted", &self.allows_uncounted)
            .finish_non_exhaustive()
    }
}
