//! The limits of a key: counted by the scheme itself, so that no route forgets them.

use std::fmt;

use auth_layer::{
    AuthError, AuthErrorKind, Charge, Event, EventKind, Rate, RateCounters as _, RateKey,
    RateState, ResponseHeaders, TakeOutcome,
};

use super::Inner;
use crate::KeyRecord;

/// What is left of the limits of the key that an [`Identity`](auth_layer::Identity) came by, this
/// request counted. Keys without limits have none, and neither has a request that costs nothing.
///
/// ```
/// # use auth_layer::Identity;
/// # let identity = Identity::new("api-key", "robot");
/// if let Some(quota) = identity.extra::<apikey_layer::KeyQuota>() {
///     for limit in quota.limits() {
///         println!("{} of {} left", limit.remaining(), limit.rate());
///     }
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyQuota {
    limits: Box<[RateState]>,
}

/// Sets the buckets apart from those of others in the same store.
const PURPOSE: &str = "api-key/quota";

/// The name of a limit in `RateLimit` and `RateLimit-Policy`: `key-100/m`.
struct Name(Rate);

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "key-{}", self.0)
    }
}

impl KeyQuota {
    /// Each limit of the key, the one with the shortest period first.
    pub fn limits(&self) -> &[RateState] {
        &self.limits
    }

    pub(super) fn headers(&self) -> ResponseHeaders {
        let rates = self.limits.iter().map(RateState::rate);
        headers(rates, &self.limits)
    }
}

fn headers(rates: impl Iterator<Item = Rate>, states: &[RateState]) -> ResponseHeaders {
    let mut headers = ResponseHeaders::none();
    headers.add_rate_limits(
        rates.map(|rate| (Name(rate), rate)),
        states.iter().map(|state| (Name(state.rate()), *state)),
    );
    headers
}

/// The limits of a key in the order in which they are charged: the shortest period first, so that what
/// a burst refuses costs nothing of a budget.
fn in_order(limits: &[Rate]) -> Vec<Rate> {
    let mut limits = limits.to_vec();
    limits.sort_unstable_by_key(|rate| (rate.period(), rate.count()));
    limits.dedup();
    limits
}

impl Inner {
    /// Counts a use of a good key that has limits, and says what is left.
    ///
    /// Dropped half-way, it may have been counted.
    pub(super) async fn charge(
        &self,
        record: &KeyRecord,
        cost: u32,
    ) -> Result<Option<KeyQuota>, AuthError> {
        if record.limits().is_empty() || cost == 0 {
            return Ok(None);
        }
        let limits = in_order(record.limits());
        let charge = |rate: &Rate| {
            // The rate is a part of it: another one begins with another bucket. The secret is not:
            // a key that is rotated gets nothing anew.
            let key = RateKey::new(PURPOSE, [record.id().as_str(), &rate.to_string()]);
            Charge::new(key, *rate).tokens(cost)
        };
        let Ok(charges) = limits.iter().map(charge).collect::<Result<Vec<_>, _>>() else {
            // It would be refused however long the client waits.
            let error = limited("costs_more_than_key_allows", record);
            return Err(error.with_headers(headers(limits.into_iter(), &[])));
        };
        match self.counters.take(&charges, self.clock.now()).await {
            Ok(TakeOutcome::Allowed { remaining }) => {
                let states = charges.iter().zip(remaining);
                Ok(Some(KeyQuota {
                    limits: states
                        .map(|(charge, remaining)| RateState::allowed(charge, remaining))
                        .collect(),
                }))
            }
            Ok(TakeOutcome::Refused {
                charge,
                retry_after,
            }) => {
                let (before, refusing) = charges.split_at(charge.min(charges.len()));
                self.give_back(before, record).await;
                let refusing = refusing.first();
                let state = refusing.map(|charge| RateState::refused(charge, retry_after));
                let error = limited("key_quota_used_up", record).with_retry_after(retry_after);
                Err(error.with_headers(headers(limits.into_iter(), state.as_slice())))
            }
            Err(error) if self.allows_uncounted => {
                self.tell_unavailable("key_not_counted", record, &error);
                Ok(None)
            }
            Err(error) => Err(error.with_object_id(record.id().as_str())),
        }
    }

    /// Returns what a request has cost that was refused for another limit.
    async fn give_back(&self, charges: &[Charge], record: &KeyRecord) {
        if charges.is_empty() {
            return;
        }
        if let Err(error) = self.counters.give_back(charges, self.clock.now()).await {
            // The refusal stands. What it has cost comes back by itself.
            self.tell_unavailable("key_quota_not_given_back", record, &error);
        }
    }

    fn tell_unavailable(&self, reason: &'static str, record: &KeyRecord, error: &AuthError) {
        self.events.record(
            &Event::new(EventKind::Unavailable)
                .with_scheme("api-key")
                .with_reason(reason)
                .with_claimed_subject(&record.owner().subject)
                .with_object_id(record.id().as_str())
                .with_error(error),
        );
    }
}

fn limited(reason: &'static str, record: &KeyRecord) -> AuthError {
    AuthError::new(AuthErrorKind::Limited, reason).with_object_id(record.id().as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_charged_from_the_shortest_period_on_and_once_each() {
        let rates = |texts: &[&str]| -> Vec<Rate> {
            texts.iter().map(|text| text.parse().unwrap()).collect()
        };
        let given = rates(&["10000/30d", "100/m", "5/s", "100/m", "50/60s"]);
        let expected = rates(&["5/s", "50/m", "100/m", "10000/30d"]);
        assert_eq!(in_order(&given), expected);
    }
}
