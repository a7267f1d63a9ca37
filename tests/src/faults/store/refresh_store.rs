//! Families of refresh tokens.

use auth_layer::{AuthError, UserKey};
use jwt_layer::refresh::{FamilyId, FamilyState, RefreshStore, RotateOutcome, Rotation};

use crate::Faulty;

impl<S: RefreshStore> RefreshStore for Faulty<S> {
    async fn insert(&self, family: FamilyState) -> Result<bool, AuthError> {
        self.faults.call().await?;
        self.store().insert(family).await
    }

    async fn find(&self, id: &FamilyId) -> Result<Option<FamilyState>, AuthError> {
        self.faults.call().await?;
        self.store().find(id).await
    }

    async fn rotate(&self, id: &FamilyId, rotation: Rotation) -> Result<RotateOutcome, AuthError> {
        self.faults.call().await?;
        self.store().rotate(id, rotation).await
    }

    async fn end(&self, id: &FamilyId) -> Result<bool, AuthError> {
        self.faults.call().await?;
        self.store().end(id).await
    }

    async fn list(&self, user: &UserKey) -> Result<Vec<FamilyState>, AuthError> {
        self.faults.call().await?;
        self.store().list(user).await
    }
}
