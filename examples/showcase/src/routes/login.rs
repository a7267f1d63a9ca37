//! Logging in with a form.

use auth_layer::{AuthError, AuthErrorKind, ClientAddress, ReturnTo, refusal};
use axum::extract::{Request, State};
use axum::http::header::CONTENT_TYPE;
use axum::middleware::Next;
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

/// 303 and a session cookie, 401 or 429: a problem for programs, the form again for people.
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
    session.log_in(identity.clone()).await?;
    if !state.stores.has_epochs {
        // Nothing else ends it if the password was changed while this request was under way.
        if let Err(error) = state.check_current(&identity).await {
            session.log_out().await?;
            return Err(error);
        }
    }
    Ok(Redirect::to(return_to.unwrap_or_default().as_str()).into_response())
}

/// The form again, for people whom the limit has turned away before their form was read.
pub(super) async fn explain_limit(
    ByBrowser(by_browser): ByBrowser,
    req: Request,
    next: Next,
) -> Response {
    let res = next.run(req).await;
    let is_page = res
        .headers()
        .get(CONTENT_TYPE)
        .is_some_and(|kind| kind.as_bytes().starts_with(b"text/html"));
    match refusal(res.extensions()) {
        Some(error) if by_browser && !is_page && error.kind() == AuthErrorKind::Limited => {
            SignIn::default().refused(error.clone())
        }
        _ => res,
    }
}
