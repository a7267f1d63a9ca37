//! The showcase on Redis and on a database: what several processes share, and what a restart keeps.
#![allow(clippy::unwrap_used, reason = "a test may")]
#![allow(
    clippy::cloned_ref_to_slice_refs,
    reason = "a list of one header reads like one of two"
)]

mod support;

use serde_json::json;
use support::showcase::{PASSWORD, api_key, basic, bearer, log_in};
use support::{Running, refuses_to_start};
use test_servers::{PostgresServer, RedisServer};

const NEW: &str = "another battery staple";

/// A process of a service that has several; they are one issuer.
fn start(stores: &[(&str, &str)]) -> Running {
    let mut variables = vec![
        ("DEMO_PASSWORD", PASSWORD),
        ("LOGIN_LIMIT", "off"),
        ("JWT_ISSUER", "https://showcase.example"),
    ];
    variables.extend(stores);
    let showcase = Running::start("showcase", &variables);
    showcase.secret(PASSWORD);
    showcase.secret(NEW);
    showcase
}

/// Form-encoded, for `POST /account/password`.
fn change(current: &str, new: &str) -> String {
    format!("current={current}&new={new}").replace(' ', "+")
}

#[tokio::test]
async fn ses_11_processes_share_sessions_users_and_keys() {
    let (redis, postgres) = (RedisServer::start(), PostgresServer::start());
    let (redis, postgres) = (redis.url(), postgres.url());
    let stores = [("REDIS_URL", &*redis), ("DATABASE_URL", &*postgres)];
    let (a, b) = (start(&stores), start(&stores));

    // Who logs in here is logged in there, and signed out there, is signed out here at once.
    let cookie = log_in(&a, "alice", PASSWORD).await.cookie();
    let me = b.get("/me", &[cookie.clone()]).await;
    assert_eq!(me.status, 200, "{me:?}");
    assert_eq!(me.json()["subject"], "user-alice");
    let other = log_in(&b, "alice", PASSWORD).await.cookie();
    let listed = b.get("/sessions", &[other.clone()]).await.json();
    assert_eq!(listed.as_array().unwrap().len(), 2, "{listed}");
    let answer = b
        .send("DELETE", "/sessions", &same_origin(&b, &other), "")
        .await;
    assert_eq!(answer.status, 204, "{answer:?}");
    assert_eq!(a.get("/me", &[cookie]).await.status, 401);
    assert_eq!(a.get("/me", &[other.clone()]).await.status, 200);

    // Keys, too.
    let token = bearer(&a, "alice", PASSWORD).await;
    let (key, created) = api_key(&a, &token, &json!({ "name": "shared" })).await;
    b.secret(key.strip_prefix("x-api-key: ").unwrap());
    assert_eq!(b.get("/me", &[key.clone()]).await.status, 200);
    let path = format!("/api-keys/{}", created["id"].as_str().unwrap());
    let answer = b.send("DELETE", &path, &same_origin(&b, &other), "").await;
    assert_eq!(answer.status, 204, "{answer:?}");
    assert_eq!(a.get("/me", &[key]).await.status, 401);

    // A new password ends what the old one opened, wherever that was.
    let there = log_in(&b, "alice", PASSWORD).await.cookie();
    let token = bearer(&b, "alice", PASSWORD).await;
    let bobs = bearer(&b, "bob", PASSWORD).await;
    let answer = a
        .post_form(
            "/account/password",
            &[other.clone()],
            &change(PASSWORD, NEW),
        )
        .await;
    assert_eq!(answer.status, 303, "{answer:?}");
    let now = answer.cookie();
    b.secret(now.split_once('=').unwrap().1);
    for (credential, status) in [
        (now, 200),
        (other, 401),
        (there, 401),
        (token, 401),
        (bobs, 200),
    ] {
        assert_eq!(b.get("/me", &[credential]).await.status, status);
    }
    for (password, status) in [(PASSWORD, 401), (NEW, 303)] {
        assert_eq!(log_in(&b, "alice", password).await.status, status);
    }
    for (password, status) in [(PASSWORD, "401"), (NEW, "200")] {
        let curl = "curl -s -o /dev/null -w '%{http_code}' --digest";
        let line = format!("{curl} -u 'alice:{password}' {}/legacy", b.url);
        assert_eq!(Running::shell(&line), status);
    }
}

fn same_origin(showcase: &Running, cookie: &str) -> [String; 2] {
    [cookie.to_owned(), format!("origin: {}", showcase.url)]
}

#[tokio::test]
async fn bas_03_processes_share_the_budget_of_attempts() {
    let redis = RedisServer::start();
    let stores = [("REDIS_URL", &*redis.url()), ("LOGIN_LIMIT", "4/h/account")];
    let (a, b) = (start(&stores), start(&stores));
    for showcase in [&a, &b, &b, &a] {
        assert_eq!(log_in(showcase, "alice", "wrong").await.status, 401);
    }
    for showcase in [&a, &b] {
        let answer = log_in(showcase, "alice", PASSWORD).await;
        assert_eq!(answer.status, 429, "{answer:?}");
        assert!(!answer.header("retry-after").is_empty());
        assert_eq!(log_in(showcase, "bob", PASSWORD).await.status, 303);
    }
}

#[tokio::test]
async fn a_restart_keeps_users_passwords_and_keys() {
    let postgres = PostgresServer::start();
    let folder = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("showcase-restart");
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    let sqlite = format!("sqlite:{}", folder.join("users.db").display());
    for url in [&*sqlite, &postgres.url()] {
        let stores = [("DATABASE_URL", url)];
        let first = start(&stores);
        let cookie = log_in(&first, "alice", PASSWORD).await.cookie();
        let form = change(PASSWORD, NEW);
        let answer = first.post_form("/account/password", &[cookie], &form).await;
        assert_eq!(answer.status, 303, "{answer:?}");
        let token = bearer(&first, "alice", NEW).await;
        let body = json!({ "name": "kept", "scopes": ["reports:read"] });
        let (key, _) = api_key(&first, &token, &body).await;
        drop(first);

        let second = start(&stores);
        assert_eq!(
            log_in(&second, "alice", PASSWORD).await.status,
            401,
            "{url}"
        );
        assert_eq!(log_in(&second, "alice", NEW).await.status, 303);
        assert_eq!(log_in(&second, "bob", PASSWORD).await.status, 303);
        assert_eq!(second.get("/reports", &[key]).await.status, 200);
        let greeting = second.greeting.lock().unwrap().clone();
        assert!(
            greeting.contains("with the passwords that they had"),
            "{greeting}"
        );
    }
}

#[tokio::test]
async fn ses_20_while_redis_is_down_nobody_is_taken_for_anonymous() {
    let mut redis = RedisServer::start();
    let showcase = start(&[("REDIS_URL", &redis.url())]);
    let cookie = log_in(&showcase, "alice", PASSWORD).await.cookie();
    let token = bearer(&showcase, "alice", PASSWORD).await;
    assert_eq!(showcase.get("/readyz", &[]).await.status, 200);

    redis.kill();
    for credential in [&cookie, &token] {
        for path in ["/me", "/whoami"] {
            let answer = showcase.get(path, &[credential.clone()]).await;
            assert_eq!(answer.status, 503, "{path}: {answer:?}");
            assert_eq!(answer.problem(), "temporarily_unavailable");
        }
    }
    for (path, status) in [
        ("/", 200),
        ("/whoami", 200),
        ("/me", 401),
        ("/healthz", 200),
        ("/readyz", 503),
    ] {
        let answer = showcase.get(path, &[]).await;
        assert_eq!(answer.status, status, "{path}: {answer:?}");
    }
    // A person is told so on a page.
    let headers = [cookie.clone(), "sec-fetch-mode: navigate".to_owned()];
    let answer = showcase.get("/", &headers).await;
    assert_eq!(answer.status, 503);
    assert!(
        answer.body.contains("cannot be checked at the moment"),
        "{answer:?}"
    );

    redis.restart();
    showcase.wait_for("/readyz", &[], 200).await;
    let cookie = log_in(&showcase, "alice", PASSWORD).await.cookie();
    assert_eq!(showcase.get("/me", &[cookie]).await.status, 200);
}

#[tokio::test]
async fn while_the_database_is_down_no_password_is_wrong() {
    let postgres = PostgresServer::start();
    let showcase = start(&[("DATABASE_URL", &postgres.url())]);
    let cookie = log_in(&showcase, "alice", PASSWORD).await.cookie();
    postgres.kill();
    assert_eq!(log_in(&showcase, "alice", PASSWORD).await.status, 503);
    assert_eq!(log_in(&showcase, "alice", "wrong").await.status, 503);
    assert_eq!(showcase.get("/readyz", &[]).await.status, 503);
    // Sessions are elsewhere, but nobody knows whether the password that began one still holds.
    let headers = [cookie.clone()];
    assert_eq!(showcase.get("/me", &headers).await.status, 503);
    assert_eq!(showcase.get("/whoami", &[]).await.status, 200);
    postgres.restart();
    showcase.wait_for("/readyz", &[], 200).await;
    assert_eq!(showcase.get("/me", &headers).await.status, 200);
    assert_eq!(log_in(&showcase, "alice", PASSWORD).await.status, 303);
}

#[tokio::test]
async fn ses_20_a_password_is_not_changed_while_nothing_can_be_ended() {
    let postgres = PostgresServer::start();
    // With users beside it, and with users that outlive it.
    for database in [None, Some(postgres.url())] {
        let mut redis = RedisServer::start();
        let redis_url = redis.url();
        let mut stores = vec![("REDIS_URL", &*redis_url)];
        stores.extend(database.as_deref().map(|url| ("DATABASE_URL", url)));
        let showcase = start(&stores);
        redis.kill();
        // By Basic, which asks no Redis.
        let answer = showcase
            .post_form(
                "/account/password",
                &[basic("alice", PASSWORD)],
                &change(PASSWORD, NEW),
            )
            .await;
        assert_eq!(answer.status, 503, "{answer:?}");

        redis.restart();
        showcase.wait_for("/readyz", &[], 200).await;
        // Nothing is half done, and it can be tried again.
        assert_eq!(log_in(&showcase, "alice", NEW).await.status, 401);
        let cookie = log_in(&showcase, "alice", PASSWORD).await.cookie();
        assert_eq!(showcase.get("/me", &[cookie.clone()]).await.status, 200);
        let line = format!(
            "curl -s -o /dev/null -w '%{{http_code}}' --digest -u 'alice:{PASSWORD}' {}/legacy",
            showcase.url
        );
        assert_eq!(Running::shell(&line), "200");
        let answer = showcase
            .post_form("/account/password", &[cookie], &change(PASSWORD, NEW))
            .await;
        assert_eq!(answer.status, 303, "{answer:?}");
        showcase.secret(answer.cookie().split_once('=').unwrap().1);
    }
}

#[tokio::test]
async fn x_12_passwords_in_urls_are_not_told() {
    const SECRET: &str = "a-password-of-redis";

    let redis = RedisServer::start();
    redis.command(&format!("CONFIG SET requirepass {SECRET}"));
    let url = format!("redis://:{SECRET}@127.0.0.1:{}", redis.port());
    let showcase = start(&[("REDIS_URL", &url)]);
    showcase.secret(SECRET);
    let cookie = log_in(&showcase, "alice", PASSWORD).await.cookie();
    assert_eq!(showcase.get("/me", &[cookie]).await.status, 200);
    assert!(!showcase.greeting.lock().unwrap().contains(SECRET));

    for (name, url) in [
        ("REDIS_URL", format!("http://:{SECRET}@127.0.0.1")),
        ("REDIS_URL", format!("redis://:{SECRET}@127.0.0.1:notaport")),
        ("DATABASE_URL", format!("mysql://x:{SECRET}@127.0.0.1/x")),
        (
            "DATABASE_URL",
            format!("postgres://x:{SECRET}@127.0.0.1:notaport/x"),
        ),
        (
            "DATABASE_URL",
            format!("postgres://x:{SECRET}@127.0.0.1:1/x"),
        ),
    ] {
        let said = refuses_to_start("showcase", &[(name, &url)]);
        let last = said.lines().last().unwrap();
        assert!(last.starts_with(&format!("{name}: ")), "{said}");
        assert!(!said.contains(SECRET), "{said}");
    }
}
