//! Tokens that do not come in a request.
#![cfg(any(feature = "aws-lc", feature = "rust-crypto"))]
#![allow(clippy::unwrap_used, reason = "a test may")]

mod common;

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Waker};

use auth_layer::{AuthError, AuthErrorKind, Identity};
use common::*;
use jwt_layer::kind::{DpopProof, IdToken};
use jwt_layer::{
    Algorithm, ExpectedIdToken, KeyLookup, KeySource, Keys, TokenVerifier, VerificationPolicy,
    VerifiedToken, VerifyingKey, WantedKey,
};
use serde_json::{Value, json};

fn verifier(keys: impl Into<Keys>) -> TokenVerifier {
    TokenVerifier::new(plain().build().unwrap(), keys).clock(clock())
}

#[tokio::test]
async fn a_verified_token_says_what_it_said() {
    let claims = claims_with(json!({
        "aud": ["https://other.example.com", AUDIENCE],
        "jti": "t1",
        "scope": "a",
    }));
    let verified = verifier(key()).verify(&token(&claims)).await.unwrap();
    assert_eq!(verified.issuer(), ISSUER);
    assert_eq!(verified.subject(), Some("alice"));
    let audiences: Vec<_> = verified.audiences().collect();
    assert_eq!(audiences, ["https://other.example.com", AUDIENCE]);
    assert_eq!(verified.token_id(), Some("t1"));
    assert_eq!(verified.issued_at(), Some(at(NOW)));
    assert_eq!(verified.expires_at(), Some(at(NOW + 600)));
    assert_eq!(verified.key().kid(), None);
    assert_eq!(verified.claims::<Value>().unwrap(), claims);
    assert!(!format!("{verified:?}").contains("alice"));

    let identity: Identity = verified.into_identity().build();
    let in_a_request = jwt().verify_token(&token(&claims)).await.unwrap();
    assert_eq!(format!("{identity:?}"), format!("{in_a_request:?}"));
    assert_eq!(identity.claims::<Value>().unwrap(), claims);
}

#[tokio::test]
async fn a_token_is_refused_for_what_a_request_is_refused_for() {
    for changes in [
        json!({ "iss": "https://evil.example" }),
        json!({ "iss": [ISSUER] }),
        json!({ "iss": null }),
        json!({ "aud": "x" }),
        json!({ "sub": "" }),
        json!({ "exp": NOW - 60 }),
        json!({ "nonce": "n" }),
        json!({ "cnf": {} }),
        json!({ "scope": 1 }),
    ] {
        let token = token(&claims_with(changes.clone()));
        let error = verifier(key()).verify(&token).await.unwrap_err();
        assert_eq!(error.reason(), refusal(&jwt(), &token).await, "{changes}");
    }
    let long = token(&claims_with(json!({ "pad": "x".repeat(8192) })));
    let error = verifier(key()).verify(&long).await.unwrap_err();
    assert_eq!(error.reason(), "token_too_long");
}

#[tokio::test]
async fn dpo_01_mtl_01_a_bound_token_proves_nobody_by_itself() {
    let hash = "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I";
    for cnf in [
        json!({ "jkt": hash }),
        json!({ "x5t#S256": hash }),
        json!({ "jkt": hash, "x5t#S256": hash }),
    ] {
        let token = token(&claims_with(json!({ "cnf": cnf })));
        let refused = verifier(key()).verify(&token).await;
        let refused = refused.map_err(|error| error.reason()).err();
        assert_eq!(refused, Some("sender_constrained_token"), "{cnf}");
    }
}

/// Answers with one key, whatever was asked for.
struct Stubborn(Arc<VerifyingKey>);

impl KeySource for Stubborn {
    fn find(&self, _: &WantedKey<'_>) -> KeyLookup {
        KeyLookup::Found(Arc::clone(&self.0))
    }
}

#[tokio::test]
async fn jwt_02_a_source_with_a_key_of_another_algorithm_widens_nothing() {
    // The policy allows what the header says; the key that the source gives is for another.
    let policy = || plain().algorithms([Algorithm::Hs256, Algorithm::Hs384]);
    for (named, refused) in [("HS256", None), ("HS384", Some("bad_signature"))] {
        let header = json!({ "alg": named }).to_string();
        let token = forge(&header, &claims().to_string(), &SECRET);
        let source = Arc::new(Stubborn(Arc::new(key())));
        let verifier = TokenVerifier::new(policy().build().unwrap(), source).clock(clock());
        let verified = verifier
            .verify(&token)
            .await
            .map_err(|error| error.reason());
        assert_eq!(verified.err(), refused, "{named}");
    }
}

#[test]
fn a_known_key_is_not_waited_for() {
    let verifier = verifier(key());
    let token = token(&claims());
    let verified = pin!(verifier.verify(&token));
    let mut context = Context::from_waker(Waker::noop());
    assert!(verified.poll(&mut context).is_ready());
}

/// Learns its key when asked, or not.
struct Learning {
    asked: AtomicUsize,
    down: bool,
}

impl KeySource for Learning {
    fn find(&self, wanted: &WantedKey<'_>) -> KeyLookup {
        match self.asked.load(Ordering::Relaxed) {
            0 => KeyLookup::Ask,
            _ if wanted.kid == Some("new") => {
                KeyLookup::Found(Arc::<VerifyingKey>::new(key().with_kid("new")))
            }
            _ => KeyLookup::Ask,
        }
    }

    async fn refresh(&self, _: &WantedKey<'_>) -> Result<(), AuthError> {
        tokio::task::yield_now().await;
        self.asked.fetch_add(1, Ordering::Relaxed);
        if self.down {
            return Err(AuthError::invalid("connection_refused"));
        }
        Ok(())
    }
}

#[tokio::test]
async fn an_unknown_key_is_asked_for_once_and_a_source_that_is_down_is_unavailable() {
    let token = |kid| {
        let header = json!({ "alg": "HS256", "kid": kid }).to_string();
        forge(&header, &claims().to_string(), &SECRET)
    };
    for (kid, down, outcome) in [
        ("new", false, Ok(())),
        ("other", false, Err(AuthErrorKind::Invalid)),
        ("new", true, Err(AuthErrorKind::Unavailable)),
    ] {
        let source = Arc::new(Learning {
            asked: AtomicUsize::new(0),
            down,
        });
        let verified = verifier(Arc::clone(&source)).verify(&token(kid)).await;
        let verified = verified.map(|token| assert_eq!(token.key().kid(), Some("new")));
        assert_eq!(verified.map_err(|error| error.kind()), outcome, "{kid}");
        assert_eq!(source.asked.load(Ordering::Relaxed), 1);
    }
}

#[test]
fn traits() {
    fn shared<T: Send + Sync + Clone + std::fmt::Debug + 'static>() {}
    fn kept<T: Send + Sync + Unpin + std::fmt::Debug + 'static>() {}
    fn sent<T: Send>(_: &T) {}
    shared::<TokenVerifier>();
    shared::<TokenVerifier<IdToken>>();
    shared::<VerificationPolicy<DpopProof>>();
    shared::<ExpectedIdToken>();
    kept::<VerifiedToken>();
    kept::<VerifiedToken<IdToken>>();
    let verifier = verifier(key());
    sent(&verifier.verify("x"));
}
