//! Keys that are learnt, and revocations that are asked for.
#![cfg(any(feature = "aws-lc", feature = "rust-crypto"))]
#![allow(clippy::unwrap_used, reason = "a test may")]

mod common;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use auth_layer::{AuthError, Identity, SharedClock};
use common::*;
use http::StatusCode;
use jwt_layer::{
    AccessTokenRequest, Algorithm, IssuedToken, Issuer, Jwt, KeyLookup, KeySource, Keys,
    MemoryRevocations, Revocations, SharedRevocations, SigningKey, SubjectRevocation, VerifyingKey,
    WantedKey,
};
use serde_json::json;

/// Knows nothing until it is asked to learn, and does not ask again soon after it has asked.
#[derive(Default)]
struct Slow {
    key: Mutex<Option<Arc<VerifyingKey>>>,
    asked: AtomicUsize,
    down: bool,
    /// How often it asks before it cools down.
    patience: Option<usize>,
}

impl KeySource for Slow {
    fn find(&self, wanted: &WantedKey<'_>) -> KeyLookup {
        let key = self.key.lock().unwrap();
        let asked = self.asked.load(Ordering::Relaxed);
        match key.as_ref().filter(|key| key.kid() == wanted.kid) {
            Some(key) => KeyLookup::Found(Arc::clone(key)),
            None if self.patience.is_none_or(|patience| asked < patience) => KeyLookup::Ask,
            None if self.down => KeyLookup::Unavailable,
            None => KeyLookup::Unknown,
        }
    }

    async fn refresh(&self, _: &WantedKey<'_>) -> Result<(), AuthError> {
        tokio::task::yield_now().await;
        self.asked.fetch_add(1, Ordering::Relaxed);
        if self.down {
            return Err(AuthError::invalid("connection_refused"));
        }
        *self.key.lock().unwrap() = Some(Arc::new(key().with_kid("new")));
        Ok(())
    }
}

fn slow_jwt(source: &Arc<Slow>) -> Jwt {
    Jwt::new(plain().build().unwrap(), Arc::clone(source)).clock(clock())
}

fn with_kid(kid: &str) -> String {
    let header = json!({ "alg": "HS256", "kid": kid });
    forge(&header.to_string(), &claims().to_string(), &SECRET)
}

#[tokio::test]
async fn an_unknown_key_is_waited_for() {
    let source = Arc::new(Slow::default());
    let jwt = slow_jwt(&source);
    assert_eq!(send_bearer(&jwt, &with_kid("new")).await.body(), "alice");
    assert_eq!(send_bearer(&jwt, &with_kid("new")).await.body(), "alice");
    assert_eq!(source.asked.load(Ordering::Relaxed), 1);
    assert_eq!(refusal(&jwt, &with_kid("other")).await, "unknown_key");
    assert_eq!(source.asked.load(Ordering::Relaxed), 2);
}

#[tokio::test]
async fn key_01_a_source_that_has_just_asked_is_not_asked_again() {
    let source = Arc::new(Slow {
        patience: Some(1),
        ..Slow::default()
    });
    let jwt = slow_jwt(&source);
    for kid in ["invented", "invented", "another"] {
        assert_eq!(refusal(&jwt, &with_kid(kid)).await, "unknown_key");
    }
    assert_eq!(source.asked.load(Ordering::Relaxed), 1);
    assert!(jwt.verify_token(&with_kid("new")).await.is_ok());
}

#[tokio::test]
async fn key_03_a_source_that_is_down_is_not_the_token_s_fault() {
    let source = Arc::new(Slow {
        down: true,
        patience: Some(1),
        ..Slow::default()
    });
    let jwt = slow_jwt(&source);
    // The first request waits for the attempt, and those after it come during the cooldown.
    for _ in 0..3 {
        let res = send_bearer(&jwt, &with_kid("new")).await;
        assert_eq!(res.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert!(!res.headers().contains_key(http::header::WWW_AUTHENTICATE));
    }
    assert_eq!(source.asked.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn key_03_a_source_that_goes_down_while_it_is_asked_is_503() {
    /// Says to ask, then that it cannot be asked, though asking went well.
    #[derive(Default)]
    struct Flaky(AtomicUsize);

    impl KeySource for Flaky {
        fn find(&self, _: &WantedKey<'_>) -> KeyLookup {
            match self.0.fetch_add(1, Ordering::Relaxed) {
                0 => KeyLookup::Ask,
                _ => KeyLookup::Unavailable,
            }
        }
    }

    let source = Keys::from_source(Flaky::default());
    let jwt = Jwt::new(plain().build().unwrap(), source).clock(clock());
    let res = send_bearer(&jwt, &with_kid("new")).await;
    assert_eq!(res.status(), StatusCode::SERVICE_UNAVAILABLE);
}

#[tokio::test]
async fn a_source_is_asked_as_a_token_asks_it() {
    let source = Slow::default();
    let wanted = WantedKey::new(Some("new"), Algorithm::Hs256);
    assert!(matches!(source.find(&wanted), KeyLookup::Ask));
    source.refresh(&wanted).await.unwrap();
    assert!(matches!(source.find(&wanted), KeyLookup::Found(_)));
}

#[tokio::test]
async fn key_02_a_bad_signature_under_a_known_key_asks_nobody() {
    let source = Arc::new(Slow::default());
    *source.key.lock().unwrap() = Some(Arc::new(key().with_kid("new")));
    let forged = forge(
        r#"{"alg":"HS256","kid":"new"}"#,
        &claims().to_string(),
        &[1; 32],
    );
    assert_eq!(refusal(&slow_jwt(&source), &forged).await, "bad_signature");
    assert_eq!(source.asked.load(Ordering::Relaxed), 0);
}

/// A store that waits, and may be down.
struct Remote {
    memory: MemoryRevocations,
    down: bool,
}

impl Revocations for Remote {
    async fn is_revoked(&self, token: &IssuedToken<'_>) -> Result<bool, AuthError> {
        tokio::task::yield_now().await;
        if self.down {
            return Err(AuthError::invalid("timeout"));
        }
        self.memory.is_revoked(token).await
    }

    async fn revoke_token(
        &self,
        issuer: &str,
        id: &str,
        until: SystemTime,
    ) -> Result<(), AuthError> {
        self.memory.revoke_token(issuer, id, until).await
    }

    async fn revoke_subject(&self, revocation: &SubjectRevocation<'_>) -> Result<(), AuthError> {
        self.memory.revoke_subject(revocation).await
    }
}

fn stores() -> [SharedRevocations; 2] {
    let memory = MemoryRevocations::new();
    let remote = Remote {
        memory: MemoryRevocations::new(),
        down: false,
    };
    [
        SharedRevocations::new(memory),
        SharedRevocations::new(remote),
    ]
}

#[tokio::test]
async fn jwt_19_a_revoked_token_is_refused_at_once() {
    for store in stores() {
        let jwt = jwt().revocations(store.clone());
        let first = token(&claims_with(json!({ "jti": "t1" })));
        let second = token(&claims_with(json!({ "jti": "t2" })));
        assert!(jwt.verify_token(&first).await.is_ok());
        store
            .revoke_token(ISSUER, "t1", at(NOW + 660))
            .await
            .unwrap();
        assert_eq!(refusal(&jwt, &first).await, "token_revoked");
        assert_eq!(
            send_bearer(&jwt, &first).await.status(),
            StatusCode::UNAUTHORIZED
        );
        assert!(jwt.verify_token(&second).await.is_ok());
    }
}

#[tokio::test]
async fn jwt_19_all_tokens_of_a_session_end_with_it() {
    for store in stores() {
        let jwt = jwt().revocations(store.clone());
        let tokens: Vec<_> = [("t1", "s1"), ("t2", "s1"), ("t3", "s2"), ("s1", "s3")]
            .map(|(jti, sid)| token(&claims_with(json!({ "jti": jti, "sid": sid }))))
            .into();
        for token in &tokens {
            assert!(jwt.verify_token(token).await.is_ok());
        }
        let end = at(NOW + 660);
        store.revoke_token(ISSUER, "s1", end).await.unwrap();
        for (index, revoked) in [true, true, false, true].into_iter().enumerate() {
            let found = refused_as_revoked(&jwt, &tokens[index]).await;
            assert_eq!(found, revoked, "{index}");
        }
    }
}

#[tokio::test]
async fn jwt_19_a_store_that_is_down_fails_closed() {
    let remote = Remote {
        memory: MemoryRevocations::new(),
        down: true,
    };
    let jwt = jwt().revocations(SharedRevocations::new(remote));
    let res = send_bearer(&jwt, &token(&claims())).await;
    assert_eq!(res.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(!res.headers().contains_key(http::header::WWW_AUTHENTICATE));
    // What is bad anyway is still bad.
    assert_eq!(
        send_bearer(&jwt, "x").await.status(),
        StatusCode::UNAUTHORIZED
    );
}

#[tokio::test]
async fn jwt_20_everything_of_a_subject_ends_at_one_instant() {
    for store in stores() {
        // A minute is the leeway.
        let later = SharedClock::new(|| at(NOW + 100));
        let jwt = jwt().clock(later).revocations(store.clone());
        let alice = SubjectRevocation::new("alice", at(NOW), Duration::from_secs(600));
        store.revoke_subject(&alice.issuer(ISSUER)).await.unwrap();
        for (changes, good) in [
            (json!({ "iat": NOW - 1 }), false),
            (json!({ "iat": NOW }), false),
            (json!({ "iat": null }), false),
            (json!({ "iat": NOW + 60 }), false),
            (json!({ "iat": NOW + 61 }), true),
            (json!({ "iat": NOW + 1, "iat_ms": (NOW + 1) * 1000 }), true),
            (json!({ "iat": NOW, "iat_ms": NOW * 1000 + 1 }), true),
            (json!({ "iat": NOW, "iat_ms": NOW * 1000 }), false),
            (json!({ "sub": "bob" }), true),
        ] {
            let token = token(&claims_with(changes.clone()));
            let revoked = refused_as_revoked(&jwt, &token).await;
            assert_eq!(revoked, !good, "{changes}");
        }
    }
}

async fn refused_as_revoked(jwt: &Jwt, token: &str) -> bool {
    let error = jwt.verify_token(token).await.err();
    error.is_some_and(|error| error.reason() == "token_revoked")
}

#[tokio::test]
async fn jwt_20_an_issuer_whose_clock_runs_ahead_saves_no_token() {
    for store in stores() {
        let now = Arc::new(AtomicUsize::new(0));
        let time = Arc::clone(&now);
        let clock = SharedClock::new(move || {
            let passed = u64::try_from(time.load(Ordering::Relaxed)).unwrap();
            at(NOW) + Duration::from_secs(passed)
        });
        let jwt = jwt().clock(clock).revocations(store.clone());
        // Issued now, by a clock that is a minute ahead.
        let ahead = token(&claims_with(json!({ "iat": NOW + 60, "jti": "t" })));
        assert!(jwt.verify_token(&ahead).await.is_ok());
        now.store(5, Ordering::Relaxed);
        let alice = SubjectRevocation::new("alice", at(NOW + 5), Duration::from_secs(600));
        store.revoke_subject(&alice.issuer(ISSUER)).await.unwrap();
        for passed in [5, 30, 65, 300] {
            now.store(passed, Ordering::Relaxed);
            assert_eq!(refusal(&jwt, &ahead).await, "token_revoked", "{passed}");
        }
    }
}

#[tokio::test]
async fn jwt_20_a_token_of_the_same_second_is_told_apart() {
    let millis = Arc::new(AtomicUsize::new(100));
    let time = Arc::clone(&millis);
    let start = at(NOW);
    let clock = SharedClock::new(move || {
        start + Duration::from_millis(u64::try_from(time.load(Ordering::Relaxed)).unwrap())
    });
    let key = SigningKey::generate(Algorithm::Es256).unwrap();
    let issuer = Issuer::builder(ISSUER, AUDIENCE, key)
        .clock(clock.clone())
        .build()
        .unwrap();
    let store = Arc::new(MemoryRevocations::new());
    let jwt = Jwt::new(issuer.policy().build().unwrap(), issuer.verifying_keys())
        .clock(clock.clone())
        .revocations(Arc::clone(&store));

    let before = issuer.issue(&AccessTokenRequest::new("alice")).unwrap();
    millis.store(400, Ordering::Relaxed);
    let now = clock.now();
    let alice = SubjectRevocation::new("alice", now, issuer.lifetime()).issuer(issuer.name());
    store.revoke_subject(&alice).await.unwrap();
    millis.store(700, Ordering::Relaxed);
    let after = issuer.issue(&AccessTokenRequest::new("alice")).unwrap();
    assert_eq!(refusal(&jwt, before.expose()).await, "token_revoked");
    assert!(jwt.verify_token(after.expose()).await.is_ok());
}

#[tokio::test]
async fn jwt_20_a_millisecond_that_does_not_refine_iat_says_nothing() {
    let store = Arc::new(MemoryRevocations::new());
    let jwt = jwt().revocations(Arc::clone(&store));
    // Just after what counts for a token that says no millisecond.
    let instant = at(NOW - 60);
    let alice = SubjectRevocation::new("alice", instant, Duration::from_secs(3600));
    let claims: Vec<_> = [
        (json!(NOW * 1000), true),
        (json!(NOW * 1000 + 999), true),
        (json!(NOW * 1000 + 1000), false),
        (json!(NOW * 1000 - 1), false),
        (json!(u64::MAX), false),
        (json!(-1), false),
        (json!(NOW as f64 * 1000.5), false),
        (json!("x"), false),
        (json!([1]), false),
        (json!(true), false),
    ]
    .into_iter()
    .map(|(millis, refines)| (claims_with(json!({ "iat_ms": millis })), refines))
    .collect();
    for (claims, _) in &claims {
        assert!(jwt.verify_token(&token(claims)).await.is_ok(), "{claims}");
    }
    store.revoke_subject(&alice.issuer(ISSUER)).await.unwrap();
    for (claims, refines) in &claims {
        let revoked = refused_as_revoked(&jwt, &token(claims)).await;
        assert_eq!(revoked, !refines, "{claims}");
    }
}

#[tokio::test]
async fn jwt_19_a_revoked_token_does_not_come_back_within_the_leeway() {
    let now = Arc::new(AtomicUsize::new(0));
    let time = Arc::clone(&now);
    let clock = SharedClock::new(move || {
        let passed = u64::try_from(time.load(Ordering::Relaxed)).unwrap();
        at(NOW) + Duration::from_secs(passed)
    });
    for by_subject in [false, true] {
        now.store(0, Ordering::Relaxed);
        let store = Arc::new(MemoryRevocations::new().clock(clock.clone()));
        let key = SigningKey::generate(Algorithm::Es256).unwrap();
        let issuer = Issuer::builder(ISSUER, AUDIENCE, key)
            .clock(clock.clone())
            .build()
            .unwrap();
        let policy = issuer.policy().leeway(Duration::from_secs(300));
        let plain = Jwt::new(policy.build().unwrap(), issuer.verifying_keys()).clock(clock.clone());
        let jwt = plain.clone().revocations(Arc::clone(&store));
        let token = issuer.issue(&AccessTokenRequest::new("alice")).unwrap();
        let identity = jwt.verify_token(token.expose()).await.unwrap();
        if by_subject {
            let alice = SubjectRevocation::of(&identity, clock.now(), issuer.lifetime());
            store.revoke_subject(&alice).await.unwrap();
        } else {
            jwt.revoke(&identity).await.unwrap();
        }
        for passed in [0, 599, 600, 601, 899] {
            now.store(passed, Ordering::Relaxed);
            // Enough others to make the store forget what it may.
            for n in 0..3_000 {
                let id = format!("{passed} {n}");
                store.revoke_token(ISSUER, &id, at(0)).await.unwrap();
                let other = SubjectRevocation::new(&id, at(0), Duration::ZERO).issuer(ISSUER);
                store.revoke_subject(&other).await.unwrap();
            }
            assert!(store.len() < 6_000);
            // Without the revocation it would be accepted.
            assert!(plain.verify_token(token.expose()).await.is_ok(), "{passed}");
            assert_eq!(
                refusal(&jwt, token.expose()).await,
                "token_revoked",
                "{passed}"
            );
        }
    }
}

#[tokio::test]
async fn jwt_19_what_cannot_be_taken_back_by_its_id_is_said() {
    let store = Arc::new(MemoryRevocations::new());
    let token_of = |id| token(&claims_with(json!({ "jti": id })));
    let with_id = jwt().verify_token(&token_of("t1")).await.unwrap();
    let error = jwt().revoke(&with_id).await.unwrap_err();
    assert_eq!(error.reason(), "no_revocations");

    let jwt = jwt().revocations(Arc::clone(&store));
    let without = jwt.verify_token(&token(&claims())).await.unwrap();
    let elsewhere = Identity::builder("bearer", "alice")
        .issuer("https://other.example")
        .token_id("t1")
        .expires_at(at(NOW + 1))
        .build();
    for identity in [without, elsewhere, Identity::new("session", "alice")] {
        let error = jwt.revoke(&identity).await.unwrap_err();
        assert_eq!(error.reason(), "not_a_token_with_an_id");
    }
    assert!(store.is_empty());
    jwt.revoke(&with_id).await.unwrap();
    assert_eq!(refusal(&jwt, &token_of("t1")).await, "token_revoked");
    assert!(jwt.verify_token(&token_of("t2")).await.is_ok());
}

#[test]
fn fixed_keys_and_local_revocations_are_ready_at_once() {
    let jwt = jwt().revocations(SharedRevocations::new(MemoryRevocations::new()));
    let mut future = std::pin::pin!(jwt.verify_token(&token(&claims())));
    let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
    assert!(future.as_mut().poll(&mut cx).is_ready());
}

#[test]
fn traits() {
    fn shared<T: Send + Sync + Clone + std::fmt::Debug + 'static>() {}
    fn future<T: Send + Unpin>() {}
    shared::<Jwt>();
    shared::<Keys>();
    shared::<Issuer>();
    shared::<SharedRevocations>();
    future::<auth_layer::VerifyFuture>();
}
