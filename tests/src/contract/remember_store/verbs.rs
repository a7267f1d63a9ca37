//! Each method alone, but for `redeem`.

use session_layer::{RememberStore, RememberedLogin};

use super::DEAD;
use super::trial::{LIFETIME, Trial, digest, is_rotated, is_unknown, same};
use crate::contract::{answer, check};

const BOUNDED: &str = "insert: If the user has as many as allowed, those that began first end";
const DELETE: &str = "delete: Ends a series; false if there was none";
const DELETE_ALL: &str = "delete_all: Ends all series of a user but one";
const FIND: &str = "find: Finds a series by the digest of its selector, and changes nothing";
const OVER: &str = "One that is over when the new one begins takes no place";
const TAKEN: &str = "insert: false, and nothing is stored, if its selector is taken";

pub(super) async fn check_all<S: RememberStore>(trial: &Trial<S>) {
    what_is_stored_is_found(trial).await;
    a_taken_selector_changes_nothing(trial).await;
    a_series_ends_for_good(trial).await;
    all_but_one_end(trial).await;
    of_too_many_the_first_end(trial).await;
    what_is_over_takes_no_place(trial).await;
}

async fn what_is_stored_is_found<S: RememberStore>(trial: &Trial<S>) {
    let series = trial.series(&trial.user(), 0, 1);
    check!(
        FIND,
        !trial.is_found(&series).await,
        "one that was never stored"
    );
    trial.insert(&series).await;
    for _ in 0..2 {
        let found = answer(trial.store.find(&series.series).await);
        let whole = found
            .as_ref()
            .is_some_and(|found| same(found, &series.login));
        check!(FIND, whole, "{found:?} instead of {:?}", series.login);
    }
    // A secret is no selector.
    let found = answer(trial.store.find(&series.secret).await);
    check!(FIND, found.is_none(), "found by its secret");
    let rotated = trial.redeem(&series, series.secret, digest(), 1).await;
    check!(FIND, is_rotated(&rotated), "{rotated:?} after it was found");
}

async fn a_taken_selector_changes_nothing<S: RememberStore>(trial: &Trial<S>) {
    let (ann, bob) = (trial.user(), trial.user());
    let first = trial.inserted(&ann).await;
    for user in [&ann, &bob] {
        let mut second = trial.series(user, 1, 1);
        second.series = first.series;
        let stored = answer(trial.store.insert(second.clone()).await);
        check!(TAKEN, !stored, "true");
        let found = answer(trial.store.find(&first.series).await);
        let whole = found
            .as_ref()
            .is_some_and(|found| same(found, &first.login));
        check!(TAKEN, whole, "now it is {found:?}");
    }
    check!(
        TAKEN,
        trial.delete_all(&bob, None).await == 0,
        "it is in the other's index"
    );
    let outcome = trial.redeem(&first, first.secret, digest(), 2).await;
    check!(
        TAKEN,
        is_rotated(&outcome),
        "{outcome:?} for the first one's secret"
    );
}

async fn a_series_ends_for_good<S: RememberStore>(trial: &Trial<S>) {
    for by_all in [false, true] {
        let user = trial.user();
        let series = trial.inserted(&user).await;
        let next = digest();
        let outcome = trial.redeem(&series, series.secret, next, 1).await;
        check!(DEAD, is_rotated(&outcome), "{outcome:?} before it ended");
        if by_all {
            let ended = trial.delete_all(&user, None).await;
            check!(DELETE_ALL, ended == 1, "{ended} instead of 1");
        } else {
            let ended = answer(trial.store.delete(&series.series).await);
            check!(DELETE, ended, "false for a live series");
        }
        check!(DEAD, !trial.is_found(&series).await, "it is found");
        for presented in [next, series.secret, digest()] {
            let outcome = trial.redeem(&series, presented, digest(), 2).await;
            check!(DEAD, is_unknown(&outcome), "{outcome:?}");
            check!(
                DEAD,
                !trial.is_found(&series).await,
                "a redemption has revived it"
            );
        }
        let again = answer(trial.store.delete(&series.series).await);
        check!(DELETE, !again, "true for one that has ended");
        let ended = trial.delete_all(&user, None).await;
        check!(DELETE_ALL, ended == 0, "{ended} of a user who has none");
    }
}

async fn all_but_one_end<S: RememberStore>(trial: &Trial<S>) {
    let (ann, bob) = (trial.user(), trial.user());
    let namesake = ann.to_builder().issuer("https://other.example").build();
    let mut series = Vec::new();
    for _ in 0..4 {
        series.push(trial.inserted(&ann).await);
    }
    let (of_bob, of_namesake) = (trial.inserted(&bob).await, trial.inserted(&namesake).await);

    let ended = trial.delete_all(&ann, Some(&series[0].series)).await;
    check!(DELETE_ALL, ended == 3, "{ended} instead of 3");
    check!(
        DELETE_ALL,
        trial.is_found(&series[0]).await,
        "the excepted one has ended"
    );
    for series in &series[1..] {
        check!(
            DELETE_ALL,
            !trial.is_found(series).await,
            "one is still there"
        );
    }
    // An exception that is not the user's excepts nothing.
    let ended = trial.delete_all(&ann, Some(&of_bob.series)).await;
    check!(DELETE_ALL, ended == 1, "{ended} instead of 1");
    for series in [&of_bob, &of_namesake] {
        check!(
            DELETE_ALL,
            trial.is_found(series).await,
            "one of somebody else has ended"
        );
    }
    let later = trial.inserted(&ann).await;
    check!(
        DELETE_ALL,
        trial.is_found(&later).await,
        "one that began later has ended"
    );
}

async fn of_too_many_the_first_end<S: RememberStore>(trial: &Trial<S>) {
    let (user, other) = (trial.user(), trial.inserted(&trial.user()).await);
    // In another order than that of their ages.
    let mut series = Vec::new();
    for seconds in [30, 10, 20] {
        let new = trial.series(&user, seconds, 3);
        trial.insert(&new).await;
        series.push(new);
    }
    // Using it makes none younger.
    let outcome = trial
        .redeem(&series[1], series[1].secret, digest(), 35)
        .await;
    check!(BOUNDED, is_rotated(&outcome), "{outcome:?}");
    let found = async || {
        let mut found = Vec::new();
        for series in &series {
            found.push(trial.is_found(series).await);
        }
        found
    };

    let fourth = trial.series(&user, 40, 3);
    trial.insert(&fourth).await;
    let left = found().await;
    check!(
        BOUNDED,
        left == [true, false, true],
        "of 30, 10, 20 are left: {left:?}"
    );
    // A bound that has become smaller.
    let fifth = trial.series(&user, 50, 2);
    trial.insert(&fifth).await;
    let left = found().await;
    check!(
        BOUNDED,
        left == [false, false, false],
        "of the first three are left: {left:?}"
    );
    for series in [&fourth, &fifth, &other] {
        check!(
            BOUNDED,
            trial.is_found(series).await,
            "one too many has ended"
        );
    }
    // One that is over may be in the way of nobody.
    let alone = trial.user();
    let first = trial.series(&alone, 0, 1);
    trial.insert(&first).await;
    let second = trial.series(&alone, LIFETIME, 1);
    trial.insert(&second).await;
    check!(
        BOUNDED,
        trial.is_found(&second).await,
        "the new one is not there"
    );
}

async fn what_is_over_takes_no_place<S: RememberStore>(trial: &Trial<S>) {
    for seconds in [30, 31] {
        let user = trial.user();
        let first = trial.series(&user, 0, 2);
        let mut over = trial.series(&user, 10, 2);
        over.login = RememberedLogin::new(user.clone(), trial.at(10), trial.at(30));
        let third = trial.series(&user, seconds, 2);
        for series in [&first, &over, &third] {
            trial.insert(series).await;
        }
        for series in [&first, &third] {
            let live = trial.is_found(series).await;
            check!(OVER, live, "one of two has ended for one that is over");
        }
        // And it is the first of those that are not.
        let fourth = trial.series(&user, 40, 2);
        trial.insert(&fourth).await;
        check!(BOUNDED, !trial.is_found(&first).await, "three are live");
        check!(BOUNDED, trial.is_found(&third).await, "only one is live");
    }
}
