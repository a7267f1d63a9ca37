//! With axum: extractors, and handlers of tower-sessions itself.
#![allow(clippy::unwrap_used, reason = "for tests only, but not marked as one")]

use auth_layer::{AuthError, Identity};
use axum::Router;
use axum::body::Body;
use axum::http::header::{COOKIE, SET_COOKIE};
use axum::http::{Request, Response, StatusCode};
use axum::routing::{get, post};
use http_body_util::BodyExt as _;
use session_layer::{MemorySessionBackend, SessionHandle, SessionLayer};
use tower::ServiceExt as _;

async fn login(session: SessionHandle) -> Result<(), AuthError> {
    session.log_in(Identity::new("password", "alice")).await?;
    Ok(())
}

async fn me(identity: Option<Identity>) -> String {
    identity.map_or_else(
        || "nobody".to_owned(),
        |identity| identity.subject().to_owned(),
    )
}

/// As in tower-sessions' own example, with its own type.
async fn count(session: tower_sessions::Session) -> String {
    let count: usize = session.get("count").await.unwrap().unwrap_or_default();
    session.insert("count", count + 1).await.unwrap();
    count.to_string()
}

fn routes() -> Router {
    Router::new()
        .route("/login", post(login))
        .route("/me", get(me))
        .route("/count", get(count))
        .route("/handle", get(|_: SessionHandle| async {}))
}

async fn send(app: &Router, method: &str, uri: &str, cookie: &str) -> Response<Body> {
    let req = Request::builder()
        .method(method)
        .uri(uri)
        .header(COOKIE, cookie);
    app.clone()
        .oneshot(req.body(Body::empty()).unwrap())
        .await
        .unwrap()
}

async fn body(res: Response<Body>) -> String {
    let bytes = res.into_body().collect().await.unwrap().to_bytes();
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn cookie(res: &Response<Body>) -> String {
    let line = res.headers()[SET_COOKIE].to_str().unwrap();
    line.split(';').next().unwrap().to_owned()
}

#[tokio::test]
async fn handlers_extract_the_handle_the_data_and_the_identity() {
    let app = routes().layer(SessionLayer::new(MemorySessionBackend::new()));
    let res = send(&app, "GET", "/me", "").await;
    assert_eq!(body(res).await, "nobody");
    let res = send(&app, "POST", "/login", "").await;
    let own = cookie(&res);
    assert_eq!(body(send(&app, "GET", "/me", &own).await).await, "alice");
    for expected in ["0", "1", "2"] {
        assert_eq!(
            body(send(&app, "GET", "/count", &own).await).await,
            expected
        );
    }
}

#[tokio::test]
async fn without_the_layer_the_answer_is_500() {
    let app = routes();
    for uri in ["/handle", "/count"] {
        let res = send(&app, "GET", uri, "").await;
        assert_eq!(res.status(), StatusCode::INTERNAL_SERVER_ERROR, "{uri}");
    }
}

#[tokio::test]
async fn requests_in_flight_at_the_same_time_keep_their_identities() {
    let app = routes().layer(SessionLayer::new(MemorySessionBackend::new()));
    let own = cookie(&send(&app, "POST", "/login", "").await);
    let tasks: Vec<_> = (0..40)
        .map(|n| {
            let (app, own) = (app.clone(), own.clone());
            tokio::spawn(async move {
                let sent = if n % 2 == 0 { own.as_str() } else { "" };
                (n, body(send(&app, "GET", "/me", sent).await).await)
            })
        })
        .collect();
    for task in tasks {
        let (n, who) = task.await.unwrap();
        assert_eq!(who, if n % 2 == 0 { "alice" } else { "nobody" });
    }
}
