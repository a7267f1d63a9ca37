//! Where things are kept.

use std::time::SystemTime;

use apikey_layer::{MemoryApiKeys, SharedApiKeyStore};
use auth_layer::{
    AuthError, Identity, IssuedToken, MemoryRevocations, Revocations as _, SharedRevocations,
};
use login::password::UserStore as _;
use session_layer::{MemorySessionBackend, SharedSessionBackend};

use crate::user_table::UserTable;
use crate::users::REALM;

/// All stores of this program.
#[derive(Clone)]
pub(crate) struct Stores {
    pub(crate) sessions: SharedSessionBackend,
    pub(crate) revocations: SharedRevocations,
    pub(crate) users: UserTable,
    pub(crate) api_keys: SharedApiKeyStore,
}

impl Stores {
    pub(crate) fn in_memory() -> Self {
        Self {
            sessions: SharedSessionBackend::new(MemorySessionBackend::new()),
            revocations: SharedRevocations::new(MemoryRevocations::new()),
            users: UserTable::in_memory(REALM),
            api_keys: SharedApiKeyStore::new(MemoryApiKeys::new()),
        }
    }

    /// Fails if one of them cannot be asked.
    pub(crate) async fn check(&self) -> Result<(), AuthError> {
        // Any question will do: the stores answer within their own time-outs.
        let nobody = Identity::new("readiness", "nobody");
        let token = IssuedToken::of(&nobody, SystemTime::now());
        self.revocations.is_revoked(&token).await?;
        self.users.passwords().find("nobody").await?;
        Ok(())
    }
}
