//! Users of HTTP Digest: [`SqlDigestUsers`].

use std::fmt;
use std::sync::Arc;

use auth_layer::digest::{Algorithm, DigestRecord, DigestStore, Ha1, UserHash};
use auth_layer::{AuthError, ExposeSecret, Identity};
use sqlx::Error;

use crate::attributes::{Attributes, from_json, searchable, to_json};
use crate::connection::{Connection, undecodable};
use crate::database::Pools;
use crate::key::key_of;
use crate::step::{Access, Step};

const REASON: &str = "sql_digest_users";

/// Digest users of one realm, in the tables `auth_digest_users` and `auth_digest_hashes`: a
/// [`DigestStore`] that finds by name and by the hash of the name.
///
/// What is stored, the [`Ha1`], is as good as the password within its realm: whoever reads the table
/// can log in. That is how Digest is made; keep the database accordingly.
///
/// A user who is disabled in `auth_users`, under the same subject, is not found.
#[derive(Clone)]
pub struct SqlDigestUsers {
    pools: Pools,
    realm: Arc<str>,
}

impl SqlDigestUsers {
    pub(crate) fn new(pools: Pools, realm: &str) -> Self {
        Self {
            pools,
            realm: Arc::from(realm),
        }
    }

    /// Adds a user, or replaces the record of one, in one atomic step. Of the record's identity,
    /// issuer, tenant, subject, roles and scopes are kept.
    ///
    /// # Errors
    ///
    /// Fails if the database cannot be asked, or cannot keep the name or the subject because it has the
    /// character 0 in it; then nothing is changed.
    pub async fn set(&self, username: &str, record: DigestRecord) -> Result<(), AuthError> {
        self.pools.run(self.put_of(username, record), REASON).await
    }

    /// Removes a user; false if there was none of that name.
    ///
    /// # Errors
    ///
    /// Fails if the database cannot be asked; then nothing is changed.
    pub async fn remove(&self, username: &str) -> Result<bool, AuthError> {
        self.pools.run(Remove(self.key(username)), REASON).await
    }

    pub(crate) fn put_of(&self, username: &str, record: DigestRecord) -> Put {
        Put {
            key: self.key(username),
            realm: Arc::clone(&self.realm),
            username: username.to_owned(),
            record,
        }
    }

    fn key(&self, username: &str) -> [u8; 32] {
        key_of("digest user", &[Some(&self.realm), Some(username)])
    }
}

impl DigestStore for SqlDigestUsers {
    async fn find(&self, username: &str) -> Result<Option<DigestRecord>, AuthError> {
        self.pools.run(Find(self.key(username)), REASON).await
    }

    async fn find_by_userhash(
        &self,
        userhash: &UserHash,
    ) -> Result<Option<DigestRecord>, AuthError> {
        let step = FindByHash {
            realm: Arc::clone(&self.realm),
            userhash: userhash.clone(),
        };
        self.pools.run(step, REASON).await
    }
}

/// Stores a record in the place of what is there.
pub(crate) struct Put {
    key: [u8; 32],
    realm: Arc<str>,
    username: String,
    record: DigestRecord,
}

impl Step for Put {
    type Output = ();

    const ACCESS: Access = Access::Transaction;

    async fn run(&self, connection: &mut Connection) -> Result<(), Error> {
        const USER: &str = "INSERT INTO auth_digest_users \
            (user_key, realm, username, subject, attributes) VALUES ($1, $2, $3, $4, $5) \
            ON CONFLICT (user_key) DO UPDATE SET \
            subject = excluded.subject, attributes = excluded.attributes";
        const FORGET: &str = "DELETE FROM auth_digest_hashes WHERE user_key = $1";
        const HASH: &str = "INSERT INTO auth_digest_hashes (user_key, algorithm, ha1, userhash) \
            VALUES ($1, $2, $3, $4)";

        let identity = self.record.identity();
        let attributes = to_json(&Attributes {
            issuer: identity.issuer().map(str::to_owned),
            tenant: identity.tenant().map(str::to_owned),
            roles: identity.roles().map(str::to_owned).collect(),
            scopes: identity.scopes().clone(),
        })?;
        let parameters = [
            (&self.key).into(),
            (&*self.realm).into(),
            self.username.as_str().into(),
            searchable(identity.subject()).into(),
            attributes.as_str().into(),
        ];
        // From here on others who change the same user wait.
        connection.execute(USER, &parameters).await?;
        connection.execute(FORGET, &[(&self.key).into()]).await?;
        for algorithm in [Algorithm::Md5, Algorithm::Sha256, Algorithm::Sha512_256] {
            let Some(ha1) = self.record.ha1(algorithm) else {
                continue;
            };
            let hex = ha1.to_hex();
            let userhash = UserHash::of(algorithm, &self.username, &self.realm);
            let parameters = [
                (&self.key).into(),
                algorithm.name().into(),
                hex.expose_secret().into(),
                userhash.as_bytes().into(),
            ];
            connection.execute(HASH, &parameters).await?;
        }
        Ok(())
    }
}

struct Remove([u8; 32]);

impl Step for Remove {
    type Output = bool;

    const ACCESS: Access = Access::Transaction;

    async fn run(&self, connection: &mut Connection) -> Result<bool, Error> {
        const LOCK: &str = "UPDATE auth_digest_users SET subject = subject WHERE user_key = $1";
        const HASHES: &str = "DELETE FROM auth_digest_hashes WHERE user_key = $1";
        const USER: &str = "DELETE FROM auth_digest_users WHERE user_key = $1";

        // So that no hash of a new record comes between the two.
        connection.execute(LOCK, &[(&self.0).into()]).await?;
        connection.execute(HASHES, &[(&self.0).into()]).await?;
        Ok(connection.execute(USER, &[(&self.0).into()]).await? == 1)
    }
}

struct Find([u8; 32]);

impl Step for Find {
    type Output = Option<DigestRecord>;

    const ACCESS: Access = Access::Read;

    async fn run(&self, connection: &mut Connection) -> Result<Option<DigestRecord>, Error> {
        find(connection, &self.0).await
    }
}

struct FindByHash {
    realm: Arc<str>,
    userhash: UserHash,
}

impl Step for FindByHash {
    type Output = Option<DigestRecord>;

    const ACCESS: Access = Access::Read;

    async fn run(&self, connection: &mut Connection) -> Result<Option<DigestRecord>, Error> {
        const KEY: &str = "SELECT u.user_key, u.username FROM auth_digest_hashes h \
            JOIN auth_digest_users u ON u.user_key = h.user_key \
            WHERE h.userhash = $1 AND h.algorithm = $2 AND u.realm = $3";

        let parameters = [
            self.userhash.as_bytes().into(),
            self.userhash.algorithm().name().into(),
            searchable(&self.realm).into(),
        ];
        match connection.optional(KEY, &parameters).await? {
            Some(row) => find(connection, &row.array(0)?).await,
            None => Ok(None),
        }
    }
}

/// In one statement, so that no half of a change is seen.
async fn find(connection: &mut Connection, key: &[u8; 32]) -> Result<Option<DigestRecord>, Error> {
    const FIND: &str = "SELECT d.subject, d.attributes, h.algorithm, h.ha1 \
        FROM auth_digest_users d \
        JOIN auth_digest_hashes h ON h.user_key = d.user_key \
        LEFT JOIN auth_users u ON u.subject = d.subject \
        WHERE d.user_key = $1 AND COALESCE(u.is_disabled, $2) = $2";

    let rows = connection.all(FIND, &[key.into(), false.into()]).await?;
    let Some(first) = rows.first() else {
        return Ok(None);
    };
    let attributes: Attributes = from_json(&first.text(1)?)?;
    let mut identity = Identity::builder("digest", first.text(0)?)
        .roles(attributes.roles)
        .scopes(attributes.scopes);
    if let Some(issuer) = attributes.issuer {
        identity = identity.issuer(issuer);
    }
    if let Some(tenant) = attributes.tenant {
        identity = identity.tenant(tenant);
    }
    let mut hashes = Vec::with_capacity(rows.len());
    for row in &rows {
        let algorithm = Algorithm::from_name(&row.text(2)?);
        let ha1 = match algorithm {
            Some(algorithm) => Ha1::from_hex(algorithm, &row.text(3)?),
            // Of a newer version: nobody logs in with it here.
            None => continue,
        };
        hashes.push(ha1.ok_or_else(|| undecodable("not the output of its algorithm"))?);
    }
    Ok(Some(DigestRecord::new(identity.build(), hashes)))
}

impl fmt::Debug for SqlDigestUsers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqlDigestUsers")
            .field("realm", &self.realm)
            .field("database", &self.pools)
            .finish()
    }
}
