//! My sessions: list, end one, end the others and all tokens, log out.
//!
//! Forms can only `POST`, so what the page offers has a route of its own beside each `DELETE`.

use auth_layer::{AuthError, Identity, RequireAuth, Requirement, unix_seconds};
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{delete, get, post};
use axum::{Form, Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};
use session_layer::{SessionHandle, SessionInfo};

use crate::page::ByBrowser;
use crate::problem::Problem;
use crate::state::AppState;

pub(crate) fn routes() -> Router<AppState> {
    Router::new()
        .route("/sessions", get(list).delete(end_others))
        .route("/sessions/{id}", delete(end))
        .route("/sessions/end", post(end_by_form))
        .route("/sessions/end-others", post(end_others_by_form))
        .route("/logout", post(log_out))
        .route_layer(RequireAuth::new(Requirement::scheme(session_layer::SCHEME)))
}

/// `{"id","current","created_at","last_seen_at","expires_at","user_agent","ip"}`; times are seconds
/// since 1970, `id` is the public id.
fn describe(session: &SessionInfo) -> Value {
    json!({
        "id": session.id().to_string(),
        "current": session.is_current(),
        "created_at": unix_seconds(session.created_at()),
        "last_seen_at": unix_seconds(session.last_seen_at()),
        "expires_at": unix_seconds(session.expires_at()),
        "user_agent": session.device().user_agent(),
        "ip": session.device().address(),
    })
}

async fn list(session: SessionHandle) -> Result<Json<Vec<Value>>, AuthError> {
    let sessions = session.list().await?;
    Ok(Json(sessions.iter().map(describe).collect()))
}

/// 204, or 404 for an id that is not one of mine.
async fn end(session: SessionHandle, Path(id): Path<String>) -> Result<Response, AuthError> {
    if session.revoke(&id).await? {
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    let problem = Problem {
        status: StatusCode::NOT_FOUND,
        code: "not_found",
        title: "There is no such session",
    };
    Ok(problem.into_response())
}

async fn end_others(
    State(state): State<AppState>,
    identity: Identity,
    session: SessionHandle,
) -> Result<StatusCode, AuthError> {
    end_all_others(&state, &identity, &session).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Whoever ends all others may have lost a device: programs on it have tokens and no session.
async fn end_all_others(
    state: &AppState,
    identity: &Identity,
    session: &SessionHandle,
) -> Result<(), AuthError> {
    session.revoke_others().await?;
    state.end_tokens(identity).await
}

#[derive(Deserialize)]
struct EndForm {
    id: String,
}

/// Back to the page, which says of an id that ended nothing just that: whether it is somebody else's,
/// was mine, or is nobody's, makes no difference.
async fn end_by_form(
    session: SessionHandle,
    Form(form): Form<EndForm>,
) -> Result<Redirect, AuthError> {
    let has_ended = session.revoke(&form.id).await?;
    Ok(Redirect::to(match session.identity() {
        Some(_) if has_ended => "/?notice=session-ended",
        Some(_) => "/?notice=no-such-session",
        None => "/?notice=signed-out",
    }))
}

async fn end_others_by_form(
    State(state): State<AppState>,
    identity: Identity,
    session: SessionHandle,
) -> Result<Redirect, AuthError> {
    end_all_others(&state, &identity, &session).await?;
    Ok(Redirect::to("/?notice=others-ended"))
}

async fn log_out(
    session: SessionHandle,
    ByBrowser(by_browser): ByBrowser,
) -> Result<Redirect, AuthError> {
    session.log_out().await?;
    Ok(Redirect::to(if by_browser {
        "/?notice=signed-out"
    } else {
        "/"
    }))
}
