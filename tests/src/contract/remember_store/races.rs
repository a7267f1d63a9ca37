//! Everything at once.

use std::pin::Pin;

use session_layer::{RememberStore, UserKey};

use super::trial::{MAX, Trial, digest, is_repeated, is_reused, is_rotated, is_unknown};
use super::{ATOMIC, DEAD};
use crate::contract::race::race;
use crate::contract::{answer, check};

const ROUNDS: usize = 5;
const BOUNDED: &str = "A user has at most as many series as `NewSeries` says";
const ONE: &str = "Of many `redeem`s of the current secret one is answered `Rotated`";

type Task<T> = Pin<Box<dyn Future<Output = T> + Send>>;

pub(super) async fn check_all<S: RememberStore>(trial: &Trial<S>) {
    for _ in 0..ROUNDS {
        one_of_many_redemptions(trial).await;
        one_of_many_inserts(trial).await;
        one_thief_is_noticed_once(trial).await;
        parallel_inserts_keep_the_bound(trial).await;
        nothing_outlives_its_end(trial).await;
    }
}

async fn one_of_many_redemptions<S: RememberStore>(trial: &Trial<S>) {
    let series = trial.inserted(&trial.user()).await;
    let next: Vec<_> = (0..32).map(|_| digest()).collect();
    let outcomes = race(next.iter().map(|next| {
        let (trial, series, next) = (trial.clone(), series.clone(), *next);
        async move { trial.redeem(&series, series.secret, next, 1).await }
    }))
    .await;
    let rotated: Vec<_> = outcomes.iter().map(is_rotated).collect();
    let count = rotated.iter().filter(|rotated| **rotated).count();
    check!(ONE, count == 1, "{count} of 32");
    for outcome in outcomes.iter().filter(|outcome| !is_rotated(outcome)) {
        check!(ONE, is_repeated(outcome), "{outcome:?} for another");
    }
    // The next secret of the one that rotated is the current one.
    let winner = rotated.iter().position(|rotated| *rotated);
    let current = winner.map_or_else(digest, |winner| next[winner]);
    let outcome = trial.redeem(&series, current, digest(), 2).await;
    check!(
        ONE,
        is_rotated(&outcome),
        "{outcome:?} for the next secret of the first"
    );
}

async fn one_of_many_inserts<S: RememberStore>(trial: &Trial<S>) {
    let user = trial.user();
    let first = trial.series(&user, 0, MAX);
    let inserted = race((0..16).map(|_| {
        let (trial, mut series) = (trial.clone(), trial.series(&user, 0, MAX));
        series.series = first.series;
        async move { answer(trial.store.insert(series).await) }
    }))
    .await;
    let count = inserted.iter().filter(|inserted| **inserted).count();
    check!(
        ATOMIC,
        count == 1,
        "{count} of 16 inserts with one selector have stored"
    );
    let ended = trial.delete_all(&user, None).await;
    check!(ATOMIC, ended == 1, "{ended} in the index");
}

async fn one_thief_is_noticed_once<S: RememberStore>(trial: &Trial<S>) {
    let series = trial.inserted(&trial.user()).await;
    let outcomes = race((0..16).map(|_| {
        let (trial, series) = (trial.clone(), series.clone());
        async move { trial.redeem(&series, digest(), digest(), 1).await }
    }))
    .await;
    let count = outcomes.iter().filter(|outcome| is_reused(outcome)).count();
    check!(
        ATOMIC,
        count == 1,
        "{count} of 16 wrong secrets have ended one series"
    );
    for outcome in outcomes.iter().filter(|outcome| !is_reused(outcome)) {
        check!(DEAD, is_unknown(outcome), "{outcome:?} for another");
    }
}

async fn parallel_inserts_keep_the_bound<S: RememberStore>(trial: &Trial<S>) {
    let user = trial.user();
    let series: Vec<_> = (0..16).map(|_| trial.series(&user, 0, 3)).collect();
    race(series.iter().cloned().map(|series| {
        let trial = trial.clone();
        async move { trial.insert(&series).await }
    }))
    .await;
    let mut found = 0;
    for series in &series {
        found += usize::from(trial.is_found(series).await);
    }
    check!(BOUNDED, found <= 3, "{found} instead of 3");
    check!(BOUNDED, found > 0, "none is left");
    let ended = trial.delete_all(&user, None).await;
    check!(
        BOUNDED,
        ended == found,
        "{ended} in the index, {found} found"
    );
}

async fn nothing_outlives_its_end<S: RememberStore>(trial: &Trial<S>) {
    for end in 0..3 {
        let user = trial.user();
        let series = trial.inserted(&user).await;
        let mut tasks: Vec<Task<()>> = Vec::new();
        for _ in 0..4 {
            let (trial, series) = (trial.clone(), series.clone());
            tasks.push(Box::pin(async move {
                let mut secret = series.secret;
                for seconds in 0..10 {
                    let next = digest();
                    if is_rotated(&trial.redeem(&series, secret, next, seconds).await) {
                        secret = next;
                    }
                }
            }));
        }
        let (ending, key, one) = (trial.clone(), UserKey::from(&user), series.clone());
        tasks.push(Box::pin(async move {
            match end {
                0 => drop(answer(ending.store.delete(&one.series).await)),
                1 => drop(answer(ending.store.delete_all(&key, None).await)),
                _ => drop(ending.redeem(&one, digest(), digest(), 5).await),
            }
        }));
        race(tasks).await;
        check!(
            DEAD,
            !trial.is_found(&series).await,
            "found after end {end}"
        );
        let ended = trial.delete_all(&user, None).await;
        check!(DEAD, ended == 0, "{ended} in the index after end {end}");
    }
}
