//! Basic (RFC 7617) at the HTTP surface.
#![cfg(feature = "basic")]
#![allow(clippy::unwrap_used, reason = "a test may")]

mod common;

use auth_layer::basic::{Basic, StaticUsers, parse};
use auth_layer::{
    AuthError, AuthLayer, Identity, PasswordCredentials, PasswordVerifier, RequireAuth,
};
use common::{Recorded, challenges, code, get, send, whoami};
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue};
use proptest::prelude::*;
use serde_json::Value;
use tower::ServiceBuilder;

const CHALLENGE: &str = r#"Basic realm="the \"inner\" circle", charset="UTF-8""#;

fn users() -> StaticUsers {
    StaticUsers::new()
        .user(Identity::new("basic", "Aladdin"), "open sesame")
        .user(Identity::new("basic", "test"), "123£")
        .user(Identity::new("basic", "colon"), "a:b:c")
        .user(Identity::new("basic", "empty"), "")
}

fn header(username: &str, password: &str) -> String {
    use base64::Engine as _;
    let pair = format!("{username}:{password}");
    let encoded = base64::engine::general_purpose::STANDARD.encode(pair);
    format!("Basic {encoded}")
}

/// `tests/vectors/basic.json`: RFC 7617, and cases of Go, jshttp/basic-auth and Werkzeug.
#[test]
fn bas_08_published_vectors_are_read_as_they_say() {
    let vectors: Value = serde_json::from_str(include_str!("vectors/basic.json")).unwrap();
    let vectors = vectors["vectors"].as_array().unwrap();
    assert_eq!(vectors.len(), 34);
    for vector in vectors {
        let name = vector["name"].as_str().unwrap();
        let mut headers = HeaderMap::new();
        let parsed = HeaderValue::from_str(vector["authorization"].as_str().unwrap())
            .ok()
            .and_then(|value| {
                headers.insert(AUTHORIZATION, value);
                parse(auth_layer::authorization(&headers, "Basic")?).ok()
            });
        match vector["expected"].as_str().unwrap() {
            "valid" => {
                let parsed = parsed.unwrap_or_else(|| panic!("{name}"));
                assert_eq!(parsed.username(), vector["username"], "{name}");
                assert_eq!(parsed.password(), vector["password"], "{name}");
            }
            "invalid" => assert!(parsed.is_none(), "{name}"),
            other => panic!("{name}: {other}"),
        }
    }
}

#[tokio::test]
async fn bas_08_whatever_is_wrong_is_401_with_the_challenge() {
    let service = ServiceBuilder::new()
        .layer(AuthLayer::new(Basic::new("the \"inner\" circle", users())))
        .layer(RequireAuth::authenticated())
        .service_fn(whoami);
    for (value, expected) in [
        ("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==", Ok("Aladdin by basic")),
        (
            "bASIC   QWxhZGRpbjpvcGVuIHNlc2FtZQ==",
            Ok("Aladdin by basic"),
        ),
        ("Basic dGVzdDoxMjPCow==", Ok("test by basic")),
        (&*header("colon", "a:b:c"), Ok("colon by basic")),
        (&*header("empty", ""), Ok("empty by basic")),
        (&*header("colon", "a"), Err("invalid_credential")),
        (
            &*header("aladdin", "open sesame"),
            Err("invalid_credential"),
        ),
        (
            &*header("Aladdin", "open sesame "),
            Err("invalid_credential"),
        ),
        (
            &*header("Aladdin ", "open sesame"),
            Err("invalid_credential"),
        ),
        (
            &*header("Aladdin", "Open sesame"),
            Err("invalid_credential"),
        ),
        (&*header("Aladdin", ""), Err("invalid_credential")),
        (&*header("", "open sesame"), Err("invalid_credential")),
        (&*header("nobody", "x"), Err("invalid_credential")),
        ("Basic ####", Err("invalid_credential")),
        ("Basic cHJvbQ==", Err("invalid_credential")),
        ("Basic", Err("invalid_credential")),
        ("Basic /3NlcjpwYXNz", Err("invalid_credential")),
        ("Basic dXMAZXI6cHc=", Err("invalid_credential")),
        (
            "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==, Basic eDp5",
            Err("invalid_credential"),
        ),
        ("Bearer abc", Err("unauthenticated")),
    ] {
        let res = send(&service, get(&[("authorization", value)])).await;
        match expected {
            Ok(body) => assert_eq!(res.body(), body, "{value}"),
            Err(expected) => {
                assert_eq!(res.status(), 401, "{value}");
                assert_eq!(code(&res), expected, "{value}");
                assert_eq!(challenges(&res), [CHALLENGE], "{value}");
            }
        }
    }
}

#[tokio::test]
async fn bas_01_unknown_user_and_wrong_password_answer_alike_and_differ_in_the_log() {
    let recorded = Recorded::default();
    let service = ServiceBuilder::new()
        .layer(AuthLayer::new(Basic::new("x", users())).events(recorded.events()))
        .service_fn(whoami);
    let wrong = send(&service, get(&[("authorization", &header("test", "x"))])).await;
    let unknown = send(&service, get(&[("authorization", &header("nobody", "x"))])).await;
    assert_eq!(wrong.status(), unknown.status());
    assert_eq!(wrong.headers(), unknown.headers());
    assert_eq!(wrong.body(), unknown.body());
    let reasons: Vec<_> = recorded.take().into_iter().map(|event| event.2).collect();
    assert_eq!(reasons, [Some("wrong_password"), Some("unknown_user")]);
}

#[tokio::test]
async fn a_closure_verifies_passwords() {
    let verifier = |sent: PasswordCredentials| async move {
        if sent.password() == "down" {
            return Err(AuthError::unavailable("store_down"));
        }
        Ok(Identity::new("password", sent.username()))
    };
    let service = ServiceBuilder::new()
        .layer(AuthLayer::new(Basic::new("x", verifier)))
        .service_fn(whoami);
    let res = send(&service, get(&[("authorization", &header("ann", "up"))])).await;
    assert_eq!(res.body(), "ann by basic");
    let res = send(&service, get(&[("authorization", &header("ann", "down"))])).await;
    assert_eq!(res.status(), 503);
    assert!(challenges(&res).is_empty());
}

#[tokio::test]
async fn x_12_x_13_static_users_keep_and_show_no_password() {
    let users = users();
    let shown = format!("{users:?} {:?}", Basic::new("x", users.clone()));
    assert!(!shown.contains("sesame"), "{shown}");
    let same = users.verify(PasswordCredentials::new("Aladdin", "open sesame"));
    assert_eq!(same.await.unwrap().subject(), "Aladdin");
}

proptest! {
    #[test]
    fn bas_08_no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = parse(&bytes);
    }

    #[test]
    fn bas_06_what_was_encoded_is_what_is_read(user in "[^:\\p{Cc}]{1,30}", password in "\\P{Cc}{0,30}") {
        let header = header(&user, &password);
        let parsed = parse(header.strip_prefix("Basic ").unwrap().as_bytes()).unwrap();
        prop_assert_eq!(parsed.username(), user);
        prop_assert_eq!(parsed.password(), password);
    }
}
