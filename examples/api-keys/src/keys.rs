//! My keys: make, list, replace, revoke.

use std::time::Duration;

use apikey_layer::{CreatedKey, KeyError, KeyId, KeyRecord, NewKey};
use auth_layer::{ConfigError, Identity, MemoryRateCounters, RateLimit, ScopeSet, unix_seconds};
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::http::header::CACHE_CONTROL;
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, post};
use axum::{Form, Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::Service;
use crate::users::Plan;

/// How long the old secret of a key that was replaced is good.
const OVERLAP: Duration = Duration::from_secs(24 * 60 * 60);

/// Every key has a budget of its own, so whoever could make new ones at will had no limit at all.
pub(crate) fn routes(counters: MemoryRateCounters) -> Result<Router<Service>, ConfigError> {
    let limit = RateLimit::per_identity("new-keys", "10/30d".parse()?, counters)?;
    Ok(Router::new()
        .route("/keys", post(make).layer(limit).get(list))
        .route("/keys/{id}", delete(revoke))
        .route("/keys/{id}/rotate", post(rotate)))
}

/// What the API has scopes for.
pub(crate) fn scopes() -> ScopeSet {
    "quotes:read".parse().unwrap_or_default()
}

/// An error of the registry: its status, and its text.
pub(crate) struct Refused(pub(crate) KeyError);

impl From<KeyError> for Refused {
    fn from(error: KeyError) -> Self {
        Self(error)
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        (self.0.status(), format!("{}\n", self.0)).into_response()
    }
}

#[derive(Deserialize)]
struct MakeForm {
    name: String,
}

/// The key, this once, with the limits of the plan that its owner has now.
async fn make(
    State(service): State<Service>,
    owner: Identity,
    Form(form): Form<MakeForm>,
) -> Result<Response, Refused> {
    let plan = Plan::of(owner.subject()).ok_or(KeyError::NotFound)?;
    let limits = plan.limits().map_err(KeyError::Invalid)?;
    let new = NewKey::new(form.name).scopes(scopes()).limits(limits);
    let created = service.registry.create(&owner, new).await?;
    Ok((StatusCode::CREATED, shown_once(&created)).into_response())
}

async fn rotate(
    State(service): State<Service>,
    owner: Identity,
    Path(id): Path<String>,
) -> Result<Response, Refused> {
    let rotated = service
        .registry
        .rotate(&owner, &parse(&id)?, OVERLAP)
        .await?;
    Ok(shown_once(&rotated).into_response())
}

async fn revoke(
    State(service): State<Service>,
    owner: Identity,
    Path(id): Path<String>,
) -> Result<StatusCode, Refused> {
    service.registry.revoke(&owner, &parse(&id)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn shown_once(created: &CreatedKey) -> impl IntoResponse {
    let headers = [(CACHE_CONTROL, "no-store")];
    (headers, format!("{}\n", created.key.expose()))
}

/// Those of a key that does not exist and of somebody else's look the same.
fn parse(id: &str) -> Result<KeyId, KeyError> {
    id.parse().map_err(|_| KeyError::NotFound)
}

#[derive(Deserialize)]
struct ListQuery {
    cursor: Option<String>,
}

/// `{"keys":[…],"next"}`; with `?cursor=…` the page that `next` stands for.
async fn list(
    State(service): State<Service>,
    owner: Identity,
    Query(query): Query<ListQuery>,
) -> Result<Json<Value>, Refused> {
    let page = service.registry.list(&owner, query.cursor.as_deref(), 100);
    let page = page.await?;
    let keys: Vec<_> = page.keys.iter().map(|key| describe(key)).collect();
    let next = page.next.as_ref().map(|next| next.as_str());
    Ok(Json(json!({ "keys": keys, "next": next })))
}

/// The last use is known to about a minute: it is written behind.
fn describe(key: &KeyRecord) -> Value {
    let limits: Vec<_> = key.limits().iter().map(ToString::to_string).collect();
    json!({
        "id": key.id().as_str(),
        "name": key.name(),
        "limits": limits,
        "created_at": unix_seconds(key.created_at()),
        "last_used_at": key.last_used_at().map(unix_seconds),
        "revoked_at": key.revoked_at().map(unix_seconds),
    })
}
