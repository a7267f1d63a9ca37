//! A small application below the layer, a browser, a clock and a backend that can be broken.
#![allow(dead_code, unreachable_pub, reason = "each test uses a part of it")]
#![allow(clippy::unwrap_used, reason = "for tests only, but not marked as one")]

pub mod remembering;

use std::convert::Infallible;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use auth_layer::{
    AuthError, Events, Factor, FactorKind, Identity, Problem, Requirement, SecretDigest,
    SharedClock, refusal_response,
};
use bytes::Bytes;
use cookie::time::Duration as CookieDuration;
use http::header::{COOKIE, SET_COOKIE};
use http::{HeaderMap, Method, Request, Response, StatusCode};
use session_layer::{
    CreateOutcome, MemorySessionBackend, NewSession, RotateOutcome, SessionBackend, SessionData,
    SessionHandle, SessionId, SessionLayer, SessionLayerBuilder, SessionLimits, SessionLookup,
    SessionRecord, Touch, UpdateOutcome, UserKey,
};
use tokio::sync::Notify;
use tower::util::BoxCloneSyncService;
use tower::{Layer, ServiceExt, service_fn};

pub const IDLE: u64 = 1_800;
pub const ABSOLUTE: u64 = 43_200;
pub const START: u64 = 1_800_000_000;

pub type Service = BoxCloneSyncService<Request<()>, Response<Bytes>, Infallible>;

/// A clock that tests move.
#[derive(Clone, Default)]
pub struct TestClock(Arc<AtomicU64>);

impl TestClock {
    pub fn set(&self, seconds_after_start: u64) {
        self.0.store(seconds_after_start, Ordering::SeqCst);
    }

    pub fn shared(&self) -> SharedClock {
        let seconds = Arc::clone(&self.0);
        SharedClock::new(move || at(seconds.load(Ordering::SeqCst)))
    }
}

pub fn at(seconds_after_start: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(START + seconds_after_start)
}

pub struct App {
    pub service: Service,
    pub layer: SessionLayer,
    pub clock: TestClock,
    pub backend: Arc<TestBackend>,
    pub events: Arc<Mutex<Vec<String>>>,
}

impl App {
    pub fn new() -> Self {
        Self::with(|builder| builder)
    }

    pub fn with(options: impl FnOnce(SessionLayerBuilder) -> SessionLayerBuilder) -> Self {
        let (clock, backend) = (TestClock::default(), Arc::new(TestBackend::new()));
        let events = Arc::new(Mutex::new(Vec::new()));
        let sink = Arc::clone(&events);
        let builder = SessionLayer::builder(Backend(Arc::clone(&backend)))
            .limits(SessionLimits::STRICT)
            .clock(clock.shared())
            .events(Events::to(move |event: &auth_layer::Event<'_>| {
                let reason = event.reason.unwrap_or("-");
                let text = format!("{} {reason}", event.kind.as_str());
                sink.lock().unwrap().push(text);
            }));
        let layer = options(builder).build().unwrap();
        Self {
            service: BoxCloneSyncService::new(layer.layer(service_fn(application))),
            layer,
            clock,
            backend,
            events,
        }
    }

    pub fn browser(&self) -> Browser {
        Browser {
            service: self.service.clone(),
            cookies: Vec::new(),
        }
    }

    pub fn take_events(&self) -> Vec<String> {
        std::mem::take(&mut self.events.lock().unwrap())
    }
}

/// Keeps cookies, and sends what a browser sends from a page of the same origin.
#[derive(Clone)]
pub struct Browser {
    pub service: Service,
    pub cookies: Vec<(String, String)>,
}

impl Browser {
    pub fn request(&self, method: &str, uri: &str) -> Request<()> {
        let mut req = Request::builder()
            .method(method)
            .uri(uri)
            .header("host", "app.example")
            .header("sec-fetch-site", "same-origin");
        for (name, value) in &self.cookies {
            req = req.header(COOKIE, format!("{name}={value}"));
        }
        req.body(()).unwrap()
    }

    pub async fn send(&mut self, method: &str, uri: &str) -> Response<Bytes> {
        let req = self.request(method, uri);
        self.send_request(req).await
    }

    pub async fn send_request(&mut self, req: Request<()>) -> Response<Bytes> {
        let res = self.service.clone().oneshot(req).await.unwrap();
        for line in set_cookies(&res) {
            self.cookies.retain(|(name, _)| name != line.name());
            if line.max_age() != Some(CookieDuration::ZERO) {
                let cookie = (line.name().to_owned(), line.value().to_owned());
                self.cookies.push(cookie);
            }
        }
        res
    }

    /// The body of a GET.
    pub async fn get(&mut self, uri: &str) -> String {
        text(&self.send("GET", uri).await)
    }

    pub async fn log_in(&mut self, user: &str) -> Response<Bytes> {
        let res = self.send("POST", &format!("/login?{user}")).await;
        assert_eq!(res.status(), StatusCode::OK, "{}", text(&res));
        res
    }

    pub async fn who(&mut self) -> String {
        self.get("/who").await
    }

    /// The value of the session cookie.
    pub fn secret(&self) -> String {
        self.cookie("__Host-session").unwrap()
    }

    pub fn cookie(&self, name: &str) -> Option<String> {
        let found = self.cookies.iter().find(|(own, _)| own == name);
        found.map(|(_, value)| value.clone())
    }

    pub fn set_cookie(&mut self, name: &str, value: &str) {
        self.drop_cookie(name);
        self.cookies.push((name.to_owned(), value.to_owned()));
    }

    /// As when a browser is closed, or a cookie has expired.
    pub fn drop_cookie(&mut self, name: &str) {
        self.cookies.retain(|(own, _)| own != name);
    }
}

pub fn set_cookies(res: &Response<Bytes>) -> Vec<cookie::Cookie<'static>> {
    let lines = res.headers().get_all(SET_COOKIE).iter();
    lines
        .map(|line| cookie::Cookie::parse(line.to_str().unwrap().to_owned()).unwrap())
        .collect()
}

pub fn text(res: &Response<Bytes>) -> String {
    String::from_utf8(res.body().to_vec()).unwrap()
}

/// In the extensions of a request: makes the handler wait half-way.
#[derive(Clone, Default)]
pub struct Gate {
    pub entered: Arc<Notify>,
    pub go_on: Arc<Notify>,
}

async fn application(req: Request<()>) -> Result<Response<Bytes>, Infallible> {
    Ok(match handle(&req).await {
        Ok(res) => res,
        Err(error) => refusal_response(&Problem, error),
    })
}

async fn handle(req: &Request<()>) -> Result<Response<Bytes>, AuthError> {
    let session = req.extensions().get::<SessionHandle>().unwrap().clone();
    let data = req.extensions().get::<session_layer::Session>().unwrap();
    let identity = req.extensions().get::<Identity>();
    let gate = req.extensions().get::<Gate>().cloned();
    let query = req.uri().query().unwrap_or_default();
    let (key, value) = query.split_once('=').unwrap_or((query, ""));
    let wait = async {
        if let Some(gate) = &gate {
            gate.entered.notify_one();
            gate.go_on.notified().await;
        }
    };

    let mut headers = HeaderMap::new();
    let mut status = StatusCode::OK;
    let body = match (req.method().clone(), req.uri().path()) {
        (Method::POST | Method::GET, "/login") => {
            let before: Option<String> = data.get("cart").await.unwrap();
            wait.await;
            let identity = session.log_in(user(query)).await?;
            assert_eq!(session.identity().unwrap().subject(), identity.subject());
            format!("{before:?}")
        }
        (Method::POST, "/login-remembered") => {
            wait.await;
            session.log_in_remembered(user(query)).await?;
            String::new()
        }
        (Method::POST, "/login-then-set") => {
            session.log_in(user(query)).await?;
            data.insert("k", 1).await.unwrap();
            wait.await;
            String::new()
        }
        (Method::POST, "/refresh") => {
            data.insert("unsaved", 1).await.unwrap();
            wait.await;
            session.refresh(user(query)).await?.subject().to_owned()
        }
        (Method::POST | Method::GET, "/logout") => {
            wait.await;
            session.log_out().await?;
            assert!(session.identity().is_none() && session.id().is_none());
            String::new()
        }
        (_, "/logout-with-flash") => {
            session.log_out().await?;
            data.insert("flash", "bye").await.unwrap();
            String::new()
        }
        (_, "/save-then-logout") => {
            data.insert(key, value).await.unwrap();
            wait.await;
            let saved = data.save().await.is_ok();
            session.log_out().await?;
            saved.to_string()
        }
        (_, "/flush-quietly") => {
            wait.await;
            data.flush().await.is_ok().to_string()
        }
        (_, "/delete-quietly") => data.delete().await.is_ok().to_string(),
        (_, "/cycle-quietly") => {
            data.insert("k", "cycled").await.unwrap();
            data.cycle_id().await.is_ok().to_string()
        }
        (_, "/flush") => {
            data.flush()
                .await
                .map_err(|_| AuthError::unavailable("flush"))?;
            String::new()
        }
        (_, "/cycle") => {
            data.cycle_id().await.unwrap();
            String::new()
        }
        (_, "/set") => {
            data.get_value("loaded").await.unwrap();
            wait.await;
            data.insert(key, value).await.unwrap();
            data.id().map(|id| id.to_string()).unwrap_or_default()
        }
        (_, "/set-and-fail") => {
            data.insert(key, value).await.unwrap();
            status = StatusCode::INTERNAL_SERVER_ERROR;
            String::new()
        }
        (_, "/save-now") => {
            data.insert(key, value).await.unwrap();
            format!("{:?}", data.save().await.is_ok())
        }
        (_, "/remove") => {
            data.get_value("loaded").await.unwrap();
            wait.await;
            data.remove_value(key).await.unwrap();
            String::new()
        }
        (_, "/get") => {
            let value: Option<serde_json::Value> = data.get(key).await.unwrap();
            value.map(|value| value.to_string()).unwrap_or_default()
        }
        (_, "/wait") => {
            wait.await;
            String::new()
        }
        (_, "/public") => {
            headers.insert("cache-control", "public, max-age=60".parse().unwrap());
            String::new()
        }
        (Method::GET, "/sessions") => {
            let sessions = session.list().await?;
            let lines: Vec<_> = sessions
                .iter()
                .map(|s| {
                    format!(
                        "{} {} {:?}",
                        s.id(),
                        s.is_current(),
                        s.device().user_agent()
                    )
                })
                .collect();
            lines.join("\n")
        }
        (Method::DELETE, "/sessions") if query.is_empty() => {
            wait.await;
            session.revoke_others().await?.to_string()
        }
        (Method::DELETE, "/sessions") => session.revoke(query).await?.to_string(),
        (_, "/fresh") => {
            let fresh = Requirement::max_age(Duration::from_secs(60));
            fresh.check(identity.unwrap(), at(50)).is_ok().to_string()
        }
        (_, "/sensitive") => {
            let mut cookies = req.headers().get_all(COOKIE).iter();
            cookies.all(http::HeaderValue::is_sensitive).to_string()
        }
        (_, "/details") => format!(
            "{:?} {:?} {:?} {:?} {:?}",
            identity.unwrap(),
            identity.unwrap().factors(),
            identity.unwrap().auth_time(),
            identity.unwrap().acr(),
            identity.unwrap().session_id(),
        ),
        _ => identity.map_or("nobody", Identity::subject).to_owned(),
    };
    let mut res = Response::new(Bytes::from(body));
    *res.status_mut() = status;
    res.headers_mut().extend(headers);
    Ok(res)
}

/// `name`, `name+` (with a second factor), `name-` (with nothing proved), or `name*` (by a key).
pub fn user(name: &str) -> Identity {
    let name_only = name.trim_end_matches(['+', '-', '*']);
    if name.ends_with('-') {
        return Identity::new("password", name_only);
    }
    if name.ends_with('*') {
        let key = Identity::builder("api-key", name_only);
        return key.key_id("key-1").auth_time(at(0)).build();
    }
    let mut identity = Identity::builder("password", name_only)
        .role("admin")
        .scopes("reports:read".parse().unwrap())
        .acr("1")
        .factor(Factor::new(FactorKind::Password, at(0)));
    if name != name_only {
        identity = identity.factor(Factor::new(FactorKind::Otp, at(60)));
    }
    identity.build()
}

/// Whether the backend answers `find_now`, from the beginning. `tests/find_now.rs` runs the tables of
/// other files once more, so that they hold on the way on which nobody waits too.
const FINDS_NOW: bool = matches!(env!("CARGO_CRATE_NAME").as_bytes(), b"find_now");

/// The memory backend, with calls counted, and with a switch that breaks it.
pub struct TestBackend {
    pub memory: MemorySessionBackend,
    pub broken: AtomicBool,
    /// What a broken backend answers with is of a kind that would let requests pass as anonymous.
    pub lies: AtomicBool,
    pub writes: AtomicUsize,
    pub finds: AtomicUsize,
    /// Answers `find_now`, unless it is broken or shall stop at `find`.
    pub finds_now: AtomicBool,
    /// Where the next call stops: "before" or "after" the verb of this name.
    pub stop: Mutex<Option<(&'static str, &'static str, Gate)>>,
}

impl TestBackend {
    /// The next call of `verb` stops before or after it has done its work.
    pub fn stop(&self, when: &'static str, verb: &'static str) -> Gate {
        let gate = Gate::default();
        *self.stop.lock().unwrap() = Some((when, verb, gate.clone()));
        gate
    }

    async fn pass(&self, when: &str, verb: &str) {
        let gate = {
            let mut stop = self.stop.lock().unwrap();
            stop.take_if(|(at, name, _)| *at == when && *name == verb)
        };
        if let Some((_, _, gate)) = gate {
            gate.entered.notify_one();
            gate.go_on.notified().await;
        }
    }

    fn new() -> Self {
        Self {
            memory: MemorySessionBackend::new(),
            broken: AtomicBool::new(false),
            lies: AtomicBool::new(false),
            writes: AtomicUsize::new(0),
            finds: AtomicUsize::new(0),
            finds_now: AtomicBool::new(FINDS_NOW),
            stop: Mutex::default(),
        }
    }

    fn can_find_now(&self) -> bool {
        let stop = self.stop.lock().unwrap();
        let stops = stop.as_ref().is_some_and(|(_, verb, _)| *verb == "find");
        self.finds_now.load(Ordering::SeqCst) && !self.broken.load(Ordering::SeqCst) && !stops
    }

    pub fn set_broken(&self, broken: bool) {
        self.broken.store(broken, Ordering::SeqCst);
    }

    pub fn take_writes(&self) -> usize {
        self.writes.swap(0, Ordering::SeqCst)
    }

    fn check(&self) -> Result<(), AuthError> {
        match self.broken.load(Ordering::SeqCst) {
            false => Ok(()),
            true if self.lies.load(Ordering::SeqCst) => Err(AuthError::absent("lie")),
            true => Err(AuthError::unavailable("broken_on_purpose")),
        }
    }

    fn write(&self) -> Result<(), AuthError> {
        self.writes.fetch_add(1, Ordering::SeqCst);
        self.check()
    }
}

pub struct Backend(pub Arc<TestBackend>);

impl SessionBackend for Backend {
    async fn create(&self, session: NewSession) -> Result<CreateOutcome, AuthError> {
        self.0.write()?;
        self.0.pass("before", "create").await;
        let outcome = self.0.memory.create(session).await;
        self.0.pass("after", "create").await;
        outcome
    }

    fn find_now(&self, secret: &SecretDigest) -> SessionLookup {
        if !self.0.can_find_now() {
            return SessionLookup::Wait;
        }
        let found = self.0.memory.find_now(secret);
        if !matches!(found, SessionLookup::Wait) {
            self.0.finds.fetch_add(1, Ordering::SeqCst);
        }
        found
    }

    async fn find(&self, secret: &SecretDigest) -> Result<Option<SessionRecord>, AuthError> {
        self.0.finds.fetch_add(1, Ordering::SeqCst);
        self.0.check()?;
        self.0.pass("before", "find").await;
        let outcome = self.0.memory.find(secret).await;
        self.0.pass("after", "find").await;
        outcome
    }

    async fn touch(&self, secret: &SecretDigest, touch: Touch) -> Result<bool, AuthError> {
        self.0.write()?;
        self.0.pass("before", "touch").await;
        let outcome = self.0.memory.touch(secret, touch).await;
        self.0.pass("after", "touch").await;
        outcome
    }

    async fn update(
        &self,
        secret: &SecretDigest,
        version: u64,
        data: SessionData,
    ) -> Result<UpdateOutcome, AuthError> {
        self.0.write()?;
        self.0.pass("before", "update").await;
        let outcome = self.0.memory.update(secret, version, data).await;
        self.0.pass("after", "update").await;
        outcome
    }

    async fn rotate(
        &self,
        old: &SecretDigest,
        version: Option<u64>,
        new: NewSession,
    ) -> Result<RotateOutcome, AuthError> {
        self.0.write()?;
        self.0.pass("before", "rotate").await;
        let outcome = self.0.memory.rotate(old, version, new).await;
        self.0.pass("after", "rotate").await;
        outcome
    }

    async fn delete(&self, secret: &SecretDigest) -> Result<bool, AuthError> {
        self.0.write()?;
        self.0.pass("before", "delete").await;
        let outcome = self.0.memory.delete(secret).await;
        self.0.pass("after", "delete").await;
        outcome
    }

    async fn list(&self, user: &UserKey) -> Result<Vec<SessionRecord>, AuthError> {
        self.0.check()?;
        self.0.pass("before", "list").await;
        let outcome = self.0.memory.list(user).await;
        self.0.pass("after", "list").await;
        outcome
    }

    async fn delete_by_id(&self, user: &UserKey, id: &SessionId) -> Result<bool, AuthError> {
        self.0.write()?;
        self.0.pass("before", "delete_by_id").await;
        let outcome = self.0.memory.delete_by_id(user, id).await;
        self.0.pass("after", "delete_by_id").await;
        outcome
    }

    async fn delete_all(
        &self,
        user: &UserKey,
        except: Option<&SessionId>,
    ) -> Result<Vec<SessionId>, AuthError> {
        self.0.write()?;
        self.0.pass("before", "delete_all").await;
        let outcome = self.0.memory.delete_all(user, except).await;
        self.0.pass("after", "delete_all").await;
        outcome
    }
}
