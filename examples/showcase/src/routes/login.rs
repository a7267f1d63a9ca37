//! Logging in with a form.

use auth_layer::{AuthError, ClientAddress, ReturnTo};
use axum::extract::State;
use axum::response::Redirect;
use axum::routing::post;
use axum::{Extension, Form, Router};
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
    address: Option<Extension<ClientAddress>>,
    Form(form): Form<LoginForm>,
) -> Result<Redirect, AuthError> {
    let address = address.map(|Extension(address)| address);
    let identity = state
        .check_password(&form.username, &form.password, address)
        .await?;
    session.log_in(identity).await?;

    let to = form.return_to.as_deref().and_then(ReturnTo::parse);
    Ok(Redirect::to(to.unwrap_or_default().as_str()))
}
