//! Each verb alone.

use apikey_layer::{
    ApiKeyStore, DisabledBy, Inserted, KeyId, KeyRecord, Owner, PreviousSecret, Rotated, Rotation,
};

use super::trial::{ROOM, Trial, digest, key_id, owner};
use super::{FOR_GOOD, LIMIT, ROTATE, SEEN};
use crate::contract::{answer, check};

const FIND: &str = "`find` returns expired, disabled and revoked records too";
const INSERT: &str = "`insert` never overwrites";
const NO_KEY: &str = "false if there is no such key";

pub(super) async fn check_all<S: ApiKeyStore>(trial: &Trial<S>) {
    what_was_inserted_is_found(trial).await;
    a_taken_id_is_not_overwritten(trial).await;
    a_rotation_needs_the_digest(trial).await;
    a_revocation_is_for_good(trial).await;
    a_switch_changes_nothing_else(trial).await;
    the_last_use_is_the_latest(trial).await;
    an_owner_gets_no_more_than_the_limit(trial).await;
    the_keys_of_one_owner_end(trial).await;
}

async fn what_was_inserted_is_found<S: ApiKeyStore>(trial: &Trial<S>) {
    check!(
        FIND,
        trial.find(&key_id("k")).await.is_none(),
        "a key that never was"
    );
    let plain = KeyRecord::new(key_id("k"), digest(), Owner::new("plain"), trial.at(0));
    let expired = trial.record(&owner());
    let end = expired.created_at() - crate::contract::HOUR;
    let expired = expired.with_expires_at(end);
    let mut disabled = trial.record(&owner());
    disabled.set_disabled(DisabledBy::Owner, true);
    let mut stopped = trial.record(&owner());
    stopped.set_disabled(DisabledBy::Operator, true);
    let revoked = trial.record(&owner()).with_revoked_at(trial.at(1));
    let previous = PreviousSecret::new(digest(), trial.at(1), trial.at(60));
    let rotated = trial.record(&owner()).with_previous(previous);
    let used = trial.record(&owner()).with_last_used_at(trial.at(1));
    for record in [
        plain,
        trial.record(&owner()),
        expired,
        disabled,
        stopped,
        revoked,
        rotated,
        used,
    ] {
        check!(
            INSERT,
            answer(trial.store.insert(record.clone(), ROOM).await) == Inserted::Done,
            "not done for a new id"
        );
        let found = trial.find(record.id()).await;
        check!(FIND, found.is_some(), "{record:?} is not found");
        trial.expect(&record, "insert").await;
    }
}

async fn a_taken_id_is_not_overwritten<S: ApiKeyStore>(trial: &Trial<S>) {
    let (ann, bob) = (owner(), owner());
    let first = trial.inserted(&ann).await;
    for owner in [&ann, &bob] {
        let second = trial.named(*first.id(), owner, trial.at(0));
        let inserted = answer(trial.store.insert(second, ROOM).await);
        check!(
            INSERT,
            inserted == Inserted::Taken,
            "{inserted:?} for a taken id"
        );
        trial.expect(&first, "an insert of a taken id").await;
    }
    for (owner, keys) in [(&ann, 1), (&bob, 0)] {
        let listed = answer(trial.store.list(owner, None, 10).await).len();
        check!(
            INSERT,
            listed == keys,
            "{listed} keys instead of {keys} after a taken id"
        );
    }
}

async fn a_rotation_needs_the_digest<S: ApiKeyStore>(trial: &Trial<S>) {
    let mut record = trial.inserted(&owner()).await;
    let other = trial.inserted(&owner()).await;
    let rotate =
        async |id: &KeyId, rotation: Rotation| answer(trial.store.rotate(id, &rotation).await);

    let unknown = rotate(&key_id("k"), trial.rotation(&record)).await;
    check!(
        ROTATE,
        unknown == Rotated::NotFound,
        "{unknown:?} for a key that never was"
    );
    for round in 0..2 {
        let wrong = Rotation::new(digest(), digest(), trial.at(2), trial.at(600));
        let outcome = rotate(record.id(), wrong).await;
        check!(
            ROTATE,
            outcome == Rotated::Changed,
            "{outcome:?} for another digest"
        );
        trial.expect(&record, "a rotation of another digest").await;

        let mut rotation = trial.rotation(&record);
        if round == 1 {
            // Without overlap: that the two times are the same tells so.
            rotation.previous_valid_until = rotation.replaced_at;
        }
        let outcome = rotate(record.id(), rotation).await;
        check!(
            ROTATE,
            outcome == Rotated::Done,
            "{outcome:?} in round {round}"
        );
        let previous = rotation.previous();
        record = record.with_previous(previous).with_digest(rotation.digest);
        trial.expect(&record, "a rotation").await;

        let outcome = rotate(record.id(), rotation).await;
        check!(
            ROTATE,
            outcome == Rotated::Changed,
            "{outcome:?} for the same rotation again"
        );
        // The replaced secret may be good yet, but it does not rotate.
        let outcome = rotate(
            record.id(),
            Rotation::new(previous.digest, digest(), trial.at(3), trial.at(9)),
        )
        .await;
        check!(
            ROTATE,
            outcome == Rotated::Changed,
            "{outcome:?} for the previous digest"
        );
        trial
            .expect(&record, "a rotation of the previous digest")
            .await;
    }
    trial.expect(&other, "a rotation of another key").await;

    answer(trial.store.revoke(record.id(), trial.at(5)).await);
    let outcome = rotate(record.id(), trial.rotation(&record)).await;
    check!(
        ROTATE,
        outcome == Rotated::Revoked,
        "{outcome:?} for a revoked key"
    );
    check!(
        FOR_GOOD,
        trial.stored(record.id()).await.digest() == record.digest(),
        "it was rotated"
    );
}

async fn a_revocation_is_for_good<S: ApiKeyStore>(trial: &Trial<S>) {
    let mut record = trial.inserted(&owner()).await;
    let other = trial.inserted(&owner()).await;
    let unknown = answer(trial.store.revoke(&key_id("k"), trial.at(1)).await);
    check!(
        "revoke: false if there is no such key",
        !unknown,
        "true for a key that never was"
    );

    record = record.with_revoked_at(trial.at(10));
    for seconds in [10, 5, 20, 10] {
        let revoked = answer(trial.store.revoke(record.id(), trial.at(seconds)).await);
        check!(
            "revoke: false if there is no such key",
            revoked,
            "false for a key that is there"
        );
        let at = trial.stored(record.id()).await.revoked_at();
        check!(
            FOR_GOOD,
            at == record.revoked_at(),
            "{at:?} after a revocation {seconds} s on"
        );
    }
    answer(
        trial
            .store
            .revoke_owned_by(record.owner(), trial.at(1))
            .await,
    );
    for disabled in [true, false] {
        for by in [DisabledBy::Owner, DisabledBy::Operator] {
            answer(trial.store.set_disabled(record.id(), by, disabled).await);
        }
    }
    let again = trial.named(*record.id(), record.owner(), trial.at(0));
    check!(
        INSERT,
        answer(trial.store.insert(again, ROOM).await) == Inserted::Taken,
        "not taken for the id of a revoked key"
    );
    let at = trial.stored(record.id()).await.revoked_at();
    check!(
        FOR_GOOD,
        at == record.revoked_at(),
        "{at:?} after other verbs"
    );
    trial.expect(&other, "the revocation of another key").await;
}

async fn a_switch_changes_nothing_else<S: ApiKeyStore>(trial: &Trial<S>) {
    let mut record = trial.inserted(&owner()).await;
    for by in [DisabledBy::Owner, DisabledBy::Operator] {
        let unknown = answer(trial.store.set_disabled(&key_id("k"), by, true).await);
        check!(
            NO_KEY,
            !unknown,
            "set_disabled is true for a key that never was"
        );
    }
    // In every order, each as it is and twice.
    for (by, disabled) in [
        (DisabledBy::Owner, true),
        (DisabledBy::Owner, true),
        (DisabledBy::Operator, true),
        (DisabledBy::Owner, false),
        (DisabledBy::Owner, true),
        (DisabledBy::Operator, false),
        (DisabledBy::Operator, false),
        (DisabledBy::Owner, false),
    ] {
        let there = answer(trial.store.set_disabled(record.id(), by, disabled).await);
        check!(
            NO_KEY,
            there,
            "set_disabled is false for a key that is there"
        );
        record.set_disabled(by, disabled);
        trial.expect(&record, "set_disabled").await;
    }
}

async fn the_last_use_is_the_latest<S: ApiKeyStore>(trial: &Trial<S>) {
    const TOUCH: &str = "`touch`, which never takes a time back";

    let mut first = trial.inserted(&owner()).await;
    let mut second = trial.inserted(&owner()).await;
    let unknown = key_id("k");
    for (first_use, second_use) in [(10, 20), (5, 30), (10, 5), (40, 30)] {
        let uses = [
            (*first.id(), trial.at(first_use)),
            (unknown, trial.at(50)),
            (*second.id(), trial.at(second_use)),
        ];
        answer(trial.store.touch(&uses).await);
        check!(
            "`touch`: keys that do not exist are skipped",
            trial.find(&unknown).await.is_none(),
            "a use has made a key"
        );
        first.touch(trial.at(first_use));
        second.touch(trial.at(second_use));
        for key in [&first, &second] {
            let found = trial.stored(key.id()).await.last_used_at();
            check!(
                TOUCH,
                found == key.last_used_at(),
                "{found:?} instead of {:?}",
                key.last_used_at()
            );
            trial.expect(key, "touch").await;
        }
    }
    answer(trial.store.touch(&[]).await);
    // One key several times, and more keys than a statement takes.
    let mut uses: Vec<_> = [70, 90, 80]
        .map(|seconds| (*first.id(), trial.at(seconds)))
        .to_vec();
    uses.extend((0..1_000).map(|_| (key_id("k"), trial.at(50))));
    uses.push((*second.id(), trial.at(60)));
    answer(trial.store.touch(&uses).await);
    first.touch(trial.at(90));
    second.touch(trial.at(60));
    for key in [&first, &second] {
        let found = trial.stored(key.id()).await.last_used_at();
        check!(TOUCH, found == key.last_used_at(), "{found:?} of many");
        trial.expect(key, "touch").await;
    }
    // What has ended may have been used until a moment ago; it has ended all the same.
    answer(trial.store.revoke(first.id(), trial.at(95)).await);
    first.revoke(trial.at(95));
    let by = DisabledBy::Operator;
    answer(trial.store.set_disabled(first.id(), by, true).await);
    first.set_disabled(by, true);
    answer(trial.store.touch(&[(*first.id(), trial.at(99))]).await);
    let found = trial.stored(first.id()).await.revoked_at();
    check!(
        FOR_GOOD,
        found == first.revoked_at(),
        "{found:?} after a use"
    );
    first.touch(trial.at(99));
    trial.expect(&first, "touch of what has ended").await;
    // And no other verb forgets when it was used.
    let rotation = trial.rotation(&second);
    answer(trial.store.rotate(second.id(), &rotation).await);
    second.rotate(&rotation);
    trial
        .expect(&second, "a rotation of a key that was used")
        .await;
}

async fn an_owner_gets_no_more_than_the_limit<S: ApiKeyStore>(trial: &Trial<S>) {
    let (ann, bob) = (owner(), owner());
    let insert = async |record: KeyRecord| answer(trial.store.insert(record, 2).await);
    let expiring = trial.record(&ann).with_expires_at(trial.at(10));
    let kept = trial.record(&ann);
    for (record, then, expected) in [
        (expiring, "no keys", Inserted::Done),
        (kept.clone(), "one key", Inserted::Done),
        (trial.record(&ann), "two keys", Inserted::Full),
        (trial.record(&bob), "two keys of another", Inserted::Done),
    ] {
        let (id, inserted) = (*record.id(), insert(record).await);
        check!(LIMIT, inserted == expected, "{inserted:?} after {then}");
        let there = trial.find(&id).await.is_some();
        check!(
            LIMIT,
            there == (expected == Inserted::Done),
            "{there} that it is found, after {then}"
        );
    }
    let later = trial.named(key_id("k"), &ann, trial.at(10));
    let inserted = insert(later).await;
    check!(
        LIMIT,
        inserted == Inserted::Done,
        "{inserted:?}, and one has expired"
    );
    answer(trial.store.revoke(kept.id(), trial.at(11)).await);
    for expected in [Inserted::Done, Inserted::Full] {
        let later = trial.named(key_id("k"), &ann, trial.at(12));
        let inserted = insert(later).await;
        check!(
            LIMIT,
            inserted == expected,
            "{inserted:?} instead of {expected:?}, and one is revoked"
        );
    }
}

async fn the_keys_of_one_owner_end<S: ApiKeyStore>(trial: &Trial<S>) {
    const OWNED: &str =
        "revoke_owned_by: Revokes every key of an owner; says how many were not revoked before";

    let ann = owner();
    let mut keys = Vec::new();
    for _ in 0..4 {
        keys.push(trial.inserted(&ann).await);
    }
    answer(trial.store.revoke(keys[0].id(), trial.at(1)).await);
    keys[0].revoke(trial.at(1));
    let by = DisabledBy::Owner;
    answer(trial.store.set_disabled(keys[1].id(), by, true).await);
    keys[1].set_disabled(by, true);

    // The same subject elsewhere is somebody else.
    let mut namesakes = [ann.clone(), ann.clone(), ann.clone()];
    namesakes[0].issuer = Some("https://other.example".to_owned());
    namesakes[1].tenant = None;
    namesakes[2].issuer = None;
    let mut others = Vec::new();
    for namesake in &namesakes {
        others.push(trial.inserted(namesake).await);
    }

    for (seconds, count) in [(7, 3), (9, 0)] {
        let revoked = answer(trial.store.revoke_owned_by(&ann, trial.at(seconds)).await);
        check!(OWNED, revoked == count, "{revoked} instead of {count}");
        for key in &mut keys {
            key.revoke(trial.at(7));
            let found = trial.stored(key.id()).await.revoked_at();
            check!(
                FOR_GOOD,
                found == key.revoked_at(),
                "{found:?} instead of {:?}",
                key.revoked_at()
            );
            trial.expect(key, "revoke_owned_by").await;
        }
    }
    for other in &others {
        let untouched = trial.stored(other.id()).await.revoked_at().is_none();
        check!(OWNED, untouched, "a key of {:?}", other.owner());
    }
    let nobody = answer(trial.store.revoke_owned_by(&owner(), trial.at(1)).await);
    check!(OWNED, nobody == 0, "{nobody} keys of somebody who has none");
    let later = trial.inserted(&ann).await;
    check!(
        SEEN,
        trial.stored(later.id()).await.revoked_at().is_none(),
        "a key that came later"
    );
}
