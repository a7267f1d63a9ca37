//! Everything at once.

use std::collections::HashSet;
use std::pin::Pin;

use session_layer::{
    CreateOutcome, NewSession, RotateOutcome, SessionBackend, SessionId, UpdateOutcome, UserKey,
    WhenFull,
};

use super::trial::{Trial, data, is_created, is_rotated};
use super::{ATOMIC, DEAD, GUARDED, Partitions};
use crate::contract::race::race;
use crate::contract::{answer, check};

pub(super) const ROUNDS: usize = 5;
const CAP: &str = "SessionCap: How many live sessions one user may have";

/// Tasks of different kinds in one race.
pub(super) type Task<T> = Pin<Box<dyn Future<Output = T> + Send>>;

pub(super) async fn check_all<S: SessionBackend>(trial: &Trial<S>, partitions: Partitions) {
    for _ in 0..ROUNDS {
        one_of_many_creates(trial).await;
        one_of_many_rotations(trial).await;
        one_of_rotation_and_update(trial).await;
        no_half_of_a_rotation_is_seen(trial, partitions).await;
        each_session_ends_once(trial).await;
        a_logout_everywhere_ends_what_is_rotated(trial).await;
        what_is_refreshed_ends_by_its_id(trial).await;
        for when_full in [WhenFull::Refuse, WhenFull::EvictOldest] {
            parallel_logins_hold_the_cap(trial, when_full).await;
        }
    }
}

/// One secret, or one id, is asked for by many.
async fn one_of_many_creates<S: SessionBackend>(trial: &Trial<S>) {
    for same_secret in [true, false] {
        let user = trial.user();
        let first = trial.session(Some(&user), 0);
        let sessions = (0..32).map(|_| {
            let mut session = trial.session(Some(&user), 0);
            if same_secret {
                session.secret = first.secret;
            } else {
                session.record.id = first.record.id;
            }
            session
        });
        let outcomes = race(sessions.map(|session| {
            let trial = trial.clone();
            async move { is_created(&answer(trial.store.create(session).await)) }
        }));
        let created = count(&outcomes.await);
        let what = if same_secret { "secret" } else { "id" };
        check!(
            ATOMIC,
            created == 1,
            "{created} of 32 creates with one {what} have stored"
        );
        let listed = trial.listed(&user).await.len();
        check!(
            ATOMIC,
            listed == 1,
            "{listed} sessions after creates with one {what}"
        );
    }
}

async fn one_of_many_rotations<S: SessionBackend>(trial: &Trial<S>) {
    let user = trial.user();
    for (login, version) in [(None, None), (Some(&user), None), (Some(&user), Some(1))] {
        let old = trial.created(login).await;
        let new: Vec<_> = (0..16).map(|_| trial.session(Some(&user), 1)).collect();
        let outcomes = race(new.iter().cloned().map(|new| {
            let (trial, old) = (trial.clone(), old.secret);
            async move { answer(trial.store.rotate(&old, version, new).await) }
        }))
        .await;
        let rotated = outcomes
            .iter()
            .filter(|outcome| is_rotated(outcome))
            .count();
        check!(
            ATOMIC,
            rotated == 1,
            "{rotated} of 16 rotations of one session have happened"
        );
        let lost = outcomes.iter().filter(|outcome| !is_rotated(outcome));
        for outcome in lost {
            check!(
                DEAD,
                matches!(outcome, RotateOutcome::Gone),
                "{outcome:?} for a loser"
            );
        }
        check!(
            ATOMIC,
            !trial.is_found(&old).await,
            "the old session is still there"
        );
        let found = count_found(trial, &new).await;
        let listed = trial.listed(&user).await.len();
        check!(
            ATOMIC,
            found == 1 && listed == 1,
            "{found} found and {listed} listed"
        );
        answer(trial.store.delete_all(&UserKey::from(&user), None).await);
    }
}

async fn one_of_rotation_and_update<S: SessionBackend>(trial: &Trial<S>) {
    let (old, new) = (trial.created(None).await, trial.session(None, 1));
    let (update, rotate) = (trial.clone(), trial.clone());
    let (secret, other) = (old.secret, old.secret);
    let tasks: [Task<bool>; 2] = [
        Box::pin(async move {
            let outcome = answer(update.store.update(&secret, 1, data("second")).await);
            matches!(outcome, UpdateOutcome::Updated { .. })
        }),
        Box::pin(
            async move { is_rotated(&answer(rotate.store.rotate(&other, Some(1), new).await)) },
        ),
    ];
    let done = race(tasks).await;
    let one = done[0] != done[1];
    check!(
        GUARDED,
        one,
        "an update and a rotation of version 1: {done:?}"
    );
    check!(
        GUARDED,
        trial.is_found(&old).await == done[0],
        "is the old session there"
    );
}

/// Looks while it happens: first for the old session, then for the new one.
async fn no_half_of_a_rotation_is_seen<S: SessionBackend>(
    trial: &Trial<S>,
    partitions: Partitions,
) {
    let user = trial.user();
    let (old, new) = (
        trial.created(Some(&user)).await,
        trial.session(Some(&user), 1),
    );
    let mut tasks: Vec<Task<()>> = vec![{
        let (trial, old, new) = (trial.clone(), old.secret, new.clone());
        Box::pin(async move {
            let outcome = answer(trial.store.rotate(&old, None, new).await);
            check!(ATOMIC, is_rotated(&outcome), "{outcome:?}");
        })
    }];
    for look_for_new in [false, true].repeat(4) {
        let (trial, old, new) = (trial.clone(), old.clone(), new.clone());
        tasks.push(Box::pin(async move {
            for _ in 0..20 {
                if look_for_new {
                    let both = trial.is_found(&new).await && trial.is_found(&old).await;
                    check!(
                        ATOMIC,
                        !both,
                        "the new session is there and the old one still is"
                    );
                } else if partitions == Partitions::None {
                    let none = !trial.is_found(&old).await && !trial.is_found(&new).await;
                    check!(
                        ATOMIC,
                        !none,
                        "the old session is gone and the new one not there yet"
                    );
                }
            }
        }));
    }
    race(tasks).await;
}

async fn each_session_ends_once<S: SessionBackend>(trial: &Trial<S>) {
    let user = trial.user();
    let session = trial.created(Some(&user)).await;
    let ended = race((0..16).map(|n| {
        let (trial, secret, id) = (trial.clone(), session.secret, session.record.id);
        let key = UserKey::from(&user);
        async move {
            match n % 3 {
                0 => answer(trial.store.delete(&secret).await),
                1 => answer(trial.store.delete_by_id(&key, &id).await),
                _ => answer(trial.store.delete_all(&key, None).await).contains(&id),
            }
        }
    }));
    let ended = count(&ended.await);
    check!(
        ATOMIC,
        ended == 1,
        "{ended} of 16 tasks have ended one session"
    );
}

/// Whichever comes first, nothing is left: what was rotated before is ended under its new secret,
/// and what was ended before cannot be rotated.
async fn a_logout_everywhere_ends_what_is_rotated<S: SessionBackend>(trial: &Trial<S>) {
    let user = trial.user();
    let old = trial.created(Some(&user)).await;
    let tasks = (0..8).map(|n| -> Task<()> {
        let (trial, old, key) = (trial.clone(), old.secret, UserKey::from(&user));
        let new = trial.session(Some(&user), 1);
        if n == 4 {
            return Box::pin(async move {
                answer(trial.store.delete_all(&key, None).await);
            });
        }
        Box::pin(async move {
            let _ = answer(trial.store.rotate(&old, None, new).await);
        })
    });
    race(tasks).await;
    let left = trial.listed(&user).await.len();
    check!(
        DEAD,
        left == 0,
        "{left} sessions have outlived delete_all by a rotation"
    );
}

/// A refreshed session keeps its id. Whichever comes first, the end by the id or the refresh, nothing
/// is left.
async fn what_is_refreshed_ends_by_its_id<S: SessionBackend>(trial: &Trial<S>) {
    let user = trial.user();
    let old = trial.created(Some(&user)).await;
    let mut new = trial.session(Some(&user), 1);
    new.record.id = old.record.id;
    let (refresh, end) = (trial.clone(), trial.clone());
    let (secret, id, key) = (old.secret, old.record.id, UserKey::from(&user));
    let refreshed = new.clone();
    let tasks: [Task<bool>; 2] = [
        Box::pin(async move {
            let outcome = answer(refresh.store.rotate(&secret, None, refreshed).await);
            check!(
                DEAD,
                matches!(outcome, RotateOutcome::Rotated { .. } | RotateOutcome::Gone),
                "{outcome:?} for a rotation that keeps the id"
            );
            true
        }),
        Box::pin(async move { answer(end.store.delete_by_id(&key, &id).await) }),
    ];
    let ended = race(tasks).await[1];
    check!(DEAD, ended, "delete_by_id is false beside a rotation");
    let left = trial.is_found(&old).await || trial.is_found(&new).await;
    check!(
        DEAD,
        !left,
        "a session has outlived delete_by_id by a rotation that keeps the id"
    );
}

/// Half of the logins take the place of an anonymous session.
async fn parallel_logins_hold_the_cap<S: SessionBackend>(trial: &Trial<S>, when_full: WhenFull) {
    const LOGINS: u64 = 30;
    const MAX: usize = 3;

    let user = trial.user();
    let mut tasks: Vec<Task<Option<Vec<SessionId>>>> = Vec::new();
    for n in 0..LOGINS {
        let new = trial.capped(&user, n, 3, when_full);
        let anonymous = if n % 2 == 0 {
            Some(trial.created(None).await.secret)
        } else {
            None
        };
        let trial = trial.clone();
        tasks.push(Box::pin(async move {
            match anonymous {
                Some(old) => match answer(trial.store.rotate(&old, None, new).await) {
                    RotateOutcome::Rotated { evicted } => Some(evicted),
                    RotateOutcome::Full => None,
                    outcome => panic!("contract broken: \"{CAP}\": {outcome:?}"),
                },
                None => match answer(trial.store.create(new).await) {
                    CreateOutcome::Created { evicted } => Some(evicted),
                    CreateOutcome::Full => None,
                    CreateOutcome::Collided => panic!("contract broken: \"{CAP}\": Collided"),
                },
            }
        }));
    }
    for _ in 0..2 {
        let (trial, user) = (trial.clone(), user.clone());
        tasks.push(Box::pin(async move {
            for _ in 0..20 {
                let live = trial.listed_at(&user, LOGINS).await.len();
                check!(
                    CAP,
                    live <= MAX,
                    "{live} live sessions are seen of {MAX} at most"
                );
            }
            None
        }));
    }
    let stored: Vec<_> = race(tasks).await.into_iter().flatten().collect();
    let live = trial.listed_at(&user, LOGINS).await.len();
    check!(
        CAP,
        live == MAX,
        "{live} live sessions instead of {MAX}, {when_full:?}"
    );
    let evicted: Vec<_> = stored.iter().flatten().collect();
    let distinct: HashSet<_> = evicted.iter().collect();
    check!(
        CAP,
        distinct.len() == evicted.len(),
        "a session was evicted twice"
    );
    let added_up = stored.len() == live + evicted.len();
    check!(
        CAP,
        added_up,
        "{} stored, {} evicted, {live} live",
        stored.len(),
        evicted.len()
    );
}

fn count(done: &[bool]) -> usize {
    done.iter().filter(|done| **done).count()
}

async fn count_found<S: SessionBackend>(trial: &Trial<S>, sessions: &[NewSession]) -> usize {
    let mut found = 0;
    for session in sessions {
        found += usize::from(trial.is_found(session).await);
    }
    found
}
