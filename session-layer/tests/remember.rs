//! Remember-me: coming back.
#![allow(clippy::unwrap_used, reason = "for tests only, but not marked as one")]

mod common;

use std::sync::atomic::Ordering;
use std::time::Duration;

use auth_layer::{AuthLayer, Identity, SecretDigest, scheme_fn};
use common::remembering::{COOKIE, DAY, Remembering, alice};
use common::{ABSOLUTE, App, Browser, at, set_cookies, text};
use cookie::SameSite;
use cookie::time::Duration as CookieDuration;
use http::StatusCode;
use http::header::{CACHE_CONTROL, SET_COOKIE};
use session_layer::{
    MemoryRememberStore, MemorySessionBackend, RememberMe, RememberStore as _, SessionLayer,
};
use tower::{Layer as _, ServiceExt as _};

#[tokio::test]
async fn ses_21_ses_14_the_cookie_has_the_attributes_of_the_session_cookie() {
    let site = Remembering::new();
    let mut browser = site.app.browser();
    let res = browser.send("POST", "/login-remembered?alice").await;
    let lines = set_cookies(&res);
    let line = lines.iter().find(|line| line.name() == COOKIE).unwrap();
    assert_eq!(line.value().len(), 65);
    assert_eq!(line.max_age(), Some(CookieDuration::days(30)));
    let removal = browser.send("POST", "/logout").await;
    let removals = set_cookies(&removal);
    let removal = removals.iter().find(|line| line.name() == COOKIE).unwrap();
    assert_eq!(
        (removal.value(), removal.max_age()),
        ("", Some(CookieDuration::ZERO))
    );
    for line in [line, removal] {
        assert_eq!(line.path(), Some("/"));
        assert_eq!(line.domain(), None);
        assert_eq!(line.same_site(), Some(SameSite::Lax));
        assert_eq!((line.secure(), line.http_only()), (Some(true), Some(true)));
    }
}

#[tokio::test]
async fn ses_21_a_remembered_user_comes_back_with_a_new_session_and_a_new_secret() {
    let site = Remembering::new();
    let mut browser = site.remembered("alice").await;
    let first = browser.clone();
    // While the session is live nobody asks for the cookie.
    let calls = site.store.calls.load(Ordering::SeqCst);
    assert_eq!(browser.who().await, "alice");
    assert_eq!(site.store.calls.load(Ordering::SeqCst), calls);
    assert_eq!(browser.cookie(COOKIE), first.cookie(COOKIE));

    let mut now = 0;
    for (index, forget) in [false, true, false].into_iter().enumerate() {
        now += ABSOLUTE;
        site.app.clock.set(now);
        if forget {
            browser.drop_cookie("__Host-session");
        }
        let before = browser.clone();
        let res = browser.send("GET", "/who").await;
        assert_eq!(text(&res), "alice", "{index}");
        assert_eq!(res.headers()[CACHE_CONTROL], "no-store");
        assert_ne!(browser.cookie(COOKIE), before.cookie(COOKIE));
        assert_ne!(Some(browser.secret()), first.cookie("__Host-session"));
        // The selector stays.
        let selector = |browser: &Browser| browser.cookie(COOKIE).unwrap()[..22].to_owned();
        assert_eq!(selector(&browser), selector(&before));
        // The session goes on by itself.
        let calls = site.store.calls.load(Ordering::SeqCst);
        assert_eq!(browser.who().await, "alice");
        assert_eq!(site.store.calls.load(Ordering::SeqCst), calls);
    }
    let events = site.app.take_events();
    let remembered = events
        .iter()
        .filter(|event| *event == "logged_in remembered");
    assert_eq!(remembered.count(), 3, "{events:?}");
}

#[tokio::test]
async fn ses_21_without_being_asked_nobody_is_remembered() {
    let site = Remembering::new();
    let mut browser = site.app.browser();
    browser.log_in("alice").await;
    assert_eq!(browser.cookie(COOKIE), None);
    assert!(site.store.memory.is_empty());
    // And a layer that cannot remember says so, rather than seem to.
    let app = App::new();
    let res = app.browser().send("POST", "/login-remembered?alice").await;
    assert_eq!(res.status(), StatusCode::INTERNAL_SERVER_ERROR);
    assert!(app.backend.memory.is_empty());
}

#[tokio::test]
async fn ses_21_a_used_secret_that_comes_again_is_theft() {
    let site = Remembering::new();
    let mut victim = site.remembered("alice").await;
    let mut other_device = site.app.browser();
    other_device.log_in("alice").await;
    let mut thief = victim.clone();
    victim.drop_cookie("__Host-session");
    thief.drop_cookie("__Host-session");

    site.app.clock.set(10);
    assert_eq!(thief.who().await, "alice");
    site.app.clock.set(40);
    site.app.take_events();
    let res = victim.send("GET", "/who").await;
    assert_eq!(
        (res.status(), text(&res)),
        (StatusCode::OK, "nobody".to_owned())
    );
    assert_eq!(victim.cookie(COOKIE), None, "the cookie stays");
    let events = site.app.take_events();
    assert_eq!(
        events,
        [
            "token_reused remember_secret_reused",
            "revoked remember_secret_reused",
            "revoked remember_secret_reused",
        ]
    );
    // The thief's session is over, and so is the series; what began with a password is not.
    assert_eq!(thief.who().await, "nobody");
    thief.drop_cookie("__Host-session");
    assert_eq!(thief.who().await, "nobody");
    assert_eq!(other_device.who().await, "alice");
    assert!(site.store.memory.is_empty());
    assert_eq!(site.app.backend.memory.len(), 1);
}

#[tokio::test]
async fn ses_21_the_grace_for_tabs_is_short_and_does_not_slide() {
    for (second, good) in [(29, true), (30, false), (31, false)] {
        let site = Remembering::new();
        let mut first = site.remembered("alice").await;
        first.drop_cookie("__Host-session");
        let second_tab = first.clone();
        assert_eq!(first.who().await, "alice");
        for seconds in [0, 10, 20] {
            site.app.clock.set(seconds);
            let mut tab = second_tab.clone();
            assert_eq!(tab.who().await, "alice");
            assert_eq!(
                tab.cookie(COOKIE),
                second_tab.cookie(COOKIE),
                "the cookie is left alone"
            );
            assert!(tab.cookie("__Host-session").is_some());
        }
        site.app.clock.set(second);
        let who = second_tab.clone().who().await;
        assert_eq!(who, if good { "alice" } else { "nobody" }, "{second}");
        assert_eq!(first.who().await, if good { "alice" } else { "nobody" });
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn ses_21_tabs_that_are_restored_together_are_no_theft() {
    let site = Remembering::new();
    let mut browser = site.remembered("alice").await;
    browser.drop_cookie("__Host-session");
    let tabs = (0..16).map(|_| {
        let mut tab = browser.clone();
        tokio::spawn(async move { (tab.who().await, tab) })
    });
    let mut rotated = 0;
    for tab in tabs.collect::<Vec<_>>() {
        let (who, tab) = tab.await.unwrap();
        assert_eq!(who, "alice");
        rotated += usize::from(tab.cookie(COOKIE) != browser.cookie(COOKIE));
    }
    assert_eq!(rotated, 1, "one tab gets the next secret");
    // A logout in one of them ends them all.
    let mut tab = browser.clone();
    assert_eq!(tab.who().await, "alice");
    tab.send("POST", "/logout").await;
    let sessions = site.app.layer.sessions();
    let left = sessions.list(&alice()).await.unwrap();
    assert!(
        left.iter().all(|session| !session.is_remembered()),
        "{left:?}"
    );
    assert!(site.store.memory.is_empty());
}

#[tokio::test]
async fn ses_21_a_login_is_remembered_until_its_end_and_no_longer() {
    for (seconds, good) in [
        (30 * DAY - 1, true),
        (30 * DAY, false),
        (30 * DAY + 1, false),
    ] {
        let site = Remembering::new();
        let mut browser = site.remembered("alice").await;
        // Using it does not make it last longer.
        for day in [10, 20, 29] {
            site.app.clock.set(day * DAY);
            let res = browser.send("GET", "/who").await;
            assert_eq!(text(&res), "alice", "{day}");
            let lines = set_cookies(&res);
            let line = lines.iter().find(|line| line.name() == COOKIE).unwrap();
            let left = i64::try_from(30 - day).unwrap();
            assert_eq!(line.max_age(), Some(CookieDuration::days(left)));
        }
        site.app.clock.set(seconds);
        let res = browser.send("GET", "/who").await;
        assert_eq!(text(&res) == "alice", good, "{seconds}");
        if good {
            // Nor does the session that came from it.
            let lines = set_cookies(&res);
            assert!(
                lines
                    .iter()
                    .all(|line| line.max_age() == Some(CookieDuration::seconds(1)))
            );
        } else {
            assert_eq!(browser.cookie(COOKIE), None);
        }
        assert!(site.store.memory.len() <= 1);
    }
}

#[tokio::test]
async fn mfa_06_stp_01_who_is_remembered_has_proved_nothing_since() {
    let site = Remembering::new();
    site.app.clock.set(60);
    let mut browser = site.remembered("alice+").await;
    browser.drop_cookie("__Host-session");
    site.app.clock.set(DAY);
    let details = browser.get("/details").await;
    for part in [
        format!("Password, proved_at: {:?}", at(0)),
        format!("Otp, proved_at: {:?}", at(60)),
        format!("Some({:?})", at(60)), // auth_time
        "admin".to_owned(),
        "reports:read".to_owned(),
    ] {
        assert!(details.contains(&part), "{part} is not in {details}");
    }
    assert!(
        !details.contains("Some(\"1\")"),
        "it has kept acr: {details}"
    );
    let guard = auth_layer::Requirement::max_age(Duration::from_secs(DAY - 61))
        .or(auth_layer::Requirement::factor_within(
            auth_layer::FactorKind::Otp,
            Duration::from_secs(DAY - 61),
        ))
        .or(auth_layer::Requirement::acr(["1"]));
    let service = site
        .app
        .layer
        .layer(auth_layer::RequireAuth::new(guard).layer(tower::service_fn(
            async |_: http::Request<()>| {
                Ok::<_, std::convert::Infallible>(http::Response::new(bytes::Bytes::new()))
            },
        )));
    browser.drop_cookie("__Host-session");
    let res = service.oneshot(browser.request("GET", "/")).await.unwrap();
    assert_eq!(res.status(), StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn csr_01_another_site_cannot_have_a_user_remembered() {
    let site = Remembering::new();
    let mut browser = site.remembered("alice").await;
    browser.drop_cookie("__Host-session");
    for (method, fetch_site, status) in [
        ("POST", Some("cross-site"), StatusCode::FORBIDDEN),
        ("POST", Some("same-site"), StatusCode::FORBIDDEN),
        ("POST", None, StatusCode::FORBIDDEN),
        ("GET", Some("cross-site"), StatusCode::OK),
        ("POST", Some("same-origin"), StatusCode::OK),
    ] {
        let mut browser = browser.clone();
        let calls = site.store.calls.load(Ordering::SeqCst);
        let mut req = browser.request(method, "/who");
        req.headers_mut().remove("sec-fetch-site");
        if let Some(value) = fetch_site {
            let value = http::HeaderValue::from_static(value);
            req.headers_mut().insert("sec-fetch-site", value);
        }
        let res = browser.send_request(req).await;
        assert_eq!(res.status(), status, "{method} {fetch_site:?}");
        let asked = site.store.calls.load(Ordering::SeqCst) > calls;
        assert_eq!(asked, status == StatusCode::OK);
    }
}

#[tokio::test]
async fn ses_12_ses_13_ses_07_only_one_cookie_of_the_very_name_counts() {
    let site = Remembering::new();
    let mut browser = site.remembered("alice").await;
    browser.drop_cookie("__Host-session");
    let good = browser.cookie(COOKIE).unwrap();
    let calls = site.store.calls.load(Ordering::SeqCst);

    let mut two = browser.clone();
    two.cookies.push((COOKIE.to_owned(), "A".repeat(65)));
    assert_eq!(
        two.send("GET", "/who").await.status(),
        StatusCode::BAD_REQUEST
    );
    for (name, value) in [
        ("__hOsT-remember", good.clone()),
        ("remember", good.clone()),
        ("__%48ost-remember", good.clone()),
        ("__Host-session", good.clone()),
        ("__Host-session", good[22..].to_owned()),
        (COOKIE, good[..64].to_owned()),
        (COOKIE, format!("{good}A")),
        (COOKIE, good.replace(|c: char| c.is_ascii_alphabetic(), "%")),
    ] {
        let mut other = site.app.browser();
        other.set_cookie(name, &value);
        assert_eq!(other.who().await, "nobody", "{name} {value}");
    }
    assert_eq!(
        site.store.calls.load(Ordering::SeqCst),
        calls,
        "asked for what is no token"
    );

    // A secret of a session is no token, and an unknown selector nobody's.
    let mut unknown = site.app.browser();
    unknown.set_cookie(COOKIE, &"A".repeat(65));
    assert_eq!(unknown.who().await, "nobody");
    assert_eq!(unknown.cookie(COOKIE), None, "the dead cookie stays");
    assert_eq!(browser.who().await, "alice");
}

#[tokio::test]
async fn ses_21_beside_another_identity_the_secret_is_not_spent() {
    let site = Remembering::new();
    let mut browser = site.remembered("alice").await;
    browser.drop_cookie("__Host-session");
    let bearer = AuthLayer::new(scheme_fn(
        "bearer",
        |parts| Ok(parts.headers.get("authorization").cloned()),
        |_token| async { Ok(Identity::new("bearer", "bob")) },
    ));
    let service = bearer.layer(site.app.service.clone());
    let mut req = browser.request("GET", "/who");
    let token = "Bearer x".parse().unwrap();
    req.headers_mut().insert("authorization", token);
    let res = service.oneshot(req).await.unwrap();
    assert_eq!(text(&res), "bob");
    assert_eq!(res.headers().get(SET_COOKIE), None);
    assert_eq!(browser.who().await, "alice");
}

#[tokio::test]
async fn ses_17_the_store_sees_no_secret() {
    let site = Remembering::new();
    let browser = site.remembered("alice").await;
    let token = browser.cookie(COOKIE).unwrap();
    for part in [&token[..], &token[..22], &token[22..]] {
        let digest = SecretDigest::of(part);
        assert!(site.store.memory.find(&digest).await.unwrap().is_none());
    }
}

#[test]
fn x_15_wrong_options_fail_when_built_and_are_named() {
    type Change = fn(RememberMe) -> RememberMe;
    let cases: [(&str, Change); 7] = [
        ("remember_me.lifetime", |r| r.lifetime(Duration::ZERO)),
        ("remember_me.lifetime", |r| {
            r.lifetime(Duration::from_secs(59))
        }),
        ("remember_me.lifetime", |r| r.lifetime(Duration::MAX)),
        ("remember_me.grace", |r| r.grace(Duration::ZERO)),
        ("remember_me.grace", |r| r.grace(Duration::from_secs(301))),
        ("remember_me.cookie_name", |r| r.cookie_name("a b")),
        ("remember_me.cookie_name", |r| r.cookie_name("session")),
    ];
    for (option, change) in cases {
        let users = |login: Identity| async move { Ok(Some(login)) };
        let remember = change(RememberMe::new(MemoryRememberStore::new(), users));
        let builder = SessionLayer::builder(MemorySessionBackend::new());
        let error = builder.remember_me(remember).build().unwrap_err();
        assert_eq!(error.option(), option);
    }
}

#[tokio::test]
async fn ses_21_a_session_that_came_from_a_login_does_not_outlast_it() {
    let site = Remembering::new();
    let mut browser = site.remembered("alice").await;
    for (before_the_end, who) in [
        (1_200, "alice"),
        (600, "alice"),
        (1, "alice"),
        (0, "nobody"),
    ] {
        site.app.clock.set(30 * DAY - before_the_end);
        assert_eq!(browser.who().await, who, "{before_the_end}");
    }
}

#[tokio::test]
async fn ses_03_an_anonymous_session_does_not_stand_in_the_way_and_gives_nothing() {
    let site = Remembering::new();
    let mut browser = site.remembered("alice").await;
    let mut planted = site.app.browser();
    planted.send("POST", "/set?cart=1").await;
    browser.set_cookie("__Host-session", &planted.secret());
    assert_eq!(browser.who().await, "alice");
    assert_ne!(browser.secret(), planted.secret());
    assert_eq!(browser.get("/get?cart").await, "");
    // Where there is nothing to come back to, it goes on.
    planted.set_cookie(COOKIE, &"A".repeat(65));
    assert_eq!(planted.who().await, "nobody");
    assert_eq!(planted.cookie(COOKIE), None);
    assert_eq!(planted.get("/get?cart").await, "\"1\"");
}
