//! A series as a row: how it comes, is found and goes.

use auth_layer::SecretDigest;
use session_layer::{NewSeries, RememberedLogin, UserKey};
use sqlx::Error;

use crate::connection::{Connection, Row, undecodable};
use crate::key::lock_of;
use crate::step::{Access, Step};
use crate::time::millis;

pub(super) fn decode(row: &Row) -> Result<RememberedLogin, Error> {
    RememberedLogin::decode(&row.bytes(0)?).map_err(undecodable)
}

pub(super) struct Insert(pub(super) NewSeries);

impl Step for Insert {
    type Output = bool;

    const ACCESS: Access = Access::Transaction;

    async fn run(&self, connection: &mut Connection) -> Result<bool, Error> {
        const INSERT: &str = "INSERT INTO auth_remembered_logins \
            (series_digest, user_key, current_secret, began_at, ends_at, login) \
            VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING";
        const OTHERS: &str = "SELECT series_digest FROM auth_remembered_logins \
            WHERE user_key = $1 AND series_digest <> $2 AND ends_at > $3 ORDER BY began_at";
        const END: &str = "DELETE FROM auth_remembered_logins WHERE series_digest = $1";

        let Self(new) = self;
        let user = new.login.user();
        lock_user(connection, &user).await?;
        let (series, login) = (new.series.as_bytes(), new.login.encode());
        let parameters = [
            series.into(),
            user.as_bytes().into(),
            new.secret.as_bytes().into(),
            millis(new.login.began_at).into(),
            millis(new.login.ends_at).into(),
            login.as_slice().into(),
        ];
        if connection.execute(INSERT, &parameters).await? == 0 {
            return Ok(false);
        }
        // Those that are over take no place.
        let now = millis(new.login.began_at);
        let parameters = [user.as_bytes().into(), series.into(), now.into()];
        let others = connection.all(OTHERS, &parameters).await?;
        let room = usize::try_from(new.max_per_user)
            .unwrap_or(usize::MAX)
            .max(1)
            - 1;
        let excess = others.len().saturating_sub(room);
        for other in &others[..excess] {
            let other: [u8; 32] = other.array(0)?;
            connection.execute(END, &[(&other).into()]).await?;
        }
        Ok(true)
    }
}

/// Waits for whoever else adds or ends the series of this user.
async fn lock_user(connection: &mut Connection, user: &UserKey) -> Result<(), Error> {
    connection
        .lock(lock_of("remembered user", user.as_bytes()))
        .await
}

pub(super) struct Find(pub(super) SecretDigest);

impl Step for Find {
    type Output = Option<RememberedLogin>;

    const ACCESS: Access = Access::Read;

    async fn run(&self, connection: &mut Connection) -> Result<Self::Output, Error> {
        const FIND: &str = "SELECT login FROM auth_remembered_logins WHERE series_digest = $1";

        let row = connection
            .optional(FIND, &[self.0.as_bytes().into()])
            .await?;
        row.as_ref().map(decode).transpose()
    }
}

pub(super) struct Delete(pub(super) SecretDigest);

impl Step for Delete {
    type Output = bool;

    const ACCESS: Access = Access::Write;

    async fn run(&self, connection: &mut Connection) -> Result<bool, Error> {
        const DELETE: &str = "DELETE FROM auth_remembered_logins WHERE series_digest = $1";

        Ok(connection
            .execute(DELETE, &[self.0.as_bytes().into()])
            .await?
            == 1)
    }
}

pub(super) struct DeleteAll {
    pub(super) user: UserKey,
    pub(super) except: Option<SecretDigest>,
}

impl Step for DeleteAll {
    type Output = u64;

    const ACCESS: Access = Access::Transaction;

    async fn run(&self, connection: &mut Connection) -> Result<u64, Error> {
        // No digest is empty.
        const DELETE: &str = "DELETE FROM auth_remembered_logins \
            WHERE user_key = $1 AND series_digest <> $2";

        lock_user(connection, &self.user).await?;
        let except = self.except.as_ref();
        let except = except.map_or(&[][..], |digest| digest.as_bytes());
        let parameters = [self.user.as_bytes().into(), except.into()];
        connection.execute(DELETE, &parameters).await
    }
}
