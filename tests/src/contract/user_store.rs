//! The suite for [`UserStore`].

use std::sync::Arc;

use auth_layer::{CredentialEpoch, ScopeSet};
use login::password::{PasswordHash, UserRecord, UserStore};

use super::race::{drop_after, need_threads, race, soon};
use super::{answer, check, unique};

const CAS: &str = "replace_hash: of two calls with one `old`, one returns true";
const DISABLED: &str = "`find` returns disabled users, and users without a password, too";
const FIND: &str = "find: Looks a user up by the name that was typed in";
const NAME: &str = "`find` looks the name up as it was sent, or in one canonical form";
const NOTHING_BUT: &str = "replace_hash: It changes nothing but the hash";
const SEEN: &str =
    "A `find` that begins after a `replace_hash` has returned true sees the new hash";
const STILL_OLD: &str = "replace_hash: Replaces the hash of a user if it is still `old`";

/// Checks a [`UserStore`] against its contract.
///
/// `put` stores a record under a name in the place of what is there, or removes it for `None`; its
/// changes are seen by the next call. Return it as an async closure over your own way to write.
/// Hashes are short texts that are no hashes; a store does not look into them.
///
/// What is checked: what was put is found with all its parts, disabled users and users without a
/// password included; nobody is found by a pattern, and two names that a lax collation mixes up are
/// two users; `replace_hash` needs the right subject and the right old hash, changes nothing else,
/// has one winner among parallel calls (BAS-07), is seen by the next `find`, and leaves one of the
/// two hashes when it is dropped half-way.
///
/// How long `find` takes for a name that nobody has is not checked.
///
/// ```
/// use auth_test::contract;
/// use login::password::MemoryUserStore;
///
/// # #[tokio::main(flavor = "multi_thread", worker_threads = 2)] async fn main() {
/// contract::user_store(
///     async || MemoryUserStore::new(),
///     async |store, username, record| match record {
///         Some(record) => drop(store.insert(username, record)),
///         None => drop(store.remove(username)),
///     },
/// )
/// .await;
/// # }
/// ```
///
/// # Panics
///
/// Panics if the store breaks the contract or returns an error, and on a runtime with one thread.
pub async fn user_store<S: UserStore>(
    make: impl AsyncFn() -> S,
    put: impl AsyncFn(&S, &str, Option<UserRecord>),
) {
    need_threads();
    let store = Arc::new(make().await);
    what_was_put_is_found(&*store, &put).await;
    nobody_is_found_by_a_pattern(&*store, &put).await;
    a_hash_is_replaced_if_it_is_the_old_one(&*store, &put).await;
    for _ in 0..10 {
        of_parallel_replacements_one_wins(&store, &put).await;
    }
    for waits in 0..8 {
        a_dropped_replacement_is_whole(&*store, &put, waits).await;
    }
}

fn hash(text: &str) -> PasswordHash {
    PasswordHash::new(format!("$argon2id${text}"))
}

fn record(name: &str) -> UserRecord {
    UserRecord::new(format!("subject of {name}"))
        .with_password_hash(hash("first"))
        .with_tenant("tenant")
        .with_role("editor")
        .with_role("admin")
        .with_scopes("reports:read".parse().expect("a scope"))
        .with_credential_epoch(3)
}

fn same(found: Option<&UserRecord>, put: &UserRecord) -> bool {
    found.is_some_and(|found| {
        let roles = |record: &UserRecord| {
            let mut roles = record.roles.clone();
            roles.sort_unstable();
            roles
        };
        // One that was never set may be found as the first.
        let epoch = |record: &UserRecord| {
            let epoch = record.credential_epoch;
            epoch.map_or(0, CredentialEpoch::as_u64)
        };
        let scopes = |record: &UserRecord| -> ScopeSet { record.scopes.clone() };
        found.subject == put.subject
            && found.password_hash == put.password_hash
            && found.is_disabled == put.is_disabled
            && found.tenant == put.tenant
            && roles(found) == roles(put)
            && scopes(found) == scopes(put)
            && epoch(found) == epoch(put)
    })
}

async fn what_was_put_is_found<S: UserStore>(
    store: &S,
    put: &impl AsyncFn(&S, &str, Option<UserRecord>),
) {
    let name = unique("ann");
    check!(
        FIND,
        answer(store.find(&name).await).is_none(),
        "somebody who was never there"
    );
    let mut without = UserRecord::new(format!("subject of {name}"));
    without.is_disabled = true;
    for (record, line) in [
        (record(&name), FIND),
        (record(&name).with_disabled(true), DISABLED),
        (without.clone().with_disabled(false), DISABLED),
        (without, DISABLED),
    ] {
        put(store, &name, Some(record.clone())).await;
        let found = answer(store.find(&name).await);
        check!(
            line,
            same(found.as_ref(), &record),
            "{found:?} instead of {record:?}"
        );
    }
    put(store, &name, None).await;
    check!(
        FIND,
        answer(store.find(&name).await).is_none(),
        "somebody who was removed"
    );
}

async fn nobody_is_found_by_a_pattern<S: UserStore>(
    store: &S,
    put: &impl AsyncFn(&S, &str, Option<UserRecord>),
) {
    let accented = unique("zo\u{eb}");
    let plain = accented.replace('\u{eb}', "e");
    put(store, &accented, Some(record(&accented))).await;
    for pattern in [
        accented.replace('z', "_"),
        accented.replace('z', "%"),
        accented.replace('z', "*"),
        accented.replace('z', "?"),
        format!("{accented}%"),
        format!("{accented}*"),
        format!("{accented}' OR '1'='1"),
        plain.clone(),
        "%".to_owned(),
        "*".to_owned(),
        String::new(),
    ] {
        let found = answer(store.find(&pattern).await);
        let stranger = found.is_none_or(|found| found.subject != record(&accented).subject);
        check!(NAME, stranger, "{pattern:?} finds {accented:?}");
    }
    put(store, &plain, Some(record(&plain))).await;
    for name in [&accented, &plain] {
        let found = answer(store.find(name).await);
        check!(
            NAME,
            same(found.as_ref(), &record(name)),
            "{found:?} for {name:?}"
        );
    }
}

async fn a_hash_is_replaced_if_it_is_the_old_one<S: UserStore>(
    store: &S,
    put: &impl AsyncFn(&S, &str, Option<UserRecord>),
) {
    let (ann, bob) = (unique("ann"), unique("bob"));
    for name in [&ann, &bob] {
        // Both have the same hash, as nobody has in earnest.
        put(store, name, Some(record(name))).await;
    }
    let subject = record(&ann).subject;
    let replace = async |subject: &str, old: &PasswordHash| {
        answer(store.replace_hash(subject, old, &hash("second")).await)
    };
    for (subject, old) in [
        (&*subject, hash("another")),
        (&*subject, hash("firs")),
        (&*subject, PasswordHash::new("")),
        (&unique("nobody"), hash("first")),
        (&ann, hash("first")),
        ("", hash("first")),
    ] {
        check!(
            STILL_OLD,
            !replace(subject, &old).await,
            "true for {subject} and {}",
            old.as_str()
        );
        let found = answer(store.find(&ann).await);
        check!(
            STILL_OLD,
            same(found.as_ref(), &record(&ann)),
            "it was replaced nevertheless"
        );
    }

    check!(
        STILL_OLD,
        replace(&subject, &hash("first")).await,
        "false for the old hash"
    );
    let found = answer(store.find(&ann).await);
    let hash_found = found
        .as_ref()
        .and_then(|found| found.password_hash.as_ref());
    check!(SEEN, hash_found == Some(&hash("second")), "another one");
    let expected = record(&ann).with_password_hash(hash("second"));
    check!(
        NOTHING_BUT,
        same(found.as_ref(), &expected),
        "{found:?} instead of {expected:?}"
    );
    check!(
        CAS,
        !replace(&subject, &hash("first")).await,
        "true for a hash that was replaced"
    );
    let found = answer(store.find(&bob).await);
    check!(
        NOTHING_BUT,
        same(found.as_ref(), &record(&bob)),
        "somebody else's: {found:?}"
    );

    let mut without = record(&ann);
    without.password_hash = None;
    put(store, &ann, Some(without.clone())).await;
    for old in [hash("second"), PasswordHash::new("")] {
        check!(
            STILL_OLD,
            !replace(&subject, &old).await,
            "true for a user without a password"
        );
    }
    let found = answer(store.find(&ann).await);
    check!(
        STILL_OLD,
        same(found.as_ref(), &without),
        "a user without a password got one"
    );
    put(store, &ann, None).await;
    let gone = replace(&subject, &hash("first")).await;
    check!(
        "replace_hash: false if there is no such user any more",
        !gone,
        "true"
    );
    let found = answer(store.find(&ann).await);
    check!(
        "replace_hash: false if there is no such user any more",
        found.is_none(),
        "{found:?}"
    );
}

async fn of_parallel_replacements_one_wins<S: UserStore>(
    store: &Arc<S>,
    put: &impl AsyncFn(&S, &str, Option<UserRecord>),
) {
    const RIVALS: usize = 16;

    let name = unique("cyd");
    put(store, &name, Some(record(&name))).await;
    let won = race((0..RIVALS).map(|rival| {
        let (store, name) = (Arc::clone(store), name.clone());
        async move {
            let (subject, new) = (record(&name).subject, hash(&format!("of {rival}")));
            let won = answer(store.replace_hash(&subject, &hash("first"), &new).await);
            let found = answer(store.find(&name).await).and_then(|found| found.password_hash);
            check!(
                SEEN,
                !won || found == Some(new),
                "the winner does not see its own"
            );
            won
        }
    }))
    .await;
    let winners: Vec<_> = (0..RIVALS).filter(|rival| won[*rival]).collect();
    check!(
        CAS,
        winners.len() == 1,
        "{} of {RIVALS} parallel calls",
        winners.len()
    );
    let found = answer(store.find(&name).await);
    let expected = record(&name).with_password_hash(hash(&format!("of {}", winners[0])));
    check!(
        CAS,
        same(found.as_ref(), &expected),
        "a loser's hash is stored"
    );
}

async fn a_dropped_replacement_is_whole<S: UserStore>(
    store: &S,
    put: &impl AsyncFn(&S, &str, Option<UserRecord>),
    waits: usize,
) {
    let name = unique("dan");
    put(store, &name, Some(record(&name))).await;
    let (subject, old, new) = (record(&name).subject, hash("first"), hash("second"));
    drop_after(waits, store.replace_hash(&subject, &old, &new)).await;
    let whole = soon(async || {
        let found = answer(store.find(&name).await);
        [&old, &new].into_iter().any(|hash| {
            same(
                found.as_ref(),
                &record(&name).with_password_hash(hash.clone()),
            )
        })
    });
    check!(
        CAS,
        whole.await,
        "neither hash is there, dropped after {waits} waits"
    );
}
