//! The suite for [`SigningKeyStore`].

use std::sync::Arc;

use jwt_layer::SigningKeyStore;

use super::race::{drop_after, need_threads, race, soon};
use super::{answer, check, random, unique};

const BYTES: &str = "What is replaced and what is loaded are the same bytes";
const CHANGED_NOTHING: &str = "One that returned `Ok(false)` has changed nothing";
const NAMES: &str = "Names are told apart exactly, and rings do not touch each other";
const ONE_STEP: &str = "`replace` is one step";
const SEEN: &str = "A `replace` that returned `Ok(true)` is seen by every later `load`";

/// Checks a [`SigningKeyStore`] against its contract.
///
/// What is checked: that any bytes come back as they were; that a document is replaced only if it is
/// the expected one, and made only if there is none; that names are told apart by case, spaces and
/// accents; that of many nodes that replace one document, or make the first, one succeeds, and that
/// none of their changes is lost if they try again; that the others see it at once; and that what is
/// dropped half-way has happened or not.
///
/// ```
/// use auth_test::contract;
/// use jwt_layer::MemorySigningKeys;
///
/// # #[tokio::main(flavor = "multi_thread", worker_threads = 2)] async fn main() {
/// let shared = MemorySigningKeys::new();
/// contract::signing_key_store(async || shared.clone()).await;
/// # }
/// ```
///
/// # Panics
///
/// Panics if the store breaks the contract or returns an error, and on a runtime with one thread.
pub async fn signing_key_store<S: SigningKeyStore>(make: impl AsyncFn() -> S) {
    need_threads();
    let store = Arc::new(make().await);
    bytes_are_kept(&*store).await;
    only_what_is_expected_is_replaced(&*store).await;
    names_are_told_apart(&*store).await;
    for _ in 0..10 {
        one_of_many_makes_the_first(&store).await;
        no_parallel_change_is_lost(&store).await;
    }
    what_is_dropped_is_whole(&*store).await;
}

async fn bytes_are_kept(store: &impl SigningKeyStore) {
    let all: Vec<u8> = (0..=255).collect();
    let documents: [&[u8]; 7] = [
        b"{}",
        b" spaces \r\n",
        b"\0\0",
        b"",
        b"\xff\xfe\x80",
        &all,
        &all.repeat(64),
    ];
    for document in documents {
        let ring = unique("ring");
        let made = answer(store.replace(&ring, None, document).await);
        let loaded = answer(store.load(&ring).await);
        check!(
            BYTES,
            made && loaded.as_deref() == Some(document),
            "{} bytes became {loaded:?}",
            document.len()
        );
        let next = answer(store.replace(&ring, Some(document), b"next").await);
        check!(BYTES, next, "{} bytes were not recognised", document.len());
    }
}

async fn only_what_is_expected_is_replaced(store: &impl SigningKeyStore) {
    let ring = unique("ring");
    let nothing = answer(store.load(&ring).await);
    check!(ONE_STEP, nothing.is_none(), "a new ring has {nothing:?}");
    for expected in [&b"a"[..], b""] {
        let changed = answer(store.replace(&ring, Some(expected), b"b").await);
        let loaded = answer(store.load(&ring).await);
        check!(
            CHANGED_NOTHING,
            !changed && loaded.is_none(),
            "where there was none, expecting {expected:?}: {changed}, {loaded:?}"
        );
    }
    let empty = unique("ring");
    check!(
        ONE_STEP,
        answer(store.replace(&empty, None, b"").await),
        "an empty document was refused"
    );
    let changed = answer(store.replace(&empty, None, b"b").await);
    check!(
        CHANGED_NOTHING,
        !changed,
        "an empty document was taken for none"
    );
    check!(
        ONE_STEP,
        answer(store.replace(&ring, None, b"a").await),
        "the first document was refused"
    );
    let others: [Option<&[u8]>; 6] = [
        None,
        Some(b""),
        Some(b"A"),
        Some(b"a "),
        Some(b"ab"),
        Some(b"a\0"),
    ];
    for expected in others {
        let changed = answer(store.replace(&ring, expected, b"b").await);
        let loaded = answer(store.load(&ring).await);
        check!(
            CHANGED_NOTHING,
            !changed && loaded.as_deref() == Some(b"a"),
            "expecting {expected:?}: {changed}, {loaded:?}"
        );
    }
    let changed = answer(store.replace(&ring, Some(b"a"), b"b").await);
    let loaded = answer(store.load(&ring).await);
    check!(
        SEEN,
        changed && loaded.as_deref() == Some(b"b"),
        "{changed}, {loaded:?}"
    );
    let back = answer(store.replace(&ring, Some(b"b"), b"a").await);
    check!(SEEN, back, "what was there before may come back");
}

async fn names_are_told_apart(store: &impl SigningKeyStore) {
    let name = unique("Ring");
    let names = [
        name.clone(),
        name.to_lowercase(),
        format!("{name} "),
        format!("{name}é"),
        format!("{name}e\u{301}"),
        format!("{name}%"),
        name[..name.len() - 1].to_owned(),
    ];
    for name in &names {
        let made = answer(store.replace(name, None, name.as_bytes()).await);
        check!(NAMES, made, "{name:?} was there already");
    }
    for name in &names {
        let loaded = answer(store.load(name).await);
        check!(
            NAMES,
            loaded.as_deref() == Some(name.as_bytes()),
            "{name:?} has {loaded:?}"
        );
    }
}

async fn one_of_many_makes_the_first<S: SigningKeyStore>(store: &Arc<S>) {
    let ring = unique("ring");
    let starts = (0..16_u8).map(|node| {
        let (store, ring) = (Arc::clone(store), ring.clone());
        async move {
            let made = answer(store.replace(&ring, None, &[node]).await);
            (made, answer(store.load(&ring).await))
        }
    });
    let results = race(starts).await;
    let makers = results.iter().filter(|(made, _)| *made).count();
    check!(ONE_STEP, makers == 1, "{makers} of 16 made the first");
    let now = answer(store.load(&ring).await);
    for (_, loaded) in &results {
        check!(
            SEEN,
            *loaded == now,
            "{loaded:?} was read, and {now:?} later"
        );
    }
}

/// Each adds a byte, again and again until it succeeds.
async fn no_parallel_change_is_lost<S: SigningKeyStore>(store: &Arc<S>) {
    let ring = unique("ring");
    check!(
        ONE_STEP,
        answer(store.replace(&ring, None, b"").await),
        "the first document was refused"
    );
    let changes = (0..8_u8).map(|node| {
        let (store, ring) = (Arc::clone(store), ring.clone());
        async move {
            loop {
                let before = answer(store.load(&ring).await).unwrap_or_default();
                let mut after = before.clone();
                after.push(node);
                if answer(store.replace(&ring, Some(&before), &after).await) {
                    return;
                }
            }
        }
    });
    race(changes).await;
    let mut all = answer(store.load(&ring).await).unwrap_or_default();
    all.sort_unstable();
    check!(
        ONE_STEP,
        all == (0..8).collect::<Vec<_>>(),
        "of eight changes there are {all:?}"
    );
}

async fn what_is_dropped_is_whole(store: &impl SigningKeyStore) {
    for waits in 0..6 {
        let ring = unique("ring");
        let before = random::<32>().repeat(100);
        let after = random::<32>().repeat(100);
        check!(
            ONE_STEP,
            answer(store.replace(&ring, None, &before).await),
            "the first document was refused"
        );
        let replace = store.replace(&ring, Some(&before), &after);
        drop_after(waits, replace).await.map(answer);
        // It may be under way still; then it happens as a whole.
        let whole = soon(async || {
            let loaded = answer(store.load(&ring).await);
            loaded.is_some_and(|loaded| loaded == before || loaded == after)
        });
        check!(ONE_STEP, whole.await, "half of a document is there");
    }
}
