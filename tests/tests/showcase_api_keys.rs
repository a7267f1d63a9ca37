//! The API keys of the showcase, as a black box.
#![allow(clippy::unwrap_used, reason = "a test may")]
#![allow(
    clippy::cloned_ref_to_slice_refs,
    reason = "a list of one header reads like one of two"
)]

mod support;

use serde_json::json;
use support::Running;
use support::showcase::{PASSWORD, api_key, basic, bearer, start};

#[tokio::test]
async fn apk_01_apk_05_apk_06_keys_are_made_listed_rotated_and_revoked_by_their_owner() {
    let showcase = start();
    let alice = bearer(&showcase, "alice", PASSWORD).await;
    let bob = bearer(&showcase, "bob", PASSWORD).await;
    let body = json!({ "name": "mine", "scopes": ["reports:read"], "user_id": "user-bob" });
    let (old, created) = api_key(&showcase, &alice, &body).await;
    let id = created["id"].as_str().unwrap();

    let list = showcase.get("/api-keys", &[alice.clone()]).await;
    assert_eq!(list.json()[0]["id"], id);
    assert!(!list.body.contains(created["key"].as_str().unwrap()));
    assert_eq!(
        showcase.get("/api-keys", &[bob.clone()]).await.json(),
        json!([])
    );
    let me = showcase.get("/me", &[old.clone()]).await.json();
    assert_eq!(
        (&me["subject"], &me["factors"]),
        (&"user-alice".into(), &json!([]))
    );

    // Neither another user nor the key itself manages it.
    let rotate = format!("/api-keys/{id}/rotate");
    let overlap = json!({ "overlap": "10m" });
    for (credential, status) in [(&bob, 404), (&old, 403), (&basic("alice", PASSWORD), 403)] {
        let headers = [credential.clone()];
        assert_eq!(
            showcase.post_json(&rotate, &headers, &overlap).await.status,
            status
        );
        let answer = showcase
            .send("DELETE", &format!("/api-keys/{id}"), &headers, "")
            .await;
        assert_eq!(answer.status, status);
    }

    let rotated = showcase
        .post_json(&rotate, &[alice.clone()], &overlap)
        .await;
    assert_eq!(rotated.status, 200, "{rotated:?}");
    let new = rotated.json()["key"].as_str().unwrap().to_owned();
    showcase.secret(&new);
    let new = format!("x-api-key: {new}");
    for key in [&old, &new] {
        assert_eq!(showcase.get("/reports", &[key.clone()]).await.status, 200);
    }
    let gone = showcase
        .send("DELETE", &format!("/api-keys/{id}"), &[alice.clone()], "")
        .await;
    assert_eq!(gone.status, 204);
    for key in [&old, &new] {
        let answer = showcase.get("/reports", &[key.clone()]).await;
        assert_eq!(answer.problem(), "invalid_credential");
    }
    assert_eq!(
        showcase
            .post_json(&rotate, &[alice.clone()], &overlap)
            .await
            .problem(),
        "conflict"
    );

    for (body, status) in [
        (json!({}), 422),
        (json!({ "name": "" }), 422),
        (json!({ "name": "x", "expires_in": "soon" }), 422),
        (json!({ "name": "x", "expires_in": "0s" }), 422),
        (json!({ "name": "x", "allowed_cidrs": ["everywhere"] }), 422),
        (json!({ "name": "x", "scopes": ["everything"] }), 403),
        (json!({ "name": "x", "scopes": ["a b"] }), 422),
    ] {
        let answer = showcase
            .post_json("/api-keys", &[alice.clone()], &body)
            .await;
        assert_eq!(answer.status, status, "{body}: {answer:?}");
        answer.problem();
    }
    let body = json!({ "username": "alice", "password": PASSWORD, "scope": "" });
    let narrow = showcase.post_json("/token", &[], &body).await.json();
    let narrow = narrow["access_token"].as_str().unwrap();
    showcase.secret(narrow);
    let headers = [format!("authorization: Bearer {narrow}")];
    let body = json!({ "name": "x", "scopes": ["reports:read"] });
    let answer = showcase.post_json("/api-keys", &headers, &body).await;
    assert_eq!(answer.problem(), "insufficient_scope");

    for id in ["nothing", "..%2f", "%00"] {
        let path = format!("/api-keys/{id}");
        let answer = showcase.send("DELETE", &path, &[alice.clone()], "").await;
        assert_eq!(answer.status, 404, "{id}");
    }
}

#[tokio::test]
async fn apk_02_apk_09_a_key_is_taken_whole_from_its_headers_and_nowhere_else() {
    let showcase = start();
    let alice = bearer(&showcase, "alice", PASSWORD).await;
    let (header, created) = api_key(&showcase, &alice, &json!({ "name": "mine" })).await;
    let key = created["key"].as_str().unwrap();
    let answer = showcase
        .get("/me", &[format!("authorization: Bearer {key}")])
        .await;
    assert_eq!(answer.json()["scheme"], "api-key");
    assert_eq!(
        showcase
            .get(&format!("/me?api_key={key}&key={key}"), &[])
            .await
            .status,
        401
    );
    let mut changed = vec![format!("{header}x"), header[..header.len() - 1].to_owned()];
    changed.push(format!("x-api-key: {}", key.to_uppercase()));
    changed.push(format!("x-api-key: {}", key.replace("live", "test")));
    changed.push("x-api-key: ".to_owned());
    for header in changed {
        let answer = showcase.get("/me", &[header.clone()]).await;
        assert_eq!(answer.status, 401, "{header}");
        assert_eq!(answer.problem(), "invalid_credential");
    }
}

#[tokio::test]
async fn x_08_networks_of_a_key_follow_the_client_and_not_its_headers() {
    let showcase = start();
    let alice = bearer(&showcase, "alice", PASSWORD).await;
    let spoofed = "x-forwarded-for: 203.0.113.7".to_owned();
    for (network, status) in [("127.0.0.0/8", 200), ("203.0.113.0/24", 401)] {
        let body = json!({ "name": "here", "allowed_cidrs": [network] });
        let (key, _) = api_key(&showcase, &alice, &body).await;
        let answer = showcase.get("/me", &[key, spoofed.clone()]).await;
        assert_eq!(answer.status, status, "{network}");
    }

    // Behind a proxy nothing that a client writes makes it look like the proxy.
    let variables = [
        ("DEMO_PASSWORD", PASSWORD),
        ("TRUSTED_PROXIES", "127.0.0.1"),
    ];
    let showcase = Running::start("showcase", &variables);
    let alice = bearer(&showcase, "alice", PASSWORD).await;
    let body = json!({ "name": "inside", "allowed_cidrs": ["127.0.0.0/8", "10.0.0.0/8"] });
    let (key, _) = api_key(&showcase, &alice, &body).await;
    for (forwarded, status) in [
        ("10.1.2.3", 200),
        ("203.0.113.7", 401),
        ("10.1.2.3, 203.0.113.7", 401),
        ("ÿ, 203.0.113.7", 401),
        ("203.0.113.7, ÿ", 401),
        ("unknown", 401),
    ] {
        let headers = [key.clone(), format!("x-forwarded-for: {forwarded}")];
        let answer = showcase.get("/me", &headers).await;
        assert_eq!(answer.status, status, "{forwarded}");
    }
}

#[tokio::test]
async fn x_15_a_body_that_is_no_request_for_a_key_is_a_problem_and_makes_none() {
    let showcase = start();
    let alice = bearer(&showcase, "alice", PASSWORD).await;
    let send = async |path: &str, body: &str| {
        let headers = [alice.clone(), "content-type: application/json".to_owned()];
        showcase.send("POST", path, &headers, body).await
    };
    let deep = format!("{}{}", "[".repeat(20_000), "]".repeat(20_000));
    let long = format!(r#"{{"name":"{}"}}"#, "x".repeat(101));
    let large = format!(r#"{{"name":"{}"}}"#, "x".repeat(70_000));
    for (body, status) in [
        ("", 400),
        ("{", 400),
        ("nothing", 400),
        ("{}", 422),
        ("null", 422),
        ("7", 422),
        (r#""name""#, 422),
        ("[]", 422),
        (r#"["mine"]"#, 422),
        (r#"["mine",[],null,[],[],null]"#, 422),
        (r#"{"name":null}"#, 422),
        (r#"{"name":7}"#, 422),
        (r#"{"name":["x"]}"#, 422),
        (r#"{"name":"a","name":"b"}"#, 422),
        (r#"{"name":"a\u0000b"}"#, 422),
        (r#"{"name":"x","scopes":7}"#, 422),
        (r#"{"name":"x","scopes":{"a":"b"}}"#, 422),
        (r#"{"name":"x","expires_in":30}"#, 422),
        (r#"{"name":"x","expires_in":"-1d"}"#, 422),
        (r#"{"name":"x","expires_in":"9999999999d"}"#, 422),
        (r#"{"name":"x","allowed_cidrs":"10.0.0.0/8"}"#, 422),
        (r#"{"name":"x","allowed_cidrs":[""]}"#, 422),
        (r#"{"name":"x","allowed_cidrs":["10.0.0.0/33"]}"#, 422),
        (r#"{"name":"x","allowed_cidrs":[10]}"#, 422),
        (r#"{"name":"x","limit":100}"#, 422),
        (r#"{"name":"x","limit":["100/m"]}"#, 422),
        (r#"{"name":"x","limit":""}"#, 422),
        (r#"{"name":"x","limit":"100"}"#, 422),
        (r#"{"name":"x","limit":"0/m"}"#, 422),
        (r#"{"name":"x","limit":"-1/m"}"#, 422),
        (r#"{"name":"x","limit":"1e3/m"}"#, 422),
        (r#"{"name":"x","limit":"99999999999999999999/s"}"#, 422),
        (r#"{"name":"x","limit":"1/9999d"}"#, 422),
        (r#"{"name":"x","limit":"1/m,2/m,3/m,4/m,5/m"}"#, 422),
        (r#"{"name":"x","limit":"1/m,"}"#, 422),
        (&deep, 422),
        (&long, 422),
        (&large, 413),
    ] {
        let answer = send("/api-keys", body).await;
        let short: String = body.chars().take(60).collect();
        assert_eq!(answer.status, status, "{short}: {answer:?}");
        answer.problem();
    }
    let plain = [alice.clone(), "content-type: text/plain".to_owned()];
    let answer = showcase
        .send("POST", "/api-keys", &plain, r#"{"name":"x"}"#)
        .await;
    assert_eq!(answer.status, 415, "{answer:?}");
    answer.problem();
    let keys = showcase.get("/api-keys", &[alice.clone()]).await;
    assert_eq!(keys.json(), json!([]));

    let (_, created) = api_key(&showcase, &alice, &json!({ "name": "mine" })).await;
    let rotate = format!("/api-keys/{}/rotate", created["id"].as_str().unwrap());
    for body in [
        "",
        "null",
        r#"["10m"]"#,
        r#"{"overlap":600}"#,
        r#"{"overlap":"10"}"#,
        r#"{"overlap":"91d"}"#,
        r#"{"overlap":"99999999999999999999d"}"#,
    ] {
        let answer = send(&rotate, body).await;
        assert!(answer.status.is_client_error(), "{body}: {answer:?}");
        answer.problem();
    }
    let key = created["key"].as_str().unwrap();
    let header = format!("x-api-key: {key}");
    assert_eq!(showcase.get("/me", &[header]).await.status, 200);
}

#[tokio::test]
async fn apk_04_a_limit_is_kept_told_and_survives_a_rotation() {
    let showcase = start();
    let alice = bearer(&showcase, "alice", PASSWORD).await;
    let body = json!({ "name": "limited", "limit": "10/h,100/30d" });
    let (key, created) = api_key(&showcase, &alice, &body).await;
    assert_eq!(created["limit"], "10/h,100/30d");
    let (free, _) = api_key(&showcase, &alice, &json!({ "name": "free" })).await;

    let use_it = async || showcase.get("/me", &[key.clone()]).await;
    let answers = futures_util::future::join_all((0..40).map(|_| use_it())).await;
    let (good, refused): (Vec<_>, Vec<_>) =
        answers.into_iter().partition(|answer| answer.status == 200);
    assert_eq!((good.len(), refused.len()), (10, 30));
    for answer in good.iter().chain(&refused) {
        let policy = answer.header("ratelimit-policy");
        assert!(policy.contains("q=10;w=3600"), "{answer:?}");
        assert!(policy.contains("q=100;w=2592000"), "{answer:?}");
        assert!(answer.header("ratelimit").contains("r="), "{answer:?}");
    }
    for answer in &refused {
        assert_eq!(answer.status, 429, "{answer:?}");
        answer.problem();
        let seconds: u64 = answer.header("retry-after").parse().unwrap();
        assert!((1..=360).contains(&seconds), "{answer:?}");
    }
    // It is the key's, whatever its secret is, and no other's.
    let path = format!("/api-keys/{}/rotate", created["id"].as_str().unwrap());
    let rotated = showcase
        .post_json(&path, &[alice.clone()], &json!({ "overlap": "1h" }))
        .await
        .json();
    let new = rotated["key"].as_str().unwrap();
    showcase.secret(new);
    assert_eq!(rotated["limit"], "10/h,100/30d");
    let answer = showcase.get("/me", &[format!("x-api-key: {new}")]).await;
    assert_eq!(answer.status, 429, "{answer:?}");
    let answer = showcase.get("/me", &[free]).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.header("ratelimit"), "");
    let listed = showcase.get("/api-keys", &[alice]).await.json();
    let limits: Vec<_> = listed.as_array().unwrap().iter().collect();
    assert!(limits.iter().any(|key| key["limit"].is_null()), "{listed}");
}

#[tokio::test]
async fn apk_06_the_old_secret_says_until_when_it_is_good() {
    let showcase = start();
    let alice = bearer(&showcase, "alice", PASSWORD).await;
    let (old, created) = api_key(&showcase, &alice, &json!({ "name": "mine" })).await;
    let answer = showcase.get("/me", &[old.clone()]).await;
    assert_eq!(answer.header("deprecation"), "");
    assert_eq!(answer.header("sunset"), "");
    let path = format!("/api-keys/{}/rotate", created["id"].as_str().unwrap());
    let rotated = showcase
        .post_json(&path, &[alice], &json!({ "overlap": "10m" }))
        .await
        .json();
    let new = rotated["key"].as_str().unwrap();
    showcase.secret(new);
    let new = format!("x-api-key: {new}");
    for path in ["/me", "/nowhere-to-be-found"] {
        let answer = showcase.get(path, &[new.clone()]).await;
        assert_eq!(answer.header("deprecation"), "", "{answer:?}");
    }
    // Also where a guard refuses.
    for (path, status) in [("/me", 200), ("/reports", 403)] {
        let answer = showcase.get(path, &[old.clone()]).await;
        assert_eq!(answer.status, status, "{answer:?}");
        assert!(answer.header("deprecation").starts_with('@'), "{answer:?}");
        assert!(answer.header("sunset").ends_with(" GMT"), "{answer:?}");
    }
}

#[tokio::test]
async fn apk_11_the_last_use_is_written_behind_and_at_an_orderly_end() {
    let folder = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("showcase-last-use");
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    let url = format!("sqlite:{}", folder.join("showcase.db").display());
    let start = || {
        let variables = [
            ("DEMO_PASSWORD", PASSWORD),
            ("DATABASE_URL", &*url),
            // The same after a restart on another port: it is a part of who owns a key.
            ("JWT_ISSUER", "https://showcase.example"),
        ];
        Running::start("showcase", &variables)
    };
    let mut showcase = start();
    let alice = bearer(&showcase, "alice", PASSWORD).await;
    let (key, created) = api_key(&showcase, &alice, &json!({ "name": "used" })).await;
    assert!(created["last_used_at"].is_null(), "{created}");
    assert_eq!(showcase.get("/me", &[key]).await.status, 200);
    // Not while somebody waits for the answer.
    let listed = showcase.get("/api-keys", &[alice]).await.json();
    assert!(listed[0]["last_used_at"].is_null(), "{listed}");

    showcase.terminate();
    let showcase = start();
    let alice = bearer(&showcase, "alice", PASSWORD).await;
    let listed = showcase.get("/api-keys", &[alice]).await.json();
    let used = listed[0]["last_used_at"].as_u64().unwrap();
    let made = listed[0]["created_at"].as_u64().unwrap();
    assert!((made..made + 120).contains(&used), "{listed}");
}

#[tokio::test]
async fn a_key_that_is_bound_to_origins_is_refused_from_others() {
    let showcase = start();
    let alice = bearer(&showcase, "alice", PASSWORD).await;
    let body = json!({ "name": "widget", "allowed_origins": ["https://shop.example"] });
    let (key, created) = api_key(&showcase, &alice, &body).await;
    assert_eq!(created["allowed_origins"], json!(["https://shop.example"]));
    for (origin, status) in [
        ("https://shop.example", 200),
        ("https://evil.example", 401),
        ("https://shop.example.evil.example", 401),
        ("null", 401),
    ] {
        let headers = [key.clone(), format!("origin: {origin}")];
        let answer = showcase.get("/me", &headers).await;
        assert_eq!(answer.status, status, "{origin}: {answer:?}");
    }
    let body = json!({ "name": "widget", "allowed_origins": ["shop.example/path"] });
    let answer = showcase.post_json("/api-keys", &[alice], &body).await;
    assert_eq!(answer.status, 422, "{answer:?}");
    assert!(
        answer.json()["detail"]
            .as_str()
            .unwrap()
            .contains("allowed_origins")
    );
}
