//! A session backend in one map, correct but for one fault.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard};
use std::time::SystemTime;

use auth_layer::{AuthError, SecretDigest};
use session_layer::{
    CreateOutcome, NewSession, RotateOutcome, SessionBackend, SessionCap, SessionData, SessionId,
    SessionRecord, Touch, UpdateOutcome, UserKey, WhenFull,
};

use super::between_two_steps;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    CapBeforeInsert,
    CollisionOverwrites,
    DeleteByIdOfAnybody,
    EvictNewest,
    ExpiredTakesPlace,
    IdCollisionUnnoticed,
    IndexAfterwards,
    ListForgetsRotated,
    None,
    OffByOneSecond,
    RotateCreatesFirst,
    RotateDeletesFirst,
    RotateRevives,
    TouchMovesBack,
    TouchPassesTheEnd,
    TouchRevives,
    TouchUndoesUpdate,
    UpdateRevives,
    UpdateUnguarded,
    VersionStandsStill,
}

pub(super) struct Naive {
    fault: Fault,
    sessions: Mutex<HashMap<[u8; 32], Entry>>,
}

#[derive(Clone)]
struct Entry {
    record: SessionRecord,
    listed: bool,
}

impl Naive {
    pub(super) fn new(fault: Fault) -> Self {
        Self {
            fault,
            sessions: Mutex::default(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<[u8; 32], Entry>> {
        self.sessions.lock().unwrap()
    }

    fn has(&self, fault: Fault) -> bool {
        self.fault == fault
    }

    fn is_live(&self, record: &SessionRecord, now: SystemTime) -> bool {
        if self.has(Fault::OffByOneSecond) {
            return now <= record.expires_at;
        }
        record.is_live(now)
    }

    /// Those to evict, or `None` if the user is full.
    fn over_cap(
        &self,
        sessions: &HashMap<[u8; 32], Entry>,
        new: &NewSession,
        replaced: Option<&SecretDigest>,
    ) -> Option<Vec<SessionId>> {
        let Some(SessionCap { max, when_full, .. }) = new.cap else {
            return Some(Vec::new());
        };
        let now = new.record.last_seen_at;
        let mut others: Vec<_> = sessions
            .iter()
            .filter(|(secret, _)| replaced.is_none_or(|old| old.as_bytes() != *secret))
            .map(|(_, entry)| &entry.record)
            .filter(|record| record.user() == new.record.user())
            .filter(|record| self.has(Fault::ExpiredTakesPlace) || record.is_live(now))
            .collect();
        let excess = (others.len() + 1).saturating_sub(max as usize);
        if excess > 0 && when_full == WhenFull::Refuse {
            return None;
        }
        others.sort_by_key(|record| record.last_seen_at);
        if self.has(Fault::EvictNewest) {
            others.reverse();
        }
        Some(others[..excess].iter().map(|record| record.id).collect())
    }

    fn is_taken(
        &self,
        sessions: &HashMap<[u8; 32], Entry>,
        new: &NewSession,
        old: Option<&SecretDigest>,
    ) -> bool {
        let same_id = |(secret, entry): (&[u8; 32], &Entry)| {
            entry.record.id == new.record.id && old.is_none_or(|old| old.as_bytes() != secret)
        };
        (sessions.contains_key(new.secret.as_bytes()) && !self.has(Fault::CollisionOverwrites))
            || (sessions.iter().any(same_id) && !self.has(Fault::IdCollisionUnnoticed))
    }
}

fn evict(sessions: &mut HashMap<[u8; 32], Entry>, evicted: &[SessionId]) {
    sessions.retain(|_, entry| !evicted.contains(&entry.record.id));
}

impl SessionBackend for Naive {
    async fn create(&self, new: NewSession) -> Result<CreateOutcome, AuthError> {
        let evicted = {
            let sessions = self.lock();
            if self.is_taken(&sessions, &new, None) {
                return Ok(CreateOutcome::Collided);
            }
            self.over_cap(&sessions, &new, None)
        };
        if self.has(Fault::CapBeforeInsert) {
            between_two_steps().await;
        }
        {
            let mut sessions = self.lock();
            let evicted = match self.has(Fault::CapBeforeInsert) {
                true => evicted.clone(),
                false => {
                    if self.is_taken(&sessions, &new, None) {
                        return Ok(CreateOutcome::Collided);
                    }
                    self.over_cap(&sessions, &new, None)
                }
            };
            let Some(evicted) = evicted else {
                return Ok(CreateOutcome::Full);
            };
            evict(&mut sessions, &evicted);
            let entry = Entry {
                record: new.record,
                listed: !self.has(Fault::IndexAfterwards),
            };
            sessions.insert(*new.secret.as_bytes(), entry);
            if !self.has(Fault::IndexAfterwards) {
                return Ok(CreateOutcome::Created { evicted });
            }
        }
        between_two_steps().await;
        if let Some(entry) = self.lock().get_mut(new.secret.as_bytes()) {
            entry.listed = true;
        }
        Ok(CreateOutcome::Created {
            evicted: evicted.unwrap_or_default(),
        })
    }

    async fn find(&self, secret: &SecretDigest) -> Result<Option<SessionRecord>, AuthError> {
        let sessions = self.lock();
        Ok(sessions
            .get(secret.as_bytes())
            .map(|entry| entry.record.clone()))
    }

    async fn touch(&self, secret: &SecretDigest, touch: Touch) -> Result<bool, AuthError> {
        let Some(mut entry) = self.lock().get(secret.as_bytes()).cloned() else {
            return Ok(false);
        };
        let two_steps = self.has(Fault::TouchRevives) || self.has(Fault::TouchUndoesUpdate);
        if two_steps {
            between_two_steps().await;
        }
        let mut sessions = self.lock();
        match sessions.get(secret.as_bytes()) {
            Some(stored) if !two_steps => entry = stored.clone(),
            None if !self.has(Fault::TouchRevives) => return Ok(false),
            _ => {}
        }
        let record = &mut entry.record;
        if !self.is_live(record, touch.seen_at) {
            return Ok(false);
        }
        let mut expires_at = touch.expires_at;
        if !self.has(Fault::TouchPassesTheEnd) {
            expires_at = expires_at.min(record.ends_at);
        }
        if self.has(Fault::TouchMovesBack) {
            (record.last_seen_at, record.expires_at) = (touch.seen_at, expires_at);
        } else {
            record.last_seen_at = record.last_seen_at.max(touch.seen_at);
            record.expires_at = record.expires_at.max(expires_at);
        }
        sessions.insert(*secret.as_bytes(), entry);
        Ok(true)
    }

    async fn update(
        &self,
        secret: &SecretDigest,
        version: u64,
        data: SessionData,
    ) -> Result<UpdateOutcome, AuthError> {
        let two_steps = self.has(Fault::UpdateRevives);
        let Some(mut entry) = self.lock().get(secret.as_bytes()).cloned() else {
            return Ok(UpdateOutcome::Gone);
        };
        if two_steps {
            between_two_steps().await;
        }
        let mut sessions = self.lock();
        match sessions.get(secret.as_bytes()) {
            Some(stored) => entry = stored.clone(),
            None if two_steps => {}
            None => return Ok(UpdateOutcome::Gone),
        }
        let record = &mut entry.record;
        if record.version != version && !self.has(Fault::UpdateUnguarded) {
            return Ok(UpdateOutcome::Changed(Box::new(record.clone())));
        }
        if !self.has(Fault::VersionStandsStill) {
            record.version += 1;
        }
        record.data = data;
        let version = record.version;
        sessions.insert(*secret.as_bytes(), entry);
        Ok(UpdateOutcome::Updated { version })
    }

    async fn rotate(
        &self,
        old: &SecretDigest,
        version: Option<u64>,
        new: NewSession,
    ) -> Result<RotateOutcome, AuthError> {
        let evicted = {
            let mut sessions = self.lock();
            let Some(stored) = sessions.get(old.as_bytes()) else {
                return Ok(RotateOutcome::Gone);
            };
            if !self.is_live(&stored.record, new.record.last_seen_at)
                && !self.has(Fault::RotateRevives)
            {
                return Ok(RotateOutcome::Gone);
            }
            if version.is_some_and(|version| version != stored.record.version) {
                return Ok(RotateOutcome::Changed(Box::new(stored.record.clone())));
            }
            let user = new.record.user();
            if self.has(Fault::RotateDeletesFirst) {
                sessions.remove(old.as_bytes());
            }
            if self.is_taken(&sessions, &new, Some(old)) {
                return Ok(RotateOutcome::Collided);
            }
            let Some(evicted) = self.over_cap(&sessions, &new, Some(old)) else {
                return Ok(RotateOutcome::Full);
            };
            evict(&mut sessions, &evicted);
            let listed = !(self.has(Fault::ListForgetsRotated) && user.is_some());
            let entry = Entry {
                record: new.record.clone(),
                listed,
            };
            sessions.insert(*new.secret.as_bytes(), entry);
            if !self.has(Fault::RotateCreatesFirst) {
                sessions.remove(old.as_bytes());
            }
            evicted
        };
        if self.has(Fault::RotateCreatesFirst) {
            between_two_steps().await;
            self.lock().remove(old.as_bytes());
        }
        Ok(RotateOutcome::Rotated { evicted })
    }

    async fn delete(&self, secret: &SecretDigest) -> Result<bool, AuthError> {
        Ok(self.lock().remove(secret.as_bytes()).is_some())
    }

    async fn list(&self, user: &UserKey) -> Result<Vec<SessionRecord>, AuthError> {
        let sessions = self.lock();
        let listed = sessions.values().filter(|entry| entry.listed);
        Ok(listed
            .filter(|entry| entry.record.user() == Some(*user))
            .map(|entry| entry.record.clone())
            .collect())
    }

    async fn delete_by_id(&self, user: &UserKey, id: &SessionId) -> Result<bool, AuthError> {
        let mut sessions = self.lock();
        let before = sessions.len();
        let anybodys = self.has(Fault::DeleteByIdOfAnybody);
        sessions.retain(|_, entry| {
            entry.record.id != *id || (entry.record.user() != Some(*user) && !anybodys)
        });
        Ok(sessions.len() < before)
    }

    async fn delete_all(
        &self,
        user: &UserKey,
        except: Option<&SessionId>,
    ) -> Result<Vec<SessionId>, AuthError> {
        let mut ended = Vec::new();
        self.lock().retain(|_, entry| {
            let record = &entry.record;
            let ends = record.user() == Some(*user) && Some(&record.id) != except;
            if ends {
                ended.push(record.id);
            }
            !ends
        });
        Ok(ended)
    }
}
