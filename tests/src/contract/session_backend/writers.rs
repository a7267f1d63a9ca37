//! Writers at work on one session, while it is ended and while it is not.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use session_layer::{NewSession, SessionBackend, SessionData, UpdateOutcome};
use tokio::task::yield_now;

use super::dead::End;
use super::races::{ROUNDS, Task};
use super::trial::{Trial, data};
use super::{DEAD, GUARDED};
use crate::contract::race::race;
use crate::contract::{answer, check};

const TOUCH: &str = "touch: Moves `last_seen_at` and `expires_at` forward, never back";

pub(super) async fn check_all<S: SessionBackend>(trial: &Trial<S>) {
    for round in 0..ROUNDS {
        for end in End::ALL {
            writers_revive_nothing(trial, end, round).await;
        }
        touches_move_to_the_latest(trial).await;
    }
    updates_lose_nothing(trial).await;
}

/// The end comes in the middle of the writing, each round a little later.
async fn writers_revive_nothing<S: SessionBackend>(trial: &Trial<S>, end: End, round: usize) {
    const WRITERS: usize = 8;

    let user = trial.user();
    let session = trial.created(Some(&user)).await;
    let writes = Arc::new(AtomicUsize::new(0));
    let tasks = (0..=WRITERS).map(|n| -> Task<()> {
        let (trial, session, user) = (trial.clone(), session.clone(), user.clone());
        let writes = Arc::clone(&writes);
        if n < WRITERS {
            return Box::pin(async move { write_until_gone(&trial, &session, &writes).await });
        }
        Box::pin(async move {
            while writes.load(Ordering::SeqCst) < WRITERS + 5 * round {
                yield_now().await;
            }
            end.end(&trial, &user, &session).await;
            let gone = !trial.is_found(&session).await;
            check!(
                DEAD,
                gone,
                "found after {end:?}, by a write that ran beside it"
            );
        })
    });
    race(tasks).await;
    let (found, listed) = (trial.is_found(&session).await, trial.listed(&user).await);
    check!(
        DEAD,
        !found,
        "found after {end:?}, by a write that ran beside it"
    );
    check!(
        DEAD,
        !listed.contains(&session.record.id),
        "listed after {end:?}, as above"
    );
}

async fn write_until_gone<S: SessionBackend>(
    trial: &Trial<S>,
    session: &NewSession,
    writes: &AtomicUsize,
) {
    let (mut version, mut refused) = (1, 0);
    // As often as it takes to come to the end; a session that was revived would never be gone.
    for n in 0..500 {
        if n % 2 == 0 {
            answer(trial.store.touch(&session.secret, trial.touch(n)).await);
        }
        match answer(
            trial
                .store
                .update(&session.secret, version, data("x"))
                .await,
        ) {
            UpdateOutcome::Updated { version: new } => version = new,
            UpdateOutcome::Changed(record) => version = record.version,
            UpdateOutcome::Gone => refused += 1,
        }
        writes.fetch_add(1, Ordering::SeqCst);
        if refused == 5 {
            break;
        }
    }
}

/// A counter, raised by many, and touches between.
async fn updates_lose_nothing<S: SessionBackend>(trial: &Trial<S>) {
    const TASKS: u64 = 12;
    const EACH: u64 = 8;

    let mut session = trial.session(None, 0);
    session.record.data = number(0);
    trial.create(&session).await;
    let tasks = (0..TASKS).map(|n| {
        let (trial, session) = (trial.clone(), session.clone());
        async move {
            for round in 0..EACH {
                raise(&trial, &session).await;
                answer(
                    trial
                        .store
                        .touch(&session.secret, trial.touch(n + round))
                        .await,
                );
            }
        }
    });
    race(tasks).await;
    let stored = trial.stored(&session).await;
    let counted = read(&stored.data);
    check!(
        GUARDED,
        counted == TASKS * EACH,
        "{counted} of {} updates are left",
        TASKS * EACH
    );
    let version = stored.version;
    check!(
        GUARDED,
        version == TASKS * EACH + 1,
        "version {version} after {} updates",
        TASKS * EACH
    );
    let seen = stored.last_seen_at == trial.at(TASKS + EACH - 2);
    check!(TOUCH, seen, "an update has undone a touch");
}

async fn raise<S: SessionBackend>(trial: &Trial<S>, session: &NewSession) {
    let mut record = trial.stored(session).await;
    for _ in 0..10_000 {
        let data = number(read(&record.data) + 1);
        match answer(
            trial
                .store
                .update(&session.secret, record.version, data)
                .await,
        ) {
            UpdateOutcome::Updated { .. } => return,
            UpdateOutcome::Changed(newer) => record = *newer,
            UpdateOutcome::Gone => panic!("contract broken: \"{GUARDED}\": nobody has ended it"),
        }
    }
    panic!(
        "contract broken: \"{GUARDED}\": an update fails again and again with the version that it was told"
    );
}

async fn touches_move_to_the_latest<S: SessionBackend>(trial: &Trial<S>) {
    let session = trial.created(None).await;
    race((0..32).map(|n| {
        let (trial, secret) = (trial.clone(), session.secret);
        async move { answer(trial.store.touch(&secret, trial.touch(n)).await) }
    }))
    .await;
    let stored = trial.stored(&session).await;
    let touch = trial.touch(31);
    let latest = (stored.last_seen_at, stored.expires_at) == (touch.seen_at, touch.expires_at);
    check!(
        TOUCH,
        latest,
        "after parallel touches it is {:?}",
        stored.last_seen_at
    );
}

fn number(n: u64) -> SessionData {
    SessionData::from_bytes(format!(r#"{{"n":{n}}}"#).into())
}

fn read(data: &SessionData) -> u64 {
    let value: serde_json::Value = serde_json::from_slice(data.as_bytes()).unwrap_or_default();
    value["n"].as_u64().unwrap_or_default()
}
