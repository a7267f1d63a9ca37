//! API keys on two processes of the showcase that share a Redis and a database.
#![allow(clippy::unwrap_used, reason = "a test may")]
#![allow(
    clippy::cloned_ref_to_slice_refs,
    reason = "a list of one header reads like one of two"
)]

mod support;

use std::time::{Duration, Instant};

use serde_json::json;
use support::Running;
use support::showcase::{PASSWORD, api_key, bearer};
use test_servers::{PostgresServer, RedisServer};

/// Two processes of one service.
fn start(stores: &[(&str, &str)]) -> [Running; 2] {
    [(), ()].map(|()| {
        let mut variables = vec![
            ("DEMO_PASSWORD", PASSWORD),
            ("LOGIN_LIMIT", "off"),
            ("JWT_ISSUER", "https://showcase.example"),
            ("RUST_LOG", "info"),
        ];
        variables.extend(stores);
        Running::start("showcase", &variables)
    })
}

/// How long `node` has accepted this key after now; each answer until then is 200, and 401 from then on.
async fn refused_after(node: &Running, key: &str) -> Duration {
    let begin = Instant::now();
    loop {
        let status = node.get("/me", &[key.to_owned()]).await.status;
        let elapsed = begin.elapsed();
        if status == 401 {
            return elapsed;
        }
        assert_eq!(status, 200);
        assert!(elapsed < Duration::from_secs(30), "it is never refused");
    }
}

#[tokio::test]
async fn apk_05_what_one_process_revokes_the_other_refuses_within_milliseconds() {
    let (redis, postgres) = (RedisServer::start(), PostgresServer::start());
    let (redis_url, postgres_url) = (redis.url(), postgres.url());
    let [a, b] = start(&[("REDIS_URL", &redis_url), ("DATABASE_URL", &postgres_url)]);
    let alice = bearer(&a, "alice", PASSWORD).await;
    let mut late = Vec::new();
    for _ in 0..20 {
        let (key, created) = api_key(&a, &alice, &json!({ "name": "shared" })).await;
        b.secret(key.strip_prefix("x-api-key: ").unwrap());
        // Both remember it.
        for node in [&a, &b, &a, &b] {
            assert_eq!(node.get("/me", &[key.clone()]).await.status, 200);
        }
        let path = format!("/api-keys/{}", created["id"].as_str().unwrap());
        let answer = a.send("DELETE", &path, &[alice.clone()], "").await;
        assert_eq!(answer.status, 204, "{answer:?}");
        // Here at once.
        assert_eq!(a.get("/me", &[key.clone()]).await.status, 401);
        late.push(refused_after(&b, &key).await);
        assert_eq!(b.get("/me", &[key.clone()]).await.status, 401);
    }
    late.sort();
    println!(
        "refused elsewhere after {:?}, at most {:?}",
        late[10], late[19]
    );
    // The machine that tests may be busy with other things; none of it is the age of 5 seconds.
    assert!(late[10] < Duration::from_millis(50), "{late:?}");
    assert!(late[19] < Duration::from_secs(2), "{late:?}");
}

#[tokio::test]
async fn apk_05_without_news_a_key_is_remembered_for_its_age_and_then_nobody_can_be_asked() {
    let (mut redis, postgres) = (RedisServer::start(), PostgresServer::start());
    let (redis_url, postgres_url) = (redis.url(), postgres.url());
    let [a, b] = start(&[("REDIS_URL", &redis_url), ("DATABASE_URL", &postgres_url)]);
    let alice = bearer(&a, "alice", PASSWORD).await;
    let (key, _) = api_key(&a, &alice, &json!({ "name": "shared" })).await;
    assert_eq!(b.get("/me", &[key.clone()]).await.status, 200);
    redis.kill();
    assert_eq!(b.get("/me", &[key.clone()]).await.status, 200);
    postgres.kill();
    // 503 and never 401, and not 200 for ever: the key may have been revoked meanwhile.
    let begin = Instant::now();
    loop {
        let answer = b.get("/me", &[key.clone()]).await;
        match answer.status.as_u16() {
            200 => assert!(begin.elapsed() < Duration::from_secs(30), "remembered"),
            503 => break,
            status => panic!("{status}: {answer:?}"),
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn apk_05_on_a_database_alone_a_revocation_holds_elsewhere_at_once() {
    let folder = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("showcase-nodes");
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    let url = format!("sqlite:{}", folder.join("showcase.db").display());
    let [a, b] = start(&[("DATABASE_URL", &url)]);
    let alice = bearer(&a, "alice", PASSWORD).await;
    for _ in 0..5 {
        let (key, created) = api_key(&a, &alice, &json!({ "name": "shared" })).await;
        assert_eq!(b.get("/me", &[key.clone()]).await.status, 200);
        let path = format!("/api-keys/{}", created["id"].as_str().unwrap());
        let answer = a.send("DELETE", &path, &[alice.clone()], "").await;
        assert_eq!(answer.status, 204, "{answer:?}");
        assert_eq!(b.get("/me", &[key]).await.status, 401);
    }
}

#[tokio::test]
async fn apk_04_processes_share_the_limit_of_a_key() {
    let (redis, postgres) = (RedisServer::start(), PostgresServer::start());
    let (redis_url, postgres_url) = (redis.url(), postgres.url());
    let [a, b] = start(&[("REDIS_URL", &redis_url), ("DATABASE_URL", &postgres_url)]);
    let alice = bearer(&a, "alice", PASSWORD).await;
    for _ in 0..3 {
        let body = json!({ "name": "limited", "limit": "10/h" });
        let (key, _) = api_key(&a, &alice, &body).await;
        b.secret(key.strip_prefix("x-api-key: ").unwrap());
        let headers = [key];
        let uses = (0..40).map(|number| [&a, &b][number % 2].get("/me", &headers));
        let answers = futures_util::future::join_all(uses).await;
        let count = |status: u16| {
            answers
                .iter()
                .filter(|answer| answer.status == status)
                .count()
        };
        assert_eq!((count(200), count(429)), (10, 30));
    }
}
