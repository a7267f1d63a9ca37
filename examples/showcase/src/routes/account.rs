//! Changing the password, and ending everything that the old one opened.

use std::time::Duration;

use auth_layer::{
    AuthError, AuthErrorKind, FactorKind, Identity, PasswordCredentials, RequireAuth, Requirement,
};
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::post;
use axum::{Form, Router};
use login::password::NewPasswordError;
use serde::Deserialize;
use session_layer::SessionHandle;

use crate::problem::Problem;
use crate::state::AppState;
use crate::users::Users;

pub(crate) fn routes() -> Router<AppState> {
    let fresh = Requirement::factor_within(FactorKind::Password, Duration::from_secs(5 * 60));
    Router::new()
        .route("/account/password", post(change_password))
        .route_layer(RequireAuth::new(fresh))
}

#[derive(Deserialize)]
struct PasswordForm {
    current: String,
    new: String,
}

/// 303; every other session and every access token of the user has ended.
async fn change_password(
    State(state): State<AppState>,
    identity: Identity,
    session: SessionHandle,
    Form(form): Form<PasswordForm>,
) -> Result<Response, AuthError> {
    let wrong = || AuthError::new(AuthErrorKind::Forbidden, "wrong_current_password");
    let username = Users::name_of(identity.subject()).ok_or_else(wrong)?;
    let current = PasswordCredentials::new(username, &form.current);
    match state.login.authenticate(current).await {
        Ok(proved) if proved.is_same_principal(&identity) => {}
        Err(error) if error.kind() != AuthErrorKind::Invalid => return Err(error),
        Ok(_) | Err(_) => return Err(wrong()),
    }
    // A client that goes away does not leave this half done.
    let keep = session.id();
    let change =
        tokio::spawn(async move { state.change_password(&identity, &form.new, keep).await });
    match change.await {
        Ok(Ok(())) => Ok(Redirect::to("/").into_response()),
        Ok(Err(NewPasswordError::Fail(error))) => Err(error),
        Ok(Err(_)) => {
            let problem = Problem {
                status: StatusCode::UNPROCESSABLE_ENTITY,
                code: "unacceptable_password",
                title: "The new password is too short or too long",
            };
            Ok(problem.into_response())
        }
        Err(error) => {
            let failed = AuthError::new(AuthErrorKind::Internal, "password_change_failed");
            Err(failed.with_source(error))
        }
    }
}
