//! A login form, a session cookie, and a page behind them.
//!
//! ```console
//! $ cargo run -p session-login
//! listening on http://127.0.0.1:3000
//! ```
//!
//! Open it in a browser and sign in as `ann` with `correct-horse`.

#![expect(clippy::print_stdout, reason = "says where it listens")]

use std::env;
use std::error::Error;

use auth_layer::{
    AuthError, AuthErrorKind, Identity, LoginRedirect, PasswordCredentials, RequireAuth, ReturnTo,
};
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use axum::{Form, Router};
use login::password::{MemoryUserStore, PasswordHasher, PasswordLogin, UserRecord};
use maud::{DOCTYPE, Markup, html};
use serde::Deserialize;
use session_layer::{MemorySessionBackend, SessionHandle, SessionLayer};
use tokio::net::TcpListener;
use tracing_subscriber::EnvFilter;

fn app(url: &str) -> Result<Router, Box<dyn Error>> {
    // Users and their passwords: here one, in memory.
    let users = MemoryUserStore::new();
    let hash = PasswordHasher::new().hash("correct-horse")?;
    users.insert("ann", UserRecord::new("user-1").with_password_hash(hash));
    let login = PasswordLogin::new(users)?;

    // Sessions. Behind TLS, `public_origin("https://…")` takes the place of the insecure line.
    let sessions = SessionLayer::builder(MemorySessionBackend::new())
        .insecure_http_on_loopback(url)
        .build()?;

    // Browsers are sent to the form, and back to where they wanted to go.
    let signed_in = RequireAuth::authenticated().redirect(LoginRedirect::to("/login")?);
    // Nobody is signed in by a form on another site.
    let same_origin = sessions.csrf_layer();

    Ok(Router::new()
        .route("/", get(home))
        .route_layer(signed_in)
        .route("/login", get(form).post(log_in).layer(same_origin))
        .route("/logout", post(log_out))
        .layer(sessions)
        .with_state(login))
}

async fn home(identity: Identity) -> Markup {
    page(&html! {
        p { "You are " (identity.subject()) "." }
        form method="post" action="/logout" { button { "Sign out" } }
    })
}

/// Where to go after signing in, as the redirect to the form says it.
#[derive(Deserialize)]
struct Wanted {
    return_to: Option<String>,
}

async fn form(Query(wanted): Query<Wanted>) -> Markup {
    sign_in("", wanted.return_to.as_deref(), None)
}

#[derive(Deserialize)]
struct LoginForm {
    username: String,
    password: String,
    return_to: Option<String>,
}

async fn log_in(
    State(login): State<PasswordLogin>,
    session: SessionHandle,
    Form(form): Form<LoginForm>,
) -> Result<Response, AuthError> {
    let credentials = PasswordCredentials::new(&form.username, &form.password);
    let identity = match login.authenticate(credentials).await {
        Ok(identity) => identity,
        Err(error) if error.kind() == AuthErrorKind::Invalid => {
            let told = Some("The name or the password is wrong.");
            let form = sign_in(&form.username, form.return_to.as_deref(), told);
            return Ok((StatusCode::UNAUTHORIZED, form).into_response());
        }
        // Nobody can tell right now: 503, and not "wrong".
        Err(error) => return Err(error),
    };
    // Always a new session: one that somebody planted before is worth nothing.
    session.log_in(identity).await?;
    // Only paths of this site.
    let wanted = form.return_to.as_deref().and_then(ReturnTo::parse);
    Ok(Redirect::to(wanted.unwrap_or_default().as_str()).into_response())
}

async fn log_out(session: SessionHandle) -> Result<Redirect, AuthError> {
    session.log_out().await?;
    Ok(Redirect::to("/login"))
}

fn sign_in(username: &str, return_to: Option<&str>, told: Option<&str>) -> Markup {
    page(&html! {
        @if let Some(told) = told { p role="alert" { (told) } }
        form method="post" action="/login" {
            input type="hidden" name="return_to" value=(return_to.unwrap_or("/"));
            p { label { "User name " input name="username" value=(username) autocomplete="username" required; } }
            p { label { "Password " input name="password" type="password" autocomplete="current-password" required; } }
            button { "Sign in" }
        }
    })
}

/// Whatever is put into it is escaped.
fn page(content: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head { meta charset="utf-8"; title { "Sessions" } }
            body { main { h1 { "Sessions" } (content) } }
        }
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::from_default_env())
        .init();

    let listen = env::var("LISTEN").unwrap_or("127.0.0.1:3000".to_owned());
    let listener = TcpListener::bind(listen).await?;
    let url = format!("http://{}", listener.local_addr()?);
    println!("listening on {url}");
    axum::serve(listener, app(&url)?).await?;
    Ok(())
}
