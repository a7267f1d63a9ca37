//! The suite for [`DigestStore`].

use auth_layer::Identity;
use auth_layer::digest::{Algorithm, DigestRecord, DigestStore, UserHash};

use super::{answer, check, unique};

const BY_HASH: &str = "find_by_userhash: Looks a user up by the hash of the name";
const BYTES: &str = "Names are compared byte for byte";
const CHANGED: &str = "A changed password is seen by the next call";
const NONE: &str = "`None` means that nobody of that name may log in";

const ALGORITHMS: [Algorithm; 2] = [Algorithm::Sha256, Algorithm::Sha512_256];

/// Checks a [`DigestStore`] for `realm` against its contract.
///
/// `put` stores a record under a name in the place of what is there, or removes it for `None`; its
/// changes are seen by the next call. Return it as an async closure over your own way to write.
///
/// What is checked: what was put is found, with every `Ha1`, the subject and the roles; names that
/// look alike are not the same name; changed and removed records are seen at once; and, if
/// `find_by_userhash` finds anybody, that it finds the same users as `find`, for one algorithm at
/// least.
///
/// ```
/// use auth_layer::digest::MemoryDigestStore;
/// use auth_test::contract;
///
/// # #[tokio::main(flavor = "multi_thread", worker_threads = 2)] async fn main() {
/// contract::digest_store(
///     "printers",
///     async || MemoryDigestStore::new("printers"),
///     async |store, username, record| match record {
///         Some(record) => store.set(username, record),
///         None => {
///             store.remove(username);
///         }
///     },
/// )
/// .await;
/// # }
/// ```
///
/// # Panics
///
/// Panics if the store breaks the contract or returns an error.
pub async fn digest_store<S: DigestStore>(
    realm: &str,
    make: impl AsyncFn() -> S,
    put: impl AsyncFn(&S, &str, Option<DigestRecord>),
) {
    let store = make().await;
    what_was_put_is_found(&store, realm, &put).await;
    names_that_look_alike_differ(&store, realm, &put).await;
    changes_are_seen(&store, realm, &put).await;
    hashes_find_the_same(&store, realm, &put).await;
}

fn record(username: &str, realm: &str, password: &str) -> DigestRecord {
    DigestRecord::from_password(username, realm, password, ALGORITHMS).with_identity(
        Identity::builder("digest", format!("subject of {username}"))
            .role("operator")
            .build(),
    )
}

fn same(left: Option<&DigestRecord>, right: &DigestRecord) -> bool {
    left.is_some_and(|left| {
        let (found, put) = (left.identity(), right.identity());
        found.subject() == put.subject()
            && found.roles().eq(put.roles())
            && ALGORITHMS
                .iter()
                .all(|own| left.ha1(*own) == right.ha1(*own))
    })
}

async fn what_was_put_is_found<S: DigestStore>(
    store: &S,
    realm: &str,
    put: &impl AsyncFn(&S, &str, Option<DigestRecord>),
) {
    let (ann, bob) = (unique("ann"), unique("bob"));
    check!(
        NONE,
        answer(store.find(&ann).await).is_none(),
        "somebody who was never there"
    );
    for name in [&ann, &bob] {
        put(store, name, Some(record(name, realm, "first"))).await;
    }
    for name in [&ann, &bob] {
        let found = answer(store.find(name).await);
        let right = same(found.as_ref(), &record(name, realm, "first"));
        check!(
            "find: Looks a user up by name",
            right,
            "{found:?} for {name}"
        );
    }
}

async fn names_that_look_alike_differ<S: DigestStore>(
    store: &S,
    realm: &str,
    put: &impl AsyncFn(&S, &str, Option<DigestRecord>),
) {
    let name = unique("zo\u{eb}");
    put(store, &name, Some(record(&name, realm, "first"))).await;
    let plain = name.replace('\u{eb}', "e");
    for other in [
        name.to_uppercase(),
        format!("{name} "),
        format!(" {name}"),
        format!("{name}\0"),
        format!("{name}%"),
        name.replace('z', "_"),
        name.replace('z', "*"),
        name.replace('\u{eb}', "e\u{308}"),
        plain.clone(),
        "%".to_owned(),
        String::new(),
    ] {
        let found = answer(store.find(&other).await);
        let stranger =
            found.is_none_or(|found| !same(Some(&found), &record(&name, realm, "first")));
        check!(BYTES, stranger, "{other:?} finds {name:?}");
    }
    put(store, &plain, Some(record(&plain, realm, "other"))).await;
    for (name, password) in [(&name, "first"), (&plain, "other")] {
        let found = answer(store.find(name).await);
        let right = same(found.as_ref(), &record(name, realm, password));
        check!(
            BYTES,
            right,
            "two names that look alike: {found:?} for {name:?}"
        );
    }
}

async fn changes_are_seen<S: DigestStore>(
    store: &S,
    realm: &str,
    put: &impl AsyncFn(&S, &str, Option<DigestRecord>),
) {
    let name = unique("cyd");
    for password in ["first", "second", "third"] {
        put(store, &name, Some(record(&name, realm, password))).await;
        let found = answer(store.find(&name).await);
        let right = same(found.as_ref(), &record(&name, realm, password));
        check!(CHANGED, right, "the {password} password is not seen");
    }
    put(store, &name, None).await;
    check!(
        NONE,
        answer(store.find(&name).await).is_none(),
        "somebody who was removed"
    );
}

async fn hashes_find_the_same<S: DigestStore>(
    store: &S,
    realm: &str,
    put: &impl AsyncFn(&S, &str, Option<DigestRecord>),
) {
    let (dan, eve) = (unique("dan"), unique("eve"));
    let by_hash = async |name: &str, algorithm| {
        answer(
            store
                .find_by_userhash(&UserHash::of(algorithm, name, realm))
                .await,
        )
    };
    for name in [&dan, &eve] {
        put(store, name, Some(record(name, realm, "first"))).await;
    }
    put(store, &dan, Some(record(&dan, realm, "second"))).await;

    let mut indexed = Vec::new();
    for algorithm in ALGORITHMS {
        let Some(found) = by_hash(&dan, algorithm).await else {
            continue;
        };
        indexed.push(algorithm);
        let right = same(Some(&found), &record(&dan, realm, "second"));
        check!(BY_HASH, right, "{found:?} for {dan}, {algorithm}");
        let found = by_hash(&eve, algorithm).await;
        let right = same(found.as_ref(), &record(&eve, realm, "first"));
        check!(BY_HASH, right, "{found:?} for {eve}, {algorithm}");
        let stranger = by_hash(&unique("nobody"), algorithm).await;
        check!(BY_HASH, stranger.is_none(), "{stranger:?} for nobody");
        let elsewhere = UserHash::of(algorithm, &dan, "another realm");
        let found = answer(store.find_by_userhash(&elsewhere).await);
        check!(
            BY_HASH,
            found.is_none(),
            "{found:?} for the hash of another realm"
        );
    }
    put(store, &dan, None).await;
    for algorithm in indexed {
        let found = by_hash(&dan, algorithm).await;
        check!(
            NONE,
            found.is_none(),
            "{found:?} was removed and is found by hash"
        );
    }
}
