//! How many bad keys a client may try.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use auth_layer::{
    AuthError, AuthErrorKind, Charge, ClientAddress, Event, EventKind, Rate, RateCounters as _,
    RateKey, RateState, SharedRateCounters, TakeOutcome,
};

use super::proven::{Proof, ProvenKeys, Turn};
use super::{Inner, PresentedKey};

const PURPOSE: &str = "api-key/failures";

/// A rate of bad keys for each address, and where they are counted.
#[derive(Clone)]
pub(super) struct FailureLimit {
    rate: Rate,
    /// A part of the keys of its buckets.
    policy: Box<str>,
    counters: SharedRateCounters,
    proven: Arc<ProvenKeys>,
}

/// A look-up that was paid for, as if the key were bad.
pub(super) struct Attempt {
    charge: Charge,
    taken_at: SystemTime,
    /// When nothing of it would be missing any more.
    full_after: Duration,
}

/// What is to be done about the limit once it is known what a key is worth.
pub(super) enum Stake<'a> {
    /// Nothing was paid: there is no limit, or the key was found good lately.
    None,
    Paid {
        attempt: Option<Attempt>,
        /// Others with the same key wait for what comes of it.
        turn: Option<Turn<'a>>,
    },
}

impl FailureLimit {
    pub(super) fn new(rate: Rate, counters: SharedRateCounters) -> Self {
        Self {
            rate,
            policy: rate.to_string().into(),
            counters,
            proven: Arc::default(),
        }
    }

    fn charge(&self, client: ClientAddress) -> Charge {
        let network = client.limit_key().to_string();
        let key = RateKey::new(PURPOSE, [&*self.policy, &network]);
        Charge::new(key, self.rate)
    }
}

impl Inner {
    /// Pays for a look-up beforehand, unless the key was found good lately.
    pub(super) async fn stake(&self, key: &PresentedKey) -> Result<Stake<'_>, AuthError> {
        let Some(limit) = &self.failures else {
            return Ok(Stake::None);
        };
        let turn = match limit.proven.ask(&key.digest, &self.clock).await {
            Proof::Good => return Ok(Stake::None),
            Proof::First(turn) => Some(turn),
            Proof::Unknown => None,
        };
        let attempt = self.pay(limit, key.client).await?;
        Ok(Stake::Paid { attempt, turn })
    }

    /// Ends a look-up: what was paid is given back unless the key is bad, and a bad key that has
    /// not paid does. What could not be asked is neither good nor bad.
    pub(super) async fn settle<T>(
        &self,
        key: &PresentedKey,
        stake: Stake<'_>,
        checked: Result<T, AuthError>,
    ) -> Result<T, AuthError> {
        let Some(limit) = &self.failures else {
            return checked;
        };
        match (&checked, stake) {
            (Err(error), stake) if error.kind().is_bad_credential() => {
                limit.proven.forget(&key.digest);
                if matches!(stake, Stake::None) {
                    let _paid = self.pay(limit, key.client).await?;
                }
            }
            (_, Stake::Paid { attempt, turn }) => {
                if checked.is_ok() {
                    limit.proven.remember(&key.digest, &self.clock, turn);
                }
                self.forgive(limit, attempt, key.client).await;
            }
            (Ok(_), Stake::None) => limit.proven.remember(&key.digest, &self.clock, None),
            (Err(_), Stake::None) => {}
        }
        checked
    }

    /// Counts a key that is bad, or may be. Where nothing can be counted and that is allowed, there is
    /// nothing to give back.
    async fn pay(
        &self,
        limit: &FailureLimit,
        client: ClientAddress,
    ) -> Result<Option<Attempt>, AuthError> {
        let (charge, taken_at) = (limit.charge(client), self.clock.now());
        match limit.counters.take(&[charge], taken_at).await {
            Ok(TakeOutcome::Allowed { remaining }) => {
                let left = remaining.first().copied().unwrap_or_default();
                Ok(Some(Attempt {
                    charge,
                    taken_at,
                    full_after: RateState::allowed(&charge, left).full_after(),
                }))
            }
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
    async fn forgive(&self, limit: &FailureLimit, attempt: Option<Attempt>, client: ClientAddress) {
        let Some(attempt) = attempt else {
            return;
        };
        let now = self.clock.now();
        // By then all that was taken until it was has come back by itself. A second time it would take
        // the place of a bad key that was counted meanwhile.
        let age = now.duration_since(attempt.taken_at).unwrap_or_default();
        if age >= attempt.full_after {
            return;
        }
        if let Err(error) = limit.counters.give_back(&[attempt.charge], now).await {
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
