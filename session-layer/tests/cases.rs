//! Attacks that need no place of their own: other formats, cached answers, plain http, clocks.
#![allow(clippy::unwrap_used, reason = "for tests only, but not marked as one")]

mod common;

use std::sync::Arc;
use std::sync::atomic::Ordering;

use common::{App, Backend, set_cookies, text};
use http::StatusCode;
use http::header::SET_COOKIE;
use session_layer::{SessionLayer, UserKey};
use tower::{Layer as _, ServiceExt as _, service_fn};

fn alice() -> UserKey {
    UserKey::new(None, None, "alice")
}

#[tokio::test]
async fn ses_06_a_cookie_of_any_other_format_is_as_good_as_none() {
    let app = App::new();
    let mut browser = app.browser();
    browser.log_in("alice").await;
    let secret = browser.secret();
    let finds = app.backend.finds.load(Ordering::SeqCst);
    for value in [
        // Plain, encoded and signed data, as other frameworks keep it in the cookie itself.
        r#"{"user":"alice"}"#.to_owned(),
        "%7B%22user%22%3A%22alice%22%7D".to_owned(),
        "eyJ1c2VyIjoiYWxpY2UifQ".to_owned(),
        "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhbGljZSJ9.".to_owned(),
        "BAh7BkkiCXVzZXIGOgZFVEkiCmFsaWNlBjsAVA--0123456789abcdef".to_owned(),
        "s:alice.0123456789abcdef".to_owned(),
        // A secret with something to it.
        format!("{secret}."),
        format!("s%3A{secret}"),
        format!("\"{secret}\""),
        format!("{secret}--{secret}"),
        secret[..42].to_owned(),
    ] {
        let mut other = app.browser();
        other.set_cookie("__Host-session", &value);
        let res = other.send("GET", "/who").await;
        assert_eq!(text(&res), "nobody", "{value}");
        assert_eq!(res.headers().get(SET_COOKIE), None, "{value}");
    }
    assert_eq!(
        app.backend.finds.load(Ordering::SeqCst),
        finds,
        "asked for what is no secret"
    );
    assert_eq!(browser.who().await, "alice");
}

#[tokio::test]
async fn ses_09_a_session_that_was_just_used_ends_with_its_revocation() {
    for way in ["by id", "by its user", "all", "others"] {
        let app = App::new();
        let (mut here, mut there) = (app.browser(), app.browser());
        here.log_in("alice").await;
        let list = here.get("/sessions").await;
        let id = list.split(' ').next().unwrap().to_owned();
        there.log_in("alice").await;
        // Whatever could be kept of it is kept by now, and no answer is given from that alone.
        for _ in 0..3 {
            let finds = app.backend.finds.load(Ordering::SeqCst);
            assert_eq!(here.who().await, "alice");
            assert_eq!(app.backend.finds.load(Ordering::SeqCst), finds + 1, "{way}");
        }
        let sessions = app.layer.sessions();
        match way {
            "by id" => assert!(sessions.revoke(&alice(), &id).await.unwrap()),
            "all" => assert_eq!(sessions.revoke_all(&alice()).await.unwrap(), 2),
            "by its user" => {
                let res = there.send("DELETE", &format!("/sessions?{id}")).await;
                assert_eq!(text(&res), "true");
            }
            _ => drop(there.send("DELETE", "/sessions").await),
        }
        assert_eq!(here.who().await, "nobody", "{way}");
        let res = here.send("GET", "/sessions").await;
        assert_eq!(res.status(), StatusCode::UNAUTHORIZED, "{way}");
    }
}

#[tokio::test]
async fn ses_25_a_session_of_https_is_none_over_http() {
    let app = App::new();
    let mut browser = app.browser();
    // What a proxy says, or somebody who pretends to be one, changes nothing about the cookie.
    let mut req = browser.request("POST", "/login?alice");
    let headers = req.headers_mut();
    headers.insert("x-forwarded-proto", "http".parse().unwrap());
    headers.insert("forwarded", "proto=http".parse().unwrap());
    let res = browser.send_request(req).await;
    let line = &set_cookies(&res)[0];
    assert_eq!((line.name(), line.secure()), ("__Host-session", Some(true)));

    // A service for plain http does not know the cookie's name, and the other way round.
    let plain = SessionLayer::builder(Backend(Arc::clone(&app.backend)))
        .insecure_http_on_loopback("http://localhost:3000")
        .clock(app.clock.shared())
        .build()
        .unwrap();
    let plain = plain.layer(service_fn(async |req: http::Request<()>| {
        let known = req.extensions().get::<auth_layer::Identity>().is_some();
        let status = if known {
            StatusCode::OK
        } else {
            StatusCode::UNAUTHORIZED
        };
        let mut res = http::Response::new(bytes::Bytes::new());
        *res.status_mut() = status;
        Ok::<_, std::convert::Infallible>(res)
    }));
    let secret = browser.secret();
    for (name, over_http, who) in [
        ("__Host-session", StatusCode::UNAUTHORIZED, "alice"),
        ("session", StatusCode::OK, "nobody"),
    ] {
        let mut other = app.browser();
        other.set_cookie(name, &secret);
        let res = plain.clone().oneshot(other.request("GET", "/")).await;
        assert_eq!(res.unwrap().status(), over_http, "{name}");
        assert_eq!(other.who().await, who, "{name}");
    }
}

#[tokio::test]
async fn stp_04_a_clock_that_is_set_back_makes_nothing_fresher_or_longer() {
    let app = App::new();
    app.clock.set(200);
    let mut browser = app.browser();
    browser.log_in("alice+").await; // the last proof is of 60
    app.clock.set(0);
    assert_eq!(browser.who().await, "alice");
    // The guard goes by 50, before that proof.
    assert_eq!(browser.get("/fresh").await, "false");
    // It ends when it would have ended.
    app.clock.set(200 + common::IDLE);
    assert_eq!(browser.who().await, "nobody");
}

/// A first step that was passed is data, not a login: no identity, nothing that a guard could take
/// for one, and gone with the login that follows.
#[tokio::test]
async fn ses_08_after_the_first_of_two_steps_nobody_is_logged_in() {
    let app = App::new();
    let mut browser = app.browser();
    browser.send("POST", "/set?password_proved_by=alice").await;
    let pending = browser.secret();
    assert_eq!(browser.who().await, "nobody");
    assert_eq!(browser.get("/get?password_proved_by").await, "\"alice\"");
    assert_eq!(
        app.layer.sessions().list(&alice()).await.unwrap().len(),
        0,
        "it is in her list"
    );

    browser.log_in("alice").await;
    assert_eq!(browser.get("/get?password_proved_by").await, "");
    let mut other = app.browser();
    other.set_cookie("__Host-session", &pending);
    assert_eq!(other.get("/get?password_proved_by").await, "");

    // It is no longer-lived than an idle session.
    browser.send("POST", "/logout").await;
    browser.send("POST", "/set?password_proved_by=alice").await;
    app.clock.set(common::IDLE);
    assert_eq!(browser.get("/get?password_proved_by").await, "");
}
