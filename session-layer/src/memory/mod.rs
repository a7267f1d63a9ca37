//! Sessions in this process's memory.

mod places;
mod shards;
#[cfg(test)]
mod tests;

use std::fmt;
use std::time::SystemTime;

use auth_layer::{AuthError, SecretDigest};

use self::places::Places;
use self::shards::{SessionShards, UserShards, sessions_of};
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
        let removed = self.sessions.sweep(shard, now);
        self.forget(&removed);
    }

    /// Takes sessions that are no longer in their shards out of the count and the index.
    fn forget(&self, removed: &[SessionRecord]) {
        for record in removed {
            self.places.release(record.login.is_some());
            if let Some(user) = record.user() {
                self.users.lock(&[user]).remove(&user, &record.id);
            }
        }
    }

    /// Makes room for one more session in the whole backend.
    fn reserve(
        &self,
        secret: &SecretDigest,
        now: SystemTime,
        login: bool,
    ) -> Result<(), AuthError> {
        self.sessions
            .if_sweep_due(secret, now, |shard| self.sweep(shard, now));
        if self.places.take(login) {
            return Ok(());
        }
        if self.places.may_sweep(now) {
            self.remove_expired(now);
        }
        if self.places.take(login) {
            return Ok(());
        }
        Err(AuthError::unavailable("session_memory_full"))
    }
}

impl SessionBackend for MemorySessionBackend {
    async fn create(&self, session: NewSession) -> Result<CreateOutcome, AuthError> {
        let now = session.record.last_seen_at;
        let user = session.record.user();
        self.reserve(&session.secret, now, user.is_some())?;
        let Some(user) = user else {
            return Ok(if self.sessions.insert(&session.secret, session.record) {
                CreateOutcome::Created {
                    evicted: Vec::new(),
                }
            } else {
                self.places.release(false);
                CreateOutcome::Collided
            });
        };

        // The lock on the user makes counting and storing one step.
        let mut index = self.users.lock(&[user]);
        let id = session.record.id;
        if index.has(&user, &id) {
            self.places.release(true);
            return Ok(CreateOutcome::Collided);
        }
        let others = |user| sessions_of(&self.sessions, &index, user, now);
        let Some(evicted) = over_cap(session.cap, || others(&user)) else {
            self.places.release(true);
            return Ok(CreateOutcome::Full);
        };
        if !self.sessions.insert(&session.secret, session.record) {
            self.places.release(true);
            return Ok(CreateOutcome::Collided);
        }
        index.add(&user, id, session.secret);
        self.evict(&mut index, &user, &evicted);
        Ok(CreateOutcome::Created { evicted })
    }

    fn find_now(&self, secret: &SecretDigest) -> SessionLookup {
        let found = self.sessions.get(secret);
        found.map_or(SessionLookup::Missing, SessionLookup::Found)
    }

    async fn find(&self, secret: &SecretDigest) -> Result<Option<SessionRecord>, AuthError> {
        Ok(self.sessions.get(secret))
    }

    async fn touch(&self, secret: &SecretDigest, touch: Touch) -> Result<bool, AuthError> {
        Ok(self.sessions.change(secret, |record| {
            let live = record.is_live(touch.seen_at);
            if live {
                record.last_seen_at = record.last_seen_at.max(touch.seen_at);
                let expires_at = touch.expires_at.min(record.ends_at);
                record.expires_at = record.expires_at.max(expires_at);
            }
            live
        }) == Some(true))
    }

    async fn update(
        &self,
        secret: &SecretDigest,
        version: u64,
        data: SessionData,
    ) -> Result<UpdateOutcome, AuthError> {
        let outcome = self.sessions.change(secret, |record| {
            if record.version != version {
                return UpdateOutcome::Changed(Box::new(record.clone()));
            }
            record.version += 1;
            record.data = data;
            UpdateOutcome::Updated {
                version: record.version,
            }
        });
        Ok(outcome.unwrap_or(UpdateOutcome::Gone))
    }

    async fn rotate(
        &self,
        old: &SecretDigest,
        version: Option<u64>,
        new: NewSession,
    ) -> Result<RotateOutcome, AuthError> {
        let now = new.record.last_seen_at;
        let Some(replaced) = self.sessions.get(old) else {
            return Ok(RotateOutcome::Gone);
        };
        let (old_user, new_user) = (replaced.user(), new.record.user());
        let users: Vec<UserKey> = old_user.into_iter().chain(new_user).collect();
        let mut index = self.users.lock(&users);

        let mut evicted = Vec::new();
        if let Some(user) = new_user {
            // A refreshed session keeps its id.
            if new.record.id != replaced.id && index.has(&user, &new.record.id) {
                return Ok(RotateOutcome::Collided);
            }
            let others = || {
                let mut others = sessions_of(&self.sessions, &index, &user, now);
                others.retain(|other| other.id != replaced.id);
                others
            };
            match over_cap(new.cap, others) {
                Some(ids) => evicted = ids,
                None => return Ok(RotateOutcome::Full),
            }
        }
        let id = new.record.id;
        let outcome = self.sessions.replace(old, version, &new.secret, new.record);
        if !matches!(outcome, RotateOutcome::Rotated { .. }) {
            return Ok(outcome);
        }
        self.places
            .change(replaced.login.is_some(), new_user.is_some());
        if let Some(user) = old_user {
            index.remove(&user, &replaced.id);
        }
        if let Some(user) = new_user {
            index.add(&user, id, new.secret);
            self.evict(&mut index, &user, &evicted);
        }
        Ok(RotateOutcome::Rotated { evicted })
    }

    async fn delete(&self, secret: &SecretDigest) -> Result<bool, AuthError> {
        let removed = self.sessions.remove(secret);
        self.forget(removed.as_slice());
        Ok(removed.is_some())
    }

    async fn list(&self, user: &UserKey) -> Result<Vec<SessionRecord>, AuthError> {
        let index = self.users.lock(&[*user]);
        Ok(sessions_of(
            &self.sessions,
            &index,
            user,
            SystemTime::UNIX_EPOCH,
        ))
    }

    async fn delete_by_id(&self, user: &UserKey, id: &SessionId) -> Result<bool, AuthError> {
        let mut index = self.users.lock(&[*user]);
        Ok(!self.evict(&mut index, user, &[*id]).is_empty())
    }

    async fn delete_all(
        &self,
        user: &UserKey,
        except: Option<&SessionId>,
    ) -> Result<Vec<SessionId>, AuthError> {
        let mut index = self.users.lock(&[*user]);
        let mut ids = index.ids(user);
        ids.retain(|id| Some(id) != except);
        Ok(self.evict(&mut index, user, &ids))
    }
}

impl MemorySessionBackend {
    /// Ends sessions of a user whose index is locked; returns those that were there.
    fn evict(
        &self,
        index: &mut shards::LockedUsers<'_>,
        user: &UserKey,
        ids: &[SessionId],
    ) -> Vec<SessionId> {
        let mut ended = Vec::new();
        for id in ids {
            let Some(secret) = index.remove(user, id) else {
                continue;
            };
            if self.sessions.remove(&secret).is_some() {
                self.places.release(true);
                ended.push(*id);
            }
        }
        ended
    }
}

/// The sessions to end so that the cap holds with one more; `None` if it refuses. Looks at the
/// others only if there is a cap.
fn over_cap(
    cap: Option<SessionCap>,
    others: impl FnOnce() -> Vec<SessionRecord>,
) -> Option<Vec<SessionId>> {
    let Some(cap) = cap else {
        return Some(Vec::new());
    };
    let others = others();
    let room = usize::try_from(cap.max).unwrap_or(usize::MAX).max(1) - 1;
    let excess = others.len().saturating_sub(room);
    if excess == 0 {
        return Some(Vec::new());
    }
    match cap.when_full {
        WhenFull::Refuse => None,
        WhenFull::EvictOldest => {
            let mut others: Vec<_> = others.iter().collect();
            others.sort_by_key(|record| (record.last_seen_at, record.created_at));
            Some(others[..excess].iter().map(|record| record.id).collect())
        }
    }
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
