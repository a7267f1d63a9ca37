//! Stores that fail and hang, seen from the client: for every scheme, 503 or no answer, and never
//! a handler that runs without knowing who asks.

mod protected;

use auth_layer::{AuthLayer, Identity};
use auth_test::{Faults, TestClient, TestResponse};
use axum::Router;
use axum::routing::get;
use http::StatusCode;
use protected::{PASSWORD, PATIENCE, Protected, digest_counters, post_same_origin, session_app};
use session_layer::{SessionBackend as _, UserKey};

/// 503, and nothing in it that helps anybody.
#[track_caller]
fn assert_unavailable(res: &TestResponse, what: &str) {
    assert_eq!(res.status(), StatusCode::SERVICE_UNAVAILABLE, "{what}");
    assert_eq!(res.code(), "temporarily_unavailable", "{what}");
    assert!(
        res.challenges().is_empty(),
        "{what}: {:?}",
        res.challenges()
    );
    assert!(!res.text().contains("injected_fault"), "{what}");
    assert_eq!(res.header("set-cookie"), None, "{what}");
}

/// The application works for everybody.
async fn assert_works(app: &Protected) {
    for path in ["/me", "/open"] {
        let res = app.get(path).await;
        assert_eq!(
            (res.status(), res.text()),
            (StatusCode::OK, "ann".to_owned()),
            "{} {path}",
            app.scheme
        );
    }
    assert_anonymous_works(app).await;
}

async fn assert_anonymous_works(app: &Protected) {
    let res = app.get_anonymous("/open").await;
    assert_eq!(
        (res.status(), res.text()),
        (StatusCode::OK, "anonymous".to_owned()),
        "{}",
        app.scheme
    );
    let res = app.get_anonymous("/me").await;
    assert_eq!(res.status(), StatusCode::UNAUTHORIZED, "{}", app.scheme);
}

#[tokio::test]
async fn x_06_ses_20_a_failing_store_is_503_and_never_anonymous() {
    for app in Protected::all().await {
        assert_works(&app).await;
        app.faults.fail();
        let (handled, calls) = (app.handled(), app.faults.calls());
        for path in ["/me", "/open", "/me"] {
            assert_unavailable(&app.get(path).await, &format!("{} {path}", app.scheme));
        }
        assert_eq!(app.handled(), handled, "{}: a handler ran", app.scheme);
        assert_eq!(
            app.faults.calls(),
            calls + 3,
            "{}: asked more than once",
            app.scheme
        );
        // Nobody who sends nothing needs the store.
        assert_anonymous_works(&app).await;
        assert_eq!(app.faults.calls(), calls + 3, "{}", app.scheme);
        app.faults.heal();
        assert_works(&app).await;
    }
}

#[tokio::test]
async fn x_06_one_failure_is_one_503() {
    for app in Protected::all().await {
        app.faults.fail_once();
        assert_unavailable(&app.get("/me").await, app.scheme);
        assert_works(&app).await;
        app.faults.fail_times(2);
        for _ in 0..2 {
            assert_unavailable(&app.get("/open").await, app.scheme);
        }
        assert_works(&app).await;
    }
}

#[tokio::test]
async fn x_06_a_request_that_is_cancelled_in_a_hanging_store_leaves_nothing() {
    for app in Protected::all().await {
        assert_works(&app).await;
        let handled = app.handled();
        app.faults.pause();
        for path in ["/me", "/open"] {
            let request = tokio::spawn(app.get(path).into_future());
            app.faults.until_waiting(1).await;
            request.abort();
            assert!(request.await.unwrap_err().is_cancelled());
            assert_eq!(app.faults.waiting(), 0, "{}", app.scheme);
        }
        assert_eq!(app.handled(), handled, "{}: a handler ran", app.scheme);
        assert_anonymous_works(&app).await;
        app.faults.heal();
        assert_works(&app).await;
    }
}

#[tokio::test(start_paused = true)]
async fn x_06_a_hanging_store_gives_no_answer_until_it_recovers() {
    for app in Protected::all().await {
        app.faults.pause();
        let answer = tokio::time::timeout(PATIENCE, app.get("/me").into_future());
        assert!(answer.await.is_err(), "{}", app.scheme);
        assert_eq!(
            (app.handled(), app.faults.waiting()),
            (0, 0),
            "{}",
            app.scheme
        );

        // It comes back: what waited goes on.
        let waiting = tokio::spawn(app.get("/me").into_future());
        app.faults.until_waiting(1).await;
        app.faults.resume();
        assert_eq!(waiting.await.unwrap().text(), "ann", "{}", app.scheme);

        // It comes back and cannot answer.
        app.faults.pause();
        let waiting = tokio::spawn(app.get("/me").into_future());
        app.faults.until_waiting(1).await;
        app.faults.fail();
        app.faults.resume();
        assert_unavailable(&waiting.await.unwrap(), app.scheme);
        app.faults.heal();
        assert_works(&app).await;
    }
}

#[tokio::test]
async fn x_06_a_store_that_fails_takes_no_other_scheme_down() {
    let (jwt, jwt_faults, token) = protected::jwt_scheme();
    let (keys, key_faults, key) = protected::api_key_scheme().await;
    let (basic, basic_faults) = protected::basic_scheme();
    let app = Router::new()
        .route(
            "/me",
            get(|who: Identity| async move { who.subject().to_owned() }),
        )
        .layer(AuthLayer::new((
            jwt.leave_prefix("sk_").unwrap(),
            keys,
            basic,
        )));
    let client = TestClient::new(app);
    let requests = || {
        [
            client.get("/me").header("authorization", &token),
            client.get("/me").header("x-api-key", &key),
            client.get("/me").basic("ann", PASSWORD),
        ]
    };
    for (broken, faults) in [&jwt_faults, &key_faults, &basic_faults]
        .into_iter()
        .enumerate()
    {
        faults.fail();
        for (index, request) in requests().into_iter().enumerate() {
            let res = request.await;
            if index == broken {
                assert_unavailable(&res, &format!("scheme {index}"));
            } else {
                assert_eq!(res.text(), "ann", "scheme {index} while {broken} is broken");
            }
        }
        // With two credentials, one of which cannot be checked, nobody is anybody.
        let both = client.get("/me").header("x-api-key", &key);
        let both = match broken {
            2 => both.basic("ann", PASSWORD),
            _ => both.header("authorization", &token),
        };
        assert_unavailable(&both.await, "two credentials");
        faults.heal();
    }
}

#[tokio::test]
async fn ses_20_a_login_that_cannot_be_stored_sets_no_cookie() {
    let faults = Faults::new();
    let (app, backend) = session_app(&faults);
    let client = TestClient::new(app);
    let ann = UserKey::new(None, None, "ann");

    faults.fail();
    assert_unavailable(&post_same_origin(&client, "/login").await, "login");
    faults.heal();
    faults.pause();
    let login = tokio::spawn(post_same_origin(&client, "/login").into_future());
    faults.until_waiting(1).await;
    login.abort();
    assert!(login.await.unwrap_err().is_cancelled());
    faults.heal();
    assert!(backend.store().list(&ann).await.unwrap().is_empty());
    assert_eq!(client.cookie("__Host-session"), None);

    assert_eq!(
        post_same_origin(&client, "/login").await.status(),
        StatusCode::OK
    );
    assert_eq!(client.get("/me").await.text(), "ann");
}

#[tokio::test]
async fn ses_20_a_logout_that_cannot_be_stored_says_so() {
    let faults = Faults::new();
    let (app, backend) = session_app(&faults);
    let client = TestClient::new(app);
    post_same_origin(&client, "/login").await;

    // It finds the session, and then cannot end it.
    faults.pause();
    let logout = tokio::spawn(post_same_origin(&client, "/logout").into_future());
    faults.until_waiting(1).await;
    let calls = faults.calls();
    faults.resume();
    assert_eq!(logout.await.unwrap().status(), StatusCode::OK);
    assert_eq!(faults.calls(), calls + 1, "one call ends it");

    post_same_origin(&client, "/login").await;
    faults.fail();
    assert_unavailable(&post_same_origin(&client, "/logout").await, "logout");
    faults.heal();
    // The user was told, and is still logged in: the cookie was not taken away either.
    assert_eq!(client.get("/me").await.text(), "ann");
    assert_eq!(
        post_same_origin(&client, "/logout").await.status(),
        StatusCode::OK
    );
    let ann = UserKey::new(None, None, "ann");
    assert!(backend.store().list(&ann).await.unwrap().is_empty());
}

/// A count that could not be noted was not used up, and one that was is.
#[tokio::test]
async fn dig_01_a_failure_uses_no_count_up() {
    let app = digest_counters().await;
    let refused = app.get_anonymous("/me").await;
    let challenge = refused.challenges()[0];
    let nonce = challenge.split('"').nth(5).unwrap();
    assert!(
        challenge.contains(&format!("nonce=\"{nonce}\"")),
        "{challenge}"
    );
    let credential = protected::digest_credential(nonce, 1, "/me");
    let send = || app.client.get("/me").header("authorization", &credential);

    app.faults.fail_once();
    assert_unavailable(&send().await, "first");
    assert_eq!(send().await.text(), "ann");
    let replayed = send().await;
    assert_eq!(replayed.status(), StatusCode::UNAUTHORIZED);
    assert!(replayed.challenges()[0].contains("stale=true"));
    app.faults.fail();
    // Somebody who lacks the password does not come as far as the counters.
    let (before, response) = credential.split_once("response=\"").unwrap();
    let digit = if response.starts_with('0') { '1' } else { '0' };
    let wrong = format!("{before}response=\"{digit}{}", &response[1..]);
    let calls = app.faults.calls();
    let res = app.client.get("/me").header("authorization", &wrong).await;
    assert_eq!(res.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(app.faults.calls(), calls);
}
