//! Tokens of our own, and keys in every form.
#![cfg(any(feature = "aws-lc", feature = "rust-crypto"))]
#![allow(clippy::unwrap_used, reason = "a test may")]

mod common;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use auth_layer::{Event, EventKind, Events, Factor, FactorKind, Identity, ScopeSet};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use common::*;
use http::{HeaderMap, StatusCode};
use jwt_layer::{
    AccessTokenRequest, Algorithm, Issuer, Jwt, KeySet, SigningKey, VerificationPolicy,
    VerifyingKey,
};
use serde_json::{Value, json};

fn issuer(key: SigningKey) -> Issuer {
    Issuer::builder(ISSUER, AUDIENCE, key)
        .clock(clock())
        .build()
        .unwrap()
}

fn part(token: &str, index: usize) -> Value {
    let part = token.split('.').nth(index).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
}

#[tokio::test]
async fn what_is_issued_is_accepted_and_says_the_same() {
    let scopes: ScopeSet = "reports:read reports:write".parse().unwrap();
    let request = AccessTokenRequest::new("user-17")
        .scopes(scopes.clone())
        .roles(["admin", "editor"])
        .tenant("acme")
        .session_id("session-1")
        .acr("gold")
        .factor(Factor::new(FactorKind::Password, at(NOW - 500)))
        .factor(Factor::new(FactorKind::Otp, at(NOW - 20)));
    for algorithm in Algorithm::ALL {
        // The RustCrypto backend makes no RSA keys and has no ES512.
        let Ok(key) = SigningKey::generate(algorithm) else {
            continue;
        };
        let issuer = issuer(key);
        let token = issuer.issue(&request).unwrap();
        let policy = issuer.policy().tenant_claim("tenant").build().unwrap();
        let jwt = Jwt::new(policy, issuer.verifying_keys()).clock(clock());
        let identity = jwt.verify_token(token.expose()).await.unwrap();

        assert_eq!(identity.subject(), "user-17", "{algorithm}");
        assert_eq!(identity.tenant(), Some("acme"));
        assert_eq!(identity.scopes(), &scopes);
        assert_eq!(token.scopes(), &scopes);
        assert_eq!(identity.roles().collect::<Vec<_>>(), ["admin", "editor"]);
        assert_eq!(identity.acr(), Some("gold"));
        assert_eq!(identity.session_id(), Some("session-1"));
        assert_eq!(identity.token_id(), Some(token.token_id()));
        assert_eq!(identity.auth_time(), Some(at(NOW - 20)));
        // Refreshing one factor does not refresh the other.
        assert_eq!(
            identity.factor_proved_at(FactorKind::Password),
            Some(at(NOW - 500))
        );
        assert_eq!(
            identity.factor_proved_at(FactorKind::Otp),
            Some(at(NOW - 20))
        );
        assert_eq!(token.expires_in(), Duration::from_secs(600));
        assert_eq!(identity.expires_at(), Some(at(NOW + 600)));
        assert_eq!(token.expires_at(), at(NOW + 600));

        let again = issuer
            .issue(&AccessTokenRequest::for_identity(&identity))
            .unwrap();
        let again = jwt.verify_token(again.expose()).await.unwrap();
        assert_eq!(again.factors().len(), 2);
        assert_ne!(again.token_id(), identity.token_id());
    }
}

#[test]
fn tokens_have_the_form_of_rfc_9068() {
    let issuer = issuer(SigningKey::generate(Algorithm::Es256).unwrap());
    let token = issuer
        .issue(&AccessTokenRequest::new("user-17").client_id("app"))
        .unwrap();
    let header = part(token.expose(), 0);
    assert_eq!(header["typ"], "at+jwt");
    assert_eq!(header["alg"], "ES256");
    let jwks: Value = serde_json::from_str(&issuer.jwks()).unwrap();
    assert_eq!(header["kid"], jwks["keys"][0]["kid"]);
    let claims = part(token.expose(), 1);
    assert_eq!(claims["client_id"], "app");
    assert_eq!(claims["iat"], NOW);
    assert_eq!(claims["exp"], NOW + 600);
    assert_eq!(
        URL_SAFE_NO_PAD
            .decode(claims["jti"].as_str().unwrap())
            .unwrap()
            .len(),
        16
    );
    for absent in [
        "scope",
        "roles",
        "tenant",
        "auth_time",
        "amr",
        "amr_at",
        "acr",
    ] {
        assert!(claims.get(absent).is_none(), "{absent}");
    }
}

#[tokio::test]
async fn the_published_keys_verify_and_hold_no_secret() {
    for algorithm in [Algorithm::Es256, Algorithm::Es384, Algorithm::EdDsa] {
        let issuer = issuer(SigningKey::generate(algorithm).unwrap());
        let keys = KeySet::from_jwks(&issuer.jwks(), Algorithm::ALL).unwrap();
        assert_eq!(keys.len(), 1);
        let jwt = Jwt::new(issuer.policy().build().unwrap(), keys).clock(clock());
        let token = issuer.issue(&AccessTokenRequest::new("user-17")).unwrap();
        assert!(jwt.verify_token(token.expose()).await.is_ok());
        let jwks: Value = serde_json::from_str(&issuer.jwks()).unwrap();
        for private in ["d", "k", "p", "q"] {
            assert!(jwks["keys"][0].get(private).is_none(), "{private}");
        }
    }
    let key = SigningKey::from_secret(Algorithm::Hs256, &SECRET).unwrap();
    assert_eq!(key.kid(), None);
    assert_eq!(&*issuer(key).jwks(), r#"{"keys":[]}"#);
}

#[tokio::test]
async fn keys_are_read_from_pem_der_and_certificates() {
    for (algorithm, private, public) in [
        (
            Algorithm::Es256,
            include_str!("keys/ec.pem"),
            include_str!("keys/ec.pub.pem"),
        ),
        (
            Algorithm::EdDsa,
            include_str!("keys/ed.pem"),
            include_str!("keys/ed.pub.pem"),
        ),
        (
            Algorithm::Rs256,
            include_str!("keys/rsa.pem"),
            include_str!("keys/rsa.pub.pem"),
        ),
        (
            Algorithm::Ps512,
            include_str!("keys/rsa.pem"),
            include_str!("keys/rsa.cert.pem"),
        ),
    ] {
        let signing = SigningKey::from_pem(algorithm, private).unwrap();
        let kid = signing.kid().unwrap().to_owned();
        let jwk = signing.public_jwk().unwrap();
        let issuer = issuer(signing);
        let token = issuer.issue(&AccessTokenRequest::new("user-17")).unwrap();
        let mut keys = vec![
            VerifyingKey::from_pem(algorithm, public).unwrap(),
            VerifyingKey::from_pem(algorithm, public)
                .unwrap()
                .with_kid(kid),
            VerifyingKey::from_jwk(algorithm, &jwk).unwrap(),
        ];
        if public.contains("PUBLIC KEY") {
            let der: String = public
                .lines()
                .filter(|line| !line.starts_with('-'))
                .collect();
            let der = STANDARD.decode(der).unwrap();
            keys.push(VerifyingKey::from_der(algorithm, &der).unwrap());
        }
        for key in keys {
            let jwt = Jwt::new(issuer.policy().build().unwrap(), key).clock(clock());
            assert!(
                jwt.verify_token(token.expose()).await.is_ok(),
                "{algorithm}"
            );
        }
        let other = VerifyingKey::from_jwk(algorithm, &jwk)
            .unwrap()
            .with_kid("other");
        let jwt = Jwt::new(issuer.policy().build().unwrap(), other).clock(clock());
        assert_eq!(
            refusal(&jwt, token.expose()).await,
            "unknown_key",
            "{algorithm}"
        );
    }
}

#[test]
fn jwt_15_keys_that_do_not_fit_are_refused() {
    let ec = include_str!("keys/ec.pub.pem");
    let rsa = include_str!("keys/rsa.pub.pem");
    let weak = include_str!("keys/rsa1024.pub.pem");
    for (algorithm, pem) in [
        (Algorithm::Rs256, ec),
        (Algorithm::Es256, rsa),
        (Algorithm::Es384, ec),
        (Algorithm::EdDsa, ec),
        (Algorithm::Hs256, ec),
        (Algorithm::Rs256, weak),
        (
            Algorithm::Rs256,
            "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----",
        ),
        (Algorithm::Rs256, include_str!("keys/rsa.pem")),
        (Algorithm::Es256, include_str!("keys/ec.pem")),
        (Algorithm::Rs256, ""),
    ] {
        let error = VerifyingKey::from_pem(algorithm, pem).unwrap_err();
        assert_eq!(error.option(), "key", "{algorithm}");
    }
    for secret in [&b""[..], b"secret", &[1; 31]] {
        assert_eq!(
            VerifyingKey::from_secret(Algorithm::Hs256, secret)
                .unwrap_err()
                .option(),
            "secret"
        );
        assert_eq!(
            SigningKey::from_secret(Algorithm::Hs256, secret)
                .unwrap_err()
                .option(),
            "secret"
        );
    }
    assert!(VerifyingKey::from_secret(Algorithm::Rs256, &[1; 64]).is_err());
    assert!(SigningKey::from_pem(Algorithm::Es256, ec).is_err());
}

#[test]
fn jwt_15_a_key_set_leaves_out_what_it_cannot_use() {
    let good = SigningKey::generate(Algorithm::Es256)
        .unwrap()
        .public_jwk()
        .unwrap();
    let secret =
        r#"{"kty":"oct","k":"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T","alg":"HS256"}"#;
    let enc = good.replace("\"sig\"", "\"enc\"");
    let unknown = r#"{"kty":"new"}"#;
    let jwks = format!(r#"{{"keys":[{secret},{enc},{unknown},1,{good}]}}"#);
    assert_eq!(KeySet::from_jwks(&jwks, Algorithm::ALL).unwrap().len(), 1);
    for jwks in [
        "",
        "{}",
        r#"{"keys":[]}"#,
        &format!(r#"{{"keys":[{secret}]}}"#),
    ] {
        assert!(KeySet::from_jwks(jwks, Algorithm::ALL).is_err(), "{jwks}");
    }
}

#[test]
fn issuers_that_cannot_work_are_refused() {
    let key = || SigningKey::from_secret(Algorithm::Hs256, &SECRET).unwrap();
    let builder = || Issuer::builder(ISSUER, AUDIENCE, key());
    for (builder, option) in [
        (Issuer::builder("", AUDIENCE, key()), "issuer"),
        (Issuer::builder(ISSUER, "", key()), "audience"),
        (builder().client_id(""), "client_id"),
        (builder().lifetime(Duration::ZERO), "lifetime"),
        (builder().lifetime(Duration::from_millis(10)), "lifetime"),
        (builder().lifetime(Duration::from_secs(90_000)), "lifetime"),
    ] {
        assert_eq!(builder.build().unwrap_err().option(), option);
    }
    let issuer = builder().build().unwrap();
    for request in [
        AccessTokenRequest::new(""),
        AccessTokenRequest::new("first-party"), // would read as the client itself
        AccessTokenRequest::new("app").client_id("app"),
    ] {
        assert_eq!(
            issuer.issue(&request).unwrap_err().reason(),
            "impossible_subject"
        );
    }
}

#[test]
fn x_12_an_issued_token_is_not_printed_and_is_told_to_the_log_by_id() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let sink = Arc::clone(&seen);
    let events = Events::to(move |event: &Event<'_>| {
        let id = event.object_id.map(str::to_owned);
        sink.lock()
            .unwrap()
            .push((event.kind, id, format!("{event:?}")));
    });
    let key = SigningKey::generate(Algorithm::Es256).unwrap();
    let issuer = Issuer::builder(ISSUER, AUDIENCE, key)
        .events(events)
        .build()
        .unwrap();
    let token = issuer.issue(&AccessTokenRequest::new("user-17")).unwrap();
    let signature = token.expose().rsplit('.').next().unwrap();
    assert!(!format!("{token:?} {issuer:?}").contains(signature));
    let seen = seen.lock().unwrap();
    let [(kind, id, shown)] = &seen[..] else {
        panic!("{seen:?}");
    };
    assert_eq!(*kind, EventKind::TokenIssued);
    assert_eq!(id.as_deref(), Some(token.token_id()));
    assert!(!shown.contains(signature));
}

#[tokio::test]
async fn jwt_11_our_tokens_are_for_our_audience_only() {
    let issuer = issuer(SigningKey::generate(Algorithm::Es256).unwrap());
    let token = issuer.issue(&AccessTokenRequest::for_identity(&Identity::new(
        "session", "ann",
    )));
    let policy = VerificationPolicy::access_token(ISSUER, "another-service")
        .build()
        .unwrap();
    let jwt = Jwt::new(policy, issuer.verifying_keys()).clock(clock());
    assert_eq!(
        refusal(&jwt, token.unwrap().expose()).await,
        "wrong_audience"
    );
}

#[tokio::test]
async fn apk_07_a_key_is_not_exchanged_for_a_token() {
    let issuer = issuer(SigningKey::generate(Algorithm::Es256).unwrap());
    let key = Identity::builder("api-key", "ann").key_id("k").build();
    let renamed = key.clone().with_scheme("session");
    for key in [key, renamed] {
        let request = AccessTokenRequest::for_identity(&key).client_id("app");
        let error = issuer.issue(&request).unwrap_err();
        assert_eq!(error.reason(), "keys_get_no_tokens");
        assert_eq!(error.status(), StatusCode::FORBIDDEN);
    }
    let ann = AccessTokenRequest::for_identity(&Identity::new("session", "ann"));
    assert!(issuer.issue(&ann).is_ok());
}

#[test]
fn jwt_11_nobody_else_s_user_gets_a_token_of_ours() {
    let issuer = issuer(SigningKey::generate(Algorithm::Es256).unwrap());
    for (other, good) in [("https://evil.example", false), ("", false), (ISSUER, true)] {
        let ann = Identity::builder("oidc", "ann").issuer(other).build();
        match issuer.issue(&AccessTokenRequest::for_identity(&ann)) {
            Ok(_) => assert!(good, "{other}"),
            Err(error) => {
                assert!(!good, "{other}");
                assert_eq!(error.reason(), "principal_of_another_issuer");
                assert_eq!(error.status(), StatusCode::FORBIDDEN);
            }
        }
    }
}

fn public_jwk(kid: &str) -> String {
    let key = SigningKey::generate(Algorithm::Es256).unwrap();
    let jwk = key.with_kid(kid).public_jwk().unwrap();
    assert!(jwk.contains(&format!(r#""kid":"{kid}""#)));
    jwk
}

#[test]
fn key_07_an_ambiguous_pair_costs_no_other_key() {
    let (a, other_a, b) = (public_jwk("a"), public_jwk("a"), public_jwk("b"));
    let read = |keys: &[&str]| {
        let jwks = format!(r#"{{"keys":[{}]}}"#, keys.join(","));
        KeySet::from_jwks(&jwks, Algorithm::ALL)
    };
    for (keys, usable) in [
        (vec![&*a, &b], vec!["a", "b"]),
        (vec![&a, &a, &b], vec!["a", "b"]),
        (vec![&a, &other_a, &b], vec!["b"]),
        (vec![&a, &b, &other_a, &a], vec!["b"]),
    ] {
        let set = read(&keys).unwrap();
        assert_eq!(set.len(), usable.len());
        for kid in ["a", "b"] {
            let found = set.find(Some(kid), Algorithm::Es256).is_some();
            assert_eq!(found, usable.contains(&kid), "{kid}");
        }
    }
    assert!(read(&[&a, &other_a]).is_err());
}

#[test]
fn key_07_the_keys_of_a_document_are_counted_and_not_their_algorithms() {
    // An RSA key that does not say its algorithm fits six.
    let pem = include_str!("keys/rsa.pem");
    let key = SigningKey::from_pem(Algorithm::Rs256, pem).unwrap();
    let jwk = key.public_jwk().unwrap();
    let kid = key.kid().unwrap().to_owned();
    let bare = jwk.replace(r#""alg":"RS256","#, "");
    assert_ne!(bare, jwk);
    let document = |count: usize| {
        let keys: Vec<_> = (0..count)
            .map(|n| bare.replace(&kid, &format!("key {n}")))
            .collect();
        format!(r#"{{"keys":[{}]}}"#, keys.join(","))
    };
    let set = KeySet::from_jwks(&document(100), Algorithm::ALL).unwrap();
    assert_eq!(set.len(), 600);
    assert!(KeySet::from_jwks(&document(101), Algorithm::ALL).is_err());
}

#[tokio::test]
async fn another_issuer_s_claim_of_the_name_amr_at_says_nothing() {
    let time = NOW - 30;
    for (amr_at, proved_at) in [
        (json!({ "pwd": NOW - 90 }), NOW - 90),
        (json!({ "otp": NOW - 90 }), time),
        (json!({ "pwd": (NOW - 90) * 1000 }), time),
        (json!({ "pwd": u64::MAX }), time),
        (json!({ "pwd": "then" }), time),
        (json!("then"), time),
    ] {
        let changes = json!({ "auth_time": time, "amr": ["pwd"], "amr_at": amr_at });
        let token = token(&claims_with(changes));
        let identity = jwt().verify_token(&token).await.unwrap();
        assert_eq!(
            identity.factor_proved_at(FactorKind::Password),
            Some(at(proved_at)),
            "{amr_at}"
        );
    }
}

#[test]
fn the_published_documents_may_be_kept_and_say_when_they_are_the_same() {
    let issuer = issuer(SigningKey::generate(Algorithm::Es256).unwrap());
    let first = issuer.jwks_response(&HeaderMap::new());
    assert_eq!(first.status(), StatusCode::OK);
    assert_eq!(first.headers()["content-type"], "application/jwk-set+json");
    assert_eq!(first.headers()["cache-control"], "public, max-age=300");
    assert_eq!(**first.body(), *issuer.jwks());
    let tag = first.headers()["etag"].to_str().unwrap();
    for (sent, status) in [
        (tag.to_owned(), StatusCode::NOT_MODIFIED),
        (format!("W/{tag}"), StatusCode::NOT_MODIFIED),
        (format!("\"other\", {tag}"), StatusCode::NOT_MODIFIED),
        ("*".to_owned(), StatusCode::NOT_MODIFIED),
        ("\"other\"".to_owned(), StatusCode::OK),
        (tag.trim_matches('"').to_owned(), StatusCode::OK),
    ] {
        let mut headers = HeaderMap::new();
        headers.insert("if-none-match", sent.parse().unwrap());
        let response = issuer.jwks_response(&headers);
        assert_eq!(response.status(), status, "{sent}");
        assert_eq!(response.body().is_empty(), status != StatusCode::OK);
        assert_eq!(response.headers()["etag"], tag);
    }
}

#[test]
fn metadata_says_what_was_set_and_nothing_else() {
    let issuer = issuer(SigningKey::generate(Algorithm::Es256).unwrap());
    let metadata = issuer
        .metadata()
        .jwks_uri("https://id.example.com/jwks.json")
        .token_endpoint("http://127.0.0.1:8080/token")
        .grant_types(["refresh_token"])
        .dpop_algorithms([Algorithm::Es256]);
    let document: Value = serde_json::from_str(&metadata.build().unwrap().to_json()).unwrap();
    assert_eq!(
        document,
        json!({
            "issuer": ISSUER,
            "jwks_uri": "https://id.example.com/jwks.json",
            "token_endpoint": "http://127.0.0.1:8080/token",
            "response_types_supported": [],
            "grant_types_supported": ["refresh_token"],
            "dpop_signing_alg_values_supported": ["ES256"],
        })
    );
    for url in [
        "http://id.example.com/",
        "/token",
        "ftp://id.example.com/",
        "https://id.example.com/#a",
        "https:///",
        "",
    ] {
        let error = issuer.metadata().revocation_endpoint(url).build();
        assert_eq!(error.unwrap_err().option(), "revocation_endpoint", "{url}");
    }
    for (name, path) in [
        ("https://id.example.com", Some("")),
        ("https://id.example.com/", Some("")),
        ("https://id.example.com/a/b", Some("/a/b")),
        ("https://id.example.com/?a", None),
        ("id", None),
    ] {
        let key = SigningKey::generate(Algorithm::Es256).unwrap();
        let issuer = Issuer::builder(name, AUDIENCE, key).build().unwrap();
        let built = issuer.metadata().build();
        let found = built.as_ref().ok().map(|metadata| metadata.path());
        let expected = path.map(|path| format!("/.well-known/oauth-authorization-server{path}"));
        assert_eq!(found, expected.as_deref(), "{name}");
    }
}
