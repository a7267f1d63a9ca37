//! The store below tower-sessions' `Session`: it loads what the scheme has found already, and saves
//! only what the request has changed.

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use auth_layer::AuthError;
use serde_json::Value;
use tower_sessions_core::SessionStore;
use tower_sessions_core::session::{Id, Record};
use tower_sessions_core::session_store::{Error, Result};

use super::merge::Changes;
use super::request::{Current, RequestSession};
use crate::backend::UpdateOutcome;
use crate::csrf::cross_site;
use crate::record::{SessionData, SessionRecord, expiry_date};
use crate::{SessionBackend as _, SessionId};

/// How often a save starts again because other requests saved at the same time. Each time one of
/// them has got through.
const MAX_ATTEMPTS: usize = 64;

#[async_trait]
impl SessionStore for RequestSession {
    /// A `Session` without an id asks for one. If a session was begun since, by a login, it is that
    /// one; otherwise a new one, with nobody logged in.
    async fn create(&self, record: &mut Record) -> Result<()> {
        self.check_changes().map_err(|error| self.failed(error))?;
        let id = match self.with_current(|current| current.record.id) {
            // What has changed is saved when the response leaves.
            Some(id) => id,
            None => self
                .begin_anonymous(&record.data)
                .await
                .map_err(|error| self.failed(error))?,
        };
        record.id = id.into();
        Ok(())
    }

    async fn save(&self, record: &Record) -> Result<()> {
        self.store_changes(&record.data).await
    }

    /// The first time it is what the scheme has found; after that the backend is asked again.
    async fn load(&self, id: &Id) -> Result<Option<Record>> {
        let Some(mut current) = self.current() else {
            return Ok(None);
        };
        if Id::from(current.record.id) != *id {
            return Ok(None);
        }
        if current.view.is_some() {
            let found = self.config.backend().find(&current.digest).await;
            match found.map_err(|error| self.failed(error))? {
                Some(record) => current.record = Arc::new(record),
                None => {
                    self.lost(&current.digest);
                    return Ok(None);
                }
            }
        }
        let data = current
            .record
            .data
            .decode()
            .map_err(|error| self.failed(error))?;
        let record = Record {
            id: *id,
            expiry_date: expiry_date(current.record.expires_at),
            data: data.clone(),
        };
        self.amend(&current.digest, |known| {
            known.record = current.record;
            known.view = Some(Arc::new(data));
        });
        Ok(Some(record))
    }

    /// Ends the session, if it is still the one that the `Session` knows, and if the request may log
    /// out.
    async fn delete(&self, id: &Id) -> Result<()> {
        let known = self.with_current(|current| Id::from(current.record.id) == *id);
        if known == Some(true) {
            self.end_session()
                .await
                .map_err(|error| self.failed(error))?;
        }
        Ok(())
    }
}

impl RequestSession {
    /// `Session`'s errors are text; the error itself waits for whoever asks next.
    fn failed(&self, error: AuthError) -> Error {
        let text = error.to_string();
        self.fail(error);
        Error::Backend(text)
    }

    fn check_changes(&self) -> std::result::Result<(), AuthError> {
        if self.refuses_changes() {
            return Err(cross_site());
        }
        Ok(())
    }

    async fn store_changes(&self, data: &HashMap<String, Value>) -> Result<()> {
        let stored = self.try_store_changes(data).await;
        stored.map_err(|error| self.failed(error))
    }

    /// Adds this request's changes to whatever is stored by now.
    async fn try_store_changes(
        &self,
        data: &HashMap<String, Value>,
    ) -> std::result::Result<(), AuthError> {
        self.check_changes()?;
        let Some(current) = self.current() else {
            return Err(session_ended());
        };
        let changes = match &current.view {
            Some(view) => Changes::between(view, data),
            None => Changes::between(&current.record.data.decode()?, data),
        };
        if changes.is_empty() {
            return Ok(());
        }
        let Current {
            digest, mut record, ..
        } = current;
        for _ in 0..MAX_ATTEMPTS {
            let mut merged = record.data.decode()?;
            changes.apply(&mut merged);
            let merged = SessionData::encode(&merged)?;
            let backend = self.config.backend();
            let outcome = backend.update(&digest, record.version, merged.clone());
            match outcome.await? {
                UpdateOutcome::Updated { version } => {
                    self.amend(&digest, |known| {
                        let record = Arc::make_mut(&mut known.record);
                        record.version = version;
                        record.data = merged;
                        known.view = Some(Arc::new(data.clone()));
                    });
                    return Ok(());
                }
                UpdateOutcome::Changed(stored) => record = Arc::from(stored),
                UpdateOutcome::Gone => {
                    self.lost(&digest);
                    return Err(session_ended());
                }
            }
        }
        Err(AuthError::unavailable("session_contended"))
    }

    async fn begin_anonymous(
        &self,
        data: &HashMap<String, Value>,
    ) -> std::result::Result<SessionId, AuthError> {
        let mut template = SessionRecord::unnamed(self.config.now(), self.config.limits);
        template.data = SessionData::encode(data)?;
        let mut current = self.create(&template, None).await?;
        current.view = Some(Arc::new(data.clone()));
        let id = current.record.id;
        self.begin(current);
        Ok(id)
    }
}

/// Somebody ended the session while this request was under way. What the request wanted to keep in
/// it is dropped.
fn session_ended() -> AuthError {
    AuthError::absent("session_ended")
}
