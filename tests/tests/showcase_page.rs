//! The showcase's web page, as a browser without scripts uses it. `browser.rs` does the same with a real
//! one.
#![allow(clippy::unwrap_used, reason = "a test may")]
#![allow(
    clippy::cloned_ref_to_slice_refs,
    reason = "a list of one header reads like one of two"
)]

mod support;

use serde_json::json;
use support::showcase::{PASSWORD, log_in, start};
use support::{Answer, Running};

/// What a browser says when a person follows a link or sends a form.
const NAVIGATION: &str = "sec-fetch-mode: navigate";

async fn page(showcase: &Running, path: &str, cookie: &str) -> Answer {
    let headers = [NAVIGATION.to_owned(), cookie.to_owned()];
    let answer = showcase.get(path, &headers).await;
    assert_page(&answer);
    answer
}

async fn submit(showcase: &Running, path: &str, cookie: &str, form: &str) -> Answer {
    let headers = [NAVIGATION.to_owned(), cookie.to_owned()];
    showcase.post_form(path, &headers, form).await
}

fn assert_page(answer: &Answer) {
    assert_eq!(answer.header("content-type"), "text/html; charset=utf-8");
    // SES-24, and what keeps the back button from showing it.
    assert_eq!(answer.header("cache-control"), "no-store");
    assert_eq!(answer.header("x-content-type-options"), "nosniff");
    assert_eq!(answer.header("referrer-policy"), "same-origin");
    let policy = answer.header("content-security-policy");
    for rule in [
        "default-src 'none'",
        "style-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    ] {
        assert!(policy.split("; ").any(|said| said == rule), "{policy}");
    }
    for inline in ["<script", "<style", " style=", " onclick="] {
        assert!(!answer.body.contains(inline), "{inline} in {answer:?}");
    }
    assert!(answer.body.contains(r#"<html lang="en">"#), "{answer:?}");
    assert_eq!(answer.header("www-authenticate"), "", "a dialog opens");
}

/// The public ids in the forms of the page, this session's first.
fn ids(page: &Answer) -> Vec<String> {
    let ids = page.body.split(r#"name="id" value=""#).skip(1);
    ids.map(|rest| rest.split('"').next().unwrap().to_owned())
        .collect()
}

const NO_COOKIE: &str = "x-nothing: here";

#[tokio::test]
async fn the_style_sheet_is_served() {
    let showcase = start();
    let answer = showcase.get("/style.css", &[]).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("content-type"), "text/css; charset=utf-8");
    assert_eq!(answer.header("x-content-type-options"), "nosniff");
    let start = page(&showcase, "/", NO_COOKIE).await.body;
    assert!(start.contains(r#"href="/style.css""#), "{start}");
}

#[tokio::test]
async fn x_10_failed_sign_ins_show_the_form_again_and_look_alike() {
    let showcase = start();
    let mut seen = Vec::new();
    for user in ["alice", "mallory"] {
        let form = format!("username={user}&password=wrong&return_to=/me");
        let answer = submit(&showcase, "/login", NO_COOKIE, &form).await;
        assert_eq!(answer.status, 401);
        assert_page(&answer);
        assert!(!answer.headers.contains_key("set-cookie"));
        for part in [
            r#"role="alert""#,
            &format!(r#"value="{user}""#),
            r#"name="return_to" value="/me""#,
        ] {
            assert!(answer.body.contains(part), "{part} in {answer:?}");
        }
        assert!(!answer.body.contains("wrong\""), "the password came back");
        seen.push(answer.body.replace(user, "NAME"));

        // A program gets a problem.
        let answer = showcase.post_form("/login", &[], &form).await;
        assert_eq!(answer.status, 401);
        answer.problem();
    }
    assert_eq!(seen[0], seen[1]);
}

#[tokio::test]
async fn what_a_person_or_a_device_says_is_escaped() {
    let showcase = start();
    let markup = r#""><b id=x>&"#;
    let encoded = "%22%3E%3Cb+id%3Dx%3E%26";
    let form = format!("username={encoded}&password=wrong");
    let answer = submit(&showcase, "/login", NO_COOKIE, &form).await;
    assert!(
        answer.body.contains("&quot;&gt;&lt;b id=x&gt;&amp;"),
        "{answer:?}"
    );
    assert!(!answer.body.contains(markup));

    let form = format!("username=alice&password={}", PASSWORD.replace(' ', "+"));
    let agent = [format!("user-agent: {markup} Firefox/1")];
    let cookie = showcase.post_form("/login", &agent, &form).await.cookie();
    showcase.secret(cookie.split_once('=').unwrap().1);
    let shown = page(&showcase, "/", &cookie).await.body;
    assert!(
        shown.contains("Firefox") && !shown.contains("<b id"),
        "{shown}"
    );

    // What a link says is not said by the page.
    let path = "/?notice=%3Cb%3E&return_to=%22%3E%3Cb%3E";
    let shown = page(&showcase, path, NO_COOKIE).await.body;
    assert!(
        !shown.contains("<b>") && !shown.contains("role=\"status\""),
        "{shown}"
    );
}

#[tokio::test]
async fn ses_18_forms_end_sessions_at_once() {
    let showcase = start();
    let mut cookies = Vec::new();
    for _ in 0..4 {
        cookies.push(log_in(&showcase, "alice", PASSWORD).await.cookie());
    }
    let bobs = log_in(&showcase, "bob", PASSWORD).await.cookie();
    let mine = page(&showcase, "/", &cookies[0]).await;
    assert_eq!(ids(&mine).len(), 4);
    assert_eq!(mine.body.matches("This device").count(), 1);
    assert!(!mine.body.contains(cookies[0].split_once('=').unwrap().1));

    // Not somebody else's.
    let form = format!("id={}", ids(&page(&showcase, "/", &bobs).await)[0]);
    for form in [&*form, "id=nobodys", "id=..%2F.."] {
        let answer = submit(&showcase, "/sessions/end", &cookies[0], form).await;
        assert_eq!(
            (answer.status.as_u16(), answer.header("location")),
            (303, "/?notice=no-such-session"),
            "{form}"
        );
        let told = page(&showcase, answer.header("location"), &cookies[0]).await;
        assert!(told.body.contains("You have no such session."), "{told:?}");
        assert!(!told.body.contains("has ended"), "{told:?}");
    }
    assert_eq!(showcase.get("/me", &[bobs.clone()]).await.status, 200);
    // Not from another site, and not without a session.
    let form = format!("id={}", ids(&mine)[1]);
    for (headers, status) in [
        (
            vec![
                cookies[0].clone(),
                "origin: https://evil.example".to_owned(),
            ],
            403,
        ),
        (vec!["origin: https://evil.example".to_owned()], 401),
    ] {
        for (path, form) in [("/sessions/end", &*form), ("/sessions/end-others", "")] {
            let mut headers = headers.clone();
            headers.push("content-type: application/x-www-form-urlencoded".to_owned());
            let answer = showcase.send("POST", path, &headers, form).await;
            assert_eq!(answer.status, status, "{path}: {answer:?}");
        }
    }
    assert_eq!(ids(&page(&showcase, "/", &cookies[0]).await).len(), 4);

    let answer = submit(&showcase, "/sessions/end", &cookies[0], &form).await;
    assert_eq!(
        (answer.status.as_u16(), answer.header("location")),
        (303, "/?notice=session-ended")
    );
    assert_eq!(ids(&page(&showcase, "/", &cookies[0]).await).len(), 3);

    let answer = submit(&showcase, "/sessions/end-others", &cookies[0], "").await;
    assert_eq!(answer.status, 303);
    let left = page(&showcase, answer.header("location"), &cookies[0]).await;
    assert_eq!(ids(&left).len(), 1);
    assert!(left.body.contains(r#"role="status""#), "{left:?}");

    // This one: that is signing out.
    let form = format!("id={}", ids(&left)[0]);
    let answer = submit(&showcase, "/sessions/end", &cookies[0], &form).await;
    assert!(
        answer.header("set-cookie").contains("Max-Age=0"),
        "{answer:?}"
    );
    for cookie in &cookies {
        let shown = page(&showcase, "/", cookie).await.body;
        assert!(
            shown.contains("action=\"/login\"") && !shown.contains("user-alice"),
            "{shown}"
        );
    }
}

#[tokio::test]
async fn a_form_that_comes_too_late_leads_back_to_the_sign_in() {
    let showcase = start();
    let cookie = log_in(&showcase, "alice", PASSWORD).await.cookie();
    submit(&showcase, "/logout", &cookie, "").await;
    for path in [
        "/logout",
        "/sessions/end",
        "/sessions/end-others",
        "/account/password",
        "/api-keys/make",
        "/api-keys/rotate",
        "/api-keys/revoke",
    ] {
        let answer = submit(&showcase, path, &cookie, "id=x&current=x&new=x").await;
        assert_eq!(
            (answer.status.as_u16(), answer.header("location")),
            (303, "/?notice=signed-out"),
            "{path}: {answer:?}"
        );
        // For a program it is what it was.
        let answer = showcase.post_form(path, &[cookie.clone()], "id=x").await;
        assert_eq!(answer.status, 401, "{path}: {answer:?}");
        answer.problem();
    }
}

#[tokio::test]
async fn a_password_is_changed_by_form_and_mistakes_are_told() {
    const NEW: &str = "another battery staple";

    let showcase = start();
    showcase.secret(NEW);
    let cookie = log_in(&showcase, "alice", PASSWORD).await.cookie();
    let elsewhere = log_in(&showcase, "alice", PASSWORD).await.cookie();
    let form = |current: &str, new: &str| format!("current={current}&new={new}").replace(' ', "+");
    for (form, status, text) in [
        (form("wrong", NEW), 403, "The current password is wrong"),
        (form(PASSWORD, "short"), 422, "too short"),
    ] {
        let answer = submit(&showcase, "/account/password", &cookie, &form).await;
        assert_eq!(answer.status, status);
        assert_page(&answer);
        assert!(answer.body.contains(text), "{answer:?}");
    }
    let answer = submit(
        &showcase,
        "/account/password",
        &cookie,
        &form(PASSWORD, NEW),
    )
    .await;
    assert_eq!(answer.status, 303, "{answer:?}");
    let now = answer.cookie();
    showcase.secret(now.split_once('=').unwrap().1);
    let shown = page(&showcase, answer.header("location"), &now).await;
    assert!(shown.body.contains("has been changed"), "{shown:?}");
    assert_eq!(showcase.get("/me", &[elsewhere]).await.status, 401);
    assert_eq!(log_in(&showcase, "alice", NEW).await.status, 303);
}

#[tokio::test]
async fn an_identity_without_a_session_is_offered_no_sessions() {
    let showcase = start();
    let headers = [support::showcase::basic("bob", PASSWORD)];
    let answer = showcase.get("/", &headers).await;
    assert!(answer.body.contains("user-bob"), "{answer:?}");
    assert!(!answer.body.contains("<form"), "{answer:?}");
    assert_eq!(
        showcase.get("/whoami", &[]).await.json(),
        json!({ "subject": null })
    );
}

#[tokio::test]
async fn red_02_red_03_neither_host_nor_referrer_gets_into_a_link() {
    let showcase = start();
    let forged = [
        NAVIGATION.to_owned(),
        "host: evil.example".to_owned(),
        "x-forwarded-host: evil.example".to_owned(),
        "forwarded: host=evil.example".to_owned(),
        "referer: https://evil.example/".to_owned(),
    ];
    let cookie = log_in(&showcase, "alice", PASSWORD).await.cookie();
    let with_cookie = [&forged[..], &[cookie]].concat();
    for headers in [&forged[..], &with_cookie] {
        for path in ["/", "/login?return_to=/me", "/.well-known/jwks.json"] {
            let answer = showcase.get(path, headers).await;
            assert!(!format!("{answer:?}").contains("evil"), "{answer:?}");
        }
    }
    // Nobody is signed in: back to the form.
    let answer = showcase
        .post_form("/sessions/end-others", &forged, "")
        .await;
    assert_eq!(answer.status, 303);
    assert!(!format!("{answer:?}").contains("evil"), "{answer:?}");
}

#[tokio::test]
async fn red_04_a_malformed_form_is_a_4xx_and_a_malformed_return_path_is_ignored() {
    let showcase = start();
    for form in [
        "",
        "return_to=/me",
        "username=alice&return_to=%ff",
        "username=alice&username=bob&password=x",
        "%",
        "username[]=alice&password=x",
    ] {
        let answer = submit(&showcase, "/login", NO_COOKIE, form).await;
        assert!(answer.status.is_client_error(), "{form}: {answer:?}");
        assert_eq!(answer.header("set-cookie"), "", "{form}");
    }
    for return_to in [
        "%ff%fe",
        "%00",
        "%0d%0aset-cookie:a=b",
        "/%0d%0a",
        "%",
        "%zz",
    ] {
        let form = format!(
            "username=alice&password={}&return_to={return_to}",
            PASSWORD.replace(' ', "+")
        );
        let answer = submit(&showcase, "/login", NO_COOKIE, &form).await;
        assert_eq!(
            (answer.status.as_u16(), answer.header("location")),
            (303, "/"),
            "{return_to}"
        );
        showcase.secret(answer.cookie().split_once('=').unwrap().1);
    }
}

/// The name of the forms of the page that can be sent once.
fn form_name(page: &Answer) -> String {
    let rest = page.body.split(r#"name="form" value=""#).nth(1).unwrap();
    rest.split('"').next().unwrap().to_owned()
}

/// The key in the answer to a form.
fn shown_key(showcase: &Running, answer: &Answer) -> String {
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.header("cache-control"), "no-store");
    let policy = answer.header("content-security-policy");
    for rule in [
        "default-src 'none'",
        "script-src 'self'",
        "require-trusted-types-for 'script'",
    ] {
        assert!(policy.split("; ").any(|said| said == rule), "{policy}");
    }
    let scripts: Vec<_> = answer.body.match_indices("<script").collect();
    assert_eq!(scripts.len(), 1, "{answer:?}");
    assert!(
        answer
            .body
            .contains(r#"<script src="/copy.js" defer></script>"#),
        "{answer:?}"
    );
    let key = answer.body.split("showcase_live_").nth(1).unwrap();
    let key = format!("showcase_live_{}", key.split('"').next().unwrap());
    showcase.secret(&key);
    assert_eq!(answer.body.matches(&*key).count(), 1);
    key
}

#[tokio::test]
async fn apk_03_a_form_makes_one_key_and_shows_it_once() {
    let showcase = start();
    let cookie = log_in(&showcase, "alice", PASSWORD).await.cookie();
    let shown = page(&showcase, "/", &cookie).await;
    let form = format!("form={}&name=%3Cb%3Emine&expires_in=30d", form_name(&shown));
    let made = submit(&showcase, "/api-keys/make", &cookie, &form).await;
    let first = shown_key(&showcase, &made);
    assert!(!made.body.contains("<b>"), "{made:?}");
    let me = async |key: &str| {
        let header = format!("x-api-key: {key}");
        showcase.get("/me", &[header]).await.status.as_u16()
    };
    assert_eq!(me(&first).await, 200);

    // The same form, as reloading sends it, and names that no form has.
    let future = format!("{}-{:032x}", u64::MAX, 7);
    for name in [form_name(&shown).as_str(), "", "x", "0-7", &future, "-1-7"] {
        let form = format!("form={name}&name=again");
        let answer = submit(&showcase, "/api-keys/make", &cookie, &form).await;
        assert_eq!(
            (answer.status.as_u16(), answer.header("location")),
            (303, "/?notice=form-sent-before"),
            "{name}: {answer:?}"
        );
    }
    let shown = page(&showcase, "/?notice=form-sent-before", &cookie).await;
    assert!(shown.body.contains("shown once"), "{shown:?}");
    assert!(!shown.body.contains(&*first), "the key is shown again");
    let keys = showcase.get("/api-keys", &[cookie.clone()]).await.json();
    assert_eq!(keys.as_array().unwrap().len(), 1, "{keys}");
    assert_eq!(keys[0]["name"], "<b>mine");
    let id = keys[0]["id"].as_str().unwrap();

    // Of two at once, one is done.
    let form = format!("form={}&id={id}&overlap=10m", form_name(&shown));
    let (one, two) = tokio::join!(
        submit(&showcase, "/api-keys/rotate", &cookie, &form),
        submit(&showcase, "/api-keys/rotate", &cookie, &form)
    );
    let (done, refused) = if one.status == 200 {
        (one, two)
    } else {
        (two, one)
    };
    assert_eq!(refused.status, 303, "{refused:?}");
    let second = shown_key(&showcase, &done);
    assert_eq!((me(&first).await, me(&second).await), (200, 200));

    // Neither another site nor another user, nor a key or a token, which have forms of their own.
    let form = format!("id={id}");
    let bobs = log_in(&showcase, "bob", PASSWORD).await.cookie();
    let answer = submit(&showcase, "/api-keys/revoke", &bobs, &form).await;
    assert_eq!(answer.status, 404, "{answer:?}");
    assert_page(&answer);
    let key = format!("x-api-key: {second}");
    let token = support::showcase::bearer(&showcase, "alice", PASSWORD).await;
    for headers in [
        vec![
            cookie.clone(),
            "origin: https://evil.example".to_owned(),
            "content-type: application/x-www-form-urlencoded".to_owned(),
        ],
        vec![
            key,
            "content-type: application/x-www-form-urlencoded".to_owned(),
        ],
        vec![
            token,
            "content-type: application/x-www-form-urlencoded".to_owned(),
        ],
    ] {
        let answer = showcase
            .send("POST", "/api-keys/revoke", &headers, &form)
            .await;
        assert_eq!(answer.status, 403, "{answer:?}");
    }
    assert_eq!(me(&second).await, 200);

    let answer = submit(&showcase, "/api-keys/revoke", &cookie, &form).await;
    assert_eq!(answer.header("location"), "/?notice=key-revoked");
    assert_eq!((me(&first).await, me(&second).await), (401, 401));
}

#[tokio::test]
async fn what_is_wrong_with_a_key_that_was_asked_for_is_told_on_the_page() {
    let showcase = start();
    let cookie = log_in(&showcase, "alice", PASSWORD).await.cookie();
    for (fields, status, text) in [
        ("name=", 422, "must be 1 to 100 characters"),
        (
            "name=x&scopes=everything",
            403,
            "no scope that you have not",
        ),
        ("name=x&scopes=%22", 422, "must be words"),
        ("name=x&expires_in=soon", 422, "must be a duration"),
        ("name=x&allowed_cidrs=everywhere", 422, "must be networks"),
        ("name=x&limit=often", 422, "must be like 100/m"),
    ] {
        let name = form_name(&page(&showcase, "/", &cookie).await);
        let form = format!("form={name}&{fields}");
        let answer = submit(&showcase, "/api-keys/make", &cookie, &form).await;
        assert_eq!(answer.status, status, "{fields}: {answer:?}");
        assert_page(&answer);
        assert!(answer.body.contains(text), "{text}: {answer:?}");
        assert!(answer.body.contains(r#"role="alert""#), "{answer:?}");
        // A program is told the same as a problem.
        let form = format!("form={}&{fields}", form_name(&answer));
        let answer = showcase
            .post_form("/api-keys/make", &[cookie.clone()], &form)
            .await;
        assert_eq!(answer.status, status, "{fields}: {answer:?}");
        answer.problem();
    }
    let keys = showcase.get("/api-keys", &[cookie]).await;
    assert_eq!(keys.json(), json!([]));
}

#[tokio::test]
async fn the_script_is_served() {
    let showcase = start();
    let answer = showcase.get("/copy.js", &[]).await;
    assert_eq!(
        answer.header("content-type"),
        "text/javascript; charset=utf-8"
    );
    assert_eq!(answer.header("x-content-type-options"), "nosniff");
    assert!(answer.body.contains("clipboard"), "{answer:?}");
}
