//! Versions.

use session_layer::{RotateOutcome, SessionBackend, UpdateOutcome};

use super::GUARDED;
use super::trial::{Trial, data, is_rotated, same};
use crate::contract::{answer, check};

const RAISED: &str = "Each `update` raises the version by one; `touch` leaves it alone";

pub(super) async fn check_all<S: SessionBackend>(trial: &Trial<S>) {
    an_update_needs_the_version(trial).await;
    a_rotation_needs_the_version(trial).await;
}

async fn an_update_needs_the_version<S: SessionBackend>(trial: &Trial<S>) {
    let user = trial.user();
    let session = trial.created(Some(&user)).await;
    let other = trial.created(Some(&user)).await;
    let update = async |version, text| {
        let data = data(text);
        answer(trial.store.update(&session.secret, version, data).await)
    };

    let outcome = update(1, "second").await;
    check!(
        RAISED,
        matches!(outcome, UpdateOutcome::Updated { version: 2 }),
        "{outcome:?}"
    );
    let mut expected = session.record.clone();
    (expected.version, expected.data) = (2, data("second"));
    let stored = trial.stored(&session).await;
    check!(
        "update: Replaces the data",
        same(&stored, &expected),
        "{stored:?}, {:?}",
        stored.data
    );

    for version in [0, 1, 3, u64::MAX] {
        match update(version, "third").await {
            UpdateOutcome::Changed(found) => {
                check!(GUARDED, same(&found, &expected), "Changed holds {found:?}");
            }
            outcome => check!(
                GUARDED,
                false,
                "{outcome:?} for version {version} instead of 2"
            ),
        }
        let stored = trial.stored(&session).await;
        check!(GUARDED, same(&stored, &expected), "{stored:?} was written");
    }

    answer(trial.store.touch(&session.secret, trial.touch(5)).await);
    let stored = trial.stored(&session).await;
    check!(
        RAISED,
        stored.version == 2,
        "version {} after a touch",
        stored.version
    );
    check!(
        RAISED,
        stored.data == data("second"),
        "other data after a touch"
    );
    let outcome = update(2, "third").await;
    check!(
        RAISED,
        matches!(outcome, UpdateOutcome::Updated { version: 3 }),
        "{outcome:?}"
    );
    let stored = trial.stored(&session).await;
    let seen = stored.last_seen_at == trial.at(5);
    check!(
        "update: Replaces the data",
        seen,
        "an update has undone a touch"
    );

    let untouched = same(&trial.stored(&other).await, &other.record);
    check!(
        "update: Replaces the data of a session",
        untouched,
        "of another one"
    );
    let never = trial.session(None, 0);
    let outcome = answer(trial.store.update(&never.secret, 1, data("x")).await);
    check!(
        "update: There is no such session",
        matches!(outcome, UpdateOutcome::Gone),
        "{outcome:?}"
    );
    check!(
        "update: There is no such session",
        !trial.is_found(&never).await,
        "it was made"
    );
}

async fn a_rotation_needs_the_version<S: SessionBackend>(trial: &Trial<S>) {
    let user = trial.user();
    let old = trial.created(Some(&user)).await;
    let _ = answer(trial.store.update(&old.secret, 1, data("second")).await);
    let before = trial.stored(&old).await;
    for version in [0, 1, 3] {
        let new = trial.session(Some(&user), 1);
        let outcome = trial
            .store
            .rotate(&old.secret, Some(version), new.clone())
            .await;
        match answer(outcome) {
            RotateOutcome::Changed(found) => {
                check!(GUARDED, same(&found, &before), "Changed holds {found:?}");
            }
            outcome => check!(
                GUARDED,
                false,
                "{outcome:?} for version {version} instead of 2"
            ),
        }
        check!(
            GUARDED,
            same(&trial.stored(&old).await, &before),
            "the old session has changed"
        );
        check!(
            GUARDED,
            !trial.is_found(&new).await,
            "the new session is there"
        );
    }
    let new = trial.session(Some(&user), 1);
    let outcome = answer(trial.store.rotate(&old.secret, Some(2), new.clone()).await);
    check!(
        GUARDED,
        is_rotated(&outcome),
        "{outcome:?} for the right version"
    );
    check!(
        GUARDED,
        trial.is_found(&new).await,
        "the new session is missing"
    );
}
