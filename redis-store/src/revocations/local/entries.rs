//! What is revoked, as far as it is known here.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use redis::aio::MultiplexedConnection;
use redis::{Cmd, PushInfo, Value, cmd};
use tokio::sync::Notify;

use super::super::{Id, Instant, Kind};
use crate::keys::Prefix;
use crate::link::Epoch;
use crate::sessions::digest_from_text;
use crate::tracking::{Kept, Lease};

/// How many values are asked for at once.
const BATCH: usize = 500;

/// All revocations, or a part of them while they are being loaded.
pub(super) struct Entries {
    lease: Lease,
    capacity: usize,
    /// What their keys begin with.
    tokens: Box<str>,
    subjects: Box<str>,
    state: RwLock<State>,
    /// Something has to be asked for.
    pub(super) wake: Notify,
}

#[derive(Default)]
struct State {
    /// Whether there is nothing that is neither in `known` nor in `unread`. It is read and changed with
    /// them under one lock: where it holds, they have not been cleared.
    is_whole: bool,
    /// There were too many.
    is_full: bool,
    /// Redis said that everything may have changed.
    is_lost: bool,
    /// Up to when what was issued is revoked; all of it for an id. `None` for a value that cannot be read.
    known: HashMap<Id, Option<Instant>>,
    /// What has changed and is yet to be asked for, with the number of the change.
    unread: HashMap<Id, u64>,
    /// How many methods are writing to it.
    writing: HashMap<Id, usize>,
    changes: u64,
}

impl State {
    fn clear(&mut self) {
        self.is_whole = false;
        self.known = HashMap::new();
        self.unread = HashMap::new();
    }

    /// It has changed: it is not known what it is.
    fn touch(&mut self, id: Id, capacity: usize) {
        if self.is_full {
            return;
        }
        self.changes += 1;
        self.known.remove(&id);
        self.unread.insert(id, self.changes);
        if self.known.len() + self.unread.len() > capacity {
            self.clear();
            self.is_full = true;
        }
    }
}

/// What the one who follows has to do next.
pub(super) enum Next {
    /// Ask for these; the numbers tell whether they change meanwhile.
    Read(Vec<(Id, u64)>),
    /// Load everything anew.
    Reload,
    /// Nothing, because there are too many.
    Full,
    Wait,
}

impl Entries {
    pub(super) fn new(capacity: usize, prefix: &Prefix, epoch: Epoch) -> Self {
        Self {
            lease: Lease::new(epoch),
            capacity,
            tokens: prefix.of(Kind::Token.name()).into(),
            subjects: prefix.of(Kind::Subject.name()).into(),
            state: RwLock::default(),
            wake: Notify::new(),
        }
    }

    /// What the keys of one kind begin with.
    pub(super) fn beginning(&self, kind: Kind) -> &str {
        match kind {
            Kind::Token => &self.tokens,
            Kind::Subject => &self.subjects,
        }
    }

    fn read(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether nothing at all is revoked. `None` if it is not known.
    pub(super) fn is_empty(&self) -> Option<bool> {
        let state = self.read();
        // The lease inside the lock: whoever ends it clears after that, for which he needs the lock.
        (state.is_whole && self.lease.holds())
            .then(|| state.known.is_empty() && state.unread.is_empty() && state.writing.is_empty())
    }

    /// Whether one of these revokes what was issued at `issued_at`. `None` if it is not known.
    pub(super) fn check(&self, ids: impl Iterator<Item = Id>, issued_at: &Instant) -> Option<bool> {
        // Hashed outside the lock.
        let mut all = [None; 4];
        for (place, id) in all.iter_mut().zip(ids) {
            *place = Some(id);
        }
        let state = self.read();
        if !state.is_whole || !self.lease.holds() {
            return None;
        }
        let mut revoked = false;
        for id in all.iter().flatten() {
            if state.unread.contains_key(id) || state.writing.contains_key(id) {
                return None;
            }
            match state.known.get(id) {
                None => {}
                Some(Some(until)) => revoked |= issued_at <= until,
                Some(None) => return None,
            }
        }
        Some(revoked)
    }

    /// These are there, or were a moment ago.
    pub(super) fn found(&self, keys: &[Value]) {
        let mut state = self.write();
        keys.iter()
            .filter_map(|key| self.id_of(key))
            .for_each(|id| state.touch(id, self.capacity));
    }

    /// All that there is has been found. False if it has been lost meanwhile.
    pub(super) fn is_loaded(&self) -> bool {
        let mut state = self.write();
        state.is_whole = !state.is_full && !state.is_lost;
        state.is_whole
    }

    pub(super) fn begin_to_load(&self) {
        let mut state = self.write();
        state.clear();
        state.is_lost = false;
    }

    pub(super) fn next(&self) -> Next {
        let state = self.read();
        if state.is_full {
            Next::Full
        } else if state.is_lost {
            Next::Reload
        } else if state.unread.is_empty() {
            Next::Wait
        } else {
            let batch = state.unread.iter().take(BATCH);
            Next::Read(batch.map(|(id, change)| (*id, *change)).collect())
        }
    }

    /// Takes in what was asked for, as far as it has not changed since.
    pub(super) fn learn(&self, asked: &[(Id, u64)], values: &[Value]) {
        let mut state = self.write();
        for ((id, change), value) in asked.iter().zip(values) {
            if state.unread.get(id) != Some(change) {
                continue;
            }
            state.unread.remove(id);
            match (value, id.kind) {
                (Value::Nil, _) => {
                    state.known.remove(id);
                }
                (Value::BulkString(_), Kind::Token) => {
                    state.known.insert(*id, Some([0xff; 12]));
                }
                (Value::BulkString(until), Kind::Subject) => {
                    let until = until.as_slice().try_into().ok();
                    state.known.insert(*id, until);
                }
                _ => {
                    state.known.insert(*id, None);
                }
            }
        }
    }

    pub(super) fn capacity(&self) -> usize {
        self.capacity
    }

    fn id_of(&self, key: &Value) -> Option<Id> {
        let Value::BulkString(key) = key else {
            return None;
        };
        [Kind::Token, Kind::Subject].into_iter().find_map(|kind| {
            let digest = key.strip_prefix(self.beginning(kind).as_bytes())?;
            let digest = digest_from_text(digest)?;
            Some(Id {
                kind,
                digest: *digest.as_bytes(),
            })
        })
    }
}

impl Kept for Entries {
    const NAME: &'static str = "local copy of revocations";

    fn lease(&self) -> &Lease {
        &self.lease
    }

    fn clear(&self) {
        let mut state = self.write();
        state.clear();
        state.is_full = false;
        state.is_lost = false;
    }

    fn hear(&self, push: &PushInfo) {
        match push.data.first() {
            Some(Value::Array(keys)) => self.found(keys),
            // Everything has gone, or whatever else it may be.
            _ => {
                let mut state = self.write();
                state.clear();
                state.is_lost = true;
            }
        }
        self.wake.notify_one();
    }

    fn track(&self, probe: &str) -> Cmd {
        let mut track = cmd("CLIENT");
        track.arg("TRACKING").arg("ON").arg("BCAST");
        for prefix in [&*self.tokens, &*self.subjects, probe] {
            track.arg("PREFIX").arg(prefix);
        }
        track
    }

    async fn work(self: Arc<Self>, connection: MultiplexedConnection) {
        super::follow::follow(&self, connection).await;
    }
}

impl fmt::Debug for Entries {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.read();
        f.debug_struct("Entries")
            .field("is_on", &(state.is_whole && self.lease.holds()))
            .field("known", &state.known.len())
            .finish_non_exhaustive()
    }
}

/// A method is revoking something: while it does, and until what came of it was asked for, nothing is
/// said of it.
pub(in super::super) struct Writing {
    entries: Arc<Entries>,
    id: Id,
}

impl Writing {
    pub(super) fn new(entries: &Arc<Entries>, id: Id) -> Self {
        *entries.write().writing.entry(id).or_default() += 1;
        Self {
            entries: Arc::clone(entries),
            id,
        }
    }
}

impl Drop for Writing {
    fn drop(&mut self) {
        let mut state = self.entries.write();
        state.touch(self.id, self.entries.capacity);
        if let Some(writing) = state.writing.get_mut(&self.id) {
            *writing -= 1;
            if *writing == 0 {
                state.writing.remove(&self.id);
            }
        }
        drop(state);
        self.entries.wake.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant as Moment};

    use super::*;
    use crate::keys::text;

    fn on(capacity: usize) -> Arc<Entries> {
        let entries = Entries::new(capacity, &Prefix::default(), Epoch::default());
        entries.turn_on(1, 0, Moment::now() + Duration::from_secs(3600));
        assert_eq!(entries.is_empty(), None, "it is not loaded");
        entries.begin_to_load();
        assert!(entries.is_loaded());
        assert_eq!(entries.is_empty(), Some(true));
        Arc::new(entries)
    }

    fn id(n: u8) -> Id {
        Id {
            kind: Kind::Token,
            digest: [n; 32],
        }
    }

    fn key(n: u8) -> Value {
        Value::BulkString([b"auth:token:", &text(&[n; 32])[..]].concat())
    }

    fn push(data: Value) -> PushInfo {
        let kind = redis::PushKind::Invalidate;
        PushInfo {
            kind,
            data: vec![data],
        }
    }

    fn check(entries: &Entries, n: u8) -> Option<bool> {
        entries.check([id(n)].into_iter(), &[0; 12])
    }

    fn asked(entries: &Entries) -> Vec<(Id, u64)> {
        match entries.next() {
            Next::Read(asked) => asked,
            _ => panic!("there is something to ask for"),
        }
    }

    #[test]
    fn jwt_19_what_changes_while_it_is_asked_for_is_asked_for_again() {
        let entries = on(10);
        entries.hear(&push(Value::Array(vec![key(7)])));
        assert_eq!(check(&entries, 7), None);
        assert_eq!(check(&entries, 8), Some(false));
        let before = asked(&entries);
        let changes: [&dyn Fn(); 2] =
            [&|| entries.hear(&push(Value::Array(vec![key(7)]))), &|| {
                drop(Writing::new(&entries, id(7)));
            }];
        for change in changes {
            change();
            entries.learn(&before, &[Value::Nil]);
            assert_eq!(check(&entries, 7), None);
        }
        entries.learn(&asked(&entries), &[Value::BulkString(b"1".to_vec())]);
        assert_eq!(check(&entries, 7), Some(true));

        // While it is written to, nothing is said of it, whatever was heard.
        let writing = Writing::new(&entries, id(7));
        entries.hear(&push(Value::Array(vec![key(7)])));
        entries.learn(&asked(&entries), &[Value::Nil]);
        assert_eq!(check(&entries, 7), None);
        drop(writing);
        entries.learn(&asked(&entries), &[Value::Nil]);
        assert_eq!(check(&entries, 7), Some(false));
    }

    #[test]
    fn jwt_19_a_copy_that_is_not_whole_says_nothing() {
        let entries = on(10);
        entries.hear(&push(Value::Nil));
        assert_eq!(check(&entries, 7), None);
        assert!(!entries.is_loaded(), "it was lost while it was loaded");
        assert!(matches!(entries.next(), Next::Reload));
        entries.begin_to_load();
        entries.found(&[key(7), Value::BulkString(b"auth:token:x".to_vec())]);
        assert_eq!(check(&entries, 8), None);
        assert!(entries.is_loaded());
        assert_eq!(check(&entries, 7), None);
        assert_eq!(check(&entries, 8), Some(false));
        entries.turn_off(1);
        assert_eq!(check(&entries, 8), None);
        assert_eq!(entries.is_empty(), None);
        // Nor does a connection that comes back make it whole.
        entries.turn_on(2, 0, Moment::now() + Duration::from_secs(3600));
        assert_eq!(check(&entries, 8), None);

        for end in [
            &(|entries: &Entries| assert!(entries.extend(1, Moment::now()))) as &dyn Fn(&Entries),
            &|entries| entries.lease().epoch().end(),
        ] {
            let entries = on(10);
            end(&entries);
            assert_eq!(check(&entries, 8), None);
        }
    }

    #[test]
    fn jwt_19_a_copy_with_too_many_is_off_and_empty() {
        let entries = on(3);
        for n in 0..100 {
            entries.hear(&push(Value::Array(vec![key(n)])));
        }
        assert!(matches!(entries.next(), Next::Full));
        assert_eq!(check(&entries, 200), None);
        assert!(!entries.is_loaded());
        let state = entries.read();
        assert!(state.known.is_empty() && state.unread.is_empty());
    }

    #[test]
    fn a_value_that_cannot_be_read_is_left_to_the_store() {
        let entries = on(10);
        entries.hear(&push(Value::Array(vec![key(7)])));
        entries.learn(&asked(&entries), &[Value::Int(1)]);
        assert_eq!(check(&entries, 7), None);
        let key = [b"auth:subject:", &text(&[7; 32])[..]].concat();
        entries.hear(&push(Value::Array(vec![Value::BulkString(key)])));
        let subject = asked(&entries);
        entries.learn(&subject, &[Value::BulkString(b"short".to_vec())]);
        assert_eq!(entries.check([subject[0].0].into_iter(), &[0; 12]), None);
    }
}
