//! Keys that are fetched: what is asked when, and what tokens notice of it. Time is virtual.
#![cfg(all(feature = "remote", any(feature = "aws-lc", feature = "rust-crypto")))]
#![allow(clippy::unwrap_used, reason = "a test may")]

mod common;
#[path = "common/provider.rs"]
mod provider;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use auth_layer::{AuthErrorKind, Event, EventKind, Events};
use common::refusal;
use futures_util::FutureExt;
use futures_util::future::join_all;
use http::StatusCode;
use jwt_layer::{Algorithm, HttpErrorKind, Jwt, KeySource, Keys, RemoteKeys, WantedKey};
use provider::{Failure, JWKS, Provider, Signer, altered, jwt, tokio_clock, unsigned};
use serde_json::json;
use tokio::time::{advance, sleep};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(60 * 60);

/// Whether the token is accepted without waiting for anything.
fn is_accepted_at_once(jwt: &Jwt, token: &str) -> bool {
    matches!(jwt.verify_token(token).now_or_never(), Some(Ok(_)))
}

async fn kind(jwt: &Jwt, token: &str) -> Option<AuthErrorKind> {
    jwt.verify_token(token)
        .await
        .err()
        .map(|error| error.kind())
}

fn failures() -> Vec<Failure> {
    let json = "application/json";
    let answer = |status, kind, body: &str| Failure::Answer(status, kind, body.to_owned());
    let many = vec![json!({ "kty": "EC" }); 10_000];
    vec![
        Failure::Client(HttpErrorKind::TimedOut),
        Failure::Client(HttpErrorKind::Connect),
        answer(500, json, "{}"),
        answer(404, json, r#"{"keys":[]}"#),
        answer(302, json, ""),
        answer(304, json, ""),
        answer(200, "text/html", "<html>"),
        answer(200, json, "<html>"),
        answer(200, json, ""),
        answer(200, json, "[]"),
        answer(200, json, r#"{"keys":{}}"#),
        answer(200, json, r#"{"keys":[]}"#),
        answer(
            200,
            json,
            r#"{"keys":[{"kty":"oct","k":"AAAA"},{"kty":"new"},7]}"#,
        ),
        answer(200, json, &json!({ "keys": many }).to_string()),
        Failure::Answer(200, json, "x".repeat(600_000)),
    ]
}

#[tokio::test(start_paused = true)]
async fn key_01_invented_key_ids_cost_one_fetch_per_cooldown_and_nobody_notices() {
    let provider = Provider::new();
    let signer = provider.rotate("good");
    let (keys, jwt) = provider.jwt();
    keys.ready().await.unwrap();
    assert_eq!(provider.asked(), 1);

    let valid = signer.token();
    for round in 2..5 {
        // During the cooldown: refused at once, nothing asked.
        for index in 0..10_000 {
            let refused = jwt.verify_token(&unsigned(&format!("{round}-{index}")));
            let error = refused.now_or_never().unwrap().unwrap_err();
            assert_eq!(error.reason(), "unknown_key");
        }
        assert_eq!(provider.asked(), round - 1);

        // After it: all of them together have it asked once, and valid tokens do not wait with them.
        advance(31 * SECOND).await;
        provider.delay(SECOND);
        let invented: Vec<_> = (0..10_000)
            .map(|index| unsigned(&format!("i{index}")))
            .collect();
        let waiting = join_all(invented.iter().map(|token| refusal(&jwt, token)));
        let valid_meanwhile = async {
            for _ in 0..20 {
                assert!(is_accepted_at_once(&jwt, &valid));
                sleep(Duration::from_millis(100)).await;
            }
        };
        let (reasons, ()) = tokio::join!(waiting, valid_meanwhile);
        assert!(reasons.iter().all(|reason| *reason == "unknown_key"));
        assert_eq!(provider.asked(), round);
    }
    assert!(is_accepted_at_once(&jwt, &valid));
}

#[tokio::test(start_paused = true)]
async fn key_01_one_issuer_s_cooldown_is_not_another_s() {
    let (first, second) = (Provider::new(), Provider::new());
    first.rotate("a");
    let signer = second.rotate("b");
    let (_, jwt_of_first) = first.jwt();
    let (_, jwt_of_second) = second.jwt();
    assert_eq!(refusal(&jwt_of_first, &unsigned("x")).await, "unknown_key");
    assert!(jwt_of_second.verify_token(&signer.token()).await.is_ok());
    assert_eq!((first.asked(), second.asked()), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn key_02_a_bad_signature_under_a_known_key_has_nothing_fetched() {
    let provider = Provider::new();
    provider.rotate("good");
    let (keys, jwt) = provider.jwt();
    keys.ready().await.unwrap();
    for _ in 0..3 {
        advance(31 * SECOND).await;
        assert_eq!(refusal(&jwt, &unsigned("good")).await, "bad_signature");
    }
    // Another key of the same name.
    let forger = Signer::new("good");
    assert_eq!(refusal(&jwt, &forger.token()).await, "bad_signature");
    assert_eq!(provider.asked(), 1);
}

#[tokio::test(start_paused = true)]
async fn key_03_a_failed_fetch_keeps_the_keys_and_cools_down() {
    for failure in failures() {
        let provider = Provider::new();
        let signer = provider.rotate("good");
        let (keys, jwt) = provider.jwt();
        keys.ready().await.unwrap();

        provider.fail(failure.clone());
        provider.withdraw("good");
        advance(31 * SECOND).await;
        // The one who asked, and all who come during the cooldown.
        for _ in 0..100 {
            let kind = kind(&jwt, &unsigned("other")).await;
            assert_eq!(kind, Some(AuthErrorKind::Unavailable), "{failure:?}");
            assert!(is_accepted_at_once(&jwt, &signer.token()), "{failure:?}");
        }
        assert_eq!(provider.asked(), 2, "{failure:?}");
        advance(29 * SECOND).await;
        assert!(is_accepted_at_once(&jwt, &signer.token()));
        assert_eq!(provider.asked(), 2, "{failure:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn key_03_old_keys_serve_up_to_their_bound_and_then_it_is_503() {
    let provider = Provider::new();
    let signer = provider.rotate("good");
    let (keys, jwt) = jwt(provider.keys().max_age(2 * HOUR));
    keys.ready().await.unwrap();
    provider.fail(Failure::Client(HttpErrorKind::Connect));

    for _ in 0..11 {
        sleep(10 * MINUTE).await;
        assert!(is_accepted_at_once(&jwt, &signer.token()));
        assert!(keys.ready().await.is_ok());
    }
    let asked = provider.asked();
    assert!((8..30).contains(&asked), "asked {asked} times");
    sleep(11 * MINUTE).await;
    assert_eq!(
        kind(&jwt, &signer.token()).await,
        Some(AuthErrorKind::Unavailable)
    );
    assert!(keys.ready().await.is_err());

    // As soon as the issuer is back, without a request that asks for it.
    provider.recover();
    sleep(11 * MINUTE).await;
    assert!(is_accepted_at_once(&jwt, &signer.token()));
}

#[tokio::test(start_paused = true)]
async fn key_03_an_issuer_that_is_down_at_the_start_is_503_until_it_is_up() {
    let provider = Provider::new();
    let signer = provider.rotate("good");
    provider.fail(Failure::Client(HttpErrorKind::Connect));
    let (keys, jwt) = provider.jwt();
    let res = common::send_bearer(&jwt, &signer.token()).await;
    assert_eq!(res.status(), StatusCode::SERVICE_UNAVAILABLE);
    let error = keys.ready().await.unwrap_err();
    assert_eq!(error.kind(), AuthErrorKind::Unavailable);
    for _ in 0..100 {
        assert_eq!(
            kind(&jwt, &signer.token()).await,
            Some(AuthErrorKind::Unavailable)
        );
    }
    assert_eq!(provider.asked(), 1);

    provider.recover();
    advance(31 * SECOND).await;
    assert!(jwt.verify_token(&signer.token()).await.is_ok());
    assert!(keys.ready().await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn key_04_callers_who_go_away_take_nothing_from_those_who_wait() {
    let provider = Provider::new();
    let signer = provider.rotate("good");
    provider.delay(2 * SECOND);
    let (_, jwt) = provider.jwt();
    let token = signer.token();

    let first = tokio::spawn({
        let (jwt, token) = (jwt.clone(), token.clone());
        async move { jwt.verify_token(&token).await }
    });
    sleep(SECOND).await;
    let others = join_all((0..10).map(|_| jwt.verify_token(&token)));
    let abort = async {
        first.abort();
        assert!(first.await.unwrap_err().is_cancelled());
    };
    let (others, ()) = tokio::join!(others, abort);
    assert!(others.iter().all(Result::is_ok), "{others:?}");
    assert_eq!(provider.asked(), 1);
}

#[tokio::test(start_paused = true)]
async fn key_04_if_all_callers_go_away_the_keys_still_come() {
    let provider = Provider::new();
    let signer = provider.rotate("good");
    provider.delay(2 * SECOND);
    let (_, jwt) = provider.jwt();
    let given_up = tokio::time::timeout(SECOND, jwt.verify_token(&signer.token())).await;
    assert!(given_up.is_err());
    sleep(2 * SECOND).await;
    assert!(is_accepted_at_once(&jwt, &signer.token()));
    assert_eq!(provider.asked(), 1);
}

#[test]
fn key_04_a_runtime_that_ends_in_the_middle_is_a_failed_attempt() {
    let runtime = || {
        let mut builder = tokio::runtime::Builder::new_current_thread();
        builder.enable_all().start_paused(true).build().unwrap()
    };
    let provider = Provider::new();
    let signer = provider.rotate("good");
    provider.delay(2 * SECOND);
    let now = Arc::new(Mutex::new(common::at(common::NOW)));
    let clock = {
        let now = Arc::clone(&now);
        auth_layer::SharedClock::new(move || *now.lock().unwrap())
    };
    let first = runtime();
    let (jwt, token) = first.block_on(async {
        let keys = provider.keys().clock(clock.clone()).build().unwrap();
        let policy = common::strict().build().unwrap();
        let jwt = Jwt::new(policy, keys).clock(clock.clone());
        let token = signer.token();
        let given_up = tokio::time::timeout(SECOND, jwt.verify_token(&token)).await;
        assert!(given_up.is_err());
        (jwt, token)
    });
    drop(first);

    let second = runtime();
    let kind = |error: auth_layer::AuthError| error.kind();
    let during = second.block_on(jwt.verify_token(&token));
    assert_eq!(
        during.map_err(kind).unwrap_err(),
        AuthErrorKind::Unavailable
    );
    assert_eq!(provider.asked(), 1);
    *now.lock().unwrap() += 31 * SECOND;
    assert!(second.block_on(jwt.verify_token(&token)).is_ok());
}

#[test]
fn without_a_runtime_it_is_503_and_no_panic() {
    let provider = Provider::new();
    provider.rotate("good");
    let keys = RemoteKeys::from_url(JWKS).client(provider).build().unwrap();
    let jwt = Jwt::new(common::strict().build().unwrap(), keys).clock(common::clock());
    let refused = jwt.verify_token(&unsigned("good")).now_or_never().unwrap();
    assert_eq!(refused.unwrap_err().kind(), AuthErrorKind::Unavailable);
}

#[tokio::test(start_paused = true)]
async fn key_05_a_slow_issuer_is_not_noticed_by_tokens_whose_key_is_known() {
    let provider = Provider::new();
    let signer = provider.rotate("good");
    let limits = jwt_layer::HttpLimits::new()
        .with_timeout(30 * SECOND)
        .unwrap();
    let (keys, jwt) = jwt(provider.keys().limits(limits));
    keys.ready().await.unwrap();
    provider.delay(10 * SECOND);

    // One request every 50 ms of an hour, through several refreshes: not one has to wait at all.
    let mut token = signer.token();
    for tick in 0..72_000 {
        if tick % 2_000 == 0 {
            token = signer.token();
        }
        // Most ticks look at nothing but the key: the signature takes time of its own.
        if tick % 100 == 0 {
            assert!(is_accepted_at_once(&jwt, &token), "tick {tick}");
        } else {
            let wanted = WantedKey::new(Some("good"), Algorithm::Es256);
            let found = keys.find(&wanted);
            assert!(
                matches!(found, jwt_layer::KeyLookup::Found(_)),
                "tick {tick}"
            );
        }
        sleep(Duration::from_millis(50)).await;
    }
    let asked = provider.asked();
    assert!((6..9).contains(&asked), "asked {asked} times");
    assert_eq!(provider.most_running(), 1);
}

#[tokio::test(start_paused = true)]
async fn key_05_a_client_that_forgets_the_time_is_given_up() {
    let provider = Provider::new();
    let signer = provider.rotate("good");
    provider.delay(HOUR);
    let limits = jwt_layer::HttpLimits::new()
        .with_timeout(2 * SECOND)
        .unwrap();
    let keys = [
        RemoteKeys::from_url(JWKS),
        RemoteKeys::discover(common::ISSUER),
    ];
    for keys in keys {
        let keys = keys.client(provider.clone()).limits(limits.clone());
        let (_, jwt) = jwt(keys.clock(tokio_clock()).events(Events::none()));
        let began = tokio::time::Instant::now();
        let kind = kind(&jwt, &signer.token()).await;
        assert_eq!(kind, Some(AuthErrorKind::Unavailable));
        assert_eq!(began.elapsed().as_secs(), 2);
    }
}

#[tokio::test(start_paused = true)]
async fn key_05_keys_that_are_due_are_refreshed_though_the_refresher_slept_too_long() {
    // A clock that jumps, as after a suspended machine: timers know nothing of it.
    let provider = Provider::new();
    let signer = provider.rotate("old");
    let now = Arc::new(Mutex::new(common::at(common::NOW)));
    let clock = {
        let now = Arc::clone(&now);
        auth_layer::SharedClock::new(move || *now.lock().unwrap())
    };
    let keys = provider.keys().clock(clock.clone()).build().unwrap();
    let jwt = Jwt::new(common::strict().build().unwrap(), keys.clone()).clock(common::clock());
    keys.ready().await.unwrap();
    let token = signer.token();
    provider.withdraw("old");
    provider.rotate("new");

    *now.lock().unwrap() += HOUR;
    assert!(is_accepted_at_once(&jwt, &token));
    tokio::task::yield_now().await;
    tokio::task::yield_now().await;
    assert_eq!(provider.asked(), 2);
    assert_eq!(refusal(&jwt, &token).await, "unknown_key");

    // And a clock that is set back does not stop it.
    *now.lock().unwrap() -= 10 * HOUR;
    provider.withdraw("new");
    let newest = provider.rotate("newest");
    assert!(jwt.verify_token(&newest.token()).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn key_07_what_cannot_be_used_is_left_out_and_the_rest_is_kept() {
    let provider = Provider::new();
    let signer = provider.rotate("good");
    let other = Signer::new("x").public;
    for unusable in [
        json!({ "kty": "oct", "kid": "oct", "k": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA" })
            .to_string(),
        json!({ "kty": "AKP", "kid": "new", "alg": "ML-DSA-44" }).to_string(),
        json!({ "kid": "no kind" }).to_string(),
        altered(&other, json!({ "kid": "private", "d": "AAAA" })),
        altered(&other, json!({ "kid": "enc", "use": "enc" })),
        altered(
            &other,
            json!({ "kid": "ops", "use": null, "key_ops": ["sign"] }),
        ),
        altered(
            &other,
            json!({ "kid": "off", "x": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA" }),
        ),
        altered(&other, json!({ "kid": "alg", "alg": "HS256" })),
        "7".to_owned(),
    ] {
        provider.publish(unusable);
    }
    let (_, jwt) = provider.jwt();
    assert!(jwt.verify_token(&signer.token()).await.is_ok());
    for kid in [
        "oct", "new", "no kind", "private", "enc", "ops", "off", "alg", "x",
    ] {
        assert_eq!(refusal(&jwt, &unsigned(kid)).await, "unknown_key", "{kid}");
    }
    // A symmetric key among them does not verify HMAC either.
    let header = json!({ "alg": "HS256", "typ": "at+jwt", "kid": "oct" });
    let forged = common::forge(&header.to_string(), &common::claims().to_string(), &[0; 32]);
    assert_eq!(refusal(&jwt, &forged).await, "unknown_key");
}

#[tokio::test(start_paused = true)]
async fn key_08_rotation_is_followed_within_one_cooldown_and_a_removed_key_goes() {
    let provider = Provider::new();
    let old = provider.rotate("old");
    let (_, jwt) = provider.jwt();
    assert!(jwt.verify_token(&old.token()).await.is_ok());

    // Published after the fetch: refused during the cooldown, accepted after it.
    let new = provider.rotate("new");
    assert_eq!(refusal(&jwt, &new.token()).await, "unknown_key");
    advance(31 * SECOND).await;
    assert!(jwt.verify_token(&new.token()).await.is_ok());
    assert!(is_accepted_at_once(&jwt, &old.token()));

    // Taken away: refused after the refresh in the background.
    provider.withdraw("old");
    assert!(is_accepted_at_once(&jwt, &old.token()));
    sleep(10 * MINUTE).await;
    assert_eq!(refusal(&jwt, &old.token()).await, "unknown_key");
    assert!(is_accepted_at_once(&jwt, &new.token()));
}

#[tokio::test(start_paused = true)]
async fn key_08_a_token_without_a_key_id_needs_a_single_candidate() {
    let provider = Provider::new();
    let signer = Signer::new("only");
    let anonymous = altered(&signer.public, json!({ "kid": null }));
    provider.publish(anonymous);
    let (_, jwt) = provider.jwt();
    assert!(jwt.verify_token(&signer.token()).await.is_ok());
    let header = json!({ "alg": "ES256", "typ": "at+jwt" }).to_string();
    let nameless = common::forge(&header, &common::claims().to_string(), &[0; 32]);
    assert_eq!(refusal(&jwt, &nameless).await, "bad_signature");

    provider.publish(Signer::new("second").public);
    sleep(10 * MINUTE).await;
    assert_eq!(refusal(&jwt, &nameless).await, "unknown_key");
}

#[tokio::test(start_paused = true)]
async fn key_10_there_is_one_request_at_a_time_so_no_answer_overtakes_another() {
    let provider = Provider::new();
    let old = provider.rotate("old");
    let (keys, jwt) = provider.jwt();
    keys.ready().await.unwrap();
    advance(31 * SECOND).await;

    // An answer that was made before the rotation is on its way, slowly.
    provider.delay(4 * SECOND);
    let early = tokio::spawn({
        let (jwt, token) = (jwt.clone(), unsigned("early"));
        async move { refusal(&jwt, &token).await }
    });
    sleep(SECOND).await;
    provider.withdraw("old");
    let new = provider.rotate("new");
    provider.delay(Duration::ZERO);
    // Those who ask now get that answer, and no quicker one of their own.
    assert_eq!(refusal(&jwt, &new.token()).await, "unknown_key");
    assert_eq!(early.await.unwrap(), "unknown_key");
    assert_eq!((provider.asked(), provider.most_running()), (2, 1));
    assert!(is_accepted_at_once(&jwt, &old.token()));

    advance(31 * SECOND).await;
    assert!(jwt.verify_token(&new.token()).await.is_ok());
    for _ in 0..10 {
        sleep(10 * MINUTE).await;
        assert!(is_accepted_at_once(&jwt, &new.token()));
        assert_eq!(refusal(&jwt, &old.token()).await, "unknown_key");
    }
    assert_eq!(provider.most_running(), 1);
}

#[tokio::test(start_paused = true)]
async fn the_issuer_s_max_age_is_kept_within_bounds() {
    for (value, longest, shortest) in [
        ("max-age=1800", 1800, 1620),
        ("no-store", 60, 54),
        ("max-age=5", 60, 54),
        ("max-age=604800", 3600, 3240),
        ("private", 600, 540),
    ] {
        let provider = Provider::new();
        provider.rotate("good");
        provider.cache_control(value);
        let (keys, _jwt) = provider.jwt();
        keys.ready().await.unwrap();
        sleep(Duration::from_secs(shortest - 3)).await;
        assert_eq!(provider.asked(), 1, "{value}");
        sleep(Duration::from_secs(longest - shortest + 6)).await;
        assert_eq!(provider.asked(), 2, "{value}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_unused_source_asks_nothing_and_one_that_is_dropped_stops() {
    let provider = Provider::new();
    provider.rotate("good");
    let (keys, jwt) = provider.jwt();
    sleep(HOUR).await;
    assert_eq!(provider.asked(), 0);
    keys.ready().await.unwrap();
    drop(keys);
    sleep(11 * MINUTE).await;
    assert_eq!(provider.asked(), 2);
    drop(jwt);
    sleep(HOUR).await;
    assert_eq!((provider.asked(), provider.holders()), (2, 1));
}

#[tokio::test(start_paused = true)]
async fn each_attempt_is_an_event() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let events = {
        let seen = Arc::clone(&seen);
        Events::to(move |event: &Event<'_>| {
            let object = event.object_id.unwrap().to_owned();
            seen.lock()
                .unwrap()
                .push((event.kind, event.reason, object));
        })
    };
    let provider = Provider::new();
    provider.fail(Failure::Client(HttpErrorKind::TimedOut));
    let keys = provider.keys().events(events).build().unwrap();
    let timed_out = Some("http_timeout");
    assert!(keys.ready().await.is_err());
    provider.recover();
    provider.rotate("good");
    advance(31 * SECOND).await;
    keys.ready().await.unwrap();
    provider.fail(Failure::Client(HttpErrorKind::TimedOut));
    sleep(10 * MINUTE).await;
    let seen = seen.lock().unwrap();
    let expected = [
        (EventKind::KeysFetchFailed, timed_out),
        (EventKind::KeysFetched, None),
        (EventKind::StaleKeysUsed, timed_out),
    ];
    for (index, (kind, reason)) in expected.into_iter().enumerate() {
        assert_eq!(seen[index], (kind, reason, JWKS.to_owned()));
    }
}

#[tokio::test]
async fn a_source_works_behind_any_wrapper() {
    let provider = Provider::new();
    let signer = provider.rotate("good");
    let keys = Keys::from_source(provider.keys().build().unwrap());
    let jwt = Jwt::new(common::strict().build().unwrap(), keys).clock(tokio_clock());
    assert!(jwt.verify_token(&signer.token()).await.is_ok());
}

#[test]
fn settings_that_cannot_be_meant_are_refused_by_name() {
    let provider = Provider::new();
    let good = || RemoteKeys::from_url(JWKS).client(provider.clone());
    let cases = [
        (good().cooldown(Duration::ZERO), "cooldown"),
        (good().cooldown(Duration::from_millis(999)), "cooldown"),
        (good().cooldown(11 * MINUTE), "refresh_interval"),
        (good().refresh_interval(SECOND), "refresh_interval"),
        (good().max_age(MINUTE), "max_age"),
        (good().max_age(31 * 24 * HOUR), "max_age"),
        (good().algorithms([]), "algorithms"),
        (good().algorithms([Algorithm::Hs256]), "algorithms"),
        (RemoteKeys::from_url("http://id.example.com/jwks"), "url"),
        (RemoteKeys::from_url(""), "url"),
        (RemoteKeys::discover("http://id.example.com"), "issuer"),
    ];
    for (builder, option) in cases {
        assert_eq!(builder.build().unwrap_err().option(), option);
    }
    assert!(good().build().is_ok());
}
