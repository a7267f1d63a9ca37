//! A store from crates.io that was written for tower-sessions, below this layer.
#![allow(clippy::unwrap_used, reason = "for tests only, but not marked as one")]

use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use auth_layer::{AuthError, Factor, FactorKind, Identity};
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::routing::{get, post};
use http::header::{COOKIE, SET_COOKIE};
use http::{Request, StatusCode};
use session_layer::{SessionLayer, UnindexedSession};
use tower::ServiceExt as _;
use tower_sessions::Session;
use tower_sessions_file_store::FileSessionStorage;

/// As tower-sessions' own example has it.
async fn count(session: Session) -> Result<String, AuthError> {
    let failed = |_| AuthError::unavailable("session");
    let count: usize = session.get("count").await.map_err(failed)?.unwrap_or(0);
    session.insert("count", count + 1).await.map_err(failed)?;
    Ok(count.to_string())
}

fn app(folder: &Path) -> Router {
    let store = FileSessionStorage::new_in_folder(folder.to_owned());
    let sessions = SessionLayer::danger_unindexed(store).build().unwrap();
    Router::new()
        .route("/count", get(count))
        .route(
            "/me",
            get(|who: Identity| async move { who.subject().to_owned() }),
        )
        .route(
            "/login",
            post(async |session: UnindexedSession| {
                let proved = Factor::new(FactorKind::Password, SystemTime::now());
                let alice = Identity::builder("password", "alice").factor(proved);
                session.log_in(alice.build()).await.map(drop)
            }),
        )
        .route(
            "/logout",
            post(async |session: UnindexedSession| session.log_out().await),
        )
        .layer(sessions)
}

async fn send(app: &Router, method: &str, path: &str, cookie: &mut String) -> (StatusCode, String) {
    let req = Request::builder()
        .method(method)
        .uri(path)
        .header("sec-fetch-site", "same-origin")
        .header(COOKIE, &*cookie)
        .body(Body::empty())
        .unwrap();
    let res = app.clone().oneshot(req).await.unwrap();
    if let Some(line) = res.headers().get(SET_COOKIE) {
        let pair = line.to_str().unwrap().split(';').next().unwrap();
        pair.clone_into(cookie);
    }
    let status = res.status();
    let body = to_bytes(res.into_body(), 100_000).await.unwrap();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

/// The names and the contents of all that is stored.
fn dump(folder: &Path) -> String {
    let entries = fs::read_dir(folder).unwrap();
    let text = |path: PathBuf| format!("{path:?} {}\n", fs::read_to_string(&path).unwrap());
    entries.map(|entry| text(entry.unwrap().path())).collect()
}

#[tokio::test]
async fn ses_05_ses_17_sessions_in_files_log_in_count_and_log_out() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("sessions-in-files");
    let _ = fs::remove_dir_all(&folder);
    let first = app(&folder);

    let mut cookie = String::new();
    assert_eq!(send(&first, "GET", "/count", &mut cookie).await.1, "0");
    let before = cookie.clone();
    assert_eq!(
        send(&first, "POST", "/login", &mut cookie).await.0,
        StatusCode::OK
    );
    assert_ne!(cookie, before);
    assert_eq!(send(&first, "GET", "/count", &mut cookie).await.1, "0");

    // Another process finds it in the files.
    let second = app(&folder);
    assert_eq!(send(&second, "GET", "/me", &mut cookie).await.1, "alice");
    assert_eq!(send(&second, "GET", "/count", &mut cookie).await.1, "1");
    assert_eq!(send(&first, "GET", "/count", &mut cookie).await.1, "2");

    let (_, secret) = cookie.split_once('=').unwrap();
    let stored = dump(&folder);
    assert_eq!(stored.lines().count(), 1, "{stored}");
    assert!(!stored.contains(secret), "{stored}");

    let mut stolen = cookie.clone();
    send(&second, "POST", "/logout", &mut cookie).await;
    for app in [&first, &second] {
        let (status, _) = send(app, "GET", "/me", &mut stolen).await;
        assert_eq!(status, StatusCode::UNAUTHORIZED);
    }
    assert_eq!(dump(&folder), "");
}
