//! ID tokens: whom they are for, and which login they belong to.
#![cfg(any(feature = "aws-lc", feature = "rust-crypto"))]
#![allow(clippy::unwrap_used, reason = "a test may")]

mod common;

use std::time::Duration;

use auth_layer::SharedClock;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use common::kinds::*;
use common::*;
use jwt_layer::kind::IdToken;
use jwt_layer::{
    Algorithm, ExpectedIdToken, KeySet, PolicyBuilder, SigningKey, TokenVerifier,
    VerificationPolicy,
};
use serde_json::{Value, json};

/// Why an ID token is refused.
async fn id_refusal(
    policy: PolicyBuilder<IdToken>,
    claims: &Value,
    expected: &ExpectedIdToken,
) -> Option<&'static str> {
    let verified = verifier(policy).verify(&sign(None, claims), expected).await;
    verified.err().map(|error| error.reason())
}

#[tokio::test]
async fn an_id_token_is_for_this_client_and_nobody_who_is_not_trusted() {
    let nonce = ExpectedIdToken::with_nonce("n");
    let trusting = || id_tokens().trust_audience("other").authorized_party("app");
    for (changes, refused, refused_by_trusting) in [
        (json!({}), None, None),
        (json!({ "aud": [CLIENT] }), None, None),
        (
            json!({ "aud": "other" }),
            Some("wrong_audience"),
            Some("wrong_audience"),
        ),
        (
            json!({ "aud": "client-11" }),
            Some("wrong_audience"),
            Some("wrong_audience"),
        ),
        (
            json!({ "aud": null }),
            Some("missing_aud"),
            Some("missing_aud"),
        ),
        (
            json!({ "aud": [CLIENT, "third"], "azp": CLIENT }),
            Some("untrusted_audience"),
            Some("untrusted_audience"),
        ),
        (
            json!({ "aud": [CLIENT, "other"], "azp": CLIENT }),
            Some("untrusted_audience"),
            None,
        ),
        (
            json!({ "aud": [CLIENT, "other"] }),
            Some("untrusted_audience"),
            Some("missing_authorized_party"),
        ),
        (json!({ "azp": CLIENT }), None, None),
        (
            json!({ "azp": "app" }),
            Some("wrong_authorized_party"),
            None,
        ),
        (
            json!({ "azp": "x" }),
            Some("wrong_authorized_party"),
            Some("wrong_authorized_party"),
        ),
        (
            json!({ "azp": [CLIENT] }),
            Some("ill_typed_claim"),
            Some("ill_typed_claim"),
        ),
        (
            json!({ "iss": "https://id.example.com1" }),
            Some("wrong_issuer"),
            Some("wrong_issuer"),
        ),
        (
            json!({ "sub": null }),
            Some("missing_sub"),
            Some("missing_sub"),
        ),
        (
            json!({ "sub": "s".repeat(256) }),
            Some("subject_too_long"),
            Some("subject_too_long"),
        ),
        (
            json!({ "iat": null }),
            Some("missing_claim"),
            Some("missing_claim"),
        ),
        (
            json!({ "exp": null }),
            Some("refused_unverified"),
            Some("refused_unverified"),
        ),
        (
            json!({ "exp": NOW - 360 }),
            Some("refused_unverified"),
            Some("refused_unverified"),
        ),
        (
            json!({ "scope": "openid" }),
            Some("not_an_id_token"),
            Some("not_an_id_token"),
        ),
        (
            json!({ "auth_time": NOW + 61 }),
            Some("authenticated_in_the_future"),
            Some("authenticated_in_the_future"),
        ),
    ] {
        let claims = with(&id_claims(), &changes);
        assert_eq!(
            id_refusal(id_tokens(), &claims, &nonce).await,
            refused,
            "{changes}"
        );
        assert_eq!(
            id_refusal(trusting(), &claims, &nonce).await,
            refused_by_trusting,
            "{changes}"
        );
    }
    let scoped = with(&id_claims(), &json!({ "scope": "openid" }));
    assert_eq!(
        id_refusal(id_tokens().accept_scope(), &scoped, &nonce).await,
        None
    );
}

#[tokio::test]
async fn an_id_token_is_the_one_that_this_login_expects() {
    let nonce = || ExpectedIdToken::with_nonce("n");
    let again = || ExpectedIdToken::after_refresh("alice");
    let minute = Duration::from_secs(60);
    let no_nonce = json!({ "nonce": null });
    for (name, changes, expected, refused) in [
        ("same nonce", json!({}), nonce(), None),
        (
            "other nonce",
            json!({ "nonce": "n1" }),
            nonce(),
            Some("wrong_nonce"),
        ),
        ("no nonce", no_nonce.clone(), nonce(), Some("wrong_nonce")),
        (
            "unasked nonce",
            json!({}),
            ExpectedIdToken::without_nonce(),
            Some("wrong_nonce"),
        ),
        (
            "none asked",
            no_nonce.clone(),
            ExpectedIdToken::without_nonce(),
            None,
        ),
        (
            "an empty nonce",
            json!({ "nonce": "" }),
            ExpectedIdToken::with_nonce(""),
            Some("missing_nonce"),
        ),
        (
            "none asked, in front",
            no_nonce.clone(),
            ExpectedIdToken::without_nonce().from_front_channel(),
            Some("missing_nonce"),
        ),
        (
            "refreshed, in front",
            json!({}),
            again().first_nonce("n").from_front_channel(),
            Some("missing_nonce"),
        ),
        (
            "same nonce, in front",
            json!({}),
            nonce().from_front_channel(),
            None,
        ),
        (
            "ill-typed nonce",
            json!({ "nonce": ["n"] }),
            nonce(),
            Some("ill_typed_claim"),
        ),
        ("refreshed", no_nonce.clone(), again(), None),
        ("refreshed, nonce", json!({}), again(), Some("wrong_nonce")),
        (
            "refreshed, first nonce",
            json!({}),
            again().first_nonce("n"),
            None,
        ),
        (
            "refreshed, other nonce",
            json!({}),
            again().first_nonce("m"),
            Some("wrong_nonce"),
        ),
        (
            "refreshed, other subject",
            no_nonce.clone(),
            ExpectedIdToken::after_refresh("bob"),
            Some("wrong_subject"),
        ),
        (
            "refreshed, same time",
            json!({ "auth_time": NOW - 9 }),
            again().first_nonce("n").first_auth_time(at(NOW - 9)),
            None,
        ),
        (
            "refreshed, other time",
            json!({ "auth_time": NOW - 8 }),
            again().first_nonce("n").first_auth_time(at(NOW - 9)),
            Some("wrong_auth_time"),
        ),
        ("same subject", json!({}), nonce().subject("alice"), None),
        (
            "other subject",
            json!({}),
            nonce().subject("alic"),
            Some("wrong_subject"),
        ),
        (
            "no auth_time",
            json!({}),
            nonce().max_age(minute),
            Some("missing_auth_time"),
        ),
        (
            "fresh",
            json!({ "auth_time": NOW - 120 }),
            nonce().max_age(minute),
            None,
        ),
        (
            "stale",
            json!({ "auth_time": NOW - 121 }),
            nonce().max_age(minute),
            Some("authenticated_too_long_ago"),
        ),
        (
            "fresh for now",
            json!({ "auth_time": NOW - 60 }),
            nonce().max_age(Duration::ZERO),
            None,
        ),
        (
            "max_age without end",
            json!({ "auth_time": 0 }),
            nonce().max_age(Duration::MAX),
            None,
        ),
        (
            "acr",
            json!({ "acr": "b" }),
            nonce().acr_values(["a", "b"]),
            None,
        ),
        (
            "other acr",
            json!({ "acr": "c" }),
            nonce().acr_values(["a", "b"]),
            Some("wrong_acr"),
        ),
        (
            "no acr",
            json!({}),
            nonce().acr_values(["a"]),
            Some("wrong_acr"),
        ),
    ] {
        let claims = with(&id_claims(), &changes);
        assert_eq!(
            id_refusal(id_tokens(), &claims, &expected).await,
            refused,
            "{name}"
        );
    }
}

#[tokio::test]
async fn the_hashes_of_an_id_token_are_of_what_came_beside_it() {
    // RFC-style values: SHA-256 halves by OpenID Connect Core appendices A.3 and A.4.
    let (access, at_hash) = (
        "jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y",
        "77QmUPtjPfzWtF2AnpK9RQ",
    );
    let (code, c_hash) = (
        "Qcb0Orv1zh30vL1MPRsbm-diHiMwcLyZvn1arpZv-Jxf_11jnpEX3Tgfvk",
        "LDktKdoQak3Pk0cnXxCltA",
    );
    let expected = || {
        ExpectedIdToken::with_nonce("n")
            .access_token(access)
            .code(code)
    };
    let both = json!({ "at_hash": at_hash, "c_hash": c_hash });
    for (name, changes, expected, refused) in [
        ("both", both.clone(), expected().from_front_channel(), None),
        ("none", json!({}), expected(), None),
        (
            "none in front",
            json!({}),
            expected().from_front_channel(),
            Some("missing_hash"),
        ),
        (
            "one in front",
            json!({ "at_hash": at_hash }),
            expected().from_front_channel(),
            Some("missing_hash"),
        ),
        (
            "wrong at_hash",
            json!({ "at_hash": format!("{at_hash}1") }),
            expected(),
            Some("wrong_hash"),
        ),
        (
            "wrong c_hash",
            json!({ "c_hash": at_hash }),
            expected(),
            Some("wrong_hash"),
        ),
        (
            "wrong s_hash",
            json!({ "s_hash": at_hash }),
            expected().state("s"),
            Some("wrong_hash"),
        ),
        (
            "s_hash",
            json!({ "s_hash": at_hash }),
            ExpectedIdToken::with_nonce("n").state(access),
            None,
        ),
        (
            "empty at_hash",
            json!({ "at_hash": "" }),
            expected(),
            Some("wrong_hash"),
        ),
        (
            "ill-typed at_hash",
            json!({ "at_hash": 1 }),
            expected(),
            Some("ill_typed_claim"),
        ),
        (
            "other token",
            both,
            expected().access_token("x"),
            Some("wrong_hash"),
        ),
    ] {
        let claims = with(&id_claims(), &changes);
        assert_eq!(
            id_refusal(id_tokens(), &claims, &expected).await,
            refused,
            "{name}"
        );
    }
}

#[tokio::test]
async fn the_id_tokens_of_the_specification_are_verified() {
    let file: Value = serde_json::from_str(include_str!("vectors/oidc_core.json")).unwrap();
    let rows = file["id_tokens"].as_array().unwrap();
    assert_eq!(rows.len(), 5);
    for row in rows {
        assert_eq!(row["expected"], "valid");
        let text = |name: &str| row[name].as_str().map(str::to_owned);
        let keys = KeySet::from_jwks(&row["jwks"].to_string(), [Algorithm::Rs256]).unwrap();
        let (issuer, client) = (text("iss").unwrap(), text("client_id").unwrap());
        let now = row["now"].as_u64().unwrap();
        let policy = VerificationPolicy::id_token(issuer, client)
            .build()
            .unwrap();
        let verifier = TokenVerifier::new(policy, keys).clock(SharedClock::new(move || at(now)));

        let mut expected = ExpectedIdToken::with_nonce(text("nonce").unwrap());
        let mut others = expected.clone().from_front_channel().state("not hashed");
        if let Some(token) = text("access_token") {
            expected = expected.access_token(token.clone());
            others = others.access_token(format!("{token}1"));
        }
        if let Some(code) = text("code") {
            expected = expected.code(code.clone());
            others = others.code(format!("{code}1"));
        }
        let token = text("token").unwrap();
        assert!(
            verifier.verify(&token, &expected).await.is_ok(),
            "{}",
            row["name"]
        );
        assert!(
            verifier.verify(&token, &others).await.is_err(),
            "{}",
            row["name"]
        );
    }
}

/// What the certification of relying parties publishes: keys without ids, of every kind.
#[tokio::test]
async fn key_08_a_token_finds_its_key_among_others_without_ids() {
    let file: Value = serde_json::from_str(include_str!("vectors/oidc_core.json")).unwrap();
    let row = &file["id_tokens"][0];
    let mut own = row["jwks"]["keys"][0].clone();
    own.as_object_mut().unwrap().remove("kid");
    own["use"] = json!("sig");
    let mut encryption = own.clone();
    encryption["use"] = json!("enc");
    let other = |algorithm| {
        let key = SigningKey::generate(algorithm).unwrap();
        let mut jwk: Value = serde_json::from_str(&key.public_jwk().unwrap()).unwrap();
        jwk.as_object_mut().unwrap().remove("kid");
        jwk
    };
    let unknown = json!({ "kty": "EC", "crv": "secp256k1", "use": "sig", "x": "AA", "y": "AA" });
    let (curve, edwards) = (other(Algorithm::Es256), other(Algorithm::EdDsa));
    let published = [encryption, own.clone(), curve, unknown, edwards];

    let now = row["now"].as_u64().unwrap();
    let expected = ExpectedIdToken::with_nonce(row["nonce"].as_str().unwrap());
    let accepts = async |keys: &[Value]| {
        let policy = VerificationPolicy::id_token("https://server.example.com", "s6BhdRkqt3");
        let keys = KeySet::from_jwks(&json!({ "keys": keys }).to_string(), Algorithm::ALL).unwrap();
        let verifier = TokenVerifier::new(policy.build().unwrap(), keys);
        let verifier = verifier.clock(SharedClock::new(move || at(now)));
        let token = row["token"].as_str().unwrap();
        verifier.verify(token, &expected).await.is_ok()
    };
    assert!(accepts(&published).await);
    // Two that it could be: neither is.
    let mut second = own;
    second["n"] = json!(URL_SAFE_NO_PAD.encode([0xff; 256]));
    assert!(!accepts(&[&published[..], &[second]].concat()).await);
}

#[tokio::test]
async fn a_verified_id_token_says_how_the_user_logged_in() {
    let own = json!({ "auth_time": NOW - 5, "acr": "b", "sid": "s1" });
    let expected = ExpectedIdToken::with_nonce("n").access_token("secret-token");
    assert!(!format!("{expected:?}").contains("secret"));
    let token = sign(Some("JWT"), &with(&id_claims(), &own));
    let verified = verifier(id_tokens())
        .verify(&token, &expected)
        .await
        .unwrap();
    assert_eq!(verified.auth_time(), Some(at(NOW - 5)));
    assert_eq!(verified.acr(), Some("b"));
    assert_eq!(verified.session_id(), Some("s1"));
    assert_eq!(verified.nonce(), Some("n"));
    assert_eq!(verified.subject(), Some("alice"));
}

#[tokio::test]
async fn stp_04_a_login_in_the_future_is_no_login() {
    let expected = ExpectedIdToken::with_nonce("n").max_age(Duration::from_secs(60));
    let token = sign(
        None,
        &with(&id_claims(), &json!({ "auth_time": NOW, "iat": NOW - 60 })),
    );
    // The clock of this machine went back.
    let back = verifier(id_tokens()).clock(SharedClock::new(|| at(NOW - 61)));
    assert!(back.verify(&token, &expected).await.is_err());
    assert!(
        verifier(id_tokens())
            .verify(&token, &expected)
            .await
            .is_ok()
    );
}
