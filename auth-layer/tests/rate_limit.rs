//! `RateLimit` at the HTTP surface.
#![allow(clippy::unwrap_used, reason = "a test may")]

mod common;

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use auth_layer::{
    AuthError, AuthLayer, Charge, ClientAddress, EventKind, Identity, MemoryRateCounters, Rate,
    RateCounters, RateKey, RateLimit, SharedClock, SharedRateCounters, TakeOutcome,
};
use bytes::Bytes;
use common::{HeaderScheme, Recorded, code, get, send, whoami};
use futures_util::future::join_all;
use http::{Request, Response};
use tower::{Layer, Service, ServiceBuilder, ServiceExt, service_fn};

fn rate(text: &str) -> Rate {
    text.parse().unwrap()
}

fn memory() -> SharedRateCounters {
    SharedRateCounters::new(MemoryRateCounters::new())
}

/// A clock that is moved by hand.
#[derive(Clone, Default)]
struct Seconds(Arc<AtomicU64>);

impl Seconds {
    fn clock(&self) -> SharedClock {
        let seconds = self.clone();
        let now = move || -> SystemTime {
            UNIX_EPOCH + Duration::from_secs(1_000_000_000 + seconds.0.load(Ordering::Relaxed))
        };
        SharedClock::from(Arc::new(now))
    }
}

fn identified(identity: &Identity) -> Request<()> {
    let mut req = get(&[]);
    req.extensions_mut().insert(identity.clone());
    req
}

fn from_address(last: u8) -> Request<()> {
    let mut req = get(&[]);
    let address = IpAddr::V4(Ipv4Addr::new(203, 0, 113, last));
    req.extensions_mut().insert(ClientAddress::new(address));
    req
}

/// How many of `requests` come through, one after the other.
async fn passed(limit: RateLimit, requests: impl IntoIterator<Item = Request<()>>) -> usize {
    let service = limit.layer(service_fn(whoami::<()>));
    let mut passed = 0;
    for req in requests {
        match send(&service, req).await.status().as_u16() {
            200 => passed += 1,
            429 => {}
            status => panic!("{status}"),
        }
    }
    passed
}

#[tokio::test]
async fn each_has_a_budget_of_its_own() {
    let ann = Identity::new("x", "ann");
    let key = |id: &str| Identity::builder("api-key", "ann").key_id(id).build();
    let tenant = |name: &str| Identity::builder("x", "ann").tenant(name).build();
    let issuer = |name: &str| Identity::builder("x", "ann").issuer(name).build();
    let of = |identity: Identity| move || identified(&identity);
    type Make = Box<dyn Fn() -> Request<()>>;
    let address = || from_address(7);
    type New = fn(&str, Rate, SharedRateCounters) -> Result<RateLimit, auth_layer::ConfigError>;
    let by_identity: New = |name, rate, counters| RateLimit::per_identity(name, rate, counters);
    let by_credential: New = |name, rate, counters| RateLimit::per_credential(name, rate, counters);
    let by_address: New = |name, rate, counters| RateLimit::per_address(name, rate, counters);

    // Three tokens in a bucket: two requests of each of two are all let through if they are counted
    // apart, and one of the four is refused if they are one.
    let cases: [(&str, New, Make, Make, usize); 10] = [
        (
            "two users",
            by_identity,
            Box::new(of(ann.clone())),
            Box::new(of(Identity::new("x", "bob"))),
            4,
        ),
        (
            "schemes of one user",
            by_identity,
            Box::new(of(ann.clone())),
            Box::new(of(Identity::new("y", "ann"))),
            3,
        ),
        (
            "tenants",
            by_identity,
            Box::new(of(tenant("a"))),
            Box::new(of(tenant("b"))),
            4,
        ),
        (
            "no tenant and an empty one",
            by_identity,
            Box::new(of(ann.clone())),
            Box::new(of(tenant(""))),
            4,
        ),
        (
            "issuers",
            by_identity,
            Box::new(of(issuer("a"))),
            Box::new(of(ann.clone())),
            4,
        ),
        (
            "keys of one user as one",
            by_identity,
            Box::new(of(key("1"))),
            Box::new(of(key("2"))),
            3,
        ),
        (
            "keys of one user",
            by_credential,
            Box::new(of(key("1"))),
            Box::new(of(key("2"))),
            4,
        ),
        (
            "nobody, by address",
            by_identity,
            Box::new(address),
            Box::new(|| from_address(8)),
            4,
        ),
        (
            "users at one address",
            by_address,
            Box::new(of(ann.clone())),
            Box::new(of(Identity::new("x", "bob"))),
            3,
        ),
        (
            "addresses",
            by_address,
            Box::new(address),
            Box::new(|| from_address(8)),
            4,
        ),
    ];
    for (case, new, one, other, expected) in cases {
        let limit = new("api", rate("3/h"), memory()).unwrap();
        let requests = [one(), other(), one(), other()];
        assert_eq!(passed(limit, requests).await, expected, "{case}");
    }
}

#[tokio::test]
async fn budgets_are_shared_by_name_and_rate() {
    let counters = memory();
    let limit = |name: &str, text: &str| {
        RateLimit::per_address(name, rate(text), counters.clone()).unwrap()
    };
    let three = || (0..3).map(|_| from_address(1));
    assert_eq!(passed(limit("a", "2/h"), three()).await, 2);
    assert_eq!(passed(limit("a", "2/h"), three()).await, 0);
    assert_eq!(passed(limit("b", "2/h"), three()).await, 2);
    assert_eq!(passed(limit("a", "3/h"), three()).await, 3);
}

#[tokio::test]
async fn what_has_no_charge_is_not_limited() {
    let limit = RateLimit::by("writes", memory(), |parts| {
        let key = RateKey::new("tests", ["all"]);
        (parts.method != http::Method::GET).then(|| Charge::new(key, rate("1/h")))
    });
    let limit = limit.unwrap();
    assert_eq!(passed(limit.clone(), (0..5).map(|_| get(&[]))).await, 5);
    let post = || Request::post("/").body(()).unwrap();
    assert_eq!(passed(limit, [post(), post()]).await, 1);
}

#[tokio::test]
async fn what_costs_more_takes_more() {
    let time = Seconds::default();
    let limit = RateLimit::by("work", memory(), |parts| {
        let charge = Charge::new(RateKey::new("tests", ["all"]), rate("10/m"));
        match parts.headers.get("cost") {
            Some(cost) => charge.tokens(cost.to_str().unwrap().parse().unwrap()).ok(),
            None => Some(charge),
        }
    });
    let service = limit.unwrap().clock(time.clock());
    let service = service.layer(service_fn(whoami::<()>));
    for (cost, status, left) in [
        (Some("7"), 200, "\"work\";r=3;t=42"),
        (Some("4"), 429, "\"work\";r=3;t=42"),
        (Some("3"), 200, "\"work\";r=0;t=60"),
        (None, 429, "\"work\";r=0;t=60"),
    ] {
        let headers: Vec<_> = cost.map(|cost| ("cost", cost)).into_iter().collect();
        let res = send(&service, get(&headers)).await;
        assert_eq!(res.status(), status, "{cost:?}");
        assert_eq!(res.headers()["ratelimit"], left, "{cost:?}");
        if status == 429 {
            assert_eq!(res.headers()["retry-after"], "6");
        }
    }
}

#[test]
fn x_15_a_cost_that_can_never_be_paid_is_refused() {
    let charge = Charge::new(RateKey::new("tests", ["x"]), rate("10/m"));
    for cost in [1, 10] {
        assert_eq!(charge.tokens(cost).unwrap().cost(), cost);
    }
    for cost in [0, 11, u32::MAX] {
        assert_eq!(charge.tokens(cost).unwrap_err().option(), "tokens");
    }
}

#[tokio::test]
async fn apk_04_of_parallel_requests_as_many_come_through_as_are_left() {
    let limit = RateLimit::per_address("api", rate("10/h"), memory()).unwrap();
    let service = limit.layer(service_fn(whoami::<()>));
    let requests = (0..40).map(|_| tokio::spawn(service.clone().oneshot(from_address(1))));
    let answers = join_all(requests).await;
    let statuses = answers
        .into_iter()
        .map(|res| res.unwrap().unwrap().status());
    assert_eq!(statuses.filter(|status| *status == 200).count(), 10);
}

#[tokio::test]
async fn every_answer_says_what_is_left() {
    let time = Seconds::default();
    let limit = RateLimit::per_address("api", rate("2/m"), memory()).unwrap();
    let service = limit.clock(time.clock()).layer(service_fn(whoami::<()>));
    let head = |res: &Response<Bytes>| {
        assert_eq!(res.headers()["ratelimit-policy"], "\"api\";q=2;w=60");
        res.headers()["ratelimit"].to_str().unwrap().to_owned()
    };
    let next = || send(&service, from_address(1));
    assert_eq!(head(&next().await), "\"api\";r=1;t=30");
    assert_eq!(head(&next().await), "\"api\";r=0;t=60");

    time.0.fetch_add(10, Ordering::Relaxed);
    let refused = next().await;
    assert_eq!(refused.status(), 429);
    assert_eq!(code(&refused), "too_many_requests");
    assert_eq!(refused.headers()["retry-after"], "20");
    assert_eq!(head(&refused), "\"api\";r=0;t=50");

    time.0.fetch_add(20, Ordering::Relaxed);
    assert_eq!(next().await.status(), 200);
}

#[tokio::test]
async fn stacked_limits_each_speak_for_themselves() {
    let limit = |name: &str| RateLimit::per_address(name, rate("9/m"), memory()).unwrap();
    let service = ServiceBuilder::new()
        .layer(limit("outer"))
        .layer(limit("inner"))
        .service(service_fn(whoami::<()>));
    let res = send(&service, get(&[])).await;
    let all = res.headers().get_all("ratelimit").iter();
    let all: Vec<_> = all.map(|value| value.to_str().unwrap()).collect();
    assert_eq!(all, ["\"inner\";r=8;t=7", "\"outer\";r=8;t=7"]);
}

/// Counters that do not answer.
struct Down;

impl RateCounters for Down {
    async fn take(&self, _: &[Charge], _: SystemTime) -> Result<TakeOutcome, AuthError> {
        Err(AuthError::unavailable("counters_down"))
    }

    async fn peek(&self, _: &[Charge], _: SystemTime) -> Result<TakeOutcome, AuthError> {
        Err(AuthError::unavailable("counters_down"))
    }

    async fn give_back(&self, _: &[Charge], _: SystemTime) -> Result<(), AuthError> {
        Err(AuthError::unavailable("counters_down"))
    }
}

#[tokio::test]
async fn x_06_what_cannot_be_counted_is_503_unless_it_is_said_otherwise() {
    let recorded = Recorded::default();
    let limit = || {
        let counters = SharedRateCounters::new(Down);
        let limit = RateLimit::per_address("api", rate("1/m"), counters).unwrap();
        limit.events(recorded.events())
    };
    let res = send(&limit().layer(service_fn(whoami::<()>)), get(&[])).await;
    assert_eq!(res.status(), 503);
    assert_eq!(
        recorded.take(),
        [(EventKind::Unavailable, None, Some("counters_down"))]
    );

    let open = limit().danger_allow_uncounted();
    let res = send(&open.layer(service_fn(whoami::<()>)), get(&[])).await;
    assert_eq!(res.status(), 200);
    assert!(!res.headers().contains_key("ratelimit"));
    assert_eq!(
        recorded.take(),
        [(EventKind::Unavailable, None, Some("request_not_counted"))]
    );
}

#[tokio::test]
async fn a_refusal_is_one_event_with_a_layer_outside_and_without() {
    let inner = Recorded::default();
    let outer = Recorded::default();
    let limit = || {
        let limit = RateLimit::per_address("api", rate("1/h"), memory()).unwrap();
        limit.events(inner.events())
    };
    let bare = limit().layer(service_fn(whoami::<()>));
    let service = ServiceBuilder::new()
        .layer(AuthLayer::new(HeaderScheme("one")).events(outer.events()))
        .layer(limit())
        .service(service_fn(whoami::<()>));
    for _ in 0..2 {
        send(&bare, get(&[])).await;
        send(&service, get(&[("one", "ann")])).await;
    }
    let limited = |(kind, _, reason): &common::Seen| {
        *kind == EventKind::Limited && *reason == Some("rate_limit")
    };
    assert_eq!(inner.take().iter().filter(|seen| limited(seen)).count(), 2);
    assert_eq!(outer.take().iter().filter(|seen| limited(seen)).count(), 0);
}

#[tokio::test]
async fn grpc_is_refused_in_its_own_way() {
    let limit = RateLimit::per_address("api", rate("1/h"), memory()).unwrap();
    let service = limit.layer(service_fn(whoami::<()>));
    let call = || {
        Request::post("/pkg.Service/Call")
            .version(http::Version::HTTP_2)
            .header("content-type", "application/grpc")
            .body(())
            .unwrap()
    };
    send(&service, call()).await;
    let res = send(&service, call()).await;
    assert_eq!(res.status(), 200);
    assert_eq!(res.headers()["grpc-status"], "8");
}

#[tokio::test]
async fn the_service_that_was_ready_is_the_one_that_is_called() {
    /// Is ready once for each `poll_ready`.
    struct Ready(bool);

    impl Clone for Ready {
        fn clone(&self) -> Self {
            Self(false)
        }
    }

    impl Service<Request<()>> for Ready {
        type Response = Response<Bytes>;
        type Error = std::convert::Infallible;
        type Future = std::future::Ready<Result<Self::Response, Self::Error>>;

        fn poll_ready(
            &mut self,
            _: &mut std::task::Context<'_>,
        ) -> std::task::Poll<Result<(), Self::Error>> {
            self.0 = true;
            std::task::Poll::Ready(Ok(()))
        }

        fn call(&mut self, _: Request<()>) -> Self::Future {
            assert!(std::mem::replace(&mut self.0, false), "not ready");
            std::future::ready(Ok(Response::new(Bytes::new())))
        }
    }

    let limit = RateLimit::per_address("api", rate("9/h"), memory()).unwrap();
    let mut service = limit.layer(Ready(false));
    for _ in 0..3 {
        let res = service.ready().await.unwrap().call(get(&[])).await;
        assert_eq!(res.unwrap().status(), 200);
    }
}

#[test]
fn x_15_a_name_that_cannot_be_written_is_refused() {
    for name in ["", "a b", "a\"", "ä", "a\r\nb", &"a".repeat(65)] {
        let error = RateLimit::per_address(name, rate("1/m"), memory()).unwrap_err();
        assert_eq!(error.option(), "name");
    }
}
