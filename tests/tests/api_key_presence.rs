//! A key says who owns it, and nothing of anybody who is present: seen from the client.
#![allow(clippy::unwrap_used, reason = "a test may")]

use std::time::{Duration, SystemTime};

use apikey_layer::{
    ApiKeys, CreatedKey, KeyFormat, KeyRegistry, MemoryApiKeys, NewKey, SharedApiKeyStore,
};
use auth_layer::{AuthError, Factor, FactorKind, Identity, RequireAuth, Requirement};
use auth_test::{TestClient, TestRequest, TestResponse};
use axum::Router;
use axum::extract::State;
use axum::routing::{get, post};
use http::StatusCode;
use session_layer::{MemorySessionBackend, SessionHandle, SessionLayer};

const HOUR: Duration = Duration::from_secs(3_600);

/// Whoever asks is logged in as who they are.
async fn log_in(session: SessionHandle, who: Identity) -> Result<&'static str, AuthError> {
    session.log_in(who).await?;
    Ok("welcome")
}

async fn make_key(State(registry): State<KeyRegistry>, who: Identity) -> StatusCode {
    match registry.create(&who, NewKey::new("more")).await {
        Ok(_) => StatusCode::CREATED,
        Err(error) => error.status(),
    }
}

async fn list(State(registry): State<KeyRegistry>, who: Identity) -> StatusCode {
    let listed = registry.list(&who, None, 10).await;
    listed.map_or_else(|error| error.status(), |_| StatusCode::OK)
}

struct World {
    client: TestClient,
    key: CreatedKey,
}

async fn world() -> World {
    let now = SystemTime::now();
    let store = SharedApiKeyStore::new(MemoryApiKeys::new());
    let format = KeyFormat::live("sk").unwrap();
    let registry = KeyRegistry::new(format.clone(), store.clone());
    let keys = ApiKeys::danger_without_owners(format, store);
    // The owner was here a moment ago, by every factor there is. That is not the key's.
    let owner = Identity::builder("session", "ann")
        .factor(Factor::new(FactorKind::Password, now))
        .factor(Factor::new(FactorKind::Passkey, now))
        .auth_time(now)
        .acr("urn:gold")
        .session_id("s")
        .build();
    let key = registry.create(&owner, NewKey::new("k")).await.unwrap();
    let guarded = |path, requirement| {
        Router::new()
            .route(path, get(|| async { "inside" }))
            .route_layer(RequireAuth::new(requirement))
    };
    let app = Router::new()
        .route(
            "/me",
            get(|who: Identity| async move { who.subject().to_owned() }),
        )
        .route("/login", post(log_in))
        .route("/keys", post(make_key).get(list))
        .with_state(registry)
        .merge(guarded("/fresh", Requirement::max_age(HOUR)))
        .merge(guarded(
            "/password",
            Requirement::factor_within(FactorKind::Password, HOUR),
        ))
        .merge(guarded(
            "/passkey",
            Requirement::factor_within(FactorKind::Passkey, HOUR),
        ))
        .merge(guarded("/acr", Requirement::acr(["urn:gold"])))
        .layer(keys.into_layer())
        .layer(SessionLayer::new(MemorySessionBackend::new()));
    World {
        client: TestClient::new(app),
        key,
    }
}

impl World {
    async fn with_key(&self, request: TestRequest) -> TestResponse {
        request
            .header("x-api-key", self.key.key.expose())
            .header("sec-fetch-site", "same-origin")
            .await
    }
}

#[tokio::test]
async fn apk_07_a_key_passes_no_guard_that_asks_for_presence() {
    let world = world().await;
    let res = world.with_key(world.client.get("/me")).await;
    assert_eq!(
        (res.status(), res.text()),
        (StatusCode::OK, "ann".to_owned())
    );
    for path in ["/fresh", "/password", "/passkey", "/acr"] {
        let res = world.with_key(world.client.get(path)).await;
        assert_eq!(res.status(), StatusCode::UNAUTHORIZED, "{path}");
        assert_eq!(res.code(), "insufficient_user_authentication", "{path}");
    }
}

#[tokio::test]
async fn apk_07_a_key_logs_nobody_in() {
    let world = world().await;
    let res = world.with_key(world.client.post("/login")).await;
    assert_eq!(res.status(), StatusCode::FORBIDDEN);
    assert_eq!(res.header("set-cookie"), None);
    // Nor does a request beside it find anybody.
    let res = world.client.get("/me").await;
    assert_eq!(res.status(), StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn apk_07_a_key_makes_and_sees_no_keys() {
    let world = world().await;
    for request in [world.client.post("/keys"), world.client.get("/keys")] {
        assert_eq!(
            world.with_key(request).await.status(),
            StatusCode::FORBIDDEN
        );
    }
}
