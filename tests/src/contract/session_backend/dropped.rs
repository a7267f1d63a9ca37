//! Futures that are dropped half-way.

use session_layer::{NewSession, SessionBackend, UserKey, WhenFull};

use super::ATOMIC;
use super::trial::{Trial, data, ids};
use crate::contract::race::{drop_after, soon};
use crate::contract::{answer, check};

/// After how many waits a future is dropped at most.
const WAITS: usize = 8;

pub(super) async fn check_all<S: SessionBackend>(trial: &Trial<S>) {
    for waits in 0..WAITS {
        a_create(trial, waits).await;
        a_create_that_evicts(trial, waits).await;
        a_rotation(trial, waits).await;
        an_update(trial, waits).await;
        an_end(trial, waits).await;
        an_end_of_all(trial, waits).await;
    }
}

async fn a_create<S: SessionBackend>(trial: &Trial<S>, waits: usize) {
    let user = trial.user();
    let session = trial.session(Some(&user), 0);
    drop_after(waits, trial.store.create(session.clone())).await;
    let whole =
        soon(async || trial.is_found(&session).await != trial.listed(&user).await.is_empty());
    check!(ATOMIC, whole.await, "create, dropped after {waits} waits");
}

async fn a_create_that_evicts<S: SessionBackend>(trial: &Trial<S>, waits: usize) {
    let user = trial.user();
    let old = trial.created(Some(&user)).await;
    let new = trial.capped(&user, 1, 1, WhenFull::EvictOldest);
    drop_after(waits, trial.store.create(new.clone())).await;
    check!(
        ATOMIC,
        one_of(trial, &old, &new).await,
        "an eviction, dropped after {waits} waits"
    );
    let listed = soon(async || trial.listed(&user).await.len() == 1);
    check!(
        ATOMIC,
        listed.await,
        "the list after an eviction, dropped after {waits} waits"
    );
}

async fn a_rotation<S: SessionBackend>(trial: &Trial<S>, waits: usize) {
    let user = trial.user();
    for login in [None, Some(&user)] {
        let (old, new) = (trial.created(login).await, trial.session(Some(&user), 1));
        drop_after(waits, trial.store.rotate(&old.secret, None, new.clone())).await;
        check!(
            ATOMIC,
            one_of(trial, &old, &new).await,
            "rotate, dropped after {waits} waits"
        );
        let expected = soon(async || {
            let listed = trial.listed(&user).await;
            if trial.is_found(&new).await {
                listed == ids(&[&new])
            } else {
                listed.len() == usize::from(login.is_some())
            }
        });
        check!(
            ATOMIC,
            expected.await,
            "the list after rotate, dropped after {waits} waits"
        );
        answer(trial.store.delete_all(&UserKey::from(&user), None).await);
    }
}

async fn an_update<S: SessionBackend>(trial: &Trial<S>, waits: usize) {
    let session = trial.created(None).await;
    drop_after(
        waits,
        trial.store.update(&session.secret, 1, data("second")),
    )
    .await;
    let whole = soon(async || {
        let stored = trial.stored(&session).await;
        (stored.version == 1 && stored.data == data("first"))
            || (stored.version == 2 && stored.data == data("second"))
    });
    check!(ATOMIC, whole.await, "update, dropped after {waits} waits");
}

async fn an_end<S: SessionBackend>(trial: &Trial<S>, waits: usize) {
    let user = trial.user();
    let session = trial.created(Some(&user)).await;
    drop_after(waits, trial.store.delete(&session.secret)).await;
    let whole =
        soon(async || trial.is_found(&session).await != trial.listed(&user).await.is_empty());
    check!(ATOMIC, whole.await, "delete, dropped after {waits} waits");
    // Whatever it had locked is free again.
    answer(trial.store.delete(&session.secret).await);
    check!(
        ATOMIC,
        !trial.is_found(&session).await,
        "delete after a dropped one"
    );
}

async fn an_end_of_all<S: SessionBackend>(trial: &Trial<S>, waits: usize) {
    let user = trial.user();
    let mut sessions = Vec::new();
    for _ in 0..3 {
        sessions.push(trial.created(Some(&user)).await);
    }
    drop_after(waits, trial.store.delete_all(&UserKey::from(&user), None)).await;
    let whole = soon(async || {
        let mut found = 0;
        for session in &sessions {
            found += usize::from(trial.is_found(session).await);
        }
        (found == 0 || found == 3) && trial.listed(&user).await.len() == found
    });
    check!(
        ATOMIC,
        whole.await,
        "delete_all, dropped after {waits} waits"
    );
}

/// Whether one of the two is there, and one only.
async fn one_of<S: SessionBackend>(trial: &Trial<S>, old: &NewSession, new: &NewSession) -> bool {
    soon(async || trial.is_found(old).await != trial.is_found(new).await).await
}
