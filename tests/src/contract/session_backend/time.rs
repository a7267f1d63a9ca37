//! Expiry, one second before, at, and after.

use session_layer::{RotateOutcome, SessionBackend, Touch};

use super::TIME;
use super::trial::{ABSOLUTE, IDLE, Trial, is_rotated, same};
use crate::contract::{answer, check};

const TOUCH: &str = "touch: Moves `last_seen_at` and `expires_at` forward, never back";
const ENDS_AT: &str = "touch: `expires_at` never past `ends_at`";
const OVER: &str = "`touch` and `rotate` treat an expired session as gone";

/// When a session that begins at 0 ends, the times around it, and whether it is live then.
const AROUND_THE_END: [(u64, bool); 3] = [(IDLE - 1, true), (IDLE, false), (IDLE + 1, false)];

pub(super) async fn check_all<S: SessionBackend>(trial: &Trial<S>) {
    a_touch_moves_forward(trial).await;
    a_touch_revives_nothing(trial).await;
    a_rotation_revives_nothing(trial).await;
}

async fn a_touch_moves_forward<S: SessionBackend>(trial: &Trial<S>) {
    let session = trial.created(None).await;
    let other = trial.created(None).await;
    let never = trial.session(None, 0);
    let touched = answer(trial.store.touch(&never.secret, trial.touch(1)).await);
    check!(
        "touch: false if it is gone",
        !touched,
        "true for one that never was"
    );
    check!(
        "touch: false if it is gone",
        !trial.is_found(&never).await,
        "it was made"
    );

    // When it is seen, until when it shall live, and what it comes to.
    for (seen, expires, last_seen, ends) in [
        (10, IDLE + 10, 10, IDLE + 10),
        (5, IDLE + 5, 10, IDLE + 10),
        (20, IDLE, 20, IDLE + 10),
        (15, IDLE + 30, 20, IDLE + 30),
        (20, IDLE + 30, 20, IDLE + 30),
        (IDLE, ABSOLUTE - 1, IDLE, ABSOLUTE - 1),
        (IDLE, ABSOLUTE, IDLE, ABSOLUTE),
        (IDLE, ABSOLUTE + 1, IDLE, ABSOLUTE),
        (ABSOLUTE - 1, 2 * ABSOLUTE, ABSOLUTE - 1, ABSOLUTE),
    ] {
        let touch = Touch::new(trial.at(seen), trial.at(expires));
        let touched = answer(trial.store.touch(&session.secret, touch).await);
        check!(TIME, touched, "false for a live session, seen at {seen}");
        let stored = trial.stored(&session).await;
        let found = (stored.last_seen_at, stored.expires_at);
        check!(
            TOUCH,
            found.0 == trial.at(last_seen),
            "seen at {seen}: last_seen_at {found:?}"
        );
        let line = if expires > ABSOLUTE { ENDS_AT } else { TOUCH };
        check!(
            line,
            found.1 == trial.at(ends),
            "to {expires}: expires_at {found:?}"
        );
        check!(
            TOUCH,
            stored.ends_at == session.record.ends_at,
            "it has moved ends_at"
        );
    }
    check!(
        TOUCH,
        same(&trial.stored(&other).await, &other.record),
        "another session has moved"
    );
}

async fn a_touch_revives_nothing<S: SessionBackend>(trial: &Trial<S>) {
    for (seconds, live) in AROUND_THE_END {
        let session = trial.created(None).await;
        let touched = answer(
            trial
                .store
                .touch(&session.secret, trial.touch(seconds))
                .await,
        );
        check!(
            OVER,
            touched == live,
            "touch is {touched} {seconds} s on; it ends at {IDLE}"
        );
        // It may have been removed by now.
        if let Some(stored) = trial.find(&session).await.filter(|_| !live) {
            check!(
                OVER,
                same(&stored, &session.record),
                "a touch has changed an expired session"
            );
        }
    }
}

async fn a_rotation_revives_nothing<S: SessionBackend>(trial: &Trial<S>) {
    for (seconds, live) in AROUND_THE_END {
        let (old, new) = (trial.created(None).await, trial.session(None, seconds));
        let outcome = answer(trial.store.rotate(&old.secret, None, new.clone()).await);
        let right = if live {
            is_rotated(&outcome)
        } else {
            matches!(outcome, RotateOutcome::Gone)
        };
        check!(OVER, right, "{outcome:?} {seconds} s on; it ends at {IDLE}");
        check!(
            OVER,
            trial.is_found(&new).await == live,
            "is the new session there {seconds} s on"
        );
    }
}
