//! Sessions that have ended.

use auth_layer::Identity;
use session_layer::{NewSession, RotateOutcome, SessionBackend, UpdateOutcome, UserKey, WhenFull};

use super::DEAD;
use super::trial::{Trial, data, is_created, is_rotated, same};
use crate::contract::{answer, check};

/// The ways to end a session.
#[derive(Clone, Copy, Debug)]
pub(super) enum End {
    Delete,
    DeleteAll,
    DeleteById,
    Evict,
    Rotate,
}

impl End {
    pub(super) const ALL: [Self; 5] = [
        Self::Delete,
        Self::DeleteAll,
        Self::DeleteById,
        Self::Evict,
        Self::Rotate,
    ];

    /// Ends the only session of `user`. Returns the one that took its place.
    pub(super) async fn end<S: SessionBackend>(
        self,
        trial: &Trial<S>,
        user: &Identity,
        session: &NewSession,
    ) -> Option<NewSession> {
        let key = UserKey::from(user);
        let (ended, next) = match self {
            Self::Delete => (answer(trial.store.delete(&session.secret).await), None),
            Self::DeleteAll => {
                let ended = answer(trial.store.delete_all(&key, None).await);
                (ended == [session.record.id], None)
            }
            Self::DeleteById => {
                let id = &session.record.id;
                (answer(trial.store.delete_by_id(&key, id).await), None)
            }
            Self::Evict => {
                let next = trial.capped(user, 1, 1, WhenFull::EvictOldest);
                let outcome = answer(trial.store.create(next.clone()).await);
                (is_created(&outcome), Some(next))
            }
            Self::Rotate => {
                let next = trial.session(Some(user), 1);
                let outcome = trial
                    .store
                    .rotate(&session.secret, None, next.clone())
                    .await;
                (is_rotated(&answer(outcome)), Some(next))
            }
        };
        check!(DEAD, ended, "{self:?} did not end the session");
        next
    }
}

pub(super) async fn check_all<S: SessionBackend>(trial: &Trial<S>) {
    for end in End::ALL {
        let user = trial.user();
        let session = trial.created(Some(&user)).await;
        let next = end.end(trial, &user, &session).await;
        let before = match &next {
            Some(next) => Some(trial.stored(next).await),
            None => None,
        };

        is_gone(trial, &user, &session, end, "at once").await;
        let touched = answer(trial.store.touch(&session.secret, trial.touch(2)).await);
        check!(DEAD, !touched, "touch is true after {end:?}");
        is_gone(trial, &user, &session, end, "touch").await;
        for version in [0, 1, 2] {
            let outcome = answer(
                trial
                    .store
                    .update(&session.secret, version, data("x"))
                    .await,
            );
            check!(
                DEAD,
                matches!(outcome, UpdateOutcome::Gone),
                "{outcome:?} after {end:?}"
            );
        }
        is_gone(trial, &user, &session, end, "update").await;
        for version in [None, Some(1)] {
            let new = trial.session(Some(&user), 2);
            let outcome = trial
                .store
                .rotate(&session.secret, version, new.clone())
                .await;
            let outcome = answer(outcome);
            check!(
                DEAD,
                matches!(outcome, RotateOutcome::Gone),
                "{outcome:?} after {end:?}"
            );
            check!(
                DEAD,
                !trial.is_found(&new).await,
                "a rotation after {end:?} has stored"
            );
        }
        is_gone(trial, &user, &session, end, "rotate").await;
        let deleted = answer(trial.store.delete(&session.secret).await);
        check!(DEAD, !deleted, "delete is true after {end:?}");

        // What took its place has heard nothing of all that.
        if let (Some(next), Some(before)) = (&next, &before) {
            check!(
                DEAD,
                same(&trial.stored(next).await, before),
                "{end:?}: the next has changed"
            );
        }
        let left = usize::from(next.is_some());
        let listed = trial.listed(&user).await.len();
        check!(
            DEAD,
            listed == left,
            "{listed} sessions instead of {left} after {end:?}"
        );
    }
}

async fn is_gone<S: SessionBackend>(
    trial: &Trial<S>,
    user: &Identity,
    session: &NewSession,
    end: End,
    then: &str,
) {
    check!(
        DEAD,
        !trial.is_found(session).await,
        "found after {end:?} and {then}"
    );
    let listed = trial.listed(user).await;
    check!(
        DEAD,
        !listed.contains(&session.record.id),
        "listed after {end:?} and {then}"
    );
}
