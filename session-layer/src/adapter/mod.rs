//! Stores written for tower-sessions, below [`SessionLayer`](crate::SessionLayer).

mod record;

use std::time::SystemTime;

use auth_layer::{AuthError, AuthErrorKind, SecretDigest};
use tower_sessions_core::SessionStore;
use tower_sessions_core::session::Id;

use self::record::{from_foreign, to_foreign};
use crate::{
    CreateOutcome, NewSession, RotateOutcome, SessionBackend, SessionData, SessionId,
    SessionRecord, Touch, UpdateOutcome, UserKey,
};

/// A backend of sessions that has no index of users and changes records in two steps.
///
/// It keeps less than [`SessionBackend`] promises, so it is private: only a
/// [`SessionLayer`](crate::SessionLayer) that is [`Unindexed`](crate::Unindexed) has one.
pub(crate) struct TowerSessionsBackend<S>(pub(crate) S);

impl<S: SessionStore> TowerSessionsBackend<S> {
    async fn load(&self, secret: &SecretDigest) -> Result<Option<SessionRecord>, AuthError> {
        match self.0.load(&id(secret)).await {
            Ok(Some(stored)) => from_foreign(secret, stored),
            Ok(None) => Ok(None),
            Err(error) => Err(could_not_ask(error)),
        }
    }

    /// Loads what is live at `now`.
    async fn load_live(
        &self,
        secret: &SecretDigest,
        now: SystemTime,
    ) -> Result<Option<SessionRecord>, AuthError> {
        let found = self.load(secret).await?;
        Ok(found.filter(|record| record.is_live(now)))
    }

    async fn save(&self, secret: &SecretDigest, record: &SessionRecord) -> Result<(), AuthError> {
        let foreign = to_foreign(id(secret), secret, record)?;
        self.0.save(&foreign).await.map_err(could_not_ask)
    }

    /// False if the id is taken.
    async fn insert(
        &self,
        secret: &SecretDigest,
        record: &SessionRecord,
    ) -> Result<bool, AuthError> {
        let mut foreign = to_foreign(id(secret), secret, record)?;
        self.0.create(&mut foreign).await.map_err(could_not_ask)?;
        if foreign.id == id(secret) {
            return Ok(true);
        }
        // It has drawn another id, under which nobody would look.
        self.0.delete(&foreign.id).await.map_err(could_not_ask)?;
        Ok(false)
    }
}

impl<S: SessionStore> SessionBackend for TowerSessionsBackend<S> {
    async fn create(&self, session: NewSession) -> Result<CreateOutcome, AuthError> {
        let inserted = self.insert(&session.secret, &session.record).await?;
        Ok(if inserted {
            CreateOutcome::Created {
                evicted: Vec::new(),
            }
        } else {
            CreateOutcome::Collided
        })
    }

    async fn find(&self, secret: &SecretDigest) -> Result<Option<SessionRecord>, AuthError> {
        self.load(secret).await
    }

    async fn touch(&self, secret: &SecretDigest, touch: Touch) -> Result<bool, AuthError> {
        let Some(mut record) = self.load_live(secret, touch.seen_at).await? else {
            return Ok(false);
        };
        record.last_seen_at = record.last_seen_at.max(touch.seen_at);
        let expires_at = touch.expires_at.min(record.ends_at);
        record.expires_at = record.expires_at.max(expires_at);
        self.save(secret, &record).await?;
        Ok(true)
    }

    async fn update(
        &self,
        secret: &SecretDigest,
        version: u64,
        data: SessionData,
    ) -> Result<UpdateOutcome, AuthError> {
        let Some(mut record) = self.load(secret).await? else {
            return Ok(UpdateOutcome::Gone);
        };
        if record.version != version {
            return Ok(UpdateOutcome::Changed(Box::new(record)));
        }
        record.version += 1;
        record.data = data;
        self.save(secret, &record).await?;
        Ok(UpdateOutcome::Updated {
            version: record.version,
        })
    }

    /// Ends first and stores afterwards: if it fails half-way it has cost a login, and never leaves
    /// two sessions.
    async fn rotate(
        &self,
        old: &SecretDigest,
        version: Option<u64>,
        new: NewSession,
    ) -> Result<RotateOutcome, AuthError> {
        let Some(stored) = self.load_live(old, new.record.last_seen_at).await? else {
            return Ok(RotateOutcome::Gone);
        };
        if version.is_some_and(|version| version != stored.version) {
            return Ok(RotateOutcome::Changed(Box::new(stored)));
        }
        self.0.delete(&id(old)).await.map_err(could_not_ask)?;
        let inserted = self.insert(&new.secret, &new.record).await?;
        Ok(if inserted {
            RotateOutcome::Rotated {
                evicted: Vec::new(),
            }
        } else {
            RotateOutcome::Collided
        })
    }

    async fn delete(&self, secret: &SecretDigest) -> Result<bool, AuthError> {
        let found = self.load(secret).await?.is_some();
        // Also what cannot be found: a save of somebody else may be on its way.
        self.0.delete(&id(secret)).await.map_err(could_not_ask)?;
        Ok(found)
    }

    async fn list(&self, _user: &UserKey) -> Result<Vec<SessionRecord>, AuthError> {
        Err(no_index())
    }

    /// Is asked when a session is gone under its secret, because it was refreshed meanwhile: without
    /// an index nobody knows the new one.
    async fn delete_by_id(&self, _user: &UserKey, _id: &SessionId) -> Result<bool, AuthError> {
        Ok(false)
    }

    async fn delete_all(
        &self,
        _user: &UserKey,
        _except: Option<&SessionId>,
    ) -> Result<Vec<SessionId>, AuthError> {
        Err(no_index())
    }
}

/// What the store knows a session by: 128 bits of the digest, never the secret.
fn id(secret: &SecretDigest) -> Id {
    let (half, _) = secret.as_bytes().split_at(16);
    Id(half.try_into().map_or(0, i128::from_le_bytes))
}

/// By type nobody comes here.
#[cold]
fn no_index() -> AuthError {
    AuthError::new(AuthErrorKind::Misconfigured, "no_session_index")
}

fn could_not_ask(error: tower_sessions_core::session_store::Error) -> AuthError {
    AuthError::unavailable("session_store").with_source(error)
}
