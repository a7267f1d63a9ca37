//! Remember-me: being forgotten.
#![allow(clippy::unwrap_used, reason = "for tests only, but not marked as one")]

mod common;

use std::num::NonZeroU32;
use std::sync::atomic::Ordering;

use auth_layer::CredentialEpoch;
use common::remembering::{COOKIE, LOST, Remembering, alice};
use common::{ABSOLUTE, Gate, IDLE, set_cookies, text};
use http::StatusCode;
use http::header::SET_COOKIE;
use tower::{Layer as _, ServiceExt as _};

#[tokio::test]
async fn ses_21_the_user_is_asked_for_as_of_now() {
    let site = Remembering::new();
    let mut browser = site.remembered("alice").await;
    browser.drop_cookie("__Host-session");
    *site.users.role.lock().unwrap() = Some("auditor");
    assert!(browser.get("/details").await.contains("auditor"));

    // Could not be asked: 503, and the secret is not used up.
    let before = browser.clone();
    browser.drop_cookie("__Host-session");
    site.users.broken.store(true, Ordering::SeqCst);
    let res = browser.send("GET", "/who").await;
    assert_eq!(res.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(res.headers().get(SET_COOKIE), None);
    site.users.broken.store(false, Ordering::SeqCst);
    site.app.clock.set(3_600);
    assert_eq!(browser.who().await, "alice");
    assert_ne!(browser.cookie(COOKIE), before.cookie(COOKIE));

    // Gone: for good.
    site.users.gone.store(true, Ordering::SeqCst);
    browser.drop_cookie("__Host-session");
    site.app.take_events();
    assert_eq!(browser.who().await, "nobody");
    assert_eq!(browser.cookie(COOKIE), None);
    assert!(site.store.memory.is_empty());
    assert!(
        site.app
            .take_events()
            .contains(&"revoked user_gone".to_owned())
    );
    assert_eq!(
        before.clone().who().await,
        "nobody",
        "a session of it lives on"
    );
}

#[tokio::test]
async fn ses_21_ses_11_a_password_change_forgets_the_login() {
    // By the epoch that comes with the user.
    for (kept, now, good) in [
        (1, 1, true),
        (1, 2, false),
        (0, 0, true),
        (0, 1, false),
        // `users` has lost it: nobody knows whether it is still the same.
        (1, LOST, false),
        (0, LOST, true),
    ] {
        let site = Remembering::new();
        let service = site.app.layer.layer(tower::service_fn(
            move |req: http::Request<()>| async move {
                let session = req
                    .extensions()
                    .get::<session_layer::SessionHandle>()
                    .unwrap();
                let mut user = common::user("alice").to_builder();
                if kept > 0 {
                    user = user.extra(CredentialEpoch::new(kept));
                }
                session.log_in_remembered(user.build()).await.unwrap();
                Ok::<_, std::convert::Infallible>(http::Response::new(bytes::Bytes::new()))
            },
        ));
        let mut browser = site.app.browser();
        let res = service.oneshot(browser.request("POST", "/")).await.unwrap();
        for line in set_cookies(&res) {
            browser.set_cookie(line.name(), line.value());
        }
        browser.drop_cookie("__Host-session");
        site.users.epoch.store(now, Ordering::SeqCst);
        let who = browser.who().await;
        assert_eq!(who == "alice", good, "{kept} {now}");
        assert_eq!(site.store.memory.is_empty(), !good);
    }

    // By `revoke_all`, which ends what is remembered everywhere.
    let site = Remembering::new();
    let mut browsers = [
        site.remembered("alice").await,
        site.remembered("alice").await,
    ];
    site.app
        .layer
        .sessions()
        .revoke_all(&alice())
        .await
        .unwrap();
    assert!(site.store.memory.is_empty());
    for browser in &mut browsers {
        assert_eq!(browser.who().await, "nobody");
    }
}

#[tokio::test]
async fn ses_21_a_logout_forgets_the_login() {
    for with_session in [true, false] {
        for path in ["/logout", "/flush"] {
            let site = Remembering::new();
            let mut browser = site.remembered("alice").await;
            if !with_session {
                site.app.clock.set(ABSOLUTE);
            }
            let thief = browser.clone();
            let res = browser.send("POST", path).await;
            assert_eq!(res.status(), StatusCode::OK, "{path}");
            assert!(browser.cookies.is_empty(), "{path}: {:?}", browser.cookies);
            assert!(site.store.memory.is_empty(), "{path} {with_session}");
            for drop in [false, true] {
                let mut thief = thief.clone();
                if drop {
                    thief.drop_cookie("__Host-session");
                }
                assert_eq!(thief.who().await, "nobody", "{path}");
            }
        }
    }
}

#[tokio::test]
async fn ses_21_a_device_that_is_revoked_does_not_come_back() {
    let site = Remembering::new();
    let (mut laptop, mut phone) = (
        site.remembered("alice").await,
        site.remembered("alice").await,
    );
    // The phone's session came from the cookie.
    phone.drop_cookie("__Host-session");
    assert_eq!(phone.who().await, "alice");
    let sessions = site.app.layer.sessions();
    assert!(
        sessions
            .list(&alice())
            .await
            .unwrap()
            .iter()
            .all(|session| session.is_remembered())
    );
    let list = phone.get("/sessions").await;
    let own = list.lines().find(|line| line.contains(" true ")).unwrap();
    let id = own.split(' ').next().unwrap().to_owned();

    let res = laptop.send("DELETE", &format!("/sessions?{id}")).await;
    assert_eq!(text(&res), "true");
    assert_eq!(phone.who().await, "nobody");
    assert_eq!(phone.cookie(COOKIE), None);
    assert_eq!(site.store.memory.len(), 1);

    // All others: the own one stays remembered.
    let mut tablet = site.remembered("alice").await;
    laptop.send("DELETE", "/sessions").await;
    assert_eq!(tablet.who().await, "nobody");
    laptop.drop_cookie("__Host-session");
    assert_eq!(laptop.who().await, "alice");
    assert_eq!(site.store.memory.len(), 1);
}

#[tokio::test]
async fn ses_21_ses_23_a_new_login_ends_what_was_remembered() {
    for (path, remembered) in [
        ("/login?bob", 0),
        ("/login?alice", 0),
        ("/login-remembered?bob", 1),
        ("/login-remembered?alice", 1),
    ] {
        for with_session in [true, false] {
            let site = Remembering::new();
            let mut browser = site.remembered("alice").await;
            if !with_session {
                // As when the users of a shared computer follow each other.
                site.users.gone.store(true, Ordering::SeqCst);
                browser.drop_cookie("__Host-session");
            }
            let before = browser.clone();
            let res = browser.send("POST", path).await;
            assert_eq!(res.status(), StatusCode::OK);
            site.users.gone.store(false, Ordering::SeqCst);
            assert_eq!(site.store.memory.len(), remembered, "{path}");
            assert_eq!(browser.cookie(COOKIE).is_some(), remembered == 1, "{path}");
            for drop in [false, true] {
                let mut old = before.clone();
                if drop {
                    old.drop_cookie("__Host-session");
                }
                assert_eq!(old.who().await, "nobody", "{path}");
            }
            let user = path.split('?').nth(1).unwrap();
            assert_eq!(browser.who().await, user, "{path}");
        }
    }
}

#[tokio::test]
async fn ses_20_a_store_that_fails_is_503_for_those_who_need_it() {
    let site = Remembering::new();
    let mut browser = site.remembered("alice").await;
    site.store.broken.store(true, Ordering::SeqCst);
    // Not for those who have a session, or nothing.
    assert_eq!(browser.who().await, "alice");
    assert_eq!(site.app.browser().who().await, "nobody");
    let mut back = browser.clone();
    back.drop_cookie("__Host-session");
    let res = back.send("GET", "/who").await;
    assert_eq!(res.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(res.headers().get(SET_COOKIE), None);
    // Who cannot be remembered is not logged in, and who cannot be forgotten not logged out.
    let res = site
        .app
        .browser()
        .send("POST", "/login-remembered?bob")
        .await;
    assert_eq!(res.status(), StatusCode::SERVICE_UNAVAILABLE);
    let res = browser.send("POST", "/logout").await;
    assert_eq!(res.status(), StatusCode::SERVICE_UNAVAILABLE);
    site.store.broken.store(false, Ordering::SeqCst);
    assert_eq!(back.who().await, "alice");
    assert_eq!(browser.who().await, "alice");
    let browser = back;

    // The backend fails: the secret is not used up.
    site.app.clock.set(ABSOLUTE);
    let before = browser.clone();
    let stop = site.app.backend.stop("before", "create");
    let mut back = browser.clone();
    let request = tokio::spawn(async move { back.send("GET", "/who").await.status() });
    stop.entered.notified().await;
    request.abort();
    assert!(request.await.unwrap_err().is_cancelled());
    site.app.clock.set(ABSOLUTE + IDLE);
    assert_eq!(before.clone().who().await, "alice");
}

/// A logout, or a theft that is noticed, between the session's making and the secret's use.
#[tokio::test]
async fn ses_04_nothing_comes_back_while_the_login_is_forgotten() {
    for by_revocation in [false, true] {
        let site = Remembering::new();
        let mut browser = site.remembered("alice").await;
        let mut slow = browser.clone();
        slow.drop_cookie("__Host-session");
        let gate = Gate::default();
        *site.store.stop.lock().unwrap() = Some(gate.clone());
        let request = tokio::spawn(async move { (slow.who().await, slow) });
        gate.entered.notified().await;
        if by_revocation {
            let sessions = site.app.layer.sessions();
            sessions.revoke_all(&alice()).await.unwrap();
        } else {
            browser.send("POST", "/logout").await;
        }
        gate.go_on.notify_one();
        let (who, mut slow) = request.await.unwrap();
        assert_eq!(who, "nobody");
        assert!(slow.cookies.is_empty(), "{:?}", slow.cookies);
        assert_eq!(slow.who().await, "nobody");
        assert!(site.app.backend.memory.is_empty());
        assert!(site.store.memory.is_empty());
    }
}

#[tokio::test]
async fn a_user_is_remembered_in_so_many_browsers() {
    let site = Remembering::with(|remember| remember.max_per_user(NonZeroU32::new(2).unwrap()));
    let mut browsers = Vec::new();
    for seconds in 0..3 {
        site.app.clock.set(seconds);
        browsers.push(site.remembered("alice").await);
    }
    site.app.clock.set(ABSOLUTE + 3);
    let mut who = Vec::new();
    for browser in &mut browsers {
        who.push(browser.who().await);
    }
    assert_eq!(who, ["nobody", "alice", "alice"]);
}
