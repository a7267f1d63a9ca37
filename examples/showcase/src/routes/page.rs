//! The web page with its style sheet and its one script. It works without scripts.

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
use crate::page::{Account, Keys, Message, Page, SCRIPT, SCRIPT_PATH, STYLE, STYLE_PATH, SignIn};
use crate::routes::new_form;
use crate::state::AppState;
use crate::users::Users;

pub(crate) fn routes() -> Router<AppState> {
    Router::new().route("/", get(page))
}

/// What nobody has to sign in for.
pub(crate) fn assets() -> Router<AppState> {
    Router::new()
        .route(STYLE_PATH, get(style))
        .route(SCRIPT_PATH, get(script))
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
        Some("key-revoked") if identity.is_some() => Some("That key has been revoked."),
        Some("form-sent-before") if identity.is_some() => {
            Some("That form was sent before. A key is shown once, when it is made.")
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
    let keys = if session.identity().is_some() {
        state.all_keys(identity).await.map_err(could_not_list)?
    } else {
        Vec::new()
    };
    let now = SystemTime::now();
    let account = Account {
        identity,
        username: Users::name_of(identity.subject()).unwrap_or_default(),
        sessions: &sessions,
        keys: Keys {
            owner: identity,
            keys: &keys,
            form: &new_form()?,
            now,
        },
        may_change_password: password_is_fresh().check(identity, now).is_ok(),
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
    asset("text/css; charset=utf-8", STYLE)
}

async fn script() -> Response {
    asset("text/javascript; charset=utf-8", SCRIPT)
}

fn asset(kind: &str, text: &'static str) -> Response {
    let age = Duration::from_secs(60 * 60).as_secs();
    let headers = [
        (CONTENT_TYPE, kind.to_owned()),
        (CACHE_CONTROL, format!("public, max-age={age}")),
    ];
    (headers, text).into_response()
}
