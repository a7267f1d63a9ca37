//! Nodes of a service that share a database of keys and a Redis, and clocks that are set by hand.

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime};

use apikey_layer::{
    ApiKey, ApiKeyStore, ApiKeys, CachedApiKeys, CachedKeyOwners, DisabledBy, Inserted, KeyFormat,
    KeyId, KeyOwners, KeyRecord, KeyRegistry, MemoryApiKeys, NewKey, Owner, OwnerAuthority,
    Rotated, Rotation,
};
use auth_layer::{AuthError, AuthLayer, EmptyBody, Events, Identity, SharedClock};
use axum::http::{Request, Response, StatusCode};
use redis_store::RedisKeyChanges;
use test_servers::RedisServer;
use tokio::sync::Semaphore;
use tokio::time::sleep;
use tower::{ServiceBuilder, ServiceExt as _};

/// The database: nothing is known without asking.
#[derive(Clone, Default)]
pub(crate) struct Database {
    keys: Arc<MemoryApiKeys>,
    roles: Arc<Mutex<HashMap<String, &'static str>>>,
    questions: Arc<AtomicUsize>,
    /// If there is one, a revocation is carried out with a permit, whoever waits for it.
    pub(crate) revoking: Option<Arc<Semaphore>>,
}

impl Database {
    /// How often it was asked for a key or an owner.
    pub(crate) fn questions(&self) -> usize {
        self.questions.load(Ordering::SeqCst)
    }

    pub(crate) fn set_role(&self, subject: &str, role: &'static str) {
        let mut roles = self.roles.lock().expect("nobody panics");
        roles.insert(subject.to_owned(), role);
    }
}

impl ApiKeyStore for Database {
    async fn find(&self, id: &KeyId) -> Result<Option<Arc<KeyRecord>>, AuthError> {
        self.questions.fetch_add(1, Ordering::SeqCst);
        let found = self.keys.find(id).await;
        tokio::task::yield_now().await;
        found
    }

    async fn insert(&self, record: KeyRecord, limit: usize) -> Result<Inserted, AuthError> {
        self.keys.insert(record, limit).await
    }

    async fn rotate(&self, id: &KeyId, rotation: &Rotation) -> Result<Rotated, AuthError> {
        self.keys.rotate(id, rotation).await
    }

    async fn revoke(&self, id: &KeyId, at: SystemTime) -> Result<bool, AuthError> {
        let Some(revoking) = self.revoking.clone() else {
            return self.keys.revoke(id, at).await;
        };
        let (keys, id) = (Arc::clone(&self.keys), *id);
        let revoked = tokio::spawn(async move {
            let _permit = revoking.acquire().await;
            keys.revoke(&id, at).await
        });
        revoked.await.expect("it does not panic")
    }

    async fn revoke_owned_by(&self, owner: &Owner, at: SystemTime) -> Result<usize, AuthError> {
        self.keys.revoke_owned_by(owner, at).await
    }

    async fn set_disabled(
        &self,
        id: &KeyId,
        by: DisabledBy,
        disabled: bool,
    ) -> Result<bool, AuthError> {
        self.keys.set_disabled(id, by, disabled).await
    }

    async fn touch(&self, uses: &[(KeyId, SystemTime)]) -> Result<(), AuthError> {
        self.keys.touch(uses).await
    }

    async fn list(
        &self,
        owner: &Owner,
        after: Option<&KeyId>,
        limit: usize,
    ) -> Result<Vec<Arc<KeyRecord>>, AuthError> {
        self.keys.list(owner, after, limit).await
    }
}

impl KeyOwners for Database {
    async fn authority(&self, owner: &Owner) -> Result<Option<OwnerAuthority>, AuthError> {
        self.questions.fetch_add(1, Ordering::SeqCst);
        let role = self
            .roles
            .lock()
            .expect("nobody panics")
            .get(&owner.subject)
            .copied();
        Ok(Some(OwnerAuthority::any_scope(role)))
    }
}

#[derive(Clone)]
pub(crate) struct Node {
    pub(crate) registry: KeyRegistry,
    pub(crate) keys: CachedApiKeys,
    pub(crate) owners: CachedKeyOwners,
    scheme: ApiKeys,
    seconds: Arc<AtomicU64>,
}

pub(crate) fn format() -> KeyFormat {
    KeyFormat::live("sk").expect("a prefix")
}

pub(crate) fn ann() -> Identity {
    let ann = Identity::builder("session", "ann");
    ann.role("editor").build()
}

/// Hears by `client` what others announce.
pub(crate) fn changes(server: &RedisServer) -> RedisKeyChanges {
    let client = redis::Client::open(server.url()).expect("a URL");
    let changes = super::common::store(server).key_changes(client);
    changes.expect("it is no cluster")
}

/// A node whose clock stands still: it remembers for ever, but for the news.
pub(crate) fn node(database: &Database, changes: RedisKeyChanges) -> Node {
    node_of(database.clone(), database, changes)
}

/// Such a node, whose keys are kept elsewhere than its owners.
pub(crate) fn node_of(
    keys: impl ApiKeyStore,
    database: &Database,
    changes: RedisKeyChanges,
) -> Node {
    let seconds = Arc::new(AtomicU64::new(0));
    let (now, start) = (Arc::clone(&seconds), SystemTime::now());
    let clock = SharedClock::new(move || start + Duration::from_secs(now.load(Ordering::SeqCst)));
    let keys = CachedApiKeys::new(keys)
        .clock(clock.clone())
        .changes(changes.clone());
    let owners = CachedKeyOwners::new(database.clone())
        .clock(clock)
        .changes(changes);
    Node {
        registry: KeyRegistry::new(format(), keys.clone()),
        scheme: ApiKeys::new(format(), keys.clone(), owners.clone()),
        keys,
        owners,
        seconds,
    }
}

impl Node {
    pub(crate) async fn new_key(&self) -> ApiKey {
        let new = NewKey::new("test").roles(["editor"]);
        let created = self.registry.create(&ann(), new).await;
        created.expect("the database is there").key
    }

    pub(crate) async fn revoke(&self, key: &ApiKey) {
        let revoked = self.registry.revoke(&ann(), key.id()).await;
        revoked.expect("the database is there");
    }

    /// What a request with this key is answered, and how many roles it has.
    pub(crate) async fn send(&self, key: &ApiKey) -> (StatusCode, usize) {
        let layer = AuthLayer::new(self.scheme.clone())
            .events(Events::none())
            .with_refusal(EmptyBody);
        let service =
            ServiceBuilder::new()
                .layer(layer)
                .service_fn(|req: Request<()>| async move {
                    let roles = req
                        .extensions()
                        .get::<Identity>()
                        .map(|who| who.roles().len());
                    Ok::<_, Infallible>(Response::new(roles.unwrap_or_default()))
                });
        let request = Request::builder().header("x-api-key", key.expose());
        let request = request.body(()).expect("a request");
        let response = service.oneshot(request).await.expect("it cannot fail");
        (response.status(), *response.body())
    }

    pub(crate) async fn accepts(&self, key: &ApiKey) -> bool {
        self.send(key).await.0 == StatusCode::OK
    }

    /// Sends until that is the answer, and says how long it took.
    pub(crate) async fn until(&self, key: &ApiKey, accepted: bool, at_most: Duration) -> Duration {
        let start = Instant::now();
        loop {
            if self.accepts(key).await == accepted {
                return start.elapsed();
            }
            let waited = start.elapsed();
            assert!(waited < at_most, "{waited:?}, and not {accepted}");
            sleep(Duration::from_micros(200)).await;
        }
    }

    /// The ages of what is remembered pass.
    pub(crate) fn age(&self) {
        self.seconds.fetch_add(5, Ordering::SeqCst);
    }
}
