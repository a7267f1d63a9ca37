//! How many bad keys a client may try.

use std::time::SystemTime;

use auth_layer::{
    AuthError, AuthErrorKind, Charge, ClientAddress, Event, EventKind, Rate, RateCounters as _,
    RateKey, SharedRateCounters, TakeOutcome,
};

use super::Inner;

const PURPOSE: &str = "api-key/failures";

/// A rate of bad keys for each address, and where they are counted.
#[derive(Clone)]
pub(super) struct FailureLimit {
    rate: Rate,
    /// A part of the keys of its buckets.
    policy: Box<str>,
    counters: SharedRateCounters,
}

/// A look-up that was paid for, as if the key were bad.
pub(super) struct Attempt {
    charge: Charge,
    taken_at: SystemTime,
}

impl FailureLimit {
    pub(super) fn new(rate: Rate, counters: SharedRateCounters) -> Self {
        Self {
            rate,
            policy: rate.to_string().into(),
            counters,
        }
    }

    fn charge(&self, client: ClientAddress) -> Charge {
        let network = client.limit_key().to_string();
        let key = RateKey::new(PURPOSE, [&*self.policy, &network]);
        Charge::new(key, self.rate)
    }
}

impl Inner {
    /// Counts a key that is bad, or may be. Without a limit, and where nothing can be counted and that
    /// is allowed, there is nothing to give back.
    pub(super) async fn attempt(
        &self,
        client: ClientAddress,
    ) -> Result<Option<Attempt>, AuthError> {
        let Some(limit) = &self.failures else {
            return Ok(None);
        };
        let (charge, taken_at) = (limit.charge(client), self.clock.now());
        match limit.counters.take(&[charge], taken_at).await {
            Ok(TakeOutcome::Allowed { .. }) => Ok(Some(Attempt { charge, taken_at })),
            Ok(TakeOutcome::Refused { retry_after, .. }) => {
                let error = AuthError::new(AuthErrorKind::Limited, "too_many_bad_keys");
                Err(error.with_retry_after(retry_after))
            }
            Err(error) if self.allows_uncounted => {
                self.tell("bad_keys_not_counted", client, &error);
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Returns what a key has cost that turned out not to be bad, or could not be looked up.
    pub(super) async fn forgive(&self, attempt: Option<Attempt>, client: ClientAddress) {
        let (Some(limit), Some(Attempt { charge, taken_at })) = (&self.failures, attempt) else {
            return;
        };
        let now = self.clock.now();
        // What took that long may have come back by itself. A second time it would take the place of
        // a bad key that was counted meanwhile.
        let age = now.duration_since(taken_at).unwrap_or_default();
        if age >= charge.rate().interval() {
            return;
        }
        if let Err(error) = limit.counters.give_back(&[charge], now).await {
            // The key is good all the same.
            self.tell("attempt_not_given_back", client, &error);
        }
    }

    fn tell(&self, reason: &'static str, client: ClientAddress, error: &AuthError) {
        let mut event = Event::new(EventKind::Unavailable)
            .with_scheme("api-key")
            .with_reason(reason)
            .with_error(error);
        event.address = client.ip();
        self.events.record(&event);
    }
}
