//! Rings of signing keys: their life, several nodes on one store, and what is kept.
#![allow(clippy::unwrap_used, reason = "a test may")]

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use auth_layer::{AuthError, AuthErrorKind, Event, EventKind, Events, SealingKeys, SharedClock};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jwt_layer::{
    AccessTokenRequest, Algorithm, Issuer, Jwt, KeyRing, KeyRingBuilder, KeyRingError, KeySet,
    KeyStatus, MemorySigningKeys, SigningKeyStore,
};
use serde_json::Value;
use tokio::sync::Notify;

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(60 * 60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// A clock that is set by hand.
#[derive(Clone)]
struct Time(Arc<Mutex<SystemTime>>);

impl Time {
    fn new() -> Self {
        Self(Arc::new(Mutex::new(
            UNIX_EPOCH + Duration::from_secs(1_800_000_000),
        )))
    }

    fn advance(&self, by: Duration) {
        *self.0.lock().unwrap() += by;
    }

    fn clock(&self) -> SharedClock {
        let time = self.clone();
        SharedClock::new(move || *time.0.lock().unwrap())
    }
}

/// A store that counts, fails when told to, and loses an answer when told to.
#[derive(Clone, Default)]
struct Store {
    documents: MemorySigningKeys,
    is_down: Arc<AtomicBool>,
    loses_answer: Arc<AtomicBool>,
    hangs: Arc<AtomicBool>,
    loads: Arc<AtomicUsize>,
    held: Arc<Mutex<Option<Hold>>>,
}

/// Told when a load has its answer; and what it then waits for.
type Hold = (Arc<Notify>, Arc<Notify>);

impl Store {
    async fn ask(&self) -> Result<(), AuthError> {
        if self.hangs.load(SeqCst) {
            std::future::pending::<()>().await;
        }
        tokio::task::yield_now().await;
        match self.is_down.load(SeqCst) {
            true => Err(AuthError::unavailable("test_down")),
            false => Ok(()),
        }
    }

    /// The next load has its answer when the first is told, and gives it when the second is.
    fn hold_next_load(&self) -> Hold {
        let hold = Hold::default();
        *self.held.lock().unwrap() = Some(hold.clone());
        hold
    }

    async fn dump(&self) -> Vec<u8> {
        self.documents.load("default").await.unwrap().unwrap()
    }
}

impl SigningKeyStore for Store {
    async fn load(&self, ring: &str) -> Result<Option<Vec<u8>>, AuthError> {
        self.loads.fetch_add(1, SeqCst);
        self.ask().await?;
        let answer = self.documents.load(ring).await;
        let held = self.held.lock().unwrap().take();
        if let Some((answered, goes_on)) = held {
            answered.notify_one();
            goes_on.notified().await;
        }
        answer
    }

    async fn replace(
        &self,
        ring: &str,
        expected: Option<&[u8]>,
        document: &[u8],
    ) -> Result<bool, AuthError> {
        self.ask().await?;
        let replaced = self.documents.replace(ring, expected, document).await;
        match self.loses_answer.swap(false, SeqCst) {
            true => Err(AuthError::unavailable("test_lost_answer")),
            false => replaced,
        }
    }
}

fn sealing() -> SealingKeys {
    SealingKeys::new(&[7; 32]).unwrap()
}

fn options(store: &Store, time: &Time) -> KeyRingBuilder {
    KeyRing::builder(Algorithm::Es256, store.clone())
        .sealed_with(sealing())
        .token_lifetime(HOUR)
        .clock(time.clock())
}

async fn open(store: &Store, time: &Time) -> KeyRing {
    options(store, time).open().await.unwrap()
}

/// A node: issues tokens and verifies them.
struct Node {
    ring: KeyRing,
    issuer: Issuer,
    jwt: Jwt,
}

impl Node {
    fn new(ring: &KeyRing, time: &Time) -> Self {
        let issuer = Issuer::builder(
            "https://id.example.com",
            "https://api.example.com",
            ring.clone(),
        )
        .lifetime(HOUR)
        .clock(time.clock())
        .build()
        .unwrap();
        let jwt = Jwt::new(issuer.policy().build().unwrap(), issuer.verifying_keys());
        Self {
            ring: ring.clone(),
            jwt: jwt.clock(time.clock()),
            issuer,
        }
    }

    fn issue(&self) -> String {
        let token = self.issuer.issue(&AccessTokenRequest::new("user-17"));
        token.unwrap().expose().to_owned()
    }

    async fn verify(&self, token: &str) -> Result<(), &'static str> {
        let verified = self.jwt.verify_token(token).await;
        verified.map(drop).map_err(|error| error.reason())
    }
}

fn kid_of(token: &str) -> String {
    let header = token.split('.').next().unwrap();
    let header: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(header).unwrap()).unwrap();
    header["kid"].as_str().unwrap().to_owned()
}

fn published(jwks: &str) -> Vec<String> {
    let document: Value = serde_json::from_str(jwks).unwrap();
    let keys = document["keys"].as_array().unwrap().iter();
    keys.map(|key| key["kid"].as_str().unwrap().to_owned())
        .collect()
}

fn kids(ring: &KeyRing) -> Vec<String> {
    ring.keys().into_iter().map(|key| key.kid).collect()
}

fn signing(ring: &KeyRing) -> KeyStatus {
    let mut keys = ring.keys().into_iter().filter(|key| key.is_signing);
    let key = keys.next().unwrap();
    assert!(keys.next().is_none(), "two keys sign");
    key
}

#[tokio::test]
async fn key_11_a_key_is_announced_signs_verifies_and_goes() {
    let (store, time) = (Store::default(), Time::new());
    let node = Node::new(&open(&store, &time).await, &time);
    let first = signing(&node.ring).kid;
    assert_eq!(kid_of(&node.issue()), first);
    assert_eq!(published(&node.issuer.jwks()), [&*first]);

    // Announced: published, and does not sign.
    node.ring.rotate().await.unwrap();
    let both = published(&node.issuer.jwks());
    assert_eq!(both.len(), 2);
    assert_eq!(both[0], first);
    assert_eq!(kid_of(&node.issue()), first);
    time.advance(10 * MINUTE - Duration::from_millis(1));
    let last = node.issue();
    assert_eq!(kid_of(&last), first);
    let by_copy = Jwt::new(
        node.issuer.policy().build().unwrap(),
        KeySet::from_jwks(&node.issuer.jwks(), [Algorithm::Es256]).unwrap(),
    )
    .clock(time.clock());

    // Current: it signs from the millisecond that was announced, without the store being asked, and
    // those who hold a copy of the document know it.
    let loads = store.loads.load(SeqCst);
    time.advance(Duration::from_millis(1));
    let new = node.issue();
    assert_eq!(kid_of(&new), both[1]);
    assert_eq!(
        by_copy.verify_token(&new).await.unwrap().subject(),
        "user-17"
    );
    node.verify(&new).await.unwrap();
    // Previous: it verifies to the end of the last token, with the largest leeway.
    node.verify(&last).await.unwrap();
    time.advance(HOUR + 5 * MINUTE - Duration::from_millis(1));
    assert_eq!(published(&node.issuer.jwks()).len(), 2);
    assert_eq!(
        node.verify(&last).await,
        Err("refused_unverified"),
        "it is over"
    );
    assert_eq!(store.loads.load(SeqCst), loads);

    // Gone: by its time at once, and from the store by the next update.
    time.advance(Duration::from_millis(1));
    let before = store.dump().await.len();
    assert_eq!(published(&node.issuer.jwks()), [&*both[1]]);
    assert_eq!(node.verify(&last).await, Err("unknown_key"));
    assert_eq!(kids(&node.ring), [&*both[1]]);
    node.ring.update().await.unwrap();
    assert!(store.dump().await.len() < before - 200);
}

#[tokio::test]
async fn key_11_a_previous_key_never_signs_whatever_the_clock_does() {
    let (store, time) = (Store::default(), Time::new());
    let (a, b) = (open(&store, &time).await, Time::new());
    // The clock of the second node is two seconds behind.
    *b.0.lock().unwrap() -= Duration::from_secs(2);
    let late = Node::new(&open(&store, &b).await, &b);
    assert_eq!(kid_of(&late.issue()), signing(&a).kid);

    a.rotate().await.unwrap();
    time.advance(10 * MINUTE);
    b.advance(10 * MINUTE);
    late.ring.update().await.unwrap();
    let old = kids(&a)[0].clone();
    assert_eq!(kid_of(&late.issue()), old, "its time has not come there");
    b.advance(Duration::from_secs(2));
    assert_ne!(kid_of(&late.issue()), old);

    // The key that follows a revoked one begins later than the late node's now.
    time.advance(MINUTE);
    b.advance(MINUTE);
    *b.0.lock().unwrap() -= Duration::from_secs(2);
    let new = signing(&a).kid;
    assert!(a.revoke_key(&new).await.unwrap());
    late.ring.update().await.unwrap();
    let next = signing(&a).kid;
    assert!(next != new && next != old);
    assert_eq!(kid_of(&late.issue()), next);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nodes_that_start_or_rotate_at_once_make_one_key() {
    for _ in 0..20 {
        let (store, time) = (Store::default(), Time::new());
        let opened = (0..8).map(|_| {
            let options = options(&store, &time).publish_ahead(Duration::ZERO);
            tokio::spawn(options.open())
        });
        let mut rings = Vec::new();
        for task in opened.collect::<Vec<_>>() {
            rings.push(task.await.unwrap().unwrap());
        }
        let first = kids(&rings[0]);
        assert_eq!(first.len(), 1);
        assert!(rings.iter().all(|ring| kids(ring) == first));

        let rotated = rings.iter().cloned().map(|ring| {
            tokio::spawn(async move {
                ring.rotate().await.unwrap();
            })
        });
        for task in rotated.collect::<Vec<_>>() {
            task.await.unwrap();
        }
        let both = kids(&rings[0]);
        assert_eq!(both.len(), 2);
        for ring in &rings {
            assert_eq!(kids(ring), both);
            assert_eq!(signing(ring).kid, both[1]);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn key_08_a_node_learns_of_a_new_key_when_its_token_comes() {
    let (store, time) = (Store::default(), Time::new());
    let options = || options(&store, &time).publish_ahead(Duration::ZERO);
    let a = Node::new(&options().open().await.unwrap(), &time);
    let b = Node::new(&options().open().await.unwrap(), &time);
    let old = a.issue();
    b.verify(&old).await.unwrap();

    a.ring.rotate().await.unwrap();
    let loads = store.loads.load(SeqCst);
    b.verify(&a.issue()).await.unwrap();
    b.verify(&old).await.unwrap();
    assert_eq!(store.loads.load(SeqCst), loads + 1);

    // However many tokens with invented keys come, there is one look a second, and each is refused after
    // one that began when it was there. Who has a good one does not wait.
    let flood = async || {
        let verify = (0..1_000).map(async |n| {
            let result = b.jwt.verify_token(&forged(&old, n)).await;
            result.map(drop).unwrap_err()
        });
        let all = futures_util::future::join_all(verify);
        tokio::join!(all, b.verify(&old))
    };
    for looks in 2..5 {
        let (errors, known) = flood().await;
        assert!(errors.iter().all(|error| error.reason() == "unknown_key"));
        assert_eq!(known, Ok(()));
        assert_eq!(store.loads.load(SeqCst), loads + looks);
    }

    // Nobody knows whether a key is good while the store is down.
    tokio::time::advance(Duration::from_secs(1)).await;
    store.is_down.store(true, SeqCst);
    for _ in 0..2 {
        let (errors, known) = flood().await;
        let unavailable = |error: &AuthError| error.kind() == AuthErrorKind::Unavailable;
        assert!(errors.iter().all(unavailable));
        assert_eq!(known, Ok(()));
        assert_eq!(store.loads.load(SeqCst), loads + 5);
    }

    // Nor when more wait than may.
    store.is_down.store(false, SeqCst);
    tokio::time::advance(Duration::from_secs(1)).await;
    let many = (0..1_100).map(async |n| b.verify(&forged(&old, n)).await);
    let many = futures_util::future::join_all(many).await;
    let of = |reason| many.iter().filter(|one| **one == Err(reason)).count();
    assert_eq!(of("unknown_key"), 1_024);
    assert_eq!(of("too_many_unknown_signing_keys"), 76);
    assert_eq!(b.verify(&forged(&old, 0)).await, Err("unknown_key"));
}

/// A token that names a key which nobody made.
fn forged(token: &str, number: u32) -> String {
    let header = format!(r#"{{"alg":"ES256","typ":"at+jwt","kid":"{number}"}}"#);
    let rest = token.split_once('.').unwrap().1;
    format!("{}.{rest}", URL_SAFE_NO_PAD.encode(header))
}

#[tokio::test(start_paused = true)]
async fn key_08_garbage_does_not_hide_a_key_that_came_after_it() {
    for publish_ahead in [Duration::ZERO, 10 * MINUTE] {
        let (store, time) = (Store::default(), Time::new());
        let options = || options(&store, &time).publish_ahead(publish_ahead);
        let a = Node::new(&options().open().await.unwrap(), &time);
        let b = Node::new(&options().open().await.unwrap(), &time);
        let old = a.issue();
        assert_eq!(b.verify(&forged(&old, 1)).await, Err("unknown_key"));
        assert!(a.ring.revoke_key(&kid_of(&old)).await.unwrap());
        assert_eq!(b.verify(&a.issue()).await, Ok(()));
    }

    // The key was made while a look was running, which had its answer already.
    let (store, time) = (Store::default(), Time::new());
    let a = Node::new(&open(&store, &time).await, &time);
    let b = Node::new(&open(&store, &time).await, &time);
    let old = a.issue();
    let (answered, goes_on) = store.hold_next_load();
    let garbage = forged(&old, 1);
    let garbage = b.verify(&garbage);
    let real = async {
        answered.notified().await;
        a.ring.revoke_key(&kid_of(&old)).await.unwrap();
        let new = a.issue();
        let mut verified = Box::pin(b.verify(&new));
        assert!(futures_poll(&mut verified).is_none());
        goes_on.notify_one();
        verified.await
    };
    let (garbage, real) = tokio::join!(garbage, real);
    assert_eq!(garbage, Err("unknown_key"));
    assert_eq!(real, Ok(()));
}

#[tokio::test(start_paused = true)]
async fn key_04_who_waits_first_cannot_end_the_look_for_others() {
    let (store, time) = (Store::default(), Time::new());
    let options = || options(&store, &time).publish_ahead(Duration::ZERO);
    let a = Node::new(&options().open().await.unwrap(), &time);
    let b = Node::new(&options().open().await.unwrap(), &time);
    a.ring.rotate().await.unwrap();
    let token = a.issue();

    let mut first = Box::pin(b.verify(&token));
    assert!(futures_poll(&mut first).is_none(), "it waits for the store");
    let second = b.verify(&token);
    drop(first);
    second.await.unwrap();

    // A store that hangs is given up.
    store.hangs.store(true, SeqCst);
    time.advance(Duration::from_secs(1));
    a.ring.revoke_key("nobody's").await.unwrap_err();
    let error = b.ring.update().await.unwrap_err();
    assert_eq!(error.reason(), "signing_keys_timed_out");
}

fn futures_poll<F: Future + Unpin>(future: &mut F) -> Option<F::Output> {
    let waker = std::task::Waker::noop();
    let mut cx = std::task::Context::from_waker(waker);
    match std::pin::Pin::new(future).poll(&mut cx) {
        std::task::Poll::Ready(output) => Some(output),
        std::task::Poll::Pending => None,
    }
}

#[tokio::test]
async fn a_revoked_key_is_out_at_once_and_its_successor_signs() {
    let (store, time) = (Store::default(), Time::new());
    let a = Node::new(&open(&store, &time).await, &time);
    let b = Node::new(&open(&store, &time).await, &time);
    let stolen = signing(&a.ring).kid;
    let token = b.issue();

    // Nothing was announced: a new key signs at once.
    assert!(a.ring.revoke_key(&stolen).await.unwrap());
    assert_eq!(a.verify(&token).await, Err("unknown_key"));
    assert_eq!(kid_of(&a.issue()), signing(&a.ring).kid);
    assert!(!published(&a.issuer.jwks()).contains(&stolen));
    b.verify(&token).await.unwrap();
    b.ring.update().await.unwrap();
    assert_eq!(b.verify(&token).await, Err("unknown_key"));
    assert_eq!(kid_of(&b.issue()), signing(&a.ring).kid);
    assert!(!a.ring.revoke_key(&stolen).await.unwrap());

    // Something was announced: it signs at once.
    a.ring.rotate().await.unwrap();
    let both = kids(&a.ring);
    assert!(a.ring.revoke_key(&both[0]).await.unwrap());
    assert_eq!(kid_of(&a.issue()), both[1]);
    assert_eq!(kids(&a.ring), [&*both[1]]);

    // What was announced is revoked: the one before it goes on, without an end.
    a.ring.rotate().await.unwrap();
    let announced = kids(&a.ring)[1].clone();
    assert!(a.ring.revoke_key(&announced).await.unwrap());
    time.advance(2 * DAY);
    assert_eq!(kid_of(&a.issue()), both[1]);
    assert_eq!(signing(&a.ring).signs_until, None);

    // A previous one is revoked: the others stay as they are.
    a.ring.rotate().await.unwrap();
    time.advance(10 * MINUTE);
    let now = kids(&a.ring);
    assert!(a.ring.revoke_key(&now[0]).await.unwrap());
    assert_eq!(kid_of(&a.issue()), now[1]);
}

#[tokio::test]
async fn rotation_by_schedule_comes_in_time_and_once() {
    let (store, time) = (Store::default(), Time::new());
    let options = || options(&store, &time).rotate_every(30 * DAY);
    let (a, b) = (
        options().open().await.unwrap(),
        options().open().await.unwrap(),
    );
    let first = signing(&a).kid;
    time.advance(30 * DAY - 10 * MINUTE - Duration::from_millis(1));
    a.update().await.unwrap();
    assert_eq!(kids(&a).len(), 1);
    time.advance(Duration::from_millis(1));
    for ring in [&a, &b, &a, &b] {
        ring.update().await.unwrap();
        assert_eq!(kids(ring).len(), 2);
        assert_eq!(signing(ring).kid, first);
    }
    time.advance(10 * MINUTE);
    assert_ne!(signing(&a).kid, first);
    assert_eq!(signing(&a), signing(&b));

    let by_call = super_options(&store, &time)
        .rotate_by_call()
        .open()
        .await
        .unwrap();
    time.advance(400 * DAY);
    by_call.update().await.unwrap();
    assert_eq!(kids(&by_call), [signing(&by_call).kid]);
}

fn super_options(store: &Store, time: &Time) -> KeyRingBuilder {
    options(store, time).name("by call")
}

#[tokio::test(start_paused = true)]
async fn the_ring_is_kept_by_a_task_that_ends_with_it() {
    let (store, time) = (Store::default(), Time::new());
    let events = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&events);
    let heard = Events::to(move |event: &Event<'_>| {
        seen.lock().unwrap().push((event.kind, event.reason));
    });
    let a = options(&store, &time).events(heard).open().await.unwrap();
    let b = open(&store, &time).await;
    let task = tokio::spawn(a.run());
    b.rotate().await.unwrap();
    tokio::time::sleep(Duration::from_secs(37)).await;
    assert_eq!(kids(&a), kids(&b));

    store.is_down.store(true, SeqCst);
    tokio::time::sleep(Duration::from_secs(37)).await;
    assert_eq!(
        events.lock().unwrap()[0],
        (EventKind::Unavailable, Some("test_down"))
    );
    store.is_down.store(false, SeqCst);
    time.advance(100 * DAY);
    tokio::time::sleep(Duration::from_secs(37)).await;
    assert!(
        events
            .lock()
            .unwrap()
            .contains(&(EventKind::SigningKeyRotated, None))
    );
    drop(a);
    tokio::time::timeout(Duration::from_secs(37), task)
        .await
        .unwrap()
        .unwrap();
}

#[tokio::test]
async fn a_ring_goes_on_while_the_store_is_down_and_through_a_restart() {
    let (store, time) = (Store::default(), Time::new());
    let node = Node::new(&open(&store, &time).await, &time);
    node.ring.rotate().await.unwrap();
    let before = kids(&node.ring);
    let old = node.issue();
    store.is_down.store(true, SeqCst);
    for error in [
        node.ring.update().await.unwrap_err(),
        node.ring.rotate().await.unwrap_err(),
        node.ring.revoke_key(&before[0]).await.unwrap_err(),
    ] {
        assert_eq!(error.kind(), AuthErrorKind::Unavailable);
    }
    // What was announced begins all the same.
    time.advance(10 * MINUTE);
    assert_eq!(kid_of(&node.issue()), before[1]);
    node.verify(&old).await.unwrap();
    // A node that starts has nothing to go on with.
    let failed = options(&store, &time).open().await.unwrap_err();
    assert!(matches!(failed, KeyRingError::Store(_)), "{failed}");

    store.is_down.store(false, SeqCst);
    let again = Node::new(&open(&store, &time).await, &time);
    assert_eq!(kids(&again.ring), before);
    again.verify(&old).await.unwrap();
    assert_eq!(kid_of(&again.issue()), before[1]);
}

#[tokio::test]
async fn a_lost_answer_makes_no_second_key() {
    let (store, time) = (Store::default(), Time::new());
    let ring = open(&store, &time).await;
    store.loses_answer.store(true, SeqCst);
    ring.rotate().await.unwrap_err();
    ring.rotate().await.unwrap();
    assert_eq!(kids(&ring).len(), 2);
    ring.rotate().await.unwrap();
    assert_eq!(kids(&ring).len(), 2);
}

#[tokio::test]
async fn what_the_store_has_lost_is_put_back() {
    let (store, time) = (Store::default(), Time::new());
    let node = Node::new(&open(&store, &time).await, &time);
    let token = node.issue();
    let emptied = Store::default();
    let kept = store.dump().await;
    // The same node, on a store that has lost everything.
    assert!(store.documents.replace("other", None, &kept).await.unwrap());
    let forgetful = Forgetful {
        inner: emptied.clone(),
        first: store.clone(),
        is_lost: Arc::default(),
    };
    let ring = KeyRing::builder(Algorithm::Es256, forgetful.clone())
        .sealed_with(sealing())
        .clock(time.clock())
        .open()
        .await
        .unwrap();
    assert_eq!(kids(&ring), kids(&node.ring));
    forgetful.is_lost.store(true, SeqCst);
    ring.update().await.unwrap();
    let third = Node::new(&open(&emptied, &time).await, &time);
    third.verify(&token).await.unwrap();
}

/// The events of a ring.
fn heard() -> (Events, Arc<Mutex<Vec<Option<&'static str>>>>) {
    let reasons = Arc::new(Mutex::new(Vec::new()));
    let all = Arc::clone(&reasons);
    let events = Events::to(move |event: &Event<'_>| all.lock().unwrap().push(event.reason));
    (events, reasons)
}

#[tokio::test]
async fn key_11_an_older_document_that_was_put_back_brings_no_key_back() {
    const ROLLED_BACK: Option<&str> = Some("signing_keys_rolled_back");
    let (store, time) = (Store::default(), Time::new());
    let (events, reasons) = heard();
    let node = options(&store, &time).events(events).open().await.unwrap();
    let node = Node::new(&node, &time);
    let old = node.issue();
    let put_back = async |document: &[u8]| {
        let now = store.dump().await;
        let replaced = store
            .documents
            .replace("default", Some(&now), document)
            .await;
        assert!(replaced.unwrap());
    };

    let before = store.dump().await;
    assert!(node.ring.revoke_key(&kid_of(&old)).await.unwrap());
    let now = kids(&node.ring);
    reasons.lock().unwrap().clear();
    // Whatever the node does next: by its task, by a call, and for an unknown key.
    for act in 0..3 {
        put_back(&before).await;
        match act {
            0 => node.ring.update().await.unwrap(),
            1 => assert!(!node.ring.revoke_key("nobody's").await.unwrap()),
            _ => assert_eq!(node.verify(&old).await, Err("unknown_key")),
        }
        assert_eq!(kids(&node.ring), now);
        assert_eq!(node.verify(&old).await, Err("unknown_key"));
        assert_eq!(*reasons.lock().unwrap(), vec![ROLLED_BACK; act + 1]);
        // Those that start take what was written back.
        assert_eq!(kids(&open(&store, &time).await), now);
    }

    // A key whose time is over long since.
    node.ring.rotate().await.unwrap();
    let before = store.dump().await;
    time.advance(40 * DAY);
    node.ring.update().await.unwrap();
    let now = kids(&node.ring);
    put_back(&before).await;
    node.ring.rotate().await.unwrap();
    assert_eq!(signing(&node.ring).kid, now[0]);
    assert_eq!(reasons.lock().unwrap().pop(), Some(None), "rotated");
    assert_eq!(reasons.lock().unwrap().pop(), Some(ROLLED_BACK));

    // A node that starts has nothing to compare with, until another writes back what it holds.
    let now = kids(&node.ring);
    put_back(&before).await;
    let fresh = open(&store, &time).await;
    assert_ne!(kids(&fresh), now);
    node.ring.update().await.unwrap();
    fresh.update().await.unwrap();
    assert_eq!(kids(&fresh), now);
}

#[tokio::test]
async fn one_node_asks_its_store_one_thing_at_a_time() {
    let (store, time) = (Store::default(), Time::new());
    let (events, reasons) = heard();
    let ring = options(&store, &time).events(events).open().await.unwrap();
    let first = signing(&ring).kid;
    let loads = store.loads.load(SeqCst);
    let (answered, goes_on) = store.hold_next_load();
    let update = ring.update();
    let revoke = async {
        answered.notified().await;
        // The update has an answer with the key, and does not take it over before that is taken out.
        let mut revoke = Box::pin(ring.revoke_key(&first));
        assert!(futures_poll(&mut revoke).is_none());
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
        assert_eq!(store.loads.load(SeqCst), loads + 1);
        goes_on.notify_one();
        revoke.await
    };
    let (updated, revoked) = tokio::join!(update, revoke);
    updated.unwrap();
    assert!(revoked.unwrap());
    assert!(!kids(&ring).contains(&first));
    assert_eq!(*reasons.lock().unwrap(), [Some("signing_key")]);
}

/// Asks another store after it has lost what it had.
#[derive(Clone)]
struct Forgetful {
    first: Store,
    inner: Store,
    is_lost: Arc<AtomicBool>,
}

impl Forgetful {
    fn store(&self) -> &Store {
        match self.is_lost.load(SeqCst) {
            true => &self.inner,
            false => &self.first,
        }
    }
}

impl SigningKeyStore for Forgetful {
    async fn load(&self, ring: &str) -> Result<Option<Vec<u8>>, AuthError> {
        self.store().load(ring).await
    }

    async fn replace(
        &self,
        ring: &str,
        expected: Option<&[u8]>,
        document: &[u8],
    ) -> Result<bool, AuthError> {
        self.store().replace(ring, expected, document).await
    }
}

#[tokio::test]
async fn private_keys_are_sealed_at_rest_and_bound_to_their_ring() {
    let (store, time) = (Store::default(), Time::new());
    let ring = open(&store, &time).await;
    let sealed = store.dump().await;
    let plain_store = Store::default();
    let plain = KeyRing::builder(Algorithm::Es256, plain_store.clone())
        .insecure_plain()
        .open()
        .await
        .unwrap();
    let kept = plain_store.dump().await;
    let text = String::from_utf8(kept.clone()).unwrap();
    assert!(text.contains("private") && text.contains(&*kids(&plain)[0]));
    for hidden in ["private", "ES256", &kids(&ring)[0]] {
        let hidden = hidden.as_bytes();
        assert!(!sealed.windows(hidden.len()).any(|part| part == hidden));
    }
    // The PKCS#8 of the plain one signs; in the sealed one no DER is to be seen.
    assert!(
        !sealed
            .windows(5)
            .any(|part| part == [0x30, 0x81, 0x87, 0x02, 0x01])
    );

    let reason = async |store: &Store, options: KeyRingBuilder, document: Option<&[u8]>| {
        if let Some(document) = document {
            let now = store.documents.load("default").await.unwrap();
            let replaced = store.documents.replace("default", now.as_deref(), document);
            assert!(replaced.await.unwrap());
        }
        match options.open().await {
            Err(KeyRingError::Store(error)) => error.reason(),
            other => panic!("{other:?}"),
        }
    };
    let with = |keys: SealingKeys| {
        KeyRing::builder(Algorithm::Es256, store.clone())
            .sealed_with(keys)
            .clock(time.clock())
    };
    // Another secret, another ring, a changed byte, a plain one passed off, and nothing at all.
    let other = || SealingKeys::new(&[8; 32]).unwrap();
    assert_eq!(
        reason(&store, with(other()), None).await,
        "signing_keys_not_opened"
    );
    assert!(
        store
            .documents
            .replace("other", None, &sealed)
            .await
            .unwrap()
    );
    assert_eq!(
        reason(&store, with(sealing()).name("other"), None).await,
        "signing_keys_not_opened"
    );
    let mut changed = sealed.clone();
    *changed.last_mut().unwrap() ^= 1;
    for (document, expected) in [
        (&*changed, "signing_keys_not_opened"),
        (&kept, "signing_keys_sealed_otherwise"),
        (b"", "signing_keys_unreadable"),
        (b"s", "signing_keys_not_opened"),
        (b"{}", "signing_keys_sealed_otherwise"),
    ] {
        assert_eq!(
            reason(&store, with(sealing()), Some(document)).await,
            expected
        );
        // Whoever holds the ring goes on with it.
        ring.update().await.unwrap_err();
        assert_eq!(kids(&ring).len(), 1);
    }
    let plainly = KeyRing::builder(Algorithm::Es256, plain_store.clone()).insecure_plain();
    for document in [
        &b"p"[..],
        b"p{}",
        br#"p{"generation":1,"keys":[]}"#,
        b"p\xff",
        &sealed,
    ] {
        let options = KeyRing::builder(Algorithm::Es256, plain_store.clone()).insecure_plain();
        reason(&plain_store, options, Some(document)).await;
    }
    // A key under another's name.
    let renamed = text.replace(&*kids(&plain)[0], &kids(&ring)[0]);
    assert_eq!(
        reason(&plain_store, plainly, Some(renamed.as_bytes())).await,
        "signing_keys_unreadable"
    );
    // After a change of the secret the old one still opens, and what is written next is the new one's.
    let now = store.documents.load("default").await.unwrap();
    assert!(
        store
            .documents
            .replace("default", now.as_deref(), &sealed)
            .await
            .unwrap()
    );
    let both = with(other().previous(&[7; 32]).unwrap())
        .open()
        .await
        .unwrap();
    assert_eq!(kids(&both), kids(&ring));
    both.rotate().await.unwrap();
    let new = with(other()).open().await.unwrap();
    assert_eq!(kids(&new), kids(&both));
    ring.update().await.unwrap_err();
}

#[tokio::test]
async fn every_algorithm_with_a_public_key_makes_a_ring() {
    for algorithm in Algorithm::ALL {
        let options = || KeyRing::builder(algorithm, Store::default()).sealed_with(sealing());
        if algorithm.as_str().starts_with("HS") {
            let Err(KeyRingError::Config(error)) = options().open().await else {
                panic!("{algorithm}");
            };
            assert_eq!(error.option(), "algorithm");
            continue;
        }
        let store = Store::default();
        let open = || {
            KeyRing::builder(algorithm, store.clone())
                .sealed_with(sealing())
                .open()
        };
        let token = Node::new(&open().await.unwrap(), &Time::new()).issue();
        // As it was kept.
        let time = Time::new();
        let again = Node::new(&open().await.unwrap(), &time);
        assert_eq!(again.verify(&token).await, Ok(()), "{algorithm}");
    }
}

#[tokio::test]
async fn another_algorithm_begins_with_the_next_key() {
    let (store, time) = (Store::default(), Time::new());
    let old = Node::new(&open(&store, &time).await, &time).issue();
    let ring = KeyRing::builder(Algorithm::EdDsa, store.clone())
        .sealed_with(sealing())
        .clock(time.clock());
    let node = Node::new(&ring.open().await.unwrap(), &time);
    node.verify(&old).await.unwrap();
    node.ring.rotate().await.unwrap();
    time.advance(10 * MINUTE);
    let new = node.issue();
    assert_eq!(signing(&node.ring).algorithm, Algorithm::EdDsa);
    node.verify(&new).await.unwrap();
    node.verify(&old).await.unwrap();
}

#[tokio::test]
async fn x_15_rings_that_cannot_work_are_refused_and_the_option_is_named() {
    let options = || KeyRing::builder(Algorithm::Es256, Store::default()).sealed_with(sealing());
    let second = Duration::from_secs(1);
    let table = [
        (
            "sealed_with",
            KeyRing::builder(Algorithm::Es256, Store::default()),
        ),
        ("name", options().name("")),
        ("name", options().name("a".repeat(201))),
        ("name", options().name("a\0")),
        ("publish_ahead", options().publish_ahead(8 * DAY)),
        ("token_lifetime", options().token_lifetime(Duration::ZERO)),
        ("token_lifetime", options().token_lifetime(DAY + second)),
        ("rotate_every", options().rotate_every(Duration::ZERO)),
        ("rotate_every", options().rotate_every(10 * MINUTE)),
        ("rotate_every", options().rotate_every(20 * MINUTE)),
        ("refresh_every", options().refresh_every(Duration::ZERO)),
        ("refresh_every", options().refresh_every(6 * MINUTE)),
        ("store_timeout", options().store_timeout(Duration::ZERO)),
        ("store_timeout", options().store_timeout(2 * MINUTE)),
    ];
    for (option, options) in table {
        match options.open().await {
            Err(KeyRingError::Config(error)) => assert_eq!(error.option(), option),
            other => panic!("{option}: {other:?}"),
        }
    }
    let ring = options().token_lifetime(MINUTE).open().await.unwrap();
    let issuer = Issuer::builder(
        "https://id.example.com",
        "https://api.example.com",
        ring.clone(),
    );
    assert_eq!(issuer.build().unwrap_err().option(), "lifetime");
    assert!(!format!("{ring:?}").contains("private"));
}
