//! The showcase's tokens, in memory and on each store: refreshed, taken back, shared by processes, kept
//! by a restart.
#![allow(clippy::unwrap_used, reason = "a test may")]
#![allow(
    clippy::cloned_ref_to_slice_refs,
    reason = "a list of one header reads like one of two"
)]

mod support;

use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use support::showcase::{PASSWORD, log_in};
use support::{Answer, Running, refuses_to_start};
use test_servers::{PostgresServer, RedisServer};

const NEW: &str = "another battery staple";
const SEALING_SECRET: &str = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";

/// A process of a service that has several; they are one issuer.
fn start(stores: &[(&str, &str)]) -> Running {
    let mut variables = vec![
        ("DEMO_PASSWORD", PASSWORD),
        ("LOGIN_LIMIT", "off"),
        ("JWT_ISSUER", "https://showcase.example"),
        ("SIGNING_KEY_SECRET", SEALING_SECRET),
    ];
    variables.extend(stores);
    let showcase = Running::start("showcase", &variables);
    for secret in [PASSWORD, NEW, SEALING_SECRET] {
        showcase.secret(secret);
    }
    showcase
}

/// What is kept where; the servers end with it.
struct Stores {
    name: &'static str,
    variables: Vec<(&'static str, String)>,
    _servers: (Option<RedisServer>, Option<PostgresServer>),
}

impl Stores {
    fn redis() -> Self {
        let redis = RedisServer::start();
        Self {
            name: "redis",
            variables: vec![("REDIS_URL", redis.url())],
            _servers: (Some(redis), None),
        }
    }

    fn postgres() -> Self {
        let postgres = PostgresServer::start();
        Self {
            name: "postgres",
            variables: vec![("DATABASE_URL", postgres.url())],
            _servers: (None, Some(postgres)),
        }
    }

    fn sqlite(test: &str) -> Self {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(test);
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).unwrap();
        let url = format!("sqlite:{}", folder.join("showcase.db").display());
        Self {
            name: "sqlite",
            variables: vec![("DATABASE_URL", url)],
            _servers: (None, None),
        }
    }

    fn both() -> Self {
        let (redis, postgres) = (RedisServer::start(), PostgresServer::start());
        Self {
            name: "redis and postgres",
            variables: vec![("REDIS_URL", redis.url()), ("DATABASE_URL", postgres.url())],
            _servers: (Some(redis), Some(postgres)),
        }
    }

    fn start(&self) -> Running {
        let variables: Vec<_> = self
            .variables
            .iter()
            .map(|(name, url)| (*name, &**url))
            .collect();
        start(&variables)
    }
}

/// The tokens of an answer, which is checked.
struct Pair {
    access: Vec<String>,
    refresh: String,
    body: Value,
}

impl Pair {
    fn of(showcase: &Running, answer: &Answer) -> Self {
        assert_eq!(answer.status, 200, "{answer:?}");
        assert_eq!(answer.header("cache-control"), "no-store");
        let body = answer.json();
        assert_eq!(body["token_type"], "Bearer", "{body}");
        assert_eq!(body["expires_in"], 600);
        assert!(body["scope"].is_string(), "{body}");
        let access = body["access_token"].as_str().unwrap();
        let refresh = body["refresh_token"].as_str().unwrap().to_owned();
        showcase.secret(access);
        showcase.secret(&refresh);
        Self {
            access: vec![format!("authorization: Bearer {access}")],
            refresh,
            body,
        }
    }
}

async fn token(showcase: &Running, user: &str, password: &str) -> Pair {
    let body = json!({ "username": user, "password": password });
    Pair::of(showcase, &showcase.post_json("/token", &[], &body).await)
}

async fn refresh(showcase: &Running, token: &str) -> Answer {
    let body = json!({ "refresh_token": token });
    showcase.post_json("/token/refresh", &[], &body).await
}

async fn refreshed(showcase: &Running, token: &str) -> Pair {
    Pair::of(showcase, &refresh(showcase, token).await)
}

/// By RFC 7009: a form, from a program.
async fn revoke(showcase: &Running, token: &str) -> Answer {
    let kind = ["content-type: application/x-www-form-urlencoded".to_owned()];
    let form = format!("token={token}&token_type_hint=refresh_token");
    showcase.send("POST", "/token/revoke", &kind, &form).await
}

fn is_invalid_grant(answer: &Answer) -> bool {
    answer.status == 400
        && answer.json()["error"] == "invalid_grant"
        && answer.json().get("access_token").is_none()
        && answer.header("cache-control") == "no-store"
}

async fn me(showcase: &Running, credential: &[String]) -> u16 {
    showcase.get("/me", credential).await.status.as_u16()
}

#[tokio::test]
async fn tokens_are_refreshed_and_taken_back_on_each_store() {
    let stores = [
        None,
        Some(Stores::redis()),
        Some(Stores::sqlite("tokens-each")),
        Some(Stores::postgres()),
        Some(Stores::both()),
    ];
    for stores in &stores {
        let name = stores.as_ref().map_or("memory", |stores| stores.name);
        let showcase = stores.as_ref().map_or_else(|| start(&[]), Stores::start);
        let first = token(&showcase, "alice", PASSWORD).await;
        assert_eq!(me(&showcase, &first.access).await, 200, "{name}");
        let auth_time = showcase.get("/me", &first.access).await.json()["auth_time"].clone();

        let second = refreshed(&showcase, &first.refresh).await;
        assert_ne!(second.refresh, first.refresh, "{name}");
        assert_eq!(second.body["scope"], "reports:read", "{name}");
        let who = showcase.get("/me", &second.access).await.json();
        assert_eq!(who["subject"], "user-alice", "{name}");
        assert_eq!(who["roles"], json!(["admin"]), "{name}");
        // Nothing was proved anew.
        assert_eq!(who["auth_time"], auth_time, "{name}");
        assert_eq!(showcase.get("/reports", &second.access).await.status, 200);

        // Sent again at once, as after a lost answer: the same successor.
        let again = refreshed(&showcase, &first.refresh).await;
        assert_eq!(again.refresh, second.refresh, "{name}");

        // Taking it back ends the access tokens, too. That there is nothing to take back is no error.
        let other = token(&showcase, "alice", PASSWORD).await;
        for _ in 0..2 {
            let answer = revoke(&showcase, &second.refresh).await;
            assert_eq!(answer.status, 200, "{name}: {answer:?}");
        }
        let answer = refresh(&showcase, &second.refresh).await;
        assert!(is_invalid_grant(&answer), "{name}: {answer:?}");
        for pair in [&first, &second, &again] {
            assert_eq!(me(&showcase, &pair.access).await, 401, "{name}");
        }
        assert_eq!(me(&showcase, &other.access).await, 200, "{name}");

        // An access token is taken back by itself.
        let access = other.body["access_token"].as_str().unwrap();
        assert_eq!(revoke(&showcase, access).await.status, 200, "{name}");
        assert_eq!(me(&showcase, &other.access).await, 401, "{name}");
    }
}

#[tokio::test]
async fn ref_10_what_is_no_refresh_token_is_an_invalid_grant() {
    let showcase = start(&[]);
    let pair = token(&showcase, "alice", PASSWORD).await;
    let access = pair.body["access_token"].as_str().unwrap();
    let extended = format!("{}A", pair.refresh);
    let truncated = &pair.refresh[..pair.refresh.len() - 1];
    for no_token in [access, &*extended, truncated, "garbage", "", "rt_"] {
        let answer = refresh(&showcase, no_token).await;
        assert!(is_invalid_grant(&answer), "{no_token}: {answer:?}");
        if !no_token.is_empty() {
            assert_eq!(revoke(&showcase, no_token).await.status, 200);
        }
    }
    // And a refresh token opens nothing.
    let header = [format!("authorization: Bearer {}", pair.refresh)];
    assert_eq!(me(&showcase, &header).await, 401);

    for (kind, body, status) in [
        ("application/json", "{", 400),
        ("application/json", "{}", 400),
        ("text/plain", "", 415),
    ] {
        let headers = [format!("content-type: {kind}")];
        let answer = showcase
            .send("POST", "/token/refresh", &headers, body)
            .await;
        assert_eq!(answer.status, status, "{answer:?}");
    }
}

#[tokio::test]
async fn ref_02_fifty_refreshes_at_once_give_one_successor() {
    for stores in [Stores::redis(), Stores::postgres(), Stores::both()] {
        let name = stores.name;
        let processes = [stores.start(), stores.start()];
        let first = token(&processes[0], "alice", PASSWORD).await;
        let at_once = (0..50).map(|i| refresh(&processes[i % 2], &first.refresh));
        let mut successors = Vec::new();
        for answer in futures_util::future::join_all(at_once).await {
            let pair = Pair::of(&processes[1], &answer);
            assert_eq!(me(&processes[0], &pair.access).await, 200, "{name}");
            successors.push(pair.refresh);
        }
        assert_eq!(successors.len(), 50, "{name}");
        successors.dedup();
        assert_eq!(successors.len(), 1, "{name}");
        // Nobody took it for a theft.
        let next = refreshed(&processes[1], &successors[0]).await;
        assert_eq!(me(&processes[0], &next.access).await, 200, "{name}");
    }
}

#[tokio::test]
async fn ref_01_a_replay_after_the_window_ends_the_family_in_every_process() {
    // The window is 10 seconds, from the first use.
    let all = [Stores::redis(), Stores::postgres(), Stores::both()];
    let mut families = Vec::new();
    for stores in &all {
        let processes = [stores.start(), stores.start()];
        let stolen = token(&processes[0], "alice", PASSWORD).await;
        let other = token(&processes[0], "alice", PASSWORD).await;
        let next = refreshed(&processes[1], &stolen.refresh).await;
        families.push((stores.name, processes, stolen, next, other, Instant::now()));
    }
    for (name, [a, b], stolen, next, other, used) in families {
        tokio::time::sleep(Duration::from_secs(11).saturating_sub(used.elapsed())).await;
        let replay = refresh(&b, &stolen.refresh).await;
        assert!(is_invalid_grant(&replay), "{name}: {replay:?}");
        for process in [&a, &b] {
            let answer = refresh(process, &next.refresh).await;
            assert!(is_invalid_grant(&answer), "{name}: {answer:?}");
            for pair in [&stolen, &next] {
                assert_eq!(me(process, &pair.access).await, 401, "{name}");
            }
            // Another login of the same user is not concerned.
            assert_eq!(me(process, &other.access).await, 200, "{name}");
        }
        let metrics = b.get("/metrics", &[]).await.body;
        assert!(metrics.contains("reuse"), "{name}: {metrics}");
        refreshed(&a, &other.refresh).await;
    }
}

#[tokio::test]
async fn jwt_20_processes_share_keys_families_and_revocations() {
    for stores in [
        Stores::redis(),
        Stores::postgres(),
        Stores::sqlite("tokens-shared"),
        Stores::both(),
    ] {
        let name = stores.name;
        let (a, b) = (stores.start(), stores.start());
        let kids = a.get("/.well-known/jwks.json", &[]).await.json();
        assert_eq!(
            kids,
            b.get("/.well-known/jwks.json", &[]).await.json(),
            "{name}"
        );

        let first = token(&a, "alice", PASSWORD).await;
        assert_eq!(me(&b, &first.access).await, 200, "{name}");
        let second = refreshed(&b, &first.refresh).await;
        assert_eq!(me(&a, &second.access).await, 200, "{name}");
        assert_eq!(revoke(&a, &second.refresh).await.status, 200, "{name}");
        for process in [&a, &b] {
            for pair in [&first, &second] {
                assert_eq!(me(process, &pair.access).await, 401, "{name}");
            }
            assert!(is_invalid_grant(&refresh(process, &second.refresh).await));
        }
    }
}

#[tokio::test]
async fn a_restart_keeps_families_keys_and_revocations() {
    for stores in [
        Stores::sqlite("tokens-restart"),
        Stores::postgres(),
        Stores::redis(),
        Stores::both(),
    ] {
        let name = stores.name;
        let before = stores.start();
        let keys = before.get("/.well-known/jwks.json", &[]).await.json();
        let kept = token(&before, "alice", PASSWORD).await;
        let over = token(&before, "bob", PASSWORD).await;
        assert_eq!(revoke(&before, &over.refresh).await.status, 200, "{name}");
        drop(before);

        let after = stores.start();
        assert_eq!(
            after.get("/.well-known/jwks.json", &[]).await.json(),
            keys,
            "{name}"
        );
        assert_eq!(me(&after, &kept.access).await, 200, "{name}");
        assert_eq!(me(&after, &over.access).await, 401, "{name}");
        assert!(
            is_invalid_grant(&refresh(&after, &over.refresh).await),
            "{name}"
        );
        let next = refreshed(&after, &kept.refresh).await;
        assert_eq!(me(&after, &next.access).await, 200, "{name}");
    }
}

#[tokio::test]
async fn ref_08_a_new_password_ends_refresh_families() {
    for stores in [
        None,
        Some(Stores::redis()),
        Some(Stores::sqlite("tokens-password")),
    ] {
        let name = stores.as_ref().map_or("memory", |stores| stores.name);
        let showcase = stores.as_ref().map_or_else(|| start(&[]), Stores::start);
        let alices = token(&showcase, "alice", PASSWORD).await;
        let bobs = token(&showcase, "bob", PASSWORD).await;
        let cookie = log_in(&showcase, "alice", PASSWORD).await.cookie();
        let form = format!("current={PASSWORD}&new={NEW}").replace(' ', "+");
        let answer = showcase
            .post_form("/account/password", &[cookie], &form)
            .await;
        assert_eq!(answer.status, 303, "{name}: {answer:?}");
        showcase.secret(answer.cookie().split_once('=').unwrap().1);

        let answer = refresh(&showcase, &alices.refresh).await;
        assert!(is_invalid_grant(&answer), "{name}: {answer:?}");
        assert_eq!(me(&showcase, &alices.access).await, 401, "{name}");
        let bobs = refreshed(&showcase, &bobs.refresh).await;
        assert_eq!(me(&showcase, &bobs.access).await, 200, "{name}");
        // What is opened with the new one is good, and ends with all the others.
        let next = token(&showcase, "alice", NEW).await;
        let next = refreshed(&showcase, &next.refresh).await;
        assert_eq!(me(&showcase, &next.access).await, 200, "{name}");
        let cookie = log_in(&showcase, "alice", NEW).await.cookie();
        let headers = [cookie, format!("origin: {}", showcase.url)];
        let answer = showcase.send("DELETE", "/sessions", &headers, "").await;
        assert_eq!(answer.status, 204, "{name}: {answer:?}");
        let answer = refresh(&showcase, &next.refresh).await;
        assert!(is_invalid_grant(&answer), "{name}: {answer:?}");
        assert_eq!(me(&showcase, &next.access).await, 401, "{name}");
        assert_eq!(me(&showcase, &bobs.access).await, 200, "{name}");
    }
}

#[tokio::test]
async fn ref_08_what_cannot_be_taken_back_now_is_not_said_to_be() {
    let mut redis = RedisServer::start();
    let showcase = start(&[("REDIS_URL", &redis.url())]);
    let pair = token(&showcase, "alice", PASSWORD).await;
    redis.kill();
    assert_eq!(revoke(&showcase, &pair.refresh).await.status, 503);
    let answer = refresh(&showcase, &pair.refresh).await;
    assert_eq!(answer.status, 503, "{answer:?}");
    redis.restart();
    showcase.wait_for("/readyz", &[], 200).await;
}

#[tokio::test]
async fn ref_06_using_it_does_not_prolong_a_family() {
    let showcase = start(&[("REFRESH_TTL", "2s")]);
    let begun = Instant::now();
    let mut last = token(&showcase, "alice", PASSWORD).await;
    let over = loop {
        let answer = refresh(&showcase, &last.refresh).await;
        if answer.status != 200 {
            break answer;
        }
        last = Pair::of(&showcase, &answer);
        assert!(begun.elapsed() < Duration::from_secs(30), "it goes on");
        tokio::time::sleep(Duration::from_millis(100)).await;
    };
    assert!(is_invalid_grant(&over), "{over:?}");
    assert!(begun.elapsed() > Duration::from_millis(1900));
    // What it gave out is good for as long as that says.
    assert_eq!(me(&showcase, &last.access).await, 200);
}

#[tokio::test]
async fn key_11_kept_signing_keys_are_sealed_or_it_is_said_that_they_are_not() {
    let sealed = Stores::sqlite("tokens-sealed");
    drop(sealed.start());
    let (_, url) = &sealed.variables[0];
    let other = "another secret of thirty-two bytes or more";
    for secret in [None, Some(other), Some("short")] {
        let mut variables = vec![("DATABASE_URL", &**url)];
        variables.extend(secret.map(|secret| ("SIGNING_KEY_SECRET", secret)));
        let said = refuses_to_start("showcase", &variables);
        let last = said.lines().last().unwrap();
        assert!(last.starts_with("SIGNING_KEY_SECRET: "), "{said}");
        assert!(
            !said.contains(other) && !said.contains(SEALING_SECRET),
            "{said}"
        );
    }

    let plain = Stores::sqlite("tokens-plain");
    let (_, url) = &plain.variables[0];
    for (variables, warned) in [(vec![("DATABASE_URL", &**url)], true), (vec![], false)] {
        let log = Running::start("showcase", &variables).stop();
        let says_so = log.contains("signing keys are stored unencrypted");
        assert_eq!(says_so, warned, "{variables:?}");
    }
}

#[tokio::test]
async fn each_algorithm_with_a_public_key_signs_and_is_published() {
    for algorithm in ["ES256", "ES384", "ES512", "EdDSA", "RS256", "PS384"] {
        let showcase = start(&[("JWT_ALGORITHM", algorithm)]);
        let pair = token(&showcase, "alice", PASSWORD).await;
        let pair = refreshed(&showcase, &pair.refresh).await;
        assert_eq!(me(&showcase, &pair.access).await, 200, "{algorithm}");
        let published = showcase.get("/.well-known/jwks.json", &[]).await.json();
        let key = &published["keys"][0];
        assert_eq!(key["alg"], algorithm, "{published}");
        assert!(key["kid"].is_string(), "{published}");
        for private in ["d", "p", "q", "k"] {
            assert!(key.get(private).is_none(), "{algorithm}: {private}");
        }
    }
}
