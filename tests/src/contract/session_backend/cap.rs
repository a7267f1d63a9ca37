//! How many sessions a user may have.

use session_layer::{CreateOutcome, NewSession, RotateOutcome, SessionBackend, WhenFull};

use super::CAP;
use super::trial::{IDLE, Trial, ids, is_created, is_rotated};
use crate::contract::{answer, check};

const EVICT: &str = "EvictOldest: End the sessions that were not used for longest";
const REFUSE: &str = "Full: The user has as many sessions as allowed; nothing was stored";
const REPLACED: &str = "rotate: A session that is replaced takes no place under a cap";

pub(super) async fn check_all<S: SessionBackend>(trial: &Trial<S>) {
    a_full_user_is_refused(trial).await;
    the_oldest_are_evicted(trial).await;
    a_replaced_session_takes_no_place(trial).await;
    an_expired_session_takes_no_place(trial).await;
}

async fn a_full_user_is_refused<S: SessionBackend>(trial: &Trial<S>) {
    let user = trial.user();
    let new = |seconds| trial.capped(&user, seconds, 2, WhenFull::Refuse);
    let (first, second, third) = (new(0), new(1), new(2));
    trial.create(&first).await;
    trial.create(&second).await;
    let outcome = answer(trial.store.create(third.clone()).await);
    check!(
        REFUSE,
        outcome == CreateOutcome::Full,
        "{outcome:?} for the third of two"
    );
    check!(REFUSE, !trial.is_found(&third).await, "it is found");
    check!(
        REFUSE,
        trial.listed(&user).await == ids(&[&first, &second]),
        "others have ended"
    );

    let anonymous = trial.created(None).await;
    let outcome = answer(
        trial
            .store
            .rotate(&anonymous.secret, None, third.clone())
            .await,
    );
    check!(
        REFUSE,
        matches!(outcome, RotateOutcome::Full),
        "{outcome:?} for a rotation"
    );
    check!(
        REFUSE,
        trial.is_found(&anonymous).await,
        "the old session has ended"
    );
    check!(
        REFUSE,
        !trial.is_found(&third).await,
        "the new session is found"
    );

    // A cap is each user's own, and one that ends makes room.
    let other = trial.capped(&trial.user(), 2, 2, WhenFull::Refuse);
    trial.create(&other).await;
    answer(trial.store.delete(&first.secret).await);
    trial.create(&third).await;
}

async fn the_oldest_are_evicted<S: SessionBackend>(trial: &Trial<S>) {
    let user = trial.user();
    let mut sessions: Vec<NewSession> = Vec::new();
    for seconds in 0..4 {
        let session = trial.session(Some(&user), seconds);
        trial.create(&session).await;
        sessions.push(session);
    }
    // The first was used last; the second is the oldest now.
    answer(
        trial
            .store
            .touch(&sessions[0].secret, trial.touch(10))
            .await,
    );

    let new = trial.capped(&user, 11, 4, WhenFull::EvictOldest);
    let outcome = answer(trial.store.create(new.clone()).await);
    let evicted = vec![sessions[1].record.id];
    check!(
        EVICT,
        outcome == CreateOutcome::Created { evicted },
        "{outcome:?}"
    );
    check!(
        EVICT,
        !trial.is_found(&sessions[1]).await,
        "the evicted one is still there"
    );
    let left = ids(&[&sessions[0], &sessions[2], &sessions[3], &new]);
    check!(
        EVICT,
        trial.listed(&user).await == left,
        "others have ended"
    );

    // A cap that has become smaller, and a login in the place of an anonymous session.
    let anonymous = trial.created(None).await;
    let last = trial.capped(&user, 12, 2, WhenFull::EvictOldest);
    let outcome = answer(
        trial
            .store
            .rotate(&anonymous.secret, None, last.clone())
            .await,
    );
    let RotateOutcome::Rotated { mut evicted } = outcome else {
        panic!("contract broken: \"{EVICT}\": {outcome:?} for a rotation");
    };
    evicted.sort_unstable();
    let expected = ids(&[&sessions[0], &sessions[2], &sessions[3]]);
    check!(
        EVICT,
        evicted == expected,
        "{evicted:?} instead of {expected:?}"
    );
    check!(
        EVICT,
        trial.listed(&user).await == ids(&[&new, &last]),
        "others have ended"
    );
}

async fn a_replaced_session_takes_no_place<S: SessionBackend>(trial: &Trial<S>) {
    for when_full in [WhenFull::Refuse, WhenFull::EvictOldest] {
        let user = trial.user();
        let (first, second) = (
            trial.created(Some(&user)).await,
            trial.created(Some(&user)).await,
        );
        let new = trial.capped(&user, 1, 2, when_full);
        let outcome = answer(trial.store.rotate(&first.secret, None, new.clone()).await);
        let RotateOutcome::Rotated { evicted } = &outcome else {
            panic!("contract broken: \"{REPLACED}\": {outcome:?}");
        };
        check!(REPLACED, evicted.is_empty(), "{outcome:?}");
        check!(
            REPLACED,
            trial.listed(&user).await == ids(&[&second, &new]),
            "others have ended"
        );
    }
}

async fn an_expired_session_takes_no_place<S: SessionBackend>(trial: &Trial<S>) {
    for (seconds, live) in [(IDLE - 1, true), (IDLE, false), (IDLE + 1, false)] {
        let user = trial.user();
        trial.created(Some(&user)).await;
        let new = trial.capped(&user, seconds, 1, WhenFull::Refuse);
        let outcome = answer(trial.store.create(new).await);
        check!(
            CAP,
            is_created(&outcome) != live,
            "create {seconds} s on: {outcome:?}"
        );

        let user = trial.user();
        trial.created(Some(&user)).await;
        let anonymous = trial.session(None, 10);
        trial.create(&anonymous).await;
        let new = trial.capped(&user, seconds, 1, WhenFull::Refuse);
        let outcome = answer(trial.store.rotate(&anonymous.secret, None, new).await);
        check!(
            CAP,
            is_rotated(&outcome) != live,
            "rotate {seconds} s on: {outcome:?}"
        );
    }
}
