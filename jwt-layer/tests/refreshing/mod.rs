//! A service with refresh tokens, over HTTP, with stores that can be down.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use auth_layer::{
    AuthError, CredentialEpoch, Event, EventKind, Events, ExposeSecret as _, Identity,
    SecretDigest, SharedClock, UserKey, unix_seconds,
};
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::response::Response;
use axum::routing::{get, post};
use axum::{Extension, Router};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::{HeaderMap, Method, StatusCode, header};
use jwt_layer::refresh::{
    FamilyId, FamilyState, MemoryRefreshStore, RefreshBody, RefreshCookie, RefreshGrant,
    RefreshRequest, RefreshStore, RefreshTokens, RefreshTokensBuilder, RevokeBody, RotateOutcome,
    Rotation,
};
use jwt_layer::{
    AccessTokenRequest, Algorithm, IssuedToken, Issuer, JwkThumbprint, Jwt, MemoryRevocations,
    Revocations, SharedRevocations, SigningKey, SubjectRevocation, VerificationPolicy,
};
use serde_json::{Value, json};
use tower::ServiceExt as _;

use crate::common::{AUDIENCE, ISSUER, at};

pub(crate) const START: u64 = crate::common::NOW;

/// What the table of users says of everybody.
#[derive(Clone)]
pub(crate) struct User {
    pub(crate) disabled: bool,
    pub(crate) renamed: Option<&'static str>,
    pub(crate) epoch: Option<u64>,
    pub(crate) roles: Vec<&'static str>,
    pub(crate) scopes: &'static str,
}

impl Default for User {
    fn default() -> Self {
        Self {
            disabled: false,
            renamed: None,
            epoch: Some(1),
            roles: vec!["editor"],
            scopes: "read write",
        }
    }
}

impl User {
    fn identity(&self, name: &str) -> Identity {
        let mut identity = Identity::builder("password", self.renamed.unwrap_or(name))
            .roles(self.roles.iter().copied())
            .scopes(self.scopes.parse().unwrap());
        if let Some(epoch) = self.epoch {
            identity = identity.extra(CredentialEpoch::new(epoch));
        }
        identity.build()
    }
}

#[derive(Clone)]
pub(crate) struct Service {
    pub(crate) tokens: RefreshTokens,
    pub(crate) revocations: Arc<Unreliable<MemoryRevocations>>,
    pub(crate) store: Arc<Unreliable<MemoryRefreshStore>>,
    pub(crate) issuer: Issuer,
    now: Arc<AtomicU64>,
    user: Arc<Mutex<User>>,
    users_down: Arc<AtomicBool>,
    recorded: Arc<Mutex<Vec<Recorded>>>,
    jwt: Jwt,
    app: Router,
}

#[derive(Clone, Debug)]
pub(crate) struct Recorded {
    kind: EventKind,
    pub(crate) subject: Option<String>,
    pub(crate) object_id: Option<String>,
}

#[derive(Clone, Debug)]
pub(crate) struct Pair {
    pub(crate) access: String,
    pub(crate) refresh: String,
    pub(crate) scope: String,
}

impl Pair {
    pub(crate) fn family(&self) -> String {
        let claims = self.access.split('.').nth(1).unwrap();
        let claims: Value = serde_json::from_slice(&decoded(claims)).unwrap();
        claims["sid"].as_str().unwrap().to_owned()
    }

    pub(crate) fn with_access(&self, access: &str) -> Self {
        Self {
            access: access.to_owned(),
            ..self.clone()
        }
    }
}

pub(crate) fn decoded(text: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(text).unwrap()
}

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
}

impl Answer {
    pub(crate) fn error(&self) -> &str {
        self.body["error"].as_str().unwrap_or("none")
    }

    pub(crate) fn pair(&self) -> Pair {
        assert_eq!(self.status, StatusCode::OK, "{}", self.body);
        assert!(self.body["expires_in"].as_u64().unwrap() > 0);
        let text = |name: &str| self.body[name].as_str().unwrap().to_owned();
        Pair {
            access: text("access_token"),
            refresh: text("refresh_token"),
            scope: text("scope"),
        }
    }
}

pub(crate) fn builder() -> RefreshTokensBuilder {
    let key = SigningKey::generate(Algorithm::Es256).unwrap();
    let issuer = Issuer::builder(ISSUER, AUDIENCE, key).build().unwrap();
    let users = |login: Identity| async move { Ok(Some(login)) };
    let revocations = SharedRevocations::new(MemoryRevocations::new());
    RefreshTokens::builder(issuer, MemoryRefreshStore::new(), revocations, users)
}

impl Service {
    pub(crate) fn new() -> Self {
        Self::with(|builder| builder)
    }

    pub(crate) fn with(options: impl FnOnce(RefreshTokensBuilder) -> RefreshTokensBuilder) -> Self {
        let store = Arc::new(Unreliable::new(MemoryRefreshStore::new()));
        Self::make(store, ISSUER, AUDIENCE, options)
    }

    /// Another service that has the store of this one.
    pub(crate) fn sharing_store(&self, issuer: &str, audience: &str) -> Self {
        Self::make(Arc::clone(&self.store), issuer, audience, |builder| builder)
    }

    fn make(
        store: Arc<Unreliable<MemoryRefreshStore>>,
        issuer: &str,
        audience: &str,
        options: impl FnOnce(RefreshTokensBuilder) -> RefreshTokensBuilder,
    ) -> Self {
        let now = Arc::new(AtomicU64::new(START));
        let clock = {
            let now = Arc::clone(&now);
            SharedClock::new(move || at(now.load(Ordering::SeqCst)))
        };
        let key = SigningKey::generate(Algorithm::Es256).unwrap();
        let issuer = Issuer::builder(issuer, audience, key)
            .clock(clock.clone())
            .build()
            .unwrap();
        let revocations = Arc::new(Unreliable::new(MemoryRevocations::new()));
        let shared = SharedRevocations::from(Arc::clone(&revocations));
        let jwt = Jwt::new(issuer.policy().build().unwrap(), issuer.verifying_keys())
            .clock(clock.clone())
            .revocations(shared.clone());

        let user = Arc::new(Mutex::new(User::default()));
        let users_down = Arc::new(AtomicBool::new(false));
        let users = {
            let (user, down) = (Arc::clone(&user), Arc::clone(&users_down));
            move |login: Identity| {
                let (user, down) = (user.lock().unwrap().clone(), down.load(Ordering::SeqCst));
                async move {
                    // Whatever kind of error it is, the token is not to blame.
                    if down {
                        return Err(AuthError::invalid("users_down"));
                    }
                    Ok((!user.disabled).then(|| user.identity(login.subject())))
                }
            }
        };
        let recorded = Arc::new(Mutex::new(Vec::new()));
        let sink = Arc::clone(&recorded);
        let events = Events::to(move |event: &Event<'_>| {
            sink.lock().unwrap().push(Recorded {
                kind: event.kind,
                subject: event.identity.map(|identity| identity.subject().to_owned()),
                object_id: event.object_id.map(str::to_owned),
            });
        });
        let builder = RefreshTokens::builder(issuer.clone(), Arc::clone(&store), shared, users);
        let builder = builder.clock(clock).events(events);
        let tokens = options(builder).build().unwrap();
        let cookie = RefreshCookie::builder("/token", "https://app.example.com".parse().unwrap());
        let app = Router::new()
            .route("/me", get(me))
            .layer(jwt.clone().into_layer())
            .route("/token/refresh", post(refresh))
            .route("/token/revoke", post(revoke))
            .layer(Extension(cookie.build().unwrap()))
            .with_state(tokens.clone());
        Self {
            tokens,
            revocations,
            store,
            issuer,
            now,
            user,
            users_down,
            recorded,
            jwt,
            app,
        }
    }

    pub(crate) fn pass(&self, seconds: u64) {
        self.now.fetch_add(seconds, Ordering::SeqCst);
    }

    pub(crate) fn set_back(&self, seconds: u64) {
        self.now.fetch_sub(seconds, Ordering::SeqCst);
    }

    /// What verifies access tokens by another policy.
    pub(crate) fn jwt(&self, policy: VerificationPolicy) -> Jwt {
        let now = Arc::clone(&self.now);
        Jwt::new(policy, self.issuer.verifying_keys())
            .clock(SharedClock::new(move || at(now.load(Ordering::SeqCst))))
            .revocations(SharedRevocations::from(Arc::clone(&self.revocations)))
    }

    /// An access token of no family.
    pub(crate) fn lone_token(&self, identity: &Identity) -> Pair {
        let request = AccessTokenRequest::for_identity(identity);
        let token = self.issuer.issue(&request).unwrap();
        Pair {
            access: token.expose().to_owned(),
            refresh: String::new(),
            scope: String::new(),
        }
    }

    pub(crate) fn change_user(&self, change: impl FnOnce(&mut User)) {
        change(&mut self.user.lock().unwrap());
    }

    pub(crate) fn set_users_down(&self, down: bool) {
        self.users_down.store(down, Ordering::SeqCst);
    }

    pub(crate) fn set_store_down(&self, down: bool) {
        self.store.set_down(down);
    }

    pub(crate) fn events(&self, kind: EventKind) -> Vec<Recorded> {
        let recorded = self.recorded.lock().unwrap();
        recorded
            .iter()
            .filter(|e| e.kind == kind)
            .cloned()
            .collect()
    }

    /// Who has just proved a password.
    pub(crate) fn identity(&self, name: &str) -> Identity {
        self.user.lock().unwrap().identity(name)
    }

    pub(crate) async fn log_in(&self, name: &str) -> Pair {
        self.log_in_as(&self.identity(name), |grant| grant).await
    }

    pub(crate) async fn log_in_as(
        &self,
        identity: &Identity,
        grant: impl FnOnce(RefreshGrant<'static>) -> RefreshGrant<'static>,
    ) -> Pair {
        // A test keeps it anyway.
        let identity: &'static Identity = Box::leak(Box::new(identity.clone()));
        let pair = self.tokens.begin(&grant(RefreshGrant::new(identity))).await;
        let pair = pair.unwrap();
        Pair {
            access: pair.access_token().expose().to_owned(),
            refresh: pair
                .refresh_token()
                .to_secret_string()
                .expose_secret()
                .to_owned(),
            scope: pair.scopes().to_string(),
        }
    }

    async fn send(&self, path: &str, headers: &[(&str, &str)], body: String) -> Answer {
        let mut req = Request::builder().method(Method::POST).uri(path);
        for (name, value) in headers {
            req = req.header(*name, *value);
        }
        let req = req.body(Body::from(body)).unwrap();
        read(self.app.clone().oneshot(req).await.unwrap()).await
    }

    pub(crate) async fn refresh_with(&self, pair: &Pair, more: &Value) -> Answer {
        let mut body = more.clone();
        body["refresh_token"] = pair.refresh.as_str().into();
        self.send("/token/refresh", &[], body.to_string()).await
    }

    pub(crate) async fn refresh(&self, pair: &Pair) -> Answer {
        self.refresh_with(pair, &json!({})).await
    }

    pub(crate) async fn refresh_text(&self, token: &str) -> Answer {
        let body = json!({ "refresh_token": token }).to_string();
        self.send("/token/refresh", &[], body).await
    }

    pub(crate) async fn refresh_by_cookie(&self, token: &str, headers: &[(&str, &str)]) -> Answer {
        let cookie = format!("__Secure-refresh={token}");
        let mut headers = headers.to_vec();
        headers.push(("cookie", &cookie));
        self.send("/token/refresh", &headers, String::new()).await
    }

    pub(crate) async fn refreshed(&self, pair: &Pair) -> Pair {
        self.refresh(pair).await.pair()
    }

    #[track_caller]
    pub(crate) fn refused(&self, pair: &Pair, error: &str) -> impl Future<Output = ()> {
        let caller = std::panic::Location::caller();
        async move {
            let answer = self.refresh(pair).await;
            assert_eq!(answer.error(), error, "at {caller}: {}", answer.body);
            assert_eq!(answer.status, StatusCode::BAD_REQUEST, "at {caller}");
        }
    }

    pub(crate) async fn refresh_at_once(&self, pair: &Pair, count: usize) -> Vec<Answer> {
        let tasks: Vec<_> = (0..count)
            .map(|_| {
                let (service, pair) = (self.clone(), pair.clone());
                tokio::spawn(async move { service.refresh(&pair).await })
            })
            .collect();
        let mut answers = Vec::new();
        for task in tasks {
            answers.push(task.await.unwrap());
        }
        answers
    }

    pub(crate) async fn revoke(&self, token: &str) -> StatusCode {
        let body = json!({ "token": token }).to_string();
        self.send("/token/revoke", &[], body).await.status
    }

    async fn get_me(&self, pair: &Pair) -> Answer {
        let bearer = format!("Bearer {}", pair.access);
        let req = Request::builder().uri("/me");
        let req = req.header(header::AUTHORIZATION, bearer);
        let req = req.body(Body::empty()).unwrap();
        read(self.app.clone().oneshot(req).await.unwrap()).await
    }

    pub(crate) async fn me(&self, pair: &Pair) -> StatusCode {
        self.get_me(pair).await.status
    }

    pub(crate) async fn who(&self, pair: &Pair) -> Value {
        self.get_me(pair).await.body
    }

    pub(crate) async fn bearer(&self, pair: &Pair) -> Identity {
        self.jwt.verify_token(&pair.access).await.unwrap()
    }
}

async fn read(res: Response) -> Answer {
    let (parts, body) = res.into_parts();
    let body = to_bytes(body, 1 << 16).await.unwrap();
    Answer {
        status: parts.status,
        headers: parts.headers,
        body: serde_json::from_slice(&body).unwrap_or_default(),
    }
}

async fn me(identity: Identity) -> String {
    let factors: Vec<_> = identity
        .factors()
        .iter()
        .map(|f| json!([f.kind().as_str(), unix_seconds(f.proved_at())]))
        .collect();
    json!({
        "subject": identity.subject(),
        "roles": identity.roles().collect::<Vec<_>>(),
        "session_id": identity.session_id(),
        "acr": identity.acr(),
        "auth_time": identity.auth_time().map(unix_seconds),
        "factors": factors,
    })
    .to_string()
}

/// The thumbprint of the key of this name.
pub(crate) fn thumbprint(key: &str) -> JwkThumbprint {
    JwkThumbprint::from_bytes(*SecretDigest::of(key).as_bytes())
}

/// By body or, if there is none, by cookie. `jkt` and `agent` stand for what a proof and a header say.
async fn refresh(
    State(tokens): State<RefreshTokens>,
    Extension(cookie): Extension<RefreshCookie>,
    headers: HeaderMap,
    body: String,
) -> Response {
    if body.is_empty() {
        let token = match cookie.read(&headers) {
            Ok(token) => token.unwrap_or_default(),
            Err(error) => return error.respond(),
        };
        let request = RefreshRequest::new(token.expose_secret());
        return match tokens.refresh(&request).await {
            Ok(pair) => pair.respond_with_cookie(&cookie),
            Err(error) => error.respond(),
        };
    }
    let more: Value = serde_json::from_str(&body).unwrap();
    let body: RefreshBody = serde_json::from_str(&body).unwrap();
    let mut request = body.request();
    if let Some(jkt) = more["jkt"].as_str() {
        request = request.key_thumbprint(thumbprint(jkt));
    }
    if let Some(agent) = more["agent"].as_str() {
        request = request.user_agent(agent);
    }
    match tokens.refresh(&request).await {
        Ok(pair) => pair.respond(),
        Err(error) => error.respond(),
    }
}

async fn revoke(State(tokens): State<RefreshTokens>, body: String) -> StatusCode {
    let body: RevokeBody = serde_json::from_str(&body).unwrap();
    match tokens.revoke(body.token()).await {
        Ok(()) => StatusCode::OK,
        Err(error) => error.status(),
    }
}

/// A store that can be down.
pub(crate) struct Unreliable<S> {
    store: S,
    down: AtomicBool,
    at_once: AtomicUsize,
    /// How many families were ended at a time.
    pub(crate) most_at_once: AtomicUsize,
    before_end: Mutex<Option<Box<dyn FnOnce() + Send>>>,
    /// Until when what was revoked is, of all that was.
    pub(crate) revoked_until: Mutex<Vec<SystemTime>>,
}

impl<S> Unreliable<S> {
    fn new(store: S) -> Self {
        Self {
            store,
            down: AtomicBool::new(false),
            at_once: AtomicUsize::new(0),
            most_at_once: AtomicUsize::new(0),
            before_end: Mutex::new(None),
            revoked_until: Mutex::new(Vec::new()),
        }
    }

    /// What happens while the next family is ended.
    pub(crate) fn before_end(&self, happens: impl FnOnce() + Send + 'static) {
        *self.before_end.lock().unwrap() = Some(Box::new(happens));
    }

    pub(crate) fn set_down(&self, down: bool) {
        self.down.store(down, Ordering::SeqCst);
    }

    async fn store(&self) -> Result<&S, AuthError> {
        tokio::task::yield_now().await;
        match self.down.load(Ordering::SeqCst) {
            // No kind of error of a store is the client's fault.
            true => Err(AuthError::invalid("down")),
            false => Ok(&self.store),
        }
    }
}

impl RefreshStore for Unreliable<MemoryRefreshStore> {
    async fn insert(&self, family: FamilyState) -> Result<bool, AuthError> {
        self.store().await?.insert(family).await
    }

    async fn find(&self, id: &FamilyId) -> Result<Option<FamilyState>, AuthError> {
        self.store().await?.find(id).await
    }

    async fn rotate(&self, id: &FamilyId, rotation: Rotation) -> Result<RotateOutcome, AuthError> {
        self.store().await?.rotate(id, rotation).await
    }

    async fn end(&self, id: &FamilyId) -> Result<bool, AuthError> {
        let at_once = self.at_once.fetch_add(1, Ordering::SeqCst) + 1;
        self.most_at_once.fetch_max(at_once, Ordering::SeqCst);
        if let Some(happens) = self.before_end.lock().unwrap().take() {
            happens();
        }
        let store = self.store().await;
        self.at_once.fetch_sub(1, Ordering::SeqCst);
        store?.end(id).await
    }

    async fn list(&self, user: &UserKey) -> Result<Vec<FamilyState>, AuthError> {
        self.store().await?.list(user).await
    }
}

impl Revocations for Unreliable<MemoryRevocations> {
    async fn is_revoked(&self, token: &IssuedToken<'_>) -> Result<bool, AuthError> {
        self.store().await?.is_revoked(token).await
    }

    async fn revoke_token(
        &self,
        issuer: &str,
        token_id: &str,
        until: SystemTime,
    ) -> Result<(), AuthError> {
        let store = self.store().await?;
        self.revoked_until.lock().unwrap().push(until);
        store.revoke_token(issuer, token_id, until).await
    }

    async fn revoke_subject(&self, revocation: &SubjectRevocation<'_>) -> Result<(), AuthError> {
        let store = self.store().await?;
        let until = revocation.until;
        self.revoked_until.lock().unwrap().push(until);
        store.revoke_subject(revocation).await
    }
}
