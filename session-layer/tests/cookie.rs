//! The cookie, and what goes with it.

mod common;

use std::time::Duration;

use common::{App, set_cookies, text};
use cookie::SameSite as Parsed;
use cookie::time::Duration as CookieDuration;
use http::header::{CACHE_CONTROL, COOKIE, SET_COOKIE, VARY};
use http::{Request, StatusCode};
use session_layer::{
    CookiePrefix, MemorySessionBackend, SameSite, SessionLayer, SessionLayerBuilder, SessionLimits,
};

#[tokio::test]
async fn ses_14_the_default_cookie_is_as_safe_as_cookies_get() {
    let app = App::new();
    let mut browser = app.browser();
    let res = browser.log_in("alice").await;
    let line = &set_cookies(&res)[0];
    assert_eq!(line.name(), "__Host-session");
    assert_eq!(line.value().len(), 43);
    assert_eq!(line.max_age(), Some(CookieDuration::seconds(1_800)));
    assert_eq!(line.secure(), Some(true));
    assert_eq!(line.http_only(), Some(true));
    assert_eq!(line.same_site(), Some(Parsed::Lax));
    assert_eq!(line.path(), Some("/"));
    assert_eq!(line.domain(), None);
    assert!(res.headers()[SET_COOKIE].is_sensitive());

    let res = browser.send("POST", "/logout").await;
    let removal = &set_cookies(&res)[0];
    assert_eq!(
        (removal.value(), removal.max_age()),
        ("", Some(CookieDuration::ZERO))
    );
    let mut with_value = removal.clone();
    with_value.set_value(line.value().to_owned());
    with_value.set_max_age(line.max_age());
    assert_eq!(with_value, *line, "the removal has other attributes");
}

#[tokio::test]
async fn x_12_a_cookie_that_is_no_good_is_sensitive_too() {
    let app = App::new();
    for value in [
        "A".repeat(43),
        "A".repeat(42),
        "%41".to_owned(),
        String::new(),
    ] {
        let mut browser = app.browser();
        for name in ["__Host-session", "other"] {
            browser.cookies.push((name.to_owned(), value.clone()));
        }
        assert_eq!(browser.get("/sensitive").await, "true", "{value:?}");
    }
}

#[tokio::test]
async fn ses_14_plain_http_is_an_explicit_choice() {
    let app = App::with(|b| b.insecure_http_on_loopback("http://127.0.0.1:3000"));
    let mut browser = app.browser();
    let res = browser.log_in("alice").await;
    let line = &set_cookies(&res)[0];
    assert_eq!((line.name(), line.secure()), ("session", None));
    assert_eq!(line.http_only(), Some(true));
    assert_eq!(browser.who().await, "alice");
}

#[test]
fn ses_14_x_15_a_configuration_that_cannot_work_is_refused() {
    type Options = fn(SessionLayerBuilder) -> SessionLayerBuilder;

    const fn limits(idle: u64, absolute: u64) -> SessionLimits {
        SessionLimits::new(Duration::from_millis(idle), Duration::from_millis(absolute))
    }

    let cases: &[(Options, Option<&str>)] = &[
        (|b| b, None),
        (|b| b.limits(limits(0, 1_000)), Some("limits.idle")),
        (|b| b.limits(limits(999, 1_000)), Some("limits.idle")),
        (|b| b.limits(limits(1_000, 0)), Some("limits.absolute")),
        (
            |b| b.limits(limits(1_000, u64::MAX)),
            Some("limits.absolute"),
        ),
        (|b| b.limits(limits(2_000, 1_000)), None),
        (|b| b.cookie_name("a b"), Some("cookie_name")),
        (|b| b.cookie_name("__Host-a"), Some("cookie_name")),
        (|b| b.cookie_name("n".repeat(4_100)), Some("cookie_name")),
        (|b| b.cookie_prefix(CookiePrefix::HostHttp), None),
        (|b| b.same_site(SameSite::None), None),
        (
            |b| {
                b.same_site(SameSite::None)
                    .insecure_http_on_loopback("http://localhost")
            },
            Some("same_site"),
        ),
        (|b| b.public_origin("https://app.example"), None),
        (
            |b| b.public_origin("http://app.example"),
            Some("public_origin"),
        ),
        (
            |b| b.public_origin("https://app.example/x"),
            Some("public_origin"),
        ),
        (
            |b| b.public_origin("http://127.0.0.1"),
            Some("public_origin"),
        ),
        (
            |b| b.insecure_http_on_loopback("http://app.example"),
            Some("insecure_http_on_loopback"),
        ),
        (
            |b| b.insecure_http_on_loopback("http://localhost:80@evil.example"),
            Some("insecure_http_on_loopback"),
        ),
        (
            |b| b.insecure_http_on_loopback("https://localhost"),
            Some("insecure_http_on_loopback"),
        ),
        (|b| b.insecure_http_on_loopback("http://[::1]:3000"), None),
        (
            |b| {
                b.public_origin("https://a.example")
                    .insecure_http_on_loopback("http://localhost")
            },
            Some("insecure_http_on_loopback"),
        ),
        (|b| b.trusted_origin("https://id.example"), None),
        (|b| b.trusted_origin("*"), Some("trusted_origin")),
    ];
    for (index, (options, expected)) in cases.iter().enumerate() {
        let built = options(SessionLayer::builder(MemorySessionBackend::new())).build();
        let refused = built.err().map(|error| error.option());
        assert_eq!(refused, *expected, "case {index}");
    }
    let _ = SessionLayer::new(MemorySessionBackend::new());
}

#[tokio::test]
async fn ses_12_two_cookies_that_differ_are_refused() {
    let app = App::new();
    let mut browser = app.browser();
    browser.log_in("alice").await;
    let secret = browser.secret();
    let own = format!("__Host-session={secret}");
    let other = format!("__Host-session={}", "A".repeat(43));
    for (cookies, status) in [
        (vec![format!("{own}; {other}")], StatusCode::BAD_REQUEST),
        (vec![other.clone(), own.clone()], StatusCode::BAD_REQUEST),
        (
            vec![own.clone(), "__Host-session=".to_owned()],
            StatusCode::BAD_REQUEST,
        ),
        (vec![own.clone(), own.clone()], StatusCode::OK),
        (vec!["a=b".to_owned(), own.clone()], StatusCode::OK),
    ] {
        let mut req = Request::builder().uri("/who");
        for cookie in &cookies {
            req = req.header(COOKIE, cookie);
        }
        let res = browser.clone().send_request(req.body(()).unwrap()).await;
        assert_eq!(res.status(), status, "{cookies:?}");
        if status != StatusCode::OK {
            assert!(text(&res).contains("invalid_request"));
        }
    }
}

#[tokio::test]
async fn ses_13_only_the_exact_name_is_the_cookie() {
    let app = App::new();
    let mut browser = app.browser();
    browser.log_in("alice").await;
    let secret = browser.secret();
    for name in [
        "__%48ost-session",
        "__hOsT-session",
        "__host-session",
        "session",
        "__Host-Session",
    ] {
        let mut other = app.browser();
        other.cookies.push((name.to_owned(), secret.clone()));
        assert_eq!(other.who().await, "nobody", "{name}");
    }
}

#[tokio::test]
async fn ses_17_nothing_that_is_stored_or_printed_is_the_secret() {
    let app = App::new();
    let mut browser = app.browser();
    browser.log_in("alice").await;
    let secret = browser.secret();
    let ids = browser.get("/sessions").await;
    let id = ids.split(' ').next().unwrap();

    let sessions = app.layer.sessions();
    let user = session_layer::UserKey::new(None, None, "alice");
    let info = sessions.list(&user).await.unwrap().remove(0);
    let printed = format!(
        "{info:?} {sessions:?} {:?} {:?} {user:?}",
        app.layer, app.backend.memory
    );
    assert!(!printed.contains(&secret) && !ids.contains(&secret));
    // The public id is no key.
    for value in [id, &format!("{id}{}", &secret[22..])] {
        let mut thief = app.browser();
        thief
            .cookies
            .push(("__Host-session".to_owned(), value.to_owned()));
        assert_eq!(thief.who().await, "nobody");
    }
}

#[tokio::test]
async fn ses_24_responses_with_a_session_stay_out_of_caches() {
    let app = App::new();
    let mut browser = app.browser();
    let res = browser.send("GET", "/public").await;
    assert_eq!(res.headers()[CACHE_CONTROL], "public, max-age=60");
    assert_eq!(res.headers().get(VARY), None);

    let res = browser.log_in("alice").await;
    assert_eq!(res.headers()[CACHE_CONTROL], "no-store");
    assert_eq!(res.headers()[VARY], "cookie");
    for path in ["/who", "/public", "/get?x", "/set?x=1"] {
        let res = browser.send("GET", path).await;
        assert_eq!(res.headers()[CACHE_CONTROL], "no-store", "{path}");
        assert_eq!(res.headers()[VARY], "cookie", "{path}");
    }
    let res = browser.send("POST", "/logout").await;
    assert_eq!(res.headers()[CACHE_CONTROL], "no-store");
}
