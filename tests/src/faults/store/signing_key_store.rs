//! Signing keys.

use auth_layer::AuthError;
use jwt_layer::SigningKeyStore;

use crate::Faulty;

impl<S: SigningKeyStore> SigningKeyStore for Faulty<S> {
    async fn load(&self, ring: &str) -> Result<Option<Vec<u8>>, AuthError> {
        self.faults.call().await?;
        self.store().load(ring).await
    }

    async fn replace(
        &self,
        ring: &str,
        expected: Option<&[u8]>,
        document: &[u8],
    ) -> Result<bool, AuthError> {
        self.faults.call().await?;
        self.store().replace(ring, expected, document).await
    }
}
