//! Changing the password, and ending everything that the old one opened.

use std::time::Duration;

use auth_layer::{
    AuthError, AuthErrorKind, ClientAddress, CredentialEpoch, FactorKind, Identity,
    PasswordCredentials, RequireAuth, Requirement,
};
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::post;
use axum::{Extension, Form, Router};
use login::password::NewPasswordError;
use serde::Deserialize;
use session_layer::{SameOriginLayer, SessionHandle};

use super::page;
use crate::page::{ByBrowser, Message};
use crate::problem::Problem;
use crate::state::AppState;
use crate::users::Users;

/// `same_origin` because a browser sends Basic by itself, whichever site causes the request.
pub(crate) fn routes(same_origin: SameOriginLayer) -> Router<AppState> {
    Router::new()
        .route("/account/password", post(change_password))
        .route_layer(RequireAuth::new(password_is_fresh()))
        .route_layer(same_origin)
}

/// The password was proved lately: what somebody else can do at an open computer stays small.
pub(super) fn password_is_fresh() -> Requirement {
    Requirement::factor_within(FactorKind::Password, Duration::from_secs(5 * 60))
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
    address: Option<Extension<ClientAddress>>,
    ByBrowser(by_browser): ByBrowser,
    Form(form): Form<PasswordForm>,
) -> Result<Response, AuthError> {
    let address = address.map_or_else(ClientAddress::unknown, |Extension(address)| address);
    let refused = match change(&state, &identity, &session, address, form).await {
        Ok(None) if by_browser => {
            return Ok(Redirect::to("/?notice=password-changed").into_response());
        }
        Ok(None) => return Ok(Redirect::to("/").into_response()),
        Ok(Some(problem)) if by_browser => (problem.title, problem.into_response()),
        Err(error) if by_browser && error.kind() == AuthErrorKind::Forbidden => {
            ("The current password is wrong", error.into_response())
        }
        Err(error) if by_browser && error.kind() == AuthErrorKind::Limited => (
            "Too many attempts. Wait a while, then try again.",
            error.into_response(),
        ),
        Ok(Some(problem)) => return Ok(problem.into_response()),
        Err(error) => return Err(error),
    };
    // The form again, and what is wrong with what was typed.
    let (text, refusal) = refused;
    let page = page::account(&state, &identity, &session, Some(Message::Problem(text))).await?;
    Ok(page.instead_of(refusal))
}

/// Changes it, or says what is wrong with the new one.
async fn change(
    state: &AppState,
    identity: &Identity,
    session: &SessionHandle,
    address: ClientAddress,
    form: PasswordForm,
) -> Result<Option<Problem>, AuthError> {
    let wrong = || AuthError::new(AuthErrorKind::Forbidden, "wrong_current_password");
    let username = Users::name_of(identity.subject()).ok_or_else(wrong)?;
    let current = PasswordCredentials::new(username, &form.current).with_client_address(address);
    let proved = match state.login.authenticate(current).await {
        Ok(proved) if proved.is_same_principal(identity) => proved,
        Err(error) if error.kind() != AuthErrorKind::Invalid => return Err(error),
        Ok(_) | Err(_) => return Err(wrong()),
    };
    // A client that goes away does not leave this half done.
    let (changing, keep) = (state.clone(), session.id());
    let change =
        tokio::spawn(async move { changing.change_password(&proved, &form.new, keep).await });
    match change.await {
        Ok(Ok(Some(epoch))) => {
            stay_signed_in(session, epoch).await;
            Ok(None)
        }
        Ok(Ok(None)) => Ok(Some(Problem {
            status: StatusCode::CONFLICT,
            code: "password_changed_meanwhile",
            title: "The password has been changed meanwhile. Nothing was done",
        })),
        Ok(Err(NewPasswordError::Fail(error))) => Err(error),
        Ok(Err(_)) => Ok(Some(Problem {
            status: StatusCode::UNPROCESSABLE_ENTITY,
            code: "unacceptable_password",
            title: "The new password is too short or too long",
        })),
        Err(error) => {
            let failed = AuthError::new(AuthErrorKind::Internal, "password_change_failed");
            Err(failed.with_source(error))
        }
    }
}

/// The session that the request came by goes on under the new epoch, with a new secret.
async fn stay_signed_in(session: &SessionHandle, epoch: CredentialEpoch) {
    if let Some(own) = session.identity() {
        // If that fails, it has ended with the others. The password has been changed all the same.
        let _ = session.refresh(own.to_builder().extra(epoch).build()).await;
    }
}
