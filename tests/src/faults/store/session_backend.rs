//! Sessions.

use auth_layer::{AuthError, SecretDigest};
use session_layer::{
    CreateOutcome, NewSession, RotateOutcome, SessionBackend, SessionData, SessionId,
    SessionLookup, SessionRecord, Touch, UpdateOutcome, UserKey,
};

use crate::Faulty;

impl<S: SessionBackend> SessionBackend for Faulty<S> {
    async fn create(&self, session: NewSession) -> Result<CreateOutcome, AuthError> {
        self.faults.call().await?;
        self.store().create(session).await
    }

    fn find_now(&self, secret: &SecretDigest) -> SessionLookup {
        let answer = self
            .faults
            .call_now(|| match self.store().find_now(secret) {
                SessionLookup::Wait => None,
                answer => Some(answer),
            });
        answer.unwrap_or(SessionLookup::Wait)
    }

    async fn find(&self, secret: &SecretDigest) -> Result<Option<SessionRecord>, AuthError> {
        self.faults.call().await?;
        self.store().find(secret).await
    }

    async fn touch(&self, secret: &SecretDigest, touch: Touch) -> Result<bool, AuthError> {
        self.faults.call().await?;
        self.store().touch(secret, touch).await
    }

    async fn update(
        &self,
        secret: &SecretDigest,
        version: u64,
        data: SessionData,
    ) -> Result<UpdateOutcome, AuthError> {
        self.faults.call().await?;
        self.store().update(secret, version, data).await
    }

    async fn rotate(
        &self,
        old: &SecretDigest,
        version: Option<u64>,
        new: NewSession,
    ) -> Result<RotateOutcome, AuthError> {
        self.faults.call().await?;
        self.store().rotate(old, version, new).await
    }

    async fn delete(&self, secret: &SecretDigest) -> Result<bool, AuthError> {
        self.faults.call().await?;
        self.store().delete(secret).await
    }

    async fn list(&self, user: &UserKey) -> Result<Vec<SessionRecord>, AuthError> {
        self.faults.call().await?;
        self.store().list(user).await
    }

    async fn delete_by_id(&self, user: &UserKey, id: &SessionId) -> Result<bool, AuthError> {
        self.faults.call().await?;
        self.store().delete_by_id(user, id).await
    }

    async fn delete_all(
        &self,
        user: &UserKey,
        except: Option<&SessionId>,
    ) -> Result<Vec<SessionId>, AuthError> {
        self.faults.call().await?;
        self.store().delete_all(user, except).await
    }
}
