//! API keys in a cluster, half-way between two steps.

mod common;

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use apikey_layer::{ApiKeyStore as _, Inserted, KeyFormat, KeyId, KeyRecord, Owner};
use redis_store::{RedisApiKeys, RedisStore};
use test_servers::{RedisCluster, RedisServer};
use tokio::time::sleep;

const SECOND: Duration = Duration::from_secs(1);

fn record(owner: &str, created_at: SystemTime) -> KeyRecord {
    let format = KeyFormat::live("sk").expect("a prefix");
    let key = format.generate().expect("randomness");
    KeyRecord::new(*key.id(), key.digest(), Owner::new(owner), created_at)
}

/// A time that Redis keeps as it is.
fn this_second() -> SystemTime {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    UNIX_EPOCH + Duration::from_secs(since.expect("after 1970").as_secs())
}

fn millis(time: SystemTime) -> String {
    let since = time.duration_since(UNIX_EPOCH).expect("after 1970");
    since.as_millis().to_string()
}

/// The index of ann, and where it is.
struct Index<'a> {
    node: &'a RedisServer,
    begin: String,
}

impl<'a> Index<'a> {
    /// The one index that there is.
    fn find(cluster: &'a RedisCluster) -> Self {
        for node in cluster.nodes() {
            let keys = node.command("KEYS auth:apikeys:*");
            if let Some(key) = keys.lines().find(|line| line.starts_with("auth")) {
                let begin = key.rfind(':').map(|end| key[..=end].to_owned());
                let begin = begin.expect("a part at its end");
                return Self { node, begin };
            }
        }
        panic!("there is no index");
    }

    fn command(&self, verb: &str, part: &str, rest: &str) -> String {
        let command = format!("{verb} {}{part} {rest}", self.begin);
        self.node.command(&command)
    }

    /// Where an id is: not at all, among those without end, or with this score.
    fn place(&self, id: &KeyId) -> String {
        if self.command("ZSCORE", "lasting", id.as_str()) != "$-1\r\n" {
            return "lasting".to_owned();
        }
        let score = self.command("ZSCORE", "ends", id.as_str());
        score.lines().nth(1).unwrap_or("none").to_owned()
    }

    /// A place that ends, or has ended, as `score` says.
    fn plant(&self, id: &KeyId, score: &str) {
        self.command("ZREM", "lasting", id.as_str());
        self.command("ZADD", "ending", &format!("0 {id}"));
        self.command("ZADD", "ends", &format!("{score} {id}"));
    }
}

async fn inserted(keys: &RedisApiKeys, record: &KeyRecord, limit: usize) -> Inserted {
    let inserted = keys.insert(record.clone(), limit).await;
    inserted.expect("a cluster that answers")
}

async fn is_revoked(keys: &RedisApiKeys, id: &KeyId) -> bool {
    let found = keys.find(id).await.expect("a cluster that answers");
    found.expect("a key").revoked_at().is_some()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn apk_05_in_a_cluster_what_is_half_done_neither_lives_on_nor_breaks_the_limit() {
    let cluster = RedisCluster::start();
    let keys = RedisStore::new(common::cluster_pool(&cluster)).api_keys();
    let (now, ann) = (this_second(), Owner::new("ann"));
    let key = record("ann", now);
    assert_eq!(inserted(&keys, &key, 1).await, Inserted::Done);
    let index = Index::find(&cluster);
    assert_eq!(index.place(key.id()), "lasting");

    // Stored and not confirmed: it takes its place, and ends with the others.
    let lapses = now + 60 * SECOND;
    index.plant(key.id(), &millis(lapses));
    let next = record("ann", now + SECOND);
    assert_eq!(inserted(&keys, &next, 1).await, Inserted::Full);
    let revoked = keys.revoke_owned_by(&ann, now + SECOND).await;
    assert_eq!(revoked.expect("revoke_owned_by"), 1);
    assert!(is_revoked(&keys, key.id()).await);
    let ended = format!("-{}", millis(now + SECOND));
    assert_eq!(index.place(key.id()), ended);

    // Revoked, and the index was not told: it takes a place until that is wanted.
    index.command("ZREM", "ends", key.id().as_str());
    index.command("ZREM", "ending", key.id().as_str());
    index.command("ZADD", "lasting", &format!("0 {}", key.id()));
    assert_eq!(inserted(&keys, &next, 1).await, Inserted::Done);
    assert_eq!(index.place(key.id()), ended);

    // Reserved for a key that is being stored: it counts until it lapses.
    assert!(keys.revoke(next.id(), now).await.expect("revoke"));
    assert_eq!(index.place(next.id()), format!("-{}", millis(now)));
    let reserved = record("ann", now);
    index.plant(reserved.id(), &millis(lapses));
    let early = record("ann", lapses - SECOND);
    assert_eq!(inserted(&keys, &early, 1).await, Inserted::Full);
    let late = record("ann", lapses);
    assert_eq!(inserted(&keys, &late, 1).await, Inserted::Done);

    // A place for an id that turns out to be somebody else's: that key is not ann's to end.
    let bobs = record("bob", now);
    assert_eq!(inserted(&keys, &bobs, 1).await, Inserted::Done);
    let same_id = KeyRecord::new(*bobs.id(), key.digest(), ann.clone(), now);
    assert_eq!(inserted(&keys, &same_id, 100).await, Inserted::Taken);
    assert_eq!(index.place(bobs.id()), "none");
    index.plant(bobs.id(), &millis(lapses));
    let listed = keys.list(&ann, None, 100).await.expect("list");
    assert!(listed.iter().all(|record| record.owner() == &ann));
    let revoked = keys.revoke_owned_by(&ann, now).await;
    assert_eq!(revoked.expect("revoke_owned_by"), 1);
    assert!(is_revoked(&keys, late.id()).await);
    assert!(!is_revoked(&keys, bobs.id()).await);

    // What ended long ago and is gone leaves the index.
    let long_after = now + 40 * 24 * 60 * 60 * SECOND;
    let gone = record("ann", now);
    index.plant(gone.id(), &format!("-{}", millis(now)));
    assert_eq!(
        inserted(&keys, &record("ann", long_after), 1).await,
        Inserted::Done
    );
    assert_eq!(index.place(gone.id()), "none");
    assert_eq!(index.place(key.id()), ended);
}

/// A key that is revoked between being stored and being taken down is not taken down as in use.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn apk_05_in_a_cluster_a_revocation_is_not_undone_by_the_end_of_an_insert() {
    let cluster = RedisCluster::start();
    let keys = RedisStore::new(common::cluster_pool(&cluster)).api_keys();
    let now = this_second();
    assert_eq!(
        inserted(&keys, &record("ann", now), 9).await,
        Inserted::Done
    );
    let index = Index::find(&cluster);
    // A key on another node than the index, which answers late.
    let (key, slow) = loop {
        let key = record("ann", now);
        let slot = index
            .node
            .command(&format!("CLUSTER KEYSLOT auth:apikey:{}", key.id()));
        let slot: usize = slot.trim_start_matches(':').trim().parse().expect("a slot");
        let node = &cluster.nodes()[slot * 3 / 16_384];
        if node.port() != index.node.port() {
            break (key, node);
        }
    };
    slow.command("CLIENT PAUSE 700 WRITE");
    let insert = tokio::spawn({
        let (keys, key) = (keys.clone(), key.clone());
        async move { inserted(&keys, &key, 9).await }
    });
    let start = Instant::now();
    while index.place(key.id()) == "none" {
        assert!(start.elapsed() < 5 * SECOND, "no place is reserved");
        sleep(Duration::from_millis(1)).await;
    }
    assert!(!insert.is_finished(), "the pause was too short");
    // What somebody who has revoked it would tell the index.
    let ended = format!("-{}", millis(now));
    index.plant(key.id(), &ended);
    assert_eq!(insert.await.expect("no panic"), Inserted::Done);
    assert_eq!(index.place(key.id()), ended);
}
