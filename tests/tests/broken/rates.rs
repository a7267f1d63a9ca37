//! Counters of rates that let through too many, too few, or the wrong ones.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use auth_layer::{AuthError, Charge, MAX_LEEWAY, RateCounters, RateKey, TakeOutcome};
use auth_test::contract;

use super::{assert_found, between_two_steps, verdict};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Miscount {
    ExtendsWhenEmpty,
    FixedWindow,
    FillsByItsOwnClock,
    ForgetsAtSetBackClock,
    ForgetsWhatIsGivenBack,
    GetThenSet,
    GivesAboveFull,
    GivesEverythingBack,
    GivesOneBack,
    GoesOnAfterRefusal,
    HalfFractions,
    None,
    PeekTakes,
    PutsBackOnRefusal,
    StoresWhatItAnswers,
    TakesOneForSeveral,
    TakesSeveralByOne,
    TellsTheFewest,
    TrustsLateInstants,
}

struct Counters {
    fault: Miscount,
    buckets: Mutex<HashMap<RateKey, u64>>,
    /// What was given to full buckets.
    above_full: Mutex<HashMap<RateKey, u32>>,
    /// When a window ends, and what was taken in it.
    windows: Mutex<HashMap<RateKey, (u64, u32)>>,
}

fn micros(time: SystemTime) -> u64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap();
    u64::try_from(since.as_micros()).unwrap()
}

fn interval(charge: &Charge) -> u64 {
    u64::try_from(charge.rate().interval().as_micros()).unwrap()
}

impl Counters {
    fn new(fault: Miscount) -> Self {
        Self {
            fault,
            buckets: Mutex::default(),
            above_full: Mutex::default(),
            windows: Mutex::default(),
        }
    }

    fn has(&self, fault: Miscount) -> bool {
        self.fault == fault
    }

    fn full_at(&self, charge: &Charge) -> u64 {
        let buckets = self.buckets.lock().unwrap();
        buckets.get(charge.key()).copied().unwrap_or(0)
    }

    fn bounded(&self, full_at: u64, charge: &Charge, now: u64) -> u64 {
        let span = interval(charge) * u64::from(charge.rate().count());
        if full_at > now + span && self.has(Miscount::StoresWhatItAnswers) {
            return now + span;
        }
        let leeway = u64::try_from(MAX_LEEWAY.as_micros()).unwrap();
        if full_at > now + span + leeway {
            if self.has(Miscount::TrustsLateInstants) {
                return full_at;
            }
            if self.has(Miscount::ForgetsAtSetBackClock) {
                return now;
            }
            return now + span;
        }
        full_at.max(now)
    }

    /// The instant after taking what the charge costs, and what remains.
    fn next(&self, full_at: u64, charge: &Charge, now: u64) -> (u64, Result<u64, u64>) {
        let mut interval = interval(charge);
        if self.has(Miscount::HalfFractions) {
            let period = u64::try_from(charge.rate().period().as_micros()).unwrap();
            interval = period / u64::from(charge.rate().count());
        }
        let span = interval * u64::from(charge.rate().count());
        let full_at = self.bounded(full_at, charge, now);
        let cost = if self.has(Miscount::TakesOneForSeveral) {
            interval
        } else {
            interval * u64::from(charge.cost())
        };
        if full_at + cost > now + span {
            let wait = full_at + cost - now - span;
            let kept = if self.has(Miscount::ExtendsWhenEmpty) {
                now + span
            } else if self.has(Miscount::TakesSeveralByOne) {
                full_at + (now + span - full_at) / interval * interval
            } else {
                full_at
            };
            return (kept, Err(wait));
        }
        let next = full_at + cost;
        (next, Ok((span - (next - now)) / interval))
    }

    async fn take_one(&self, charge: &Charge, now: u64) -> Result<u64, u64> {
        if self.has(Miscount::GetThenSet) {
            let (next, outcome) = self.next(self.full_at(charge), charge, now);
            between_two_steps().await;
            self.buckets.lock().unwrap().insert(*charge.key(), next);
            return outcome;
        }
        if self.has(Miscount::FixedWindow) {
            return self.take_in_window(charge, now);
        }
        let mut buckets = self.buckets.lock().unwrap();
        let full_at = buckets.get(charge.key()).copied().unwrap_or(0);
        let (next, outcome) = self.next(full_at, charge, now);
        buckets.insert(*charge.key(), next);
        let mut above_full = self.above_full.lock().unwrap();
        match above_full.get_mut(charge.key()) {
            Some(more) if outcome.is_err() && *more > 0 => {
                *more -= 1;
                Ok(0)
            }
            _ => outcome,
        }
    }

    fn take_in_window(&self, charge: &Charge, now: u64) -> Result<u64, u64> {
        let mut windows = self.windows.lock().unwrap();
        let count = charge.rate().count();
        let window = windows.entry(*charge.key()).or_default();
        if window.0 <= now {
            *window = (now + interval(charge) * u64::from(count), 0);
        }
        if window.1 == count {
            return Err(window.0 - now);
        }
        window.1 += 1;
        Ok(u64::from(count - window.1))
    }
}

impl RateCounters for Counters {
    async fn take(&self, charges: &[Charge], now: SystemTime) -> Result<TakeOutcome, AuthError> {
        let (mut remaining, mut refused) = (Vec::new(), None);
        for (index, charge) in charges.iter().enumerate() {
            match self.take_one(charge, micros(now)).await {
                Ok(left) => remaining.push(u32::try_from(left).unwrap()),
                Err(wait) => {
                    let retry_after = Duration::from_micros(wait);
                    refused.get_or_insert(TakeOutcome::Refused {
                        charge: index,
                        retry_after,
                    });
                    if self.has(Miscount::PutsBackOnRefusal) {
                        self.give_back(&charges[..index], now).await?;
                    }
                    if !self.has(Miscount::GoesOnAfterRefusal) {
                        break;
                    }
                }
            }
        }
        if self.has(Miscount::TellsTheFewest) {
            remaining = remaining.into_iter().min().into_iter().collect();
        }
        Ok(refused.unwrap_or(TakeOutcome::Allowed { remaining }))
    }

    async fn peek(&self, charges: &[Charge], now: SystemTime) -> Result<TakeOutcome, AuthError> {
        if self.has(Miscount::PeekTakes) {
            return self.take(charges, now).await;
        }
        let mut remaining = Vec::new();
        for (index, charge) in charges.iter().enumerate() {
            match self.next(self.full_at(charge), charge, micros(now)).1 {
                Ok(left) => remaining.push(u32::try_from(left).unwrap()),
                Err(wait) => {
                    return Ok(TakeOutcome::Refused {
                        charge: index,
                        retry_after: Duration::from_micros(wait),
                    });
                }
            }
        }
        Ok(TakeOutcome::Allowed { remaining })
    }

    async fn give_back(&self, charges: &[Charge], now: SystemTime) -> Result<(), AuthError> {
        let now = micros(now);
        for charge in charges {
            let mut buckets = self.buckets.lock().unwrap();
            let full_at = buckets.get(charge.key()).copied().unwrap_or(0);
            if full_at <= now {
                if self.has(Miscount::GivesAboveFull) {
                    let mut above_full = self.above_full.lock().unwrap();
                    *above_full.entry(*charge.key()).or_default() += 1;
                }
                continue;
            }
            let mut full_at = self.bounded(full_at, charge, now);
            if self.has(Miscount::FillsByItsOwnClock) {
                full_at = full_at.min(now + interval(charge) * u64::from(charge.rate().count()));
            }
            let tokens = if self.has(Miscount::GivesOneBack) {
                1
            } else {
                u64::from(charge.cost())
            };
            let mut given = full_at - interval(charge) * tokens;
            if self.has(Miscount::GivesEverythingBack) {
                given = now;
            }
            if given <= now && self.has(Miscount::ForgetsWhatIsGivenBack) {
                buckets.remove(charge.key());
            } else {
                buckets.insert(*charge.key(), given);
            }
        }
        Ok(())
    }
}

#[test]
fn bas_03_rate_counters_without_fault_pass() {
    let suite = contract::rate_counters(async || Counters::new(Miscount::None));
    assert_eq!(verdict(suite), Ok(()));
}

#[test]
fn bas_03_rate_counters_that_count_wrongly_are_found() {
    let instant = "A bucket is one instant";
    for (fault, line) in [
        (Miscount::GetThenSet, "exactly five are allowed"),
        (Miscount::ExtendsWhenEmpty, instant),
        (Miscount::FixedWindow, instant),
        (Miscount::GivesAboveFull, "never makes it more than full"),
        (Miscount::HalfFractions, instant),
        (Miscount::GoesOnAfterRefusal, "in the order of the charges"),
        (Miscount::PutsBackOnRefusal, "in the order of the charges"),
        (Miscount::PeekTakes, "`peek` takes nothing"),
        (Miscount::GivesEverythingBack, "returns the tokens"),
        (Miscount::GivesOneBack, "returns the tokens"),
        (Miscount::ForgetsAtSetBackClock, "nobody gets in for it"),
        (Miscount::FillsByItsOwnClock, "returns the tokens"),
        (Miscount::ForgetsWhatIsGivenBack, "returns the tokens"),
        (Miscount::StoresWhatItAnswers, "no more tokens are taken"),
        (Miscount::TakesOneForSeveral, "all of them or none"),
        (Miscount::TakesSeveralByOne, "all of them or none"),
        (Miscount::TellsTheFewest, "in the order of the charges"),
        (Miscount::TrustsLateInstants, "nobody waits longer"),
    ] {
        let suite = contract::rate_counters(async || Counters::new(fault));
        assert_found(&fault, verdict(suite), &[line]);
    }
}
