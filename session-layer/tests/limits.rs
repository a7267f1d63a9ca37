//! How long sessions live.
#![allow(clippy::unwrap_used, reason = "for tests only, but not marked as one")]

mod common;

use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use auth_layer::{Identity, SecretDigest};
use bytes::Bytes;
use common::{ABSOLUTE, App, Backend, IDLE, at, set_cookies, text};
use http::{Request, Response, StatusCode};
use session_layer::{
    CreateOutcome, NewSession, SessionBackend as _, SessionId, SessionLayer, SessionLimits,
    SessionRecord,
};
use tower::{Layer as _, ServiceExt as _, service_fn};

#[tokio::test]
async fn ses_10_x_21_both_limits_end_a_session_on_the_server() {
    let app = App::new();
    let mut browser = app.browser();
    for (seconds, who) in [(IDLE - 1, "alice"), (IDLE, "nobody"), (IDLE + 1, "nobody")] {
        app.clock.set(0);
        let mut browser = app.browser();
        browser.log_in("alice").await;
        app.clock.set(seconds);
        assert_eq!(browser.who().await, who, "idle for {seconds}");
    }

    app.clock.set(0);
    browser.log_in("alice").await;
    for seconds in (0..ABSOLUTE).step_by(1_000) {
        app.clock.set(seconds);
        let res = browser.send("GET", "/who").await;
        assert_eq!(text(&res), "alice", "after {seconds}");
        for line in set_cookies(&res) {
            // The cookie ends with the session, never later.
            let left = (ABSOLUTE - seconds).min(IDLE);
            assert_eq!(
                line.max_age().unwrap().whole_seconds(),
                i64::try_from(left).unwrap()
            );
        }
    }
    for (seconds, who) in [
        (ABSOLUTE - 1, "alice"),
        (ABSOLUTE, "nobody"),
        (ABSOLUTE + 1, "nobody"),
    ] {
        app.clock.set(seconds);
        assert_eq!(browser.clone().who().await, who, "after {seconds}");
    }
}

#[tokio::test]
async fn ses_10_a_refresh_does_not_move_the_absolute_end() {
    let app = App::new();
    let mut browser = app.browser();
    browser.log_in("alice").await;
    for seconds in (0..ABSOLUTE).step_by(1_500) {
        app.clock.set(seconds);
        let res = browser.send("POST", "/refresh?alice").await;
        let left = (ABSOLUTE - seconds).min(IDLE);
        let max_age = set_cookies(&res)[0].max_age().unwrap().whole_seconds();
        assert_eq!(max_age, i64::try_from(left).unwrap(), "after {seconds}");
        assert_eq!(browser.who().await, "alice", "after {seconds}");
    }
    app.clock.set(ABSOLUTE);
    assert_eq!(browser.who().await, "nobody");
}

#[tokio::test]
async fn a_shorter_limit_holds_for_older_sessions_too() {
    let app = App::new();
    let shorter = SessionLimits::new(Duration::from_secs(60), Duration::from_secs(600));
    let layer = SessionLayer::builder(Backend(Arc::clone(&app.backend)))
        .limits(shorter)
        .clock(app.clock.shared())
        .build()
        .unwrap();
    let service = layer.layer(service_fn(|req: Request<()>| async move {
        let someone = req.extensions().get::<Identity>().is_some();
        Ok::<_, std::convert::Infallible>(Response::new(Bytes::from(someone.to_string())))
    }));
    for (seconds, expected) in [(59, "true"), (60, "false")] {
        app.clock.set(0);
        let mut browser = app.browser();
        browser.log_in("alice").await;
        app.clock.set(seconds);
        let req = browser.request("GET", "/");
        let res = service.clone().oneshot(req).await.unwrap();
        assert_eq!(text(&res), expected);
    }
}

/// What a store has kept may be anything, and `Session` counts years up to 9999 only.
#[tokio::test]
async fn a_stored_time_in_the_far_future_breaks_nothing() {
    let app = App::new();
    for seconds in [1 << 38, 1 << 40, 1 << 50, i64::MAX.cast_unsigned()] {
        let Some(far) = UNIX_EPOCH.checked_add(Duration::from_secs(seconds)) else {
            continue;
        };
        let secret = "A".repeat(43);
        let digest = SecretDigest::of([b"session\0".as_slice(), secret.as_bytes()].concat());
        let id = SessionId::from_bytes([1; 16]);
        let mut record = SessionRecord::new(id, at(0), SessionLimits::STRICT);
        (record.expires_at, record.ends_at) = (far, far);
        let backend = Backend(Arc::clone(&app.backend));
        let created = backend.create(NewSession::new(digest, record)).await;
        assert!(matches!(created, Ok(CreateOutcome::Created { .. })));
        let mut browser = app.browser();
        browser.set_cookie("__Host-session", &secret);
        assert_eq!(browser.get("/get?k").await, "", "{seconds}");
        let res = browser.send("POST", "/set?k=1").await;
        assert_eq!(res.status(), StatusCode::OK, "{seconds}");
        assert_eq!(browser.get("/get?k").await, "\"1\"", "{seconds}");
        assert!(backend.delete(&digest).await.unwrap());
    }
}

#[tokio::test]
async fn reading_writes_at_most_once_in_a_twentieth_of_idle() {
    let app = App::new();
    let mut browser = app.browser();
    browser.log_in("alice").await;
    app.backend.take_writes();
    let twentieth = IDLE / 20;
    for (seconds, writes) in [
        (0, 0),
        (1, 0),
        (twentieth - 1, 0),
        (twentieth, 1),
        (twentieth + 1, 0),
        (2 * twentieth - 1, 0),
        (2 * twentieth, 1),
        (5 * twentieth, 1),
    ] {
        app.clock.set(seconds);
        let res = browser.send("GET", "/who").await;
        assert_eq!(app.backend.take_writes(), writes, "after {seconds}");
        assert_eq!(set_cookies(&res).len(), writes, "after {seconds}");
    }
    // A clock that jumps back writes nothing and ends nothing.
    app.clock.set(0);
    assert_eq!(browser.who().await, "alice");
    assert_eq!(app.backend.take_writes(), 0);
}
