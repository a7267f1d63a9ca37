//! API keys.

use std::sync::Arc;
use std::time::SystemTime;

use apikey_layer::{
    ApiKeyStore, DisabledBy, Inserted, KeyId, KeyRecord, Lookup, Owner, Rotated, Rotation,
    SharedApiKeyStore,
};
use auth_layer::AuthError;

use crate::Faulty;

impl<S: ApiKeyStore> ApiKeyStore for Faulty<S> {
    fn find_now(&self, id: &KeyId) -> Lookup {
        let answer = self.faults.call_now(|| match self.store().find_now(id) {
            Lookup::Wait => None,
            answer => Some(answer),
        });
        answer.unwrap_or(Lookup::Wait)
    }

    async fn find(&self, id: &KeyId) -> Result<Option<Arc<KeyRecord>>, AuthError> {
        self.faults.call().await?;
        self.store().find(id).await
    }

    async fn find_recent(&self, id: &KeyId) -> Result<Option<Arc<KeyRecord>>, AuthError> {
        self.faults.call().await?;
        self.store().find_recent(id).await
    }

    async fn insert(&self, record: KeyRecord, limit: usize) -> Result<Inserted, AuthError> {
        self.faults.call().await?;
        self.store().insert(record, limit).await
    }

    async fn rotate(&self, id: &KeyId, rotation: &Rotation) -> Result<Rotated, AuthError> {
        self.faults.call().await?;
        self.store().rotate(id, rotation).await
    }

    async fn revoke(&self, id: &KeyId, at: SystemTime) -> Result<bool, AuthError> {
        self.faults.call().await?;
        self.store().revoke(id, at).await
    }

    async fn revoke_owned_by(&self, owner: &Owner, at: SystemTime) -> Result<usize, AuthError> {
        self.faults.call().await?;
        self.store().revoke_owned_by(owner, at).await
    }

    async fn set_disabled(
        &self,
        id: &KeyId,
        by: DisabledBy,
        disabled: bool,
    ) -> Result<bool, AuthError> {
        self.faults.call().await?;
        self.store().set_disabled(id, by, disabled).await
    }

    async fn touch(&self, uses: &[(KeyId, SystemTime)]) -> Result<(), AuthError> {
        self.faults.call().await?;
        self.store().touch(uses).await
    }

    async fn list(
        &self,
        owner: &Owner,
        after: Option<&KeyId>,
        limit: usize,
    ) -> Result<Vec<Arc<KeyRecord>>, AuthError> {
        self.faults.call().await?;
        self.store().list(owner, after, limit).await
    }
}

impl<S: ApiKeyStore> From<Faulty<S>> for SharedApiKeyStore {
    fn from(store: Faulty<S>) -> Self {
        Self::new(store)
    }
}
