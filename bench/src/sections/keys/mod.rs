//! API keys, in the header `X-API-Key`.

mod by_hand;
mod kept;

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;

use apikey_layer::{ApiKeys, MemoryApiKeys, SharedApiKeyStore};
use auth_layer::{Identity, RequireAuth};
use axum::Router;
use axum::body::Body;
use axum::http::{HeaderValue, Request};
use axum::middleware::from_fn_with_state;
use axum::routing::get;
use tokio::runtime::Runtime;
use tower::Layer as _;
use tower_http::auth::AsyncRequireAuthorizationLayer;
use tower_http::validate_request::ValidateRequestHeaderLayer;

use self::by_hand::{Keys, Refusal};
pub(crate) use self::kept::bytes;
use self::kept::{FIRST_OWNER, Kept, Table, format};
use super::request;
use crate::harness::{Contender, Section};
use crate::no_op::NoOp;

pub(crate) const VALID: &str = "API key, one of 10,000 in memory";
pub(crate) const OURS: &str = "`ApiKeys` without owners, `Identity`";
pub(crate) const OWNERS: &str = "`ApiKeys` with a table of owners, `Identity`";
pub(crate) const BY_HAND: [&str; 4] = [
    "by hand: in an extractor",
    "by hand: `ValidateRequestHeaderLayer::custom`",
    "by hand: `AsyncRequireAuthorizationLayer`",
    "by hand: `axum::middleware::from_fn_with_state`",
];

pub(crate) const MANY: &str = "API key, few and many";
pub(crate) const HOT: [&str; 2] = ["`ApiKeys`, one of 10,000", "`ApiKeys`, one of 1,000,000"];
pub(crate) const IN_TURN: [&str; 2] = [
    "`ApiKeys`, all of 10,000 in turn",
    "`ApiKeys`, all of 1,000,000 in turn",
];
const BY_HAND_IN_TURN: [&str; 2] = [
    "by hand: all of 10,000 in turn",
    "by hand: all of 1,000,000 in turn",
];

pub(crate) const MALFORMED: &str = "Refused: an API key with a wrong checksum";
pub(crate) const UNKNOWN: &str = "Refused: an API key that nobody has";
pub(crate) const REFUSES: &str = "`ApiKeys` refuses";

pub(crate) const NO_KEY: &str = "No API key, on a route that everybody may see";
pub(crate) const NO_KEY_ROW: &str = "`AuthLayer<ApiKeys>`";

const FEW: usize = 10_000;

/// Unoptimised, a million would take a minute to make.
const LOTS: usize = if cfg!(debug_assertions) {
    FEW
} else {
    1_000_000
};

/// The handler behind our layer.
async fn subject(identity: Identity) -> String {
    identity.subject().to_owned()
}

fn ours(keys: ApiKeys) -> Router {
    Router::new()
        .route("/me", get(subject))
        .layer(keys.into_layer())
}

fn without_owners(store: impl Into<SharedApiKeyStore>) -> ApiKeys {
    ApiKeys::danger_without_owners(format(), store)
}

/// The router without a layer, whose handler knows the answer.
fn bare() -> Router {
    Router::new().route("/me", get(|| async { FIRST_OWNER.to_owned() }))
}

/// A request with this key, copied, as a server does that has just read it.
fn with_key(key: &str) -> Request<Body> {
    let mut request = request(None);
    if let Ok(value) = HeaderValue::from_str(key) {
        request.headers_mut().insert("x-api-key", value);
    }
    request
}

/// Requests with one key after the other, not in the order in which they were made.
fn in_turn(kept: &Kept) -> impl Fn() -> Request<Body> + use<> {
    let (texts, at) = (Rc::clone(&kept.texts), Cell::new(0));
    move || {
        let request = with_key(&texts[at.get()]);
        at.set((at.get() + 514_229) % texts.len());
        request
    }
}

/// What is written by hand, hung on each of the usual places.
fn by_hand(keys: &Keys) -> Vec<Contender> {
    let handler = || Router::new().route("/me", get(by_hand::owner));
    let extractor = Router::new()
        .route("/me", get(by_hand::extracted))
        .with_state(keys.clone());
    let authorize = {
        let keys = keys.clone();
        AsyncRequireAuthorizationLayer::new(move |request| {
            by_hand::authorize(keys.clone(), request)
        })
    };
    let validate = ValidateRequestHeaderLayer::custom(by_hand::validate(keys.clone()));
    let from_fn = from_fn_with_state(keys.clone(), by_hand::middleware);
    let [in_extractor, by_validate, by_authorize, by_from_fn] = BY_HAND;
    vec![
        Contender::router(in_extractor, extractor),
        Contender::router(by_validate, handler().layer(validate)),
        Contender::router(by_authorize, handler().layer(authorize)),
        Contender::router(by_from_fn, handler().layer(from_fn)),
    ]
}

/// One key again and again.
pub(super) fn valid(runtime: &Runtime) -> Section {
    let kept = Kept::new(runtime, FEW);
    let owners = ApiKeys::new(
        format(),
        Arc::clone(&kept.store),
        Arc::new(Table::of(&kept)),
    );
    let alone = || without_owners(Arc::clone(&kept.store));
    let guarded = Router::new()
        .route("/me", get(subject))
        .route_layer(RequireAuth::authenticated())
        .layer(alone().into_layer());
    let around = Router::new().route("/me", get(subject));
    let around = alone().into_layer().layer(around.with_state::<()>(()));
    let mut contenders = vec![
        Contender::router("bare router", bare()),
        Contender::router("no-op layer", bare().layer(NoOp)),
        Contender::router(OURS, ours(alone())),
        Contender::router(OWNERS, ours(owners)),
        Contender::router("`ApiKeys`, `RequireAuth`, `Identity`", guarded),
        Contender::new("`ApiKeys` around the router, `Identity`", around),
    ];
    contenders.extend(by_hand(&Keys::of(&kept)));
    let key = kept.texts[0].clone();
    Section {
        title: VALID,
        steady: true,
        request: Rc::new(move || with_key(&key)),
        contenders,
    }
}

/// One key again and again, and all in turn, of few and of many.
pub(super) fn many(runtime: &Runtime) -> Section {
    let counts = [FEW, LOTS];
    let kept = counts.map(|count| Kept::new(runtime, count));
    let mut contenders = vec![
        Contender::router("bare router", bare()),
        Contender::router("no-op layer", bare().layer(NoOp)),
    ];
    for ((kept, hot), turn) in kept.iter().zip(HOT).zip(IN_TURN) {
        let router = || ours(without_owners(Arc::clone(&kept.store)));
        let key = kept.texts[0].clone();
        contenders.push(Contender::router(hot, router()).with_requests(move || with_key(&key)));
        contenders.push(Contender::router(turn, router()).with_requests(in_turn(kept)));
    }
    for (kept, name) in kept.iter().zip(BY_HAND_IN_TURN) {
        let keys = Keys::of(kept);
        let router = Router::new()
            .route("/me", get(by_hand::owner))
            .layer(ValidateRequestHeaderLayer::custom(by_hand::validate(keys)));
        contenders.push(Contender::router(name, router).with_requests(in_turn(kept)));
    }
    let key = kept[0].texts[0].clone();
    Section {
        title: MANY,
        steady: true,
        request: Rc::new(move || with_key(&key)),
        contenders,
    }
}

/// A key that its checksum gives away.
pub(super) fn malformed(runtime: &Runtime) -> Section {
    let kept = Kept::new(runtime, FEW);
    let mut key = kept.texts[0].clone();
    let last = key.pop();
    key.push(if last == Some('0') { '1' } else { '0' });
    refused(MALFORMED, &kept, key)
}

/// A well-formed key that is in no store.
pub(super) fn unknown(runtime: &Runtime) -> Section {
    let kept = Kept::new(runtime, FEW);
    let key = format().generate().expect("randomness");
    let key = key.expose().to_owned();
    refused(UNKNOWN, &kept, key)
}

fn refused(title: &'static str, kept: &Kept, key: String) -> Section {
    let bare = || Router::new().route("/me", get(|| async { Refusal::Invalid }));
    let keys = without_owners(Arc::clone(&kept.store));
    let mut contenders = vec![
        Contender::router("bare router, handler refuses", bare()),
        Contender::router("no-op layer, handler refuses", bare().layer(NoOp)),
        Contender::router(REFUSES, ours(keys)),
    ];
    contenders.extend(by_hand(&Keys::of(kept)));
    Section {
        title,
        steady: true,
        request: Rc::new(move || with_key(&key)),
        contenders,
    }
}

/// Nothing was sent.
pub(super) fn none() -> Section {
    let bare = || Router::new().route("/me", get(|| async { "hello" }));
    let keys = without_owners(Arc::new(MemoryApiKeys::new()));
    Section {
        title: NO_KEY,
        steady: true,
        request: Rc::new(|| request(None)),
        contenders: vec![
            Contender::router("bare router", bare()),
            Contender::router("no-op layer", bare().layer(NoOp)),
            Contender::router(NO_KEY_ROW, bare().layer(keys.into_layer())),
        ],
    }
}
