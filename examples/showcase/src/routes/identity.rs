//! Who am I: the same handler, whichever scheme proved it.

use auth_layer::{Identity, RequireAuth, unix_seconds};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Value, json};

use crate::state::AppState;

pub(crate) fn routes() -> Router<AppState> {
    Router::new()
        .route("/me", get(me))
        .route("/whoami", get(whoami))
        .route("/admin", get(me).layer(RequireAuth::role("admin")))
        .route(
            "/reports",
            get(reports).layer(RequireAuth::scope("reports:read")),
        )
}

/// `{"subject","issuer","scheme","scopes":[],"roles":[],"session_id"?,"auth_time"?,"factors":[],
/// "claims":{}}`; times are seconds since 1970.
pub(crate) fn describe(identity: &Identity) -> Value {
    let factors: Vec<_> = identity
        .factors()
        .iter()
        .map(|f| f.kind().as_str())
        .collect();
    let mut me = json!({
        "subject": identity.subject(),
        "issuer": identity.issuer(),
        "scheme": identity.scheme(),
        "scopes": identity.scopes().iter().collect::<Vec<_>>(),
        "roles": identity.roles().collect::<Vec<_>>(),
        "factors": factors,
        "claims": identity.claims::<Value>().unwrap_or_else(|_| json!({})),
    });
    // That of a Bearer token names its refresh family, which is not among the sessions.
    let is_session = identity.scheme() == session_layer::SCHEME;
    if let Some(id) = identity.session_id().filter(|_| is_session) {
        me["session_id"] = id.into();
    }
    if let Some(time) = identity.auth_time() {
        me["auth_time"] = unix_seconds(time).into();
    }
    me
}

pub(crate) async fn me(identity: Identity) -> Json<Value> {
    Json(describe(&identity))
}

/// As `/me`, or `{"subject":null}`.
async fn whoami(identity: Option<Identity>) -> Json<Value> {
    Json(identity.map_or_else(
        || json!({ "subject": null }),
        |identity| describe(&identity),
    ))
}

/// `{"reports":[],"for"}`
async fn reports(identity: Identity) -> Json<Value> {
    Json(json!({ "reports": ["2029", "2030"], "for": identity.subject() }))
}
