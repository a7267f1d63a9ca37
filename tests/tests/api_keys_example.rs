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
async fn apk_04_a_plans_quota_is_not_renewed_by_revoking_keys_and_making_others() {
    let service = start("api-keys-renewed");
    let ann = [basic("ann", "correct-horse")];
    let renew = async || {
        let answer = service.post_form("/keys", &ann, "name=laptop").await;
        if answer.status == 201 {
            let key = answer.body.trim().to_owned();
            service.secret(&key);
            let (_, id) = key.split_at("quotes_live_".len());
            let path = format!("/keys/{}", &id[..12]);
            let revoked = service.send("DELETE", &path, &ann, "").await;
            assert_eq!(revoked.status, 204, "{revoked:?}");
        }
        answer
    };
    for _ in 0..10 {
        let answer = renew().await;
        assert_eq!(answer.status, 201, "{answer:?}");
    }
    let refused = renew().await;
    assert_eq!(refused.status, 429, "{refused:?}");
    let seconds: u64 = refused.header("retry-after").parse().unwrap();
    assert!(seconds > 2 * 24 * 60 * 60, "{seconds}");
    // Everything else goes on, and so does everybody else.
    assert_eq!(service.get("/keys", &ann).await.status, 200);
    make(&service, "bob").await;
}

#[tokio::test]
async fn csr_01_other_sites_manage_no_keys_by_the_password_that_a_browser_knows() {
    let service = start("api-keys-sites");
    let key = make(&service, "ann").await;
    let ann = basic("ann", "correct-horse");
    let signed_in = [ann.clone()];
    let listed = service.get("/keys", &signed_in).await.json();
    let path = format!("/keys/{}", listed["keys"][0]["id"].as_str().unwrap());
    let rotate = format!("{path}/rotate");
    let form = "content-type: application/x-www-form-urlencoded";
    for from in [
        "sec-fetch-site: cross-site",
        "sec-fetch-site: same-site",
        "origin: https://evil.example",
        "origin: null",
    ] {
        let headers = [ann.clone(), form.to_owned(), from.to_owned()];
        for (method, path) in [("POST", "/keys"), ("POST", &rotate), ("DELETE", &path)] {
            let answer = service.send(method, path, &headers, "name=evil").await;
            assert_eq!(answer.status, 403, "{method} {path} {from}: {answer:?}");
        }
    }
    let after = service.get("/keys", &signed_in).await.json();
    assert_eq!(after["keys"].as_array().unwrap().len(), 1, "{after}");
    assert!(after["keys"][0]["revoked_at"].is_null(), "{after}");
    assert_eq!(status(&service, "/v1/quote", &key).await, 200);

    // A page of this origin, and a program, which says nothing.
    let own = "sec-fetch-site: same-origin".to_owned();
    let headers = [ann.clone(), form.to_owned(), own];
    let answer = service.send("POST", "/keys", &headers, "name=mine").await;
    assert_eq!(answer.status, 201, "{answer:?}");
    service.secret(answer.body.trim());
    let answer = service.send("DELETE", &path, &signed_in, "").await;
    assert_eq!(answer.status, 204, "{answer:?}");
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
    // Of the two reports one was news.
    let log = service.stop();
    assert_eq!(log.matches("\"leaked\"").count(), 1, "{log}");
}

#[tokio::test]
async fn apk_05_a_secret_that_is_over_does_not_end_the_key_that_replaced_it() {
    let service = start("api-keys-leaks-over");
    let ann = [basic("ann", "correct-horse")];
    let first = make(&service, "ann").await;
    let listed = service.get("/keys", &ann).await.json();
    let path = format!("/keys/{}/rotate", listed["keys"][0]["id"].as_str().unwrap());
    let rotate = async || {
        let answer = service.send("POST", &path, &ann, "").await;
        assert_eq!(answer.status, 200, "{answer:?}");
        let key = answer.body.trim().to_owned();
        service.secret(&key);
        key
    };
    let (second, third) = (rotate().await, rotate().await);
    let report = async |body: &str| {
        let answer = service.send("POST", "/leaked-keys", &[], body).await;
        assert_eq!(answer.status, 202, "{answer:?}");
    };
    // A key in form and checksum, and of the same id.
    assert_eq!(first[..24], third[..24]);
    report(&first).await;
    for (key, expected) in [(&first, 401), (&second, 200), (&third, 200)] {
        assert_eq!(status(&service, "/v1/quote", key).await, expected);
    }
    // The one before the current one is good for a day yet.
    report(&second).await;
    for key in [&first, &second, &third] {
        assert_eq!(status(&service, "/v1/quote", key).await, 401);
    }
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
