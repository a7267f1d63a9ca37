//! The same for the page: forms can only `POST`, and a person gets a page back.
//!
//! A key is shown in the answer to the form that made it, and nowhere else. Whoever loads that page
//! again sends the form again, so each form can be used once: otherwise reloading would make another
//! key, or replace the one that was just shown.

use std::time::{Duration, SystemTime};

use apikey_layer::{CreatedKey, KeyError};
use auth_layer::{
    AuthError, AuthErrorKind, ConfigError, Identity, RequireAuth, Requirement, SingleUse as _,
    SingleUseKey, random_bytes, unix_seconds,
};
use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::post;
use axum::{Form, Router};
use serde::Deserialize;
use session_layer::SessionHandle;

use super::request::{CreateRequest, read_duration};
use super::{Refused, parse_id};
use crate::page::{ByBrowser, Message, NewKeyPage};
use crate::routes::page;
use crate::state::AppState;

/// For how long a form can be sent.
const FORM_LIFETIME: Duration = Duration::from_secs(12 * 60 * 60);

pub(super) fn routes() -> Router<AppState> {
    Router::new()
        .route("/api-keys/make", post(make))
        .route("/api-keys/rotate", post(rotate))
        .route("/api-keys/revoke", post(revoke))
        .route_layer(RequireAuth::new(Requirement::scheme(session_layer::SCHEME)))
}

/// The name of a form that has not been sent yet: when it was made, and a random part.
pub(crate) fn new_form() -> Result<String, AuthError> {
    let random = u128::from_le_bytes(random_bytes()?);
    Ok(format!("{}-{random:032x}", unix_seconds(SystemTime::now())))
}

/// Whether this form is sent for the first time, and in time.
async fn is_new(state: &AppState, owner: &Identity, form: &str) -> Result<bool, KeyError> {
    let made_at = form
        .split_once('-')
        .and_then(|(made_at, _)| made_at.parse().ok());
    let now = SystemTime::now();
    let Some(made_at) = made_at.filter(|made_at| *made_at <= unix_seconds(now)) else {
        return Ok(false);
    };
    let until = SystemTime::UNIX_EPOCH + Duration::from_secs(made_at) + FORM_LIFETIME;
    let key = SingleUseKey::new("showcase-key-form", [owner.subject(), form]);
    let claimed = state.stores.used_forms.claim(&key, until, now).await;
    claimed.map_err(KeyError::Unavailable)
}

/// What a form came to.
enum Done {
    /// A key, to be shown this once.
    Shown(Box<CreatedKey>),
    /// Back to the page, which says so.
    Told(&'static str),
}

impl Done {
    fn shown(created: CreatedKey) -> Self {
        Self::Shown(Box::new(created))
    }

    const SENT_BEFORE: Self = Self::Told("/?notice=form-sent-before");
}

/// The answer to a form: a page, or for a program a problem.
async fn answer(
    state: &AppState,
    owner: &Identity,
    session: &SessionHandle,
    by_browser: bool,
    done: Result<Done, KeyError>,
) -> Result<Response, AuthError> {
    let error = match done {
        Ok(Done::Shown(created)) => {
            return Ok(NewKeyPage { created: &created }.page().into_response());
        }
        Ok(Done::Told(back)) => return Ok(Redirect::to(back).into_response()),
        Err(KeyError::Unavailable(error)) => return Err(error),
        Err(error) if !by_browser => return Ok(Refused(error).into_response()),
        Err(error) => error,
    };
    let text = match &error {
        KeyError::Refused(refused) if refused.kind() == AuthErrorKind::InsufficientScope => {
            "A key can have no scope that you have not.".to_owned()
        }
        error => format!("That did not work: {error}."),
    };
    let message = Some(Message::Problem(&text));
    let page = page::account(state, owner, session, message).await?;
    Ok(page.instead_of(Refused(error).into_response()))
}

#[derive(Deserialize)]
struct MakeForm {
    form: String,
    name: String,
    #[serde(default)]
    scopes: String,
    #[serde(default)]
    expires_in: String,
    #[serde(default)]
    limit: String,
    #[serde(default)]
    allowed_cidrs: String,
}

/// The page with the new key.
async fn make(
    State(state): State<AppState>,
    owner: Identity,
    session: SessionHandle,
    ByBrowser(by_browser): ByBrowser,
    Form(form): Form<MakeForm>,
) -> Result<Response, AuthError> {
    let done = make_key(&state, &owner, form).await;
    answer(&state, &owner, &session, by_browser, done).await
}

async fn make_key(state: &AppState, owner: &Identity, form: MakeForm) -> Result<Done, KeyError> {
    let filled = |text: String| Some(text).filter(|text| !text.trim().is_empty());
    let networks = form.allowed_cidrs.split([',', ' ']);
    let networks = networks.filter(|text| !text.is_empty()).map(str::to_owned);
    let scopes = form.scopes.trim().parse();
    let scopes =
        scopes.map_err(|_| ConfigError::new("scopes", "must be words with spaces between"))?;
    let request = CreateRequest {
        name: form.name,
        scopes,
        expires_in: filled(form.expires_in),
        allowed_cidrs: networks.collect(),
        allowed_origins: Vec::new(),
        limit: filled(form.limit),
    };
    let new = request.into_new_key(owner)?;
    if !is_new(state, owner, &form.form).await? {
        return Ok(Done::SENT_BEFORE);
    }
    state.api_keys.create(owner, new).await.map(Done::shown)
}

#[derive(Deserialize)]
struct RotateForm {
    form: String,
    id: String,
    overlap: String,
}

/// The page with the new secret of a key.
async fn rotate(
    State(state): State<AppState>,
    owner: Identity,
    session: SessionHandle,
    ByBrowser(by_browser): ByBrowser,
    Form(form): Form<RotateForm>,
) -> Result<Response, AuthError> {
    let done = rotate_key(&state, &owner, form).await;
    answer(&state, &owner, &session, by_browser, done).await
}

async fn rotate_key(
    state: &AppState,
    owner: &Identity,
    form: RotateForm,
) -> Result<Done, KeyError> {
    let overlap = read_duration("overlap", &form.overlap)?;
    let id = parse_id(&form.id)?;
    if !is_new(state, owner, &form.form).await? {
        return Ok(Done::SENT_BEFORE);
    }
    let rotated = state.api_keys.rotate(owner, &id, overlap).await;
    rotated.map(Done::shown)
}

#[derive(Deserialize)]
struct RevokeForm {
    id: String,
}

/// Back to the page.
async fn revoke(
    State(state): State<AppState>,
    owner: Identity,
    session: SessionHandle,
    ByBrowser(by_browser): ByBrowser,
    Form(form): Form<RevokeForm>,
) -> Result<Response, AuthError> {
    let done = revoke_key(&state, &owner, form).await;
    answer(&state, &owner, &session, by_browser, done).await
}

async fn revoke_key(
    state: &AppState,
    owner: &Identity,
    form: RevokeForm,
) -> Result<Done, KeyError> {
    state.api_keys.revoke(owner, &parse_id(&form.id)?).await?;
    Ok(Done::Told("/?notice=key-revoked"))
}
