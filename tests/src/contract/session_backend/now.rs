//! What can be said without waiting.

use session_layer::{NewSession, SessionBackend, SessionLookup, UpdateOutcome};
use tokio::task::yield_now;

use super::NOW;
use super::dead::End;
use super::races::{ROUNDS, Task};
use super::trial::{Trial, data, same};
use crate::contract::race::race;
use crate::contract::{answer, check};

pub(super) async fn check_all<S: SessionBackend>(trial: &Trial<S>) {
    what_was_missing_is_found(trial).await;
    changes_are_seen_at_once(trial).await;
    ends_are_seen_at_once(trial).await;
    for round in 0..ROUNDS {
        for end in End::ALL {
            no_reader_keeps_what_has_ended(trial, end, round).await;
        }
    }
}

async fn what_was_missing_is_found<S: SessionBackend>(trial: &Trial<S>) {
    let (user, old) = (trial.user(), trial.created(None).await);
    for session in [trial.session(None, 0), trial.session(Some(&user), 0)] {
        ask_often(trial, &session).await;
        trial.create(&session).await;
        agrees(trial, &session, "create").await;
    }
    let new = trial.session(Some(&user), 1);
    ask_often(trial, &new).await;
    let _ = answer(trial.store.rotate(&old.secret, None, new.clone()).await);
    agrees(trial, &new, "rotate").await;
}

async fn changes_are_seen_at_once<S: SessionBackend>(trial: &Trial<S>) {
    let user = trial.user();
    for login in [None, Some(&user)] {
        let session = trial.created(login).await;
        ask_often(trial, &session).await;
        let outcome = answer(trial.store.update(&session.secret, 1, data("second")).await);
        check!(
            NOW,
            matches!(outcome, UpdateOutcome::Updated { .. }),
            "{outcome:?} for a session that is found"
        );
        agrees(trial, &session, "update").await;
        let touched = answer(trial.store.touch(&session.secret, trial.touch(60)).await);
        check!(NOW, touched, "no touch for a session that is found");
        agrees(trial, &session, "touch").await;
    }
}

async fn ends_are_seen_at_once<S: SessionBackend>(trial: &Trial<S>) {
    for end in End::ALL {
        let user = trial.user();
        let session = trial.created(Some(&user)).await;
        ask_often(trial, &session).await;
        let next = end.end(trial, &user, &session).await;
        is_not_found(trial, &session, end);
        agrees(trial, &session, "the end").await;
        if let Some(next) = next {
            agrees(trial, &next, "the end of the one before it").await;
        }
    }
}

/// Readers, who may be about to keep a copy of what they have read, while it ends.
async fn no_reader_keeps_what_has_ended<S: SessionBackend>(
    trial: &Trial<S>,
    end: End,
    round: usize,
) {
    let user = trial.user();
    let session = trial.created(Some(&user)).await;
    let tasks = (0..8).map(|n| -> Task<()> {
        let (trial, session, user) = (trial.clone(), session.clone(), user.clone());
        if n == 0 {
            return Box::pin(async move {
                for _ in 0..3 * round {
                    yield_now().await;
                }
                end.end(&trial, &user, &session).await;
                for _ in 0..20 {
                    is_not_found(&trial, &session, end);
                    yield_now().await;
                }
            });
        }
        Box::pin(async move {
            for _ in 0..20 {
                let _ = trial.store.find_now(&session.secret);
                let _ = answer(trial.store.find(&session.secret).await);
            }
        })
    });
    race(tasks).await;
    is_not_found(trial, &session, end);
}

/// A backend that keeps copies of what is asked for has one now.
async fn ask_often<S: SessionBackend>(trial: &Trial<S>, session: &NewSession) {
    for _ in 0..3 {
        let _ = answer(trial.store.find(&session.secret).await);
        let _ = trial.store.find_now(&session.secret);
    }
}

fn is_not_found<S: SessionBackend>(trial: &Trial<S>, session: &NewSession, end: End) {
    let found = matches!(
        trial.store.find_now(&session.secret),
        SessionLookup::Found(_)
    );
    check!(NOW, !found, "it finds a session after {end:?}");
}

/// Asks at once, before `find` could put anything right, and afterwards.
async fn agrees<S: SessionBackend>(trial: &Trial<S>, session: &NewSession, then: &str) {
    let before = trial.store.find_now(&session.secret);
    let found = answer(trial.store.find(&session.secret).await);
    for now in [before, trial.store.find_now(&session.secret)] {
        let agrees = match (&now, &found) {
            (SessionLookup::Found(now), Some(found)) => same(now, found),
            (SessionLookup::Missing, None) | (SessionLookup::Wait, _) => true,
            _ => false,
        };
        check!(NOW, agrees, "{now:?} and {found:?} after {then}");
    }
}
