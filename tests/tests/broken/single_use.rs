//! Stores in which something can be used twice.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::{Duration, SystemTime};

use auth_layer::{AuthError, SingleUse, SingleUseKey};
use auth_test::contract;

use super::{assert_found, between_two_steps, verdict};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    AsksFirst,
    CutsKeys,
    EndsEarly,
    EvictsWhenFull,
    ForgetsByCount,
    ForgetsByTheFastestClock,
    HasNoEnd,
    None,
}

struct Naive {
    fault: Fault,
    capacity: usize,
    used: Mutex<HashMap<Vec<u8>, SystemTime>>,
}

impl Naive {
    fn new(fault: Fault, capacity: usize) -> Self {
        Self {
            fault,
            capacity,
            used: Mutex::default(),
        }
    }
}

impl SingleUse for Naive {
    async fn claim(
        &self,
        key: &SingleUseKey,
        until: SystemTime,
        now: SystemTime,
    ) -> Result<bool, AuthError> {
        if until <= now && self.fault != Fault::HasNoEnd {
            if self.fault == Fault::ForgetsByTheFastestClock {
                self.used.lock().unwrap().retain(|_, until| *until > now);
            }
            return Ok(false);
        }
        let name = match self.fault {
            Fault::CutsKeys => key.as_bytes()[..16].to_vec(),
            _ => key.as_bytes().to_vec(),
        };
        if self.fault == Fault::AsksFirst {
            if self.used.lock().unwrap().contains_key(&name) {
                return Ok(false);
            }
            between_two_steps().await;
            self.used.lock().unwrap().insert(name, until);
            return Ok(true);
        }
        let mut used = self.used.lock().unwrap();
        if self.fault == Fault::EndsEarly {
            used.retain(|_, until| *until > now + Duration::from_secs(1));
        }
        if used.contains_key(&name) {
            return Ok(false);
        }
        if self.fault == Fault::ForgetsByCount && used.len() >= 100 {
            used.clear();
        }
        if used.len() >= self.capacity {
            if self.fault != Fault::EvictsWhenFull {
                return Err(AuthError::unavailable("full"));
            }
            let any = used.keys().next().cloned();
            any.map(|any| used.remove(&any));
        }
        used.insert(name, until);
        Ok(true)
    }
}

#[test]
fn x_18_a_sound_store_passes() {
    let suite = contract::single_use(async || Naive::new(Fault::None, 100_000));
    assert_eq!(verdict(suite), Ok(()));
    let suite = contract::single_use_when_full(async || Naive::new(Fault::None, 20));
    assert_eq!(verdict(suite), Ok(()));
}

#[test]
fn x_18_stores_in_which_something_is_used_twice_are_found() {
    for (fault, line) in [
        (Fault::AsksFirst, "at most one answers `true`"),
        (Fault::CutsKeys, "The first call with a key"),
        (Fault::EndsEarly, "Nothing is forgotten before"),
        (Fault::ForgetsByCount, "Nothing is forgotten before"),
        (
            Fault::ForgetsByTheFastestClock,
            "Nothing is forgotten before",
        ),
        (Fault::HasNoEnd, "If `until` is not later than `now`"),
    ] {
        let suite = contract::single_use(async || Naive::new(fault, 100_000));
        assert_found(&fault, verdict(suite), &[line]);
    }
    let fault = Fault::EvictsWhenFull;
    let found = verdict(contract::single_use_when_full(async || {
        Naive::new(fault, 20)
    }));
    let message = found.unwrap_err();
    assert!(
        message.contains("room for more than a thousand"),
        "{message}"
    );
}
