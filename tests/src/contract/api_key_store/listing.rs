//! Lists and their pages.

use apikey_layer::{ApiKeyStore, KeyRecord, Owner};

use super::trial::{ROOM, Trial, digest, key_id, owner, same};
use crate::contract::{answer, check};

const LIST: &str =
    "list: At most `limit` keys of an owner, in the order of their ids, those after `after`";

pub(super) async fn check_all<S: ApiKeyStore>(trial: &Trial<S>) {
    let (ann, bob) = (owner(), owner());
    let ids = async |owner: &Owner, after: Option<&KeyRecord>, limit| {
        let after = after.map(KeyRecord::id);
        let listed = answer(trial.store.list(owner, after, limit).await);
        listed.iter().map(|record| *record.id()).collect::<Vec<_>>()
    };
    check!(
        LIST,
        ids(&ann, None, 10).await.is_empty(),
        "keys of somebody who has none"
    );

    // Capitals come before small letters, and digits before both, in the order of bytes.
    let mut keys = Vec::new();
    for first in ["b", "Z", "a", "9", "A", "z", "0", "B"] {
        let record = trial.named(key_id(first), &ann, trial.at(0));
        answer(trial.store.insert(record.clone(), ROOM).await);
        keys.push(record);
    }
    trial.inserted(&bob).await;
    answer(trial.store.revoke(keys[2].id(), trial.at(1)).await);
    keys[2].revoke(trial.at(1));
    keys.sort_by_key(|record| *record.id());
    let sorted: Vec<_> = keys.iter().map(|record| *record.id()).collect();

    let listed = answer(trial.store.list(&ann, None, 100).await);
    for (found, expected) in listed.iter().zip(&keys) {
        check!(
            LIST,
            same(found, expected),
            "{found:?} instead of {expected:?}"
        );
    }
    for (after, limit) in [
        (0_usize, 100),
        (0, 8),
        (0, 3),
        (3, 3),
        (6, 3),
        (8, 3),
        (0, 1),
        (5, 0),
        (7, 1),
    ] {
        let last = after.checked_sub(1).map(|last| &keys[last]);
        let page = ids(&ann, last, limit).await;
        let expected: Vec<_> = sorted.iter().skip(after).take(limit).copied().collect();
        check!(
            LIST,
            page == expected,
            "{page:?} instead of {expected:?}, {limit} after {last:?}"
        );
    }
    // A page may begin behind an id that nobody has.
    let between = KeyRecord::new(key_id("M"), digest(), ann.clone(), trial.at(0));
    let expected: Vec<_> = sorted
        .iter()
        .filter(|id| **id > *between.id())
        .copied()
        .collect();
    let page = ids(&ann, Some(&between), 100).await;
    check!(
        LIST,
        page == expected,
        "{page:?} instead of {expected:?} after {}",
        between.id()
    );
}
