//! Login, refresh and logout for an app on a telephone, and for a single-page app in a browser.
//!
//! ```console
//! $ cargo run -p jwt-issuer
//! listening on http://127.0.0.1:3000
//! $ curl -d '{"username":"ann","password":"correct-horse"}' -H 'content-type: application/json' \
//!     http://127.0.0.1:3000/app/login
//! {"access_token":"eyJ…","token_type":"Bearer","expires_in":600,"refresh_token":"rt_…","scope":"notes"}
//! ```

#![expect(clippy::print_stdout, reason = "says where it listens")]

mod app;
mod refusal;
mod web;

use std::env;
use std::error::Error;

use auth_layer::{
    AuthError, Identity, MemoryRateCounters, MemoryRevocations, PasswordCredentials, RequireAuth,
    ScopeSet, SharedRevocations,
};
use axum::Router;
use axum::routing::get;
use jwt_layer::refresh::{
    MemoryRefreshStore, RefreshCookie, RefreshGrant, RefreshTokens, TokenPair,
};
use jwt_layer::{Algorithm, Issuer, Jwt, SigningKey};
use login::attempts::AttemptLimits;
use login::password::{MemoryUserStore, PasswordHasher, PasswordLogin, UserRecord};
use serde::Deserialize;
use tokio::net::TcpListener;
use tracing_subscriber::EnvFilter;

/// What the handlers of both work with.
#[derive(Clone)]
struct Service {
    login: PasswordLogin,
    tokens: RefreshTokens,
    cookie: RefreshCookie,
}

#[derive(Deserialize)]
struct Credentials {
    username: String,
    password: String,
}

impl Service {
    /// The first tokens, for whoever knows the password.
    async fn log_in(&self, credentials: &Credentials) -> Result<TokenPair, AuthError> {
        let Credentials { username, password } = credentials;
        let proved = PasswordCredentials::new(username, password);
        let identity = self.login.authenticate(proved).await?;
        self.tokens.begin(&RefreshGrant::new(&identity)).await
    }
}

/// Who it is that comes again with a refresh token. Ask your users here: what is returned is what the
/// next access token says, and `None` ends it, for whoever was disabled or deleted.
async fn current(login: Identity) -> Result<Option<Identity>, AuthError> {
    let is_known = login.subject() == "user-1";
    Ok(is_known.then(|| login.to_builder().role("author").build()))
}

fn service(url: &str) -> Result<Router, Box<dyn Error>> {
    // Users and their passwords: here one, in memory. Five wrong ones in five minutes, and no more.
    let users = MemoryUserStore::new();
    let ann = UserRecord::new("user-1")
        .with_role("author")
        .with_scopes("notes".parse::<ScopeSet>()?)
        .with_password_hash(PasswordHasher::new().hash("correct-horse")?);
    users.insert("ann", ann);
    let limits = AttemptLimits::new("5/5m/account", MemoryRateCounters::new())?;
    let login = PasswordLogin::builder(users)
        .issuer(url)
        .attempt_limits(limits)
        .build()?;

    // Access tokens for ten minutes, refresh tokens for as long as somebody uses them, 30 days at most.
    let issuer = Issuer::builder(url, url, SigningKey::generate(Algorithm::Es256)?).build()?;
    let revocations = SharedRevocations::new(MemoryRevocations::new());
    let store = MemoryRefreshStore::new();
    let tokens =
        RefreshTokens::builder(issuer.clone(), store, revocations.clone(), current).build()?;

    // For the browser. Behind TLS leave `insecure` out.
    let cookie = RefreshCookie::builder("/web", url.parse()?)
        .insecure()
        .build()?;

    // The API that all this is for: it takes the access tokens.
    let jwt = Jwt::new(issuer.policy().build()?, issuer.verifying_keys()).revocations(revocations);
    let api = Router::new()
        .route("/notes", get(notes))
        .route_layer(RequireAuth::scope("notes"))
        .layer(jwt.into_layer());

    let service = Service {
        login,
        tokens,
        cookie,
    };
    Ok(Router::new()
        .nest("/app", app::routes())
        .nest("/web", web::routes())
        .with_state(service)
        .merge(api))
}

async fn notes(identity: Identity) -> String {
    format!("The notes of {}.\n", identity.subject())
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::from_default_env())
        .with_writer(std::io::stderr)
        .init();

    let listen = env::var("LISTEN").unwrap_or("127.0.0.1:3000".to_owned());
    let listener = TcpListener::bind(listen).await?;
    let url = format!("http://{}", listener.local_addr()?);
    println!("listening on {url}");
    axum::serve(listener, service(&url)?).await?;
    Ok(())
}
