//! Stores and handlers that were written for tower-sessions.
#![allow(clippy::unwrap_used, reason = "for tests only, but not marked as one")]

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use auth_layer::{
    AuthError, Factor, FactorKind, Identity, MemoryRevocations, RequireAuth, Revocations as _,
    SharedClock, SharedRevocations, SubjectRevocation,
};
use axum::body::{Body, to_bytes};
use axum::routing::{get, post};
use axum::{Router, http};
use http::header::{COOKIE, SET_COOKIE};
use http::{Request, StatusCode};
use session_layer::{SessionHandle, SessionLayer, UnindexedSession};
use tower::ServiceExt as _;
use tower_sessions::session::{Id, Record};
use tower_sessions::session_store::{Error, Result};
use tower_sessions::{MemoryStore, Session, SessionStore};

/// tower-sessions' own store, with a switch that breaks it.
#[derive(Clone, Debug, Default)]
struct Store {
    memory: MemoryStore,
    broken: Arc<AtomicBool>,
    /// Draws other ids than those that are asked for, as on a collision.
    collides: Arc<AtomicBool>,
}

impl Store {
    fn check(&self) -> Result<()> {
        match self.broken.load(Ordering::SeqCst) {
            true => Err(Error::Backend("broken on purpose".to_owned())),
            false => Ok(()),
        }
    }

    /// All that is stored, as text.
    fn dump(&self) -> String {
        format!("{:?}", self.memory)
    }
}

#[async_trait]
impl SessionStore for Store {
    async fn create(&self, record: &mut Record) -> Result<()> {
        self.check()?;
        if self.collides.swap(false, Ordering::SeqCst) {
            record.id = Id::default();
        }
        self.memory.create(record).await
    }

    async fn save(&self, record: &Record) -> Result<()> {
        self.check()?;
        self.memory.save(record).await
    }

    async fn load(&self, id: &Id) -> Result<Option<Record>> {
        self.check()?;
        self.memory.load(id).await
    }

    async fn delete(&self, id: &Id) -> Result<()> {
        self.check()?;
        self.memory.delete(id).await
    }
}

/// As tower-sessions' own example has it.
async fn count(session: Session) -> std::result::Result<String, AuthError> {
    let failed = |_| AuthError::unavailable("session");
    let count: usize = session.get("count").await.map_err(failed)?.unwrap_or(0);
    session.insert("count", count + 1).await.map_err(failed)?;
    Ok(count.to_string())
}

async fn flush(session: Session) -> std::result::Result<(), AuthError> {
    let flushed = session.flush().await;
    flushed.map_err(|_| AuthError::unavailable("session"))
}

fn alice() -> Identity {
    let proved = Factor::new(FactorKind::Password, SystemTime::now());
    Identity::builder("password", "alice")
        .factor(proved)
        .build()
}

struct Site {
    store: Store,
    revocations: SharedRevocations,
    /// Seconds by which the clock is ahead.
    ahead: Arc<AtomicU64>,
    app: Router,
}

fn site() -> Site {
    let (store, ahead) = (Store::default(), Arc::new(AtomicU64::new(0)));
    let revocations = SharedRevocations::new(MemoryRevocations::new());
    let clock = Arc::clone(&ahead);
    let sessions = SessionLayer::danger_unindexed(store.clone())
        .clock(SharedClock::new(move || {
            SystemTime::now() + Duration::from_secs(clock.load(Ordering::SeqCst))
        }))
        .revocations(revocations.clone())
        .build()
        .unwrap();
    let app = Router::new()
        .route("/count", get(count))
        .route("/flush", post(flush))
        .route(
            "/me",
            get(|who: Identity| async move { who.subject().to_owned() }),
        )
        .route_layer(RequireAuth::authenticated())
        .route(
            "/login",
            post(async |session: UnindexedSession| {
                assert!(session.identity().is_none());
                session.log_in(alice()).await.map(drop)
            }),
        )
        .route(
            "/refresh",
            post(async |session: UnindexedSession| {
                let identity = session.identity().unwrap();
                session.refresh(identity).await.map(drop)
            }),
        )
        .route(
            "/logout",
            post(async |session: UnindexedSession| session.log_out().await),
        )
        .route("/indexed", get(async |_: SessionHandle| ()))
        .layer(sessions);
    Site {
        store,
        revocations,
        ahead,
        app,
    }
}

impl Site {
    /// Sends a request, and keeps the cookie.
    async fn send(&self, method: &str, path: &str, cookie: &mut String) -> (StatusCode, String) {
        let req = Request::builder()
            .method(method)
            .uri(path)
            .header("sec-fetch-site", "same-origin")
            .header(COOKIE, &*cookie)
            .body(Body::empty())
            .unwrap();
        let res: std::result::Result<_, Infallible> = self.app.clone().oneshot(req).await;
        let res = res.unwrap();
        if let Some(line) = res.headers().get(SET_COOKIE) {
            let pair = line.to_str().unwrap().split(';').next().unwrap();
            *cookie = pair.to_owned();
        }
        let status = res.status();
        let body = to_bytes(res.into_body(), 100_000).await.unwrap();
        (status, String::from_utf8(body.to_vec()).unwrap())
    }

    async fn log_in(&self) -> String {
        let mut cookie = String::new();
        let (status, body) = self.send("POST", "/login", &mut cookie).await;
        assert_eq!(status, StatusCode::OK, "{body}");
        cookie
    }

    async fn status(&self, cookie: &str) -> StatusCode {
        self.send("GET", "/me", &mut cookie.to_owned()).await.0
    }
}

#[tokio::test]
async fn handlers_and_stores_of_tower_sessions_go_on_working() {
    let site = site();
    let mut cookie = site.log_in().await;
    assert!(cookie.starts_with("__Host-session="));
    for expected in ["0", "1", "2"] {
        let (_, body) = site.send("GET", "/count", &mut cookie).await;
        assert_eq!(body, expected);
    }
    let before = cookie.clone();
    site.send("POST", "/refresh", &mut cookie).await;
    assert_ne!(cookie, before);
    assert_eq!(site.status(&before).await, StatusCode::UNAUTHORIZED);
    assert_eq!(site.send("GET", "/count", &mut cookie).await.1, "3");
}

#[tokio::test]
async fn ses_05_after_a_logout_the_old_cookie_is_nobody() {
    for path in ["/logout", "/flush"] {
        let site = site();
        let mut cookie = site.log_in().await;
        let stolen = cookie.clone();
        assert_eq!(site.status(&stolen).await, StatusCode::OK);
        let (status, _) = site.send("POST", path, &mut cookie).await;
        assert_eq!((status, &*cookie), (StatusCode::OK, "__Host-session="));
        assert_eq!(site.status(&stolen).await, StatusCode::UNAUTHORIZED);
    }
}

#[tokio::test]
async fn ses_17_the_store_learns_no_secret() {
    let site = site();
    let cookie = site.log_in().await;
    let secret = cookie.strip_prefix("__Host-session=").unwrap();
    let dump = site.store.dump();
    assert!(dump.contains("session-layer"), "nothing is stored: {dump}");
    assert!(!dump.contains(secret), "{dump}");
    // Nor is the id of a record good for anything as a cookie.
    let id = dump.split("Id(").nth(1).unwrap().split(')').next().unwrap();
    let id = Id(id.parse().unwrap()).to_string();
    let forged = format!("__Host-session={id}");
    assert_eq!(site.status(&forged).await, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn ses_20_a_store_that_fails_is_503() {
    let site = site();
    let mut cookie = site.log_in().await;
    site.store.broken.store(true, Ordering::SeqCst);
    assert_eq!(site.status(&cookie).await, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(site.status("").await, StatusCode::UNAUTHORIZED);
    let (status, _) = site.send("POST", "/login", &mut String::new()).await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    let (status, _) = site.send("POST", "/logout", &mut cookie).await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    site.store.broken.store(false, Ordering::SeqCst);
    assert_eq!(site.status(&cookie).await, StatusCode::OK);
}

#[tokio::test]
async fn ses_10_both_limits_hold_whatever_the_store_does() {
    const HOUR: u64 = 60 * 60;

    let site = site();
    let mut cookie = site.log_in().await;
    // Used twice a day, it lasts until the 14th day and no longer.
    for hours in (12..14 * 24).step_by(12) {
        site.ahead.store(hours * HOUR, Ordering::SeqCst);
        let (status, _) = site.send("GET", "/me", &mut cookie).await;
        assert_eq!(status, StatusCode::OK, "{hours}");
    }
    site.ahead.store(14 * 24 * HOUR, Ordering::SeqCst);
    assert_eq!(site.status(&cookie).await, StatusCode::UNAUTHORIZED);
    // Unused, it ends after a day.
    let cookie = site.log_in().await;
    site.ahead.fetch_add(24 * HOUR, Ordering::SeqCst);
    assert_eq!(site.status(&cookie).await, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn ses_11_revocations_end_all_sessions_without_an_index() {
    let site = site();
    let cookies = [site.log_in().await, site.log_in().await];
    let now = SystemTime::now() + Duration::from_secs(1);
    let everything = SubjectRevocation::new("alice", now, Duration::from_secs(86_400 * 14));
    site.revocations.revoke_subject(&everything).await.unwrap();
    for cookie in &cookies {
        assert_eq!(site.status(cookie).await, StatusCode::UNAUTHORIZED);
    }
}

#[tokio::test]
async fn ses_01_an_id_that_the_store_has_drawn_is_not_used() {
    let site = site();
    site.store.collides.store(true, Ordering::SeqCst);
    let cookie = site.log_in().await;
    assert_eq!(site.status(&cookie).await, StatusCode::OK);
    assert_eq!(
        site.store.dump().matches("expiry_date").count(),
        1,
        "it has left a record"
    );
}

#[tokio::test]
async fn the_handle_with_an_index_is_not_there() {
    let site = site();
    let (status, _) = site.send("GET", "/indexed", &mut String::new()).await;
    assert_eq!(status, StatusCode::INTERNAL_SERVER_ERROR);
}
