//! The web page and its style sheet. It works without scripts.

use std::time::{Duration, SystemTime};

use apikey_layer::KeyError;
use auth_layer::{AuthError, AuthErrorKind, Identity, ReturnTo};
use axum::Router;
use axum::extract::{Query, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde::Deserialize;
use session_layer::SessionHandle;

use super::account::password_is_fresh;
use crate::page::{Account, Message, Page, STYLE, STYLE_PATH, SignIn};
use crate::state::AppState;
use crate::users::Users;

pub(crate) fn routes() -> Router<AppState> {
    Router::new().route("/", get(page))
}

/// What nobody has to sign in for.
pub(crate) fn assets() -> Router<AppState> {
    Router::new().route(STYLE_PATH, get(style))
}

#[derive(Deserialize)]
struct PageQuery {
    notice: Option<String>,
    return_to: Option<String>,
}

async fn page(
    State(state): State<AppState>,
    Query(query): Query<PageQuery>,
    identity: Option<Identity>,
    session: SessionHandle,
) -> Result<Page, AuthError> {
    // A link can show no other text than these.
    let notice = match query.notice.as_deref() {
        Some("password-changed") if identity.is_some() => Some("The password has been changed."),
        Some("session-ended") if identity.is_some() => Some("That session has ended."),
        Some("no-such-session") if identity.is_some() => Some("You have no such session."),
        Some("others-ended") if identity.is_some() => {
            Some("All other sessions and all tokens have ended.")
        }
        Some("signed-out") if identity.is_none() => Some("You are signed out."),
        _ => None,
    };
    let message = notice.map(Message::Done);
    match identity {
        Some(identity) => account(&state, &identity, &session, message).await,
        None => {
            let form = SignIn {
                return_to: query.return_to.as_deref().and_then(ReturnTo::parse),
                message,
                ..SignIn::default()
            };
            Ok(form.page())
        }
    }
}

/// The page of somebody who is signed in.
pub(super) async fn account(
    state: &AppState,
    identity: &Identity,
    session: &SessionHandle,
    message: Option<Message<'_>>,
) -> Result<Page, AuthError> {
    let mut sessions = Vec::new();
    if session.identity().is_some() {
        sessions = session.list().await?;
        sessions
            .sort_by_key(|other| (!other.is_current(), std::cmp::Reverse(other.last_seen_at())));
    }
    // A page of them; `GET /api-keys` has all.
    let keys = state.api_keys.list(identity, None, 100).await;
    let account = Account {
        identity,
        username: Users::name_of(identity.subject()).unwrap_or_default(),
        sessions: &sessions,
        keys: &keys.map_err(could_not_list)?,
        may_change_password: password_is_fresh()
            .check(identity, SystemTime::now())
            .is_ok(),
        message,
    };
    Ok(account.page())
}

fn could_not_list(error: KeyError) -> AuthError {
    match error {
        KeyError::Refused(error) | KeyError::Unavailable(error) => error,
        error => AuthError::new(AuthErrorKind::Internal, "keys_not_listed").with_source(error),
    }
}

async fn style() -> Response {
    let age = Duration::from_secs(60 * 60).as_secs();
    let headers = [
        (CONTENT_TYPE, "text/css; charset=utf-8".to_owned()),
        (CACHE_CONTROL, format!("public, max-age={age}")),
    ];
    (headers, STYLE).into_response()
}
