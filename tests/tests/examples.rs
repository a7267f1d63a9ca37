//! Each example is started and asked.
#![allow(clippy::unwrap_used, reason = "a test may")]
#![allow(
    clippy::cloned_ref_to_slice_refs,
    reason = "a list of one header reads like one of two"
)]

mod support;

use support::Running;

fn basic(user: &str, password: &str) -> String {
    use base64::Engine as _;
    let pair = base64::engine::general_purpose::STANDARD.encode(format!("{user}:{password}"));
    format!("authorization: Basic {pair}")
}

#[tokio::test]
async fn basic_guards_metrics() {
    let secret = "a-long-random-secret";
    let example = Running::start("basic", &[("SCRAPE_PASSWORD", secret)]);
    example.secret(secret);
    for (headers, path, status) in [
        (vec![], "/healthz", 200),
        (vec![], "/metrics", 401),
        (vec![basic("prometheus", secret)], "/metrics", 200),
        (vec![basic("prometheus", "wrong")], "/metrics", 401),
        (vec![], "/nowhere", 404),
    ] {
        let answer = example.get(path, &headers).await;
        assert_eq!(answer.status, status, "{path}: {answer:?}");
    }
}

#[tokio::test]
async fn custom_scheme_knows_its_devices() {
    let example = Running::start("custom-scheme", &[]);
    example.secret("correct-horse");
    for (header, status) in [
        (None, 401),
        (Some("authorization: Device correct-horse"), 200),
        (Some("authorization: device  correct-horse"), 200),
        (Some("authorization: Device wrong"), 401),
        (Some("authorization: Device "), 401),
        (Some("authorization: Bearer correct-horse"), 401),
    ] {
        let headers: Vec<_> = header.map(str::to_owned).into_iter().collect();
        let answer = example.get("/telemetry", &headers).await;
        assert_eq!(answer.status, status, "{header:?}: {answer:?}");
        let challenge = answer.header("www-authenticate");
        assert_eq!(challenge == "Device", status == 401, "{header:?}");
    }
}

#[tokio::test]
async fn multi_scheme_knows_ann_by_all_four() {
    let example = Running::start("multi-scheme", &[]);
    example.secret("correct-horse");
    let ann = [basic("ann", "correct-horse")];
    let made = async |path: &str| {
        let answer = example.send("POST", path, &ann, "").await;
        assert_eq!(answer.status, 200, "{path}: {answer:?}");
        answer
    };
    let token = made("/token").await.body.trim().to_owned();
    let key = made("/key").await.body.trim().to_owned();
    let cookie = made("/login").await.cookie();
    for secret in [&token, &key, cookie.split_once('=').unwrap().1] {
        example.secret(secret);
    }
    for (header, scheme) in [
        (ann[0].clone(), "basic"),
        (format!("authorization: Bearer {token}"), "bearer"),
        (format!("authorization: Bearer {key}"), "api-key"),
        (format!("x-api-key: {key}"), "api-key"),
        (cookie.clone(), "session"),
    ] {
        let headers = [header];
        let me = example.get("/me", &headers).await;
        assert_eq!(me.body, format!("user-1 by {scheme}\n"));
        let again = example.send("POST", "/token", &headers, "").await.status;
        assert_eq!(
            again.as_u16(),
            if scheme == "basic" { 200 } else { 403 },
            "{scheme}"
        );
    }
    assert_eq!(example.get("/me", &[]).await.status, 401);
}

#[tokio::test]
async fn session_login_signs_in_and_out() {
    let example = Running::start("session-login", &[]);
    example.secret("correct-horse");
    let navigation = "sec-fetch-mode: navigate".to_owned();

    let away = example.get("/?a=b", &[navigation.clone()]).await;
    assert_eq!(away.status, 303, "{away:?}");
    let form = example.get(away.header("location"), &[]).await;
    assert!(form.body.contains(r#"value="/?a=b""#), "{form:?}");
    // Programs are not led astray.
    assert_eq!(example.get("/", &[]).await.status, 401);

    let wrong = "username=%3Cann&password=wrong&return_to=/";
    let answer = example.post_form("/login", &[], wrong).await;
    assert_eq!(answer.status, 401);
    assert!(answer.body.contains(r#"value="&lt;ann""#), "{answer:?}");
    assert!(answer.headers.get("set-cookie").is_none());

    let right = "username=ann&password=correct-horse&return_to=";
    for (return_to, location) in [("/?a=b", "/?a=b"), ("//evil.example", "/")] {
        let form = format!("{right}{return_to}");
        let answer = example.post_form("/login", &[], &form).await;
        assert_eq!(answer.header("location"), location, "{answer:?}");
        let cookie = [answer.cookie()];
        example.secret(cookie[0].split_once('=').unwrap().1);
        let home = example.get("/", &cookie).await;
        assert!(home.body.contains("You are user-1."), "{home:?}");

        assert_eq!(example.post_form("/logout", &cookie, "").await.status, 303);
        assert_eq!(example.get("/", &cookie).await.status, 401);
    }
    // Whoever goes on guessing is stopped, with a form that says so.
    let mut last = example.post_form("/login", &[], wrong).await;
    for _ in 0..10 {
        last = example.post_form("/login", &[], wrong).await;
    }
    assert_eq!(last.status, 429, "{last:?}");
    assert!(!last.header("retry-after").is_empty());
    assert!(last.body.contains("Too many attempts"), "{last:?}");

    let elsewhere = [
        "origin: https://evil.example".to_owned(),
        "content-type: application/x-www-form-urlencoded".to_owned(),
    ];
    let answer = example.send("POST", "/login", &elsewhere, right).await;
    assert_eq!(answer.status, 403, "{answer:?}");
}
