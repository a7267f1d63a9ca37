//! What may be used once.

use std::time::SystemTime;

use auth_layer::{AuthError, SharedSingleUse, SingleUse, SingleUseKey};

use crate::Faulty;

impl<S: SingleUse> SingleUse for Faulty<S> {
    async fn claim(
        &self,
        key: &SingleUseKey,
        until: SystemTime,
        now: SystemTime,
    ) -> Result<bool, AuthError> {
        self.faults.call().await?;
        self.store().claim(key, until, now).await
    }
}

impl<S: SingleUse> From<Faulty<S>> for SharedSingleUse {
    fn from(store: Faulty<S>) -> Self {
        Self::new(store)
    }
}
