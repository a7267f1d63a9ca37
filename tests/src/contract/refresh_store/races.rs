//! Everything at once.

use std::pin::Pin;

use jwt_layer::refresh::{RefreshStore, RotateOutcome};

use super::trial::{Trial, digest, successor};
use super::{ATOMIC, DEAD};
use crate::contract::race::race;
use crate::contract::{answer, check};

const ROUNDS: usize = 4;
const ONE: &str = "Of many `rotate`s of the current token one is answered `Rotated`";

type Task<T> = Pin<Box<dyn Future<Output = T> + Send>>;

pub(super) async fn check_all<S: RefreshStore>(trial: &Trial<S>) {
    for _ in 0..ROUNDS {
        one_of_many_rotations(trial, 100).await;
        one_of_many_rotations(trial, 8).await;
        one_of_many_inserts(trial).await;
        nothing_outlives_a_reuse(trial).await;
        for waits in 0..8 {
            nothing_outlives_its_end(trial, waits).await;
        }
    }
}

async fn one_of_many_rotations<S: RefreshStore>(trial: &Trial<S>, max_replays: u32) {
    let family = trial.inserted(&trial.user()).await;
    let next: Vec<_> = (0..50).map(|_| digest()).collect();
    let outcomes = race(next.iter().map(|next| {
        let (trial, id) = (trial.clone(), family.family.id);
        let mut rotation = trial.rotation(family.current, *next, 1);
        rotation.max_replays = max_replays;
        async move { answer(trial.store.rotate(&id, rotation).await) }
    }))
    .await;
    let is_rotated = |outcome: &RotateOutcome| *outcome == RotateOutcome::Rotated;
    let count = outcomes
        .iter()
        .filter(|outcome| is_rotated(outcome))
        .count();
    check!(ONE, count == 1, "{count} of 50");
    let winner = outcomes.iter().position(is_rotated);
    let current = winner.map_or_else(digest, |winner| next[winner]);
    // All others are given the successor that the one has stored, as often as is allowed.
    let repeated = RotateOutcome::Repeated(successor(&current));
    let mut replays = 0;
    for outcome in outcomes.iter().filter(|outcome| !is_rotated(outcome)) {
        replays += u32::from(*outcome == repeated);
        let right = *outcome == repeated || *outcome == RotateOutcome::Exhausted;
        check!(ONE, right, "{outcome:?} for another");
    }
    let expected = max_replays.min(49);
    check!(
        ATOMIC,
        replays == expected,
        "{replays} replays where {expected} are allowed"
    );
    let outcome = trial.rotate(&family, current, digest(), 2).await;
    check!(
        ONE,
        is_rotated(&outcome),
        "{outcome:?} for the next token of the first"
    );
}

async fn one_of_many_inserts<S: RefreshStore>(trial: &Trial<S>) {
    let user = trial.user();
    let first = trial.family(&user);
    let inserted = race((0..16).map(|_| {
        let (trial, mut family) = (trial.clone(), trial.family(&user));
        family.family.id = first.family.id;
        async move { answer(trial.store.insert(family).await) }
    }))
    .await;
    let count = inserted.iter().filter(|inserted| **inserted).count();
    check!(
        ATOMIC,
        count == 1,
        "{count} of 16 inserts with one id have stored"
    );
    let listed = trial.listed(&user).await;
    check!(ATOMIC, listed == [first.family.id], "{listed:?} is listed");
}

async fn nothing_outlives_a_reuse<S: RefreshStore>(trial: &Trial<S>) {
    let family = trial.inserted(&trial.user()).await;
    let mut tasks: Vec<Task<()>> = Vec::new();
    for _ in 0..4 {
        let (trial, family) = (trial.clone(), family.clone());
        tasks.push(Box::pin(async move {
            let mut token = family.current;
            for seconds in 0..10 {
                let next = digest();
                let outcome = trial.rotate(&family, token, next, seconds).await;
                if outcome == RotateOutcome::Rotated {
                    token = next;
                }
            }
        }));
    }
    for _ in 0..4 {
        let (trial, family) = (trial.clone(), family.clone());
        tasks.push(Box::pin(async move {
            let outcome = trial.rotate(&family, digest(), digest(), 5).await;
            check!(DEAD, outcome == RotateOutcome::Reused, "{outcome:?}");
        }));
    }
    race(tasks).await;
    let found = trial.find(&family).await;
    let marked = found.as_ref().is_some_and(|found| found.reused);
    check!(DEAD, marked, "{found:?} after a reuse");
}

async fn nothing_outlives_its_end<S: RefreshStore>(trial: &Trial<S>, waits: usize) {
    let user = trial.user();
    let family = trial.inserted(&user).await;
    let mut tasks: Vec<Task<usize>> = Vec::new();
    for _ in 0..4 {
        let (trial, family) = (trial.clone(), family.clone());
        tasks.push(Box::pin(async move {
            let mut token = family.current;
            for seconds in 0..10 {
                let next = digest();
                let outcome = trial.rotate(&family, token, next, seconds).await;
                if outcome == RotateOutcome::Rotated {
                    token = next;
                }
            }
            0
        }));
    }
    for _ in 0..2 {
        let (trial, id) = (trial.clone(), family.family.id);
        tasks.push(Box::pin(async move {
            for _ in 0..waits {
                tokio::task::yield_now().await;
            }
            usize::from(answer(trial.store.end(&id).await))
        }));
    }
    let ended: usize = race(tasks).await.into_iter().sum();
    check!(ATOMIC, ended == 1, "{ended} have ended one family");
    check!(DEAD, trial.find(&family).await.is_none(), "it is back");
    let listed = trial.listed(&user).await;
    check!(DEAD, listed.is_empty(), "{listed:?} is listed");
}
