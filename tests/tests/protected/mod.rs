//! One application for each scheme, over a store with faults.
#![allow(clippy::unwrap_used, reason = "for tests only, but not marked as one")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use apikey_layer::{
    ApiKeyStore as _, ApiKeys, Inserted, KeyFormat, KeyOwners, KeyRecord, MemoryApiKeys, Owner,
    OwnerAuthority, SharedKeyOwners,
};
use auth_layer::basic::Basic;
use auth_layer::digest::{
    Algorithm, Digest, DigestRecord, DigestResponse, DigestStore, Ha1, MemoryDigestStore,
    MemoryNonceCounters, NonceCounters, ResponseInput, response,
};
use auth_layer::{AuthError, AuthLayer, Identity, MemoryRevocations, RequireAuth};
use auth_test::{Faults, Faulty, TestClient, TestRequest};
use axum::Router;
use axum::routing::{get, post};
use jwt_layer::{AccessTokenRequest, Algorithm as JwtAlgorithm, Issuer, Jwt, SigningKey};
use login::password::{HashPool, MemoryUserStore, PasswordHasher, PasswordLogin, UserRecord};
use session_layer::{MemorySessionBackend, SessionHandle, SessionLayer};

pub(crate) const REALM: &str = "printers";
pub(crate) const PASSWORD: &str = "correct horse";

/// An application whose credential is checked by a store with faults.
pub(crate) struct Protected {
    pub(crate) scheme: &'static str,
    pub(crate) client: TestClient,
    pub(crate) faults: Faults,
    /// How often a handler of the application ran.
    pub(crate) handled: Arc<AtomicUsize>,
    credential: Credential,
}

enum Credential {
    Digest { nonce: String, count: AtomicU32 },
    Header(&'static str, String),
}

impl Protected {
    pub(crate) async fn all() -> Vec<Self> {
        vec![
            session().await,
            jwt(),
            api_keys().await,
            api_key_owners().await,
            basic(),
            digest_store().await,
            digest_counters().await,
        ]
    }

    fn new(
        scheme: &'static str,
        faults: Faults,
        credential: (&'static str, String),
        add_layer: impl FnOnce(Router) -> Router,
    ) -> Self {
        let handled = Arc::default();
        Self {
            scheme,
            client: TestClient::new(add_layer(routes(&handled))),
            faults,
            handled,
            credential: Credential::Header(credential.0, credential.1),
        }
    }

    /// A request with the credential.
    pub(crate) fn get(&self, path: &str) -> TestRequest {
        let (name, value) = match &self.credential {
            Credential::Header(name, value) => (*name, value.clone()),
            Credential::Digest { nonce, count } => {
                let count = count.fetch_add(1, Ordering::SeqCst);
                ("authorization", digest_credential(nonce, count, path))
            }
        };
        self.client.get(path).header(name, &value)
    }

    /// A request without one.
    pub(crate) fn get_anonymous(&self, path: &str) -> TestRequest {
        self.client.fresh().get(path)
    }

    pub(crate) fn handled(&self) -> usize {
        self.handled.load(Ordering::SeqCst)
    }
}

/// `/me` is guarded, `/open` serves anybody.
fn routes(handled: &Arc<AtomicUsize>) -> Router {
    let (guarded, open) = (Arc::clone(handled), Arc::clone(handled));
    let me = move |who: Identity| async move {
        guarded.fetch_add(1, Ordering::SeqCst);
        who.subject().to_owned()
    };
    let open = move |who: Option<Identity>| async move {
        open.fetch_add(1, Ordering::SeqCst);
        who.map_or("anonymous".to_owned(), |who| who.subject().to_owned())
    };
    Router::new()
        .route("/me", get(me).layer(RequireAuth::authenticated()))
        .route("/open", get(open))
}

async fn log_in(session: SessionHandle) -> Result<&'static str, AuthError> {
    session.log_in(Identity::new("password", "ann")).await?;
    Ok("welcome")
}

async fn log_out(session: SessionHandle) -> Result<&'static str, AuthError> {
    session.log_out().await?;
    Ok("bye")
}

/// What posts as a page of the same origin does.
pub(crate) fn post_same_origin(client: &TestClient, path: &str) -> TestRequest {
    client.post(path).header("sec-fetch-site", "same-origin")
}

/// A session application, and its backend.
pub(crate) fn session_app(faults: &Faults) -> (Router, Faulty<MemorySessionBackend>) {
    let backend = Faulty::new(MemorySessionBackend::new(), faults);
    let app = Router::new()
        .merge(routes(&Arc::default()))
        .route("/login", post(log_in))
        .route("/logout", post(log_out))
        .layer(SessionLayer::new(backend.clone()));
    (app, backend)
}

async fn session() -> Protected {
    let faults = Faults::new();
    let layer = SessionLayer::new(Faulty::new(MemorySessionBackend::new(), &faults));
    let login = Router::new()
        .route("/login", post(log_in))
        .layer(layer.clone());
    let login = TestClient::new(login);
    assert_eq!(post_same_origin(&login, "/login").await.status(), 200);
    let cookie = login.cookie("__Host-session").unwrap();
    let credential = ("cookie", format!("__Host-session={cookie}"));
    Protected::new("session", faults, credential, |app| app.layer(layer))
}

/// The scheme, its faults, and a token.
pub(crate) fn jwt_scheme() -> (Jwt, Faults, String) {
    let faults = Faults::new();
    let key = SigningKey::generate(JwtAlgorithm::Es256).unwrap();
    let issuer = Issuer::builder("https://id.example", "https://api.example", key);
    let issuer = issuer.build().unwrap();
    let jwt = Jwt::new(issuer.policy().build().unwrap(), issuer.verifying_keys())
        .revocations(Faulty::new(MemoryRevocations::new(), &faults));
    let token = issuer.issue(&AccessTokenRequest::new("ann")).unwrap();
    (jwt, faults, format!("Bearer {}", token.expose()))
}

fn jwt() -> Protected {
    let (jwt, faults, token) = jwt_scheme();
    Protected::new("bearer", faults, ("authorization", token), |app| {
        app.layer(jwt.into_layer())
    })
}

/// The scheme, its faults, and a key.
pub(crate) async fn api_key_scheme() -> (ApiKeys, Faults, String) {
    let faults = Faults::new();
    let format = KeyFormat::live("sk").unwrap();
    let key = format.generate().unwrap();
    let store = Faulty::new(MemoryApiKeys::new(), &faults);
    let record = KeyRecord::new(
        *key.id(),
        key.digest(),
        Owner::new("ann"),
        SystemTime::now(),
    );
    assert_eq!(store.insert(record, 1).await.unwrap(), Inserted::Done);
    let keys = ApiKeys::danger_without_owners(format, store);
    (keys, faults, key.expose().to_owned())
}

async fn api_keys() -> Protected {
    let (keys, faults, key) = api_key_scheme().await;
    Protected::new("api-key", faults, ("x-api-key", key), |app| {
        app.layer(keys.into_layer())
    })
}

/// A table of users.
struct Users;

impl KeyOwners for Users {
    async fn authority(&self, owner: &Owner) -> Result<Option<OwnerAuthority>, AuthError> {
        Ok((owner.subject == "ann").then(|| OwnerAuthority::any_scope([""; 0])))
    }
}

/// The keys can be asked for, but not whose they are.
async fn api_key_owners() -> Protected {
    let faults = Faults::new();
    let (format, store) = (KeyFormat::live("sk").unwrap(), MemoryApiKeys::new());
    let key = format.generate().unwrap();
    let (owner, now) = (Owner::new("ann"), SystemTime::now());
    let record = KeyRecord::new(*key.id(), key.digest(), owner, now);
    assert_eq!(store.insert(record, 1).await.unwrap(), Inserted::Done);
    let owners = SharedKeyOwners::new(Faulty::new(Users, &faults));
    let keys = ApiKeys::new(format, Arc::new(store), owners);
    let credential = ("x-api-key", key.expose().to_owned());
    Protected::new("api-key with owners", faults, credential, |app| {
        app.layer(keys.into_layer())
    })
}

/// The scheme and its faults. The user is `ann`.
pub(crate) fn basic_scheme() -> (Basic<PasswordLogin>, Faults) {
    let faults = Faults::new();
    // The smallest parameters there are: none of this is about argon2.
    let hasher = PasswordHasher::builder()
        .memory_kib(8)
        .iterations(1)
        .danger_allow_weak_parameters()
        .build()
        .unwrap();
    let users = Faulty::new(MemoryUserStore::new(), &faults);
    let hash = hasher.hash(PASSWORD).unwrap();
    let ann = UserRecord::new("ann").with_password_hash(hash);
    users.store().insert("ann", ann);
    let pool = HashPool::builder(hasher).threads(1).build().unwrap();
    let login = PasswordLogin::builder(users)
        .hash_pool(pool)
        .build()
        .unwrap();
    (Basic::new(REALM, login), faults)
}

fn basic() -> Protected {
    let (basic, faults) = basic_scheme();
    // `ann:correct horse`
    let credential = ("authorization", "Basic YW5uOmNvcnJlY3QgaG9yc2U=".to_owned());
    Protected::new("basic", faults, credential, |app| {
        app.layer(AuthLayer::new(basic))
    })
}

fn digest_users() -> MemoryDigestStore {
    let users = MemoryDigestStore::new(REALM);
    let record = DigestRecord::from_password("ann", REALM, PASSWORD, [Algorithm::Sha256]);
    users.set("ann", record);
    users
}

async fn digest(
    scheme: &'static str,
    faults: Faults,
    users: impl DigestStore,
    counters: impl NonceCounters,
) -> Protected {
    let digest = Digest::builder(REALM, users)
        .nonce_counters(counters)
        .build()
        .unwrap();
    let protected = Protected::new(scheme, faults, ("", String::new()), |app| {
        app.layer(AuthLayer::new(digest))
    });
    let refused = protected.get_anonymous("/me").await;
    let challenge = refused.challenges()[0].to_owned();
    let nonce = challenge.split_once("nonce=\"").unwrap().1;
    let nonce = nonce.split_once('"').unwrap().0.to_owned();
    Protected {
        credential: Credential::Digest {
            nonce,
            count: AtomicU32::new(1),
        },
        ..protected
    }
}

async fn digest_store() -> Protected {
    let faults = Faults::new();
    let users = Faulty::new(digest_users(), &faults);
    digest(
        "digest, its users",
        faults,
        users,
        MemoryNonceCounters::new(),
    )
    .await
}

pub(crate) async fn digest_counters() -> Protected {
    let faults = Faults::new();
    let counters = Faulty::new(MemoryNonceCounters::new(), &faults);
    digest("digest, its counters", faults, digest_users(), counters).await
}

/// What `ann` sends behind `Authorization`.
pub(crate) fn digest_credential(nonce: &str, count: u32, path: &str) -> String {
    let ha1 = Ha1::from_password(Algorithm::Sha256, "ann", REALM, PASSWORD);
    let nc = format!("{count:08x}");
    let input = ResponseInput {
        method: "GET",
        uri: path,
        nonce,
        nc: &nc,
        cnonce: "0a4f113b",
        body: None,
    };
    let response = response(&ha1, &input);
    let sent = format!(
        r#"username="ann", realm="{REALM}", uri="{path}", algorithm=SHA-256, nonce="{nonce}", nc={nc}, cnonce="0a4f113b", qop=auth, response="{response}""#
    );
    assert!(DigestResponse::parse(sent.as_bytes()).is_ok());
    format!("Digest {sent}")
}

/// Longer than any client waits.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);
