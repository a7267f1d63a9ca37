//! What is measured: one section is one request and everybody who answers it.

pub(crate) mod anonymous;
pub(crate) mod basic;
pub mod jwt;
pub(crate) mod keys;
mod layers;
mod refused;
pub mod sessions;

use axum::body::Body;
use axum::http::Request;
use jwt_layer::Algorithm;
use tokio::runtime::Runtime;

use crate::harness::Section;

/// The name of a section on the command line, and how it is made.
pub type NamedSection = (&'static str, fn(&Runtime) -> Section);

/// The names on the command line, and what they measure.
pub const SECTIONS: &[NamedSection] = &[
    ("layers", |_| layers::section()),
    ("anonymous", |_| anonymous::section()),
    ("connected", |_| anonymous::connected()),
    ("basic", |_| basic::section()),
    ("refused-missing", |_| refused::missing()),
    ("refused-malformed", |_| refused::malformed()),
    ("refused-unknown", |_| refused::unknown()),
    ("sessions", |_| sessions::section()),
    ("jwt-hs256", |_| first_sight(Algorithm::Hs256)),
    ("jwt-rs256", |_| first_sight(Algorithm::Rs256)),
    ("jwt-es256", |_| first_sight(Algorithm::Es256)),
    ("jwt-eddsa", |_| first_sight(Algorithm::EdDsa)),
    ("jwt-again", jwt::again),
    ("jwt-none", |_| jwt::no_token()),
    ("jwt-malformed", |_| jwt::bad(0)),
    ("jwt-oversized", |_| jwt::bad(1)),
    ("jwt-unsigned", |_| jwt::bad(2)),
    ("keys-valid", keys::valid),
    ("keys-many", keys::many),
    ("keys-malformed", keys::malformed),
    ("keys-unknown", keys::unknown),
    ("keys-none", |_| keys::none()),
];

/// A request with the headers that most clients send: looking a header up costs more the fuller the
/// map is.
pub fn request(authorization: Option<&'static str>) -> Request<Body> {
    let mut request = Request::get("/me")
        .header("host", "api.example.com")
        .header("user-agent", "bench/0.1")
        .header("accept", "application/json")
        .header("accept-encoding", "gzip, br")
        .header("x-request-id", "01890a5d-ac96-774b-bcce-b302099a8057");
    if let Some(value) = authorization {
        request = request.header("authorization", value);
    }
    request.body(Body::empty()).unwrap_or_default()
}

fn first_sight(algorithm: Algorithm) -> Section {
    jwt::first_sight(&jwt::Tokens::new(algorithm, jwt::FRESH))
}
