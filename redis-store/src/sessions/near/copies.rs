//! Copies of sessions, and when they may be used.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use auth_layer::SecretDigest;
use redis::{Cmd, PushInfo, PushKind, Value, cmd};
use session_layer::SessionRecord;

use crate::link::Epoch;
use crate::sessions::digest_from_text;
use crate::tracking::{Kept, Lease};

/// Into how many parts the copies are divided, each with a lock of its own.
const SHARDS: usize = 64;

/// Copies of sessions, as they were read over one connection.
///
/// A copy is used only while the lease holds.
pub(in crate::sessions) struct Copies {
    shards: Box<[Mutex<Shard>]>,
    capacity: usize,
    lease: Lease,
    /// What the keys of sessions begin with.
    sessions: Box<str>,
}

type Key = [u8; 32];

#[derive(Default)]
struct Shard {
    copies: HashMap<Key, Arc<SessionRecord>>,
    /// The keys in the order in which they came, with some that have gone.
    order: VecDeque<Key>,
    /// How many methods are writing to a session.
    writing: HashMap<Key, usize>,
    /// Rises with each change: what was being read meanwhile is not kept.
    changes: u64,
}

impl Shard {
    fn forget(&mut self, key: &Key) {
        self.changes += 1;
        self.copies.remove(key);
    }

    fn clear(&mut self) {
        self.changes += 1;
        self.copies = HashMap::new();
        self.order = VecDeque::new();
    }
}

/// A session that is being read.
#[derive(Clone, Copy)]
pub(super) struct Reading {
    key: Key,
    changes: u64,
}

impl Copies {
    pub(super) fn new(capacity: usize, sessions: &str, epoch: Epoch) -> Self {
        Self {
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            capacity: capacity.div_ceil(SHARDS),
            lease: Lease::new(epoch),
            sessions: sessions.into(),
        }
    }

    fn shard(&self, key: &Key) -> MutexGuard<'_, Shard> {
        let shard = &self.shards[usize::from(key[0]) % SHARDS];
        shard.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn get(&self, secret: &SecretDigest) -> Option<Arc<SessionRecord>> {
        if !self.lease.holds() {
            return None;
        }
        let key = secret.as_bytes();
        self.shard(key).copies.get(key).cloned()
    }

    /// Begins to read a session. `None` if it could not be kept.
    pub(super) fn begin_to_read(&self, secret: &SecretDigest) -> Option<Reading> {
        if !self.lease.holds() {
            return None;
        }
        let key = *secret.as_bytes();
        let changes = self.shard(&key).changes;
        Some(Reading { key, changes })
    }

    /// Keeps what was read, if nothing has changed since the reading began. Every connection begins
    /// with a change, so it was read over the one that is there now.
    pub(super) fn keep(&self, reading: Reading, record: &SessionRecord) {
        let mut shard = self.shard(&reading.key);
        if shard.changes != reading.changes || shard.writing.contains_key(&reading.key) {
            return;
        }
        while shard.copies.len() >= self.capacity {
            let Some(first) = shard.order.pop_front() else {
                break;
            };
            shard.copies.remove(&first);
        }
        if shard
            .copies
            .insert(reading.key, Arc::new(record.clone()))
            .is_none()
        {
            shard.order.push_back(reading.key);
        }
        if shard.order.len() > 2 * self.capacity.max(16) {
            let Shard { order, copies, .. } = &mut *shard;
            order.retain(|key| copies.contains_key(key));
        }
    }

    pub(in crate::sessions) fn forget(&self, secret: &SecretDigest) {
        let key = secret.as_bytes();
        self.shard(key).forget(key);
    }

    pub(super) fn forget_all(&self) {
        for shard in &self.shards {
            shard.lock().unwrap_or_else(PoisonError::into_inner).clear();
        }
    }

    fn hear_of(&self, key: &Value) {
        let Value::BulkString(key) = key else {
            // Not a key that we understand: it may have been any.
            self.forget_all();
            return;
        };
        let digest = key.strip_prefix(self.sessions.as_bytes());
        if let Some(secret) = digest.and_then(digest_from_text) {
            self.forget(&secret);
        }
    }
}

impl Kept for Copies {
    const NAME: &'static str = "near cache";

    fn lease(&self) -> &Lease {
        &self.lease
    }

    fn clear(&self) {
        self.forget_all();
    }

    fn hear(&self, push: &PushInfo) {
        if push.kind != PushKind::Invalidate {
            return;
        }
        match push.data.first() {
            Some(Value::Array(keys)) => keys.iter().for_each(|key| self.hear_of(key)),
            _ => self.forget_all(),
        }
    }

    /// What was read is what is heard of.
    fn track(&self, _: &str) -> Cmd {
        let mut track = cmd("CLIENT");
        track.arg("TRACKING").arg("ON");
        track
    }
}

impl fmt::Debug for Copies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Copies")
            .field("is_on", &self.lease.holds())
            .finish_non_exhaustive()
    }
}

/// A method is writing to a session: while it does, and when it ends in whatever way, there is no copy.
pub(in crate::sessions) struct Writing {
    copies: Arc<Copies>,
    key: Key,
}

impl Writing {
    pub(in crate::sessions) fn new(copies: &Arc<Copies>, secret: &SecretDigest) -> Self {
        let key = *secret.as_bytes();
        let mut shard = copies.shard(&key);
        shard.forget(&key);
        *shard.writing.entry(key).or_default() += 1;
        drop(shard);
        Self {
            copies: Arc::clone(copies),
            key,
        }
    }
}

impl Drop for Writing {
    fn drop(&mut self) {
        let mut shard = self.copies.shard(&self.key);
        shard.forget(&self.key);
        if let Some(writing) = shard.writing.get_mut(&self.key) {
            *writing -= 1;
            if *writing == 0 {
                shard.writing.remove(&self.key);
            }
        }
    }
}

/// A method is ending sessions, and only its answer says which. Without the answer it may have been any.
pub(in crate::sessions) struct Unfinished(Option<Arc<Copies>>);

impl Unfinished {
    pub(in crate::sessions) fn new(copies: &Arc<Copies>) -> Self {
        Self(Some(Arc::clone(copies)))
    }

    /// These have ended.
    pub(in crate::sessions) fn finish(mut self, ended: &[SecretDigest]) {
        if let Some(copies) = self.0.take() {
            ended.iter().for_each(|secret| copies.forget(secret));
        }
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        if let Some(copies) = self.0.take() {
            copies.forget_all();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant, SystemTime};

    use session_layer::{SessionId, SessionLimits};

    use super::*;
    use crate::keys::text;

    const SESSIONS: &str = "auth:session:";

    fn on(capacity: usize) -> Arc<Copies> {
        let copies = Copies::new(capacity, SESSIONS, Epoch::default());
        copies.turn_on(1, 0, Instant::now() + Duration::from_secs(3600));
        Arc::new(copies)
    }

    fn secret(n: u16) -> SecretDigest {
        let mut bytes = [0; 32];
        bytes[..2].copy_from_slice(&n.to_be_bytes());
        SecretDigest::from_bytes(bytes)
    }

    fn record() -> SessionRecord {
        let id = SessionId::from_bytes([1; 16]);
        SessionRecord::new(id, SystemTime::UNIX_EPOCH, SessionLimits::STANDARD)
    }

    fn read(copies: &Copies, n: u16) {
        if let Some(reading) = copies.begin_to_read(&secret(n)) {
            copies.keep(reading, &record());
        }
    }

    fn push(kind: PushKind, keys: Option<&[u16]>) -> PushInfo {
        let key = |n: &u16| {
            let digest = text(secret(*n).as_bytes());
            Value::BulkString([SESSIONS.as_bytes(), &digest].concat())
        };
        let data = keys.map_or(Value::Nil, |keys| {
            Value::Array(keys.iter().map(key).collect())
        });
        let mut push = PushInfo {
            kind,
            data: vec![data],
        };
        push.data.shrink_to_fit();
        push
    }

    #[test]
    fn what_changes_while_it_is_read_is_not_kept() {
        let copies = on(100);
        let changes: [&dyn Fn(); 5] = [
            &|| copies.hear(&push(PushKind::Invalidate, Some(&[7]))),
            &|| copies.hear(&push(PushKind::Invalidate, None)),
            &|| drop(Writing::new(&copies, &secret(7))),
            &|| Unfinished::new(&copies).finish(&[secret(7)]),
            &|| drop(Unfinished::new(&copies)),
        ];
        for (index, change) in changes.into_iter().enumerate() {
            read(&copies, 7);
            assert!(copies.get(&secret(7)).is_some(), "{index}");
            let reading = copies.begin_to_read(&secret(7)).unwrap();
            change();
            assert!(copies.get(&secret(7)).is_none(), "{index}");
            copies.keep(reading, &record());
            assert!(copies.get(&secret(7)).is_none(), "{index}");
        }
    }

    #[test]
    fn nothing_is_kept_while_it_is_written_to() {
        let copies = on(100);
        let (first, second) = (
            Writing::new(&copies, &secret(7)),
            Writing::new(&copies, &secret(7)),
        );
        drop(first);
        read(&copies, 7);
        assert!(copies.get(&secret(7)).is_none());
        drop(second);
        read(&copies, 7);
        assert!(copies.get(&secret(7)).is_some());
    }

    #[test]
    fn ses_20_without_the_connection_nothing_is_answered() {
        let copies = on(100);
        read(&copies, 7);
        let reading = copies.begin_to_read(&secret(7)).unwrap();
        copies.turn_off(1);
        assert!(copies.get(&secret(7)).is_none());
        // An answer that comes late does not turn it on again.
        assert!(!copies.extend(1, Instant::now() + Duration::from_secs(3600)));
        assert!(copies.get(&secret(7)).is_none());
        // Nor is what was read before there when another connection is.
        copies.turn_on(2, 0, Instant::now() + Duration::from_secs(3600));
        copies.keep(reading, &record());
        assert!(copies.get(&secret(7)).is_none());
        // The end of an earlier one is no longer of interest.
        read(&copies, 7);
        copies.turn_off(1);
        assert!(copies.get(&secret(7)).is_some());
    }

    #[test]
    fn ses_20_a_lease_that_has_ended_answers_nothing() {
        let copies = on(100);
        read(&copies, 7);
        assert!(copies.extend(1, Instant::now()));
        assert!(copies.get(&secret(7)).is_none());
        assert!(copies.begin_to_read(&secret(7)).is_none());
    }

    #[test]
    fn ses_20_what_was_read_from_another_server_than_is_written_to_answers_nothing() {
        let copies = on(100);
        read(&copies, 7);
        assert!(copies.get(&secret(7)).is_some());
        copies.lease.epoch().end();
        assert!(copies.get(&secret(7)).is_none());
        assert!(copies.begin_to_read(&secret(7)).is_none());
        // Answers on the connection that brings the news do not help.
        assert!(copies.extend(1, Instant::now() + Duration::from_secs(3600)));
        assert!(copies.get(&secret(7)).is_none());
        // Nor does a connection that was compared before.
        copies.turn_on(2, 0, Instant::now() + Duration::from_secs(3600));
        read(&copies, 7);
        assert!(copies.get(&secret(7)).is_none());
        copies.turn_on(3, 1, Instant::now() + Duration::from_secs(3600));
        read(&copies, 7);
        assert!(copies.get(&secret(7)).is_some());
    }

    #[test]
    fn there_are_no_more_copies_than_allowed() {
        let copies = on(SHARDS * 3);
        for n in 0..5_000 {
            read(&copies, n);
        }
        // All of these lie in one shard; the last ones are kept.
        for n in 0..100u16 {
            read(&copies, n);
        }
        let kept = (0..5_000).filter(|n| copies.get(&secret(*n)).is_some());
        assert!(kept.count() <= SHARDS * 3);
        assert!(copies.get(&secret(99)).is_some());
        for shard in &copies.shards {
            assert!(shard.lock().unwrap().order.len() <= 32);
        }
    }
}
