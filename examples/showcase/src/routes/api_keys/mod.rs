//! Keys for programs: list, make, rotate, revoke.

mod forms;
mod request;

use std::time::Duration;

use apikey_layer::{CreatedKey, DisabledBy, KeyError, KeyId, KeyRecord};
use auth_layer::{Identity, RequireAuth, Requirement, unix_seconds};
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};

pub(crate) use self::forms::new_form;
use self::request::{CreateRequest, read_duration};
use crate::json_object::JsonObject;
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
        .merge(forms::routes())
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
            ref error => {
                let problem = Problem {
                    status,
                    code: "unprocessable_content",
                    title: "There can be no such key",
                };
                return problem.with_detail(&error.to_string());
            }
        };
        Problem {
            status,
            code,
            title,
        }
        .into_response()
    }
}

/// `{"id","name","scopes":[],"roles":[],"allowed_cidrs":[],"allowed_origins":[],"limit","disabled",
/// "created_at","expires_at","last_used_at","previous_valid_until","revoked_at"}`; times are seconds
/// since 1970, or null.
fn describe(record: &KeyRecord) -> Value {
    let previous = record.previous().map(|previous| previous.valid_until);
    json!({
        "id": record.id().as_str(),
        "name": record.name(),
        "scopes": record.scopes().iter().collect::<Vec<_>>(),
        "roles": record.roles().collect::<Vec<_>>(),
        "allowed_cidrs": texts(record.allowed_cidrs()),
        "allowed_origins": texts(record.allowed_origins()),
        "limit": limit(record),
        "disabled": record.is_disabled(),
        "disabled_by_operator": record.is_disabled_by(DisabledBy::Operator),
        "created_at": unix_seconds(record.created_at()),
        "expires_at": record.expires_at().map(unix_seconds),
        "last_used_at": record.last_used_at().map(unix_seconds),
        "previous_valid_until": previous.map(unix_seconds),
        "revoked_at": record.revoked_at().map(unix_seconds),
    })
}

fn texts<T: ToString>(list: &[T]) -> Vec<String> {
    list.iter().map(ToString::to_string).collect()
}

/// As it was asked for; `None` for a key without.
pub(crate) fn limit(record: &KeyRecord) -> Option<String> {
    let limits: Vec<_> = record.limits().iter().map(ToString::to_string).collect();
    (!limits.is_empty()).then(|| limits.join(","))
}

/// As [`describe`], with `"key"`: shown this once.
fn describe_created(created: &CreatedKey) -> Json<Value> {
    let mut body = describe(&created.record);
    body["key"] = created.key.expose().into();
    Json(body)
}

/// Those of a key that does not exist, and of one that is not mine, look the same.
fn parse_id(id: &str) -> Result<KeyId, KeyError> {
    id.parse().map_err(|_| KeyError::NotFound)
}

async fn list(State(state): State<AppState>, owner: Identity) -> Result<Json<Vec<Value>>, Refused> {
    let keys = state.all_keys(&owner).await?;
    Ok(Json(keys.iter().map(|record| describe(record)).collect()))
}

/// 201 and the key.
async fn create(
    State(state): State<AppState>,
    owner: Identity,
    JsonObject(body): JsonObject<CreateRequest>,
) -> Result<Response, Refused> {
    let new = body.into_new_key(&owner)?;
    let created = state.api_keys.create(&owner, new).await?;
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
    JsonObject(body): JsonObject<RotateRequest>,
) -> Result<Json<Value>, Refused> {
    let overlap = match body.overlap {
        Some(overlap) => read_duration("overlap", &overlap)?,
        None => Duration::ZERO,
    };
    let id = parse_id(&id)?;
    let created = state.api_keys.rotate(&owner, &id, overlap).await?;
    Ok(describe_created(&created))
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
