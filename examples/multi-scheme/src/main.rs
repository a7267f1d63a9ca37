//! A browser's session, a program's token, a robot's key and a curl user's password, all on one
//! route and through one handler.
//!
//! ```console
//! $ cargo run -p multi-scheme
//! listening on http://127.0.0.1:3000
//! $ curl -u ann:correct-horse http://127.0.0.1:3000/me
//! $ curl -u ann:correct-horse -X POST http://127.0.0.1:3000/token     # then: -H 'Authorization: Bearer …'
//! $ curl -u ann:correct-horse -X POST http://127.0.0.1:3000/key       # then: -H 'X-API-Key: …'
//! $ curl -u ann:correct-horse -X POST http://127.0.0.1:3000/login -i  # then: -b 'session=…'
//! ```

#![expect(clippy::print_stdout, reason = "says where it listens")]

use std::env;
use std::error::Error;

use apikey_layer::{
    ApiKeys, KeyFormat, KeyOwners, KeyRegistry, MemoryApiKeys, NewKey, Owner, OwnerAuthority,
    SharedApiKeyStore, SharedKeyOwners,
};
use auth_layer::basic::Basic;
use auth_layer::{AuthError, AuthLayer, Identity, RequireAuth, Requirement};
use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::{get, post};
use jwt_layer::{AccessTokenRequest, Algorithm, Issuer, Jwt, SigningKey};
use login::password::{MemoryUserStore, PasswordHasher, PasswordLogin, UserRecord};
use session_layer::{MemorySessionBackend, SessionHandle, SessionLayer};
use tokio::net::TcpListener;
use tracing_subscriber::EnvFilter;

/// All schemes name the same issuer, so that what they prove is the same principal.
const ISSUER: &str = "https://multi-scheme.example";

/// What the owner of a key may do now. Here there is one user, who is never disabled.
struct Users;

impl KeyOwners for Users {
    async fn authority(&self, owner: &Owner) -> Result<Option<OwnerAuthority>, AuthError> {
        let is_ours = owner.issuer.as_deref() == Some(ISSUER) && owner.subject == "user-1";
        Ok(is_ours.then(|| OwnerAuthority::any_scope([""; 0])))
    }
}

#[derive(Clone)]
struct App {
    tokens: Issuer,
    keys: KeyRegistry,
}

fn app(url: &str) -> Result<Router, Box<dyn Error>> {
    // Users and their passwords.
    let users = MemoryUserStore::new();
    let hash = PasswordHasher::new().hash("correct-horse")?;
    users.insert("ann", UserRecord::new("user-1").with_password_hash(hash));
    let basic = Basic::new(
        "example",
        PasswordLogin::builder(users).issuer(ISSUER).build()?,
    );

    // Access tokens that this program issues itself.
    let tokens =
        Issuer::builder(ISSUER, "example", SigningKey::generate(Algorithm::Es256)?).build()?;
    let keys = KeyFormat::live("example")?;
    let jwt =
        Jwt::new(tokens.policy().build()?, tokens.verifying_keys()).leave_prefix(keys.prefix())?;

    // API keys.
    let store = SharedApiKeyStore::new(MemoryApiKeys::new());
    let owners = SharedKeyOwners::new(Users);
    let api_keys = ApiKeys::new(keys.clone(), store.clone(), owners);
    let app = App {
        tokens,
        keys: KeyRegistry::new(keys, store),
    };

    // Sessions. Behind TLS leave the insecure line out.
    let sessions = SessionLayer::builder(MemorySessionBackend::new())
        .insecure_http_on_loopback(url)
        .build()?;

    // Only a password opens these.
    let with_password = Router::new()
        .route("/login", post(log_in))
        .route("/token", post(token))
        .route("/key", post(key))
        .route_layer(RequireAuth::new(Requirement::scheme("basic")));

    Ok(Router::new()
        .route("/me", get(me))
        .merge(with_password)
        .layer(AuthLayer::new((jwt, api_keys, basic)).refuse_unclaimed())
        .layer(sessions)
        .with_state(app))
}

async fn me(identity: Identity) -> String {
    format!("{} by {}\n", identity.subject(), identity.scheme())
}

async fn log_in(identity: Identity, session: SessionHandle) -> Result<String, AuthError> {
    session.log_in(identity).await?;
    Ok("logged in\n".to_owned())
}

async fn token(State(app): State<App>, identity: Identity) -> Result<String, AuthError> {
    let token = app
        .tokens
        .issue(&AccessTokenRequest::for_identity(&identity))?;
    Ok(format!("{}\n", token.expose()))
}

async fn key(State(app): State<App>, identity: Identity) -> Result<String, StatusCode> {
    let created = app.keys.create(&identity, NewKey::new("example")).await;
    let created = created.map_err(|error| error.status())?;
    Ok(format!("{}\n", created.key.expose()))
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
