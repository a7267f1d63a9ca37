//! The showcase, killed with -9 while keys are made, replaced and revoked over HTTP, and started again on
//! the same database: what it has acknowledged holds.
#![allow(clippy::unwrap_used, reason = "a test may")]

mod support;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use support::showcase::{PASSWORD, bearer};
use support::{Running, Web};
use test_servers::PostgresServer;

/// How many changes are acknowledged before the program is killed.
const CHANGES: usize = 60;
const CLIENTS: usize = 6;
const ROUNDS: usize = 3;

/// What was told of a key, and what has to follow.
#[derive(Debug, Default)]
struct Known {
    id: String,
    /// Secrets that are good.
    good: Vec<String>,
    /// Secrets that are over.
    over: Vec<String>,
    /// Those of which nobody knows: the program was killed before it answered.
    unsure: Vec<String>,
}

/// Each time on another port, and so with another issuer: keys are kept without.
fn start(url: &str) -> Running {
    let variables = [
        ("DEMO_PASSWORD", PASSWORD),
        ("LOGIN_LIMIT", "off"),
        ("DATABASE_URL", url),
        ("RUST_LOG", "info"),
    ];
    Running::start("showcase", &variables)
}

/// Somebody who changes keys until nobody answers any more.
struct Client {
    web: Web,
    url: String,
    token: String,
    acknowledged: Arc<AtomicUsize>,
    keys: Vec<Known>,
}

impl Client {
    async fn change(&self, method: &str, path: &str, body: &Value) -> Option<Value> {
        let url = format!("{}{path}", self.url);
        let headers = [
            self.token.clone(),
            "content-type: application/json".to_owned(),
        ];
        let answer = self
            .web
            .try_send(method, &url, &headers, &body.to_string())
            .await;
        let answer = answer.ok()?;
        assert!(answer.status.is_success(), "{path}: {answer:?}");
        self.acknowledged.fetch_add(1, Ordering::SeqCst);
        Some(serde_json::from_str(&answer.body).unwrap_or_default())
    }

    async fn run(mut self) -> Vec<Known> {
        for number in 0.. {
            let Some(key) = self.one(number).await else {
                break;
            };
            self.keys.push(key);
        }
        self.keys
    }

    /// A key that is made, perhaps replaced, perhaps revoked; `None` if not even that was answered.
    async fn one(&mut self, number: usize) -> Option<Known> {
        let secret = |answer: &Value| answer["key"].as_str().unwrap().to_owned();
        let body = json!({ "name": format!("key {number}") });
        let created = self.change("POST", "/api-keys", &body).await?;
        let mut key = Known {
            id: created["id"].as_str().unwrap().to_owned(),
            good: vec![secret(&created)],
            ..Known::default()
        };
        let path = format!("/api-keys/{}", key.id);
        let rotate = format!("{path}/rotate");

        if number % 2 == 1 {
            let has_overlap = number % 4 == 1;
            let overlap = if has_overlap { "1h" } else { "0s" };
            let body = json!({ "overlap": overlap });
            match self.change("POST", &rotate, &body).await {
                Some(rotated) if has_overlap => key.good.push(secret(&rotated)),
                Some(rotated) => {
                    key.over.append(&mut key.good);
                    key.good.push(secret(&rotated));
                }
                // Done or not, the old one is good for an hour.
                None if has_overlap => return self.last(key),
                None => {
                    key.unsure.append(&mut key.good);
                    return self.last(key);
                }
            }
        }
        if number % 3 == 2 {
            match self.change("DELETE", &path, &Value::Null).await {
                Some(_) => key.over.append(&mut key.good),
                None => {
                    key.unsure.append(&mut key.good);
                    return self.last(key);
                }
            }
        }
        Some(key)
    }

    fn last(&mut self, key: Known) -> Option<Known> {
        self.keys.push(key);
        None
    }
}

/// Kills the program under load; what it had acknowledged.
async fn killed_under_load(url: &str) -> Vec<Known> {
    let mut showcase = start(url);
    let token = bearer(&showcase, "alice", PASSWORD).await;
    let acknowledged = Arc::new(AtomicUsize::new(0));
    let clients = (0..CLIENTS).map(|_| {
        let client = Client {
            web: Web::new(),
            url: showcase.url.clone(),
            token: token.clone(),
            acknowledged: Arc::clone(&acknowledged),
            keys: Vec::new(),
        };
        tokio::spawn(client.run())
    });
    let clients: Vec<_> = clients.collect();
    let deadline = Instant::now() + Duration::from_secs(60);
    while acknowledged.load(Ordering::SeqCst) < CHANGES {
        assert!(Instant::now() < deadline, "too few changes");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    showcase.kill();
    let mut known = Vec::new();
    for client in clients {
        known.extend(client.await.unwrap());
    }
    known
}

async fn verify(url: &str, known: &[Known]) {
    let showcase = start(url);
    let token = bearer(&showcase, "alice", PASSWORD).await;
    let listed = showcase.get("/api-keys", &[token]).await.json();
    let listed: Vec<_> = listed.as_array().unwrap().iter().collect();
    for key in known {
        let found = listed.iter().filter(|listed| listed["id"] == *key.id);
        assert_eq!(found.count(), 1, "{} is lost", key.id);
        for (secrets, statuses) in [
            (&key.good, &[200][..]),
            (&key.over, &[401]),
            (&key.unsure, &[200, 401]),
        ] {
            for secret in secrets {
                showcase.secret(secret);
                let header = format!("x-api-key: {secret}");
                let status = showcase.get("/me", &[header]).await.status.as_u16();
                assert!(statuses.contains(&status), "{status} for {key:?}");
            }
        }
    }
}

/// Several times, each on what the time before has left.
async fn survives(url: &str) {
    let mut known = Vec::new();
    for _ in 0..ROUNDS {
        known.extend(killed_under_load(url).await);
        verify(url, &known).await;
    }
    // It was under load, and all of it has happened.
    let count = |part: fn(&Known) -> usize| known.iter().map(part).sum::<usize>();
    assert!(count(|key| key.good.len()) >= CHANGES / 2);
    assert!(count(|key| key.over.len()) >= CHANGES / 4);
}

#[tokio::test]
async fn apk_05_what_was_acknowledged_survives_kill_9_on_sqlite() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("showcase-crash");
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    survives(&format!("sqlite:{}", folder.join("showcase.db").display())).await;
}

#[tokio::test]
async fn apk_05_what_was_acknowledged_survives_kill_9_on_postgres() {
    let postgres = PostgresServer::start();
    survives(&postgres.url()).await;
}
