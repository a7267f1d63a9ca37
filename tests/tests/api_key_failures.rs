//! The limit of bad API keys.
#![allow(clippy::unwrap_used, reason = "a test may")]

mod keyed;

use std::sync::Arc;
use std::time::Duration;

use apikey_layer::{ApiKey, ApiKeys, CachedApiKeys, KeyOwners, Lookup, Owner, OwnerAuthority};
use auth_layer::{AuthError, EventKind, MemoryRateCounters, TrustedProxies};
use auth_test::{Faults, Faulty, TestClient};
use futures_util::future::join_all;
use keyed::{Distant, Keyed, ann, rate, send, send_from};

const HERE: &str = "203.0.113.7";

/// Keys in a store that counts what it is asked, behind a cache, and counters that count it too.
struct Trial {
    keyed: Keyed,
    cache: CachedApiKeys,
    asked: Faults,
    counted: Faults,
    counters: Faulty<MemoryRateCounters>,
}

impl Trial {
    fn new() -> Self {
        let (asked, counted) = (Faults::new(), Faults::new());
        let cache = CachedApiKeys::new(Faulty::new(Distant::default(), &asked));
        Self {
            keyed: Keyed::new(cache.clone()),
            cache,
            counters: Faulty::new(MemoryRateCounters::new(), &counted),
            asked,
            counted,
        }
    }

    fn scheme(&self, limit: &str) -> ApiKeys {
        let scheme = self.keyed.scheme();
        scheme.failure_limit(rate(limit), self.counters.clone())
    }

    /// A key that nobody has asked for yet.
    async fn key(&self) -> ApiKey {
        self.keyed.key(&[]).await
    }

    /// What was asked of the store and of the counters while `work` ran.
    async fn trips<T>(&self, work: impl Future<Output = T>) -> (T, usize, usize) {
        let (asked, counted) = (self.asked.calls(), self.counted.calls());
        let done = work.await;
        let (asked, counted) = (self.asked.calls() - asked, self.counted.calls() - counted);
        (done, asked, counted)
    }
}

/// A key by its form that nobody has.
fn unknown() -> String {
    let key = keyed::format().generate().unwrap();
    key.expose().to_owned()
}

async fn statuses(client: &TestClient, keys: &[String]) -> Vec<u16> {
    let mut statuses = Vec::new();
    for key in keys {
        statuses.push(send_from(client, key, HERE).await.status().as_u16());
    }
    statuses
}

#[tokio::test]
async fn apk_12_over_the_limit_no_bad_key_reaches_the_store() {
    let trial = Trial::new();
    let client = trial.keyed.client(trial.scheme("3/m"));
    let bad: Vec<_> = (0..3).map(|_| unknown()).collect();
    assert_eq!(statuses(&client, &bad).await, [401, 401, 401]);
    trial.keyed.take_seen();

    let ((), asked, _) = trial
        .trips(async {
            for _ in 0..20 {
                let res = send_from(&client, &unknown(), HERE).await;
                assert_eq!(res.status(), 429);
                assert_eq!(res.header("retry-after"), Some("20"));
                assert_eq!(res.header("ratelimit"), None);
                assert_eq!(res.code(), "too_many_requests");
            }
        })
        .await;
    assert_eq!(asked, 0, "the store was asked");
    let seen = trial.keyed.take_seen();
    let limited = (EventKind::Limited, Some("too_many_bad_keys"), None);
    assert_eq!(seen, vec![limited; 20]);

    trial.keyed.clock.advance(Duration::from_secs(20));
    let res = send_from(&client, &unknown(), HERE).await;
    assert_eq!(res.status(), 401);
}

#[tokio::test]
async fn apk_12_a_bad_key_costs_whether_it_is_known_or_not() {
    for kind in ["unknown", "wrong", "revoked"] {
        let trial = Trial::new();
        let client = trial.keyed.client(trial.scheme("3/m"));
        let key = trial.key().await;
        let bad = match kind {
            "unknown" => unknown(),
            "wrong" => {
                let registry = &trial.keyed.registry;
                let rotated = registry.rotate(&ann(), key.id(), Duration::ZERO).await;
                assert_eq!(rotated.unwrap().key.id(), key.id());
                key.expose().to_owned()
            }
            _ => {
                trial.keyed.registry.revoke(&ann(), key.id()).await.unwrap();
                key.expose().to_owned()
            }
        };
        let bad = vec![bad; 5];
        let (statuses, asked, _) = trial.trips(statuses(&client, &bad)).await;
        assert_eq!(statuses, [401, 401, 401, 429, 429], "{kind}");
        assert_eq!(asked, 1, "{kind}: the cache knows it");
    }
}

#[tokio::test]
async fn apk_12_a_good_key_costs_nothing_and_one_in_the_cache_no_trip() {
    let trial = Trial::new();
    let client = trial.keyed.client(trial.scheme("2/m"));
    // More of them than are allowed, none of them in the cache.
    for _ in 0..10 {
        let key = trial.key().await;
        let (res, asked, counted) = trial.trips(send_from(&client, key.expose(), HERE)).await;
        assert_eq!((res.status().as_u16(), asked, counted), (200, 1, 2));
    }
    let known = trial.key().await;
    assert_eq!(send_from(&client, known.expose(), HERE).await.status(), 200);
    let bad: Vec<_> = (0..3).map(|_| unknown()).collect();
    assert_eq!(statuses(&client, &bad).await, [401, 401, 429]);
    let (res, asked, counted) = trial.trips(send_from(&client, known.expose(), HERE)).await;
    assert_eq!((res.status().as_u16(), asked, counted), (200, 0, 0));
    // One that nobody has asked for yet has to wait, as the documentation says.
    let new = trial.key().await;
    assert_eq!(send_from(&client, new.expose(), HERE).await.status(), 429);
}

#[tokio::test]
async fn apk_12_what_is_no_key_is_not_counted() {
    let trial = Trial::new();
    let client = trial.keyed.client(trial.scheme("1/m"));
    let key = trial.key().await;
    let (_, asked, counted) = trial
        .trips(async {
            for _ in 0..5 {
                let res = send_from(&client, &key.expose()[1..], HERE).await;
                assert_eq!(res.status(), 401);
            }
        })
        .await;
    assert_eq!((asked, counted), (0, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn apk_12_of_bad_keys_in_parallel_as_many_reach_the_store_as_are_allowed() {
    let trial = Trial::new();
    let client = trial.keyed.client(trial.scheme("5/h"));
    let requests = (0..40).map(|_| {
        let request = client.get("/").header("x-api-key", &unknown());
        tokio::spawn(request.header("x-forwarded-for", HERE).into_future())
    });
    let (answers, asked, _) = trial.trips(async { join_all(requests).await }).await;
    let answers = answers.into_iter().map(|res| res.unwrap().status());
    assert_eq!(answers.filter(|status| *status == 401).count(), 5);
    assert_eq!(asked, 5);
}

#[tokio::test]
async fn x_08_bad_keys_count_by_the_network_of_the_client() {
    let trial = Trial::new();
    let client = trial.keyed.client(trial.scheme("2/m"));
    for (addresses, expected) in [
        // Two clients.
        (
            ["198.51.100.1", "198.51.100.2", "198.51.100.1"],
            [401, 401, 401],
        ),
        // One, however it is written, and whatever it says of itself.
        (
            ["192.0.2.9", "::ffff:192.0.2.9", "10.0.0.1, 192.0.2.9"],
            [401, 401, 429],
        ),
        // One /64.
        (
            ["2001:db8::1", "2001:DB8:0:0:ffff::2", "2001:db8::3"],
            [401, 401, 429],
        ),
        (
            ["2001:db8:0:1::1", "2001:db8:0:2::1", "2001:db8:0:3::1"],
            [401, 401, 401],
        ),
        // What is not known is one client too.
        (["unknown", "nonsense", "unknown"], [401, 401, 429]),
    ] {
        for (address, status) in addresses.into_iter().zip(expected) {
            let res = send_from(&client, &unknown(), address).await;
            assert_eq!(res.status(), status, "{address} of {addresses:?}");
        }
    }
    // Without a trusted proxy the header is nothing.
    let router = trial
        .keyed
        .router(trial.scheme("2/h"), TrustedProxies::none());
    let client = TestClient::new(router);
    for (n, status) in [401, 401, 429, 429].into_iter().enumerate() {
        let res = send_from(&client, &unknown(), &format!("198.51.100.{n}")).await;
        assert_eq!(res.status(), status);
    }
}

#[tokio::test]
async fn x_06_x_09_counters_that_fail_are_503_unless_it_is_said_otherwise() {
    let trial = Trial::new();
    let strict = trial.keyed.client(trial.scheme("2/m"));
    let open = trial
        .keyed
        .client(trial.scheme("2/m").danger_allow_uncounted());
    let known = trial.key().await;
    assert_eq!(send(&strict, known.expose()).await.status(), 200);

    trial.counted.fail();
    let (res, asked, _) = trial.trips(send(&strict, &unknown())).await;
    assert_eq!((res.status().as_u16(), asked), (503, 0));
    assert_eq!(res.code(), "temporarily_unavailable");
    // Good and in the cache.
    assert_eq!(send(&strict, known.expose()).await.status(), 200);
    trial.keyed.take_seen();

    assert_eq!(send(&open, trial.key().await.expose()).await.status(), 200);
    let uncounted = (EventKind::Unavailable, Some("bad_keys_not_counted"), None);
    assert_eq!(trial.keyed.take_seen(), std::slice::from_ref(&uncounted));
    for _ in 0..5 {
        assert_eq!(send(&open, &unknown()).await.status(), 401);
    }
    assert!(trial.keyed.take_seen().contains(&uncounted));
}

#[tokio::test]
async fn x_06_a_store_that_fails_costs_nobody_anything() {
    let trial = Trial::new();
    let client = trial.keyed.client(trial.scheme("2/m"));
    let key = trial.key().await;
    trial.asked.fail();
    for _ in 0..5 {
        assert_eq!(send(&client, key.expose()).await.status(), 503);
    }
    trial.asked.heal();
    assert_eq!(send(&client, key.expose()).await.status(), 200);
    for status in [401, 401, 429] {
        assert_eq!(send(&client, &unknown()).await.status(), status);
    }
}

#[tokio::test]
async fn x_06_a_request_that_is_dropped_costs_what_a_bad_key_costs() {
    let trial = Trial::new();
    let client = trial.keyed.client(trial.scheme("1/m"));
    let key = trial.key().await;
    trial.asked.pause();
    let request = client.get("/").header("x-api-key", key.expose());
    let answer = tokio::spawn(request.into_future());
    trial.asked.until_waiting(1).await;
    answer.abort();
    assert!(answer.await.unwrap_err().is_cancelled());
    trial.asked.heal();
    assert_eq!(send(&client, key.expose()).await.status(), 429);
    trial.keyed.clock.advance(Duration::from_secs(60));
    assert_eq!(send(&client, key.expose()).await.status(), 200);
}

#[tokio::test]
async fn a_slow_look_up_gives_back_nothing_that_has_come_back_by_itself() {
    let trial = Trial::new();
    let client = trial.keyed.client(trial.scheme("2/m"));
    let key = trial.key().await;
    trial.asked.pause();
    let request = client.get("/").header("x-api-key", key.expose());
    let answer = tokio::spawn(request.into_future());
    trial.asked.until_waiting(1).await;
    trial.keyed.clock.advance(Duration::from_secs(60));
    let mut waiting = Vec::new();
    for n in 0..2 {
        let bad = client.get("/").header("x-api-key", &unknown());
        waiting.push(tokio::spawn(bad.into_future()));
        trial.asked.until_waiting(2 + n).await;
    }
    trial.asked.heal();
    assert_eq!(answer.await.unwrap().status(), 200);
    for bad in waiting {
        assert_eq!(bad.await.unwrap().status(), 401);
    }
    assert_eq!(send(&client, &unknown()).await.status(), 429);
}

/// The statuses of `requests` with one key that come while the store thinks.
async fn at_once(trial: &Trial, client: &TestClient, key: &str, requests: usize) -> Vec<u16> {
    trial.asked.pause();
    let requests = (0..requests).map(|_| send_from(client, key, HERE));
    let healed = async {
        trial.asked.until_waiting(1).await;
        trial.asked.heal();
    };
    let (answers, ()) = tokio::join!(join_all(requests), healed);
    answers.iter().map(|res| res.status().as_u16()).collect()
}

#[tokio::test]
async fn apk_12_a_good_key_in_constant_use_is_never_refused() {
    let trial = Trial::new();
    let client = trial.keyed.client(trial.scheme("10/m"));
    let key = trial.key().await;
    // At its first use one pays for all, and later none does.
    for counted in [2, 0, 0] {
        let requests = at_once(&trial, &client, key.expose(), 40);
        let (statuses, asked, trips) = trial.trips(requests).await;
        assert_eq!(statuses, [200; 40]);
        assert_eq!((asked, trips), (1, counted));
        trial.cache.forget_all();
    }
    // Both secrets of a key, in turns.
    let overlap = Duration::from_secs(60);
    let rotated = trial.keyed.registry.rotate(&ann(), key.id(), overlap).await;
    let rotated = rotated.unwrap().key;
    for _ in 0..3 {
        for key in [&key, &rotated] {
            trial.cache.forget_all();
            let statuses = at_once(&trial, &client, key.expose(), 40).await;
            assert_eq!(statuses, [200; 40]);
        }
    }
}

#[tokio::test]
async fn apk_12_a_neighbour_with_bad_keys_locks_no_good_key_out() {
    let trial = Trial::new();
    let client = trial.keyed.client(trial.scheme("3/m"));
    let key = trial.key().await;
    assert_eq!(send_from(&client, key.expose(), HERE).await.status(), 200);
    // For longer than an hour in all: each use counts as one.
    for _ in 0..100 {
        trial.keyed.clock.advance(Duration::from_secs(59));
        let bad: Vec<_> = (0..4).map(|_| unknown()).collect();
        assert_eq!(statuses(&client, &bad).await[3], 429);
        trial.cache.forget_all();
        assert_eq!(send_from(&client, key.expose(), HERE).await.status(), 200);
    }
    // What was good once, long ago, has to wait.
    trial.keyed.clock.advance(Duration::from_secs(60 * 60));
    let bad: Vec<_> = (0..4).map(|_| unknown()).collect();
    assert_eq!(statuses(&client, &bad).await, [401, 401, 401, 429]);
    trial.cache.forget_all();
    assert_eq!(send_from(&client, key.expose(), HERE).await.status(), 429);
}

#[tokio::test]
async fn apk_12_a_key_that_was_good_is_spared_nothing_once_it_is_bad() {
    let trial = Trial::new();
    let client = trial.keyed.client(trial.scheme("3/m"));
    let key = trial.key().await;
    assert_eq!(send_from(&client, key.expose(), HERE).await.status(), 200);
    trial.keyed.registry.revoke(&ann(), key.id()).await.unwrap();
    let (mut statuses, asked) = (Vec::new(), trial.asked.calls());
    for _ in 0..5 {
        trial.cache.forget_all();
        let res = send_from(&client, key.expose(), HERE).await;
        statuses.push(res.status().as_u16());
    }
    assert_eq!(statuses, [401, 401, 401, 429, 429]);
    assert_eq!(trial.asked.calls() - asked, 3);
}

#[tokio::test]
async fn apk_12_of_one_bad_key_in_parallel_every_request_pays() {
    let trial = Trial::new();
    let client = trial.keyed.client(trial.scheme("10/m"));
    let mut statuses = at_once(&trial, &client, &unknown(), 40).await;
    statuses.sort_unstable();
    assert_eq!(statuses, [[401; 10].as_slice(), &[429; 30]].concat());
}

#[tokio::test]
async fn x_06_whoever_waits_for_a_request_that_is_dropped_goes_on() {
    let trial = Trial::new();
    let client = trial.keyed.client(trial.scheme("5/m"));
    let key = trial.key().await;
    trial.asked.pause();
    let mut waiting = Vec::new();
    for _ in 0..3 {
        let request = client.get("/").header("x-api-key", key.expose());
        waiting.push(tokio::spawn(request.into_future()));
        trial.asked.until_waiting(1).await;
        tokio::task::yield_now().await;
    }
    waiting.remove(0).abort();
    trial.asked.heal();
    for answer in waiting {
        assert_eq!(answer.await.unwrap().status(), 200);
    }
}

#[tokio::test]
async fn good_keys_behind_a_slow_store_cost_nothing() {
    let trial = Trial::new();
    // One comes back in two seconds, and the store takes three.
    let client = trial.keyed.client(trial.scheme("30/m"));
    for _ in 0..30 {
        let mut keys = Vec::new();
        for _ in 0..30 {
            keys.push(trial.key().await);
        }
        trial.asked.pause();
        let requests = keys
            .iter()
            .map(|key| send_from(&client, key.expose(), HERE));
        let healed = async {
            trial.asked.until_waiting(30).await;
            trial.keyed.clock.advance(Duration::from_secs(3));
            trial.asked.heal();
        };
        let (answers, ()) = tokio::join!(join_all(requests), healed);
        assert!(answers.iter().all(|res| res.status() == 200));
    }
}

/// Users of whom none is left, told at once or after a while.
struct Nobody {
    at_once: bool,
}

impl KeyOwners for Nobody {
    fn authority_now(&self, _: &Owner) -> Lookup<OwnerAuthority> {
        if self.at_once {
            Lookup::Missing
        } else {
            Lookup::Wait
        }
    }

    async fn authority(&self, _: &Owner) -> Result<Option<OwnerAuthority>, AuthError> {
        Ok(None)
    }
}

#[tokio::test]
async fn apk_12_the_key_of_an_owner_who_is_gone_is_a_bad_one() {
    for at_once in [true, false] {
        let trial = Trial::new();
        let owners = Arc::new(Nobody { at_once });
        let scheme = ApiKeys::new(keyed::format(), trial.keyed.store.clone(), owners)
            .clock(trial.keyed.clock.shared())
            .events(trial.keyed.events())
            .failure_limit(rate("3/m"), trial.counters.clone());
        let client = trial.keyed.client(scheme);
        let key = trial.key().await;
        // The second one is in the cache.
        let keys = vec![key.expose().to_owned(); 5];
        let statuses = statuses(&client, &keys).await;
        assert_eq!(statuses, [401, 401, 401, 429, 429], "{at_once}");
    }
}
