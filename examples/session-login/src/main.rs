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
use std::net::{IpAddr, SocketAddr};

#[cfg(not(feature = "redis"))]
use auth_layer::MemoryRateCounters;
use auth_layer::{
    AuthError, AuthErrorKind, ClientAddress, ClientAddressLayer, Identity, LoginRedirect,
    PasswordCredentials, RequireAuth, ReturnTo, TrustedProxies,
};
use axum::Extension;
use axum::extract::{ConnectInfo, Query, State};
use axum::http::Extensions;
use axum::http::HeaderValue;
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use axum::{Form, Router};
use login::attempts::AttemptLimits;
use login::password::{MemoryUserStore, PasswordHasher, PasswordLogin, UserRecord};
use maud::{DOCTYPE, Markup, html};
#[cfg(feature = "redis")]
use redis_store::{RedisRateCounters, RedisSessions, RedisStore};
use serde::Deserialize;
#[cfg(not(feature = "redis"))]
use session_layer::MemorySessionBackend;
use session_layer::{SessionHandle, SessionLayer};
use tokio::net::TcpListener;
use tracing_subscriber::EnvFilter;

fn app(url: &str) -> Result<Router, Box<dyn Error>> {
    // Users and their passwords: here one, in memory.
    let users = MemoryUserStore::new();
    let hash = PasswordHasher::new().hash("correct-horse")?;
    users.insert("ann", UserRecord::new("user-1").with_password_hash(hash));
    let (backend, counters) = stores()?;
    // Ten attempts a minute from an address, five in five minutes at an account.
    let limits = AttemptLimits::new("10/m/ip,5/5m/account", counters)?;
    let login = PasswordLogin::builder(users)
        .attempt_limits(limits)
        .build()?;

    // Sessions. Behind TLS, `public_origin("https://…")` takes the place of the insecure line.
    let sessions = SessionLayer::builder(backend)
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
        // Whose attempts are counted. Behind a proxy of your own, name it.
        .layer(ClientAddressLayer::new(TrustedProxies::none(), peer))
        .with_state(login))
}

/// Where sessions are kept and attempts counted: in this process, gone when it ends.
#[cfg(not(feature = "redis"))]
fn stores() -> Result<(MemorySessionBackend, MemoryRateCounters), Box<dyn Error>> {
    Ok((MemorySessionBackend::new(), MemoryRateCounters::new()))
}

/// On Redis: all processes share them, and a restart keeps them.
#[cfg(feature = "redis")]
fn stores() -> Result<(RedisSessions, RedisRateCounters), Box<dyn Error>> {
    let url = env::var("REDIS_URL").unwrap_or("redis://127.0.0.1/".to_owned());
    let pool =
        deadpool_redis::Config::from_url(url).create_pool(Some(deadpool_redis::Runtime::Tokio1))?;
    let store = RedisStore::new(pool);
    Ok((store.sessions(), store.rate_counters()))
}

fn peer(extensions: &Extensions) -> Option<IpAddr> {
    let ConnectInfo(address) = extensions.get::<ConnectInfo<SocketAddr>>()?;
    Some(address.ip())
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
    Extension(address): Extension<ClientAddress>,
    Form(form): Form<LoginForm>,
) -> Result<Response, AuthError> {
    let credentials =
        PasswordCredentials::new(&form.username, &form.password).with_client_address(address);
    let identity = match login.authenticate(credentials).await {
        Ok(identity) => identity,
        Err(error) => {
            let told = match error.kind() {
                AuthErrorKind::Invalid => "The name or the password is wrong.",
                AuthErrorKind::Limited => "Too many attempts. Wait a while, then try again.",
                // Nobody can tell right now: 503, and not "wrong".
                _ => return Err(error),
            };
            let form = sign_in(&form.username, form.return_to.as_deref(), Some(told));
            return Ok(instead_of(error.into_response(), form));
        }
    };
    // Always a new session: one that somebody planted before is worth nothing.
    session.log_in(identity).await?;
    // Only paths of this site.
    let wanted = form.return_to.as_deref().and_then(ReturnTo::parse);
    Ok(Redirect::to(wanted.unwrap_or_default().as_str()).into_response())
}

/// The form, with the status and the headers of the refusal.
fn instead_of(refusal: Response, form: Markup) -> Response {
    let (refused, _) = refusal.into_parts();
    let mut headers = refused.headers;
    headers.insert(
        CONTENT_TYPE,
        HeaderValue::from_static("text/html; charset=utf-8"),
    );
    headers.remove(CONTENT_LENGTH);
    (refused.status, headers, form.into_string()).into_response()
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
    let service = app(&url)?.into_make_service_with_connect_info::<SocketAddr>();
    axum::serve(listener, service).await?;
    Ok(())
}
