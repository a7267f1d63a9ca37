//! The example `api-keys`: plans, quotas, and keys that have leaked.
#![allow(clippy::unwrap_used, reason = "a test may")]
#![allow(
    clippy::cloned_ref_to_slice_refs,
    reason = "a list of one header reads like one of two"
)]

mod support;

use std::path::Path;

use support::Running;
use support::showcase::basic;

fn start(name: &str) -> Running {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    let url = format!("sqlite:{}", folder.join("keys.db").display());
    let service = Running::start("api-keys", &[("DATABASE_URL", &url)]);
    service.secret("correct-horse");
    service
}

async fn make(service: &Running, user: &str) -> String {
    let user = [basic(user, "correct-horse")];
    let answer = service.post_form("/keys", &user, "name=laptop").await;
    assert_eq!(answer.status, 201, "{answer:?}");
    assert_eq!(answer.header("cache-control"), "no-store");
    let key = answer.body.trim().to_owned();
    assert!(key.starts_with("quotes_live_"), "no key");
    service.secret(&key);
    key
}

async fn status(service: &Running, path: &str, key: &str) -> u16 {
    let answer = service.get(path, &[format!("x-api-key: {key}")]).await;
    answer.status.as_u16()
}

#[tokio::test]
async fn apk_04_a_key_has_the_quota_of_its_owners_plan() {
    let service = start("api-keys-quota");
    for (user, burst, budget) in [("ann", 100, 10_000), ("bob", 1_000, 1_000_000)] {
        let key = make(&service, user).await;
        let header = format!("x-api-key: {key}");
        let answer = service.get("/v1/quote", &[header]).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        let policy = answer.header("ratelimit-policy");
        for part in [format!("q={burst};w=60"), format!("q={budget};w=2592000")] {
            assert!(policy.contains(&part), "{part} in {policy}");
        }
    }
    // Ten of them cost ten: 100 in a minute are ten such requests, and not eleven at once.
    let key = make(&service, "ann").await;
    let headers = [format!("x-api-key: {key}")];
    let asked = (0..30).map(|_| service.get("/v1/quotes", &headers));
    let answers = futures_util::future::join_all(asked).await;
    let good = answers.iter().filter(|answer| answer.status == 200).count();
    assert_eq!(good, 10);
    let refused = answers.iter().find(|answer| answer.status == 429).unwrap();
    assert!(!refused.header("retry-after").is_empty(), "{refused:?}");
    // The other keys of the same user have budgets of their own.
    let other = make(&service, "ann").await;
    assert_eq!(status(&service, "/v1/quotes", &other).await, 200);
}

#[tokio::test]
async fn apk_01_users_manage_their_own_keys_by_password_and_keys_manage_none() {
    let service = start("api-keys-own");
    let key = make(&service, "ann").await;
    let (ann, bob) = (
        [basic("ann", "correct-horse")],
        [basic("bob", "correct-horse")],
    );
    let listed = service.get("/keys", &ann).await.json();
    assert_eq!(listed["keys"][0]["name"], "laptop");
    assert_eq!(listed["keys"][0]["limits"][0], "100/m");
    let id = listed["keys"][0]["id"].as_str().unwrap();
    assert!(!listed.to_string().contains(&key), "the key is listed");
    let bobs = service.get("/keys", &bob).await.json();
    assert_eq!(bobs["keys"].as_array().unwrap().len(), 0);

    let by_key = [format!("x-api-key: {key}")];
    let path = format!("/keys/{id}");
    for (headers, expected) in [(&by_key, 401), (&bob, 404)] {
        for (method, path) in [("DELETE", &path), ("POST", &format!("{path}/rotate"))] {
            let answer = service.send(method, path, headers, "").await;
            assert_eq!(answer.status, expected, "{answer:?}");
        }
    }
    assert_eq!(status(&service, "/v1/quote", &key).await, 200);

    let answer = service
        .send("POST", &format!("{path}/rotate"), &ann, "")
        .await;
    let new = answer.body.trim().to_owned();
    service.secret(&new);
    for key in [&key, &new] {
        assert_eq!(status(&service, "/v1/quote", key).await, 200);
    }
    assert_eq!(service.send("DELETE", &path, &ann, "").await.status, 204);
    for key in [&key, &new] {
        assert_eq!(status(&service, "/v1/quote", key).await, 401);
    }
    let answer = service.get("/keys?cursor=mine", &ann).await;
    assert_eq!(answer.status, 422, "{answer:?}");
}

#[tokio::test]
async fn apk_05_a_key_that_was_found_is_over_and_the_answer_tells_nothing() {
    let service = start("api-keys-leaks");
    let pattern = service.get("/secret-scanning", &[]).await.body;
    assert!(pattern.starts_with("quotes_(?:live|test)_"), "{pattern}");
    let (leaked, kept) = (make(&service, "ann").await, make(&service, "ann").await);
    let report = async |body: &str| {
        let answer = service.send("POST", "/leaked-keys", &[], body).await;
        assert_eq!(answer.status, 202, "{answer:?}");
        assert_eq!(answer.body, "");
    };
    // Its public id is not enough, nor is the secret of another.
    report("").await;
    report("nothing").await;
    report(&leaked[..leaked.len() - 1]).await;
    assert_eq!(status(&service, "/v1/quote", &leaked).await, 200);

    report(&format!("{leaked}\n")).await;
    report(&leaked).await;
    assert_eq!(status(&service, "/v1/quote", &leaked).await, 401);
    assert_eq!(status(&service, "/v1/quote", &kept).await, 200);
}

#[tokio::test]
async fn apk_12_who_tries_keys_is_stopped_and_good_ones_go_on() {
    let service = start("api-keys-failures");
    let good = make(&service, "ann").await;
    assert_eq!(status(&service, "/v1/quote", &good).await, 200);
    // Well-formed, and of nobody: those of another database.
    let elsewhere = start("api-keys-elsewhere");
    let foreign = make(&elsewhere, "ann").await;
    service.secret(&foreign);
    let mut seen = Vec::new();
    for _ in 0..35 {
        seen.push(status(&service, "/v1/quote", &foreign).await);
    }
    assert_eq!(seen[..30], [401; 30]);
    assert_eq!(seen[34], 429, "{seen:?}");
    assert_eq!(status(&service, "/v1/quote", &good).await, 200);
}
