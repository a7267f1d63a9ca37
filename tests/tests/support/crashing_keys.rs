//! API keys that are made, rotated and revoked.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use apikey_layer::{ApiKeyStore, Inserted, KeyId, KeyRecord, Owner, Rotated, Rotation};
use auth_layer::{AuthError, SecretDigest, random_bytes};

/// How many keys that are not revoked an owner may have.
const LIMIT: usize = 3;

/// Makes keys, rotates each twice, by two at once, and revokes it, or all keys of the owner, until the
/// store fails. Tells what it is about to do, and what was acknowledged.
pub(crate) async fn come_and_go(
    store: impl ApiKeyStore,
    task: usize,
    tell: impl Fn(String) + Send + Sync,
) -> Result<(), AuthError> {
    for round in 0_u32.. {
        let (id, mut current) = (key_id(), digest());
        tell(format!("{task} begin create {id} {}", hex(&current)));
        let record = KeyRecord::new(id, current, owner(task), now()).with_name("build");
        let inserted = store.insert(record, LIMIT).await?;
        assert_eq!(inserted, Inserted::Done);
        tell(format!("{task} done {}", hex(&current)));
        for _ in 0..2 {
            let (replaces, nexts) = (current, [digest(), digest()]);
            let [one, other] = nexts.map(|next| hex(&next));
            tell(format!("{task} begin rotate {id} {one} {other}"));
            let rivals = nexts.map(|next| {
                let rotation = Rotation::new(replaces, next, now(), until());
                let store = &store;
                async move { store.rotate(&id, &rotation).await }
            });
            let [one, other] = rivals;
            let (one, other) = tokio::join!(one, other);
            let won: Vec<_> = [one?, other?]
                .into_iter()
                .zip(nexts)
                .filter(|(outcome, _)| *outcome == Rotated::Done)
                .collect();
            assert_eq!(won.len(), 1, "of two rotations of one digest");
            current = won[0].1;
            tell(format!("{task} done {}", hex(&current)));
        }
        tell(format!("{task} begin revoke {id}"));
        if round % 2 == 0 {
            assert!(store.revoke(&id, now()).await?);
        } else {
            assert_eq!(store.revoke_owned_by(&owner(task), now()).await?, 1);
        }
        tell(format!("{task} done -"));
    }
    Ok(())
}

/// Compares what is there with what was told.
pub(crate) async fn check(store: &impl ApiKeyStore, told: &[String], tasks: usize) {
    let mut expected: BTreeMap<usize, Expected> = BTreeMap::new();
    for line in told {
        let words: Vec<_> = line.split(' ').collect();
        let task = words[0].parse().unwrap();
        expected.entry(task).or_default().hear(&words[1..]);
    }
    assert_eq!(expected.len(), tasks);
    for (task, mut expected) in expected {
        expected.settle();
        expected.check(store, task).await;
    }
}

/// Revokes what a crash has left, so that the next round begins with no keys in use.
pub(crate) async fn clear(store: &impl ApiKeyStore, task: usize) {
    store.revoke_owned_by(&owner(task), now()).await.unwrap();
}

fn now() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_700_000_000)
}

fn until() -> SystemTime {
    now() + Duration::from_secs(3_600)
}

fn owner(task: usize) -> Owner {
    Owner::new(format!("owner-{task}"))
}

fn digest() -> SecretDigest {
    SecretDigest::from_bytes(random_bytes().unwrap())
}

fn key_id() -> KeyId {
    let bytes: [u8; 6] = random_bytes().unwrap();
    let text: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    text.parse().unwrap()
}

fn hex(digest: &SecretDigest) -> String {
    let bytes = digest.as_bytes().iter();
    bytes.map(|byte| format!("{byte:02x}")).collect()
}

/// What must be there of one task, by what it told.
#[derive(Default)]
struct Expected {
    /// The key that is in use, its digests in their order.
    live: Option<(KeyId, Vec<String>)>,
    revoked: Vec<KeyId>,
    /// Begun, and perhaps not acknowledged.
    pending: Option<Vec<String>>,
    acknowledged: Option<String>,
}

impl Expected {
    fn hear(&mut self, words: &[&str]) {
        if words[0] == "begin" {
            self.settle();
            self.pending = Some(words[1..].iter().map(|word| (*word).to_owned()).collect());
        } else {
            self.acknowledged = Some(words[1].to_owned());
        }
    }

    /// Takes what was begun for done if it was acknowledged.
    fn settle(&mut self) {
        let Some(current) = self.acknowledged.take() else {
            return;
        };
        let done = self.pending.take().unwrap();
        match (&*done[0], self.live.take()) {
            ("create", None) => self.live = Some((done[1].parse().unwrap(), vec![current])),
            ("rotate", Some((id, mut digests))) => {
                digests.push(current);
                self.live = Some((id, digests));
            }
            ("revoke", Some((id, _))) => self.revoked.push(id),
            (other, _) => panic!("{other}"),
        }
    }

    async fn check(&self, store: &impl ApiKeyStore, task: usize) {
        let listed = store.list(&owner(task), None, usize::MAX).await.unwrap();
        for id in &self.revoked {
            let found = store.find(id).await.unwrap();
            let found = found.unwrap_or_else(|| panic!("task {task}: {id} is lost"));
            let at = found.revoked_at();
            assert_eq!(at, Some(now()), "task {task}: {id} was revoked");
            let is_listed = listed.iter().any(|record| record.id() == id);
            assert!(is_listed, "task {task}: {id} is not listed");
        }
        let pending = self.pending.as_deref().unwrap_or_default();
        let verb = pending.first().map(String::as_str);
        let (id, digests) = match (&self.live, pending) {
            (Some((id, digests)), _) => (*id, digests.clone()),
            (None, [_, id, first]) => (id.parse().unwrap(), vec![first.clone()]),
            (None, _) => return,
        };
        let is_listed = listed.iter().any(|record| *record.id() == id);
        let Some(found) = store.find(&id).await.unwrap() else {
            assert_eq!(verb, Some("create"), "task {task}: {id} is lost");
            assert!(!is_listed, "task {task}: {id} is listed and not there");
            return;
        };
        assert!(is_listed, "task {task}: {id} is there and not listed");
        if found.revoked_at().is_some() {
            assert_eq!(verb, Some("revoke"), "task {task}: {id}");
        }
        // The digest that was acknowledged last, or one that was under way, and before it the one before.
        let current = hex(&found.digest());
        let before = if digests.last() == Some(&current) {
            digests.iter().nth_back(1)
        } else {
            let under_way = verb == Some("rotate") && pending[2..].contains(&current);
            assert!(under_way, "task {task}: {id} has another digest");
            digests.last()
        };
        let previous = found.previous();
        let previous_digest = previous.map(|previous| hex(&previous.digest));
        assert_eq!(previous_digest.as_ref(), before, "task {task}: {id}");
        if let Some(previous) = previous {
            assert_eq!(previous.valid_until, until(), "task {task}: {id}");
        }
        self.counted(store, task, &listed).await;
    }

    /// The limit holds for what is there, and for nothing else.
    async fn counted(
        &self,
        store: &impl ApiKeyStore,
        task: usize,
        listed: &[std::sync::Arc<KeyRecord>],
    ) {
        let live = listed.iter().filter(|record| record.revoked_at().is_none());
        for place in live.count()..=LIMIT {
            let record = KeyRecord::new(key_id(), digest(), owner(task), now());
            let expected = match place {
                LIMIT => Inserted::Full,
                _ => Inserted::Done,
            };
            let inserted = store.insert(record, LIMIT).await.unwrap();
            assert_eq!(inserted, expected, "task {task}, place {place}");
        }
    }
}
