//! Lists, revocation and the cap.
#![allow(clippy::unwrap_used, reason = "for tests only, but not marked as one")]

mod common;

use std::num::NonZeroU32;

use auth_layer::ClientAddress;
use common::{App, Browser, text};
use http::StatusCode;
use session_layer::{SessionLayerBuilder, UserKey, WhenFull};

fn alice() -> UserKey {
    UserKey::new(None, None, "alice")
}

/// The public id of the browser's own session.
async fn own_id(browser: &mut Browser) -> String {
    let list = browser.get("/sessions").await;
    let line = list.lines().find(|line| line.contains(" true ")).unwrap();
    line.split(' ').next().unwrap().to_owned()
}

#[tokio::test]
async fn ses_18_users_see_and_end_their_own_sessions_only() {
    let app = App::new();
    let (mut laptop, mut phone, mut bob) = (app.browser(), app.browser(), app.browser());
    laptop.log_in("alice").await;
    app.clock.set(1);
    let mut req = phone.request("POST", "/login?alice");
    let headers = req.headers_mut();
    headers.insert("user-agent", "Phone/1".parse().unwrap());
    let address = "2001:db8::7".parse().unwrap();
    req.extensions_mut().insert(ClientAddress::new(address));
    phone.send_request(req).await;
    bob.log_in("bob").await;
    app.take_events();

    // The list shows public ids and devices, the latest first.
    let list = laptop.get("/sessions").await;
    let lines: Vec<_> = list.lines().collect();
    assert_eq!(lines.len(), 2);
    assert!(lines[0].ends_with("false Some(\"Phone/1\")"), "{list}");
    assert!(lines[1].ends_with("true None"), "{list}");
    let info = app.layer.sessions().list(&alice()).await.unwrap();
    assert_eq!(info[0].device().address(), Some(address));
    assert_eq!(info[0].created_at(), common::at(1));
    assert_eq!(info[0].expires_at(), common::at(1 + common::IDLE));

    // Nobody else's, and nothing that is no id.
    let phone_id = own_id(&mut phone).await;
    for id in [&*phone_id, "AAAAAAAAAAAAAAAAAAAAAA", "x", "%00"] {
        let res = bob.send("DELETE", &format!("/sessions?{id}")).await;
        assert_eq!(text(&res), "false", "{id}");
    }
    assert_eq!(phone.who().await, "alice");
    app.take_events();

    // One's own, effective at once, and once only.
    let uri = format!("/sessions?{phone_id}");
    assert_eq!(text(&laptop.send("DELETE", &uri).await), "true");
    assert_eq!(phone.who().await, "nobody");
    assert_eq!(text(&laptop.send("DELETE", &uri).await), "false");
    let events = app.take_events();
    assert_eq!(events.iter().filter(|e| *e == "revoked revoked").count(), 1);

    // This very one: a logout, with the cookie removed.
    let id = own_id(&mut laptop).await;
    let res = laptop.send("DELETE", &format!("/sessions?{id}")).await;
    assert_eq!(text(&res), "true");
    assert!(laptop.cookies.is_empty());

    // Nobody has no sessions.
    let res = app.browser().send("GET", "/sessions").await;
    assert_eq!(res.status(), StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn ses_11_all_others_or_all_end_at_once() {
    let app = App::new();
    let mut browsers: Vec<_> = (0..5).map(|_| app.browser()).collect();
    let mut bob = app.browser();
    bob.log_in("bob").await;
    for browser in &mut browsers {
        browser.log_in("alice").await;
    }
    assert_eq!(text(&browsers[0].send("DELETE", "/sessions").await), "4");
    for (index, browser) in browsers.iter_mut().enumerate() {
        let who = browser.who().await;
        assert_eq!(who, if index == 0 { "alice" } else { "nobody" });
    }
    // From outside of any session, as when the account is disabled.
    assert_eq!(app.layer.sessions().revoke_all(&alice()).await.unwrap(), 1);
    assert_eq!(browsers[0].who().await, "nobody");
    assert_eq!(bob.who().await, "bob");
}

#[tokio::test]
async fn lists_leave_out_what_has_expired() {
    let app = App::new();
    let (mut old, mut new) = (app.browser(), app.browser());
    old.log_in("alice").await;
    app.clock.set(common::IDLE - 1);
    new.log_in("alice").await;
    assert_eq!(new.get("/sessions").await.lines().count(), 2);
    app.clock.set(common::IDLE);
    assert_eq!(new.get("/sessions").await.lines().count(), 1);
}

#[tokio::test]
async fn ses_19_by_default_a_user_has_a_hundred_sessions_at_most() {
    let unlimited = |b: SessionLayerBuilder| b.max_sessions(NonZeroU32::MAX, WhenFull::Refuse);
    for (app, left, first) in [
        (App::new(), 100, "nobody"),
        (App::with(unlimited), 102, "alice"),
    ] {
        let mut browsers: Vec<_> = (0..102).map(|_| app.browser()).collect();
        for (seconds, browser) in (0..).zip(&mut browsers) {
            app.clock.set(seconds);
            browser.log_in("alice").await;
        }
        let list = app.layer.sessions().list(&alice()).await.unwrap();
        assert_eq!(list.len(), left);
        assert_eq!(browsers[0].who().await, first);
        assert_eq!(browsers[101].who().await, "alice");
    }
}

#[tokio::test]
async fn ses_19_parallel_logins_hold_the_cap() {
    for when_full in [WhenFull::EvictOldest, WhenFull::Refuse] {
        let app = App::with(|b| b.max_sessions(NonZeroU32::new(2).unwrap(), when_full));
        let tasks: Vec<_> = (0..20)
            .map(|_| {
                let mut browser = app.browser();
                tokio::spawn(async move { browser.send("POST", "/login?alice").await.status() })
            })
            .collect();
        let mut refused = 0;
        for task in tasks {
            match task.await.unwrap() {
                StatusCode::OK => {}
                StatusCode::TOO_MANY_REQUESTS => refused += 1,
                other => panic!("{other}"),
            }
        }
        assert_eq!(app.layer.sessions().list(&alice()).await.unwrap().len(), 2);
        assert_eq!(refused, if when_full == WhenFull::Refuse { 18 } else { 0 });
        // Data alone counts for nobody.
        for _ in 0..3 {
            let res = app.browser().send("POST", "/set?k=1").await;
            assert_eq!(res.status(), StatusCode::OK);
        }
    }
}
