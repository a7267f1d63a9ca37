//! Tokens that were taken back.

use std::time::SystemTime;

use auth_layer::{AuthError, IssuedToken, Revocations, SharedRevocations, SubjectRevocation};

use crate::Faulty;

impl<S: Revocations> Revocations for Faulty<S> {
    fn check_now(&self, token: &IssuedToken<'_>) -> Option<bool> {
        self.faults.call_now(|| self.store().check_now(token))
    }

    async fn is_revoked(&self, token: &IssuedToken<'_>) -> Result<bool, AuthError> {
        self.faults.call().await?;
        self.store().is_revoked(token).await
    }

    async fn revoke_token(
        &self,
        issuer: &str,
        token_id: &str,
        until: SystemTime,
    ) -> Result<(), AuthError> {
        self.faults.call().await?;
        self.store().revoke_token(issuer, token_id, until).await
    }

    async fn revoke_subject(&self, revocation: &SubjectRevocation<'_>) -> Result<(), AuthError> {
        self.faults.call().await?;
        self.store().revoke_subject(revocation).await
    }
}

impl<S: Revocations> From<Faulty<S>> for SharedRevocations {
    fn from(store: Faulty<S>) -> Self {
        Self::new(store)
    }
}
