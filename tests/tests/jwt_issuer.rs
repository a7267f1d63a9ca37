//! The example `jwt-issuer`: tokens for an app, and for a page with a cookie.
#![allow(clippy::unwrap_used, reason = "a test may")]
#![allow(
    clippy::cloned_ref_to_slice_refs,
    reason = "a list of one header reads like one of two"
)]

mod support;

use serde_json::json;
use support::{Answer, Running};

/// The header with the access token of an answer.
fn access(service: &Running, answer: &Answer) -> Vec<String> {
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.header("cache-control"), "no-store");
    let token = answer.json()["access_token"].as_str().unwrap().to_owned();
    service.secret(&token);
    vec![format!("authorization: Bearer {token}")]
}

fn refresh_token(service: &Running, answer: &Answer) -> String {
    let token = answer.json()["refresh_token"].as_str().unwrap().to_owned();
    service.secret(&token);
    token
}

async fn log_in(service: &Running, path: &str, password: &str) -> Answer {
    let body = json!({ "username": "ann", "password": password });
    service.post_json(path, &[], &body).await
}

#[tokio::test]
async fn ref_08_an_app_logs_in_refreshes_and_logs_out() {
    let service = Running::start("jwt-issuer", &[]);
    service.secret("correct-horse");
    let wrong = log_in(&service, "/app/login", "wrong-battery").await;
    assert_eq!(wrong.status, 401, "{wrong:?}");

    let first = log_in(&service, "/app/login", "correct-horse").await;
    let token = refresh_token(&service, &first);
    let notes = service.get("/notes", &access(&service, &first)).await;
    assert_eq!(notes.body, "The notes of user-1.\n", "{notes:?}");

    let refresh = async |token: &str| {
        let body = json!({ "refresh_token": token });
        service.post_json("/app/refresh", &[], &body).await
    };
    let second = refresh(&token).await;
    let next = refresh_token(&service, &second);
    assert_ne!(next, token);
    assert_eq!(
        service
            .get("/notes", &access(&service, &second))
            .await
            .status,
        200
    );
    // The answer got lost: the same again.
    assert_eq!(refresh_token(&service, &refresh(&token).await), next);

    let body = json!({ "token": next });
    let answer = service.post_json("/app/logout", &[], &body).await;
    assert_eq!(answer.status, 204, "{answer:?}");
    for token in [&next, &token] {
        let answer = refresh(token).await;
        assert_eq!(answer.status, 400);
        assert_eq!(answer.json(), json!({ "error": "invalid_grant" }));
    }
    for answer in [&first, &second] {
        assert_eq!(
            service
                .get("/notes", &access(&service, answer))
                .await
                .status,
            401
        );
    }
}

#[tokio::test]
async fn ref_11_a_page_has_its_refresh_token_in_a_cookie_that_no_other_site_can_use() {
    let service = Running::start("jwt-issuer", &[]);
    let first = log_in(&service, "/web/login", "correct-horse").await;
    assert!(first.json().get("refresh_token").is_none());
    assert_eq!(
        service
            .get("/notes", &access(&service, &first))
            .await
            .status,
        200
    );
    for attribute in ["; HttpOnly", "; Path=/web", "; SameSite=Strict"] {
        let cookie = first.header("set-cookie");
        assert!(cookie.contains(attribute), "{cookie}");
    }
    let cookie = first.cookie();
    service.secret(cookie.split_once('=').unwrap().1);

    let send = async |path: &str, headers: &[String]| service.send("POST", path, headers, "").await;
    let own = format!("origin: {}", service.url);
    for other in [
        "origin: https://evil.example",
        "sec-fetch-site: same-site",
        "accept: */*",
    ] {
        for path in ["/web/refresh", "/web/logout"] {
            let answer = send(path, &[cookie.clone(), other.to_owned()]).await;
            assert_eq!(answer.status, 400, "{path} {other}: {answer:?}");
            assert_eq!(answer.json()["error"], "invalid_request");
        }
    }
    // Another site's request, which comes without the cookie, must not remove it.
    let answer = send("/web/logout", &["origin: https://evil.example".to_owned()]).await;
    assert_eq!(answer.status, 204, "{answer:?}");
    assert_eq!(answer.header("set-cookie"), "");
    let second = send("/web/refresh", &[cookie.clone(), own.clone()]).await;
    assert_eq!(
        service
            .get("/notes", &access(&service, &second))
            .await
            .status,
        200
    );
    let next = second.cookie();
    service.secret(next.split_once('=').unwrap().1);
    assert_ne!(next, cookie);
    let none = send("/web/refresh", &[own.clone()]).await;
    assert_eq!(none.status, 401, "{none:?}");
    assert_eq!(none.header("cache-control"), "no-store");
    assert_eq!(none.json()["error"], "login_required");

    let out = send("/web/logout", &[next.clone(), own.clone()]).await;
    assert_eq!(out.status, 204, "{out:?}");
    assert!(out.header("set-cookie").contains("Max-Age=0"), "{out:?}");
    let over = send("/web/refresh", &[next, own]).await;
    assert_eq!(over.json()["error"], "invalid_grant");
    assert!(over.header("set-cookie").contains("Max-Age=0"), "{over:?}");
    assert_eq!(
        service
            .get("/notes", &access(&service, &second))
            .await
            .status,
        401
    );
}

#[tokio::test]
async fn a_body_that_cannot_be_read_is_refused_as_the_tokens_are_and_is_not_quoted() {
    let service = Running::start("jwt-issuer", &[]);
    let json = "content-type: application/json";
    for path in ["/app/login", "/app/refresh", "/app/logout", "/web/login"] {
        for (kind, body, status) in [
            (json, "{\"refresh_token\":", 400),
            (json, "{\"hunter2\":1}", 400),
            (json, "\"hunter2\"", 400),
            ("content-type: text/plain", "{}", 415),
        ] {
            let answer = service.send("POST", path, &[kind.to_owned()], body).await;
            assert_eq!(answer.status, status, "{path} {body}: {answer:?}");
            assert_eq!(answer.header("content-type"), "application/json");
            assert_eq!(answer.header("cache-control"), "no-store");
            assert_eq!(answer.body, r#"{"error":"invalid_request"}"#);
        }
    }
}

#[tokio::test]
async fn who_guesses_is_stopped() {
    let service = Running::start("jwt-issuer", &[]);
    for path in ["/app/login", "/web/login"].repeat(3) {
        log_in(&service, path, "wrong-battery").await;
    }
    for path in ["/app/login", "/web/login"] {
        let answer = log_in(&service, path, "correct-horse").await;
        assert_eq!(answer.status, 429, "{path}: {answer:?}");
        assert!(!answer.header("retry-after").is_empty());
    }
}
