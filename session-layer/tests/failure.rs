//! A backend that cannot be asked.
#![allow(clippy::unwrap_used, reason = "for tests only, but not marked as one")]

mod common;

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};

use auth_layer::AuthErrorKind;
use bytes::Bytes;
use common::{App, Browser, Gate, text};
use http::header::SET_COOKIE;
use http::{Request, Response, StatusCode};
use session_layer::{SessionHandle, UserKey};
use tower::{Layer as _, ServiceExt as _, service_fn};

#[tokio::test]
async fn ses_20_a_broken_backend_is_503_and_never_anonymous() {
    for lies in [false, true] {
        let app = App::new();
        app.backend.lies.store(lies, Ordering::SeqCst);
        let mut browser = app.browser();
        browser.log_in("alice").await;
        browser.send("POST", "/set?k=1").await;
        app.backend.set_broken(true);

        for (method, path) in [
            ("GET", "/who"),
            ("GET", "/public"),
            ("POST", "/set?k=2"),
            ("POST", "/logout"),
            ("POST", "/login?bob"),
            ("GET", "/sessions"),
        ] {
            let res = browser.send(method, path).await;
            assert_eq!(
                res.status(),
                StatusCode::SERVICE_UNAVAILABLE,
                "{method} {path}"
            );
            assert!(
                text(&res).contains("temporarily_unavailable"),
                "{method} {path}"
            );
            assert_eq!(res.headers().get(SET_COOKIE), None, "{method} {path}");
            assert_eq!(res.headers()["content-type"], "application/problem+json");
            assert!(!text(&res).contains("broken_on_purpose"));
        }
        // Without a cookie there is nothing to ask.
        let mut anonymous = app.browser();
        assert_eq!(anonymous.who().await, "nobody");
        for path in ["/login?alice", "/set?k=1"] {
            let res = anonymous.send("POST", path).await;
            assert_eq!(res.status(), StatusCode::SERVICE_UNAVAILABLE, "{path}");
            assert_eq!(res.headers().get(SET_COOKIE), None, "{path}");
        }

        app.backend.set_broken(false);
        assert_eq!(browser.who().await, "alice");
        assert_eq!(browser.get("/get?k").await, "\"1\"");
    }
}

#[tokio::test]
async fn ses_20_a_backend_that_breaks_half_way_lets_no_cookie_leave() {
    for (path, status) in [
        ("/set?k=2", StatusCode::SERVICE_UNAVAILABLE),
        ("/login?bob", StatusCode::SERVICE_UNAVAILABLE),
        // Only the note that the session was used is lost.
        ("/wait", StatusCode::OK),
    ] {
        let app = App::new();
        let mut browser = app.browser();
        browser.log_in("alice").await;
        app.clock.set(600);
        app.take_events();

        let gate = Gate::default();
        let mut slow = browser.clone();
        let mut req = slow.request("POST", path);
        req.extensions_mut().insert(gate.clone());
        let slow = tokio::spawn(async move { slow.send_request(req).await });
        gate.entered.notified().await;
        app.backend.set_broken(true);
        gate.go_on.notify_one();
        let res = slow.await.unwrap();
        assert_eq!(res.status(), status, "{path}");
        assert_eq!(res.headers().get(SET_COOKIE), None, "{path}");
        let events = app.take_events();
        let recorded = events
            .iter()
            .filter(|e| *e == "unavailable broken_on_purpose");
        assert_eq!(recorded.count(), 1, "{path}: {events:?}");

        app.backend.set_broken(false);
        assert_eq!(browser.who().await, "alice", "{path}");
    }
}

#[tokio::test]
async fn ses_20_after_a_login_the_new_cookie_leaves_with_a_failed_save() {
    for (path, user) in [("/login-then-set?bob", "bob"), ("/refresh?alice", "alice")] {
        let app = App::new();
        let mut browser = app.browser();
        browser.log_in("alice").await;
        let old = browser.secret();
        let mut req = browser.request("POST", path);
        // Of a login the data fails, of a refresh what was not saved before it.
        let gate = match user {
            "bob" => {
                let gate = Gate::default();
                req.extensions_mut().insert(gate.clone());
                gate
            }
            _ => app.backend.stop("after", "rotate"),
        };
        let mut slow = browser.clone();
        let slow = tokio::spawn(async move {
            let res = slow.send_request(req).await;
            (slow, res)
        });
        gate.entered.notified().await;
        app.backend.set_broken(true);
        gate.go_on.notify_one();
        let (mut browser, res) = slow.await.unwrap();
        assert_eq!(res.status(), StatusCode::SERVICE_UNAVAILABLE, "{path}");
        assert_eq!(res.headers()["cache-control"], "no-store", "{path}");
        assert_ne!(browser.secret(), old, "{path}");

        app.backend.set_broken(false);
        assert_eq!(browser.who().await, user, "{path}");
        assert_eq!(app.backend.memory.len(), 1, "{path}");
    }
}

/// Sends a request and drops it where the backend stops it.
async fn cancel(app: &App, browser: &Browser, path: &str, when: &'static str, verb: &'static str) {
    let gate = app.backend.stop(when, verb);
    let mut slow = browser.clone();
    let path = path.to_owned();
    let slow = tokio::spawn(async move { slow.send("POST", &path).await });
    gate.entered.notified().await;
    slow.abort();
    assert!(slow.await.unwrap_err().is_cancelled());
}

#[tokio::test]
async fn x_06_a_request_that_is_cancelled_before_a_call_has_done_nothing() {
    for (path, verb) in [
        ("/who", "find"),
        ("/set?k=2", "update"),
        ("/login?bob", "rotate"),
        ("/refresh?alice+", "rotate"),
        ("/logout", "delete"),
        ("/who", "touch"),
    ] {
        let app = App::new();
        let mut browser = app.browser();
        browser.log_in("alice").await;
        app.clock.set(600);
        cancel(&app, &browser, path, "before", verb).await;
        assert_eq!(browser.who().await, "alice", "{path} {verb}");
        assert_eq!(browser.get("/get?k").await, "", "{path} {verb}");
        let details = browser.get("/details").await;
        assert!(!details.contains("Otp"), "{path} {verb}");
        assert_eq!(app.backend.memory.len(), 1, "{path} {verb}");
    }
    let app = App::new();
    cancel(&app, &app.browser(), "/login?bob", "before", "create").await;
    assert!(app.backend.memory.is_empty());
}

/// A call that the backend has carried out counts, though nobody gets the answer: no half of it is
/// left. Of a login or a refresh the secret is lost with the response, so that the browser is logged
/// out; the session that nobody can use is in the list until somebody ends it or it expires.
#[tokio::test]
async fn x_06_a_request_that_is_cancelled_after_a_call_leaves_the_whole_of_it() {
    for (path, verb, who, k, sessions) in [
        ("/who", "find", "alice", "", 1),
        ("/set?k=2", "update", "alice", "\"2\"", 1),
        ("/login?bob", "rotate", "nobody", "", 1),
        ("/refresh?alice+", "rotate", "nobody", "", 1),
        ("/logout", "delete", "nobody", "", 0),
        ("/who", "touch", "alice", "", 1),
    ] {
        let app = App::new();
        let mut browser = app.browser();
        browser.log_in("alice").await;
        app.clock.set(600);
        cancel(&app, &browser, path, "after", verb).await;
        assert_eq!(browser.who().await, who, "{path} {verb}");
        assert_eq!(browser.get("/get?k").await, k, "{path} {verb}");
        assert_eq!(app.backend.memory.len(), sessions, "{path} {verb}");

        // Whatever is left can be ended, and the browser can log in again.
        for user in ["alice", "bob"] {
            let user = UserKey::new(None, None, user);
            app.layer.sessions().revoke_all(&user).await.unwrap();
        }
        assert!(app.backend.memory.is_empty(), "{path} {verb}");
        browser.log_in("alice").await;
        assert_eq!(browser.who().await, "alice", "{path} {verb}");
    }
    let app = App::new();
    let mut browser = app.browser();
    cancel(&app, &browser, "/login?bob", "after", "create").await;
    assert_eq!(browser.who().await, "nobody");
    assert_eq!(app.backend.memory.len(), 1);
}

#[tokio::test]
async fn ses_04_a_handle_that_outlives_its_request_brings_nothing_back() {
    let app = App::new();
    let mut browser = app.browser();
    browser.log_in("alice").await;

    let kept = Arc::new(Mutex::new(None));
    let slot = Arc::clone(&kept);
    let service = app.layer.layer(service_fn(move |req: Request<()>| {
        *slot.lock().unwrap() = req.extensions().get::<SessionHandle>().cloned();
        async { Ok::<_, std::convert::Infallible>(Response::new(Bytes::new())) }
    }));
    service.oneshot(browser.request("GET", "/")).await.unwrap();
    let kept: SessionHandle = kept.lock().unwrap().take().unwrap();
    kept.data().insert("k", 1).await.unwrap();
    browser.send("POST", "/logout").await;

    assert!(kept.data().save().await.is_err());
    let error = kept.refresh(common::user("alice")).await.unwrap_err();
    assert_eq!(error.kind(), AuthErrorKind::Missing);
    assert!(app.backend.memory.is_empty());
}
