//! Each method alone, but for `rotate`.

use auth_layer::UserKey;
use jwt_layer::refresh::{FamilyId, RefreshStore, RotateOutcome};

use super::DEAD;
use super::trial::{Trial, digest, same};
use crate::contract::{answer, check, random};

const END: &str = "end: Removes a family; false if there was none";
const FIND: &str = "find: Finds a family, and changes nothing";
const LIST: &str = "list: All families of a user";
const TAKEN: &str = "insert: false, and nothing is stored, if its id is taken";

pub(super) async fn check_all<S: RefreshStore>(trial: &Trial<S>) {
    what_is_stored_is_found(trial).await;
    a_taken_id_changes_nothing(trial).await;
    a_family_ends_for_good(trial).await;
    a_user_has_own_families_only(trial).await;
}

async fn what_is_stored_is_found<S: RefreshStore>(trial: &Trial<S>) {
    let family = trial.family(&trial.user());
    let found = trial.find(&family).await;
    check!(FIND, found.is_none(), "one that was never stored");
    let stored = answer(trial.store.insert(family.clone()).await);
    check!(FIND, stored, "false for an id that is free");
    for _ in 0..2 {
        let found = trial.find(&family).await;
        let whole = found.as_ref().is_some_and(|found| same(found, &family));
        check!(FIND, whole, "{found:?} instead of {family:?}");
    }
    let never = FamilyId::from_bytes(random());
    let found = answer(trial.store.find(&never).await);
    check!(FIND, found.is_none(), "found by another id");
}

async fn a_taken_id_changes_nothing<S: RefreshStore>(trial: &Trial<S>) {
    let (ann, bob) = (trial.user(), trial.user());
    let first = trial.inserted(&ann).await;
    for user in [&ann, &bob] {
        let mut second = trial.family(user);
        second.family.id = first.family.id;
        let stored = answer(trial.store.insert(second).await);
        check!(TAKEN, !stored, "true");
        let found = trial.find(&first).await;
        let whole = found.as_ref().is_some_and(|found| same(found, &first));
        check!(TAKEN, whole, "now it is {found:?}");
    }
    let listed = trial.listed(&ann).await;
    check!(TAKEN, listed == [first.family.id], "{listed:?} is listed");
    let listed = trial.listed(&bob).await;
    check!(TAKEN, listed.is_empty(), "another user's list has it");
}

async fn a_family_ends_for_good<S: RefreshStore>(trial: &Trial<S>) {
    let user = trial.user();
    let (family, other) = (trial.inserted(&user).await, trial.inserted(&user).await);
    let next = digest();
    let outcome = trial.rotate(&family, family.current, next, 1).await;
    check!(END, outcome == RotateOutcome::Rotated, "{outcome:?}");
    for (round, expected) in [true, false, false].into_iter().enumerate() {
        let ended = answer(trial.store.end(&family.family.id).await);
        check!(END, ended == expected, "{ended} in round {round}");
        check!(
            DEAD,
            trial.find(&family).await.is_none(),
            "it is still there"
        );
    }
    for presented in [family.current, next] {
        let outcome = trial.rotate(&family, presented, digest(), 2).await;
        check!(DEAD, outcome == RotateOutcome::Unknown, "{outcome:?}");
        check!(DEAD, trial.find(&family).await.is_none(), "it is back");
    }
    let listed = trial.listed(&user).await;
    check!(END, listed == [other.family.id], "{listed:?} is listed");
}

async fn a_user_has_own_families_only<S: RefreshStore>(trial: &Trial<S>) {
    let (ann, bob) = (trial.user(), trial.user());
    let mut of_ann = Vec::new();
    for _ in 0..3 {
        let family = trial.inserted(&ann).await;
        of_ann.push(family.family.id);
        let listed = trial.listed(&bob).await;
        check!(LIST, listed.is_empty(), "{listed:?} of another user");
    }
    of_ann.sort_unstable();
    let listed = trial.listed(&ann).await;
    check!(LIST, listed == of_ann, "{listed:?} instead of {of_ann:?}");

    let family = trial.inserted(&bob).await;
    let next = digest();
    let outcome = trial.rotate(&family, family.current, next, 5).await;
    check!(LIST, outcome == RotateOutcome::Rotated, "{outcome:?}");
    let listed = answer(trial.store.list(&UserKey::from(&bob)).await);
    let found = trial.find(&family).await;
    let whole = match (&listed[..], &found) {
        ([listed], Some(found)) => same(listed, found) && listed.last_used_at() == trial.at(5),
        _ => false,
    };
    check!(LIST, whole, "{listed:?} instead of {found:?}");
}
