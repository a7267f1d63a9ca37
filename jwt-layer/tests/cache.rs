//! Verified tokens that are kept: what a hit may skip, and what it never does.
#![cfg(any(feature = "aws-lc", feature = "rust-crypto"))]
#![allow(clippy::unwrap_used, reason = "a test may")]

mod common;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use auth_layer::{AuthError, Identity, Scheme, SharedClock, Verdict};
use common::*;
use http::{Request, StatusCode};
use jwt_layer::{
    Algorithm, IssuedToken, Jwt, KeyLookup, KeySource, MemoryRevocations, Revocations,
    SharedRevocations, SubjectRevocation, VerificationPolicy, VerifyingKey, WantedKey,
};
use serde_json::json;

/// A clock that is set by hand.
#[derive(Clone)]
struct Hand(Arc<AtomicU64>);

impl Hand {
    fn new() -> (Self, SharedClock) {
        let seconds = Arc::new(AtomicU64::new(NOW));
        let hand = Self(Arc::clone(&seconds));
        (
            hand,
            SharedClock::new(move || at(seconds.load(Ordering::Relaxed))),
        )
    }

    fn set(&self, seconds: u64) {
        self.0.store(seconds, Ordering::Relaxed);
    }
}

/// Whether both are of one verification.
fn is_kept(first: &Identity, second: &Identity) -> bool {
    first.raw_claims().unwrap().as_ptr() == second.raw_claims().unwrap().as_ptr()
}

/// A request with this token.
fn parts_with(token: &str) -> http::request::Parts {
    let request = Request::builder().header("authorization", format!("Bearer {token}"));
    request.body(()).unwrap().into_parts().0
}

fn numbered(number: u64) -> String {
    token(&claims_with(
        json!({ "sub": format!("user-{number}"), "jti": format!("t{number}") }),
    ))
}

#[tokio::test]
async fn a_token_is_verified_once_and_kept() {
    let jwt = jwt();
    let token = numbered(1);
    let first = jwt.verify_token(&token).await.unwrap();
    let second = jwt.verify_token(&token).await.unwrap();
    assert!(is_kept(&first, &second));
    assert_eq!(send_bearer(&jwt, &token).await.body(), "user-1");
    assert_eq!(jwt.cached_tokens(), 1);

    let jwt = jwt.without_cache();
    let first = jwt.verify_token(&token).await.unwrap();
    let second = jwt.verify_token(&token).await.unwrap();
    assert!(!is_kept(&first, &second));
    assert_eq!(jwt.cached_tokens(), 0);
}

#[tokio::test]
async fn a_capacity_that_cannot_be_meant_is_refused() {
    for capacity in [0, usize::MAX] {
        let error = jwt().cache_capacity(capacity).unwrap_err();
        assert_eq!(error.option(), "cache_capacity");
    }
}

#[tokio::test]
async fn jwt_21_tokens_that_differ_never_share_an_entry() {
    let jwt = jwt();
    let reader = token(&claims_with(json!({ "scope": "read" })));
    let writer = token(&claims_with(json!({ "scope": "write" })));
    for _ in 0..2 {
        for (token, scope) in [(&reader, "read"), (&writer, "write")] {
            let identity = jwt.verify_token(token).await.unwrap();
            assert_eq!(identity.scopes().to_string(), scope);
        }
    }
    assert_eq!(jwt.cached_tokens(), 2);

    // Nothing that is nearly a token that is kept.
    let (signed, signature) = reader.rsplit_once('.').unwrap();
    let other_signature = writer.rsplit_once('.').unwrap().1;
    for near in [
        format!("{signed}.{other_signature}"),
        format!("{signed}."),
        format!("{signed}.{}", &signature[1..]),
        format!("{reader}A"),
        format!("{reader}="),
        format!("{reader}\0"),
        reader[..reader.len() - 1].to_owned(),
        reader.to_uppercase(),
    ] {
        assert!(jwt.verify_token(&near).await.is_err(), "{near}");
        assert_eq!(send_bearer(&jwt, &near.replace('\0', "~")).await.body(), "");
    }
    assert_eq!(jwt.cached_tokens(), 2);
}

#[tokio::test]
async fn jwt_21_what_is_refused_is_not_kept() {
    let jwt = jwt();
    for changes in [
        json!({ "exp": NOW - 61 }),
        json!({ "nbf": NOW + 61 }),
        json!({ "aud": "other" }),
        json!({ "sub": null }),
        json!({ "iss": "https://other.example" }),
    ] {
        let bad = token(&claims_with(changes.clone()));
        for _ in 0..2 {
            assert!(jwt.verify_token(&bad).await.is_err(), "{changes}");
        }
    }
    let forged = forge(r#"{"alg":"HS256"}"#, &claims().to_string(), &[1; 32]);
    assert_eq!(refusal(&jwt, &forged).await, "bad_signature");
    assert_eq!(jwt.cached_tokens(), 0);
}

#[tokio::test]
async fn jwt_21_an_entry_dies_at_exp_and_is_not_good_before_its_time() {
    let (hand, clock) = Hand::new();
    let jwt = jwt().clock(clock);
    let token = token(&claims_with(json!({ "nbf": NOW - 10, "exp": NOW + 600 })));
    // A minute is the leeway.
    for (seconds, good) in [
        (NOW, true),
        (NOW + 659, true),
        (NOW + 660, false),
        (NOW + 659, true),
        (NOW - 61, false),
        (NOW - 60, true),
    ] {
        hand.set(seconds);
        for _ in 0..2 {
            let verified = jwt.verify_token(&token).await;
            assert_eq!(verified.is_ok(), good, "{}", seconds.wrapping_sub(NOW));
        }
    }
    hand.set(NOW + 660);
    assert!(jwt.verify_token(&token).await.is_err());
    assert_eq!(jwt.cached_tokens(), 0, "what has ended is forgotten");
}

/// A source whose answer the test changes.
struct Changing(Mutex<KeyLookup>);

impl KeySource for Changing {
    fn find(&self, wanted: &WantedKey<'_>) -> KeyLookup {
        match &*self.0.lock().unwrap() {
            KeyLookup::Found(key) if key.kid() != wanted.kid => KeyLookup::Unknown,
            found => found.clone(),
        }
    }
}

impl Changing {
    fn set(&self, lookup: KeyLookup) {
        *self.0.lock().unwrap() = lookup;
    }
}

#[tokio::test]
async fn jwt_21_an_entry_dies_when_its_key_leaves_the_set() {
    let found = |secret: &[u8], kid: &str| {
        let key = VerifyingKey::from_secret(Algorithm::Hs256, secret).unwrap();
        KeyLookup::Found(Arc::new(key.with_kid(kid)))
    };
    let token = forge(
        r#"{"alg":"HS256","kid":"a"}"#,
        &claims().to_string(),
        &SECRET,
    );
    for (change, reason) in [
        (KeyLookup::Unknown, "unknown_key"),
        (KeyLookup::Unavailable, "keys_unavailable"),
        (KeyLookup::Ask, "unknown_key"),
        (found(&SECRET, "b"), "unknown_key"),
        (found(&[1; 32], "a"), "bad_signature"),
    ] {
        let source = Arc::new(Changing(Mutex::new(found(&SECRET, "a"))));
        let jwt = Jwt::new(plain().build().unwrap(), Arc::clone(&source)).clock(clock());
        let first = jwt.verify_token(&token).await.unwrap();

        // The same key, read again from a document.
        source.set(found(&SECRET, "a"));
        let second = jwt.verify_token(&token).await.unwrap();
        assert!(is_kept(&first, &second));

        source.set(change);
        for _ in 0..2 {
            assert_eq!(refusal(&jwt, &token).await, reason);
        }
        assert_eq!(jwt.cached_tokens(), 0, "{reason}");
    }
}

#[tokio::test]
async fn jwt_21_an_entry_is_of_one_policy() {
    let token = token(&claims());
    let ours = jwt();
    assert!(ours.verify_token(&token).await.is_ok());

    // Another verifier, even with the same keys, and one that was made from the first.
    let other = VerificationPolicy::plain_access_token(ISSUER, "another-service");
    let other = Jwt::new(other.build().unwrap(), key()).clock(clock());
    assert_eq!(refusal(&other, &token).await, "wrong_audience");
    let copy = ours.clone();
    assert_eq!(copy.cached_tokens(), 1);
    let second = VerificationPolicy::plain_access_token("https://b.example", AUDIENCE);
    let changed = copy.trust(second.build().unwrap(), key()).unwrap();
    assert_eq!(changed.cached_tokens(), 0);
    assert_eq!(ours.cached_tokens(), 1);

    // An option that is set late counts for tokens that were seen earlier.
    let store = Arc::new(MemoryRevocations::new());
    let subject = SubjectRevocation::new("alice", at(NOW), Duration::from_secs(600));
    store.revoke_subject(&subject.issuer(ISSUER)).await.unwrap();
    let ours = ours.revocations(store);
    assert_eq!(refusal(&ours, &token).await, "token_revoked");
}

#[tokio::test]
async fn jwt_21_issuers_of_one_verifier_keep_to_their_keys() {
    let policy = |issuer: &str| VerificationPolicy::plain_access_token(issuer, AUDIENCE);
    let key = |secret| {
        KeySource::find(
            &jwt_layer::KeySet::new([VerifyingKey::from_secret(Algorithm::Hs256, secret).unwrap()])
                .unwrap(),
            &WantedKey::new(None, Algorithm::Hs256),
        )
    };
    let sources = [&SECRET, &[8; 32]].map(|secret| Arc::new(Changing(Mutex::new(key(secret)))));
    let [first, second] = &sources;
    let jwt = Jwt::new(policy(ISSUER).build().unwrap(), Arc::clone(first))
        .trust(
            policy("https://b.example").build().unwrap(),
            Arc::clone(second),
        )
        .unwrap()
        .clock(clock());
    let of_first = token(&claims());
    let claims = claims_with(json!({ "iss": "https://b.example" }));
    let of_second = forge(r#"{"alg":"HS256"}"#, &claims.to_string(), &[8; 32]);
    for _ in 0..2 {
        for (token, issuer) in [(&of_first, ISSUER), (&of_second, "https://b.example")] {
            let identity = jwt.verify_token(token).await.unwrap();
            assert_eq!(identity.issuer(), Some(issuer));
        }
    }
    first.set(KeyLookup::Unknown);
    assert_eq!(refusal(&jwt, &of_first).await, "unknown_key");
    assert!(jwt.verify_token(&of_second).await.is_ok());
}

/// A store that waits, and may go down.
#[derive(Default)]
struct Remote {
    memory: MemoryRevocations,
    down: std::sync::atomic::AtomicBool,
}

impl Revocations for Remote {
    async fn is_revoked(&self, token: &IssuedToken<'_>) -> Result<bool, AuthError> {
        tokio::task::yield_now().await;
        if self.down.load(Ordering::Relaxed) {
            return Err(AuthError::unavailable("timeout"));
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

#[tokio::test]
async fn jwt_19_a_token_that_is_kept_is_refused_once_it_is_revoked() {
    let stores = [
        SharedRevocations::new(MemoryRevocations::new()),
        SharedRevocations::new(Remote::default()),
    ];
    for store in stores {
        let jwt = jwt().revocations(store.clone());
        let (first, second) = (numbered(1), numbered(2));
        for token in [&first, &second, &first, &second] {
            assert_eq!(send_bearer(&jwt, token).await.status(), StatusCode::OK);
        }
        assert_eq!(jwt.cached_tokens(), 2);
        store
            .revoke_token(ISSUER, "t1", at(NOW + 660))
            .await
            .unwrap();
        for _ in 0..2 {
            let res = send_bearer(&jwt, &first).await;
            assert_eq!(res.status(), StatusCode::UNAUTHORIZED);
            assert_eq!(refusal(&jwt, &first).await, "token_revoked");
        }
        let user = SubjectRevocation::new("user-2", at(NOW), Duration::from_secs(600));
        assert_eq!(send_bearer(&jwt, &second).await.status(), StatusCode::OK);
        store.revoke_subject(&user.issuer(ISSUER)).await.unwrap();
        assert_eq!(refusal(&jwt, &second).await, "token_revoked");
    }
}

#[tokio::test]
async fn jwt_21_what_one_verifier_found_out_is_nothing_to_another() {
    let store = Arc::new(Remote::default());
    let ours = jwt().revocations(Arc::clone(&store));
    let policy = VerificationPolicy::plain_access_token(ISSUER, "another-service");
    let other = Jwt::new(policy.build().unwrap(), key()).clock(clock());
    let parts = parts_with(&numbered(1));
    // At first sight, and when the token is kept.
    for (verifier, good) in [
        (&ours, true),
        (&other, false),
        (&ours, true),
        (&other, false),
    ] {
        let found = ours.extract(&parts).unwrap().unwrap();
        // The store takes its time, and the signature has been checked.
        let Verdict::Wait(found) = ours.verify_now(found) else {
            panic!("the store was not asked");
        };
        assert_eq!(verifier.verify(found).await.is_ok(), good);
        let found = ours.extract(&parts).unwrap().unwrap();
        assert_eq!(verifier.verify(found).await.is_ok(), good);
    }
    assert_eq!(other.cached_tokens(), 0);

    // A verifier that was changed between finding and verifying is another one.
    let found = ours.extract(&parts).unwrap().unwrap();
    let changed = ours.clone().clock(SharedClock::new(|| at(NOW + 660)));
    assert!(changed.verify(found.clone()).await.is_err());
    assert!(ours.verify(found).await.is_ok());
}

#[tokio::test]
async fn jwt_21_what_was_found_out_is_nothing_once_the_token_has_ended() {
    let (hand, clock) = Hand::new();
    let ours = jwt().clock(clock).revocations(Arc::new(Remote::default()));
    let parts = parts_with(&numbered(1));
    let found = || ours.extract(&parts).unwrap().unwrap();
    let noted = || match ours.verify_now(found()) {
        Verdict::Wait(noted) => noted,
        Verdict::Now(result) => panic!("the store was not asked: {result:?}"),
    };
    // At first sight, after a look at its signature, and when the token is kept.
    let found = [found(), noted(), found()];
    // It ends at 600, and a minute is the leeway.
    for (seconds, good) in [(NOW + 659, true), (NOW + 660, false)] {
        hand.set(seconds);
        for token in &found {
            let verified = ours.verify(token.clone()).await;
            assert_eq!(verified.is_ok(), good, "{verified:?}");
            let now = ours.verify_now(token.clone());
            assert_eq!(matches!(now, Verdict::Now(Err(_))), !good);
        }
    }
}

#[tokio::test]
async fn jwt_21_a_verifier_that_is_changed_forgets_what_it_has_seen() {
    let jwt = jwt();
    let token = numbered(1);
    let first = jwt.verify_token(&token).await.unwrap();
    // Nobody else has it, so it is changed in place.
    let jwt = jwt.realm("another");
    assert_eq!(jwt.cached_tokens(), 0);
    let second = jwt.verify_token(&token).await.unwrap();
    assert!(!is_kept(&first, &second));
}

#[tokio::test]
async fn jwt_19_a_hit_fails_closed_while_the_store_is_down() {
    let store = Arc::new(Remote::default());
    let jwt = jwt().revocations(Arc::clone(&store));
    let token = numbered(1);
    for (down, status) in [
        (false, StatusCode::OK),
        (true, StatusCode::SERVICE_UNAVAILABLE),
        (false, StatusCode::OK),
    ] {
        store.down.store(down, Ordering::Relaxed);
        let res = send_bearer(&jwt, &token).await;
        assert_eq!(res.status(), status);
    }
    assert_eq!(jwt.cached_tokens(), 1);
}

#[tokio::test]
async fn the_cache_is_bounded_in_number_and_in_bytes() {
    // A token of several kilobytes takes the room of several.
    for (padding, bounds) in [(0, 50..=100), (4000, 10..=25)] {
        let jwt = jwt().cache_capacity(100).unwrap();
        for number in 0..1_000 {
            let claims = json!({ "jti": number.to_string(), "context": "x".repeat(padding) });
            let token = token(&claims_with(claims));
            assert!(jwt.verify_token(&token).await.is_ok());
        }
        let kept = jwt.cached_tokens();
        assert!(bounds.contains(&kept), "{kept} of {padding}");
    }
}

#[test]
fn threads_that_share_a_cache_get_their_own_identities() {
    let jwt = jwt().cache_capacity(64).unwrap();
    let tokens: Vec<_> = (0..200).map(numbered).collect();
    std::thread::scope(|scope| {
        for start in 0..4 {
            let (jwt, tokens) = (&jwt, &tokens);
            scope.spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread();
                { runtime }.build().unwrap().block_on(async {
                    for step in 0..2_000 {
                        let number = (start * 50 + step * 7) % tokens.len();
                        let identity = jwt.verify_token(&tokens[number]).await.unwrap();
                        assert_eq!(identity.subject(), format!("user-{number}"));
                    }
                });
            });
        }
    });
    assert!(jwt.cached_tokens() <= 64);
}
