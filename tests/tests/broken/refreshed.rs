//! A store of refresh families in one map, correct but for one fault.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use auth_layer::{AuthError, UserKey};
use auth_test::contract;
use jwt_layer::refresh::{FamilyId, FamilyState, RefreshStore, RotateOutcome, Rotation};

use super::{assert_found, between_two_steps, verdict};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    AnyTokenRotates,
    ClockMustAgree,
    CountForgets,
    CountInTwoSteps,
    EndLeavesIndex,
    ExhaustedIsReuse,
    ExpiredIsTheft,
    ExpiryStays,
    IndexForgetsNew,
    ListsEverybody,
    NewSuccessor,
    NoReplays,
    None,
    OffByOneSecond,
    RemovesReused,
    ReuseIsRefusedOnly,
    RotateRevives,
    SpendsOnFind,
    TakenOverwrites,
    TwoStepsToRotate,
    WindowSlides,
    WindowTooLong,
}

struct Naive {
    fault: Fault,
    families: Mutex<HashMap<FamilyId, (FamilyState, bool)>>,
}

impl Naive {
    fn lock(&self) -> MutexGuard<'_, HashMap<FamilyId, (FamilyState, bool)>> {
        self.families.lock().unwrap()
    }

    fn has(&self, fault: Fault) -> bool {
        self.fault == fault
    }

    /// Changes a copy, with the fault.
    fn change(&self, state: &mut FamilyState, rotation: &Rotation) -> RotateOutcome {
        let mut rotation = rotation.clone();
        let old = state.clone();
        match self.fault {
            Fault::AnyTokenRotates if !state.reused => state.current = rotation.presented,
            Fault::OffByOneSecond if rotation.now == state.expires_at => {
                state.expires_at += Duration::from_secs(1);
            }
            Fault::ExpiredIsTheft
                if rotation.now >= state.expires_at && state.current != rotation.presented =>
            {
                state.reused = true;
                return RotateOutcome::Reused;
            }
            Fault::ExpiryStays => rotation.expires_at = state.expires_at,
            Fault::NoReplays => rotation.window = Duration::ZERO,
            Fault::WindowTooLong => rotation.window += Duration::from_secs(1),
            Fault::ClockMustAgree => {
                if let Some(used) = &state.used
                    && used.digest == rotation.presented
                    && rotation.now < used.at
                {
                    rotation.window = Duration::ZERO;
                }
            }
            _ => {}
        }
        let mut outcome = state.rotate(&rotation);
        match (&outcome, self.fault) {
            (RotateOutcome::Repeated(_), Fault::CountForgets) => *state = old,
            (RotateOutcome::Repeated(_), Fault::WindowSlides) => {
                state.used.as_mut().unwrap().at = rotation.now;
            }
            (RotateOutcome::Repeated(_), Fault::NewSuccessor) => {
                outcome = RotateOutcome::Repeated(rotation.successor);
            }
            (RotateOutcome::Exhausted, Fault::ExhaustedIsReuse) => {
                state.reused = true;
                outcome = RotateOutcome::Reused;
            }
            (RotateOutcome::Reused, Fault::ReuseIsRefusedOnly) => state.reused = false,
            _ => {}
        }
        outcome
    }
}

impl RefreshStore for Naive {
    async fn insert(&self, new: FamilyState) -> Result<bool, AuthError> {
        let mut families = self.lock();
        let taken = families.contains_key(&new.family.id);
        if taken && !self.has(Fault::TakenOverwrites) {
            return Ok(false);
        }
        let listed = !self.has(Fault::IndexForgetsNew);
        families.insert(new.family.id, (new, listed));
        Ok(!taken)
    }

    async fn find(&self, id: &FamilyId) -> Result<Option<FamilyState>, AuthError> {
        let mut families = self.lock();
        if self.has(Fault::SpendsOnFind) {
            return Ok(families.remove(id).map(|(state, _)| state));
        }
        Ok(families.get(id).map(|(state, _)| state.clone()))
    }

    async fn rotate(&self, id: &FamilyId, rotation: Rotation) -> Result<RotateOutcome, AuthError> {
        let Some((mut state, listed)) = self.lock().get(id).cloned() else {
            return Ok(RotateOutcome::Unknown);
        };
        let is_current = state.current == rotation.presented;
        let two_steps = match self.fault {
            Fault::TwoStepsToRotate | Fault::RotateRevives => true,
            Fault::CountInTwoSteps => !is_current,
            _ => false,
        };
        if two_steps {
            between_two_steps().await;
        }
        let mut families = self.lock();
        match families.get(id) {
            Some((stored, _)) if !two_steps => state = stored.clone(),
            Some((stored, _)) if self.has(Fault::RotateRevives) => state = stored.clone(),
            None if !self.has(Fault::RotateRevives) => return Ok(RotateOutcome::Unknown),
            _ => {}
        }
        let outcome = self.change(&mut state, &rotation);
        if outcome == RotateOutcome::Reused && self.has(Fault::RemovesReused) {
            families.remove(id);
        } else {
            families.insert(*id, (state, listed));
        }
        Ok(outcome)
    }

    async fn end(&self, id: &FamilyId) -> Result<bool, AuthError> {
        let mut families = self.lock();
        if self.has(Fault::EndLeavesIndex) {
            return Ok(families.contains_key(id));
        }
        Ok(families.remove(id).is_some())
    }

    async fn list(&self, user: &UserKey) -> Result<Vec<FamilyState>, AuthError> {
        let families = self.lock();
        let own =
            |state: &FamilyState| state.family.user() == *user || self.has(Fault::ListsEverybody);
        let listed = families
            .values()
            .filter(|(state, listed)| *listed && own(state));
        Ok(listed.map(|(state, _)| state.clone()).collect())
    }
}

fn try_out(fault: Fault) -> Result<(), String> {
    verdict(contract::refresh_store(async || Naive {
        fault,
        families: Mutex::default(),
    }))
}

#[test]
fn x_18_a_refresh_store_without_fault_passes() {
    assert_eq!(try_out(Fault::None), Ok(()));
}

#[test]
fn ref_04_stores_that_mistake_tokens_are_found() {
    for (fault, line) in [
        (Fault::AnyTokenRotates, "less than `window` away"),
        (Fault::ClockMustAgree, "less than `window` away"),
        (Fault::CountForgets, "that is counted"),
        (Fault::ExhaustedIsReuse, "that is counted"),
        (Fault::ExpiredIsTheft, "over at its `expires_at`"),
        (Fault::ExpiryStays, "`next` becomes the current one"),
        (Fault::NewSuccessor, "less than `window` away"),
        (Fault::NoReplays, "less than `window` away"),
        (Fault::OffByOneSecond, "over at its `expires_at`"),
        (Fault::RemovesReused, "Dead stays dead"),
        (Fault::ReuseIsRefusedOnly, "Dead stays dead"),
        (Fault::WindowSlides, "that is counted"),
        (Fault::WindowTooLong, "less than `window` away"),
    ] {
        assert_found(&fault, try_out(fault), &[line]);
    }
}

#[test]
fn ref_05_refresh_stores_with_halves_are_found() {
    for (fault, lines) in [
        (
            Fault::CountInTwoSteps,
            &[
                "as a whole or not at all",
                "Dead stays dead",
                "one is answered `Rotated`",
            ][..],
        ),
        (Fault::EndLeavesIndex, &["Dead stays dead"]),
        (
            Fault::IndexForgetsNew,
            &["All families of a user", "false, and nothing is stored"],
        ),
        (Fault::ListsEverybody, &["if its id is taken"]),
        (
            Fault::RotateRevives,
            &["Dead stays dead", "as a whole or not at all"],
        ),
        (Fault::SpendsOnFind, &["find: Finds a family"]),
        (Fault::TakenOverwrites, &["if its id is taken"]),
        (
            Fault::TwoStepsToRotate,
            &["one is answered `Rotated`", "as a whole or not at all"],
        ),
    ] {
        assert_found(&fault, try_out(fault), lines);
    }
}
