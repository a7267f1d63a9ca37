//! The web page: sign in, see who I am, sign out. Works without scripts.

use std::fmt::Write as _;

use apikey_layer::KeyError;
use auth_layer::{AuthError, AuthErrorKind, Identity};
use axum::Router;
use axum::extract::State;
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, REFERRER_POLICY};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use session_layer::SessionHandle;

use super::identity::describe;
use crate::state::AppState;

pub(crate) fn routes() -> Router<AppState> {
    Router::new().route("/", get(page))
}

const HEAD: &str = r#"<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Showcase</title>
<h1>Showcase</h1>
"#;

const SIGN_IN: &str = r#"<h2>Sign in</h2>
<form method="post" action="/login">
<p><label>Name <input name="username" autocomplete="username" required autofocus></label>
<p><label>Password <input name="password" type="password" autocomplete="current-password" required></label>
<p><button>Sign in</button>
</form>
"#;

const SIGN_OUT: &str = r#"<form method="post" action="/logout"><p><button>Sign out</button></form>
"#;

async fn page(
    State(state): State<AppState>,
    identity: Option<Identity>,
    session: SessionHandle,
) -> Result<Response, AuthError> {
    let mut html = String::from(HEAD);
    match &identity {
        None => html.push_str(SIGN_IN),
        Some(identity) => {
            let me = serde_json::to_string_pretty(&describe(identity)).unwrap_or_default();
            let _ = write!(html, "<h2>Who I am</h2>\n<pre>{}</pre>\n", escape(&me));
            if session.id().is_some() {
                html.push_str("<h2>My sessions</h2>\n<ul>\n");
                for other in session.list().await? {
                    let device = other.device().user_agent().unwrap_or("unknown device");
                    let current = if other.is_current() {
                        " (this one)"
                    } else {
                        ""
                    };
                    let _ = writeln!(html, "<li>{}{current}", escape(device));
                }
                html.push_str("</ul>\n<h2>My API keys</h2>\n<ul>\n");
                // A page of them; `GET /api-keys` has all.
                let keys = state.api_keys.list(identity, None, 100).await;
                for key in keys.map_err(could_not_list)? {
                    let revoked = key.revoked_at.map_or("", |_| " (revoked)");
                    let _ = writeln!(html, "<li>{} {}{revoked}", key.id, escape(&key.name));
                }
                html.push_str("</ul>\n");
                html.push_str(SIGN_OUT);
            }
        }
    }
    let headers = [
        (CACHE_CONTROL, "no-store"),
        (
            CONTENT_SECURITY_POLICY,
            "default-src 'none'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
        ),
        (REFERRER_POLICY, "same-origin"),
    ];
    Ok((headers, Html(html)).into_response())
}

fn could_not_list(error: KeyError) -> AuthError {
    match error {
        KeyError::Refused(error) | KeyError::Unavailable(error) => error,
        error => AuthError::new(AuthErrorKind::Internal, "keys_not_listed").with_source(error),
    }
}

/// Text for HTML.
fn escape(text: &str) -> String {
    text.chars().fold(String::new(), |mut html, c| {
        match c {
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '"' => html.push_str("&quot;"),
            '\'' => html.push_str("&#39;"),
            c => html.push(c),
        }
        html
    })
}
