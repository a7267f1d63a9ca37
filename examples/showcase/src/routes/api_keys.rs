//! Keys for programs: list, make, rotate, revoke.

use std::time::Duration;

use apikey_layer::{CreatedKey, KeyCursor, KeyError, KeyId, KeyRecord, NewKey};
use auth_layer::{Identity, RequireAuth, Requirement, ScopeSet, unix_seconds};
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::duration;
use crate::problem::Problem;
use crate::state::AppState;

pub(crate) fn routes(issuer: &str) -> Router<AppState> {
    let issuer = issuer.to_owned();
    let allowed = Requirement::scheme(session_layer::SCHEME)
        .or(Requirement::scheme("bearer"))
        .and(Requirement::when(
            "user_of_another_issuer",
            move |identity| identity.issuer() == Some(&issuer),
        ));
    Router::new()
        .route("/api-keys", get(list).post(create))
        .route("/api-keys/{id}", delete(revoke))
        .route("/api-keys/{id}/rotate", post(rotate))
        .route_layer(RequireAuth::new(allowed))
}

/// An error of the registry as an answer.
struct Refused(KeyError);

impl From<KeyError> for Refused {
    fn from(error: KeyError) -> Self {
        Self(error)
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let status = self.0.status();
        let (code, title) = match self.0 {
            KeyError::Refused(error) | KeyError::Unavailable(error) => {
                return error.into_response();
            }
            KeyError::NotFound => ("not_found", "There is no such key"),
            KeyError::Full => ("too_many_keys", "There are too many keys already"),
            KeyError::Conflict => ("conflict", "The key cannot be changed any more"),
            _ => ("unprocessable_content", "There can be no such key"),
        };
        Problem {
            status,
            code,
            title,
        }
        .into_response()
    }
}

const UNPROCESSABLE: Problem = Problem {
    status: StatusCode::UNPROCESSABLE_ENTITY,
    code: "unprocessable_content",
    title: "There can be no such key",
};

/// `{"id","name","scopes":[],"created_at","expires_at","revoked_at"}`; times are seconds since 1970,
/// or null.
fn describe(record: &KeyRecord) -> Value {
    json!({
        "id": record.id().as_str(),
        "name": record.name(),
        "scopes": record.scopes().iter().collect::<Vec<_>>(),
        "created_at": unix_seconds(record.created_at()),
        "expires_at": record.expires_at().map(unix_seconds),
        "revoked_at": record.revoked_at().map(unix_seconds),
    })
}

/// As [`describe`], with `"key"`: shown this once.
fn describe_created(created: &CreatedKey) -> Json<Value> {
    let mut body = describe(&created.record);
    body["key"] = created.key.expose().into();
    Json(body)
}

/// Those of a key that does not exist, and of one that is not mine, look the same.
fn parse_id(id: &str) -> Result<KeyId, Refused> {
    id.parse().map_err(|_| Refused(KeyError::NotFound))
}

async fn list(State(state): State<AppState>, owner: Identity) -> Result<Json<Vec<Value>>, Refused> {
    let mut keys = Vec::new();
    let mut after = None;
    loop {
        let page = state.api_keys.list(&owner, after.as_ref(), 100).await?;
        let Some(last) = page.last() else { break };
        after = Some(KeyCursor::after(last));
        keys.extend(page.iter().map(|record| describe(record)));
    }
    Ok(Json(keys))
}

/// `{"name","scopes":[],"expires_in"?:"30d","allowed_cidrs"?:[]}`
#[derive(Deserialize)]
struct CreateRequest {
    name: String,
    #[serde(default)]
    scopes: ScopeSet,
    expires_in: Option<String>,
    #[serde(default)]
    allowed_cidrs: Vec<String>,
    limit: Option<Value>,
}

/// 201 and the key.
async fn create(
    State(state): State<AppState>,
    owner: Identity,
    Json(body): Json<CreateRequest>,
) -> Result<Response, Refused> {
    // A limit that nobody enforces must not look as if it were.
    if body.limit.is_some() {
        let title = "Limits for keys are not available in this build";
        return Ok(Problem {
            title,
            ..UNPROCESSABLE
        }
        .into_response());
    }
    let mut new = NewKey::new(body.name)
        .scopes(body.scopes)
        .roles(owner.roles());
    if let Some(lifetime) = body.expires_in {
        let Some(lifetime) = duration::parse(&lifetime) else {
            return Ok(UNPROCESSABLE.into_response());
        };
        new = new.expires_in(lifetime);
    }
    let networks: Result<Vec<_>, _> = body.allowed_cidrs.iter().map(|text| text.parse()).collect();
    let Ok(networks) = networks else {
        return Ok(UNPROCESSABLE.into_response());
    };
    let created = state
        .api_keys
        .create(&owner, new.allowed_cidrs(networks))
        .await?;
    Ok((StatusCode::CREATED, describe_created(&created)).into_response())
}

/// `{"overlap":"10m"}`
#[derive(Deserialize)]
struct RotateRequest {
    overlap: Option<String>,
}

/// 200 and the new key; the old one is good for the overlap yet.
async fn rotate(
    State(state): State<AppState>,
    owner: Identity,
    Path(id): Path<String>,
    Json(body): Json<RotateRequest>,
) -> Result<Response, Refused> {
    let overlap = match body.overlap.as_deref().map(duration::parse) {
        None => Duration::ZERO,
        Some(Some(overlap)) => overlap,
        Some(None) => return Ok(UNPROCESSABLE.into_response()),
    };
    let created = state
        .api_keys
        .rotate(&owner, &parse_id(&id)?, overlap)
        .await?;
    Ok(describe_created(&created).into_response())
}

/// 204, at once.
async fn revoke(
    State(state): State<AppState>,
    owner: Identity,
    Path(id): Path<String>,
) -> Result<StatusCode, Refused> {
    state.api_keys.revoke(&owner, &parse_id(&id)?).await?;
    Ok(StatusCode::NO_CONTENT)
}
