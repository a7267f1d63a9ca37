//! Futures that are dropped half-way.

use std::time::Duration;

use session_layer::{Redemption, RememberStore, UserKey};

use super::ATOMIC;
use super::trial::{GRACE, Trial, digest, is_repeated, is_reused, is_rotated};
use crate::contract::race::{drop_after, soon};
use crate::contract::{answer, check};

pub(super) async fn check_all<S: RememberStore>(trial: &Trial<S>) {
    for waits in 0..8 {
        an_insert(trial, waits).await;
        a_redemption(trial, waits).await;
        a_reuse(trial, waits).await;
    }
}

async fn an_insert<S: RememberStore>(trial: &Trial<S>, waits: usize) {
    let user = trial.user();
    let series = trial.series(&user, 0, 2);
    drop_after(waits, trial.store.insert(series.clone())).await;
    let free = soon(async || {
        answer(trial.store.insert(series.clone()).await) || trial.is_found(&series).await
    });
    check!(
        ATOMIC,
        free.await,
        "insert, dropped after {waits} waits, blocks its selector"
    );
    let ended = trial.delete_all(&user, None).await;
    check!(
        ATOMIC,
        ended == 1,
        "{ended} in the index after insert, dropped after {waits} waits"
    );
    check!(
        ATOMIC,
        !trial.is_found(&series).await,
        "it outlives its user's index"
    );
}

/// Either it has happened or it has not: one of the two secrets is the current one.
async fn a_redemption<S: RememberStore>(trial: &Trial<S>, waits: usize) {
    let series = trial.inserted(&trial.user()).await;
    let next = digest();
    let grace = Duration::from_secs(GRACE);
    let redemption = Redemption::new(series.secret, next, trial.at(0), grace);
    drop_after(waits, trial.store.redeem(&series.series, redemption)).await;
    let outcome = trial.redeem(&series, series.secret, digest(), 1).await;
    let current = if is_repeated(&outcome) {
        let outcome = trial.redeem(&series, next, digest(), 2).await;
        is_rotated(&outcome)
    } else {
        is_rotated(&outcome)
    };
    check!(
        ATOMIC,
        current,
        "{outcome:?} after redeem, dropped after {waits} waits"
    );
}

async fn a_reuse<S: RememberStore>(trial: &Trial<S>, waits: usize) {
    let user = trial.user();
    let series = trial.inserted(&user).await;
    let grace = Duration::from_secs(GRACE);
    let redemption = Redemption::new(digest(), digest(), trial.at(0), grace);
    let outcome = drop_after(waits, trial.store.redeem(&series.series, redemption)).await;
    if let Some(outcome) = outcome {
        let outcome = answer(outcome);
        check!(
            ATOMIC,
            is_reused(&outcome),
            "{outcome:?} for a wrong secret"
        );
    }
    let whole = soon(async || {
        let found = trial.is_found(&series).await;
        let key = UserKey::from(&user);
        let except = Some(&series.series);
        // What is excepted is not counted, and what is gone is not there to be.
        let others = answer(trial.store.delete_all(&key, except).await);
        others == 0 && found == trial.is_found(&series).await
    });
    check!(ATOMIC, whole.await, "a reuse, dropped after {waits} waits");
    let left = usize::from(trial.is_found(&series).await);
    let ended = trial.delete_all(&user, None).await;
    check!(
        ATOMIC,
        ended == left,
        "{ended} in the index, {left} found, after {waits} waits"
    );
}
