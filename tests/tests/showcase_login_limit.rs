//! `LOGIN_LIMIT` of the showcase, over HTTP.
//!
//! The budgets come back within hours, so that none does while a test runs.

#![allow(clippy::unwrap_used, reason = "a test may")]

mod support;

use std::sync::Arc;

use serde_json::json;
use support::showcase::{PASSWORD, basic, log_in};
use support::{Answer, Running, refuses_to_start};
use tokio::task::JoinSet;

const WRONG: &str = "not the password";

fn start(limit: &str, variables: &[(&str, &str)]) -> Running {
    let mut all = vec![("DEMO_PASSWORD", PASSWORD), ("LOGIN_LIMIT", limit)];
    all.extend_from_slice(variables);
    let showcase = Running::start("showcase", &all);
    showcase.secret(PASSWORD);
    showcase.secret(WRONG);
    showcase
}

async fn token(showcase: &Running, headers: &[String], user: &str, password: &str) -> Answer {
    let body = json!({ "username": user, "password": password });
    let answer = showcase.post_json("/token", headers, &body).await;
    if answer.status == 200 {
        showcase.secret(answer.json()["access_token"].as_str().unwrap());
    }
    answer
}

/// A problem with a time to wait, of at most `most` seconds.
#[track_caller]
fn assert_limited(answer: &Answer, most: u64) {
    assert_eq!(answer.status, 429, "{answer:?}");
    assert_eq!(answer.problem(), "too_many_requests");
    let wait: u64 = answer.header("retry-after").parse().unwrap();
    assert!((1..=most).contains(&wait), "{wait}");
    assert_eq!(answer.header("cache-control"), "no-store");
    assert!(!answer.headers.contains_key("set-cookie"), "{answer:?}");
}

#[tokio::test]
async fn bas_02_a_locked_account_looks_the_same_whatever_the_password() {
    let showcase = start("1000/h/ip,5/h/account", &[]);
    // Before it is locked: what a password is changed with counts too.
    let session = log_in(&showcase, "alice", PASSWORD).await.cookie();
    let wrong = "current=not+the+password&new=another+password";
    let headers = [session.clone()];
    let answer = showcase
        .post_form("/account/password", &headers, wrong)
        .await;
    assert_eq!(answer.status, 403);

    // The same account, however it is asked.
    assert_eq!(log_in(&showcase, "alice", WRONG).await.status, 401);
    assert_eq!(token(&showcase, &[], " Alice", WRONG).await.status, 401);
    assert_eq!(
        showcase.get("/me", &[basic("alice", WRONG)]).await.status,
        401
    );
    assert_eq!(log_in(&showcase, "ALICE", WRONG).await.status, 401);

    for _ in 0..2 {
        let mut bodies = Vec::new();
        for password in [PASSWORD, WRONG] {
            let new = "&new=another+password";
            let form = format!("current={}{new}", password.replace(' ', "+"));
            for answer in [
                log_in(&showcase, "alice", password).await,
                token(&showcase, &[], "alice", password).await,
                showcase.get("/me", &[basic("alice", password)]).await,
                showcase
                    .post_form("/account/password", &headers, &form)
                    .await,
            ] {
                assert_limited(&answer, 720);
                bodies.push(answer.body);
            }
        }
        bodies.dedup();
        assert_eq!(bodies.len(), 1, "{bodies:?}");
    }
    // Who is logged in stays so, and others are not concerned.
    assert_eq!(showcase.get("/me", &headers).await.status, 200);
    assert_eq!(log_in(&showcase, "bob", PASSWORD).await.status, 303);

    // People get the form again, and are told how long to wait.
    let browser = ["accept: text/html".to_owned()];
    let form = "username=alice&password=not+the+password";
    let page = showcase.post_form("/login", &browser, form).await;
    assert_eq!(page.status, 429);
    assert!(page.header("content-type").starts_with("text/html"));
    assert!(page.body.contains("Too many attempts"), "{}", page.body);
    assert!(page.body.contains(r#"name="password""#), "{}", page.body);
    assert!(!page.header("retry-after").is_empty());

    let metrics = showcase.get("/metrics", &[]).await.body;
    assert!(
        metrics.contains("too_many_attempts_on_account"),
        "{metrics}"
    );
    assert!(!metrics.contains("alice"), "{metrics}");
}

#[tokio::test]
async fn bas_02_guesses_at_the_current_password_use_the_budget_of_the_address() {
    let proxies = [("TRUSTED_PROXIES", "127.0.0.1")];
    let showcase = start("2/h/ip", &proxies);
    let session = log_in(&showcase, "alice", PASSWORD).await.cookie();
    let form = "current=not+the+password&new=another+password";
    for (from, status) in [
        ("203.0.113.7", 403),
        ("203.0.113.7", 403),
        ("203.0.113.7", 429),
        ("203.0.113.8", 403),
    ] {
        let headers = [session.clone(), format!("x-forwarded-for: {from}")];
        let answer = showcase
            .post_form("/account/password", &headers, form)
            .await;
        assert_eq!(answer.status, status, "{from}: {answer:?}");
    }
}

/// The status of `GET /legacy` by Digest.
fn digest(showcase: &Running, user: &str, password: &str) -> String {
    let curl = "curl -s -o /dev/null -w '%{http_code}' --digest";
    Running::shell(&format!(
        "{curl} -u '{user}:{password}' {}/legacy",
        showcase.url
    ))
}

#[tokio::test]
async fn bas_02_guesses_by_digest_use_the_budget_of_the_login_form() {
    let showcase = start("1000/h/ip,5/h/account", &[]);
    for _ in 0..3 {
        // Right ones cost nothing.
        assert_eq!(digest(&showcase, "alice", PASSWORD), "200");
    }
    for _ in 0..3 {
        assert_eq!(digest(&showcase, "alice", WRONG), "401");
    }
    for _ in 0..2 {
        assert_eq!(log_in(&showcase, "alice", WRONG).await.status, 401);
    }
    for password in [PASSWORD, WRONG] {
        assert_eq!(digest(&showcase, "alice", password), "429");
        assert_limited(&log_in(&showcase, "alice", password).await, 720);
    }
    assert_eq!(digest(&showcase, "bob", PASSWORD), "200");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn bas_03_of_a_hundred_parallel_attempts_five_are_checked() {
    let showcase = Arc::new(start("1000/h/ip,5/h/account", &[]));
    let mut attempts = JoinSet::new();
    for n in 0..100 {
        let showcase = Arc::clone(&showcase);
        attempts.spawn(async move {
            match n % 3 {
                0 => log_in(&showcase, "alice", WRONG).await.status,
                1 => token(&showcase, &[], "alice", WRONG).await.status,
                _ => showcase.get("/me", &[basic("alice", WRONG)]).await.status,
            }
        });
    }
    let statuses = attempts.join_all().await;
    let count = |status| statuses.iter().filter(|own| **own == status).count();
    assert_eq!((count(401), count(429)), (5, 95), "{statuses:?}");
}

#[tokio::test]
async fn bas_04_a_success_costs_nothing_and_does_not_clear_the_address() {
    let showcase = start("4/h/ip", &[]);
    for victim in ["a", "b", "c", "d"] {
        for _ in 0..3 {
            assert_eq!(log_in(&showcase, "alice", PASSWORD).await.status, 303);
            assert_eq!(token(&showcase, &[], "bob", PASSWORD).await.status, 200);
        }
        assert_eq!(token(&showcase, &[], victim, WRONG).await.status, 401);
    }
    for (user, password) in [("alice", PASSWORD), ("bob", PASSWORD), ("e", WRONG)] {
        assert_limited(&token(&showcase, &[], user, password).await, 900);
    }
}

#[tokio::test]
async fn x_08_whoever_changes_what_he_says_of_his_address_is_limited_still() {
    // Nobody may tell: the peer counts.
    let showcase = start("2/h/ip", &[]);
    for (n, status) in [401, 401, 429, 429].into_iter().enumerate() {
        let headers = [
            format!("x-forwarded-for: 203.0.113.{n}"),
            format!("forwarded: for=203.0.113.{n}"),
            format!("x-real-ip: 203.0.113.{n}"),
        ];
        let answer = token(&showcase, &headers, "alice", WRONG).await;
        assert_eq!(answer.status, status, "{n}");
    }

    // A proxy tells: the rightmost hop that is none counts, by its network.
    let showcase = start("2/h/ip", &[("TRUSTED_PROXIES", "127.0.0.1")]);
    for (forwarded, status) in [
        ("198.51.100.1, 203.0.113.7", 401),
        ("198.51.100.2, ::ffff:203.0.113.7", 401),
        ("198.51.100.3, 203.0.113.7:4711", 429),
        ("203.0.113.8", 401),
        ("2001:db8::1", 401),
        ("[2001:DB8:0:0:ffff::1]:443", 401),
        ("2001:0db8::2", 429),
        ("2001:db8:0:1::1", 401),
        // Not an address: all of those are one.
        ("198.51.100.1, unknown", 401),
        ("_hidden", 401),
        ("not-an-address", 429),
        ("", 429),
    ] {
        let headers = [format!("x-forwarded-for: {forwarded}")];
        let answer = token(&showcase, &headers, "alice", WRONG).await;
        assert_eq!(answer.status, status, "{forwarded}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn x_09_who_has_no_attempt_left_is_turned_away_before_the_body_is_read() {
    let showcase = start("2/h/ip", &[]);
    for _ in 0..2 {
        // Before, a body that cannot be read is told so, and costs nothing.
        let headers = ["content-type: application/json".to_owned()];
        let answer = showcase.send("POST", "/token", &headers, "{").await;
        assert_eq!(answer.status, 400);
    }
    for _ in 0..2 {
        assert_eq!(token(&showcase, &[], "alice", WRONG).await.status, 401);
    }
    for (path, kind) in [
        ("/token", "application/json"),
        ("/login", "application/x-www-form-urlencoded"),
    ] {
        // Nor is it measured: one of the second is too long.
        for promised in [1000, 100_000] {
            let head = format!("POST {path} HTTP/1.1\r\ncontent-type: {kind}");
            let answer = showcase.send_part(&head, promised, "");
            assert!(answer.starts_with("HTTP/1.1 429 "), "{answer}");
            assert!(answer.contains("retry-after: "), "{answer}");
        }
        // Nor is it parsed.
        let headers = [
            format!("content-type: {kind}"),
            format!("origin: {}", showcase.url),
        ];
        let answer = showcase.send("POST", path, &headers, "{").await;
        assert_limited(&answer, 1800);
    }
    // Whoever reads keys or pages tries no password.
    for path in ["/.well-known/jwks.json", "/", "/healthz", "/whoami"] {
        assert_eq!(showcase.get(path, &[]).await.status, 200, "{path}");
    }
    let browser = ["accept: text/html".to_owned()];
    let page = showcase.post_form("/login", &browser, "").await;
    assert_eq!(page.status, 429);
    assert!(page.body.contains("Too many attempts"), "{}", page.body);
    assert!(page.body.contains(r#"name="password""#), "{}", page.body);
}

#[tokio::test]
async fn x_10_the_limit_does_not_tell_who_exists() {
    let showcase = start("1000/h/ip,3/h/account", &[]);
    let mut seen = Vec::new();
    for names in [
        ["alice", "Alice", " alice"],
        ["nobody", "NOBODY", "nobody "],
    ] {
        let mut answers = Vec::new();
        for name in names.iter().cycle().take(5) {
            let answer = token(&showcase, &[], name, WRONG).await;
            let mut headers: Vec<_> = answer.headers.keys().map(ToString::to_string).collect();
            headers.sort();
            answers.push((answer.status, headers, answer.body));
        }
        let statuses: Vec<_> = answers.iter().map(|(status, ..)| status.as_u16()).collect();
        assert_eq!(statuses, [401, 401, 401, 429, 429], "{names:?}");
        seen.push(answers);
    }
    assert_eq!(seen[0], seen[1]);
}

#[tokio::test]
async fn x_15_a_limit_that_cannot_be_meant_stops_the_start() {
    for limit in ["10/m/user", "0/m/ip", "10/m/ip,5/m/acount"] {
        let problem = refuses_to_start("showcase", &[("LOGIN_LIMIT", limit)]);
        assert!(problem.starts_with("LOGIN_LIMIT: "), "{problem}");
        assert_eq!(problem.lines().count(), 1, "{problem}");
    }
    let showcase = start("off", &[]);
    for _ in 0..12 {
        assert_eq!(token(&showcase, &[], "alice", WRONG).await.status, 401);
    }
}
