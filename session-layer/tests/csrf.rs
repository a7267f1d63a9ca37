//! What other sites can make a browser do.
#![allow(clippy::unwrap_used, reason = "for tests only, but not marked as one")]

mod common;

use auth_layer::{AuthLayer, Identity, scheme_fn};
use bytes::Bytes;
use common::{App, Browser, text};
use http::header::{COOKIE, SET_COOKIE};
use http::{Request, Response, StatusCode};
use session_layer::SessionHandle;
use tower::{Layer, Service, ServiceExt, service_fn};

/// A request with the browser's cookies from a page of another origin, or of none that is known.
async fn from(
    browser: &mut Browser,
    method: &str,
    uri: &str,
    headers: &[(&'static str, &str)],
) -> Response<Bytes> {
    let mut req = browser.request(method, uri);
    req.headers_mut().remove("sec-fetch-site");
    for (name, value) in headers {
        req.headers_mut().insert(*name, value.parse().unwrap());
    }
    browser.send_request(req).await
}

const CROSS: &[(&str, &str)] = &[("sec-fetch-site", "cross-site")];
const SAME_SITE: &[(&str, &str)] = &[("sec-fetch-site", "same-site")];
const SAME_ORIGIN: &[(&str, &str)] = &[("sec-fetch-site", "same-origin")];
const EVIL: &[(&str, &str)] = &[("origin", "https://evil.example")];
const OWN: &[(&str, &str)] = &[("origin", "https://app.example")];
const PARTNER: &[(&str, &str)] = &[
    ("sec-fetch-site", "cross-site"),
    ("origin", "https://partner.example"),
];

#[tokio::test]
async fn csr_01_unsafe_requests_with_a_session_come_from_the_same_origin() {
    let app = App::with(|b| b.trusted_origin("https://partner.example"));
    let lenient = App::with(|b| b.allow_missing_origin());
    for (headers, status) in [
        (SAME_ORIGIN, 200),
        (OWN, 200),
        (&[("sec-fetch-site", "none")][..], 200),
        (PARTNER, 200),
        (CROSS, 403),
        (SAME_SITE, 403),
        (EVIL, 403),
        (&[("origin", "null")], 403),
        (&[("origin", "http://app.example")], 403),
        (
            &[("origin", "https://evil.example/https://app.example")],
            403,
        ),
        (&[("origin", "https://app.example:8443")], 403),
        (&[("origin", "https://evilapp.example")], 403),
        (&[], 403),
    ] {
        for method in ["POST", "PUT", "PATCH", "DELETE"] {
            let mut browser = app.browser();
            browser.log_in("alice").await;
            let res = from(&mut browser, method, "/set?k=1", headers).await;
            assert_eq!(res.status(), status, "{method} {headers:?}");
            if status == 403 {
                assert!(text(&res).contains("\"code\":\"forbidden\""));
                assert_eq!(res.headers().get(SET_COOKIE), None);
                assert_eq!(browser.get("/get?k").await, "", "{method} {headers:?}");
                assert_eq!(browser.who().await, "alice");
            }
        }
        // Safe methods pass, from wherever.
        let mut browser = app.browser();
        browser.log_in("alice").await;
        let res = from(&mut browser, "GET", "/who", headers).await;
        assert_eq!(text(&res), "alice", "{headers:?}");
    }
    // Neither header: by choice.
    let mut script = lenient.browser();
    script.log_in("alice").await;
    assert_eq!(
        from(&mut script, "POST", "/set?k=1", &[]).await.status(),
        200
    );
    assert_eq!(
        from(&mut script, "POST", "/set?k=1", CROSS).await.status(),
        403
    );
}

#[tokio::test]
async fn csr_03_with_the_public_origin_known_the_host_header_decides_nothing() {
    let app = App::with(|b| b.public_origin("https://shop.example"));
    for (origin, host, status) in [
        ("https://shop.example", "10.0.0.7:8080", 200),
        ("https://evil.example", "evil.example", 403),
        ("http://shop.example", "shop.example", 403),
    ] {
        let mut browser = app.browser();
        browser.log_in("alice").await;
        let res = from(
            &mut browser,
            "POST",
            "/set?k=1",
            &[("origin", origin), ("host", host)],
        )
        .await;
        assert_eq!(res.status(), status, "{origin} {host}");
    }
}

#[tokio::test]
async fn a_web_socket_handshake_from_another_site_gets_no_session() {
    let app = App::new();
    let mut browser = app.browser();
    browser.log_in("alice").await;
    for (origin, status) in [("https://evil.example", 403), ("https://app.example", 200)] {
        let headers = [("upgrade", "websocket"), ("origin", origin)];
        let res = from(&mut browser, "GET", "/who", &headers).await;
        assert_eq!(res.status(), status, "{origin}");
    }
}

#[tokio::test]
async fn csr_04_nobody_is_logged_in_by_another_site() {
    let app = App::with(|b| b.trusted_origin("https://partner.example"));
    for (headers, status) in [
        (CROSS, 403),
        (SAME_SITE, 403),
        (EVIL, 403),
        (PARTNER, 200),
        (&[][..], 200),
    ] {
        // In the handler, whoever forgot the layer.
        let mut browser = app.browser();
        let res = from(&mut browser, "POST", "/login?mallory", headers).await;
        assert_eq!(res.status(), status, "{headers:?}");
        assert_eq!(browser.cookies.is_empty(), status == 403, "{headers:?}");

        // In front of the handler, which is not even reached.
        let mut guarded = app
            .layer
            .csrf_layer()
            .layer(service_fn(|_: Request<()>| async {
                Ok::<_, std::convert::Infallible>(Response::new(Bytes::from("reached")))
            }));
        let mut req = Request::builder()
            .method("POST")
            .header("host", "app.example");
        for (name, value) in headers {
            req = req.header(*name, *value);
        }
        let res = guarded.call(req.body(()).unwrap()).await.unwrap();
        assert_eq!(res.status(), status, "{headers:?}");
        assert_eq!(res.body() == "reached", status == 200);
    }
    // A provider's redirect is a GET from another site; its `state` is checked by whoever made it.
    let mut browser = app.browser();
    let res = from(&mut browser, "GET", "/login?alice", CROSS).await;
    assert_eq!(res.status(), 200);
}

#[tokio::test]
async fn csr_05_nobody_is_logged_out_by_another_site() {
    let app = App::new();
    for (method, headers) in [
        ("GET", CROSS),
        ("GET", SAME_SITE),
        ("POST", CROSS),
        ("GET", EVIL),
        ("GET", &[]),
        ("POST", EVIL),
        ("POST", &[]),
    ] {
        let mut browser = app.browser();
        browser.log_in("alice").await;
        let res = from(&mut browser, method, "/logout", headers).await;
        assert_eq!(res.status(), 403, "{method} {headers:?}");
        assert_eq!(browser.who().await, "alice", "{method} {headers:?}");
    }
}

#[tokio::test]
async fn csr_05_a_get_that_does_not_say_where_it_comes_from_may_log_out_by_choice() {
    let app = App::with(|b| b.allow_missing_origin());
    for (headers, status) in [(&[][..], 200), (CROSS, 403)] {
        let mut browser = app.browser();
        browser.log_in("alice").await;
        let res = from(&mut browser, "GET", "/logout", headers).await;
        assert_eq!(res.status(), status, "{headers:?}");
    }
}

#[tokio::test]
async fn csr_05_another_site_ends_no_session_through_tower_sessions_either() {
    let app = App::new();
    for (path, status) in [
        ("/flush", 503), // what the handler of the test makes of the error
        ("/flush-quietly", 403),
        ("/cycle-quietly", 403),
        ("/delete-quietly", 200),
    ] {
        for headers in [CROSS, SAME_SITE, &[]] {
            let mut browser = app.browser();
            browser.log_in("alice").await;
            browser.send("POST", "/set?k=1").await;
            let res = from(&mut browser, "GET", path, headers).await;
            assert_eq!(res.status(), status, "{path} {headers:?}");
            if status == 200 {
                assert_eq!(text(&res), "false", "{path} {headers:?}");
            }
            assert_eq!(res.headers().get(SET_COOKIE), None, "{path} {headers:?}");
            assert_eq!(browser.who().await, "alice", "{path} {headers:?}");
            assert_eq!(browser.get("/get?k").await, "\"1\"", "{path} {headers:?}");
        }
        // From the same origin it does.
        let mut browser = app.browser();
        browser.log_in("alice").await;
        from(&mut browser, "GET", path, SAME_ORIGIN).await;
        assert_eq!(browser.who().await, "nobody", "{path}");
    }
}

#[tokio::test]
async fn csr_06_without_a_session_nothing_is_in_the_way_of_tokens() {
    let app = App::new();
    let bearer = AuthLayer::new(scheme_fn(
        "bearer",
        |parts| Ok(parts.headers.get("authorization").cloned()),
        |_token| async { Ok(Identity::new("bearer", "alice")) },
    ));
    let handler = service_fn(|req: Request<()>| async move {
        assert!(req.extensions().get::<SessionHandle>().is_some());
        let identity = req.extensions().get::<Identity>().unwrap();
        let scheme = identity.scheme();
        Ok::<_, std::convert::Infallible>(Response::new(Bytes::from(scheme)))
    });
    let service = app.layer.layer(bearer.layer(handler));
    let mut browser = app.browser();
    browser.log_in("alice").await;
    let live = format!("__Host-session={}", browser.secret());
    let stale = format!("__Host-session={}", "A".repeat(43));

    for (cookie, headers, expected) in [
        (None, &[][..], "bearer"),
        (None, CROSS, "bearer"),
        (None, EVIL, "bearer"),
        // A stale cookie was ignored.
        (Some(&stale), CROSS, "bearer"),
        // A live one was not.
        (Some(&live), CROSS, ""),
        (Some(&live), &[], ""),
        (Some(&live), SAME_ORIGIN, "session"),
    ] {
        let mut req = Request::builder()
            .method("POST")
            .header("host", "app.example")
            .header("authorization", "Bearer x");
        for (name, value) in headers {
            req = req.header(*name, *value);
        }
        if let Some(cookie) = cookie {
            req = req.header(COOKIE, cookie);
        }
        let res = service
            .clone()
            .oneshot(req.body(()).unwrap())
            .await
            .unwrap();
        if expected.is_empty() {
            assert_eq!(
                res.status(),
                StatusCode::FORBIDDEN,
                "{cookie:?} {headers:?}"
            );
        } else {
            assert_eq!(res.body(), expected, "{cookie:?} {headers:?}");
        }
    }
}
