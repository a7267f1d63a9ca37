//! Sessions in this process's memory.

mod places;
mod session;
mod shards;
mod slab;
#[cfg(test)]
mod tests;
mod users;

use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use auth_layer::{AuthError, SecretDigest};

use self::places::Places;
use self::session::{Key, Session, key};
use self::shards::{Found, Inserted, Place, Replaced, SessionShards};
use self::users::{LockedUsers, UserShards};
use crate::{
    CreateOutcome, NewSession, RotateOutcome, SessionBackend, SessionCap, SessionData, SessionId,
    SessionLookup, SessionRecord, Touch, UpdateOutcome, UserKey, WhenFull,
};

/// Keeps sessions in memory: for one process, for tests, and to begin with.
///
/// Sessions are spread over shards, each with a lock of its own that is held for map operations
/// only. Expired sessions are removed as new ones come in, and all at once by
/// [`remove_expired`](Self::remove_expired). When [`capacity`](Self::with_capacity) is reached, new
/// sessions are refused, with 503, rather than memory filled or others' sessions ended. A quarter of
/// it is kept for logged-in sessions: anybody can make anonymous ones, and must not lock users out
/// with them.
///
/// A logged-in session takes less than 200 bytes, and its `User-Agent` and its data what they are
/// long. Sessions are kept as [`SessionRecord::encode`] writes them; up to two thousand that are asked
/// for often are kept decoded too. A login looks at the user's other sessions, of which there are few
/// unless [`max_sessions`](crate::SessionLayerBuilder::max_sessions) allows many.
///
/// To keep it beside the layer, pass an `Arc` of it.
pub struct MemorySessionBackend {
    sessions: SessionShards,
    users: UserShards,
    places: Places,
}

impl MemorySessionBackend {
    /// An empty backend for at most a million sessions.
    #[must_use]
    pub fn new() -> Self {
        Self::with_capacity(1_000_000)
    }

    /// An empty backend for at most `capacity` sessions.
    #[must_use]
    pub fn with_capacity(capacity: usize) -> Self {
        Self {
            sessions: SessionShards::new(),
            users: UserShards::new(),
            places: Places::new(capacity),
        }
    }

    /// How many sessions are kept, those that have expired but were not yet removed included.
    pub fn len(&self) -> usize {
        self.places.taken()
    }

    /// Whether no sessions are kept.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Removes all sessions that are over at `now` and gives their memory back.
    pub fn remove_expired(&self, now: SystemTime) {
        for shard in 0..SessionShards::COUNT {
            self.sweep(shard, now);
        }
    }

    fn sweep(&self, shard: usize, now: SystemTime) {
        for (place, session) in self.sessions.sweep(shard, now) {
            self.forget(place, &session);
        }
        self.move_together(shard);
    }

    /// Frees slots of a shard of which many are unused.
    fn move_together(&self, shard: usize) {
        let scattered = self.sessions.scattered(shard);
        if scattered.is_empty() {
            return;
        }
        for key in &scattered {
            // If it cannot be read, it stays where it is.
            let Ok(Some(record)) = self.sessions.get(key) else {
                continue;
            };
            let Some(user) = record.user() else {
                let _ = self.sessions.relocate(key);
                continue;
            };
            let mut index = self.users.lock(&[user]);
            if let Some((from, to)) = self.sessions.relocate(key) {
                index.remove(&user, from);
                index.add(&user, to);
            }
        }
        self.sessions.tidy(shard);
    }

    /// Takes a session that is no longer in its shard out of the count and the index.
    fn forget(&self, place: Place, session: &Session) {
        let user = session.user().ok().flatten();
        self.places.release(user.is_some());
        if let Some(user) = user {
            self.users.lock(&[user]).remove(&user, place);
        }
    }

    /// Makes room for one more session in the whole backend.
    fn reserve(&self, key: &Key, now: SystemTime, login: bool) -> Result<(), AuthError> {
        if self.sessions.is_sweep_due(key, now) {
            self.sweep(SessionShards::shard_of(key), now);
        }
        if self.places.take(login) {
            return Ok(());
        }
        if self.places.may_sweep(now) {
            self.remove_expired(now);
        }
        if self.places.take(login) {
            return Ok(());
        }
        Err(full())
    }
}

fn full() -> AuthError {
    AuthError::unavailable("session_memory_full")
}

impl SessionBackend for MemorySessionBackend {
    async fn create(&self, session: NewSession) -> Result<CreateOutcome, AuthError> {
        let (key, record) = (key(&session.secret), &session.record);
        let (now, user) = (record.last_seen_at, record.user());
        self.reserve(&key, now, user.is_some())?;
        let outcome = match user {
            Some(user) => self.log_in(&key, record, &user, session.cap),
            None => match self.sessions.insert(&key, record) {
                Inserted::At(_) => Ok(CreateOutcome::Created {
                    evicted: Vec::new(),
                }),
                Inserted::NoRoom => Err(full()),
                Inserted::Taken => Ok(CreateOutcome::Collided),
            },
        };
        if !matches!(outcome, Ok(CreateOutcome::Created { .. })) {
            self.places.release(user.is_some());
        }
        outcome
    }

    fn find_now(&self, secret: &SecretDigest) -> SessionLookup {
        match self.sessions.get(&key(secret)) {
            Ok(Some(record)) => SessionLookup::Found(record),
            Ok(None) => SessionLookup::Missing,
            Err(_) => SessionLookup::Wait,
        }
    }

    async fn find(&self, secret: &SecretDigest) -> Result<Option<SessionRecord>, AuthError> {
        let found = self.sessions.get(&key(secret))?;
        Ok(found.map(Arc::unwrap_or_clone))
    }

    async fn touch(&self, secret: &SecretDigest, touch: Touch) -> Result<bool, AuthError> {
        let touched = self.sessions.change(&key(secret), |s| s.touch(touch));
        touched.unwrap_or(Ok(false))
    }

    async fn update(
        &self,
        secret: &SecretDigest,
        version: u64,
        data: SessionData,
    ) -> Result<UpdateOutcome, AuthError> {
        let update = |session: &mut Session| session.update(version, data);
        let outcome = self.sessions.change(&key(secret), update);
        outcome.unwrap_or(Ok(UpdateOutcome::Gone))
    }

    async fn rotate(
        &self,
        old: &SecretDigest,
        version: Option<u64>,
        new: NewSession,
    ) -> Result<RotateOutcome, AuthError> {
        let (old_key, new_key) = (key(old), key(&new.secret));
        let now = new.record.last_seen_at;
        let Some(replaced) = self.sessions.get(&old_key)? else {
            return Ok(RotateOutcome::Gone);
        };
        let (old_user, new_user) = (replaced.user(), new.record.user());
        let users: Vec<UserKey> = old_user.into_iter().chain(new_user).collect();
        let mut index = self.users.lock(&users);

        let mut over = Vec::new();
        if let Some(user) = &new_user {
            // A refreshed session keeps its id.
            let id = &new.record.id;
            if *id != replaced.id && self.has_id(&index, user, id)? {
                return Ok(RotateOutcome::Collided);
            }
            let others = || {
                let mut others = self.sessions_of(&index, user)?;
                others.retain(|(key, other)| *key != old_key && other.is_live(now));
                Ok(others)
            };
            match over_cap(new.cap, others)? {
                Some(keys) => over = keys,
                None => return Ok(RotateOutcome::Full),
            }
        }
        let replace = self
            .sessions
            .replace(&old_key, version, &new_key, &new.record);
        let (from, to) = match replace? {
            Replaced::Done { old, new } => (old, new),
            Replaced::NoRoom => return Err(full()),
            Replaced::Not(outcome) => return Ok(outcome),
        };
        self.places.change(old_user.is_some(), new_user.is_some());
        if let Some(user) = &old_user {
            index.remove(user, from);
        }
        let mut evicted = Vec::new();
        if let Some(user) = &new_user {
            index.add(user, to);
            evicted = self.end(&mut index, user, over);
        }
        Ok(RotateOutcome::Rotated { evicted })
    }

    async fn delete(&self, secret: &SecretDigest) -> Result<bool, AuthError> {
        let removed = self.sessions.remove(&key(secret));
        if let Some((place, session)) = &removed {
            self.forget(*place, session);
        }
        Ok(removed.is_some())
    }

    async fn list(&self, user: &UserKey) -> Result<Vec<SessionRecord>, AuthError> {
        let index = self.users.lock(&[*user]);
        let sessions = self.sessions_of(&index, user)?;
        let records = sessions.into_iter().map(|(_, record)| record);
        Ok(records.map(Arc::unwrap_or_clone).collect())
    }

    async fn delete_by_id(&self, user: &UserKey, id: &SessionId) -> Result<bool, AuthError> {
        let mut index = self.users.lock(&[*user]);
        let mut sessions = self.sessions_of(&index, user)?;
        sessions.retain(|(_, record)| record.id == *id);
        let ending = ends(sessions);
        Ok(!self.end(&mut index, user, ending).is_empty())
    }

    async fn delete_all(
        &self,
        user: &UserKey,
        except: Option<&SessionId>,
    ) -> Result<Vec<SessionId>, AuthError> {
        let mut index = self.users.lock(&[*user]);
        let mut sessions = self.sessions_of(&index, user)?;
        sessions.retain(|(_, record)| Some(&record.id) != except);
        let ending = ends(sessions);
        Ok(self.end(&mut index, user, ending))
    }
}

/// A session that is about to end.
type Ending = (Key, SessionId);

fn ends(sessions: Vec<Found>) -> Vec<Ending> {
    let ends = sessions.into_iter().map(|(key, record)| (key, record.id));
    ends.collect()
}

impl MemorySessionBackend {
    /// Stores a session for which there is room in the backend.
    fn log_in(
        &self,
        key: &Key,
        record: &SessionRecord,
        user: &UserKey,
        cap: Option<SessionCap>,
    ) -> Result<CreateOutcome, AuthError> {
        // The lock on the user makes counting and storing one step.
        let mut index = self.users.lock(&[*user]);
        if self.has_id(&index, user, &record.id)? {
            return Ok(CreateOutcome::Collided);
        }
        let others = || {
            let mut others = self.sessions_of(&index, user)?;
            others.retain(|(_, other)| other.is_live(record.last_seen_at));
            Ok(others)
        };
        let Some(over) = over_cap(cap, others)? else {
            return Ok(CreateOutcome::Full);
        };
        match self.sessions.insert(key, record) {
            Inserted::At(place) => index.add(user, place),
            Inserted::NoRoom => return Err(full()),
            Inserted::Taken => return Ok(CreateOutcome::Collided),
        }
        let evicted = self.end(&mut index, user, over);
        Ok(CreateOutcome::Created { evicted })
    }

    /// The sessions of a user whose index is locked.
    fn sessions_of(
        &self,
        index: &LockedUsers<'_>,
        user: &UserKey,
    ) -> Result<Vec<Found>, AuthError> {
        let mut sessions = Vec::new();
        for place in index.places(user) {
            let found = self.sessions.at(place)?;
            sessions.extend(found.filter(|(_, record)| record.user().as_ref() == Some(user)));
        }
        Ok(sessions)
    }

    /// Whether the user has a session of this id, live or not.
    fn has_id(
        &self,
        index: &LockedUsers<'_>,
        user: &UserKey,
        id: &SessionId,
    ) -> Result<bool, AuthError> {
        for place in index.places(user) {
            if self.sessions.has_id_at(place, id)?
                && let Some((_, record)) = self.sessions.at(place)?
                && record.user().as_ref() == Some(user)
            {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Ends sessions of a user whose index is locked; returns those that were there.
    fn end(
        &self,
        index: &mut LockedUsers<'_>,
        user: &UserKey,
        sessions: Vec<Ending>,
    ) -> Vec<SessionId> {
        let mut ended = Vec::new();
        for (key, id) in sessions {
            if let Some((place, _)) = self.sessions.remove(&key) {
                self.places.release(true);
                index.remove(user, place);
                ended.push(id);
            }
        }
        ended
    }
}

/// The sessions to end so that the cap holds with one more; `None` if it refuses. Looks at the
/// others only if there is a cap.
fn over_cap(
    cap: Option<SessionCap>,
    others: impl FnOnce() -> Result<Vec<Found>, AuthError>,
) -> Result<Option<Vec<Ending>>, AuthError> {
    let Some(cap) = cap else {
        return Ok(Some(Vec::new()));
    };
    let mut others = others()?;
    let room = usize::try_from(cap.max).unwrap_or(usize::MAX).max(1) - 1;
    let excess = others.len().saturating_sub(room);
    if excess > 0 && cap.when_full == WhenFull::Refuse {
        return Ok(None);
    }
    others.sort_by_key(|(_, record)| (record.last_seen_at, record.created_at));
    others.truncate(excess);
    Ok(Some(ends(others)))
}

impl Default for MemorySessionBackend {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for MemorySessionBackend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemorySessionBackend")
            .field("len", &self.len())
            .field("capacity", &self.places.capacity())
            .finish_non_exhaustive()
    }
}
