//! Users with passwords.

use auth_layer::AuthError;
use login::password::{PasswordHash, UserRecord, UserStore};

use crate::Faulty;

impl<S: UserStore> UserStore for Faulty<S> {
    async fn find(&self, username: &str) -> Result<Option<UserRecord>, AuthError> {
        self.faults.call().await?;
        self.store().find(username).await
    }

    async fn replace_hash(
        &self,
        subject: &str,
        old: &PasswordHash,
        new: &PasswordHash,
    ) -> Result<bool, AuthError> {
        self.faults.call().await?;
        self.store().replace_hash(subject, old, new).await
    }
}
