//! A session as a row, and the statements that only read.

use auth_layer::SecretDigest;
use session_layer::{NewSession, SessionData, SessionRecord, UserKey};
use sqlx::Error;

use crate::connection::{Connection, Row, undecodable};
use crate::key::lock_of;
use crate::step::{Access, Step};
use crate::time::{millis, time};

/// Stores a session if neither its secret nor its id is taken; says whether that was so.
pub(super) async fn insert(
    connection: &mut Connection,
    session: &NewSession,
) -> Result<bool, Error> {
    const INSERT: &str = "INSERT INTO auth_sessions (secret_digest, session_id, user_key, version, \
        created_at, last_seen_at, expires_at, ends_at, record, data) \
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT DO NOTHING";

    let record = &session.record;
    let user = record.user();
    let version = i64::try_from(record.version).map_err(|error| Error::Encode(error.into()))?;
    let ends_at = millis(record.ends_at);
    let inserted = connection
        .execute(
            INSERT,
            &[
                session.secret.as_bytes().into(),
                record.id.as_bytes().into(),
                user.as_ref().map(UserKey::as_bytes).into(),
                version.into(),
                millis(record.created_at).into(),
                millis(record.last_seen_at).into(),
                millis(record.expires_at).min(ends_at).into(),
                ends_at.into(),
                record.encode().as_slice().into(),
                record.data.as_bytes().as_ref().into(),
            ],
        )
        .await?;
    Ok(inserted == 1)
}

/// Waits for whoever else counts, adds or ends the sessions of these users. Always in one order, so
/// that nobody waits in a circle.
pub(super) async fn lock_users(
    connection: &mut Connection,
    users: impl IntoIterator<Item = UserKey>,
) -> Result<(), Error> {
    let mut users: Vec<_> = users.into_iter().collect();
    users.sort_unstable();
    users.dedup();
    for user in users {
        connection.lock(lock_of("user", user.as_bytes())).await?;
    }
    Ok(())
}

/// A session, read in the middle of a transaction.
pub(super) async fn find(
    connection: &mut Connection,
    secret: &SecretDigest,
) -> Result<Option<SessionRecord>, Error> {
    const FIND: &str = "SELECT record, version, last_seen_at, expires_at, data FROM auth_sessions \
        WHERE secret_digest = $1";

    let row = connection
        .optional(FIND, &[secret.as_bytes().into()])
        .await?;
    row.as_ref().map(decode).transpose()
}

/// Ends a session and returns what it was.
pub(super) async fn take(
    connection: &mut Connection,
    secret: &SecretDigest,
) -> Result<Option<SessionRecord>, Error> {
    const TAKE: &str = "DELETE FROM auth_sessions WHERE secret_digest = $1 \
        RETURNING record, version, last_seen_at, expires_at, data";

    let row = connection
        .optional(TAKE, &[secret.as_bytes().into()])
        .await?;
    row.as_ref().map(decode).transpose()
}

fn decode(row: &Row) -> Result<SessionRecord, Error> {
    let version = u64::try_from(row.int(1)?).map_err(undecodable)?;
    let data = SessionData::from_bytes(row.bytes(4)?.into());
    let (last_seen_at, expires_at) = (time(row.int(2)?), time(row.int(3)?));
    SessionRecord::decode(&row.bytes(0)?, version, last_seen_at, expires_at, data)
        .map_err(undecodable)
}

pub(super) struct Find(pub(super) SecretDigest);

impl Step for Find {
    type Output = Option<SessionRecord>;

    const ACCESS: Access = Access::Read;

    async fn run(&self, connection: &mut Connection) -> Result<Option<SessionRecord>, Error> {
        find(connection, &self.0).await
    }
}

pub(super) struct List(pub(super) UserKey);

impl Step for List {
    type Output = Vec<SessionRecord>;

    const ACCESS: Access = Access::Read;

    async fn run(&self, connection: &mut Connection) -> Result<Vec<SessionRecord>, Error> {
        const LIST: &str = "SELECT record, version, last_seen_at, expires_at, data \
            FROM auth_sessions WHERE user_key = $1";

        let rows = connection.all(LIST, &[self.0.as_bytes().into()]).await?;
        rows.iter().map(decode).collect()
    }
}
