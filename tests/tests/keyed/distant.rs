//! A store that never answers at once, as one behind a network.

use std::sync::Arc;
use std::time::SystemTime;

use apikey_layer::{
    ApiKeyStore, DisabledBy, Inserted, KeyId, KeyRecord, MemoryApiKeys, Owner, Rotated, Rotation,
};
use auth_layer::AuthError;

#[derive(Default)]
pub struct Distant(MemoryApiKeys);

impl ApiKeyStore for Distant {
    async fn find(&self, id: &KeyId) -> Result<Option<Arc<KeyRecord>>, AuthError> {
        self.0.find(id).await
    }

    async fn insert(&self, record: KeyRecord, limit: usize) -> Result<Inserted, AuthError> {
        self.0.insert(record, limit).await
    }

    async fn rotate(&self, id: &KeyId, rotation: &Rotation) -> Result<Rotated, AuthError> {
        self.0.rotate(id, rotation).await
    }

    async fn revoke(&self, id: &KeyId, at: SystemTime) -> Result<bool, AuthError> {
        self.0.revoke(id, at).await
    }

    async fn revoke_owned_by(&self, owner: &Owner, at: SystemTime) -> Result<usize, AuthError> {
        self.0.revoke_owned_by(owner, at).await
    }

    async fn set_disabled(
        &self,
        id: &KeyId,
        by: DisabledBy,
        disabled: bool,
    ) -> Result<bool, AuthError> {
        self.0.set_disabled(id, by, disabled).await
    }

    async fn touch(&self, uses: &[(KeyId, SystemTime)]) -> Result<(), AuthError> {
        self.0.touch(uses).await
    }

    async fn list(
        &self,
        owner: &Owner,
        after: Option<&KeyId>,
        limit: usize,
    ) -> Result<Vec<Arc<KeyRecord>>, AuthError> {
        self.0.list(owner, after, limit).await
    }
}
