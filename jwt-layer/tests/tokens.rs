//! Which tokens are accepted.
#![cfg(any(feature = "aws-lc", feature = "rust-crypto"))]
#![allow(clippy::unwrap_used, reason = "a test may")]

mod common;

use auth_layer::{AuthErrorKind, SharedClock};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use common::*;
use http::StatusCode;
use jwt_layer::{
    AccessTokenRequest, Algorithm, ClientToken, Issuer, Jwt, KeySet, MemoryRevocations,
    SharedRevocations, SigningKey, TokenVerifier, VerificationPolicy, VerifyingKey,
};
use serde_json::{Value, json};

const EC_PEM: &str = include_str!("keys/ec.pub.pem");
const RSA_PEM: &str = include_str!("keys/rsa.pub.pem");

#[tokio::test]
async fn a_good_token_is_an_identity() {
    let claims = claims_with(json!({
        "aud": ["https://other.example.com", AUDIENCE],
        "scope": "b a",
        "roles": ["admin", "editor"],
        "jti": "token-1",
        "sid": "session-1",
        "acr": "urn:example:loa:2",
        "auth_time": NOW - 30,
        "amr": ["pwd", "otp", "unheard-of"],
        "org": "acme",
        "more": { "colour": "red" },
    }));
    let policy = plain().tenant_claim("org").build().unwrap();
    let jwt = Jwt::new(policy, key()).clock(clock());
    let identity = jwt.verify_token(&token(&claims)).await.unwrap();

    assert_eq!(identity.scheme(), "bearer");
    assert_eq!(identity.subject(), "alice");
    assert_eq!(identity.issuer(), Some(ISSUER));
    assert_eq!(identity.tenant(), Some("acme"));
    assert_eq!(identity.scopes().to_string(), "a b");
    assert_eq!(identity.roles().collect::<Vec<_>>(), ["admin", "editor"]);
    assert_eq!(identity.token_id(), Some("token-1"));
    assert_eq!(identity.session_id(), Some("session-1"));
    assert_eq!(identity.acr(), Some("urn:example:loa:2"));
    assert_eq!(identity.auth_time(), Some(at(NOW - 30)));
    assert_eq!(identity.expires_at(), Some(at(NOW + 600)));
    let factors = identity.factors().iter();
    assert_eq!(
        factors
            .map(|f| (f.kind().as_str(), f.proved_at()))
            .collect::<Vec<_>>(),
        [("pwd", at(NOW - 30)), ("otp", at(NOW - 30)),]
    );
    assert_eq!(identity.claims::<Value>().unwrap(), claims);
}

#[tokio::test]
async fn jwt_01_unsigned_tokens_are_refused() {
    let payload = claims().to_string();
    for header in [
        json!({ "alg": "none" }),
        json!({ "alg": "None" }),
        json!({ "alg": "nOnE" }),
        json!({ "alg": "" }),
        json!({ "alg": 256 }),
        json!({ "alg": null }),
        json!({}),
    ] {
        let signed = forge(&header.to_string(), &payload, &SECRET);
        let reason = refusal(&jwt(), &signed).await;
        let known = ["unknown_algorithm", "unreadable_header"];
        assert!(known.contains(&reason), "{header} {reason}");
        let (unsigned, _) = signed.rsplit_once('.').unwrap();
        assert_eq!(
            refusal(&jwt(), &format!("{unsigned}.")).await,
            "not_a_signed_token"
        );
    }
}

#[tokio::test]
async fn jwt_02_a_public_key_is_never_a_secret() {
    let header = json!({ "alg": "HS256" }).to_string();
    let payload = claims().to_string();
    for (algorithm, pem) in [(Algorithm::Es256, EC_PEM), (Algorithm::Rs256, RSA_PEM)] {
        let key = VerifyingKey::from_pem(algorithm, pem).unwrap();
        let jwt = Jwt::new(plain().build().unwrap(), key).clock(clock());
        let body: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
        let der = base64::engine::general_purpose::STANDARD
            .decode(&body)
            .unwrap();
        for secret in [
            pem.as_bytes(),
            pem.trim().as_bytes(),
            body.as_bytes(),
            &*der,
        ] {
            let token = forge(&header, &payload, secret);
            assert_eq!(refusal(&jwt, &token).await, "unknown_key", "{algorithm}");
            // Nor does naming the key's own algorithm help.
            let header = json!({ "alg": algorithm.as_str() }).to_string();
            let token = forge(&header, &payload, secret);
            assert_eq!(refusal(&jwt, &token).await, "bad_signature", "{algorithm}");
        }
    }
}

#[tokio::test]
async fn jwt_02_nor_is_the_text_of_a_public_jwk() {
    let signing = SigningKey::generate(Algorithm::Es256).unwrap();
    let policy = plain().build().unwrap();
    let jwt = Jwt::new(policy, signing.verifying_key().unwrap()).clock(clock());
    let jwk = signing.public_jwk().unwrap();
    let jwks = format!(r#"{{"keys":[{jwk}]}}"#);
    for secret in [&jwk, &jwks, signing.kid().unwrap()] {
        for header in [
            json!({ "alg": "HS256" }),
            json!({ "alg": "HS256", "kid": signing.kid() }),
        ] {
            let token = forge(
                &header.to_string(),
                &claims().to_string(),
                secret.as_bytes(),
            );
            assert_eq!(refusal(&jwt, &token).await, "unknown_key", "{header}");
        }
    }
}

#[tokio::test]
async fn jwt_03_keys_in_the_header_are_ignored() {
    let attacker = [9; 32];
    let extras = json!({
        "alg": "HS256",
        "jwk": { "kty": "oct", "k": URL_SAFE_NO_PAD.encode(attacker) },
        "jku": "http://127.0.0.1:1/jwks",
        "x5u": "http://127.0.0.1:1/cert",
        "x5c": ["MIIB"],
    });
    let payload = claims().to_string();
    let forged = forge(&extras.to_string(), &payload, &attacker);
    assert_eq!(refusal(&jwt(), &forged).await, "bad_signature");
    let good = forge(&extras.to_string(), &payload, &SECRET);
    assert!(jwt().verify_token(&good).await.is_ok());
}

#[tokio::test]
async fn jwt_04_critical_extensions_are_refused() {
    for header in [
        json!({ "alg": "HS256", "crit": ["exp"], "exp": NOW }),
        json!({ "alg": "HS256", "crit": ["unheard-of"] }),
        json!({ "alg": "HS256", "crit": [] }),
        json!({ "alg": "HS256", "b64": false, "crit": ["b64"] }),
        json!({ "alg": "HS256", "b64": false }),
    ] {
        let token = forge(&header.to_string(), &claims().to_string(), &SECRET);
        assert_eq!(
            refusal(&jwt(), &token).await,
            "unsupported_header",
            "{header}"
        );
    }
}

#[tokio::test]
async fn jwt_05_jwt_16_encrypted_and_compressed_tokens_are_refused() {
    for (header, reason) in [
        (
            json!({ "alg": "dir", "enc": "A256GCM" }),
            "unsupported_header",
        ),
        (json!({ "alg": "RSA1_5" }), "unknown_algorithm"),
        (
            json!({ "alg": "PBES2-HS256+A128KW", "p2c": 1u32 << 31 }),
            "unknown_algorithm",
        ),
        (
            json!({ "alg": "HS256", "zip": "DEF" }),
            "unsupported_header",
        ),
    ] {
        let token = forge(&header.to_string(), &claims().to_string(), &SECRET);
        assert_eq!(refusal(&jwt(), &token).await, reason, "{header}");
    }
    let five = "eyJhbGciOiJkaXIiLCJlbmMiOiJBMjU2R0NNIn0..aaaa.bbbb.cccc";
    assert_eq!(refusal(&jwt(), five).await, "not_a_signed_token");
    // A token in a token is no claims set.
    let nested = forge(r#"{"alg":"HS256","cty":"JWT"}"#, &token(&claims()), &SECRET);
    assert_eq!(refusal(&jwt(), &nested).await, "unreadable_claims");
}

#[tokio::test]
async fn jwt_06_only_the_compact_form_is_read() {
    let good = token(&claims());
    let [header, payload, signature] = good.split('.').collect::<Vec<_>>()[..] else {
        panic!("three parts");
    };
    let json = json!({ "protected": header, "payload": payload, "signature": signature });
    let dots = ".".repeat(1_000_000);
    for token in [
        &*json.to_string(),
        &format!("{header}.{payload}"),
        &format!("{header}.{payload}.{signature}."),
        &format!("{header}.{payload}.{signature}.{signature}"),
        &format!("{header}=.{payload}.{signature}"),
        &format!("{header}.{payload}.{signature}="),
        &format!("{header} .{payload}.{signature}"),
        &format!("{header}\n.{payload}.{signature}"),
        &format!(" {good}"),
        &format!("{good} "),
        &dots,
    ] {
        let shown = &token[..token.len().min(40)];
        assert!(jwt().verify_token(token).await.is_err(), "{shown}");
    }
    // The last letter of 32 bytes holds two bits that are not used.
    let last = signature.chars().last().unwrap();
    let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let index = alphabet.find(last).unwrap();
    let other = alphabet.as_bytes()[index | 1] as char;
    let loose = format!("{}{other}", &good[..good.len() - 1]);
    assert_eq!(refusal(&jwt(), &loose).await, "not_base64url");
}

#[tokio::test]
async fn jwt_07_size_and_depth_are_capped() {
    let long = token(&claims_with(json!({ "pad": "x".repeat(8192) })));
    assert_eq!(refusal(&jwt(), &long).await, "token_too_long");
    let mut deep = json!(1);
    for _ in 0..8 {
        deep = json!([deep]);
    }
    let deep = token(&claims_with(json!({ "deep": deep })));
    assert_eq!(refusal(&jwt(), &deep).await, "unreadable_claims");
}

#[tokio::test]
async fn jwt_08_ill_typed_times_are_refused() {
    for name in ["exp", "nbf", "iat", "auth_time"] {
        for value in [
            json!("1700000000"),
            json!(-1),
            json!(true),
            json!([NOW]),
            json!(1e300),
        ] {
            let token = token(&claims_with(json!({ name: value })));
            assert_eq!(
                cause(&jwt(), &token).await,
                "ill_typed_claim",
                "{name} {value}"
            );
        }
        let text = claims_with(json!({ name: "HERE" })).to_string();
        for (value, reason) in [
            ("null", "ill_typed_claim"),
            ("1e400", "unreadable_claims"),
            ("1e999999", "unreadable_claims"),
        ] {
            let text = text.replace("\"HERE\"", value);
            let token = forge(r#"{"alg":"HS256"}"#, &text, &SECRET);
            assert_eq!(cause(&jwt(), &token).await, reason, "{name} {value}");
        }
    }
}

#[tokio::test]
async fn jwt_09_jwt_18_required_claims_are_there_and_of_the_right_type() {
    for (changes, reason) in [
        (json!({ "exp": null }), "missing_exp"),
        (json!({ "iss": null }), "missing_iss"),
        (json!({ "iss": [ISSUER] }), "ill_typed_claim"),
        (json!({ "iss": "https://id.example.com/" }), "wrong_issuer"),
        (json!({ "iss": "HTTPS://id.example.com" }), "wrong_issuer"),
        (json!({ "aud": null }), "missing_aud"),
        (json!({ "aud": [] }), "wrong_audience"),
        (json!({ "aud": 1 }), "ill_typed_claim"),
        (json!({ "aud": [AUDIENCE, 1] }), "ill_typed_claim"),
        (json!({ "aud": { "a": AUDIENCE } }), "ill_typed_claim"),
        (
            json!({ "aud": "https://api.example.com.evil.com" }),
            "wrong_audience",
        ),
        (json!({ "sub": null }), "missing_sub"),
        (json!({ "sub": "" }), "missing_sub"),
        (json!({ "sub": 17 }), "ill_typed_claim"),
        (json!({ "sub": ["alice"] }), "ill_typed_claim"),
        (json!({ "scope": 1 }), "ill_typed_claim"),
        (json!({ "scope": ["a b"] }), "ill_typed_claim"),
        (json!({ "roles": { "admin": true } }), "ill_typed_claim"),
        (json!({ "jti": 1 }), "ill_typed_claim"),
    ] {
        let token = token(&claims_with(changes.clone()));
        assert_eq!(cause(&jwt(), &token).await, reason, "{changes}");
    }
    for name in ["iss", "aud", "sub"] {
        let text = claims_with(json!({ name: "HERE" })).to_string();
        let token = forge(
            r#"{"alg":"HS256"}"#,
            &text.replace("\"HERE\"", "null"),
            &SECRET,
        );
        assert_eq!(refusal(&jwt(), &token).await, "ill_typed_claim", "{name}");
    }
    let policy = plain().require_claim("sid").build().unwrap();
    let jwt = Jwt::new(policy, key()).clock(clock());
    assert_eq!(refusal(&jwt, &token(&claims())).await, "missing_claim");
}

#[tokio::test]
async fn jwt_10_issuers_are_apart() {
    let policy = |issuer| {
        let policy = VerificationPolicy::plain_access_token(issuer, AUDIENCE);
        policy.build().unwrap()
    };
    let key = |byte| {
        VerifyingKey::from_secret(Algorithm::Hs256, &[byte; 32])
            .unwrap()
            .with_kid("k")
    };
    let jwt = Jwt::new(policy("https://a.example"), key(1))
        .trust(policy("https://b.example"), key(2))
        .unwrap()
        .clock(clock());
    for (issuer, secret, reason) in [
        ("https://a.example", 1, None),
        ("https://b.example", 2, None),
        ("https://a.example", 2, Some("bad_signature")),
        ("https://b.example", 1, Some("bad_signature")),
        ("https://c.example", 1, Some("wrong_issuer")),
    ] {
        let payload = claims_with(json!({ "iss": issuer })).to_string();
        let token = forge(r#"{"alg":"HS256","kid":"k"}"#, &payload, &[secret; 32]);
        let result = jwt.verify_token(&token).await;
        assert_eq!(
            result.as_ref().err().map(|e| e.reason()),
            reason,
            "{issuer} {secret}"
        );
        if let Ok(identity) = result {
            assert_eq!(identity.issuer(), Some(issuer));
        }
    }
    let again = jwt.trust(policy("https://a.example"), key(3));
    assert_eq!(again.unwrap_err().option(), "issuer");
}

#[tokio::test]
async fn jwt_11_other_kinds_of_token_are_refused() {
    let full = claims_with(json!({ "jti": "t", "client_id": "app" }));
    let strict = Jwt::new(strict().build().unwrap(), key()).clock(clock());
    for typ in ["at+jwt", "AT+JWT", "application/at+jwt"] {
        assert!(
            strict
                .verify_token(&token_of_type(typ, &full))
                .await
                .is_ok(),
            "{typ}"
        );
        assert!(
            jwt().verify_token(&token_of_type(typ, &full)).await.is_ok(),
            "{typ}"
        );
    }
    for typ in [
        "JWT",
        "logout+jwt",
        "dpop+jwt",
        "secevent+jwt",
        "client-authentication+jwt",
        "",
    ] {
        let token = token_of_type(typ, &full);
        assert_eq!(refusal(&strict, &token).await, "wrong_token_type", "{typ}");
        if typ != "JWT" {
            assert_eq!(refusal(&jwt(), &token).await, "wrong_token_type", "{typ}");
        }
    }
    // An ID token has the `typ` of anything.
    for name in ["nonce", "at_hash", "c_hash", "s_hash", "events"] {
        let token = token(&claims_with(json!({ name: "x" })));
        assert_eq!(
            refusal(&jwt(), &token).await,
            "not_an_access_token",
            "{name}"
        );
    }
    let lenient = Jwt::new(plain().accept_nonce().build().unwrap(), key()).clock(clock());
    assert!(
        lenient
            .verify_token(&token(&claims_with(json!({ "nonce": "x" }))))
            .await
            .is_ok()
    );
    for name in ["iat", "jti", "client_id"] {
        let mut less = full.clone();
        less.as_object_mut().unwrap().remove(name);
        let token = token_of_type("at+jwt", &less);
        assert_eq!(refusal(&strict, &token).await, "missing_claim", "{name}");
    }
}

#[tokio::test]
async fn jwt_19_an_empty_id_is_no_id() {
    let nameless = claims_with(json!({ "jti": "", "client_id": "app" }));

    let strict = Jwt::new(strict().build().unwrap(), key()).clock(clock());
    let token = token_of_type("at+jwt", &nameless);
    assert_eq!(refusal(&strict, &token).await, "missing_jti");

    // What is taken back by it would be everybody's.
    let lenient = jwt().revocations(SharedRevocations::new(MemoryRevocations::new()));
    let alice = lenient.verify_token(&token).await.unwrap();
    assert_eq!(alice.token_id(), None);
    let refused = lenient.revoke(&alice).await.unwrap_err();
    assert_eq!(refused.reason(), "not_a_token_with_an_id");

    let verifier = TokenVerifier::new(plain().build().unwrap(), key()).clock(clock());
    assert_eq!(verifier.verify(&token).await.unwrap().token_id(), None);
}

#[tokio::test]
async fn jwt_12_lifetimes_are_bounded() {
    let day = 24 * 60 * 60;
    for (changes, reason) in [
        (json!({ "iat": NOW + 61 }), "issued_in_the_future"),
        (json!({ "exp": NOW + 7 * day + 1 }), "token_lives_too_long"),
        (
            json!({ "exp": NOW + 7 * day + 1, "iat": null }),
            "token_lives_too_long",
        ),
        (
            json!({ "auth_time": NOW + 61 }),
            "authenticated_in_the_future",
        ),
    ] {
        let token = token(&claims_with(changes.clone()));
        assert_eq!(cause(&jwt(), &token).await, reason, "{changes}");
    }
}

#[tokio::test]
async fn jwt_12_x_21_times_are_exact_to_the_second() {
    for (changes, now, good) in [
        (json!({ "exp": NOW }), NOW + 59, true),
        (json!({ "exp": NOW }), NOW + 60, false),
        (json!({ "exp": NOW }), NOW + 61, false),
        (json!({ "exp": NOW + 10, "nbf": NOW }), NOW - 61, false),
        (
            json!({ "exp": NOW + 10, "nbf": NOW, "iat": null }),
            NOW - 60,
            true,
        ),
        (json!({ "exp": NOW + 10, "iat": NOW }), NOW - 61, false),
        (json!({ "exp": NOW + 10, "iat": NOW }), NOW - 60, true),
        (json!({ "exp": NOW as f64 + 0.5 }), NOW + 60, true),
    ] {
        let jwt = jwt().clock(SharedClock::new(move || at(now)));
        let token = token(&claims_with(changes.clone()));
        assert_eq!(
            jwt.verify_token(&token).await.is_ok(),
            good,
            "{changes} {now}"
        );
    }
    let policy = plain().leeway(std::time::Duration::ZERO).build().unwrap();
    let exact = Jwt::new(policy, key()).clock(clock());
    assert_eq!(
        cause(&exact, &token(&claims_with(json!({ "exp": NOW })))).await,
        "token_expired"
    );
    assert!(
        exact
            .verify_token(&token(&claims_with(json!({ "exp": NOW + 1 }))))
            .await
            .is_ok()
    );
}

#[tokio::test]
async fn jwt_17_repeated_members_are_refused() {
    let payload = claims().to_string();
    let twice = payload.replacen('{', r#"{"sub":"admin","#, 1);
    let token = forge(r#"{"alg":"HS256"}"#, &twice, &SECRET);
    assert_eq!(refusal(&jwt(), &token).await, "claim_twice");
    let token = forge(r#"{"alg":"HS256","alg":"none"}"#, &payload, &SECRET);
    assert_eq!(refusal(&jwt(), &token).await, "header_member_twice");
}

#[tokio::test]
async fn jwt_18_a_client_is_not_a_user() {
    let own = token(&claims_with(json!({ "sub": "job", "client_id": "job" })));
    let azp = token(&claims_with(json!({ "sub": "job", "azp": "job" })));
    let accepting = Jwt::new(plain().accept_client_tokens().build().unwrap(), key()).clock(clock());
    for token in [own, azp] {
        assert_eq!(refusal(&jwt(), &token).await, "client_token");
        let identity = accepting.verify_token(&token).await.unwrap();
        assert!(identity.extra::<ClientToken>().is_some());
    }
    let user = token(&claims_with(json!({ "client_id": "app" })));
    let identity = accepting.verify_token(&user).await.unwrap();
    assert!(identity.extra::<ClientToken>().is_none());
}

#[tokio::test]
async fn jwt_23_a_forged_token_is_refused_whatever_it_claims() {
    for changes in [
        json!({}),
        json!({ "sub": "admin", "roles": ["admin"] }),
        json!({ "aud": "x" }),
    ] {
        let payload = claims_with(changes.clone()).to_string();
        let token = forge(r#"{"alg":"HS256"}"#, &payload, &[8; 32]);
        assert_eq!(refusal(&jwt(), &token).await, "bad_signature", "{changes}");
    }
}

#[tokio::test]
async fn jwt_23_the_claims_of_a_forged_token_choose_no_reason() {
    for changes in [
        json!({ "exp": NOW - 600 }),
        json!({ "exp": "soon" }),
        json!({ "exp": null }),
        json!({ "exp": NOW * 2 }),
        json!({ "nbf": NOW + 600 }),
        json!({ "iat": NOW + 600 }),
    ] {
        for secret in [[8; 32], SECRET] {
            let payload = claims_with(changes.clone()).to_string();
            let token = forge(r#"{"alg":"HS256"}"#, &payload, &secret);
            let error = jwt().verify_token(&token).await.unwrap_err();
            assert_eq!(error.reason(), "refused_unverified", "{changes}");
            assert_eq!(error.kind(), AuthErrorKind::Invalid, "{changes}");
            let res = send_bearer(&jwt(), &token).await;
            assert_eq!(res.status(), StatusCode::UNAUTHORIZED);
        }
    }
}

#[tokio::test]
async fn jwt_07_size_is_bounded_for_each_issuer() {
    let other = VerificationPolicy::plain_access_token("https://other.example", AUDIENCE);
    let jwt = jwt()
        .trust(other.max_token_size(20_000).build().unwrap(), key())
        .unwrap();
    let large = |issuer| claims_with(json!({ "iss": issuer, "context": "x".repeat(10_000) }));
    let theirs = token(&large("https://other.example"));
    assert!(jwt.verify_token(&theirs).await.is_ok());
    let ours = token(&large(ISSUER));
    for _ in 0..2 {
        assert_eq!(refusal(&jwt, &ours).await, "token_too_long");
    }
    assert_eq!(jwt.cached_tokens(), 1);
}

#[tokio::test]
async fn jwt_07_depth_is_bounded_for_each_issuer() {
    let deep = VerificationPolicy::plain_access_token("https://deep.example", AUDIENCE)
        .max_depth(20)
        .build()
        .unwrap();
    let shallow = plain().max_depth(2).build().unwrap();
    let jwt = Jwt::new(shallow, key())
        .trust(deep, key())
        .unwrap()
        .clock(clock());
    let nested = json!({ "a": { "b": { "c": {} } } });
    let own = token(&claims_with(json!({ "x": nested.clone() })));
    assert_eq!(refusal(&jwt, &own).await, "unreadable_claims");
    let flat = token(&claims_with(json!({ "x": {} })));
    assert!(jwt.verify_token(&flat).await.is_ok());
    let others = claims_with(json!({ "iss": "https://deep.example", "x": nested }));
    assert!(jwt.verify_token(&token(&others)).await.is_ok());
}

#[tokio::test]
async fn jwt_24_key_ids_are_only_compared() {
    let key = key().with_kid("good");
    let jwt = Jwt::new(plain().build().unwrap(), key).clock(clock());
    let long = "k".repeat(257);
    for (kid, reason) in [
        ("../../dev/null", "unknown_key"),
        ("' OR 1=1 --", "unknown_key"),
        ("*)(uid=*", "unknown_key"),
        ("", "unknown_key"),
        ("line\nbreak", "impossible_key_id"),
        ("nul\0", "impossible_key_id"),
        (&long, "impossible_key_id"),
    ] {
        let header = json!({ "alg": "HS256", "kid": kid }).to_string();
        let token = forge(&header, &claims().to_string(), &SECRET);
        assert_eq!(refusal(&jwt, &token).await, reason, "{kid:?}");
    }
}

#[tokio::test]
async fn jwt_25_scopes_are_whole_names_in_either_form() {
    for (scope, held) in [
        (json!(null), vec![]),
        (json!(""), vec![]),
        (json!("read:all"), vec!["read:all"]),
        (json!(["read:all", "Read"]), vec!["Read", "read:all"]),
    ] {
        let token = token(&claims_with(json!({ "scope": scope })));
        let identity = jwt().verify_token(&token).await.unwrap();
        assert_eq!(
            identity.scopes().iter().collect::<Vec<_>>(),
            held,
            "{scope}"
        );
        assert!(!identity.scopes().contains("read"));
    }
    let policy = plain().scope_claim("scp").build().unwrap();
    let jwt = Jwt::new(policy, key()).clock(clock());
    let token = token(&claims_with(json!({ "scp": "a", "scope": "b" })));
    assert_eq!(
        jwt.verify_token(&token).await.unwrap().scopes().to_string(),
        "a"
    );
}

#[tokio::test]
async fn roles_may_be_nested() {
    let policy = plain()
        .roles_path(["realm_access", "roles"])
        .build()
        .unwrap();
    let jwt = Jwt::new(policy, key()).clock(clock());
    for (changes, roles) in [
        (json!({ "realm_access": { "roles": ["a", "b"] } }), Some(2)),
        (json!({ "realm_access": { "other": [] } }), Some(0)),
        (json!({ "roles": ["admin"] }), Some(0)),
        (json!({ "realm_access": "roles" }), None),
        (json!({ "realm_access": { "roles": [1] } }), None),
    ] {
        let result = jwt
            .verify_token(&token(&claims_with(changes.clone())))
            .await;
        assert_eq!(
            result.ok().map(|identity| identity.roles().len()),
            roles,
            "{changes}"
        );
    }
}

#[tokio::test]
async fn dpo_01_a_bound_token_is_no_bearer_token() {
    let jkt = "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I";
    for (cnf, reason) in [
        (json!({ "jkt": jkt }), "sender_constrained_token"),
        (json!({ "x5t#S256": jkt }), "bound_to_another_certificate"),
        (json!({ "jkt": "x" }), "unknown_confirmation"),
        (json!({ "kid": "x" }), "unknown_confirmation"),
    ] {
        let token = token(&claims_with(json!({ "cnf": cnf })));
        let jwt = jwt();
        // And again, when it is known.
        for _ in 0..2 {
            assert_eq!(refusal(&jwt, &token).await, reason);
        }
    }
}

#[tokio::test]
async fn algorithms_can_be_narrowed() {
    let policy = plain().algorithms([Algorithm::Es256]).build().unwrap();
    let jwt = Jwt::new(policy, key()).clock(clock());
    assert_eq!(
        refusal(&jwt, &token(&claims())).await,
        "algorithm_not_allowed"
    );
}

/// Secrets by their first byte, with ids; one without.
fn fixed(keys: &[(u8, Option<&str>)]) -> Jwt {
    let keys = keys.iter().map(|(byte, kid)| {
        let key = VerifyingKey::from_secret(Algorithm::Hs256, &[*byte; 32]).unwrap();
        match kid {
            Some(kid) => key.with_kid(*kid),
            None => key,
        }
    });
    Jwt::new(plain().build().unwrap(), KeySet::new(keys).unwrap()).clock(clock())
}

#[tokio::test]
async fn key_08_fixed_keys_overlap_while_they_are_rotated() {
    let token = |byte: u8, kid: Option<&str>| {
        let mut header = json!({ "alg": "HS256" });
        if let Some(kid) = kid {
            header["kid"] = json!(kid);
        }
        forge(&header.to_string(), &claims().to_string(), &[byte; 32])
    };
    let (old, new) = ((1, Some("old")), (2, Some("new")));
    for (keys, byte, kid, refused) in [
        (&[old][..], 1, Some("old"), None),
        (&[old], 2, Some("new"), Some("unknown_key")),
        (&[old, new], 1, Some("old"), None),
        (&[old, new], 2, Some("new"), None),
        (&[old, new], 2, Some("old"), Some("bad_signature")),
        (&[new], 1, Some("old"), Some("unknown_key")),
        (&[new], 2, Some("new"), None),
        // Without an id: the only candidate, or none.
        (&[old], 1, None, None),
        (&[old, new], 1, None, Some("unknown_key")),
        (&[old, (2, None)], 2, None, Some("unknown_key")),
        (&[old, (2, None)], 2, Some("any"), None),
        (&[old, (2, None)], 1, Some("any"), Some("bad_signature")),
    ] {
        let verified = fixed(keys).verify_token(&token(byte, kid)).await;
        let reason = verified.err().map(|error| error.reason());
        assert_eq!(reason, refused, "{keys:?} {byte} {kid:?}");
    }
}

#[tokio::test]
async fn key_11_a_previous_key_verifies_and_signs_nothing() {
    let previous = SigningKey::generate(Algorithm::Es256).unwrap();
    let (previous_key, previous_id) = (
        previous.verifying_key().unwrap(),
        previous.kid().unwrap().to_owned(),
    );
    let issuer = |key| {
        let issuer = Issuer::builder(ISSUER, AUDIENCE, key);
        issuer.clock(clock()).build().unwrap()
    };
    let request = AccessTokenRequest::new("alice");
    let before = issuer(previous).issue(&request).unwrap();

    let current = SigningKey::generate(Algorithm::Es256).unwrap();
    let current_id = current.kid().unwrap().to_owned();
    let current_key = current.verifying_key().unwrap();
    let issuer = issuer(current);
    let after = issuer.issue(&request).unwrap();

    let both = KeySet::new([current_key, previous_key]).unwrap();
    let policy = issuer.policy().build().unwrap();
    let verifier = TokenVerifier::new(policy.clone(), both).clock(clock());
    for (token, kid) in [(&before, &previous_id), (&after, &current_id)] {
        let verified = verifier.verify(token.expose()).await.unwrap();
        assert_eq!(verified.key().thumbprint(), Some(&**kid));
    }
    // The overlap is over.
    let current = TokenVerifier::new(policy, issuer.verifying_keys()).clock(clock());
    assert!(current.verify(before.expose()).await.is_err());
    assert!(current.verify(after.expose()).await.is_ok());
}
