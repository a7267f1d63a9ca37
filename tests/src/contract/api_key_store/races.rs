//! Everything at once, and futures that are dropped half-way.

use std::pin::Pin;

use apikey_layer::{ApiKeyStore, DisabledBy, Inserted, Rotated};
use auth_layer::MAX_LEEWAY;

use super::trial::{ROOM, Trial, key_id, owner, same};
use super::{ATOMIC, FOR_GOOD, LIMIT, ROTATE, SEEN};
use crate::contract::race::{drop_after, race, soon};
use crate::contract::{answer, check};

type Task<T> = Pin<Box<dyn Future<Output = T> + Send>>;

pub(super) async fn check_all<S: ApiKeyStore>(trial: &Trial<S>) {
    for _ in 0..10 {
        one_of_many_inserts(trial).await;
        the_last_room_is_given_once(trial).await;
        one_of_many_rotations(trial).await;
        nothing_undoes_a_revocation(trial).await;
        the_latest_use_counts(trial).await;
        the_first_revocation_counts(trial).await;
        each_key_is_revoked_once(trial).await;
    }
    for waits in 0..8 {
        a_dropped_insert_is_whole(trial, waits).await;
        a_dropped_rotation_is_whole(trial, waits).await;
    }
}

async fn one_of_many_inserts<S: ApiKeyStore>(trial: &Trial<S>) {
    let owner = owner();
    let first = trial.record(&owner);
    let inserted = race((0..32).map(|_| {
        let record = trial.named(*first.id(), &owner, trial.at(0));
        let trial = trial.clone();
        async move {
            let digest = record.digest();
            let inserted = answer(trial.store.insert(record, ROOM).await);
            (inserted == Inserted::Done).then_some(digest)
        }
    }));
    let winners: Vec<_> = inserted.await.into_iter().flatten().collect();
    check!(
        ATOMIC,
        winners.len() == 1,
        "{} of 32 inserts of one id",
        winners.len()
    );
    let found = trial.stored(first.id()).await;
    check!(
        "`insert` never overwrites",
        found.digest() == winners[0],
        "a loser's key is stored"
    );
    let listed = answer(trial.store.list(&owner, None, 10).await).len();
    check!(
        ATOMIC,
        listed == 1,
        "{listed} keys are listed after inserts of one id"
    );
}

/// Also to callers whose clocks are as far apart as they may be.
async fn the_last_room_is_given_once<S: ApiKeyStore>(trial: &Trial<S>) {
    let owner = owner();
    let inserted = race((0..32).map(|n| {
        let created_at = trial.at(n % 2 * MAX_LEEWAY.as_secs());
        let record = trial.named(key_id("k"), &owner, created_at);
        let trial = trial.clone();
        async move { answer(trial.store.insert(record, 5).await) == Inserted::Done }
    }));
    let inserted = inserted.await.into_iter().filter(|done| *done).count();
    let listed = answer(trial.store.list(&owner, None, 100).await).len();
    check!(
        LIMIT,
        inserted == 5 && listed == 5,
        "{inserted} of 32 inserts at once where 5 are allowed, and {listed} listed"
    );
}

async fn one_of_many_rotations<S: ApiKeyStore>(trial: &Trial<S>) {
    let mut record = trial.inserted(&owner()).await;
    let outcomes = race((0..32).map(|_| {
        let (trial, id, rotation) = (trial.clone(), *record.id(), trial.rotation(&record));
        async move { (answer(trial.store.rotate(&id, &rotation).await), rotation) }
    }));
    let outcomes = outcomes.await;
    let mut done = outcomes
        .iter()
        .filter(|(outcome, _)| *outcome == Rotated::Done);
    let winner = done.next().map(|(_, rotation)| *rotation);
    let Some(winner) = winner else {
        panic!("contract broken: \"{ROTATE}\": none of 32 rotations");
    };
    check!(
        ROTATE,
        done.next().is_none(),
        "several of 32 rotations of one digest"
    );
    for (outcome, _) in outcomes
        .iter()
        .filter(|(outcome, _)| *outcome != Rotated::Done)
    {
        check!(
            ROTATE,
            *outcome == Rotated::Changed,
            "{outcome:?} for a loser"
        );
    }
    record.rotate(&winner);
    trial.expect(&record, "parallel rotations").await;
}

/// A rotation, a revocation, a switch and a use, of which none may write back what it has read.
async fn nothing_undoes_a_revocation<S: ApiKeyStore>(trial: &Trial<S>) {
    let record = trial.inserted(&owner()).await;
    let (id, rotation) = (*record.id(), trial.rotation(&record));
    let mut tasks: Vec<Task<bool>> = Vec::new();
    for n in 0..12 {
        let trial = trial.clone();
        tasks.push(match n {
            4 => Box::pin(async move {
                let revoked = answer(trial.store.revoke(&id, trial.at(3)).await);
                let found = trial.stored_amid(&id).await.revoked_at();
                check!(
                    FOR_GOOD,
                    found == Some(trial.at(3)),
                    "{found:?} right after it"
                );
                revoked
            }),
            5 => Box::pin(async move {
                answer(trial.store.rotate(&id, &rotation).await) == Rotated::Done
            }),
            6 | 7 => Box::pin(async move {
                answer(trial.store.touch(&[(id, trial.at(n))]).await);
                true
            }),
            _ => Box::pin(async move {
                answer(trial.store.set_disabled(&id, DisabledBy::Owner, true).await)
            }),
        });
    }
    let rotated = race(tasks).await[5];
    let found = trial.stored(&id).await;
    check!(
        FOR_GOOD,
        found.revoked_at() == Some(trial.at(3)),
        "{:?} afterwards",
        found.revoked_at()
    );
    check!(
        SEEN,
        found.is_disabled_by(DisabledBy::Owner),
        "set_disabled was undone by what ran beside it"
    );
    check!(
        SEEN,
        found.last_used_at() == Some(trial.at(7)),
        "{:?} is not the last of two uses, one 6 s and one 7 s on",
        found.last_used_at()
    );
    let right = (found.digest() == rotation.digest) == rotated;
    check!(SEEN, right, "a rotation was undone by what ran beside it");
}

/// As several nodes write down what they have seen, of the same keys.
async fn the_latest_use_counts<S: ApiKeyStore>(trial: &Trial<S>) {
    let keys = [
        *trial.inserted(&owner()).await.id(),
        *trial.inserted(&owner()).await.id(),
    ];
    race((0..16).map(|n| {
        let trial = trial.clone();
        async move {
            let mut uses = keys.map(|id| (id, trial.at(100 - n)));
            // In one order and in the other: neither may wait for the other for good.
            if n % 2 == 1 {
                uses.reverse();
            }
            answer(trial.store.touch(&uses).await);
        }
    }))
    .await;
    for id in keys {
        let found = trial.stored(&id).await.last_used_at();
        check!(
            "`touch`, which never takes a time back",
            found == Some(trial.at(100)),
            "{found:?} after 16 uses at once, the last 100 s on"
        );
    }
}

async fn the_first_revocation_counts<S: ApiKeyStore>(trial: &Trial<S>) {
    let id = *trial.inserted(&owner()).await.id();
    let seen = race((0..16).map(|n| {
        let trial = trial.clone();
        async move {
            answer(trial.store.revoke(&id, trial.at(100 - n)).await);
            trial.stored_amid(&id).await.revoked_at()
        }
    }));
    let seen = seen.await;
    let found = trial.stored(&id).await.revoked_at();
    let steady = seen.iter().all(|seen| *seen == found);
    check!(
        FOR_GOOD,
        found.is_some() && steady,
        "it has moved: {seen:?}, then {found:?}"
    );
}

/// Keys are made while all keys of their owner are revoked, several times.
async fn each_key_is_revoked_once<S: ApiKeyStore>(trial: &Trial<S>) {
    const OWNED: &str = "revoke_owned_by: says how many were not revoked before";

    let owner = owner();
    let mut keys = Vec::new();
    for _ in 0..6 {
        keys.push(trial.inserted(&owner).await);
    }
    let later: Vec<_> = (0..6).map(|_| trial.record(&owner)).collect();
    let mut tasks: Vec<Task<usize>> = Vec::new();
    for record in later.iter().cloned() {
        let (everything, one) = (trial.clone(), trial.clone());
        let owner = owner.clone();
        tasks.push(Box::pin(async move {
            let count = everything
                .store
                .revoke_owned_by(&owner, everything.at(1))
                .await;
            answer(count)
        }));
        tasks.push(Box::pin(async move {
            answer(one.store.insert(record, ROOM).await);
            0
        }));
    }
    let revoked: usize = race(tasks).await.into_iter().sum();
    for key in &keys {
        let revoked = trial.stored(key.id()).await.revoked_at().is_some();
        check!(OWNED, revoked, "a key that was there is not revoked");
    }
    let rest = answer(trial.store.revoke_owned_by(&owner, trial.at(2)).await);
    let all = keys.len() + later.len();
    check!(
        OWNED,
        revoked + rest == all,
        "{revoked} and {rest} are not {all}"
    );
    let listed = answer(trial.store.list(&owner, None, 100).await);
    let all_revoked = listed.len() == all && listed.iter().all(|key| key.revoked_at().is_some());
    check!(
        OWNED,
        all_revoked,
        "a key that was made beside it was missed twice"
    );
}

async fn a_dropped_insert_is_whole<S: ApiKeyStore>(trial: &Trial<S>, waits: usize) {
    let owner = owner();
    let record = trial.record(&owner);
    drop_after(waits, trial.store.insert(record.clone(), ROOM)).await;
    let whole = soon(async || {
        let listed = answer(trial.store.list(&owner, None, 10).await);
        trial.found_amid(record.id()).await.is_some() != listed.is_empty()
    });
    check!(ATOMIC, whole.await, "insert, dropped after {waits} waits");
}

async fn a_dropped_rotation_is_whole<S: ApiKeyStore>(trial: &Trial<S>, waits: usize) {
    let before = trial.inserted(&owner()).await;
    let rotation = trial.rotation(&before);
    drop_after(waits, trial.store.rotate(before.id(), &rotation)).await;
    let mut after = before.clone();
    after.rotate(&rotation);
    let whole = soon(async || {
        let found = trial.stored_amid(before.id()).await;
        same(&found, &before) || same(&found, &after)
    });
    check!(ATOMIC, whole.await, "rotate, dropped after {waits} waits");
}
