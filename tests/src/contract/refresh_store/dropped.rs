//! Futures that are dropped half-way.

use jwt_layer::refresh::{RefreshStore, RotateOutcome};

use super::ATOMIC;
use super::trial::{Trial, digest, successor};
use crate::contract::race::{drop_after, soon};
use crate::contract::{answer, check};

pub(super) async fn check_all<S: RefreshStore>(trial: &Trial<S>) {
    for waits in 0..8 {
        an_insert(trial, waits).await;
        a_rotation(trial, waits).await;
        an_end(trial, waits).await;
    }
}

async fn an_insert<S: RefreshStore>(trial: &Trial<S>, waits: usize) {
    let user = trial.user();
    let family = trial.family(&user);
    drop_after(waits, trial.store.insert(family.clone())).await;
    let free = soon(async || {
        answer(trial.store.insert(family.clone()).await) || trial.find(&family).await.is_some()
    });
    check!(
        ATOMIC,
        free.await,
        "insert, dropped after {waits} waits, blocks its id"
    );
    let listed = trial.listed(&user).await;
    check!(
        ATOMIC,
        listed == [family.family.id],
        "{listed:?} is listed after insert, dropped after {waits} waits"
    );
}

/// Either it has happened or it has not: the token is the current one, or it has the one successor
/// that is.
async fn a_rotation<S: RefreshStore>(trial: &Trial<S>, waits: usize) {
    let family = trial.inserted(&trial.user()).await;
    let next = digest();
    let rotation = trial.rotation(family.current, next, 0);
    drop_after(waits, trial.store.rotate(&family.family.id, rotation)).await;
    let second = digest();
    let outcome = trial.rotate(&family, family.current, second, 1).await;
    let current = match outcome {
        RotateOutcome::Rotated => second,
        _ => next,
    };
    let right = match &outcome {
        RotateOutcome::Rotated => true,
        outcome => *outcome == RotateOutcome::Repeated(successor(&next)),
    };
    check!(
        ATOMIC,
        right,
        "{outcome:?} after rotate, dropped after {waits} waits"
    );
    let outcome = trial.rotate(&family, current, digest(), 2).await;
    check!(
        ATOMIC,
        outcome == RotateOutcome::Rotated,
        "{outcome:?} for the current token, {waits} waits"
    );
}

async fn an_end<S: RefreshStore>(trial: &Trial<S>, waits: usize) {
    let user = trial.user();
    let family = trial.inserted(&user).await;
    drop_after(waits, trial.store.end(&family.family.id)).await;
    let whole = soon(async || {
        let listed = !trial.listed(&user).await.is_empty();
        listed == trial.find(&family).await.is_some()
    });
    check!(ATOMIC, whole.await, "end, dropped after {waits} waits");
    answer(trial.store.end(&family.family.id).await);
    check!(
        ATOMIC,
        trial.find(&family).await.is_none(),
        "it is still there"
    );
}
