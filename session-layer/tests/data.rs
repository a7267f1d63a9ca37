//! Session data, through tower-sessions' `Session`.

mod common;

use common::{App, Gate, set_cookies, text};
use http::StatusCode;
use http::header::SET_COOKIE;

#[tokio::test]
async fn ses_03_only_named_keys_survive_login_and_none_survives_logout() {
    let app = App::with(|builder| builder.keep_on_login(["cart", "locale"]));
    let mut browser = app.browser();
    for pair in ["cart=3", "role=admin", "locale=de"] {
        browser.send("POST", &format!("/set?{pair}")).await;
    }
    let res = browser.log_in("alice").await;
    assert_eq!(text(&res), "Some(\"3\")"); // the handler saw it before
    for (key, expected) in [("cart", "\"3\""), ("locale", "\"de\""), ("role", "")] {
        assert_eq!(browser.get(&format!("/get?{key}")).await, expected, "{key}");
    }
    // The same user again: the same rule.
    browser.send("POST", "/set?role=admin").await;
    browser.log_in("alice").await;
    assert_eq!(browser.get("/get?role").await, "");
    assert_eq!(browser.get("/get?cart").await, "\"3\"");

    browser.send("POST", "/logout").await;
    for key in ["cart", "locale", "role"] {
        assert_eq!(browser.get(&format!("/get?{key}")).await, "", "{key}");
    }
    browser.log_in("alice").await;
    assert_eq!(browser.get("/get?cart").await, "");
}

#[tokio::test]
async fn ses_04_a_slow_save_brings_no_session_back() {
    for path in ["/set?k=v", "/remove?k", "/wait", "/login?alice"] {
        for ending in ["/logout", "/flush"] {
            let app = App::with(|builder| builder.keep_on_login(["k"]));
            let mut browser = app.browser();
            browser.log_in("alice").await;
            browser.send("POST", "/set?k=old").await;
            let old = browser.secret();

            let gate = Gate::default();
            let mut slow = browser.clone();
            let mut req = slow.request("POST", path);
            req.extensions_mut().insert(gate.clone());
            let slow = tokio::spawn(async move {
                let res = slow.send_request(req).await;
                (slow, res)
            });
            gate.entered.notified().await;
            // Long enough that the slow request will want to touch the session.
            app.clock.set(600);
            browser.send("POST", ending).await;
            gate.go_on.notify_one();
            let (mut slow, res) = slow.await.unwrap();

            let case = format!("{path} {ending}");
            assert_eq!(res.status(), StatusCode::OK, "{case}");
            let mut thief = app.browser();
            thief.cookies.push(("__Host-session".to_owned(), old));
            assert_eq!(thief.who().await, "nobody", "{case}");
            if path == "/login?alice" {
                // A login is a proof of its own; it brings back nothing but the user.
                assert_eq!(slow.who().await, "alice");
                assert_eq!(slow.get("/get?k").await, "");
            } else {
                assert_eq!(res.headers().get(SET_COOKIE), None, "{case}");
                assert_eq!(app.backend.memory.len(), 0, "{case}");
            }
        }
    }
}

#[tokio::test]
async fn concurrent_changes_of_different_keys_lose_nothing() {
    let app = App::new();
    let mut browser = app.browser();
    browser.log_in("alice").await;
    browser.send("POST", "/set?start=0").await;

    let mut tasks = Vec::new();
    for n in 0..20 {
        let gate = Gate::default();
        let mut tab = browser.clone();
        let mut req = tab.request("POST", &format!("/set?k{n}={n}"));
        req.extensions_mut().insert(gate.clone());
        let task = tokio::spawn(async move { tab.send_request(req).await.status() });
        // All have loaded the session before any saves it.
        gate.entered.notified().await;
        tasks.push((gate, task));
    }
    for (gate, task) in tasks {
        gate.go_on.notify_one();
        assert_eq!(task.await.unwrap(), StatusCode::OK);
    }
    assert_eq!(browser.get("/get?start").await, "\"0\"");
    for n in 0..20 {
        assert_eq!(browser.get(&format!("/get?k{n}")).await, format!("\"{n}\""));
    }
}

#[tokio::test]
async fn handlers_for_tower_sessions_go_on_working() {
    let app = App::new();
    let mut browser = app.browser();
    // Reading makes no session.
    assert_eq!(browser.get("/get?k").await, "");
    assert!(browser.cookies.is_empty());
    // Writing makes one; its id is public and has nothing to do with the cookie.
    browser.send("POST", "/set?k=1").await;
    let id = text(&browser.send("POST", "/set?k=2").await);
    assert_eq!(id.len(), 22);
    assert!(!browser.secret().contains(&id));
    assert_eq!(browser.get("/get?k").await, "\"2\"");
    browser.send("POST", "/remove?k").await;
    assert_eq!(browser.get("/get?k").await, "");
    // Saving by hand, also before anything was there.
    let mut other = app.browser();
    assert_eq!(text(&other.send("POST", "/save-now?k=1").await), "true");
    assert_eq!(other.get("/get?k").await, "\"1\"");
    // Nothing is saved with a server error.
    other.send("POST", "/set-and-fail?k=2").await;
    assert_eq!(other.get("/get?k").await, "\"1\"");
    // A new id for the same data.
    let old = other.clone();
    other.send("POST", "/cycle").await;
    assert_ne!(old.secret(), other.secret());
    assert_eq!(other.get("/get?k").await, "\"1\"");
    assert_eq!(old.clone().get("/get?k").await, "");
    // All gone.
    let res = other.send("POST", "/flush").await;
    assert_eq!(set_cookies(&res)[0].value(), "");
    assert_eq!(other.get("/get?k").await, "");
}

#[tokio::test]
async fn cycling_the_id_of_a_login_ends_the_login() {
    let app = App::new();
    let mut browser = app.browser();
    browser.log_in("alice").await;
    browser.send("POST", "/set?k=1").await;
    browser.send("POST", "/cycle").await;
    assert_eq!(browser.who().await, "nobody");
    assert_eq!(browser.get("/get?k").await, "\"1\"");
}

#[tokio::test]
async fn an_unchanged_session_is_not_written() {
    let app = App::new();
    let mut browser = app.browser();
    browser.log_in("alice").await;
    browser.send("POST", "/set?k=1").await;
    app.backend.take_writes();
    browser.send("POST", "/set?k=1").await;
    browser.get("/get?k").await;
    assert_eq!(app.backend.take_writes(), 0);
    browser.send("POST", "/set?k=2").await;
    assert_eq!(app.backend.take_writes(), 1);
}
