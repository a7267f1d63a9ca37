//! Rings of signing keys: [`SqlSigningKeys`].

use std::fmt;

use auth_layer::AuthError;
use jwt_layer::SigningKeyStore;
use sqlx::Error;

use crate::connection::Connection;
use crate::database::Pools;
use crate::step::{Access, Step};

const REASON: &str = "sql_signing_keys";

/// Rings of signing keys in the table `auth_signing_keys`: a [`SigningKeyStore`].
///
/// It holds what the ring writes: encrypted, unless that was switched off.
#[derive(Clone)]
pub struct SqlSigningKeys {
    pools: Pools,
}

impl SqlSigningKeys {
    pub(crate) const fn new(pools: Pools) -> Self {
        Self { pools }
    }
}

impl SigningKeyStore for SqlSigningKeys {
    async fn load(&self, ring: &str) -> Result<Option<Vec<u8>>, AuthError> {
        let step = Load { ring: ring.into() };
        self.pools.run(step, REASON).await
    }

    async fn replace(
        &self,
        ring: &str,
        expected: Option<&[u8]>,
        document: &[u8],
    ) -> Result<bool, AuthError> {
        let step = Replace {
            ring: ring.into(),
            expected: expected.map(Box::from),
            document: document.into(),
        };
        self.pools.run(step, REASON).await
    }
}

struct Load {
    ring: Box<str>,
}

impl Step for Load {
    type Output = Option<Vec<u8>>;

    const ACCESS: Access = Access::Read;

    async fn run(&self, connection: &mut Connection) -> Result<Self::Output, Error> {
        const LOAD: &str = "SELECT document FROM auth_signing_keys WHERE ring = $1";

        let row = connection.optional(LOAD, &[(&*self.ring).into()]).await?;
        row.map(|row| row.bytes(0)).transpose()
    }
}

struct Replace {
    ring: Box<str>,
    expected: Option<Box<[u8]>>,
    document: Box<[u8]>,
}

impl Step for Replace {
    type Output = bool;

    const ACCESS: Access = Access::Write;

    async fn run(&self, connection: &mut Connection) -> Result<bool, Error> {
        const INSERT: &str = "INSERT INTO auth_signing_keys (ring, document) VALUES ($1, $2) \
            ON CONFLICT (ring) DO NOTHING";
        const UPDATE: &str = "UPDATE auth_signing_keys SET document = $2 \
            WHERE ring = $1 AND document = $3";

        let (ring, document) = ((&*self.ring).into(), (&*self.document).into());
        let rows = match &self.expected {
            None => connection.execute(INSERT, &[ring, document]).await?,
            Some(expected) => {
                let parameters = [ring, document, (&**expected).into()];
                connection.execute(UPDATE, &parameters).await?
            }
        };
        Ok(rows == 1)
    }
}

impl fmt::Debug for SqlSigningKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SqlSigningKeys").field(&self.pools).finish()
    }
}
