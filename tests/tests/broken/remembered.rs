//! A store of remembered logins in one map, correct but for one fault.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard};
use std::time::SystemTime;

use auth_layer::{AuthError, SecretDigest};
use auth_test::contract;
use session_layer::{
    NewSeries, RedeemOutcome, Redemption, RememberStore, RememberedLogin, UserKey,
};

use super::{assert_found, between_two_steps, verdict};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    AnySecretRotates,
    BoundIgnored,
    ClockMustAgree,
    EndsTheYoungest,
    ExpiredIsTheft,
    GraceForTwo,
    GraceSlides,
    GraceTooLong,
    IndexForgetsNew,
    KeepsReused,
    None,
    OffByOneSecond,
    OverTakesPlace,
    RepeatIsReuse,
    RepeatRotates,
    RotateRevives,
    SpendsOnFind,
    TakenOverwrites,
    TwoStepsToRotate,
}

struct Naive {
    fault: Fault,
    series: Mutex<HashMap<[u8; 32], Entry>>,
}

#[derive(Clone)]
struct Entry {
    login: RememberedLogin,
    current: SecretDigest,
    replaced: Vec<(SecretDigest, SystemTime)>,
    listed: bool,
}

impl Naive {
    fn lock(&self) -> MutexGuard<'_, HashMap<[u8; 32], Entry>> {
        self.series.lock().unwrap()
    }

    fn has(&self, fault: Fault) -> bool {
        self.fault == fault
    }

    /// Whether it was replaced a moment ago.
    fn in_grace(&self, entry: &Entry, redemption: &Redemption) -> bool {
        let last = if self.has(Fault::GraceForTwo) { 2 } else { 1 };
        let mut replaced = entry.replaced.iter().rev().take(last);
        let found = replaced.find(|(secret, _)| *secret == redemption.presented);
        let Some((_, at)) = found else { return false };
        match redemption.now.duration_since(*at) {
            Ok(away) if self.has(Fault::GraceTooLong) => away <= redemption.grace,
            Ok(away) => away < redemption.grace,
            Err(_) if self.has(Fault::ClockMustAgree) => false,
            Err(early) => early.duration() < redemption.grace,
        }
    }
}

impl RememberStore for Naive {
    async fn insert(&self, new: NewSeries) -> Result<bool, AuthError> {
        let mut series = self.lock();
        let taken = series.contains_key(new.series.as_bytes());
        if taken && !self.has(Fault::TakenOverwrites) {
            return Ok(false);
        }
        let mut others: Vec<_> = series
            .iter()
            .filter(|(_, entry)| entry.login.user() == new.login.user())
            .filter(|(_, entry)| {
                entry.login.is_live(new.login.began_at) || self.has(Fault::OverTakesPlace)
            })
            .map(|(key, entry)| (entry.login.began_at, *key))
            .collect();
        others.sort_unstable();
        if self.has(Fault::EndsTheYoungest) {
            others.reverse();
        }
        let excess = (others.len() + 1).saturating_sub(new.max_per_user as usize);
        if !self.has(Fault::BoundIgnored) {
            for (_, key) in &others[..excess] {
                series.remove(key);
            }
        }
        let entry = Entry {
            login: new.login,
            current: new.secret,
            replaced: Vec::new(),
            listed: !self.has(Fault::IndexForgetsNew),
        };
        series.insert(*new.series.as_bytes(), entry);
        Ok(!taken)
    }

    async fn find(&self, series: &SecretDigest) -> Result<Option<RememberedLogin>, AuthError> {
        let mut all = self.lock();
        let found = all.get(series.as_bytes()).map(|entry| entry.login.clone());
        if self.has(Fault::SpendsOnFind) {
            all.remove(series.as_bytes());
        }
        Ok(found)
    }

    async fn redeem(
        &self,
        series: &SecretDigest,
        redemption: Redemption,
    ) -> Result<RedeemOutcome, AuthError> {
        let two_steps = self.has(Fault::TwoStepsToRotate) || self.has(Fault::RotateRevives);
        let Some(mut entry) = self.lock().get(series.as_bytes()).cloned() else {
            return Ok(RedeemOutcome::Unknown);
        };
        if two_steps {
            between_two_steps().await;
        }
        let mut all = self.lock();
        match all.get(series.as_bytes()) {
            Some(stored) if !two_steps => entry = stored.clone(),
            None if !self.has(Fault::RotateRevives) => return Ok(RedeemOutcome::Unknown),
            _ => {}
        }
        let late = match self.has(Fault::OffByOneSecond) {
            true => redemption.now > entry.login.ends_at,
            false => redemption.now >= entry.login.ends_at,
        };
        let is_current = entry.current == redemption.presented;
        if late && (is_current || !self.has(Fault::ExpiredIsTheft)) {
            return Ok(RedeemOutcome::Unknown);
        }
        if is_current || self.has(Fault::AnySecretRotates) {
            entry.replaced.push((redemption.presented, redemption.now));
            entry.current = redemption.next;
            let login = entry.login.clone();
            all.insert(*series.as_bytes(), entry);
            return Ok(RedeemOutcome::Rotated(login));
        }
        if self.in_grace(&entry, &redemption) && !self.has(Fault::RepeatIsReuse) {
            let login = entry.login.clone();
            if self.has(Fault::RepeatRotates) {
                entry.current = redemption.next;
            }
            if self.has(Fault::GraceSlides) {
                entry.replaced.push((redemption.presented, redemption.now));
            }
            all.insert(*series.as_bytes(), entry);
            return Ok(RedeemOutcome::Repeated(login));
        }
        if !self.has(Fault::KeepsReused) {
            all.remove(series.as_bytes());
        }
        Ok(RedeemOutcome::Reused(entry.login))
    }

    async fn delete(&self, series: &SecretDigest) -> Result<bool, AuthError> {
        Ok(self.lock().remove(series.as_bytes()).is_some())
    }

    async fn delete_all(
        &self,
        user: &UserKey,
        except: Option<&SecretDigest>,
    ) -> Result<usize, AuthError> {
        let mut series = self.lock();
        let before = series.len();
        series.retain(|key, entry| {
            let excepted = except.is_some_and(|except| except.as_bytes() == key);
            entry.login.user() != *user || excepted || !entry.listed
        });
        Ok(before - series.len())
    }
}

fn try_out(fault: Fault) -> Result<(), String> {
    verdict(contract::remember_store(async || Naive {
        fault,
        series: Mutex::default(),
    }))
}

#[test]
fn x_18_a_remember_store_without_fault_passes() {
    assert_eq!(try_out(Fault::None), Ok(()));
}

#[test]
fn ses_21_stores_that_mistake_secrets_are_found() {
    for (fault, line) in [
        (Fault::AnySecretRotates, "less than `grace` away"),
        (Fault::ClockMustAgree, "less than `grace` away"),
        (Fault::ExpiredIsTheft, "over at its `ends_at`"),
        (Fault::GraceForTwo, "or no longer, a secret"),
        (Fault::GraceSlides, "the time does not begin again"),
        (Fault::GraceTooLong, "less than `grace` away"),
        (Fault::KeepsReused, "the series is removed"),
        (Fault::OffByOneSecond, "over at its `ends_at`"),
        (Fault::RepeatIsReuse, "less than `grace` away"),
        (Fault::RepeatRotates, "Dead stays dead"),
    ] {
        assert_found(&fault, try_out(fault), &[line]);
    }
}

#[test]
fn x_18_remember_stores_with_halves_are_found() {
    for (fault, lines) in [
        (Fault::BoundIgnored, &["those that began first end"][..]),
        (Fault::EndsTheYoungest, &["those that began first end"]),
        (Fault::IndexForgetsNew, &["delete_all: Ends all series"]),
        (Fault::OverTakesPlace, &["takes no place"]),
        (
            Fault::RotateRevives,
            &["Dead stays dead", "one is answered `Rotated`"],
        ),
        (Fault::SpendsOnFind, &["find: Finds a series"]),
        (Fault::TakenOverwrites, &["if its selector is taken"]),
        (Fault::TwoStepsToRotate, &["one is answered `Rotated`"]),
    ] {
        assert_found(&fault, try_out(fault), lines);
    }
}
