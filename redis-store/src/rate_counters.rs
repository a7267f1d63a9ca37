//! Buckets of tokens.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use auth_layer::{AuthError, Charge, RateCounters, TakeOutcome};
use futures_util::future::try_join_all;
use redis::from_redis_value;

use crate::error::unexpected_answer;
use crate::keys::{Prefix, key, text};
use crate::link::Link;
use crate::script::Script;

/// [`RateCounters`] on Redis, from [`RedisStore::rate_counters`](crate::RedisStore::rate_counters).
/// Cheap to clone.
///
/// On one server a call is one script for all its buckets. In a cluster it is one for each, one after
/// the other, up to the first that has too few.
#[derive(Clone, Debug)]
pub struct RedisRateCounters {
    link: Link,
    script: Arc<Script>,
    buckets: Arc<str>,
}

#[derive(Clone, Copy)]
enum Verb {
    Give,
    Peek,
    Take,
}

impl RedisRateCounters {
    pub(crate) fn new(link: Link, prefix: &Prefix) -> Self {
        Self {
            link,
            script: Arc::new(Script::new(include_str!("lua/rates.lua"))),
            buckets: prefix.of("rate").into(),
        }
    }

    async fn ask(
        &self,
        verb: Verb,
        charges: &[Charge],
        now: SystemTime,
    ) -> Result<TakeOutcome, AuthError> {
        let step = if self.link.is_partitioned() {
            1
        } else {
            charges.len().max(1)
        };
        let mut left = Vec::with_capacity(charges.len());
        for (index, charges) in charges.chunks(step).enumerate() {
            match self.ask_one_server(verb, charges, now).await? {
                TakeOutcome::Allowed { remaining } => left.extend(remaining),
                TakeOutcome::Refused {
                    charge,
                    retry_after,
                } => {
                    let charge = index * step + charge;
                    return Ok(TakeOutcome::Refused {
                        charge,
                        retry_after,
                    });
                }
            }
        }
        Ok(TakeOutcome::Allowed { remaining: left })
    }

    async fn ask_one_server(
        &self,
        verb: Verb,
        charges: &[Charge],
        now: SystemTime,
    ) -> Result<TakeOutcome, AuthError> {
        let key = |charge: &Charge| key(&self.buckets, &text(charge.key().as_bytes()));
        let keys: Vec<_> = charges.iter().map(key).collect();
        let mut numbers = vec![micros(now.duration_since(UNIX_EPOCH).unwrap_or_default())];
        for charge in charges {
            let interval = micros(charge.rate().interval());
            let of = |tokens: u32| interval * u64::from(tokens);
            numbers.extend([interval, of(charge.rate().count()), of(charge.cost())]);
        }
        let verb_name: &[u8] = match verb {
            Verb::Give => b"give",
            Verb::Peek => b"peek",
            Verb::Take => b"take",
        };
        let numbers: Vec<_> = numbers.iter().map(u64::to_string).collect();
        let mut arguments = vec![verb_name];
        arguments.extend(numbers.iter().map(String::as_bytes));
        let keys: Vec<_> = keys.iter().map(Vec::as_slice).collect();
        let answer = self.link.run(&self.script, &keys, &arguments).await?;
        let numbers: Vec<i64> =
            from_redis_value(answer).map_err(|error| unexpected_answer().with_source(error))?;
        let expected = match verb {
            Verb::Give => 0,
            Verb::Peek | Verb::Take => charges.len(),
        };
        outcome(&numbers, expected)
    }
}

/// What the script answers for `expected` buckets: 0 and what each has left, or the place of one that
/// has too few and in how long it has enough.
fn outcome(answer: &[i64], expected: usize) -> Result<TakeOutcome, AuthError> {
    match *answer {
        [0, ref left @ ..] if left.len() == expected => {
            let left = left.iter().map(|left| u32::try_from(*left));
            let remaining = left.collect::<Result<_, _>>();
            remaining
                .map(|remaining| TakeOutcome::Allowed { remaining })
                .map_err(|_| unexpected_answer())
        }
        [place, wait] if place > 0 => {
            let place = usize::try_from(place).map_err(|_| unexpected_answer())?;
            let wait = u64::try_from(wait).map_err(|_| unexpected_answer())?;
            Ok(TakeOutcome::Refused {
                charge: place - 1,
                retry_after: Duration::from_micros(wait),
            })
        }
        _ => Err(unexpected_answer()),
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

impl RateCounters for RedisRateCounters {
    async fn take(&self, charges: &[Charge], now: SystemTime) -> Result<TakeOutcome, AuthError> {
        self.ask(Verb::Take, charges, now).await
    }

    async fn peek(&self, charges: &[Charge], now: SystemTime) -> Result<TakeOutcome, AuthError> {
        self.ask(Verb::Peek, charges, now).await
    }

    async fn give_back(&self, charges: &[Charge], now: SystemTime) -> Result<(), AuthError> {
        if self.link.is_partitioned() {
            let one = |charge| self.ask_one_server(Verb::Give, std::slice::from_ref(charge), now);
            try_join_all(charges.iter().map(one)).await?;
        } else if !charges.is_empty() {
            let _ = self.ask_one_server(Verb::Give, charges, now).await?;
        }
        Ok(())
    }
}
