//! `CachedKeyOwners` over a table of users that takes its time.
#![allow(clippy::unwrap_used, reason = "a test may")]

mod common;

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use apikey_layer::{
    ApiKeys, CachedKeyOwners, CreatedKey, KeyOwners, Lookup, NewKey, Owner, OwnerAuthority,
};
use auth_layer::{
    AuthError, AuthErrorKind, Event, EventKind, Events, Identity, Scheme as _, ScopeSet,
    SharedClock, Verdict,
};
use common::{START, World, ann, at, world};
use http::Request;
use tokio::sync::{Semaphore, watch};

/// Users in a database: nothing is known without asking, and it can be slow or down.
#[derive(Clone)]
struct Users {
    roles: Arc<Mutex<HashMap<String, &'static str>>>,
    asked: watch::Sender<usize>,
    down: Arc<AtomicBool>,
    answers: Arc<Semaphore>,
}

impl Users {
    fn new() -> Self {
        let roles = HashMap::from([("ann".to_owned(), "editor")]);
        Self {
            roles: Arc::new(Mutex::new(roles)),
            asked: watch::Sender::new(0),
            down: Arc::default(),
            answers: Arc::new(Semaphore::new(Semaphore::MAX_PERMITS)),
        }
    }

    fn set(&self, role: Option<&'static str>) {
        let mut roles = self.roles.lock().unwrap();
        match role {
            Some(role) => roles.insert("ann".to_owned(), role),
            None => roles.remove("ann"),
        };
    }

    fn questions(&self) -> usize {
        *self.asked.borrow()
    }

    fn hold(&self) {
        let all = self.answers.available_permits();
        self.answers.forget_permits(all);
    }

    fn go_on(&self) {
        self.answers.add_permits(1_000);
    }

    async fn asked(&self, times: usize) {
        let mut asked = self.asked.subscribe();
        let come = asked.wait_for(|count| *count >= times);
        let come = tokio::time::timeout(Duration::from_secs(20), come).await;
        come.expect("nobody asks").unwrap();
    }
}

impl KeyOwners for Users {
    async fn authority(&self, owner: &Owner) -> Result<Option<OwnerAuthority>, AuthError> {
        let role = self.roles.lock().unwrap().get(&owner.subject).copied();
        self.asked.send_modify(|count| *count += 1);
        self.answers.acquire().await.unwrap().forget();
        if self.down.load(Ordering::SeqCst) {
            return Err(AuthError::unavailable("down"));
        }
        Ok(role.map(|role| OwnerAuthority::any_scope([role])))
    }
}

struct Node {
    users: Users,
    owners: CachedKeyOwners,
    seconds: Arc<AtomicU64>,
}

/// Remembers for ten seconds.
fn node() -> Node {
    let users = Users::new();
    let seconds = Arc::new(AtomicU64::new(0));
    let now = Arc::clone(&seconds);
    let clock = SharedClock::new(move || at(START + now.load(Ordering::SeqCst)));
    let owners = CachedKeyOwners::new(users.clone()).clock(clock);
    Node {
        users,
        owners: owners.max_age(Duration::from_secs(10)).unwrap(),
        seconds,
    }
}

impl Node {
    async fn key(&self, world: &World) -> (ApiKeys, Arc<CreatedKey>) {
        let new = NewKey::new("k").roles(["editor"]);
        let created = world.registry.create(&ann(), new).await.unwrap();
        let keys = world.keys_of(self.owners.clone().into());
        (keys, Arc::new(created))
    }
}

/// What the layer asks, in that order; and whether it had to wait.
async fn verify(keys: &ApiKeys, key: &CreatedKey) -> (Result<Identity, AuthError>, bool) {
    let request = Request::builder().header("x-api-key", key.key.expose());
    let (parts, ()) = request.body(()).unwrap().into_parts();
    let credential = keys.extract(&parts).unwrap().unwrap();
    match keys.verify_now(credential) {
        Verdict::Now(result) => (result, false),
        Verdict::Wait(credential) => (keys.verify(credential).await, true),
    }
}

/// The roles that a key has, or why it is refused.
async fn roles(keys: &ApiKeys, key: &CreatedKey) -> Result<Vec<String>, &'static str> {
    let (result, _) = verify(keys, key).await;
    match result {
        Ok(identity) => Ok(identity.roles().map(str::to_owned).collect()),
        Err(error) => Err(error.reason()),
    }
}

#[tokio::test]
async fn a_key_in_use_costs_one_question_for_its_owner_per_age_and_is_decided_at_once() {
    let (node, world) = (node(), world());
    let (keys, key) = node.key(&world).await;
    for round in 0..100 {
        let (result, waited) = verify(&keys, &key).await;
        assert_eq!(result.unwrap().roles().len(), 1);
        assert_eq!(waited, round == 0);
    }
    assert_eq!(node.users.questions(), 1);
    node.seconds.store(9, Ordering::SeqCst);
    assert!(!verify(&keys, &key).await.1);
    node.seconds.store(10, Ordering::SeqCst);
    assert!(verify(&keys, &key).await.1);
    assert_eq!(node.users.questions(), 2);
    // A clock that is set back keeps nothing alive.
    node.seconds.store(9, Ordering::SeqCst);
    assert!(verify(&keys, &key).await.1);
}

#[tokio::test]
async fn apk_08_a_key_loses_at_once_what_its_owner_is_said_to_have_lost() {
    let (node, world) = (node(), world());
    let (keys, key) = node.key(&world).await;
    let owner = Owner::of(&ann());
    assert_eq!(roles(&keys, &key).await, Ok(vec!["editor".to_owned()]));
    for (role, expected) in [
        (Some("reader"), Ok(vec![])),
        (None, Err("owner_gone")),
        (Some("editor"), Ok(vec!["editor".to_owned()])),
    ] {
        let before = roles(&keys, &key).await;
        node.users.set(role);
        assert_eq!(roles(&keys, &key).await, before, "it was not told");
        node.owners.forget(&Owner::new("bob"));
        assert_eq!(roles(&keys, &key).await, before, "it was told of another");
        node.owners.forget(&owner);
        assert_eq!(roles(&keys, &key).await, expected);
        assert_eq!(roles(&keys, &key).await, expected);
    }
    node.users.set(None);
    node.owners.forget_all();
    assert_eq!(roles(&keys, &key).await, Err("owner_gone"));
}

#[tokio::test]
async fn apk_08_what_nobody_told_takes_effect_after_the_age_at_the_latest() {
    let (node, world) = (node(), world());
    let (keys, key) = node.key(&world).await;
    assert!(roles(&keys, &key).await.is_ok());
    node.users.set(None);
    node.seconds.store(9, Ordering::SeqCst);
    assert!(roles(&keys, &key).await.is_ok());
    node.seconds.store(10, Ordering::SeqCst);
    assert_eq!(roles(&keys, &key).await, Err("owner_gone"));
    // That the owner is gone is remembered, and no longer than that.
    let asked = node.users.questions();
    let (result, waited) = verify(&keys, &key).await;
    assert_eq!(result.unwrap_err().kind(), AuthErrorKind::Revoked);
    assert!(!waited);
    assert_eq!(node.users.questions(), asked);
    node.users.set(Some("editor"));
    node.seconds.store(20, Ordering::SeqCst);
    assert!(roles(&keys, &key).await.is_ok());
}

#[tokio::test]
async fn apk_08_an_answer_from_before_a_change_is_not_kept_after_it() {
    let (node, world) = (node(), world());
    let (keys, key) = node.key(&world).await;
    node.users.hold();
    let early = {
        let (keys, key) = (keys.clone(), Arc::clone(&key));
        tokio::spawn(async move { roles(&keys, &key).await })
    };
    node.users.asked(1).await;
    node.users.set(None);
    node.owners.forget(&Owner::of(&ann()));
    node.users.go_on();
    assert!(early.await.unwrap().is_ok());
    assert_eq!(roles(&keys, &key).await, Err("owner_gone"));
}

#[tokio::test]
async fn apk_08_a_failure_is_503_for_all_who_wait_and_is_not_remembered() {
    let (node, world) = (node(), world());
    let (keys, key) = node.key(&world).await;
    node.users.hold();
    node.users.down.store(true, Ordering::SeqCst);
    let waiting: Vec<_> = (0..10)
        .map(|_| {
            let (keys, key) = (keys.clone(), Arc::clone(&key));
            tokio::spawn(async move { verify(&keys, &key).await.0 })
        })
        .collect();
    node.users.asked(1).await;
    for _ in 0..10 {
        tokio::task::yield_now().await;
    }
    node.users.go_on();
    for answer in waiting {
        let error = answer.await.unwrap().unwrap_err();
        assert_eq!(error.kind(), AuthErrorKind::Unavailable);
    }
    assert_eq!(node.users.questions(), 1);
    node.users.down.store(false, Ordering::SeqCst);
    assert!(roles(&keys, &key).await.is_ok());
}

#[tokio::test]
async fn owners_are_asked_for_only_by_keys_that_are_good() {
    let (node, world) = (node(), world());
    let (keys, key) = node.key(&world).await;
    world.registry.revoke(&ann(), key.key.id()).await.unwrap();
    assert_eq!(roles(&keys, &key).await, Err("key_revoked"));
    assert_eq!(node.users.questions(), 0);
    // What is wrong with the key comes before what is wrong with its owner.
    let (keys, key) = node.key(&world).await;
    node.users.set(None);
    assert_eq!(roles(&keys, &key).await, Err("owner_gone"));
    world.registry.revoke(&ann(), key.key.id()).await.unwrap();
    assert_eq!(roles(&keys, &key).await, Err("key_revoked"));
}

/// The layer asks for an answer at once, and then for one at all.
#[tokio::test]
async fn apk_06_the_use_of_a_replaced_secret_is_told_once() {
    let (node, world) = (node(), world());
    let (_, old) = node.key(&world).await;
    let rotated = world
        .registry
        .rotate(&ann(), old.key.id(), Duration::from_secs(60))
        .await;
    rotated.unwrap();
    let told = Arc::new(AtomicUsize::new(0));
    let telling = Arc::clone(&told);
    let keys = world
        .keys_of(node.owners.clone().into())
        .clock(SharedClock::new(|| at(START)))
        .events(Events::to(move |event: &Event<'_>| {
            assert_eq!(event.kind, EventKind::SupersededKeyUsed);
            telling.fetch_add(1, Ordering::SeqCst);
        }));
    for (round, waits) in [(1, true), (2, false)] {
        let (result, waited) = verify(&keys, &old).await;
        assert!(result.is_ok());
        assert_eq!((told.load(Ordering::SeqCst), waited), (round, waits));
    }
}

#[tokio::test]
async fn owners_who_know_at_once_are_not_waited_for() {
    struct InMemory;

    impl KeyOwners for InMemory {
        fn authority_now(&self, owner: &Owner) -> Lookup<OwnerAuthority> {
            assert_eq!(owner.subject, "ann");
            Lookup::Found(OwnerAuthority::new(ScopeSet::new(), ["editor"]))
        }

        async fn authority(&self, _: &Owner) -> Result<Option<OwnerAuthority>, AuthError> {
            Err(AuthError::unavailable("nobody_asks"))
        }
    }

    let (node, world) = (node(), world());
    let (_, key) = node.key(&world).await;
    let keys = world.keys_of(Arc::new(InMemory).into());
    let (result, waited) = verify(&keys, &key).await;
    assert_eq!((result.unwrap().roles().len(), waited), (1, false));
}

#[test]
fn x_15_ages_and_capacities_of_owners_that_cannot_be_meant_are_refused() {
    let cached = || CachedKeyOwners::new(Users::new());
    for age in [Duration::ZERO, Duration::from_secs(61)] {
        assert_eq!(cached().max_age(age).unwrap_err().option(), "max_age");
    }
    for owners in [0, 10_000_001] {
        assert_eq!(cached().capacity(owners).unwrap_err().option(), "capacity");
    }
}
