//! News of changes between two nodes, and what is remembered meanwhile.
#![allow(clippy::unwrap_used, reason = "a test may")]

mod common;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use apikey_layer::{
    ApiKeyStore as _, CachedApiKeys, CachedKeyOwners, KeyChange, KeyChanges, KeyId, KeyListener,
    KeyOwners, KeyRegistry, Lookup, NewKey, Owner, OwnerAuthority, OwnerDigest, SharedKeyChanges,
};
use auth_layer::AuthError;
use common::distant::Distant;
use common::{START, ann, at, bob, format};

/// Brings news at once, or when it is told to, and keeps a record of it.
#[derive(Clone, Default)]
struct Bus(Arc<Inner>);

type Watch = Box<dyn Fn(KeyChange) + Send>;

#[derive(Default)]
struct Inner {
    listeners: Mutex<Vec<KeyListener>>,
    announced: Mutex<Vec<KeyChange>>,
    attended: AtomicUsize,
    /// Looks at what is so when something is announced.
    watch: Mutex<Option<Watch>>,
}

impl KeyChanges for Bus {
    fn announce(&self, change: KeyChange) {
        if let Some(watch) = &*self.0.watch.lock().unwrap() {
            watch(change);
        }
        self.0.announced.lock().unwrap().push(change);
        self.tell(change);
    }

    fn listen(&self, listener: KeyListener) {
        self.0.listeners.lock().unwrap().push(listener);
    }

    fn attend(&self) {
        self.0.attended.fetch_add(1, Ordering::SeqCst);
    }
}

impl Bus {
    fn shared(&self) -> SharedKeyChanges {
        SharedKeyChanges::new(self.clone())
    }

    fn tell(&self, change: KeyChange) {
        let listeners = self.0.listeners.lock().unwrap().clone();
        for listener in listeners {
            listener.hear(change);
        }
    }

    fn announced(&self) -> Vec<KeyChange> {
        std::mem::take(&mut self.0.announced.lock().unwrap())
    }
}

/// A node that remembers for ten seconds on a clock that stands still.
fn node(distant: &Distant, bus: &Bus) -> CachedApiKeys {
    CachedApiKeys::new(distant.clone())
        .changes(bus.shared())
        .clock(auth_layer::SharedClock::new(|| at(START)))
        .max_age(Duration::from_secs(10))
        .unwrap()
}

/// A new key, which everybody remembers.
async fn known_key(nodes: &[&CachedApiKeys]) -> KeyId {
    let registry = KeyRegistry::new(format(), nodes[0].clone());
    let created = registry.create(&ann(), NewKey::new("k")).await.unwrap();
    let id = *created.key.id();
    for node in nodes {
        assert!(!is_revoked(node, &id).await);
    }
    id
}

/// What the scheme learns.
async fn is_revoked(node: &CachedApiKeys, id: &KeyId) -> bool {
    let found = match node.find_now(id) {
        Lookup::Found(found) => Some(found),
        Lookup::Missing => None,
        Lookup::Wait => node.find_recent(id).await.unwrap(),
    };
    found.unwrap().revoked_at().is_some()
}

#[tokio::test]
async fn apk_05_a_change_is_announced_once_it_is_made_and_heeded() {
    let (distant, bus) = (Distant::new(), Bus::default());
    let (here, there) = (node(&distant, &bus), node(&distant, &bus));
    let id = known_key(&[&here, &there]).await;
    assert_eq!(bus.announced(), [KeyChange::Key(id)]);

    let in_store = distant.clone();
    *bus.0.watch.lock().unwrap() = Some(Box::new(move |change| {
        let Lookup::Found(found) = in_store.keys().find_now(&id) else {
            panic!("it is there");
        };
        assert!(found.revoked_at().is_some(), "{change:?} before the change");
    }));
    assert!(here.revoke(&id, at(START)).await.unwrap());
    assert_eq!(bus.announced(), [KeyChange::Key(id)]);
    assert!(is_revoked(&there, &id).await);
    assert!(is_revoked(&here, &id).await);
}

#[tokio::test]
async fn apk_05_all_keys_of_an_owner_are_forgotten_and_no_others() {
    let (distant, bus) = (Distant::new(), Bus::default());
    let (here, there) = (node(&distant, &bus), node(&distant, &bus));
    let ids = [known_key(&[&there]).await, known_key(&[&there]).await];
    let registry = KeyRegistry::new(format(), there.clone());
    let other = registry.create(&bob(), NewKey::new("k")).await.unwrap();
    let other = *other.key.id();
    assert!(!is_revoked(&there, &other).await);
    bus.announced();
    let owner = Owner::of(&ann());
    here.revoke_owned_by(&owner, at(START)).await.unwrap();
    let digest = OwnerDigest::of(&owner);
    assert_eq!(bus.announced(), [KeyChange::Owner(digest)]);
    for id in &ids {
        assert!(is_revoked(&there, id).await);
    }
    let before = distant.finds();
    assert!(!is_revoked(&there, &other).await);
    assert_eq!(distant.finds(), before);
}

#[tokio::test]
async fn apk_05_an_answer_from_before_the_news_is_not_kept_after_it_and_nobody_joins_it() {
    let (distant, bus) = (Distant::new(), Bus::default());
    let (here, there) = (node(&distant, &bus), node(&distant, &bus));
    for news in 0..3 {
        let id = known_key(&[&here]).await;
        let asked = distant.finds();
        distant.hold();
        let ask = || {
            let there = there.clone();
            tokio::spawn(async move { is_revoked(&there, &id).await })
        };
        let early = ask();
        distant.asked(asked + 1).await;
        // Whatever the news is called.
        match news {
            0 => drop(here.revoke(&id, at(START)).await.unwrap()),
            1 => drop(here.revoke_owned_by(&Owner::of(&ann()), at(START)).await),
            _ => {
                distant.keys().revoke(&id, at(START)).await.unwrap();
                bus.tell(KeyChange::All);
            }
        }
        let late = ask();
        distant.asked(asked + 2).await;
        distant.go_on();
        assert!(!early.await.unwrap(), "{news}");
        assert!(late.await.unwrap(), "{news}");
        assert!(is_revoked(&there, &id).await, "{news}");
    }
}

/// It may have been carried out, or may yet be.
#[tokio::test]
async fn apk_05_a_change_that_failed_or_that_nobody_waited_for_is_announced_too() {
    let (distant, bus) = (Distant::new(), Bus::default());
    let here = node(&distant, &bus);
    let id = known_key(&[&here]).await;
    bus.announced();
    distant.set_down(true);
    here.revoke(&id, at(START)).await.unwrap_err();
    assert_eq!(bus.announced(), [KeyChange::Key(id)]);
    distant.set_down(false);

    distant.hold_changes();
    let gone = tokio::time::timeout(Duration::ZERO, here.revoke(&id, at(START))).await;
    assert!(gone.is_err());
    assert_eq!(bus.announced(), [KeyChange::Key(id)]);
}

#[tokio::test]
async fn what_changes_nothing_is_no_news() {
    let (distant, bus) = (Distant::new(), Bus::default());
    let here = node(&distant, &bus);
    let id = known_key(&[&here]).await;
    bus.announced();
    let finds = distant.finds();
    here.touch(&[(id, at(START))]).await.unwrap();
    here.find(&id).await.unwrap();
    here.list(&Owner::of(&ann()), None, 10).await.unwrap();
    assert!(!is_revoked(&here, &id).await);
    assert_eq!(
        distant.finds(),
        finds + 1,
        "only the one that was asked for"
    );
    assert_eq!(bus.announced(), []);
}

#[tokio::test]
async fn news_is_attended_to_when_something_is_asked_and_what_is_gone_hears_nothing() {
    let (distant, bus) = (Distant::new(), Bus::default());
    let here = node(&distant, &bus);
    known_key(&[&here]).await;
    assert_eq!(bus.0.attended.load(Ordering::SeqCst), 1);
    let gone = || {
        let listeners = bus.0.listeners.lock().unwrap();
        listeners.iter().filter(|one| one.is_gone()).count()
    };
    // One for each step of making it, of which the last one is left.
    assert_eq!((gone(), bus.0.listeners.lock().unwrap().len()), (2, 3));
    drop(here);
    assert_eq!(gone(), 3);
    bus.tell(KeyChange::All);
}

struct Editors(AtomicUsize);

impl KeyOwners for Editors {
    async fn authority(&self, owner: &Owner) -> Result<Option<OwnerAuthority>, AuthError> {
        self.0.fetch_add(1, Ordering::SeqCst);
        Ok((owner.subject == "ann").then(|| OwnerAuthority::any_scope(["editor"])))
    }
}

#[tokio::test]
async fn apk_08_news_of_an_owner_is_announced_and_heeded() {
    let (bus, users) = (Bus::default(), Arc::new(Editors(AtomicUsize::new(0))));
    let node = || CachedKeyOwners::new(apikey_layer::SharedKeyOwners::from(Arc::clone(&users)));
    let [here, there] = [(); 2].map(|()| node().changes(bus.shared()));
    let (ann, bob) = (Owner::of(&ann()), Owner::of(&bob()));
    let ask = async || {
        let before = users.0.load(Ordering::SeqCst);
        assert!(there.authority(&ann).await.unwrap().is_some());
        assert!(there.authority(&bob).await.unwrap().is_none());
        users.0.load(Ordering::SeqCst) - before
    };
    assert_eq!(ask().await, 2);
    assert_eq!(ask().await, 0);
    here.forget(&ann);
    assert_eq!(bus.announced(), [KeyChange::Owner(OwnerDigest::of(&ann))]);
    // Of who is gone it is not known who that was.
    assert_eq!(ask().await, 2);
    here.forget(&bob);
    assert_eq!(ask().await, 1);
    here.forget_all();
    assert_eq!(bus.announced().last(), Some(&KeyChange::All));
    assert_eq!(ask().await, 2);
    bus.tell(KeyChange::Key("0123456789ab".parse().unwrap()));
    assert_eq!(ask().await, 0);
}
