//! Lists by pages, and what is refused as a cursor.
#![allow(clippy::unwrap_used, reason = "a test may")]

mod common;

use std::sync::Arc;

use apikey_layer::{
    KeyCursor, KeyError, KeyFormat, KeyId, KeyRegistry, MemoryApiKeys, NewKey, SharedApiKeyStore,
};
use auth_layer::{Identity, SealingKeys};
use common::*;
use http::StatusCode;
use proptest::prelude::*;

fn registry() -> (KeyRegistry, SharedApiKeyStore) {
    let store = SharedApiKeyStore::new(MemoryApiKeys::new());
    (KeyRegistry::new(format(), store.clone()), store)
}

async fn make(registry: &KeyRegistry, owner: &Identity, count: usize) -> Vec<KeyId> {
    let mut ids = Vec::new();
    for _ in 0..count {
        let created = registry.create(owner, NewKey::new("k")).await.unwrap();
        ids.push(*created.key.id());
    }
    ids.sort();
    ids
}

/// The cursor of the second page.
async fn cursor(registry: &KeyRegistry, owner: &Identity) -> String {
    let page = registry.list(owner, None, 1).await.unwrap();
    page.next.unwrap().to_string()
}

/// As everything that is not a cursor of this list: 422, and nothing but that.
async fn is_refused(registry: &KeyRegistry, owner: &Identity, cursor: &str) {
    let error = registry.list(owner, Some(cursor), 10).await.unwrap_err();
    assert_eq!(error.status(), StatusCode::UNPROCESSABLE_ENTITY, "{cursor}");
    let KeyError::Invalid(error) = error else {
        panic!("{cursor}: {error:?}");
    };
    assert_eq!(error.option(), "cursor", "{cursor}");
    assert_eq!(error.to_string(), "`cursor` is not one of this list");
}

fn blocking<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    runtime.unwrap().block_on(future)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn x_17_pages_are_the_whole_list_once(count in 0_usize..40, limit in 1_usize..15) {
        blocking(async {
            let (registry, _) = registry();
            let ids = make(&registry, &ann(), count).await;
            make(&registry, &bob(), 5).await;
            let (mut seen, mut pages, mut next) = (Vec::new(), 0, None::<KeyCursor>);
            loop {
                let after = next.as_ref().map(KeyCursor::as_str);
                let page = registry.list(&ann(), after, limit).await.unwrap();
                pages += 1;
                assert!(pages <= count + 1, "no end");
                seen.extend(page.keys.iter().map(|record| *record.id()));
                match page.next {
                    Some(cursor) => {
                        assert_eq!(page.keys.len(), limit);
                        next = Some(cursor);
                    }
                    None => break,
                }
            }
            assert_eq!(seen, ids);
            assert_eq!(pages, count.div_ceil(limit).max(1));
        });
    }

    #[test]
    fn x_17_no_text_but_ours_is_a_cursor(text in any::<String>(), same_length in "[0-9A-Za-z_-]{71}") {
        blocking(async {
            let (registry, _) = registry();
            make(&registry, &ann(), 2).await;
            cursor(&registry, &ann()).await; // keys were drawn
            is_refused(&registry, &ann(), &text).await;
            is_refused(&registry, &ann(), &same_length).await;
        });
    }
}

#[tokio::test]
async fn x_17_a_cursor_that_was_changed_is_refused() {
    let (registry, _) = registry();
    let ids = make(&registry, &ann(), 3).await;
    let good = cursor(&registry, &ann()).await;
    assert_eq!(good.len(), 71);
    for index in 0..good.len() {
        for letter in ["A", "Q", "-", "9", "+", "=", " "] {
            let mut changed = good.clone();
            changed.replace_range(index..=index, letter);
            if changed != good {
                is_refused(&registry, &ann(), &changed).await;
            }
        }
        is_refused(&registry, &ann(), &good[..index]).await;
        is_refused(&registry, &ann(), &good[index + 1..]).await;
    }
    for bad in [
        format!("{good}A"),
        format!("{good}="),
        format!(" {good}"),
        format!("{good}{good}"),
        good.to_lowercase(),
        ids[0].to_string(),
        "A".repeat(1_000_000),
    ] {
        is_refused(&registry, &ann(), &bad).await;
    }
    // It is the same one again and again, and says nothing of the key.
    for _ in 0..2 {
        let page = registry.list(&ann(), Some(&good), 10).await.unwrap();
        let listed: Vec<_> = page.keys.iter().map(|record| *record.id()).collect();
        assert_eq!(listed, ids[1..]);
        assert!(page.next.is_none());
    }
    assert_ne!(cursor(&registry, &ann()).await, good, "two look the same");
}

#[tokio::test]
async fn x_17_a_cursor_is_good_for_its_owner_and_registry() {
    let (registry, store) = registry();
    make(&registry, &ann(), 3).await;
    let good = cursor(&registry, &ann()).await;
    let tenant = Identity::builder("session", "ann").tenant("t").build();
    let elsewhere = Identity::builder("bearer", "ann").issuer("https://x.example");
    for other in [bob(), tenant, elsewhere.build()] {
        make(&registry, &other, 2).await;
        is_refused(&registry, &other, &good).await;
    }
    // However she has logged in, she is the owner.
    let bearer = Identity::new("bearer", "ann");
    assert!(registry.list(&bearer, Some(&good), 10).await.is_ok());
    assert!(registry.clone().list(&ann(), Some(&good), 10).await.is_ok());

    // A registry that was made later, or in another process, has other keys.
    let later = KeyRegistry::new(format(), store.clone());
    is_refused(&later, &ann(), &good).await;
    cursor(&later, &ann()).await;
    is_refused(&later, &ann(), &good).await;
}

#[tokio::test]
async fn x_17_nodes_with_the_same_keys_take_each_others_cursors() {
    let (registry, store) = registry();
    make(&registry, &ann(), 3).await;
    let sealing = |byte: u8| SealingKeys::new(&[byte; 32]).unwrap();
    let node = |keys: SealingKeys| KeyRegistry::new(format(), store.clone()).cursor_keys(keys);
    let (here, there) = (node(sealing(1)), node(sealing(1)));
    let good = cursor(&here, &ann()).await;
    assert!(there.list(&ann(), Some(&good), 10).await.is_ok());
    is_refused(&node(sealing(2)), &ann(), &good).await;
    // While the secret is changed, cursors of the old one go on.
    let rotated = node(sealing(2).previous(&[1; 32]).unwrap());
    assert!(rotated.list(&ann(), Some(&good), 10).await.is_ok());
    // Another list, though under the same secret.
    let test = KeyRegistry::new(KeyFormat::test("sk").unwrap(), store.clone());
    is_refused(&test.cursor_keys(sealing(1)), &ann(), &good).await;
    // What the same secret has sealed for another purpose is no cursor.
    let sealed = sealing(1).seal(&[b"other"], b"8Zk2mWq4Lx0P").unwrap();
    let text = base64::Engine::encode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, sealed);
    assert_eq!(text.len(), good.len());
    is_refused(&here, &ann(), &text).await;
}

#[tokio::test]
async fn x_17_what_comes_and_goes_moves_no_other_key() {
    let (registry, _) = registry();
    let mut ids = make(&registry, &ann(), 10).await;
    let first = registry.list(&ann(), None, 4).await.unwrap();
    // The key at the seam is revoked, and new ones come before and behind it.
    registry.revoke(&ann(), &ids[3]).await.unwrap();
    let new = make(&registry, &ann(), 20).await;
    let seam = ids[3];
    let second = registry
        .list(&ann(), Some(first.next.unwrap().as_str()), 100)
        .await;
    let second = second.unwrap();
    assert!(second.next.is_none());
    ids.extend(new);
    ids.retain(|id| *id > seam);
    ids.sort();
    let listed: Vec<_> = second.keys.iter().map(|record| *record.id()).collect();
    assert_eq!(listed, ids);
}

#[tokio::test]
async fn a_page_has_at_least_one_key_and_at_most_a_hundred() {
    let (registry, _) = registry();
    let registry = Arc::new(registry);
    make(&registry, &ann(), 101).await;
    match registry.list(&ann(), None, 0).await {
        Err(KeyError::Invalid(error)) => assert_eq!(error.option(), "limit"),
        other => panic!("{other:?}"),
    }
    for limit in [100, 101, usize::MAX] {
        let page = registry.list(&ann(), None, limit).await.unwrap();
        assert_eq!(page.keys.len(), 100, "{limit}");
        assert!(page.next.is_some(), "{limit}");
    }
}
