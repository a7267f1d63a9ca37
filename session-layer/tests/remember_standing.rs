//! Remember-me: logins that end by what happens to their users, and with what they began for.
#![allow(clippy::unwrap_used, reason = "for tests only, but not marked as one")]

mod common;

use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use auth_layer::{
    AuthError, AuthLayer, CredentialEpoch, Identity, MemoryRevocations, Revocations as _,
    SharedRevocations, SubjectRevocation, scheme_fn,
};
use common::remembering::{COOKIE, Remembering};
use common::{App, Browser, at, text};
use http::StatusCode;
use session_layer::{MemoryRememberStore, RememberMe, WhenFull};
use tower::Layer as _;
use tower::util::BoxCloneSyncService;

const GONE: u64 = 0;
const BROKEN: u64 = u64::MAX;

fn with_epochs() -> (Remembering, Arc<AtomicU64>) {
    let epoch = Arc::new(AtomicU64::new(1));
    let current = Arc::clone(&epoch);
    let source = move |_: Identity| {
        let epoch = current.load(Ordering::SeqCst);
        async move {
            match epoch {
                BROKEN => Err(AuthError::absent("lie")),
                GONE => Ok(None),
                epoch => Ok(Some(CredentialEpoch::new(epoch))),
            }
        }
    };
    let site = Remembering::below(|builder| builder.credential_epochs(source), |r| r);
    (site, epoch)
}

/// The browser has been shut, and another tab has come back since.
async fn shut(site: &Remembering) -> (Browser, Browser) {
    let mut browser = site.remembered("alice").await;
    browser.drop_cookie("__Host-session");
    let mut tab = browser.clone();
    assert_eq!(tab.who().await, "alice");
    site.app.take_events();
    (browser, tab)
}

async fn assert_forgotten(site: &Remembering, mut browser: Browser, reason: &str) {
    assert_eq!(browser.who().await, "nobody", "{reason}");
    assert_eq!(browser.cookie(COOKIE), None, "{reason}");
    assert!(site.store.memory.is_empty(), "{reason}");
    assert!(site.app.backend.memory.is_empty(), "{reason}");
    let events = site.app.take_events();
    assert_eq!(events[0], format!("revoked {reason}"), "{events:?}");
}

#[tokio::test]
async fn ses_21_ses_11_who_comes_back_is_asked_for_the_epoch_of_now() {
    for (now, reason) in [(2, "credentials_changed"), (GONE, "user_gone")] {
        let (site, epoch) = with_epochs();
        let (browser, _) = shut(&site).await;
        epoch.store(now, Ordering::SeqCst);
        assert_forgotten(&site, browser, reason).await;
    }
    // Could not be asked: 503, and the login is still remembered.
    let (site, epoch) = with_epochs();
    let (mut browser, _) = shut(&site).await;
    epoch.store(BROKEN, Ordering::SeqCst);
    let before = browser.cookie(COOKIE);
    let res = browser.send("GET", "/who").await;
    assert_eq!(res.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(browser.cookie(COOKIE), before);
    epoch.store(1, Ordering::SeqCst);
    assert_eq!(browser.who().await, "alice");
}

#[tokio::test]
async fn ses_21_ses_11_who_comes_back_after_a_revocation_is_forgotten() {
    // The login is judged by when it began, whenever its sessions did.
    for (revoked_at, good) in [(99, true), (100, false), (101, false)] {
        let revocations = SharedRevocations::new(MemoryRevocations::new());
        let asked = revocations.clone();
        let site = Remembering::below(|builder| builder.revocations(asked), |r| r);
        site.app.clock.set(100);
        let (mut browser, _) = shut(&site).await;
        site.app.clock.set(110);
        let lifetime = Duration::from_secs(1_000_000);
        let everything = SubjectRevocation::new("alice", at(revoked_at), lifetime);
        revocations.revoke_subject(&everything).await.unwrap();
        if good {
            assert_eq!(browser.who().await, "alice");
        } else {
            assert_forgotten(&site, browser, "subject_revoked").await;
        }
    }
}

#[tokio::test]
async fn ses_21_nobody_comes_back_as_somebody_else() {
    let users = |_| async { Ok(Some(common::user("mallory"))) };
    let remember = RememberMe::new(MemoryRememberStore::new(), users);
    let app = App::with(|builder| builder.remember_me(remember));
    let mut browser = app.browser();
    browser.send("POST", "/login-remembered?alice").await;
    browser.drop_cookie("__Host-session");
    let res = browser.send("GET", "/who").await;
    assert_eq!(res.status(), StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(browser.cookie("__Host-session"), None);
    assert_eq!(app.backend.memory.len(), 1);
}

/// Where another scheme said who it is, nobody has looked at the cookie before.
#[tokio::test]
async fn ses_21_a_logout_or_login_beside_another_identity_forgets_the_login_too() {
    for path in ["/logout", "/login?bob"] {
        let site = Remembering::new();
        let (browser, mut tab) = shut(&site).await;
        let bearer = AuthLayer::new(scheme_fn(
            "bearer",
            |parts| Ok(parts.headers.get("authorization").cloned()),
            |_token| async { Ok(Identity::new("bearer", "bob")) },
        ));
        let service = BoxCloneSyncService::new(bearer.layer(site.app.service.clone()));
        let mut beside = Browser {
            service,
            ..browser.clone()
        };
        let mut req = beside.request("POST", path);
        let token = "Bearer x".parse().unwrap();
        req.headers_mut().insert("authorization", token);
        let res = beside.send_request(req).await;
        assert_eq!(res.status(), StatusCode::OK, "{path}: {}", text(&res));
        assert_eq!(beside.cookie(COOKIE), None, "{path}");
        assert!(site.store.memory.is_empty(), "{path}");
        assert_eq!(browser.clone().who().await, "nobody", "{path}");
        assert_eq!(tab.who().await, "nobody", "{path}");
    }
}

#[tokio::test]
async fn ses_21_a_login_that_fails_is_not_remembered() {
    let cap = NonZeroU32::new(1).unwrap();
    let site = Remembering::below(|b| b.max_sessions(cap, WhenFull::Refuse), |r| r);
    site.app.browser().log_in("alice").await;
    let mut browser = site.app.browser();
    let res = browser.send("POST", "/login-remembered?alice").await;
    assert_eq!(res.status(), StatusCode::TOO_MANY_REQUESTS);
    assert!(browser.cookies.is_empty(), "{:?}", browser.cookies);
    assert!(site.store.memory.is_empty());
}

/// The series ends before the sessions that came from it are looked for.
#[tokio::test]
async fn ses_21_ses_04_a_tab_that_comes_back_during_a_logout_stays_out() {
    let site = Remembering::new();
    let mut browser = site.remembered("alice").await;
    let mut tab = browser.clone();
    tab.drop_cookie("__Host-session");
    let gate = site.app.backend.stop("after", "list");
    let logout = tokio::spawn(async move { browser.send("POST", "/logout").await.status() });
    gate.entered.notified().await;
    assert_eq!(tab.who().await, "nobody");
    gate.go_on.notify_one();
    assert_eq!(logout.await.unwrap(), StatusCode::OK);
    assert_eq!(tab.who().await, "nobody");
    assert!(site.app.backend.memory.is_empty());
}
