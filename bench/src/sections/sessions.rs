//! A request with a session cookie, and a handler that answers with the user's name.

use std::cell::Cell;
use std::net::{IpAddr, Ipv4Addr};
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use auth_layer::{Factor, FactorKind, Identity, SecretDigest};
use axum::Router;
use axum::body::Body;
use axum::http::header::{CACHE_CONTROL, COOKIE, VARY};
use axum::http::{HeaderValue, Request};
use axum::response::IntoResponse;
use axum::routing::get;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use session_layer::{
    Device, MemorySessionBackend, NewSession, SCHEME, SessionBackend, SessionId, SessionLayer,
    SessionLimits, SessionRecord,
};

use super::request;
use crate::harness::{Contender, Section};
use crate::no_op::NoOp;

/// The title of the table.
pub const TITLE: &str = "Session in memory";
/// The row that has to hold.
pub(crate) const ONE: &str = "`SessionLayer`, one session";
/// The user of the first session.
pub const USER: &str = "user-000000";
/// A `User-Agent` of usual length.
pub const USER_AGENT: &str = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36 Edg/141";

/// What a response that depends on a session has to say. Ours says it by itself.
pub fn private(body: impl IntoResponse) -> impl IntoResponse {
    ([(CACHE_CONTROL, "no-store"), (VARY, "cookie")], body)
}

/// The router without sessions, whose handler knows the answer.
pub fn bare() -> Router {
    Router::new().route("/me", get(|| async { private(USER.to_owned()) }))
}

/// The router whose handler asks for the identity.
pub fn ours() -> Router {
    let subject = async |identity: Identity| identity.subject().to_owned();
    Router::new().route("/me", get(subject))
}

/// Requests with one cookie after the other, not in the order in which they were made.
pub fn requests(cookies: Vec<String>) -> impl Fn() -> Request<Body> {
    let at = Cell::new(0);
    move || {
        let cookie = &cookies[at.get()];
        at.set((at.get() + 514_229) % cookies.len());
        let mut request = request(None);
        // Copied, as a server does that has just read it.
        if let Ok(value) = HeaderValue::from_str(cookie) {
            request.headers_mut().insert(COOKIE, value);
        }
        request
    }
}

/// A session of `user` under a secret of its own, and the cookie for it.
pub fn session(
    number: usize,
    user: &str,
    user_agent: Option<&str>,
    now: SystemTime,
) -> (NewSession, String) {
    let seed = SecretDigest::of(number.to_be_bytes());
    let secret = URL_SAFE_NO_PAD.encode(seed.as_bytes());
    let (id, _) = seed.as_bytes().split_at(16);
    let id = SessionId::from_bytes(id.try_into().unwrap_or_default());
    let mut record = SessionRecord::new(id, now, SessionLimits::STANDARD);
    let login = Identity::builder(SCHEME, user)
        .issuer("https://id.example.com")
        .role("admin")
        .factor(Factor::new(FactorKind::Password, now))
        .auth_time(now)
        .session_id(id.to_string())
        .expires_at(record.ends_at);
    record.login = Some(login.build());
    record.device = Device::new(user_agent, Some(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 7))));
    // As the layer makes it from the cookie: a session's digest is of no other kind.
    let digest = SecretDigest::of(format!("session\0{secret}"));
    let cookie = format!("__Host-session={secret}");
    (NewSession::new(digest, record), cookie)
}

/// A backend with so many users, each with one session, and their cookies.
pub fn filled(count: usize, user_agent: Option<&str>) -> (MemorySessionBackend, Vec<String>) {
    let backend = MemorySessionBackend::with_capacity(2 * count);
    let runtime = tokio::runtime::Builder::new_current_thread();
    let fill = async {
        let now = SystemTime::now() - Duration::from_secs(1);
        let mut cookies = Vec::with_capacity(count);
        for number in 0..count {
            let user = format!("user-{number:06}");
            let (session, cookie) = session(number, &user, user_agent, now);
            if backend.create(session).await.is_ok() {
                cookies.push(cookie);
            }
        }
        cookies
    };
    let cookies = { runtime }.build().map(|runtime| runtime.block_on(fill));
    (backend, cookies.unwrap_or_default())
}

/// Ours, with so many sessions in memory; all of them are asked for in turn, or only one.
pub fn in_memory(name: &'static str, count: usize, all: bool) -> Contender {
    let (backend, mut cookies) = filled(count, None);
    if !all {
        cookies.truncate(1);
    }
    let layer = SessionLayer::new(Arc::new(backend));
    Contender::router(name, ours().layer(layer)).with_requests(requests(cookies))
}

/// The bare router, the layer that does nothing, and ours.
pub fn contenders() -> Vec<Contender> {
    vec![
        Contender::router("bare router", bare()),
        Contender::router("no-op layer", bare().layer(NoOp)),
        in_memory(ONE, 1, false),
        in_memory("`SessionLayer`, one of 1,000", 1_000, false),
        in_memory("`SessionLayer`, all of 1,000 in turn", 1_000, true),
        in_memory("`SessionLayer`, all of 100,000 in turn", 100_000, true),
    ]
}

pub(super) fn section() -> Section {
    let (_, cookie) = session(0, USER, None, SystemTime::UNIX_EPOCH);
    Section {
        title: TITLE,
        steady: false,
        request: Rc::new(requests(vec![cookie])),
        contenders: contenders(),
    }
}
