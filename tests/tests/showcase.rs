//! The showcase as a black box, as `examples/showcase` promises it.
#![allow(clippy::unwrap_used, reason = "a test may")]
#![allow(
    clippy::cloned_ref_to_slice_refs,
    reason = "a list of one header reads like one of two"
)]

mod support;

use serde_json::{Value, json};
use support::showcase::{PASSWORD, api_key, basic, bearer, hs256, log_in, start};
use support::{Running, refuses_to_start};

#[test]
fn the_printed_lines_work_as_they_are() {
    let showcase = Running::start("showcase", &[("PATH", "/usr/bin:/bin")]);
    let mut lines = Vec::new();
    for _ in 0..500 {
        let greeting = showcase.greeting.lock().unwrap().clone();
        lines = greeting
            .lines()
            .filter(|line| line.starts_with("curl "))
            .map(str::to_owned)
            .collect();
        if lines.len() == 3 {
            break;
        }
        std::thread::yield_now();
        let _ = Running::shell("sleep 0.01");
    }
    assert_eq!(lines.len(), 3, "{lines:?}");
    let output: String = lines.iter().map(|line| Running::shell(line)).collect();
    let answers: Vec<Value> = serde_json::Deserializer::from_str(&output)
        .into_iter()
        .collect::<Result<_, _>>()
        .unwrap_or_else(|error| panic!("{error}: {output}"));
    let schemes: Vec<_> = answers.iter().map(|me| me["scheme"].clone()).collect();
    assert_eq!(schemes, ["basic", "session", "bearer", "api-key"]);
    assert!(
        answers
            .iter()
            .all(|me| me["subject"] == answers[0]["subject"])
    );

    let greeting = showcase.greeting.lock().unwrap().clone();
    let password = greeting
        .lines()
        .find_map(|line| line.split_once("password "));
    showcase.secret(password.unwrap().1.trim());
}

#[test]
fn a_password_that_was_configured_is_not_printed() {
    let showcase = start();
    let health = format!("curl -sf {}/healthz", showcase.url);
    Running::shell(&health);
    assert!(!showcase.greeting.lock().unwrap().contains(PASSWORD));
}

#[tokio::test]
async fn dig_01_curl_digest_and_anyauth_work() {
    let showcase = start();
    let curl = |arguments: &str, path: &str| {
        Running::shell(&format!("curl -s {arguments} {}{path}", showcase.url))
    };
    let login = format!("-u 'alice:{PASSWORD}'");
    for (arguments, path, scheme) in [
        (format!("--digest {login}"), "/legacy", "digest"),
        (format!("--anyauth {login}"), "/legacy", "digest"),
        (format!("--anyauth {login}"), "/me", "basic"),
        (format!("--basic {login}"), "/me", "basic"),
    ] {
        let me: Value = serde_json::from_str(&curl(&arguments, path)).unwrap();
        assert_eq!(me["scheme"], scheme, "{arguments} {path}");
        assert_eq!(me["subject"], "user-alice");
    }
    let status = "-o /dev/null -w '%{http_code}'";
    for (arguments, path) in [
        (format!("--digest {login}"), "/me"),
        (format!("--basic {login}"), "/legacy"),
        ("--digest -u 'alice:wrong'".to_owned(), "/legacy"),
        ("--digest -u 'mallory:wrong'".to_owned(), "/legacy"),
    ] {
        assert_eq!(
            curl(&format!("{status} {arguments}"), path),
            "401",
            "{arguments} {path}"
        );
    }
    // SHA-256 is offered before MD5.
    let challenges = showcase.get("/legacy", &[]).await.headers;
    let challenges: Vec<_> = challenges
        .get_all("www-authenticate")
        .iter()
        .map(|value| value.to_str().unwrap().to_owned())
        .collect();
    assert_eq!(challenges.len(), 2);
    assert!(
        challenges[0].contains("algorithm=SHA-256"),
        "{challenges:?}"
    );
    assert!(challenges[1].contains("algorithm=MD5"), "{challenges:?}");
}

#[tokio::test]
async fn each_route_answers_each_identity_as_promised() {
    let showcase = start();
    for (user, admin, reports) in [("alice", 200, 200), ("bob", 403, 403)] {
        let token = bearer(&showcase, user, PASSWORD).await;
        let scopes = if user == "alice" {
            json!(["reports:read"])
        } else {
            json!([])
        };
        let body = json!({ "name": "all", "scopes": scopes });
        let (key, _) = api_key(&showcase, &token, &body).await;
        let session = log_in(&showcase, user, PASSWORD).await.cookie();
        for (credential, scheme) in [
            (&session, "session"),
            (&token, "bearer"),
            (&key, "api-key"),
            (&basic(user, PASSWORD), "basic"),
        ] {
            let headers = [credential.clone()];
            for path in ["/me", "/whoami"] {
                let answer = showcase.get(path, &headers).await;
                assert_eq!(answer.status, 200, "{user} by {scheme}: {answer:?}");
                assert_eq!(answer.header("cache-control"), "no-store");
                let me = answer.json();
                assert_eq!(me["scheme"], scheme);
                assert_eq!(me["subject"], format!("user-{user}"));
                assert_eq!(me["issuer"], showcase.url);
                assert!(me["scopes"].is_array() && me["roles"].is_array());
                assert!(me["factors"].is_array() && me["claims"].is_object());
                assert_eq!(me.get("session_id").is_some(), scheme == "session");
            }
            let answer = showcase.get("/admin", &headers).await;
            assert_eq!(answer.status, admin, "{user} by {scheme}");
            if admin == 403 {
                assert_eq!(answer.problem(), "forbidden");
                assert_eq!(answer.header("www-authenticate"), "");
            }
            let answer = showcase.get("/reports", &headers).await;
            assert_eq!(answer.status, reports, "{user} by {scheme}");
            if reports == 403 {
                assert_eq!(answer.problem(), "insufficient_scope");
                assert_eq!(
                    answer.header("www-authenticate").is_empty(),
                    scheme != "bearer"
                );
            }
            // Digest alone opens this one.
            assert_eq!(showcase.get("/legacy", &headers).await.status, 401);
        }
    }
}

#[tokio::test]
async fn x_11_nobody_is_told_what_would_be_accepted() {
    let showcase = start();
    let answer = showcase.get("/whoami", &[]).await;
    assert_eq!(
        (answer.status.as_u16(), answer.json()),
        (200, json!({ "subject": null }))
    );
    for path in [
        "/me",
        "/admin",
        "/reports",
        "/sessions",
        "/api-keys",
        "/legacy",
    ] {
        let answer = showcase.get(path, &[]).await;
        assert_eq!(answer.status, 401, "{path}");
        assert_eq!(answer.problem(), "unauthenticated", "{path}");
        assert!(!answer.header("www-authenticate").is_empty(), "{path}");
        assert!(
            !format!("{:?}", answer.headers).contains("error="),
            "{path}"
        );
    }
    for (authorization, code) in [
        ("Bearer garbage", "invalid_credential"),
        ("Bearer ", "invalid_credential"),
        ("Basic !!!", "invalid_credential"),
        ("Negotiate abc", "invalid_credential"),
        ("Digest username=\"alice\"", "invalid_credential"),
    ] {
        for path in ["/me", "/whoami"] {
            let answer = showcase
                .get(path, &[format!("authorization: {authorization}")])
                .await;
            assert_eq!(answer.status, 401, "{authorization}");
            assert_eq!(answer.problem(), code, "{authorization}");
        }
    }
    let twice = vec![basic("alice", PASSWORD); 2];
    let answer = showcase.get("/me", &twice).await;
    assert_eq!(
        (answer.status.as_u16(), answer.problem()),
        (400, "invalid_request".to_owned())
    );
}

#[tokio::test]
async fn x_05_credentials_that_contradict_each_other_are_refused() {
    let showcase = start();
    let alice = log_in(&showcase, "alice", PASSWORD).await.cookie();
    let token = bearer(&showcase, "alice", PASSWORD).await;
    let (key, _) = api_key(&showcase, &token, &json!({ "name": "mine" })).await;
    let others = bearer(&showcase, "bob", PASSWORD).await;
    let stale = format!("cookie: session={}", "A".repeat(43));
    for (credentials, status) in [
        ([&alice, &token], 200),
        ([&alice, &key], 200),
        ([&token, &key], 200),
        ([&alice, &others], 401),
        ([&key, &others], 401),
        ([&alice, &"authorization: Bearer x".to_owned()], 401),
        ([&key, &basic("alice", "wrong")], 401),
        ([&token, &"x-api-key: garbage".to_owned()], 401),
        // A cookie that means nothing counts as nothing.
        ([&token, &"cookie: session=unknown".to_owned()], 200),
        ([&token, &stale], 200),
        // Nothing beside it makes up for an `Authorization` that nobody knows.
        ([&alice, &"authorization: Bassic YQ==".to_owned()], 401),
        ([&key, &"authorization: Bassic YQ==".to_owned()], 401),
        ([&stale, &"authorization: Bassic YQ==".to_owned()], 401),
    ] {
        let headers = credentials.map(Clone::clone);
        let answer = showcase.get("/me", &headers).await;
        assert_eq!(answer.status, status, "{headers:?}: {answer:?}");
    }
}

#[tokio::test]
async fn ses_05_logging_out_ends_the_session() {
    let showcase = start();
    let first = log_in(&showcase, "alice", PASSWORD).await;
    assert_eq!(first.header("location"), "/");
    let cookie = [first.cookie()];
    assert_eq!(showcase.get("/me", &cookie).await.status, 200);

    let answer = showcase.post_form("/logout", &cookie, "").await;
    assert_eq!(answer.status, 303);
    assert!(
        answer.header("set-cookie").contains("Max-Age=0"),
        "{answer:?}"
    );
    assert_eq!(showcase.get("/me", &cookie).await.status, 401);
    assert_eq!(
        showcase.get("/whoami", &cookie).await.json(),
        json!({ "subject": null })
    );
}

#[tokio::test]
async fn bas_01_failed_logins_look_alike() {
    let showcase = start();
    let long = "x".repeat(5000);
    let mut seen = Vec::new();
    for (user, password) in [("alice", "wrong"), ("mallory", "wrong"), ("alice", &*long)] {
        let answer = log_in(&showcase, user, password).await;
        assert_eq!(answer.status, 401, "{user}");
        assert!(!answer.headers.contains_key("set-cookie"));
        let mut headers = answer.headers.clone();
        headers.remove("date");
        seen.push((headers, answer.body));
        let basic = showcase.get("/me", &[basic(user, password)]).await;
        assert_eq!(basic.problem(), "invalid_credential");
    }
    assert!(seen.windows(2).all(|pair| pair[0] == pair[1]), "{seen:#?}");
}

#[tokio::test]
async fn csr_04_other_sites_can_neither_log_in_nor_use_a_session() {
    let showcase = start();
    let cookie = log_in(&showcase, "alice", PASSWORD).await.cookie();
    let form = format!("username=alice&password={}", PASSWORD.replace(' ', "+"));
    let form_type = "content-type: application/x-www-form-urlencoded".to_owned();
    for site in [
        "sec-fetch-site: cross-site",
        "sec-fetch-site: same-site",
        "origin: https://evil.example",
        "origin: null",
    ] {
        let headers = [form_type.clone(), site.to_owned(), cookie.clone()];
        let answer = showcase.send("POST", "/login", &headers[..2], &form).await;
        assert_eq!(answer.status, 403, "{site}: {answer:?}");
        answer.problem();
        for (method, path) in [
            ("POST", "/logout"),
            ("DELETE", "/sessions"),
            ("POST", "/api-keys"),
            ("POST", "/account/password"),
        ] {
            let answer = showcase.send(method, path, &headers, "").await;
            assert_eq!(answer.status, 403, "{method} {path} {site}: {answer:?}");
            answer.problem();
        }
    }
    assert_eq!(showcase.get("/me", &[cookie]).await.status, 200);

    // A program with a token is not a browser.
    let token = bearer(&showcase, "alice", PASSWORD).await;
    api_key(&showcase, &token, &json!({ "name": "fine" })).await;
}

#[tokio::test]
async fn csr_01_a_browser_that_resends_basic_changes_no_password_for_another_site() {
    let showcase = start();
    let form = format!("current={0}&new={0}", PASSWORD.replace(' ', "+"));
    let form_type = "content-type: application/x-www-form-urlencoded".to_owned();
    for (site, status) in [
        ("sec-fetch-site: cross-site", 403),
        ("sec-fetch-site: same-site", 403),
        ("origin: https://evil.example", 403),
        ("origin: null", 403),
        // A program says neither.
        ("x-nothing: here", 303),
    ] {
        let headers = [basic("alice", PASSWORD), form_type.clone(), site.to_owned()];
        let answer = showcase
            .send("POST", "/account/password", &headers, &form)
            .await;
        assert_eq!(answer.status, status, "{site}: {answer:?}");
        if status == 403 {
            answer.problem();
        }
    }
}

#[tokio::test]
async fn red_01_login_returns_to_this_origin_only() {
    let showcase = start();
    for (return_to, location) in [
        ("/me?a=b", "/me?a=b"),
        ("//evil.example", "/"),
        ("/%5Cevil.example", "/"),
        ("https://evil.example", "/"),
        ("javascript:alert(1)", "/"),
        ("", "/"),
    ] {
        let return_to = return_to.replace('%', "%25").replace('&', "%26");
        let form = format!(
            "username=alice&password={}&return_to={return_to}",
            PASSWORD.replace(' ', "+")
        );
        let answer = showcase.post_form("/login", &[], &form).await;
        assert_eq!(
            (answer.status.as_u16(), answer.header("location")),
            (303, location)
        );
        showcase.secret(answer.cookie().split_once('=').unwrap().1);
    }
}

#[tokio::test]
async fn ses_11_a_new_password_ends_what_the_old_one_opened() {
    const NEW: &str = "another battery staple";

    let showcase = start();
    showcase.secret(NEW);
    let here = log_in(&showcase, "alice", PASSWORD).await.cookie();
    let elsewhere = log_in(&showcase, "alice", PASSWORD).await.cookie();
    let token = bearer(&showcase, "alice", PASSWORD).await;
    let bobs = bearer(&showcase, "bob", PASSWORD).await;
    let change = |current: &str, new: &str| {
        format!(
            "current={}&new={}",
            current.replace(' ', "+"),
            new.replace(' ', "+")
        )
    };

    let session = showcase.get("/me", &[here.clone()]).await.json()["session_id"].clone();
    let mut changed = None;
    for (form, status) in [
        (change("wrong", NEW), 403),
        (change(PASSWORD, "short"), 422),
        (change(PASSWORD, NEW), 303),
    ] {
        let answer = showcase
            .post_form("/account/password", &[here.clone()], &form)
            .await;
        assert_eq!(answer.status, status, "{answer:?}");
        changed = Some(answer);
    }
    // The same session, by a new secret.
    let now = changed.unwrap().cookie();
    showcase.secret(now.split_once('=').unwrap().1);
    assert_eq!(
        showcase.get("/me", &[now.clone()]).await.json()["session_id"],
        session
    );
    for (credential, status) in [
        (&now, 200),
        (&here, 401),
        (&elsewhere, 401),
        (&token, 401),
        (&bobs, 200),
    ] {
        let expected = if *credential == token {
            "invalid_credential"
        } else {
            "unauthenticated"
        };
        let answer = showcase.get("/me", &[credential.clone()]).await;
        assert_eq!(answer.status, status, "{answer:?}");
        if status == 401 {
            assert_eq!(answer.problem(), expected);
        }
    }
    assert_eq!(log_in(&showcase, "alice", PASSWORD).await.status, 401);
    assert_eq!(log_in(&showcase, "alice", NEW).await.status, 303);

    // Whoever proved the password may change it, and then no session is kept.
    let token = bearer(&showcase, "bob", PASSWORD).await;
    for (credential, current, new) in [(token, PASSWORD, NEW), (basic("bob", NEW), NEW, PASSWORD)] {
        let session = log_in(&showcase, "bob", current).await.cookie();
        let form = change(current, new);
        let headers = [credential];
        let answer = showcase
            .post_form("/account/password", &headers, &form)
            .await;
        assert_eq!(answer.status, 303, "{answer:?}");
        assert_eq!(showcase.get("/me", &[session]).await.status, 401);
        assert_eq!(showcase.get("/me", &headers).await.status, 401);
        assert_eq!(log_in(&showcase, "bob", new).await.status, 303);
    }
    let key = json!({ "name": "key" });
    let (key, _) = api_key(&showcase, &bearer(&showcase, "bob", PASSWORD).await, &key).await;
    let answer = showcase
        .post_form("/account/password", &[key], &change(PASSWORD, NEW))
        .await;
    assert_eq!(answer.problem(), "insufficient_user_authentication");
    let digest = |password: &str| {
        let line = format!(
            "curl -s -o /dev/null -w '%{{http_code}}' --digest -u 'alice:{password}' {}/legacy",
            showcase.url
        );
        Running::shell(&line)
    };
    assert_eq!(
        (digest(PASSWORD), digest(NEW)),
        ("401".to_owned(), "200".to_owned())
    );
    // Tokens that are issued from now on are good.
    let token = bearer(&showcase, "alice", NEW).await;
    assert_eq!(showcase.get("/me", &[token]).await.status, 200);
}

#[tokio::test]
async fn ses_18_sessions_are_listed_and_ended_by_public_id() {
    let showcase = start();
    let here = log_in(&showcase, "alice", PASSWORD).await.cookie();
    let elsewhere = log_in(&showcase, "alice", PASSWORD).await.cookie();
    let bobs = log_in(&showcase, "bob", PASSWORD).await.cookie();
    let list = showcase.get("/sessions", &[here.clone()]).await.json();
    let list = list.as_array().unwrap();
    assert_eq!(list.len(), 2);
    let other = list
        .iter()
        .find(|session| session["current"] == false)
        .unwrap();
    let other = other["id"].as_str().unwrap();
    for member in [
        "id",
        "current",
        "created_at",
        "last_seen_at",
        "expires_at",
        "user_agent",
        "ip",
    ] {
        assert!(list[0].get(member).is_some(), "{member}");
    }
    for cookie in [&here, &elsewhere, &bobs] {
        let secret = cookie.split_once('=').unwrap().1;
        assert!(!format!("{list:?}").contains(secret));
    }

    let origin = format!("origin: {}", showcase.url);
    let end = async |cookie: &String, id: &str| {
        let headers = [cookie.clone(), origin.clone()];
        showcase
            .send("DELETE", &format!("/sessions/{id}"), &headers, "")
            .await
            .status
    };
    assert_eq!(end(&bobs, other).await, 404);
    assert_eq!(showcase.get("/me", &[elsewhere.clone()]).await.status, 200);
    assert_eq!(end(&here, other).await, 204);
    assert_eq!(showcase.get("/me", &[elsewhere]).await.status, 401);
    assert_eq!(end(&here, other).await, 404);
    assert_eq!(end(&here, "..%2f..%2fetc").await, 404);
    assert_eq!(showcase.get("/me", &[bobs]).await.status, 200);
}

#[tokio::test]
async fn tokens_carry_the_scopes_that_were_asked_for_and_held() {
    let showcase = start();
    for (user, scope, expected) in [
        ("alice", None, "reports:read"),
        ("alice", Some("reports:read reports:write"), "reports:read"),
        ("alice", Some("reports"), ""),
        ("alice", Some(""), ""),
        ("bob", Some("reports:read"), ""),
    ] {
        let mut body = json!({ "username": user, "password": PASSWORD });
        if let Some(scope) = scope {
            body["scope"] = scope.into();
        }
        let answer = showcase.post_json("/token", &[], &body).await;
        let token = answer.json();
        showcase.secret(token["access_token"].as_str().unwrap());
        assert_eq!(token["scope"], expected, "{user} {scope:?}");
        assert_eq!(token["token_type"], "Bearer");
        assert_eq!(token["expires_in"], 600);
        assert_eq!(answer.header("cache-control"), "no-store");
    }
    let body = json!({ "username": "alice", "password": "wrong" });
    assert_eq!(showcase.post_json("/token", &[], &body).await.status, 401);
    let body = json!({ "username": "alice", "password": PASSWORD, "scope": "a\"b" });
    assert_eq!(
        showcase.post_json("/token", &[], &body).await.problem(),
        "invalid_scope"
    );

    let keys = showcase.get("/.well-known/jwks.json", &[]).await.json();
    let key = &keys["keys"][0];
    assert_eq!(
        (&key["kty"], &key["crv"], &key["alg"]),
        (&"EC".into(), &"P-256".into(), &"ES256".into())
    );
    assert_eq!(key.get("d"), None);
}

#[tokio::test]
async fn jwt_10_a_second_issuer_is_trusted_for_its_own_tokens() {
    const SECRET: &str = "a secret of at least thirty-two bytes";

    let showcase = Running::start(
        "showcase",
        &[
            ("DEMO_PASSWORD", PASSWORD),
            ("TRUST_ISSUER", "https://id.example.com"),
            ("TRUST_AUDIENCE", "api"),
            ("TRUST_HS256_SECRET", SECRET),
        ],
    );
    showcase.secret(SECRET);
    let now = auth_layer::unix_seconds(std::time::SystemTime::now());
    let good = json!({
        "iss": "https://id.example.com", "aud": "api", "sub": "carol",
        "iat": now, "exp": now + 60, "scope": "reports:read",
    });
    let with = |name: &str, value: Value| {
        let mut claims = good.clone();
        claims[name] = value;
        claims
    };
    for (claims, status) in [
        (good.clone(), 200),
        (with("aud", json!(["other", "api"])), 200),
        (with("aud", json!("showcase")), 401),
        (with("aud", Value::Null), 401),
        (with("iss", json!(showcase.url)), 401),
        (with("iss", json!(["https://id.example.com"])), 401),
        (with("iss", json!("https://id.example.com/")), 401),
        (with("exp", json!(now - 120)), 401),
        (with("exp", json!((now + 60).to_string())), 401),
        (with("nbf", json!(now + 600)), 401),
        (with("sub", json!("")), 401),
    ] {
        let answer = showcase.get("/reports", &[hs256(SECRET, &claims)]).await;
        assert_eq!(answer.status, status, "{claims}: {answer:?}");
    }
    let me = showcase.get("/me", &[hs256(SECRET, &good)]).await.json();
    assert_eq!(me["issuer"], "https://id.example.com");
    // A stranger has no account here, so no keys and no password.
    let headers = [hs256(SECRET, &good)];
    assert_eq!(
        showcase
            .post_json("/api-keys", &headers, &json!({ "name": "x" }))
            .await
            .status,
        403
    );
}

#[tokio::test]
async fn stp_03_a_token_without_a_fresh_proof_is_told_what_is_needed() {
    const SECRET: &str = "a secret of at least thirty-two bytes";

    let showcase = Running::start(
        "showcase",
        &[
            ("TRUST_ISSUER", "https://id.example.com"),
            ("TRUST_AUDIENCE", "api"),
            ("TRUST_HS256_SECRET", SECRET),
        ],
    );
    showcase.secret(SECRET);
    let now = auth_layer::unix_seconds(std::time::SystemTime::now());
    let form = "current=irrelevant&new=something-else";
    for (auth_time, amr, is_fresh) in [
        (Some(now - 10), Some("pwd"), true),
        (Some(now - 301), Some("pwd"), false),
        (Some(now - 10), Some("otp"), false),
        (Some(now - 10), None, false),
        (None, Some("pwd"), false),
    ] {
        let claims = json!({
            "iss": "https://id.example.com", "aud": "api", "sub": "carol",
            "iat": now, "exp": now + 60, "auth_time": auth_time, "amr": amr.map(|one| vec![one]),
        });
        let mut claims = claims.as_object().unwrap().clone();
        claims.retain(|_, value| !value.is_null());
        let token = hs256(SECRET, &Value::Object(claims));
        let headers = [token.clone()];
        assert_eq!(showcase.get("/me", &headers).await.status, 200);
        let answer = showcase
            .post_form("/account/password", &headers, form)
            .await;
        if is_fresh {
            // She has no password here.
            assert_eq!(answer.status, 403, "{answer:?}");
            continue;
        }
        assert_eq!(answer.status, 401, "{auth_time:?} {amr:?}: {answer:?}");
        assert_eq!(answer.problem(), "insufficient_user_authentication");
        assert_eq!(answer.json()["max_age"], 300);
        let challenges = answer.headers.get_all("www-authenticate").iter();
        let bearer = challenges
            .map(|challenge| challenge.to_str().unwrap())
            .find(|challenge| challenge.starts_with("Bearer "))
            .unwrap();
        for parameter in [
            r#"error="insufficient_user_authentication""#,
            r#"max_age="300""#,
        ] {
            assert!(bearer.contains(parameter), "{bearer}");
        }
    }
}

#[tokio::test]
async fn every_error_is_a_problem() {
    let showcase = start();
    for (method, path, headers, body, status) in [
        ("GET", "/nowhere", &[][..], "", 404),
        ("DELETE", "/me", &[], "", 405),
        ("POST", "/token", &[], "", 415),
        (
            "POST",
            "/token",
            &["content-type: application/json"],
            "{",
            400,
        ),
        (
            "POST",
            "/token",
            &["content-type: application/json"],
            "{}",
            422,
        ),
        ("POST", "/login", &["content-type: text/plain"], "a=b", 415),
        (
            "POST",
            "/login",
            &["content-type: application/x-www-form-urlencoded"],
            "a=b",
            422,
        ),
    ] {
        let headers: Vec<_> = headers.iter().map(|&header| header.to_owned()).collect();
        let answer = showcase.send(method, path, &headers, body).await;
        assert_eq!(answer.status, status, "{method} {path}: {answer:?}");
        answer.problem();
    }
    // One byte more than is read; the rest of what is promised never comes.
    let head = "POST /login HTTP/1.1\r\ncontent-type: application/x-www-form-urlencoded";
    let answer = showcase.send_part(head, 70 * 1024, &"a".repeat(64 * 1024 + 1));
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
    assert!(answer.contains("application/problem+json"), "{answer}");
    for path in ["/healthz", "/readyz", "/metrics", "/"] {
        assert_eq!(showcase.get(path, &[]).await.status, 200, "{path}");
    }
    showcase.get("/me", &[basic("alice", "wrong")]).await;
    let metrics = showcase.get("/metrics", &[]).await.body;
    assert!(metrics.contains("auth_events_total"), "{metrics}");
}

#[test]
fn a_wrong_configuration_stops_the_start_with_one_line() {
    for (name, value) in [
        ("PUBLIC_URL", "http://example.com"),
        ("PUBLIC_URL", "http://localhost:80@evil.example"),
        ("ACCESS_TTL", "0s"),
        ("SESSION_IDLE", "forever"),
        ("REFRESH_TTL", "0s"),
        ("SIGNING_KEY_SECRET", "short"),
        ("JWT_ALGORITHM", "none"),
        // There is nothing to publish of it.
        ("JWT_ALGORITHM", "HS256"),
        ("DEMO_PASSWORD", "short"),
        ("TRUST_ISSUER", "https://id.example.com"),
        ("TRUSTED_PROXIES", "0.0.0.0/0"),
        ("LISTEN", "nowhere"),
        ("REDIS_URL", "http://127.0.0.1"),
        ("DATABASE_URL", "mysql://127.0.0.1"),
    ] {
        let said = refuses_to_start("showcase", &[(name, value)]);
        let lines: Vec<_> = said.lines().collect();
        assert_eq!(lines.len(), 1, "{said}");
        assert!(
            lines[0].contains(name) || name == "TRUST_ISSUER",
            "{name}: {said}"
        );
        assert!(lines[0].contains(&name[..5]), "{name}: {said}");
    }
}
