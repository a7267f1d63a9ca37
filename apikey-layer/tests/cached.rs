//! `CachedApiKeys` over a store that takes its time.
#![allow(clippy::unwrap_used, reason = "a test may")]

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use apikey_layer::{
    ApiKey, ApiKeyStore, ApiKeys, CachedApiKeys, KeyId, KeyRecord, KeyRegistry, Lookup,
    MemoryApiKeys, NewKey, Owner,
};
use auth_layer::{AuthError, AuthErrorKind, Identity, SharedClock};
use common::distant::Distant;
use common::{START, at, format};

struct Node {
    distant: Distant,
    cached: CachedApiKeys,
    seconds: Arc<AtomicUsize>,
}

/// A process that remembers answers for ten seconds.
fn node(distant: &Distant) -> Node {
    let seconds = Arc::new(AtomicUsize::new(0));
    let now = Arc::clone(&seconds);
    let clock = SharedClock::new(move || at(START + now.load(Ordering::SeqCst) as u64));
    let cached = CachedApiKeys::new(distant.clone()).clock(clock);
    Node {
        distant: distant.clone(),
        cached: cached.max_age(Duration::from_secs(10)).unwrap(),
        seconds,
    }
}

impl Node {
    fn registry(&self) -> KeyRegistry {
        KeyRegistry::new(format(), self.cached.clone())
    }

    async fn new_key(&self) -> ApiKey {
        let registry = self.registry();
        let created = registry.create(&ann(), NewKey::new("test")).await;
        created.unwrap().key
    }

    /// What the scheme learns of a key.
    async fn look(&self, id: &KeyId) -> Result<Option<Arc<KeyRecord>>, AuthError> {
        match self.cached.find_now(id) {
            Lookup::Found(record) => Ok(Some(record)),
            Lookup::Missing => Ok(None),
            Lookup::Wait => self.cached.find_recent(id).await,
        }
    }

    async fn is_revoked(&self, id: &KeyId) -> bool {
        self.look(id).await.unwrap().unwrap().revoked_at().is_some()
    }
}

fn ann() -> Identity {
    Identity::new("session", "ann")
}

#[tokio::test]
async fn a_key_in_use_costs_one_question_per_age() {
    let node = node(&Distant::new());
    let key = node.new_key().await;
    let unknown = *format().generate().unwrap().id();
    let scheme = ApiKeys::danger_without_owners(format(), node.cached.clone());
    for _ in 0..100 {
        let res = common::send(scheme.clone(), &[("x-api-key", key.expose())]).await;
        assert_eq!(res.status(), 200);
        assert!(res.body().starts_with("ann/"));
        assert!(node.look(&unknown).await.unwrap().is_none());
    }
    assert_eq!(node.distant.finds(), 2);

    node.seconds.store(9, Ordering::SeqCst);
    node.look(key.id()).await.unwrap();
    assert_eq!(node.distant.finds(), 2);
    node.seconds.store(10, Ordering::SeqCst);
    node.look(key.id()).await.unwrap();
    assert_eq!(node.distant.finds(), 3);
}

#[tokio::test]
async fn apk_05_a_change_through_the_same_store_is_seen_at_once() {
    let node = node(&Distant::new());
    let key = node.new_key().await;
    let registry = node.registry();
    for _ in 0..2 {
        assert!(!node.is_revoked(key.id()).await);
    }

    registry.set_disabled(&ann(), key.id(), true).await.unwrap();
    assert!(node.look(key.id()).await.unwrap().unwrap().is_disabled());
    let before = node.look(key.id()).await.unwrap().unwrap().digest();
    registry
        .set_disabled(&ann(), key.id(), false)
        .await
        .unwrap();
    let overlap = Duration::from_secs(60);
    registry.rotate(&ann(), key.id(), overlap).await.unwrap();
    assert!(node.look(key.id()).await.unwrap().unwrap().digest() != before);
    registry.revoke(&ann(), key.id()).await.unwrap();
    assert!(node.is_revoked(key.id()).await);

    let other = node.new_key().await;
    assert!(!node.is_revoked(other.id()).await);
    registry.revoke_all(&Owner::of(&ann())).await.unwrap();
    assert!(node.is_revoked(other.id()).await);
}

#[tokio::test]
async fn a_key_that_was_missing_is_there_once_it_is_made() {
    let node = node(&Distant::new());
    let key = format().generate().unwrap();
    assert!(node.look(key.id()).await.unwrap().is_none());
    let record = KeyRecord::new(*key.id(), key.digest(), Owner::of(&ann()), at(START));
    node.cached.insert(record, 10).await.unwrap();
    assert!(node.look(key.id()).await.unwrap().is_some());
}

#[tokio::test]
async fn apk_05_a_change_on_another_node_is_seen_after_the_age_at_the_latest() {
    let distant = Distant::new();
    let (here, there) = (node(&distant), node(&distant));
    let key = here.new_key().await;
    assert!(!here.is_revoked(key.id()).await);
    there.registry().revoke(&ann(), key.id()).await.unwrap();

    here.seconds.store(9, Ordering::SeqCst);
    assert!(!here.is_revoked(key.id()).await);
    here.seconds.store(10, Ordering::SeqCst);
    assert!(here.is_revoked(key.id()).await);
}

#[tokio::test]
async fn news_of_a_change_are_heeded() {
    let distant = Distant::new();
    let (here, there) = (node(&distant), node(&distant));
    let keys = [here.new_key().await, here.new_key().await];
    for key in &keys {
        assert!(!here.is_revoked(key.id()).await);
        there.registry().revoke(&ann(), key.id()).await.unwrap();
    }
    here.cached.forget(keys[0].id());
    assert!(here.is_revoked(keys[0].id()).await);
    assert!(!here.is_revoked(keys[1].id()).await);
    here.cached.forget_all();
    assert!(here.is_revoked(keys[1].id()).await);
}

#[tokio::test]
async fn a_clock_that_is_set_back_keeps_nothing_alive() {
    let node = node(&Distant::new());
    let key = node.new_key().await;
    node.seconds.store(1_000, Ordering::SeqCst);
    node.look(key.id()).await.unwrap();
    node.seconds.store(0, Ordering::SeqCst);
    node.look(key.id()).await.unwrap();
    assert_eq!(node.distant.finds(), 2);
}

#[tokio::test]
async fn parallel_requests_share_a_question_whoever_goes_away() {
    let node = Arc::new(node(&Distant::new()));
    let id = *node.new_key().await.id();
    node.distant.hold();
    let ask = || {
        let node = Arc::clone(&node);
        tokio::spawn(async move { node.look(&id).await })
    };
    let first = ask();
    node.distant.asked(1).await;
    let others: Vec<_> = (0..50).map(|_| ask()).collect();
    tokio::task::yield_now().await;
    first.abort();
    assert!(first.await.unwrap_err().is_cancelled());
    node.distant.go_on();
    for other in others {
        assert!(other.await.unwrap().unwrap().is_some());
    }
    assert_eq!(node.distant.finds(), 1);
}

#[tokio::test]
async fn a_question_that_everybody_left_is_asked_again() {
    let node = node(&Distant::new());
    let id = *node.new_key().await.id();
    node.distant.hold();
    let gone = tokio::time::timeout(Duration::ZERO, node.look(&id)).await;
    assert!(gone.is_err());
    node.distant.go_on();
    assert!(node.look(&id).await.unwrap().is_some());
    assert_eq!(node.distant.finds(), 2);
}

#[tokio::test]
async fn a_failure_is_an_answer_to_all_who_wait_and_is_not_remembered() {
    let node = Arc::new(node(&Distant::new()));
    let id = *node.new_key().await.id();
    node.distant.hold();
    node.distant.set_down(true);
    let waiting: Vec<_> = (0..10)
        .map(|_| {
            let node = Arc::clone(&node);
            tokio::spawn(async move { node.look(&id).await })
        })
        .collect();
    node.distant.asked(1).await;
    tokio::task::yield_now().await;
    node.distant.go_on();
    for answer in waiting {
        let error = answer.await.unwrap().unwrap_err();
        assert_eq!(error.kind(), AuthErrorKind::Unavailable);
    }
    assert_eq!(node.distant.finds(), 1);
    node.distant.set_down(false);
    assert!(node.look(&id).await.unwrap().is_some());
}

#[tokio::test]
async fn apk_05_an_answer_from_before_a_change_is_not_kept_after_it() {
    let node = Arc::new(node(&Distant::new()));
    let id = *node.new_key().await.id();
    node.distant.hold();
    let early = {
        let node = Arc::clone(&node);
        tokio::spawn(async move { node.look(&id).await })
    };
    node.distant.asked(1).await;
    node.cached.revoke(&id, at(START)).await.unwrap();
    node.distant.go_on();
    assert!(
        early
            .await
            .unwrap()
            .unwrap()
            .unwrap()
            .revoked_at()
            .is_none()
    );
    assert!(node.is_revoked(&id).await);
}

#[tokio::test]
async fn apk_05_who_asks_after_a_change_does_not_wait_for_an_answer_from_before_it() {
    let node = Arc::new(node(&Distant::new()));
    let id = *node.new_key().await.id();
    node.distant.hold();
    let ask = || {
        let node = Arc::clone(&node);
        tokio::spawn(async move { node.is_revoked(&id).await })
    };
    let early = ask();
    node.distant.asked(1).await;
    node.cached.revoke(&id, at(START)).await.unwrap();
    let late = ask();
    // The runtime has one thread, so the question is on its way then.
    for _ in 0..10 {
        tokio::task::yield_now().await;
    }
    node.distant.go_on();
    assert!(!early.await.unwrap());
    assert!(late.await.unwrap());
}

/// What a store that hangs says in the end may be as old as the question.
#[tokio::test]
async fn apk_05_nobody_joins_a_question_that_is_older_than_the_age() {
    let node = Arc::new(node(&Distant::new()));
    let id = *node.new_key().await.id();
    node.distant.hold();
    let ask = || {
        let node = Arc::clone(&node);
        tokio::spawn(async move { node.is_revoked(&id).await })
    };
    let early = ask();
    node.distant.asked(1).await;
    // On another node, of which nothing is heard here.
    node.distant.keys().revoke(&id, at(START)).await.unwrap();
    node.seconds.store(9, Ordering::SeqCst);
    let joined = ask();
    for _ in 0..10 {
        tokio::task::yield_now().await;
    }
    assert_eq!(node.distant.finds(), 1);
    node.seconds.store(10, Ordering::SeqCst);
    let late = ask();
    node.distant.asked(2).await;
    node.distant.go_on();
    assert!(!early.await.unwrap());
    assert!(!joined.await.unwrap());
    assert!(late.await.unwrap());
    assert!(node.is_revoked(&id).await);
}

#[tokio::test]
async fn apk_12_keys_that_do_not_exist_drive_out_none_that_does() {
    let distant = Distant::new();
    let node = node(&distant);
    let cached = node.cached.clone().capacity(100).unwrap();
    let node = Node { cached, ..node };
    let key = node.new_key().await;
    for _ in 0..10 {
        node.look(key.id()).await.unwrap();
    }
    for _ in 0..2_000 {
        let unknown = *format().generate().unwrap().id();
        assert!(node.look(&unknown).await.unwrap().is_none());
    }
    let before = distant.finds();
    node.look(key.id()).await.unwrap();
    assert_eq!(distant.finds(), before);
}

#[test]
fn x_15_ages_and_capacities_that_cannot_be_meant_are_refused() {
    let cached = || CachedApiKeys::new(MemoryApiKeys::new());
    for age in [Duration::ZERO, Duration::from_secs(61)] {
        assert_eq!(cached().max_age(age).unwrap_err().option(), "max_age");
    }
    for keys in [0, 10_000_001] {
        assert_eq!(cached().capacity(keys).unwrap_err().option(), "capacity");
    }
}
