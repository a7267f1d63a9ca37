//! A session backend with copies near at hand, correct but for one fault.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};

use auth_layer::{AuthError, SecretDigest};
use session_layer::{
    CreateOutcome, MemorySessionBackend, NewSession, RotateOutcome, SessionBackend, SessionData,
    SessionId, SessionLookup, SessionRecord, Touch, UpdateOutcome, UserKey,
};

use super::between_two_steps;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    EndsLeaveTheCopy,
    FilledAfterTheEnd,
    None,
    RemembersMissing,
    WritesLeaveTheCopy,
}

pub(super) struct NearCache {
    fault: Fault,
    far: MemorySessionBackend,
    copies: Mutex<Copies>,
}

#[derive(Default)]
struct Copies {
    sessions: HashMap<[u8; 32], Option<SessionRecord>>,
    /// How often they were dropped: what was read before the last time is not kept.
    generation: u64,
}

impl NearCache {
    pub(super) fn new(fault: Fault) -> Self {
        Self {
            fault,
            far: MemorySessionBackend::new(),
            copies: Mutex::default(),
        }
    }

    fn copies(&self) -> MutexGuard<'_, Copies> {
        self.copies.lock().unwrap()
    }

    fn drop_copies(&self, kept_by: Fault) {
        if self.fault != kept_by {
            let mut copies = self.copies();
            copies.sessions.clear();
            copies.generation += 1;
        }
    }
}

impl SessionBackend for NearCache {
    fn find_now(&self, secret: &SecretDigest) -> SessionLookup {
        match self.copies().sessions.get(secret.as_bytes()) {
            Some(Some(record)) => SessionLookup::Found(Arc::new(record.clone())),
            Some(None) => SessionLookup::Missing,
            None => SessionLookup::Wait,
        }
    }

    async fn find(&self, secret: &SecretDigest) -> Result<Option<SessionRecord>, AuthError> {
        let generation = self.copies().generation;
        let found = self.far.find(secret).await?;
        between_two_steps().await;
        let mut copies = self.copies();
        let current = copies.generation == generation || self.fault == Fault::FilledAfterTheEnd;
        if current && (found.is_some() || self.fault == Fault::RemembersMissing) {
            copies.sessions.insert(*secret.as_bytes(), found.clone());
        }
        Ok(found)
    }

    async fn create(&self, session: NewSession) -> Result<CreateOutcome, AuthError> {
        let outcome = self.far.create(session).await;
        if matches!(&outcome, Ok(CreateOutcome::Created { evicted }) if !evicted.is_empty()) {
            self.drop_copies(Fault::EndsLeaveTheCopy);
        }
        outcome
    }

    async fn touch(&self, secret: &SecretDigest, touch: Touch) -> Result<bool, AuthError> {
        let outcome = self.far.touch(secret, touch).await;
        self.drop_copies(Fault::WritesLeaveTheCopy);
        outcome
    }

    async fn update(
        &self,
        secret: &SecretDigest,
        version: u64,
        data: SessionData,
    ) -> Result<UpdateOutcome, AuthError> {
        let outcome = self.far.update(secret, version, data).await;
        self.drop_copies(Fault::WritesLeaveTheCopy);
        outcome
    }

    async fn rotate(
        &self,
        old: &SecretDigest,
        version: Option<u64>,
        new: NewSession,
    ) -> Result<RotateOutcome, AuthError> {
        let outcome = self.far.rotate(old, version, new).await;
        self.drop_copies(Fault::EndsLeaveTheCopy);
        outcome
    }

    async fn delete(&self, secret: &SecretDigest) -> Result<bool, AuthError> {
        let outcome = self.far.delete(secret).await;
        self.drop_copies(Fault::EndsLeaveTheCopy);
        outcome
    }

    async fn list(&self, user: &UserKey) -> Result<Vec<SessionRecord>, AuthError> {
        self.far.list(user).await
    }

    async fn delete_by_id(&self, user: &UserKey, id: &SessionId) -> Result<bool, AuthError> {
        let outcome = self.far.delete_by_id(user, id).await;
        self.drop_copies(Fault::EndsLeaveTheCopy);
        outcome
    }

    async fn delete_all(
        &self,
        user: &UserKey,
        except: Option<&SessionId>,
    ) -> Result<Vec<SessionId>, AuthError> {
        let outcome = self.far.delete_all(user, except).await;
        self.drop_copies(Fault::EndsLeaveTheCopy);
        outcome
    }
}
