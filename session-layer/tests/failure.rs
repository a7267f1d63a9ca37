//! A backend that cannot be asked.

mod common;

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};

use auth_layer::AuthErrorKind;
use bytes::Bytes;
use common::{App, Gate, text};
use http::header::SET_COOKIE;
use http::{Request, Response, StatusCode};
use session_layer::SessionHandle;
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
async fn x_06_a_cancelled_request_leaves_a_usable_session() {
    let app = App::new();
    let mut browser = app.browser();
    browser.log_in("alice").await;
    for path in ["/set?k=2", "/login?bob", "/wait"] {
        let gate = Gate::default();
        let mut slow = browser.clone();
        let mut req = slow.request("POST", path);
        req.extensions_mut().insert(gate.clone());
        let slow = tokio::spawn(async move { slow.send_request(req).await });
        gate.entered.notified().await;
        slow.abort();
        assert!(slow.await.unwrap_err().is_cancelled());
        assert_eq!(browser.who().await, "alice", "{path}");
        assert_eq!(browser.get("/get?k").await, "", "{path}");
    }
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
