//! Kinds of tokens exclude each other.
#![cfg(any(feature = "aws-lc", feature = "rust-crypto"))]
#![allow(clippy::unwrap_used, reason = "a test may")]

mod common;

use std::time::Duration;

use auth_layer::ConfigError;
use common::kinds::*;
use common::*;
use futures_util::FutureExt;
use jwt_layer::{Algorithm, ExpectedIdToken, VerificationPolicy};
use proptest::prelude::*;
use serde_json::{Value, json};

/// Every kind, with the `typ`s that it may have and a good token. Issuer, client and key are the same
/// for all, and the service that takes access tokens has the name of the client.
fn kinds() -> [(&'static str, &'static [Option<&'static str>], Value); 9] {
    let plain: &[_] = &[None, Some("JWT")];
    let access = with(
        &claims(),
        &json!({ "aud": CLIENT, "jti": "t", "client_id": "app", "scope": "a" }),
    );
    let proof = with(
        &claims(),
        &json!({ "aud": CLIENT, "jti": "p", "htm": "GET", "htu": "https://api.example.com/" }),
    );
    [
        (
            "access",
            &[Some("at+jwt"), Some("application/at+jwt")],
            access.clone(),
        ),
        ("plain access", plain, access),
        ("id", plain, id_claims()),
        (
            "logout",
            &[None, Some("JWT"), Some("logout+jwt")],
            logout_claims(),
        ),
        (
            "assertion",
            &[None, Some("JWT"), Some("client-authentication+jwt")],
            assertion_claims(),
        ),
        ("user info", plain, user_info_claims()),
        (
            "introspection",
            &[Some("token-introspection+jwt")],
            introspection_claims(),
        ),
        ("jarm", plain, jarm_claims()),
        ("proof", &[None, Some("JWT"), Some("dpop+jwt")], proof),
    ]
}

async fn accepts(kind: &str, token: &str) -> bool {
    let nonce = ExpectedIdToken::with_nonce("n");
    match kind {
        "access" => {
            let policy = VerificationPolicy::access_token(ISSUER, CLIENT);
            verifier(policy).verify(token).await.is_ok()
        }
        "plain access" => {
            let policy = VerificationPolicy::plain_access_token(ISSUER, CLIENT);
            verifier(policy).verify(token).await.is_ok()
        }
        "id" => verifier(id_tokens()).verify(token, &nonce).await.is_ok(),
        "id without nonce" => {
            let expected = ExpectedIdToken::without_nonce();
            verifier(id_tokens()).verify(token, &expected).await.is_ok()
        }
        "logout" => verifier(logout_tokens()).verify(token).await.is_ok(),
        "assertion" => verifier(assertions()).verify(token).await.is_ok(),
        "user info" => {
            let verifier = verifier(user_infos());
            verifier.verify(token, "alice").await.is_ok()
        }
        "introspection" => verifier(introspections()).verify(token).await.is_ok(),
        "jarm" => verifier(jarm_responses()).verify(token, "s").await.is_ok(),
        // What reads proofs reads them from another header, and by the key in them.
        "proof" => false,
        _ => panic!("{kind}"),
    }
}

#[tokio::test]
async fn jwt_11_a_token_of_one_kind_is_refused_by_the_policy_of_every_other() {
    for (kind, types, claims) in &kinds() {
        for typ in *types {
            let token = sign(*typ, claims);
            for (other, ..) in &kinds() {
                let own = kind == other && *kind != "proof";
                // Plain access tokens may be those of RFC 9068.
                let own = own || (*kind == "access" && *other == "plain access");
                let accepted = accepts(other, &token).await;
                assert_eq!(accepted, own, "{kind} token, typ {typ:?}, as {other}");
            }
        }
    }
}

#[tokio::test]
async fn jwt_11_a_login_without_a_nonce_takes_no_access_token() {
    let bare = with(&claims(), &json!({ "aud": CLIENT }));
    let expected = ExpectedIdToken::without_nonce();
    for name in ["client_id", "scope", "scp", "cnf"] {
        let token = sign(None, &with(&bare, &json!({ name: "app" })));
        let refused = verifier(id_tokens()).verify(&token, &expected).await;
        let refused = refused.map_err(|error| error.reason());
        assert_eq!(refused.err(), Some("not_an_id_token"), "{name}");
    }
    let token = sign(None, &with(&bare, &json!({ "client_id": CLIENT })));
    let lenient = verifier(id_tokens().accept_client_id());
    assert!(lenient.verify(&token, &expected).await.is_ok());
}

#[tokio::test]
async fn jwt_11_a_type_of_another_kind_is_refused_whatever_the_claims() {
    for (kind, types, claims) in &kinds() {
        for typ in [
            "at+jwt",
            "logout+jwt",
            "dpop+jwt",
            "token-introspection+jwt",
            "secevent+jwt",
            "client-authentication+jwt",
            "oauth-authz-req+jwt",
            "JOSE",
            "JWTx",
            "",
        ] {
            let own = types.contains(&Some(typ)) || (*kind == "plain access" && typ == "at+jwt");
            let accepted = accepts(kind, &sign(Some(typ), claims)).await;
            assert_eq!(
                accepted,
                own && *kind != "proof",
                "{kind} token, typ {typ:?}"
            );
        }
    }
}

#[tokio::test]
async fn jwt_11_an_issuer_that_names_the_kind_in_a_claim_is_heard() {
    let access = with(&claims(), &json!({ "aud": CLIENT }));
    for (changes, as_access, as_id) in [
        (json!({}), true, true),
        (json!({ "token_use": "access" }), true, false),
        (json!({ "token_use": "id" }), false, true),
        (json!({ "typ": "Bearer" }), true, false),
        (json!({ "typ": "DPoP" }), true, false),
        (json!({ "typ": "ID" }), false, true),
        (json!({ "typ": "Refresh" }), false, false),
        (json!({ "typ": "Offline" }), false, false),
        (json!({ "typ": "Logout" }), false, false),
        (json!({ "typ": "person", "token_use": ["id"] }), true, true),
    ] {
        let token = sign(None, &with(&access, &changes));
        assert_eq!(
            accepts("plain access", &token).await,
            as_access,
            "{changes}"
        );
        let nonce = json!({ "nonce": "n" });
        let token = sign(None, &with(&with(&access, &changes), &nonce));
        assert_eq!(accepts("id", &token).await, as_id, "{changes}");
    }
}

#[tokio::test]
async fn jwt_01_no_kind_accepts_an_unsigned_token() {
    for (kind, types, claims) in &kinds() {
        let header = json!({ "alg": "none", "typ": types[0] }).to_string();
        for secret in [&[][..], &SECRET] {
            let token = forge(&header, &claims.to_string(), secret);
            assert!(!accepts(kind, &token).await, "{kind}");
            let (unsigned, _) = token.rsplit_once('.').unwrap();
            assert!(!accepts(kind, &format!("{unsigned}.")).await, "{kind}");
        }
    }
}

#[test]
fn what_cannot_work_is_refused_by_name() {
    fn option<T>(built: Result<T, ConfigError>) -> &'static str {
        built.err().unwrap().option()
    }

    let long = Duration::from_secs(301);
    assert_eq!(
        option(VerificationPolicy::id_token("", CLIENT).build()),
        "issuer"
    );
    assert_eq!(
        option(VerificationPolicy::id_token(ISSUER, "").build()),
        "audience"
    );
    assert_eq!(option(id_tokens().trust_audience("").build()), "audience");
    assert_eq!(option(id_tokens().authorized_party("").build()), "audience");
    assert_eq!(option(id_tokens().leeway(long).build()), "leeway");
    assert_eq!(
        option(logout_tokens().max_age(Duration::ZERO).build()),
        "max_age"
    );
    assert_eq!(option(logout_tokens().algorithms([]).build()), "algorithms");
    assert_eq!(option(assertions().audience("").build()), "audience");
    assert_eq!(
        option(assertions().max_lifetime(Duration::ZERO).build()),
        "max_lifetime"
    );
    assert_eq!(
        option(introspections().max_age(Duration::ZERO).build()),
        "max_age"
    );
    let proofs = || VerificationPolicy::dpop_proof();
    assert_eq!(
        option(proofs().algorithms([Algorithm::Hs256]).build()),
        "algorithms"
    );
    assert_eq!(option(proofs().leeway(long).build()), "leeway");
    assert_eq!(option(proofs().max_token_size(1).build()), "max_token_size");
}

/// A value that some kind could ask for, or none that any does.
fn value_of(name: &str) -> impl Strategy<Value = Option<Value>> + use<> {
    let good = match name {
        "iss" => json!(ISSUER),
        "aud" => json!(CLIENT),
        "sub" => json!("alice"),
        "exp" => json!(NOW + 60),
        "iat" => json!(NOW),
        "nonce" => json!("n"),
        "state" => json!("s"),
        "events" => json!({ EVENT: {} }),
        "token_introspection" => json!({ "active": true }),
        "htm" => json!("GET"),
        _ => json!("x"),
    };
    let other = if name == "aud" { ISSUER } else { CLIENT };
    // What most kinds have is mostly there, and what only one has is mostly not.
    let (there, absent) = match name {
        "iss" | "aud" | "exp" | "iat" => (10, 1),
        "sub" | "jti" => (3, 3),
        _ => (2, 6),
    };
    prop_oneof![
        there => Just(Some(good)),
        absent => Just(None),
        2 => Just(Some(json!(other))),
    ]
}

const NAMES: [&str; 17] = [
    "iss",
    "aud",
    "sub",
    "exp",
    "iat",
    "jti",
    "nonce",
    "state",
    "code",
    "events",
    "sid",
    "htm",
    "scope",
    "client_id",
    "at_hash",
    "token_introspection",
    "azp",
];

fn any_claims() -> impl Strategy<Value = Value> {
    let values = NAMES.map(|name| value_of(name).boxed()).to_vec();
    values.prop_map(|values| {
        let members = NAMES.iter().zip(values);
        let members = members.filter_map(|(name, value)| Some(((*name).to_owned(), value?)));
        Value::Object(members.collect())
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn jwt_11_no_claims_make_one_token_two_kinds(
        claims in any_claims(),
        typ in prop::sample::select(vec![
            None, Some("JWT"), Some("at+jwt"), Some("logout+jwt"), Some("token-introspection+jwt"),
        ]),
    ) {
        let token = sign(typ, &claims);
        let kinds = [
            "plain access", "id", "id without nonce", "logout", "assertion", "user info",
            "introspection", "jarm",
        ];
        let accepting: Vec<_> = kinds
            .into_iter()
            .filter(|kind| accepts(kind, &token).now_or_never().unwrap())
            .collect();
        // With nothing of their own, these are told apart by their audience.
        let bare = ["plain access", "id without nonce", "user info"];
        let own = ["nonce", "client_id", "scope", "at_hash"];
        let is_bare = accepting.iter().all(|kind| bare.contains(kind))
            && own.iter().all(|name| claims.get(*name).is_none());
        prop_assert!(accepting.len() <= 1 || is_bare, "{accepting:?} {claims}");
    }
}
