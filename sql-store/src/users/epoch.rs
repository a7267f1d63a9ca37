//! The credential epochs that sessions ask for.

use auth_layer::{AuthError, CredentialEpoch, Identity};
use session_layer::CredentialEpochs;
use sqlx::Error;

use super::{REASON, SqlUsers};
use crate::attributes::searchable;
use crate::connection::{Connection, undecodable};
use crate::step::{Access, Step};

/// For services all of whose sessions are of these users: it goes by the subject alone, whoever the
/// issuer is. Where others log in too, give the layer a closure that asks this for the right ones.
///
/// Nobody who is disabled has an epoch. A user whose epoch was never set has epoch 0.
impl CredentialEpochs for SqlUsers {
    async fn epoch(&self, user: &Identity) -> Result<Option<CredentialEpoch>, AuthError> {
        let step = Epoch(user.subject().to_owned());
        self.pools.run(step, REASON).await
    }
}

struct Epoch(String);

impl Step for Epoch {
    type Output = Option<CredentialEpoch>;

    const ACCESS: Access = Access::Read;

    async fn run(&self, connection: &mut Connection) -> Result<Self::Output, Error> {
        const EPOCH: &str = "SELECT COALESCE(credential_epoch, 0) FROM auth_users \
            WHERE subject = $1 AND is_disabled = $2";

        let parameters = [searchable(&self.0).into(), false.into()];
        let Some(row) = connection.optional(EPOCH, &parameters).await? else {
            return Ok(None);
        };
        let number = u64::try_from(row.int(0)?).map_err(undecodable)?;
        Ok(Some(CredentialEpoch::new(number)))
    }
}
