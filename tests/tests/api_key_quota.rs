//! The limits of API keys, as their clients see them.
#![allow(clippy::unwrap_used, reason = "a test may")]

mod keyed;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use apikey_layer::{ApiKeys, KeyFormat, KeyOwners, Lookup, MemoryApiKeys, Owner, OwnerAuthority};
use auth_layer::{
    AuthError, AuthErrorKind, Charge, EventKind, MemoryRateCounters, RateCounters, TakeOutcome,
    scheme_fn,
};
use auth_test::{Faults, Faulty, TestClient};
use axum::body::Body;
use futures_util::future::join_all;
use futures_util::{FutureExt as _, stream};
use http::Request;
use keyed::{Keyed, ann, send, told};
use tower::ServiceExt as _;

/// Counters to which nothing can be given back.
struct BreaksGifts(MemoryRateCounters);

impl RateCounters for BreaksGifts {
    async fn take(&self, charges: &[Charge], now: SystemTime) -> Result<TakeOutcome, AuthError> {
        self.0.take(charges, now).await
    }

    async fn peek(&self, charges: &[Charge], now: SystemTime) -> Result<TakeOutcome, AuthError> {
        self.0.peek(charges, now).await
    }

    async fn give_back(&self, _: &[Charge], _: SystemTime) -> Result<(), AuthError> {
        Err(AuthError::unavailable("broken"))
    }
}

/// Counters that fail as if it were the credential's fault, or as if none had been sent.
struct Misleads(AuthErrorKind);

impl RateCounters for Misleads {
    async fn take(&self, _: &[Charge], _: SystemTime) -> Result<TakeOutcome, AuthError> {
        Err(AuthError::new(self.0, "misleading"))
    }

    async fn peek(&self, _: &[Charge], _: SystemTime) -> Result<TakeOutcome, AuthError> {
        Err(AuthError::new(self.0, "misleading"))
    }

    async fn give_back(&self, _: &[Charge], _: SystemTime) -> Result<(), AuthError> {
        Err(AuthError::new(self.0, "misleading"))
    }
}

fn keyed() -> Keyed {
    Keyed::new(MemoryApiKeys::new())
}

#[tokio::test]
async fn every_answer_says_what_is_left_of_each_limit() {
    let keyed = keyed();
    let client = keyed.client(keyed.scheme());
    let key = keyed.key(&["1000/30d", "2/m"]).await;
    let policy = "\"key-2/m\";q=2;w=60, \"key-1000/30d\";q=1000;w=2592000";
    for (later, status, limit, retry_after) in [
        (
            0,
            200,
            "\"key-2/m\";r=1;t=30, \"key-1000/30d\";r=999;t=2592",
            None,
        ),
        (
            0,
            200,
            "\"key-2/m\";r=0;t=60, \"key-1000/30d\";r=998;t=5184",
            None,
        ),
        (10, 429, "\"key-2/m\";r=0;t=50", Some("20")),
        // The refused one has cost nothing of the budget.
        (
            20,
            200,
            "\"key-2/m\";r=0;t=60, \"key-1000/30d\";r=997;t=7776",
            None,
        ),
    ] {
        keyed.clock.advance(Duration::from_secs(later));
        let res = send(&client, key.expose()).await;
        assert_eq!(
            told(&res),
            (status, Some(policy), Some(limit), retry_after),
            "{later}"
        );
    }
    let refused = send(&client, key.expose()).await;
    assert_eq!(refused.code(), "too_many_requests");
    assert_eq!(refused.header("cache-control"), Some("no-store"));
    assert!(refused.challenges().is_empty());
    let id = Some(key.id().to_string());
    let limited = (EventKind::Limited, Some("key_quota_used_up"), id);
    assert_eq!(keyed.take_seen(), [limited.clone(), limited]);
    assert_eq!(keyed.handled.load(Ordering::SeqCst), 3);

    // What is over on one key says nothing of another, and one without limits says nothing at all.
    let other = keyed.key(&["2/m"]).await;
    assert_eq!(send(&client, other.expose()).await.status(), 200);
    let free = keyed.key(&[]).await;
    for _ in 0..5 {
        let res = send(&client, free.expose()).await;
        assert_eq!(told(&res), (200, None, None, None));
    }
}

#[tokio::test]
async fn a_budget_that_is_used_up_gives_back_what_the_burst_has_counted() {
    let keyed = keyed();
    let client = keyed.client(keyed.scheme());
    let key = keyed.key(&["5/m", "3/30d"]).await;
    for _ in 0..3 {
        assert_eq!(send(&client, key.expose()).await.status(), 200);
    }
    for _ in 0..10 {
        let res = send(&client, key.expose()).await;
        assert_eq!(res.status(), 429);
        assert_eq!(res.header("retry-after"), Some("864000"));
        assert_eq!(res.header("ratelimit"), Some("\"key-3/30d\";r=0;t=2592000"));
    }
    keyed.clock.advance(Duration::from_secs(864_000));
    assert_eq!(send(&client, key.expose()).await.status(), 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn apk_04_of_forty_requests_with_ten_left_ten_pass() {
    let keyed = keyed();
    let client = keyed.client(keyed.scheme());
    for (limits, cost) in [
        (&["10/h"][..], 1),
        (&["10/h", "1000/30d"], 1),
        (&["1000/m", "10/h"], 1),
        (&["40/h"], 4),
    ] {
        let client = match cost {
            1 => client.fresh(),
            cost => keyed.client(keyed.scheme().cost(move |_| cost)),
        };
        let key = keyed.key(limits).await;
        let requests = (0..40).map(|_| {
            let request = client.get("/").header("x-api-key", key.expose());
            tokio::spawn(request.into_future())
        });
        let answers = join_all(requests).await;
        let mut left: Vec<_> = answers
            .iter()
            .map(|res| res.as_ref().unwrap())
            .filter(|res| res.status() == 200)
            .map(|res| res.header("ratelimit").unwrap().to_owned())
            .collect();
        assert_eq!(left.len(), 10, "{limits:?}");
        // Each of them was told another number.
        left.sort();
        left.dedup();
        assert_eq!(left.len(), 10, "{limits:?}");
    }
    assert_eq!(keyed.handled.load(Ordering::SeqCst), 40);
}

#[tokio::test]
async fn apk_04_a_key_that_is_rotated_gets_nothing_anew_and_both_secrets_share() {
    let keyed = keyed();
    let client = keyed.client(keyed.scheme());
    let old = keyed.key(&["4/h"]).await;
    let spent = send(&client, old.expose()).await;
    assert_eq!(spent.header("ratelimit"), Some("\"key-4/h\";r=3;t=900"));
    let overlap = Duration::from_secs(600);
    let rotated = keyed.registry.rotate(&ann(), old.id(), overlap).await;
    let new = rotated.unwrap().key;
    for (key, left) in [(&new, 2), (&old, 1), (&new, 0)] {
        let res = send(&client, key.expose()).await;
        let limit = res.header("ratelimit").unwrap();
        assert!(limit.contains(&format!(";r={left};")), "{limit}");
    }
    for key in [&old, &new] {
        assert_eq!(send(&client, key.expose()).await.status(), 429);
    }
}

#[tokio::test]
async fn apk_04_no_bad_key_costs_the_good_one_anything() {
    let keyed = keyed();
    let client = keyed.client(keyed.scheme());
    let key = keyed.key(&["1/h"]).await;
    let rotated = keyed
        .registry
        .rotate(&ann(), key.id(), Duration::ZERO)
        .await;
    let new = rotated.unwrap().key;
    // Right once, and wrong now, with the same public id.
    for _ in 0..5 {
        assert_eq!(send(&client, key.expose()).await.status(), 401);
    }
    assert_eq!(send(&client, new.expose()).await.status(), 200);
    assert_eq!(send(&client, new.expose()).await.status(), 429);
    // What is taken back is not told what its limits were.
    keyed.registry.revoke(&ann(), key.id()).await.unwrap();
    assert_eq!(
        told(&send(&client, new.expose()).await),
        (401, None, None, None)
    );
}

#[tokio::test]
async fn x_09_a_key_is_counted_before_the_body_is_read_and_the_handler_runs() {
    let keyed = keyed();
    let router = keyed.router(keyed.scheme(), keyed::proxy());
    let client = TestClient::new(router.clone());
    let key = keyed.key(&["1/h"]).await;
    assert_eq!(send(&client, key.expose()).await.status(), 200);
    let handled = keyed.handled.load(Ordering::SeqCst);
    // A body that never comes to an end: whoever reads it gives no answer.
    let endless = stream::pending::<Result<Vec<u8>, std::io::Error>>();
    let request = Request::post("/upload")
        .header("x-api-key", key.expose())
        .body(Body::from_stream(endless))
        .unwrap();
    let res = router.oneshot(request).now_or_never();
    assert_eq!(res.expect("it does not wait").unwrap().status(), 429);
    assert_eq!(keyed.handled.load(Ordering::SeqCst), handled);
}

#[tokio::test]
async fn what_costs_more_takes_more() {
    let keyed = keyed();
    let scheme = keyed
        .scheme()
        .cost(|parts| match parts.headers.get("x-cost") {
            Some(cost) => cost.to_str().unwrap().parse().unwrap(),
            None => 1,
        });
    let client = keyed.client(scheme);
    let key = keyed.key(&["10/m", "1000/30d"]).await;
    let policy = Some("\"key-10/m\";q=10;w=60, \"key-1000/30d\";q=1000;w=2592000");
    for (cost, status, limit, retry_after) in [
        (
            "4",
            200,
            Some("\"key-10/m\";r=6;t=24, \"key-1000/30d\";r=996;t=10368"),
            None,
        ),
        ("7", 429, Some("\"key-10/m\";r=6;t=24"), Some("6")),
        (
            "6",
            200,
            Some("\"key-10/m\";r=0;t=60, \"key-1000/30d\";r=990;t=25920"),
            None,
        ),
        ("1", 429, Some("\"key-10/m\";r=0;t=60"), Some("6")),
        // More than there ever is: no time to wait for.
        ("11", 429, None, None),
        ("4294967295", 429, None, None),
    ] {
        let request = client.get("/").header("x-api-key", key.expose());
        let res = request.header("x-cost", cost).await;
        assert_eq!(told(&res), (status, policy, limit, retry_after), "{cost}");
    }
    // What costs nothing passes, and is not told anything.
    let request = client.get("/").header("x-api-key", key.expose());
    assert_eq!(
        told(&request.header("x-cost", "0").await),
        (200, None, None, None)
    );
}

#[tokio::test]
async fn x_06_x_09_a_key_that_cannot_be_counted_is_503_unless_it_is_said_otherwise() {
    let keyed = keyed();
    let faults = Faults::new();
    let counters = Faulty::new(MemoryRateCounters::new(), &faults);
    let scheme = keyed.scheme().quota(counters);
    let strict = keyed.client(scheme.clone());
    let open = keyed.client(scheme.danger_allow_uncounted());
    let (key, free) = (keyed.key(&["2/h"]).await, keyed.key(&[]).await);
    let id = Some(key.id().to_string());

    faults.fail();
    let res = send(&strict, key.expose()).await;
    assert_eq!(told(&res), (503, None, None, None));
    assert_eq!(res.code(), "temporarily_unavailable");
    assert_eq!(
        keyed.take_seen(),
        [(EventKind::Unavailable, Some("injected_fault"), id.clone())]
    );
    let res = send(&open, key.expose()).await;
    assert_eq!(told(&res), (200, None, None, None));
    assert_eq!(
        keyed.take_seen(),
        [(EventKind::Unavailable, Some("key_not_counted"), id)]
    );
    // A key without limits needs no counters.
    let calls = faults.calls();
    assert_eq!(send(&strict, free.expose()).await.status(), 200);
    assert_eq!(faults.calls(), calls);

    faults.heal();
    for status in [200, 200, 429] {
        assert_eq!(send(&open, key.expose()).await.status(), status);
    }
}

/// Whatever counters fail with, it is neither the key's fault nor nobody.
#[tokio::test]
async fn x_06_counters_that_fail_with_another_kind_are_503_too() {
    for kind in [AuthErrorKind::Absent, AuthErrorKind::Revoked] {
        let keyed = keyed();
        let client = keyed.client(keyed.scheme().quota(Misleads(kind)));
        let key = keyed.key(&["9/m"]).await;
        let answer = send(&client, key.expose()).await;
        assert_eq!(answer.status(), 503, "{kind:?}");

        let made_up = KeyFormat::live("sk").unwrap().generate().unwrap();
        let limit = "9/m".parse().unwrap();
        let distant = Arc::new(Faulty::new(MemoryApiKeys::new(), &Faults::new()));
        let scheme = ApiKeys::danger_without_owners(KeyFormat::live("sk").unwrap(), distant);
        let client = keyed.client(scheme.failure_limit(limit, Misleads(kind)));
        let answer = send(&client, made_up.expose()).await;
        assert_eq!(answer.status(), 503, "{kind:?}, a bad key");
    }
}

#[tokio::test]
async fn x_06_a_refusal_stands_if_nothing_can_be_given_back() {
    let keyed = keyed();
    let broken = BreaksGifts(MemoryRateCounters::new());
    let client = keyed.client(keyed.scheme().quota(broken));
    let key = keyed.key(&["9/m", "1/30d"]).await;
    assert_eq!(send(&client, key.expose()).await.status(), 200);
    assert_eq!(send(&client, key.expose()).await.status(), 429);
    let id = Some(key.id().to_string());
    assert_eq!(
        keyed.take_seen(),
        [
            (
                EventKind::Unavailable,
                Some("key_quota_not_given_back"),
                id.clone()
            ),
            (EventKind::Limited, Some("key_quota_used_up"), id),
        ]
    );
}

#[tokio::test]
async fn x_06_a_request_that_is_dropped_while_it_is_counted_reaches_no_handler() {
    let keyed = keyed();
    let faults = Faults::new();
    let counters = Faulty::new(MemoryRateCounters::new(), &faults);
    let client = keyed.client(keyed.scheme().quota(counters));
    let key = keyed.key(&["1/h"]).await;
    faults.pause();
    let request = client.get("/").header("x-api-key", key.expose());
    let answer = tokio::spawn(request.into_future());
    faults.until_waiting(1).await;
    answer.abort();
    assert!(answer.await.unwrap_err().is_cancelled());
    assert_eq!(keyed.handled.load(Ordering::SeqCst), 0);
    faults.heal();
    assert_eq!(send(&client, key.expose()).await.status(), 200);
}

#[tokio::test]
async fn apk_06_the_old_secret_is_told_that_it_ends_and_the_new_one_is_not() {
    let keyed = keyed();
    let scheme = keyed.scheme().deprecation_link("/docs/rotation").unwrap();
    let client = keyed.client(scheme);
    let old = keyed.key(&["2/h"]).await;
    let sunset = |client: &TestClient, key: &str| {
        let request = client.get("/").header("x-api-key", key);
        async move {
            let res = request.await;
            let said =
                ["deprecation", "sunset", "link"].map(|name| res.header(name).map(str::to_owned));
            (res.status().as_u16(), said)
        }
    };
    let none = [const { None }; 3];
    let ended = || {
        [
            Some("@1700000100".to_owned()),
            Some("Tue, 14 Nov 2023 22:25:00 GMT".to_owned()),
            Some("</docs/rotation>; rel=\"deprecation\"".to_owned()),
        ]
    };
    assert_eq!(sunset(&client, old.expose()).await, (200, none.clone()));

    keyed.clock.advance(Duration::from_secs(100));
    let overlap = Duration::from_secs(600);
    let rotated = keyed.registry.rotate(&ann(), old.id(), overlap).await;
    let new = rotated.unwrap().key;
    assert_eq!(sunset(&client, old.expose()).await, (200, ended()));
    // A refusal for its quota says it too.
    assert_eq!(sunset(&client, old.expose()).await, (429, ended()));
    assert_eq!(sunset(&client, new.expose()).await, (429, none.clone()));

    keyed.clock.advance(overlap);
    assert_eq!(sunset(&client, old.expose()).await, (401, none.clone()));
    // Without a link there is none, and the rest is there.
    let client = keyed.client(keyed.scheme());
    let rotated = keyed.registry.rotate(&ann(), old.id(), overlap).await;
    assert_eq!(
        sunset(&client, rotated.unwrap().key.expose()).await,
        (200, none)
    );
    let (status, [since, end, link]) = sunset(&client, new.expose()).await;
    assert_eq!((status, since.as_deref()), (200, Some("@1700000700")));
    assert_eq!((end.is_some(), link), (true, None));
}

#[tokio::test]
async fn the_quota_is_told_beside_other_schemes_too() {
    let keyed = keyed();
    let key = keyed.key(&["2/m"]).await;
    let other = scheme_fn(
        "ticket",
        |parts| Ok(parts.headers.get("x-ticket").cloned()),
        |_| async { Ok(ann()) },
    );
    let client = keyed.client((keyed.scheme(), other));
    let res = send(&client, key.expose()).await;
    assert_eq!(res.header("ratelimit"), Some("\"key-2/m\";r=1;t=30"));
    let res = client.get("/").header("x-ticket", "1").await;
    assert_eq!(told(&res), (200, None, None, None));
    let both = client.get("/").header("x-ticket", "1");
    let res = both.header("x-api-key", key.expose()).await;
    assert_eq!(res.header("ratelimit"), Some("\"key-2/m\";r=0;t=60"));
    let both = client.get("/").header("x-ticket", "1");
    let res = both.header("x-api-key", key.expose()).await;
    assert_eq!(res.status(), 429);
}

#[tokio::test]
async fn apk_08_a_key_whose_owner_is_gone_costs_nothing() {
    struct Users(Arc<AtomicBool>);
    impl KeyOwners for Users {
        // What is known at once is counted too.
        fn authority_now(&self, _: &Owner) -> Lookup<OwnerAuthority> {
            match self.0.load(Ordering::SeqCst) {
                true => Lookup::Found(OwnerAuthority::any_scope([] as [&str; 0])),
                false => Lookup::Missing,
            }
        }

        async fn authority(&self, _: &Owner) -> Result<Option<OwnerAuthority>, AuthError> {
            let is_there = self.0.load(Ordering::SeqCst);
            Ok(is_there.then(|| OwnerAuthority::any_scope([] as [&str; 0])))
        }
    }

    let keyed = keyed();
    let is_there = Arc::new(AtomicBool::new(false));
    let users = Arc::new(Users(Arc::clone(&is_there)));
    let scheme = ApiKeys::new(keyed::format(), keyed.store.clone(), users);
    let client = keyed.client(scheme.clock(keyed.clock.shared()));
    let key = keyed.key(&["2/m"]).await;
    for _ in 0..5 {
        let res = send(&client, key.expose()).await;
        assert_eq!(told(&res), (401, None, None, None));
    }
    is_there.store(true, Ordering::SeqCst);
    for status in [200, 200, 429] {
        assert_eq!(send(&client, key.expose()).await.status(), status);
    }
}
