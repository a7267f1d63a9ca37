//! Users and nonce counters of Digest.

use std::time::SystemTime;

use auth_layer::AuthError;
use auth_layer::digest::{DigestRecord, DigestStore, NonceCounters, NonceId, UserHash};

use crate::Faulty;

impl<S: DigestStore> DigestStore for Faulty<S> {
    async fn find(&self, username: &str) -> Result<Option<DigestRecord>, AuthError> {
        self.faults.call().await?;
        self.store().find(username).await
    }

    async fn find_by_userhash(
        &self,
        userhash: &UserHash,
    ) -> Result<Option<DigestRecord>, AuthError> {
        self.faults.call().await?;
        self.store().find_by_userhash(userhash).await
    }
}

impl<S: NonceCounters> NonceCounters for Faulty<S> {
    async fn advance(
        &self,
        nonce: NonceId,
        count: u32,
        expires_at: SystemTime,
    ) -> Result<bool, AuthError> {
        self.faults.call().await?;
        self.store().advance(nonce, count, expires_at).await
    }
}
