//! Logging in with a form.

use auth_layer::{AuthError, Event, EventKind, PasswordCredentials, ReturnTo};
use axum::extract::State;
use axum::response::Redirect;
use axum::routing::post;
use axum::{Form, Router};
use serde::Deserialize;
use session_layer::SessionHandle;

use crate::state::AppState;

pub(crate) fn routes() -> Router<AppState> {
    Router::new().route("/login", post(log_in))
}

#[derive(Deserialize)]
struct LoginForm {
    username: String,
    password: String,
    return_to: Option<String>,
}

/// 303 and a session cookie, or 401.
async fn log_in(
    State(state): State<AppState>,
    session: SessionHandle,
    Form(form): Form<LoginForm>,
) -> Result<Redirect, AuthError> {
    let credentials = PasswordCredentials::new(&form.username, &form.password);
    let identity = state
        .login
        .authenticate(credentials)
        .await
        .inspect_err(|error| {
            let event = Event::new(EventKind::LoginFailed)
                .with_reason(error.reason())
                .with_claimed_subject(&form.username);
            state.events.record(&event);
        })?;
    session.log_in(identity).await?;

    let to = form.return_to.as_deref().and_then(ReturnTo::parse);
    Ok(Redirect::to(to.unwrap_or_default().as_str()))
}
