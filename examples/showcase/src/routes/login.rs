//! Logging in with a form.

use auth_layer::{AuthError, ClientAddress, ReturnTo};
use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::post;
use axum::{Extension, Form, Router};
use serde::Deserialize;
use session_layer::SessionHandle;

use crate::page::{ByBrowser, SignIn};
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

/// 303 and a session cookie, or 401: a problem for programs, the form again for people.
async fn log_in(
    State(state): State<AppState>,
    session: SessionHandle,
    address: Option<Extension<ClientAddress>>,
    ByBrowser(by_browser): ByBrowser,
    Form(form): Form<LoginForm>,
) -> Result<Response, AuthError> {
    let return_to = form.return_to.as_deref().and_then(ReturnTo::parse);
    let address = address.map(|Extension(address)| address);
    let proved = state
        .check_password(&form.username, &form.password, address)
        .await;
    let identity = match proved {
        Ok(identity) => identity,
        Err(error) if by_browser => {
            let again = SignIn {
                username: &form.username,
                return_to,
                message: None,
            };
            return Ok(again.refused(error));
        }
        Err(error) => return Err(error),
    };
    session.log_in(identity).await?;
    Ok(Redirect::to(return_to.unwrap_or_default().as_str()).into_response())
}
