use std::convert::Infallible;
use std::future::pending;
use std::net::IpAddr;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use auth_layer::basic::Basic;
use auth_layer::{
    AuthError, AuthErrorKind, AuthLayer, Charge, ClientAddress, Event, EventKind, Events, Identity,
    MemoryRateCounters, PasswordCredentials, RateCounters, TakeOutcome,
};
use base64::Engine as _;
use bytes::Bytes;
use http::header::{AUTHORIZATION, RETRY_AFTER};
use http::{Request, Response, StatusCode};
use tower::{Layer as _, ServiceExt as _, service_fn};

use super::AttemptLimits;
use crate::password::{
    HashPool, MemoryUserStore, PasswordHash, PasswordHasher, PasswordLogin, UserRecord, UserStore,
};

pub(super) const RIGHT: &str = "correct horse";

/// Alice, bob and their store, which counts and can be told to hang.
#[derive(Default)]
struct Store {
    users: MemoryUserStore,
    finds: AtomicUsize,
    hangs: AtomicBool,
}

impl UserStore for Store {
    async fn find(&self, username: &str) -> Result<Option<UserRecord>, AuthError> {
        self.finds.fetch_add(1, Ordering::SeqCst);
        if self.hangs.load(Ordering::SeqCst) {
            pending::<()>().await;
        }
        self.users.find(username).await
    }

    async fn replace_hash(
        &self,
        subject: &str,
        old: &PasswordHash,
        new: &PasswordHash,
    ) -> Result<bool, AuthError> {
        self.users.replace_hash(subject, old, new).await
    }
}

/// Counters that can be told to fail.
#[derive(Clone, Default)]
pub(super) struct Counters {
    counters: MemoryRateCounters,
    pub(super) fail: Arc<AtomicBool>,
}

impl Counters {
    fn check(&self) -> Result<(), AuthError> {
        match self.fail.load(Ordering::SeqCst) {
            true => Err(AuthError::unavailable("counters_down")),
            false => Ok(()),
        }
    }
}

impl RateCounters for Counters {
    async fn take(&self, charges: &[Charge], now: SystemTime) -> Result<TakeOutcome, AuthError> {
        self.check()?;
        self.counters.take(charges, now).await
    }

    async fn peek(&self, charges: &[Charge], now: SystemTime) -> Result<TakeOutcome, AuthError> {
        self.check()?;
        self.counters.peek(charges, now).await
    }

    async fn give_back(&self, charges: &[Charge], now: SystemTime) -> Result<(), AuthError> {
        self.check()?;
        self.counters.give_back(charges, now).await
    }
}

pub(super) struct Door {
    login: PasswordLogin,
    pub(super) limits: AttemptLimits,
    store: Arc<Store>,
    hasher: PasswordHasher,
    pub(super) counters: Counters,
    seconds: Arc<AtomicU64>,
    events: Arc<Mutex<Vec<(EventKind, &'static str)>>>,
}

impl Door {
    pub(super) fn new(rules: &str) -> Self {
        Self::with(rules, |limits| limits)
    }

    fn with(rules: &str, configure: impl FnOnce(AttemptLimits) -> AttemptLimits) -> Self {
        let store = Arc::new(Store::default());
        let hash = PasswordHasher::fast().hash(RIGHT).unwrap();
        for name in ["alice", "bob"] {
            let user = UserRecord::new(name).with_password_hash(hash.clone());
            store.users.insert(name, user);
        }
        let seconds = Arc::new(AtomicU64::new(1_000_000));
        let now = Arc::clone(&seconds);
        let clock = auth_layer::SharedClock::new(move || {
            UNIX_EPOCH + Duration::from_secs(now.load(Ordering::SeqCst))
        });
        let events = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&events);
        let counters = Counters::default();
        let limits = AttemptLimits::new(rules, counters.clone())
            .unwrap()
            .clock(clock)
            .events(Events::to(move |event: &Event<'_>| {
                let reason = event.reason.unwrap_or_default();
                seen.lock().unwrap().push((event.kind, reason));
            }));
        let limits = configure(limits);
        let hasher = PasswordHasher::fast();
        let pool = HashPool::builder(hasher.clone()).threads(1).build();
        let login = PasswordLogin::builder(Arc::clone(&store))
            .hash_pool(pool.unwrap())
            .attempt_limits(limits.clone())
            .build()
            .unwrap();
        Self {
            login,
            limits,
            store,
            hasher,
            counters,
            seconds,
            events,
        }
    }

    async fn try_from(
        &self,
        client: ClientAddress,
        username: &str,
        password: &str,
    ) -> Result<Identity, AuthError> {
        let sent = PasswordCredentials::new(username, password).with_client_address(client);
        self.login.authenticate(sent).await
    }

    pub(super) async fn try_login(
        &self,
        username: &str,
        password: &str,
    ) -> Result<Identity, AuthError> {
        self.try_from(client("203.0.113.7"), username, password)
            .await
    }

    /// The kind of a failed attempt.
    pub(super) async fn fails(&self, client: ClientAddress, username: &str) -> AuthErrorKind {
        let failed = self.try_from(client, username, "wrong").await;
        failed.unwrap_err().kind()
    }

    fn advance(&self, seconds: u64) {
        self.seconds.fetch_add(seconds, Ordering::SeqCst);
    }

    fn take_finds(&self) -> usize {
        self.store.finds.swap(0, Ordering::SeqCst)
    }
}

pub(super) fn client(address: &str) -> ClientAddress {
    match address {
        "unknown" => ClientAddress::unknown(),
        address => ClientAddress::new(address.parse::<IpAddr>().unwrap()),
    }
}

#[tokio::test]
async fn bas_02_while_locked_right_and_wrong_look_alike_and_change_nothing() {
    let door = Door::new("100/m/ip,5/5m/account");
    for _ in 0..5 {
        let error = door.try_login("alice", "wrong").await.unwrap_err();
        assert_eq!(error.kind(), AuthErrorKind::Invalid);
    }
    assert_eq!((door.take_finds(), door.hasher.take_work().len()), (5, 5));

    for second in 0..60 {
        for password in ["wrong", RIGHT, ""] {
            let error = door.try_login("alice", password).await.unwrap_err();
            assert_eq!(error.kind(), AuthErrorKind::Limited, "{second} {password}");
            assert_eq!(error.reason(), "too_many_attempts_on_account");
            // Attempts while locked do not extend it.
            let left = Duration::from_secs(60 - second);
            assert_eq!(error.retry_after(), Some(left), "{password}");
            assert!(std::error::Error::source(&error).is_none());
        }
        door.advance(1);
    }
    // Nothing was asked and nothing hashed.
    assert_eq!((door.take_finds(), door.hasher.take_work().len()), (0, 0));

    // Nor did they reset it: one attempt, which succeeds, and comes back.
    for _ in 0..3 {
        assert!(door.try_login("alice", RIGHT).await.is_ok());
    }
    assert_eq!(
        door.fails(client("203.0.113.7"), "alice").await,
        AuthErrorKind::Invalid
    );
    assert_eq!(
        door.fails(client("203.0.113.7"), "alice").await,
        AuthErrorKind::Limited
    );
    // Another account at the same address is not concerned.
    assert!(door.try_login("bob", RIGHT).await.is_ok());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn bas_03_parallel_attempts_are_counted_exactly_and_before_hashing() {
    for rules in [
        "5/5m/account",
        "5/5m/ip",
        "5/5m/ip+account",
        "100/m/ip,5/5m/account",
    ] {
        let door = Arc::new(Door::new(rules));
        let tasks: Vec<_> = (0..100)
            .map(|_| {
                let door = Arc::clone(&door);
                tokio::spawn(async move { door.fails(client("203.0.113.7"), "alice").await })
            })
            .collect();
        let (mut wrong, mut limited) = (0, 0);
        for task in tasks {
            match task.await.unwrap() {
                AuthErrorKind::Invalid => wrong += 1,
                AuthErrorKind::Limited => limited += 1,
                kind => panic!("{kind:?}"),
            }
        }
        assert_eq!((wrong, limited), (5, 95), "{rules}");
        assert_eq!(door.hasher.take_work().len(), 5, "{rules}");
        assert_eq!(door.take_finds(), 5, "{rules}");
    }
}

#[tokio::test]
async fn bas_04_a_success_costs_nothing_and_refills_nothing() {
    let door = Door::new("4/4m/ip,3/3m/account");
    let here = client("203.0.113.7");
    for _ in 0..20 {
        assert!(door.try_login("alice", RIGHT).await.is_ok());
    }
    // Whoever has an account cannot reset what failures on others have used.
    for left in (0..4).rev() {
        let name = format!("victim-{left}");
        assert_eq!(door.fails(here, &name).await, AuthErrorKind::Invalid);
        for _ in 0..3 {
            assert_eq!(door.try_login("alice", RIGHT).await.is_ok(), left > 0);
        }
    }
    assert_eq!(door.fails(here, "victim").await, AuthErrorKind::Limited);

    // The account's own failures stay too, seen from another address.
    let there = client("203.0.113.8");
    for left in (0..3).rev() {
        assert_eq!(door.fails(there, "bob").await, AuthErrorKind::Invalid);
        assert_eq!(door.try_from(there, "bob", RIGHT).await.is_ok(), left > 0);
    }
}

#[tokio::test]
async fn x_08_addresses_of_one_client_share_a_budget() {
    for (first, second, shared) in [
        ("203.0.113.7", "203.0.113.7", true),
        ("203.0.113.7", "203.0.113.8", false),
        ("203.0.113.7", "::ffff:203.0.113.7", true),
        ("203.0.113.7", "::ffff:cb00:7107", true),
        ("2001:db8::1", "2001:DB8:0:0:ffff:ffff:ffff:ffff", true),
        ("2001:db8::1", "2001:db8:0:1::1", false),
        ("unknown", "unknown", true),
        ("unknown", "203.0.113.7", false),
    ] {
        for rules in ["2/m/ip", "2/m/ip+account"] {
            let door = Door::new(rules);
            let (first, second) = (client(first), client(second));
            for _ in 0..2 {
                assert_eq!(door.fails(first, "alice").await, AuthErrorKind::Invalid);
            }
            let limited = door.fails(second, "alice").await == AuthErrorKind::Limited;
            assert_eq!(limited, shared, "{rules} {first:?} {second:?}");
            assert_eq!(door.fails(first, "alice").await, AuthErrorKind::Limited);
        }
    }
}

#[tokio::test]
async fn x_08_credentials_without_an_address_are_limited_too() {
    let door = Door::new("2/m/ip");
    let sent = || PasswordCredentials::new("alice", "wrong");
    for kind in [
        AuthErrorKind::Invalid,
        AuthErrorKind::Invalid,
        AuthErrorKind::Limited,
    ] {
        let error = door.login.authenticate(sent()).await.unwrap_err();
        assert_eq!(error.kind(), kind);
    }
    assert_eq!(
        door.fails(client("unknown"), "bob").await,
        AuthErrorKind::Limited
    );
}

#[tokio::test]
async fn x_10_who_exists_is_not_told_by_the_limit() {
    let mut seen = Vec::new();
    let long = "x".repeat(2000);
    for name in ["alice", "nobody", "", &long] {
        let door = Door::new("20/m/ip,3/3m/account,2/m/ip+account");
        let mut answers = Vec::new();
        for n in 0..8 {
            // From another address each second time.
            let from = client(["203.0.113.7", "203.0.113.8"][n % 2]);
            let error = door.try_from(from, name, "wrong").await.unwrap_err();
            answers.push((error.kind(), error.code(), error.retry_after()));
            door.advance(7);
        }
        seen.push(answers);
    }
    assert!(seen.windows(2).all(|pair| pair[0] == pair[1]), "{seen:?}");
    assert!(
        seen[0]
            .iter()
            .any(|(kind, ..)| *kind == AuthErrorKind::Limited)
    );
}

#[tokio::test]
async fn x_10_spellings_of_a_name_share_a_budget() {
    let door = Door::new("3/m/account");
    for (name, kind) in [
        ("alice", AuthErrorKind::Invalid),
        (" ALICE", AuthErrorKind::Invalid),
        ("ａｌｉｃｅ", AuthErrorKind::Invalid),
        ("Alice ", AuthErrorKind::Limited),
        ("alice", AuthErrorKind::Limited),
        ("alicia", AuthErrorKind::Invalid),
    ] {
        assert_eq!(door.fails(client("unknown"), name).await, kind, "{name:?}");
    }
}

#[tokio::test]
async fn an_address_without_budget_costs_no_account_anything() {
    // Whatever the order in the text.
    let door = Door::new("3/3m/account,1/m/ip");
    let attacker = client("198.51.100.1");
    for n in 0..50 {
        let kind = door.fails(attacker, "alice").await;
        assert_eq!(kind == AuthErrorKind::Limited, n > 0);
    }
    assert!(door.try_login("alice", RIGHT).await.is_ok());
    assert_eq!(
        door.fails(client("203.0.113.8"), "alice").await,
        AuthErrorKind::Invalid
    );
}

#[tokio::test]
async fn x_09_what_cannot_be_counted_is_503_and_the_store_is_not_asked() {
    let door = Door::new("10/m/ip");
    door.counters.fail.store(true, Ordering::SeqCst);
    for password in [RIGHT, "wrong"] {
        let error = door.try_login("alice", password).await.unwrap_err();
        assert_eq!(error.kind(), AuthErrorKind::Unavailable);
    }
    assert_eq!((door.take_finds(), door.hasher.take_work().len()), (0, 0));
    door.counters.fail.store(false, Ordering::SeqCst);
    assert!(door.try_login("alice", RIGHT).await.is_ok());
}

#[tokio::test]
async fn x_09_uncounted_attempts_are_allowed_only_if_asked_for_and_are_events() {
    let door = Door::with("1/m/ip", AttemptLimits::danger_allow_uncounted);
    door.counters.fail.store(true, Ordering::SeqCst);
    for _ in 0..3 {
        assert!(door.try_login("alice", RIGHT).await.is_ok());
    }
    let here = client("203.0.113.7");
    assert_eq!(door.fails(here, "alice").await, AuthErrorKind::Invalid);
    let uncounted = (EventKind::Unavailable, "attempt_not_counted");
    assert_eq!(*door.events.lock().unwrap(), [uncounted; 4]);
    // It works again with the counters.
    door.counters.fail.store(false, Ordering::SeqCst);
    assert_eq!(door.fails(here, "alice").await, AuthErrorKind::Invalid);
    assert_eq!(door.fails(here, "alice").await, AuthErrorKind::Limited);
}

#[tokio::test]
async fn bas_04_a_slow_success_does_not_take_the_place_of_a_failure() {
    // Two, and one more each half minute.
    let door = Door::new("2/m/ip");
    let here = client("203.0.113.7");
    for seconds in [29, 30, 300] {
        let attempt = door.limits.take(here, "alice").await.unwrap();
        door.advance(seconds);
        // What it cost has come back by itself after half a minute; this failure has not.
        assert_eq!(door.fails(here, "bob").await, AuthErrorKind::Invalid);
        door.limits.give_back(attempt).await;
        assert_eq!(door.fails(here, "bob").await, AuthErrorKind::Invalid);
        assert_eq!(door.fails(here, "bob").await, AuthErrorKind::Limited);
        door.advance(600);
    }
}

#[tokio::test]
async fn x_06_a_client_that_hangs_up_has_used_its_attempt() {
    let door = Door::new("2/m/account");
    door.store.hangs.store(true, Ordering::SeqCst);
    {
        let mut attempt = pin!(door.try_login("alice", RIGHT));
        let once = std::future::poll_fn(|cx| std::task::Poll::Ready(attempt.as_mut().poll(cx)));
        assert!(once.await.is_pending());
    }
    assert_eq!(door.take_finds(), 1);
    door.store.hangs.store(false, Ordering::SeqCst);
    let there = client("203.0.113.8");
    assert_eq!(door.fails(there, "alice").await, AuthErrorKind::Invalid);
    assert_eq!(door.fails(there, "alice").await, AuthErrorKind::Limited);
}

async fn handler(_: Request<Bytes>) -> Result<Response<Bytes>, Infallible> {
    Ok(Response::new(Bytes::from_static(b"handled")))
}

fn request(address: Option<&str>) -> Request<Bytes> {
    let mut req = Request::new(Bytes::new());
    if let Some(address) = address {
        req.extensions_mut().insert(client(address));
    }
    req
}

#[tokio::test]
async fn x_09_the_layer_looks_and_does_not_take() {
    let door = Door::new("2/m/ip,1/m/account");
    let service = door.limits.layer().layer(service_fn(handler));
    let here = "203.0.113.7";
    for _ in 0..10 {
        let res = service.clone().oneshot(request(Some(here))).await.unwrap();
        assert_eq!(res.status(), StatusCode::OK);
    }
    for name in ["alice", "bob"] {
        assert_eq!(door.fails(client(here), name).await, AuthErrorKind::Invalid);
    }
    for _ in 0..3 {
        let res = service.clone().oneshot(request(Some(here))).await.unwrap();
        assert_eq!(res.status(), StatusCode::TOO_MANY_REQUESTS);
        assert_eq!(res.headers()[RETRY_AFTER], "30");
        assert_eq!(res.headers()["content-type"], "application/problem+json");
    }
    let limited = (EventKind::Limited, "too_many_attempts_from_address");
    assert_eq!(*door.events.lock().unwrap(), [limited; 3]);
    // Others are let through, and an unknown address has a budget of its own.
    for address in [Some("203.0.113.8"), None] {
        let res = service.clone().oneshot(request(address)).await.unwrap();
        assert_eq!(res.status(), StatusCode::OK, "{address:?}");
    }
    door.advance(30);
    let res = service.clone().oneshot(request(Some(here))).await.unwrap();
    assert_eq!(res.status(), StatusCode::OK);

    door.counters.fail.store(true, Ordering::SeqCst);
    let res = service.oneshot(request(Some(here))).await.unwrap();
    assert_eq!(res.status(), StatusCode::SERVICE_UNAVAILABLE);
}

#[tokio::test]
async fn x_09_a_layer_without_a_rule_by_address_asks_nobody() {
    let door = Door::new("1/m/account");
    door.counters.fail.store(true, Ordering::SeqCst);
    let service = door.limits.layer().layer(service_fn(handler));
    let res = service.oneshot(request(None)).await.unwrap();
    assert_eq!(res.status(), StatusCode::OK);
}

#[tokio::test]
async fn x_08_basic_counts_by_the_address_of_the_request() {
    let door = Door::new("2/m/ip");
    let service = AuthLayer::new(Basic::new("door", door.login.clone())).layer(service_fn(handler));
    let send = async |address: Option<&str>, password: &str| {
        let mut req = request(address);
        let pair = base64::engine::general_purpose::STANDARD.encode(format!("alice:{password}"));
        let value = format!("Basic {pair}").parse().unwrap();
        req.headers_mut().insert(AUTHORIZATION, value);
        service.clone().oneshot(req).await.unwrap()
    };
    for (address, password, status) in [
        (Some("2001:db8::1"), "wrong", 401),
        (Some("2001:db8::1"), RIGHT, 200),
        (Some("2001:db8::2"), "wrong", 401),
        (Some("2001:db8::3"), RIGHT, 429),
        (Some("203.0.113.7"), RIGHT, 200),
        (None, "wrong", 401),
        (None, "wrong", 401),
        (None, RIGHT, 429),
    ] {
        let res = send(address, password).await;
        assert_eq!(res.status(), status, "{address:?} {password}");
        let retry_after = res.headers().contains_key(RETRY_AFTER);
        assert_eq!(retry_after, status == 429, "{address:?} {password}");
    }
}

#[test]
fn traits_and_debug() {
    fn assert<T: Send + Sync + Clone + std::fmt::Debug + 'static>() {}
    assert::<AttemptLimits>();
    assert::<super::AttemptLimitLayer>();
    let door = Door::new("10/m/ip,5/5m/account");
    let text = format!("{:?}", door.limits);
    assert!(text.contains("10/m/ip,5/5m/account"), "{text}");
}
