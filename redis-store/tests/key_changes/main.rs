//! News of changed API keys: what one node changes, the others see at once.

#[path = "../common/mod.rs"]
mod common;
mod node;

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use apikey_layer::{ApiKey, ApiKeyStore as _, KeyRecord, Owner};
use auth_test::{Faults, Faulty};
use axum::http::StatusCode;
use node::{Database, Node, ann, changes, format, node, node_of};
use redis_store::RedisKeyChanges;
use test_servers::RedisServer;
use tokio::sync::Semaphore;
use tokio::time::sleep;

/// How soon news must be there, for a machine that is busy with something else too.
const SOON: Duration = Duration::from_millis(500);
/// How soon news is there, as it is told in the documentation.
const TOLD: Duration = Duration::from_millis(50);
/// After this, it is noticed that Redis hangs.
const BOUND: Duration = Duration::from_millis(1_500);
/// How soon it must work again.
const AGAIN: Duration = Duration::from_secs(5);
/// After this, what was announced is announced once more.
const ECHO: Duration = Duration::from_millis(2_500);

async fn until(what: &str, at_most: Duration, is: impl Fn() -> bool) {
    let start = Instant::now();
    while !is() {
        assert!(start.elapsed() < at_most, "not {what}");
        sleep(Duration::from_millis(1)).await;
    }
}

/// Two nodes that hear each other.
async fn two(server: &RedisServer, database: &Database) -> [(Node, RedisKeyChanges); 2] {
    database.set_role("ann", "editor");
    heard(server, |changes| node(database, changes)).await
}

/// Two nodes made by `node` that hear each other.
async fn heard(
    server: &RedisServer,
    node: impl Fn(RedisKeyChanges) -> Node,
) -> [(Node, RedisKeyChanges); 2] {
    let nodes = [(); 2].map(|()| {
        let changes = changes(server);
        (node(changes.clone()), changes)
    });
    let unknown = format().generate().expect("randomness");
    for (node, changes) in &nodes {
        // The first question begins it.
        assert!(!node.accepts(&unknown).await);
        until("heard", AGAIN, || changes.is_heard()).await;
    }
    nodes
}

/// Makes a key, and lets `there` remember it.
async fn known_key(here: &Node, there: &Node) -> ApiKey {
    let key = here.new_key().await;
    there.until(&key, true, SOON).await;
    // What was told of it is told once more.
    sleep(Duration::from_millis(1_200)).await;
    assert!(there.accepts(&key).await);
    key
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn apk_05_a_revocation_is_seen_on_another_node_within_50_ms() {
    let server = RedisServer::start();
    let [(here, _), (there, _)] = two(&server, &Database::default()).await;
    let mut took = Vec::new();
    for _ in 0..200 {
        let key = here.new_key().await;
        there.until(&key, true, SOON).await;
        here.revoke(&key).await;
        assert!(!here.accepts(&key).await, "its own");
        took.push(there.until(&key, false, SOON).await);
    }
    took.sort();
    let (median, p99) = (took[took.len() / 2], took[took.len() * 99 / 100]);
    println!("a revocation is seen after {median:?} (median), {p99:?} (99%)");
    assert!(median < TOLD, "{median:?}");
}

/// With the keys themselves on the Redis that tells of them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn apk_05_of_keys_on_redis_every_change_is_seen_on_another_node_and_uses_cost_no_trip() {
    let mut server = RedisServer::start();
    let database = Database::default();
    database.set_role("ann", "editor");
    let asked = Faults::new();
    let keys = common::store(&server).api_keys();
    let [(here, _), (there, there_changes)] = heard(&server, |changes| {
        node_of(Faulty::new(keys.clone(), &asked), &database, changes)
    })
    .await;
    let key = known_key(&here, &there).await;
    let before = (asked.calls(), database.questions());
    for _ in 0..1_000 {
        assert!(there.accepts(&key).await);
    }
    assert_eq!((asked.calls(), database.questions()), before);

    let mut took = Vec::new();
    for _ in 0..100 {
        let key = here.new_key().await;
        there.until(&key, true, SOON).await;
        here.revoke(&key).await;
        assert!(!here.accepts(&key).await, "its own");
        took.push(there.until(&key, false, SOON).await);
    }
    took.sort();
    let (median, p99) = (took[took.len() / 2], took[took.len() * 99 / 100]);
    println!("a revocation on Redis is seen after {median:?} (median), {p99:?} (99%)");
    assert!(median < TOLD, "{median:?}");

    let rotated = here.registry.rotate(&ann(), key.id(), Duration::ZERO).await;
    let rotated = rotated.expect("Redis is there").key;
    there.until(&key, false, SOON).await;
    there.until(&rotated, true, SOON).await;
    for disabled in [true, false] {
        let set = here.registry.set_disabled(&ann(), key.id(), disabled).await;
        set.expect("Redis is there");
        there.until(&rotated, !disabled, SOON).await;
    }

    // With Redis the keys are gone too: what is not remembered any more cannot be asked.
    server.kill();
    until("in doubt", BOUND, || !there_changes.is_heard()).await;
    there.age();
    let (status, _) = there.send(&rotated).await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn apk_05_every_change_of_a_key_is_seen_on_another_node() {
    let server = RedisServer::start();
    let [(here, _), (there, _)] = two(&server, &Database::default()).await;
    let [key, other] = [here.new_key().await, here.new_key().await];
    there.until(&key, true, SOON).await;
    let set = async |disabled| {
        let set = here.registry.set_disabled(&ann(), key.id(), disabled).await;
        set.expect("the database is there");
    };
    set(true).await;
    there.until(&key, false, SOON).await;
    set(false).await;
    there.until(&key, true, SOON).await;
    let rotated = here.registry.rotate(&ann(), key.id(), Duration::ZERO).await;
    let rotated = rotated.expect("the database is there").key;
    there.until(&key, false, SOON).await;
    there.until(&rotated, true, SOON).await;
    there.until(&other, true, SOON).await;
    let revoked = here.registry.revoke_all(&Owner::of(&ann())).await;
    revoked.expect("the database is there");
    for key in [rotated, other] {
        there.until(&key, false, SOON).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn apk_05_a_key_that_did_not_exist_is_good_once_another_node_has_made_it() {
    let server = RedisServer::start();
    let [(here, _), (there, _)] = two(&server, &Database::default()).await;
    let key = format().generate().expect("randomness");
    assert!(!there.accepts(&key).await);
    let now = SystemTime::now();
    let record = KeyRecord::new(*key.id(), key.digest(), Owner::of(&ann()), now);
    let inserted = here.keys.insert(record, 10).await;
    inserted.expect("the database is there");
    there.until(&key, true, SOON).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn apk_08_what_an_owner_loses_is_lost_on_another_node() {
    let server = RedisServer::start();
    let database = Database::default();
    let [(here, _), (there, _)] = two(&server, &database).await;
    let key = known_key(&here, &there).await;
    assert_eq!(there.send(&key).await, (StatusCode::OK, 1));
    database.set_role("ann", "reader");
    assert_eq!(there.send(&key).await, (StatusCode::OK, 1));
    here.owners.forget(&Owner::new("bob"));
    sleep(Duration::from_millis(50)).await;
    assert_eq!(there.send(&key).await, (StatusCode::OK, 1));
    here.owners.forget(&Owner::of(&ann()));
    let start = Instant::now();
    while there.send(&key).await != (StatusCode::OK, 0) {
        assert!(start.elapsed() < SOON);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hot_key_costs_no_question_and_a_flood_one_for_each_key() {
    let server = RedisServer::start();
    let database = Database::default();
    let [(here, _), (there, _)] = two(&server, &database).await;
    let key = known_key(&here, &there).await;
    let before = database.questions();
    for _ in 0..2_000 {
        assert!(there.accepts(&key).await);
    }
    assert_eq!(database.questions(), before);
    for _ in 0..20 {
        let unknown = Arc::new(format().generate().expect("randomness"));
        let flood = [(); 50].map(|()| {
            let (there, unknown) = (there.clone(), Arc::clone(&unknown));
            tokio::spawn(async move { there.accepts(&unknown).await })
        });
        for answer in flood {
            assert!(!answer.await.expect("it does not panic"));
        }
    }
    assert_eq!(database.questions(), before + 20);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn apk_05_without_redis_a_revocation_is_seen_after_the_age_and_with_it_at_once_again() {
    let mut server = RedisServer::start();
    let database = Database::default();
    let [(here, _), (there, changes)] = two(&server, &database).await;
    let [first, second] = [
        known_key(&here, &there).await,
        known_key(&here, &there).await,
    ];
    let before = database.questions();
    server.kill();
    until("in doubt", BOUND, || !changes.is_heard()).await;
    assert!(there.accepts(&first).await);
    assert!(database.questions() > before, "everything was forgotten");

    // It takes no time that there is nobody to tell.
    let start = Instant::now();
    here.revoke(&first).await;
    assert!(start.elapsed() < SOON);
    assert!(!here.accepts(&first).await);
    assert!(there.accepts(&first).await, "it cannot know");
    there.age();
    assert!(!there.accepts(&first).await);

    assert!(there.accepts(&second).await);
    here.revoke(&second).await;
    server.restart();
    // Neither clock has moved.
    there.until(&second, false, AGAIN).await;
    until("heard", AGAIN, || changes.is_heard()).await;
    let third = here.new_key().await;
    there.until(&third, true, SOON).await;
    here.revoke(&third).await;
    there.until(&third, false, AGAIN).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn apk_05_a_redis_that_hangs_holds_up_no_revocation_and_hides_none() {
    let server = RedisServer::start();
    let [(here, _), (there, changes)] = two(&server, &Database::default()).await;
    let key = known_key(&here, &there).await;
    server.pause();
    let start = Instant::now();
    here.revoke(&key).await;
    assert!(start.elapsed() < SOON);
    there.until(&key, false, BOUND).await;
    assert!(!changes.is_heard());
    server.resume();
    until("heard", AGAIN, || changes.is_heard()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn apk_05_a_revocation_in_a_gap_of_the_connection_is_not_missed() {
    let server = RedisServer::start();
    let [(here, _), (there, changes)] = two(&server, &Database::default()).await;
    for pause in [0, 1, 5, 20, 60] {
        let key = here.new_key().await;
        there.until(&key, true, SOON).await;
        server.command("CLIENT KILL TYPE normal");
        sleep(Duration::from_millis(pause)).await;
        here.revoke(&key).await;
        there.until(&key, false, AGAIN).await;
        until("heard", AGAIN, || changes.is_heard()).await;
    }
}

/// It is told that everything has changed, as soon as anything can be told.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn apk_05_what_could_not_be_announced_is_made_up_for() {
    let server = RedisServer::start();
    let [(here, _), (there, changes)] = two(&server, &Database::default()).await;
    let key = known_key(&here, &there).await;
    server.command("ACL SETUSER default -psetex");
    here.revoke(&key).await;
    sleep(Duration::from_millis(100)).await;
    assert!(there.accepts(&key).await, "nobody can tell it");
    server.command("ACL SETUSER default +psetex");
    there.until(&key, false, AGAIN).await;
    assert!(changes.is_heard());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn apk_05_a_revocation_that_nobody_waited_for_is_seen_when_it_is_carried_out() {
    let server = RedisServer::start();
    let revoking = Arc::new(Semaphore::new(0));
    let mut database = Database::default();
    database.revoking = Some(Arc::clone(&revoking));
    let [(here, _), (there, _)] = two(&server, &database).await;
    let key = known_key(&here, &there).await;
    let ann = ann();
    let gone = here.registry.revoke(&ann, key.id());
    let gone = tokio::time::timeout(Duration::from_millis(50), gone).await;
    assert!(gone.is_err());
    for node in [&here, &there] {
        node.until(&key, true, SOON).await;
    }
    sleep(Duration::from_millis(100)).await;
    // Both remember it as good now.
    for node in [&here, &there] {
        assert!(node.accepts(&key).await);
    }
    revoking.add_permits(1);
    for node in [&here, &there] {
        node.until(&key, false, ECHO).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn apk_05_many_changes_at_once_are_told_as_one() {
    let server = RedisServer::start();
    let [(here, _), (there, _)] = two(&server, &Database::default()).await;
    let key = known_key(&here, &there).await;
    for _ in 0..5_000 {
        here.keys
            .forget(format().generate().expect("randomness").id());
    }
    here.revoke(&key).await;
    there.until(&key, false, SOON).await;
    // With all of it, Redis was told less than there was.
    let told = server.command("INFO commandstats");
    let told = told.lines().find_map(|line| {
        let calls = line.strip_prefix("cmdstat_psetex:calls=")?;
        calls.split(',').next()?.parse::<usize>().ok()
    });
    let told = told.expect("it was told");
    assert!((2..4_000).contains(&told), "{told}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn apk_05_an_emptied_database_makes_everything_forgotten() {
    let server = RedisServer::start();
    let database = Database::default();
    let [(here, _), (there, _)] = two(&server, &database).await;
    let key = known_key(&here, &there).await;
    let before = database.questions();
    assert!(there.accepts(&key).await);
    assert_eq!(database.questions(), before);
    server.command("FLUSHALL");
    let start = Instant::now();
    while database.questions() == before {
        assert!(there.accepts(&key).await);
        assert!(start.elapsed() < SOON);
        sleep(Duration::from_millis(1)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_of_another_database_is_not_relied_on_and_the_age_holds() {
    let server = RedisServer::start();
    let database = Database::default();
    database.set_role("ann", "editor");
    let here = node(&database, changes(&server));
    let client = redis::Client::open(format!("{}1", server.url())).expect("a URL");
    let deaf = common::store(&server).key_changes(client);
    let deaf = deaf.expect("nobody can see it yet");
    let there = node(&database, deaf.clone());
    let key = here.new_key().await;
    assert!(there.accepts(&key).await);
    here.revoke(&key).await;
    sleep(Duration::from_millis(300)).await;
    assert!(!deaf.is_heard());
    there.age();
    assert!(!there.accepts(&key).await);
}

#[cfg(feature = "sentinel")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn apk_05_news_comes_by_a_sentinel_too() {
    use test_servers::RedisSentinel;

    let sentinel = RedisSentinel::start();
    let database = Database::default();
    database.set_role("ann", "editor");
    let [(here, _), (there, _)] = [(); 2].map(|()| {
        let client = redis::sentinel::SentinelClient::build(
            vec![sentinel.url()],
            RedisSentinel::MASTER_NAME.to_owned(),
            None,
            redis::sentinel::SentinelServerType::Master,
        );
        let store = redis_store::RedisStore::new(common::sentinel_pool(&sentinel));
        let changes = store.key_changes_by_sentinel(client.expect("a URL"));
        let changes = changes.expect("it is no cluster");
        (node(&database, changes.clone()), changes)
    });
    let key = here.new_key().await;
    there.until(&key, true, AGAIN).await;
    sleep(BOUND).await;
    assert!(there.accepts(&key).await);
    here.revoke(&key).await;
    there.until(&key, false, SOON).await;
}

/// A change is never lost because of where it is announced.
#[test]
fn announcing_outside_of_a_runtime_does_not_panic_and_is_made_up_for() {
    let server = RedisServer::start();
    let database = Database::default();
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let [(here, _), (there, _)] = runtime.block_on(two(&server, &database));
    let key = runtime.block_on(known_key(&here, &there));
    // By another way than through the node.
    let revoked = runtime.block_on(database.revoke(key.id(), SystemTime::now()));
    assert!(revoked.expect("the database is there"));
    here.keys.forget(key.id());
    runtime.block_on(async {
        assert!(there.accepts(&key).await, "nobody has told it yet");
        here.keys
            .forget(format().generate().expect("randomness").id());
        there.until(&key, false, SOON).await;
    });
}

#[cfg(feature = "cluster")]
#[test]
fn x_15_news_in_a_cluster_is_refused() {
    let url = "redis://127.0.0.1/";
    let config = deadpool_redis::cluster::Config::from_urls(vec![url.to_owned()]);
    let pool = config.create_pool(Some(deadpool_redis::Runtime::Tokio1));
    let store = redis_store::RedisStore::new(pool.expect("URLs make a pool"));
    let changes = store.key_changes(redis::Client::open(url).expect("a URL"));
    assert_eq!(changes.expect_err("a cluster").option(), "key_changes");
}
