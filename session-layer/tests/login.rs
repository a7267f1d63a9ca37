//! Logging in and out.

mod common;

use auth_layer::{AuthLayer, ConflictPolicy, Identity, scheme_fn};
use common::{App, Browser, text};
use http::StatusCode;
use http::header::SET_COOKIE;
use session_layer::UserKey;
use tower::{Layer as _, ServiceExt as _};

#[tokio::test]
async fn ses_01_every_login_makes_a_new_secret_and_a_new_id() {
    let app = App::new();
    let mut browser = app.browser();
    let mut seen: Vec<(Browser, String)> = Vec::new();
    // An anonymous session first, as an attacker would fix it; then logins over logins.
    browser.send("POST", "/set?cart=1").await;
    for user in ["alice", "alice", "bob", "alice"] {
        let before = browser.clone();
        let id = before.clone().get("/sessions").await;
        seen.push((before, id));
        browser.log_in(user).await;
        assert_eq!(browser.who().await, user);
        assert!(seen.iter().all(|(old, _)| old.secret() != browser.secret()));
        let ids = browser.get("/sessions").await;
        assert!(seen.iter().all(|(_, old)| *old != ids));
        for (old, _) in &mut seen {
            assert_eq!(old.clone().who().await, "nobody");
        }
    }
    assert_eq!(app.backend.memory.len(), 1);
}

#[tokio::test]
async fn ses_02_an_unknown_cookie_is_not_sent_and_never_adopted() {
    let app = App::new();
    let chosen = "A".repeat(43);
    for value in [
        &*chosen,
        "",
        "x",
        &"A".repeat(44),
        &"A".repeat(5_000),
        "%41",
        "../..",
        "\"\"",
    ] {
        let mut browser = app.browser();
        browser
            .cookies
            .push(("__Host-session".to_owned(), value.to_owned()));
        let res = browser.send("GET", "/who").await;
        assert_eq!(
            (res.status(), text(&res)),
            (StatusCode::OK, "nobody".to_owned()),
            "{value}"
        );
        assert_eq!(res.headers().get(SET_COOKIE), None, "{value}");
        assert_eq!(app.backend.memory.len(), 0);

        // Only writing makes a session, and its secret is the server's.
        browser.send("POST", "/set?cart=1").await;
        assert_ne!(browser.secret(), value);
        assert_eq!(browser.get("/get?cart").await, "\"1\"");
        browser.send("POST", "/logout").await;
    }
}

#[tokio::test]
async fn ses_05_after_logout_the_old_cookie_is_nobody() {
    let app = App::new();
    for path in ["/logout", "/flush", "/logout-with-flash"] {
        let mut browser = app.browser();
        browser.log_in("alice").await;
        let mut thief = browser.clone();
        assert_eq!(thief.who().await, "alice");
        let res = browser.send("POST", path).await;
        assert_eq!(res.status(), StatusCode::OK);
        assert_eq!(thief.who().await, "nobody", "{path}");
        assert_eq!(browser.who().await, "nobody", "{path}");
    }
    // What a handler keeps after logging out is in a session of its own.
    let mut browser = app.browser();
    browser.log_in("alice").await;
    let old = browser.secret();
    browser.send("POST", "/logout-with-flash").await;
    assert_ne!(browser.secret(), old);
    assert_eq!(browser.get("/get?flash").await, "\"bye\"");
}

#[tokio::test]
async fn logging_out_twice_or_with_a_stale_cookie_is_no_error() {
    let app = App::new();
    let mut browser = app.browser();
    let res = browser.send("POST", "/logout").await;
    assert_eq!(res.headers().get(SET_COOKIE), None);
    browser.log_in("alice").await;
    let mut other_tab = browser.clone();
    browser.send("POST", "/logout").await;
    let res = other_tab.send("POST", "/logout").await;
    assert_eq!(res.status(), StatusCode::OK);
    assert!(other_tab.cookies.is_empty(), "the stale cookie stayed");
}

#[tokio::test]
async fn ses_22_stp_02_a_refresh_is_for_the_same_user_only() {
    let app = App::new();
    let mut browser = app.browser();
    browser.log_in("alice").await;
    browser.send("POST", "/set?kept=1").await;
    let before = browser.clone();

    let res = browser.send("POST", "/refresh?bob+").await;
    assert_eq!(res.status(), StatusCode::UNAUTHORIZED);
    assert!(text(&res).contains("conflicting_credentials"));
    assert_eq!(browser.who().await, "alice");
    assert!(!browser.get("/details").await.contains("Otp"));
    assert_eq!(browser.secret(), before.secret());

    let res = browser.send("POST", "/refresh?alice+").await;
    assert_eq!(res.status(), StatusCode::OK);
    assert_ne!(browser.secret(), before.secret());
    assert_eq!(before.clone().who().await, "nobody");
    let details = browser.get("/details").await;
    assert!(details.contains("Otp"), "{details}");
    assert_eq!(browser.get("/get?kept").await, "\"1\"");
    assert_eq!(browser.get("/get?unsaved").await, "1");

    let res = app.browser().send("POST", "/refresh?alice").await;
    assert_eq!(res.status(), StatusCode::UNAUTHORIZED, "{}", text(&res));
}

#[tokio::test]
async fn ses_22_ses_23_stp_02_another_user_takes_nothing_over() {
    let app = App::with(|builder| builder.keep_on_login(["cart"]));
    let mut browser = app.browser();
    browser.log_in("alice+").await;
    browser.send("POST", "/set?cart=1").await;
    browser.log_in("bob").await;
    assert_eq!(browser.get("/get?cart").await, "");
    let details = browser.get("/details").await;
    assert!(!details.contains("Otp"), "{details}");
}

#[tokio::test]
async fn the_identity_is_what_was_logged_in() {
    let app = App::new();
    let mut browser = app.browser();
    app.clock.set(5);
    browser.log_in("alice+").await;
    let details = browser.get("/details").await;
    let at = |seconds| format!("{:?}", common::at(seconds));
    for part in [
        "scheme: \"session\"".to_owned(),
        "subject: \"alice\"".to_owned(),
        "reports:read".to_owned(),
        "admin".to_owned(),
        format!("Password, proved_at: {}", at(0)),
        format!("Otp, proved_at: {}", at(60)),
        format!("Some({})", at(5)), // auth_time: a proof of the future is one of now
        "Some(\"1\")".to_owned(),
    ] {
        assert!(details.contains(&part), "{part} is not in {details}");
    }
}

#[tokio::test]
async fn apk_07_a_key_becomes_no_session_and_refreshes_none() {
    let app = App::new();
    let mut browser = app.browser();
    let res = browser.send("POST", "/login?alice*").await;
    assert_eq!(res.status(), StatusCode::FORBIDDEN);
    assert!(browser.cookies.is_empty() && app.backend.memory.is_empty());
    assert_eq!(app.take_events(), ["forbidden key_is_no_login"]);

    browser.log_in("alice-").await;
    let before = browser.secret();
    let res = browser.send("POST", "/refresh?alice*").await;
    assert_eq!(res.status(), StatusCode::FORBIDDEN);
    assert_eq!(browser.secret(), before);
    assert_eq!(browser.get("/fresh").await, "false");
}

#[tokio::test]
async fn stp_01_a_session_is_as_fresh_as_what_was_proved() {
    let app = App::new();
    app.clock.set(50);
    for (user, fresh, auth_time) in [
        // The password was proved at 0, and that is the time that counts, not the login's.
        ("alice", "true", format!("Some({:?})", common::at(0))),
        // Nobody says when anything was proved.
        ("alice-", "false", "None".to_owned()),
    ] {
        let mut browser = app.browser();
        browser.log_in(user).await;
        assert_eq!(browser.get("/fresh").await, fresh, "{user}");
        let details = browser.get("/details").await;
        assert!(details.contains(&format!(" {auth_time} ")), "{details}");
    }
    // A refresh that proves something makes it fresh; one that does not, does not.
    let mut browser = app.browser();
    browser.log_in("alice-").await;
    browser.send("POST", "/refresh?alice-").await;
    assert_eq!(browser.get("/fresh").await, "false");
    browser.send("POST", "/refresh?alice").await;
    assert_eq!(browser.get("/fresh").await, "true");
}

/// With `FirstWins` and an identity by another scheme, the cookie is not looked at on the way in.
#[tokio::test]
async fn ses_05_ses_01_beside_another_identity_the_session_of_the_cookie_ends_too() {
    let app = App::with(|builder| builder.on_conflict(ConflictPolicy::FirstWins));
    let bearer = AuthLayer::new(scheme_fn(
        "bearer",
        |parts| Ok(parts.headers.get("authorization").cloned()),
        |_token| async { Ok(Identity::new("bearer", "alice")) },
    ));
    let service = bearer.layer(app.service.clone());
    for (path, left) in [("/logout", 0), ("/login?alice", 1), ("/login?bob", 1)] {
        let mut browser = app.browser();
        browser.log_in("alice").await;
        app.take_events();
        let mut req = browser.request("POST", path);
        let token = "Bearer x".parse().unwrap();
        req.headers_mut().insert("authorization", token);
        let res = service.clone().oneshot(req).await.unwrap();
        assert_eq!(res.status(), StatusCode::OK, "{path}");
        let value = common::set_cookies(&res)[0].value().to_owned();
        assert_eq!(value.is_empty(), left == 0, "{path}");
        assert_eq!(browser.who().await, "nobody", "{path}");
        assert_eq!(app.backend.memory.len(), left, "{path}");
        let events = app.take_events();
        let out = events
            .iter()
            .filter(|event| event.starts_with("logged_out"));
        assert_eq!(out.count(), 1, "{path}: {events:?}");
        app.layer.sessions().revoke_all(&alice()).await.unwrap();
        let bob = UserKey::new(None, None, "bob");
        app.layer.sessions().revoke_all(&bob).await.unwrap();
    }

    // With two different cookies nobody knows which session is to end.
    let mut browser = app.browser();
    browser.log_in("alice").await;
    let mut req = browser.request("POST", "/logout");
    let headers = req.headers_mut();
    headers.insert("authorization", "Bearer x".parse().unwrap());
    let other = format!("__Host-session={}", "A".repeat(43));
    headers.append("cookie", other.parse().unwrap());
    let res = service.oneshot(req).await.unwrap();
    assert_eq!(res.status(), StatusCode::BAD_REQUEST);
    assert_eq!(browser.who().await, "alice");
}

fn alice() -> UserKey {
    UserKey::new(None, None, "alice")
}

#[tokio::test]
async fn events_tell_who_came_and_went() {
    let app = App::new();
    let mut browser = app.browser();
    browser.log_in("alice").await;
    browser.who().await;
    browser.log_in("bob").await;
    browser.send("POST", "/logout").await;
    browser.send("POST", "/logout").await;
    assert_eq!(
        app.take_events(),
        [
            "logged_in -",
            "authenticated -",
            "authenticated -",
            "logged_out logged_in_again",
            "logged_in -",
            "authenticated -",
            "logged_out -",
        ]
    );
}
