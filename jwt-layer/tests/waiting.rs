//! Keys that are learnt, and revocations that are asked for.
#![cfg(any(feature = "aws-lc", feature = "rust-crypto"))]
#![allow(clippy::unwrap_used, reason = "a test may")]

mod common;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use auth_layer::{AuthError, SharedClock};
use common::*;
use http::StatusCode;
use jwt_layer::{
    AccessTokenRequest, Algorithm, IssuedToken, Issuer, Jwt, KeySource, Keys, MemoryRevocations,
    Revocations, SharedRevocations, SigningKey, VerifyingKey, WantedKey,
};
use serde_json::json;

/// Knows nothing until it is asked to learn.
#[derive(Default)]
struct Slow {
    key: Mutex<Option<Arc<VerifyingKey>>>,
    asked: AtomicUsize,
    down: bool,
    cooling_down: bool,
}

impl KeySource for Slow {
    fn find(&self, wanted: &WantedKey<'_>) -> Option<Arc<VerifyingKey>> {
        let key = self.key.lock().unwrap();
        key.as_ref().filter(|key| key.kid() == wanted.kid).cloned()
    }

    fn may_learn(&self, _: &WantedKey<'_>) -> bool {
        !self.cooling_down
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
async fn a_source_that_cannot_learn_is_not_asked() {
    let source = Arc::new(Slow {
        cooling_down: true,
        ..Slow::default()
    });
    assert_eq!(
        refusal(&slow_jwt(&source), &with_kid("new")).await,
        "unknown_key"
    );
    assert_eq!(source.asked.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn a_source_that_is_down_is_not_the_token_s_fault() {
    let source = Arc::new(Slow {
        down: true,
        ..Slow::default()
    });
    let res = send_bearer(&slow_jwt(&source), &with_kid("new")).await;
    assert_eq!(res.status(), StatusCode::SERVICE_UNAVAILABLE);
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

    async fn revoke_subject(
        &self,
        issuer: &str,
        subject: &str,
        issued_until: SystemTime,
        until: SystemTime,
    ) -> Result<(), AuthError> {
        self.memory
            .revoke_subject(issuer, subject, issued_until, until)
            .await
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
        let jwt = jwt().revocations(store.clone());
        store
            .revoke_subject(ISSUER, "alice", at(NOW), at(NOW + 660))
            .await
            .unwrap();
        for (changes, good) in [
            (json!({ "iat": NOW - 1 }), false),
            (json!({ "iat": NOW }), false),
            (json!({ "iat": null }), false),
            (json!({ "iat": NOW + 1 }), true),
            (json!({ "sub": "bob" }), true),
        ] {
            let token = token(&claims_with(changes.clone()));
            assert_eq!(jwt.verify_token(&token).await.is_ok(), good, "{changes}");
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
    store
        .revoke_subject(issuer.name(), "alice", now, now + issuer.lifetime())
        .await
        .unwrap();
    millis.store(700, Ordering::Relaxed);
    let after = issuer.issue(&AccessTokenRequest::new("alice")).unwrap();
    assert_eq!(refusal(&jwt, before.expose()).await, "token_revoked");
    assert!(jwt.verify_token(after.expose()).await.is_ok());
}

#[tokio::test]
async fn the_millisecond_refines_iat_and_cannot_move_it() {
    for (millis, good) in [
        (json!(NOW * 1000), true),
        (json!(NOW * 1000 + 999), true),
        (json!(NOW * 1000 + 1000), false),
        (json!(NOW * 1000 - 1), false),
        (json!("x"), false),
    ] {
        let token = token(&claims_with(json!({ "iat_ms": millis })));
        assert_eq!(jwt().verify_token(&token).await.is_ok(), good, "{millis}");
    }
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
    future::<jwt_layer::VerifyFuture>();
}
