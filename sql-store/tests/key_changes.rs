//! Keys in SQL with news of changes over Redis beside it: no trip for a key in use, and no wait for a
//! revocation.
#![allow(clippy::unwrap_used, reason = "these are tests")]

mod support;

use std::convert::Infallible;
use std::time::{Duration, Instant};

use apikey_layer::{
    ApiKey, ApiKeys, CachedApiKeys, CachedKeyOwners, KeyFormat, KeyOwners, KeyRegistry, NewKey,
    Owner, OwnerAuthority,
};
use auth_layer::{AuthError, AuthLayer, EmptyBody, Events, Identity};
use auth_test::{Faults, Faulty};
use axum::http::{Request, Response, StatusCode};
use redis_store::{RedisKeyChanges, RedisStore};
use sql_store::SqlStore;
use support::databases;
use test_servers::RedisServer;
use tokio::time::sleep;
use tower::{ServiceBuilder, ServiceExt as _};

/// How soon a revocation must be seen elsewhere.
const TOLD: Duration = Duration::from_millis(50);
const SOON: Duration = Duration::from_secs(5);
const ROUNDS: usize = 100;

struct Node {
    registry: KeyRegistry,
    scheme: ApiKeys,
    changes: RedisKeyChanges,
    /// Counts what is asked of the database, and of the table of users.
    database: Faults,
    users: Faults,
}

struct Users;

impl KeyOwners for Users {
    async fn authority(&self, _: &Owner) -> Result<Option<OwnerAuthority>, AuthError> {
        Ok(Some(OwnerAuthority::any_scope([""; 0])))
    }
}

fn node(sql: &SqlStore, redis: &RedisServer) -> Node {
    let pool = deadpool_redis::Config::from_url(redis.url());
    let pool = pool.create_pool(Some(deadpool_redis::Runtime::Tokio1));
    let changes = RedisStore::new(pool.unwrap());
    let client = redis::Client::open(redis.url()).unwrap();
    let changes = changes.key_changes(client).unwrap();
    let (database, users) = (Faults::new(), Faults::new());
    let age = Duration::from_secs(60);
    let keys = CachedApiKeys::new(Faulty::new(sql.api_keys(), &database));
    let keys = keys.max_age(age).unwrap().changes(changes.clone());
    let owners = CachedKeyOwners::new(Faulty::new(Users, &users));
    let owners = owners.max_age(age).unwrap().changes(changes.clone());
    Node {
        registry: KeyRegistry::new(format(), keys.clone()),
        scheme: ApiKeys::new(format(), keys, owners),
        changes,
        database,
        users,
    }
}

fn format() -> KeyFormat {
    KeyFormat::live("sk").unwrap()
}

impl Node {
    async fn accepts(&self, key: &ApiKey) -> bool {
        let layer = AuthLayer::new(self.scheme.clone())
            .events(Events::none())
            .with_refusal(EmptyBody);
        let service = ServiceBuilder::new()
            .layer(layer)
            .service_fn(|_: Request<()>| async { Ok::<_, Infallible>(Response::new(())) });
        let request = Request::builder().header("x-api-key", key.expose());
        let response = service.oneshot(request.body(()).unwrap()).await.unwrap();
        response.status() == StatusCode::OK
    }

    async fn until(&self, key: &ApiKey, accepted: bool) -> Duration {
        let start = Instant::now();
        while self.accepts(key).await != accepted {
            assert!(start.elapsed() < SOON);
            sleep(Duration::from_micros(200)).await;
        }
        start.elapsed()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn apk_05_a_key_in_sql_is_revoked_on_another_node_within_50_ms_and_costs_no_trip() {
    let redis = RedisServer::start();
    let ann = Identity::new("session", "ann");
    for (name, sql, _) in databases().await.all {
        let [here, there] = [node(&sql, &redis), node(&sql, &redis)];
        let key = here.registry.create(&ann, NewKey::new("k")).await;
        let key = key.unwrap().key;
        for node in [&here, &there] {
            assert!(node.accepts(&key).await);
            while !node.changes.is_heard() {
                sleep(Duration::from_millis(1)).await;
            }
        }
        // What was told of it is told once more.
        sleep(Duration::from_millis(1_200)).await;
        assert!(there.accepts(&key).await);
        let before = (there.database.calls(), there.users.calls());
        for _ in 0..1_000 {
            assert!(there.accepts(&key).await);
        }
        assert_eq!((there.database.calls(), there.users.calls()), before);

        let mut took = Vec::new();
        for _ in 0..ROUNDS {
            let key = here.registry.create(&ann, NewKey::new("k")).await;
            let key = key.unwrap().key;
            there.until(&key, true).await;
            here.registry.revoke(&ann, key.id()).await.unwrap();
            assert!(!here.accepts(&key).await, "its own");
            took.push(there.until(&key, false).await);
        }
        took.sort();
        let (median, p99) = (took[ROUNDS / 2], took[ROUNDS * 99 / 100]);
        println!("{name}: a revocation is seen after {median:?} (median), {p99:?} (99%)");
        assert!(median < TOLD, "{name}: {median:?}");
    }
}
