//! Changes of users.

use auth_layer::CredentialEpoch;
use login::password::{PasswordHash, UserRecord};
use sqlx::Error;

use super::InsertedUser;
use super::row::attributes;
use crate::attributes::searchable;
use crate::connection::{Connection, Value, undecodable};
use crate::step::{Access, Step};

pub(super) struct Insert {
    pub(super) username: String,
    pub(super) user: UserRecord,
}

impl Step for Insert {
    type Output = InsertedUser;

    const ACCESS: Access = Access::Write;

    async fn run(&self, connection: &mut Connection) -> Result<InsertedUser, Error> {
        const INSERT: &str = "INSERT INTO auth_users (username, subject, password_hash, \
            is_disabled, credential_epoch, attributes) VALUES ($1, $2, $3, $4, $5, $6) \
            ON CONFLICT DO NOTHING";

        let (username, subject) = (searchable(&self.username), searchable(&self.user.subject));
        if username.is_none() || subject.is_none() {
            return Ok(InsertedUser::Taken);
        }
        let attributes = attributes(&self.user)?;
        let [subject, hash, disabled, epoch, attributes] = columns(&self.user, &attributes)?;
        let parameters = [username.into(), subject, hash, disabled, epoch, attributes];
        Ok(match connection.execute(INSERT, &parameters).await? {
            0 => InsertedUser::Taken,
            _ => InsertedUser::Done,
        })
    }
}

/// All columns but the name.
fn columns<'a>(user: &'a UserRecord, attributes: &'a str) -> Result<[Value<'a>; 5], Error> {
    let epoch = user.credential_epoch.map(CredentialEpoch::as_u64);
    let epoch = epoch.map(i64::try_from).transpose();
    Ok([
        (&*user.subject).into(),
        user.password_hash.as_ref().map(PasswordHash::as_str).into(),
        user.is_disabled.into(),
        epoch.map_err(|error| Error::Encode(error.into()))?.into(),
        attributes.into(),
    ])
}

pub(super) struct Replace {
    pub(super) username: String,
    pub(super) user: UserRecord,
}

impl Step for Replace {
    type Output = bool;

    const ACCESS: Access = Access::Write;

    async fn run(&self, connection: &mut Connection) -> Result<bool, Error> {
        const REPLACE: &str = "UPDATE auth_users SET subject = $2, password_hash = $3, \
            is_disabled = $4, credential_epoch = $5, attributes = $6 WHERE username = $1";

        let attributes = attributes(&self.user)?;
        let [subject, hash, disabled, epoch, attributes] = columns(&self.user, &attributes)?;
        let username = searchable(&self.username).into();
        let parameters = [username, subject, hash, disabled, epoch, attributes];
        Ok(connection.execute(REPLACE, &parameters).await? == 1)
    }
}

pub(super) struct Remove(pub(super) String);

impl Step for Remove {
    type Output = bool;

    const ACCESS: Access = Access::Write;

    async fn run(&self, connection: &mut Connection) -> Result<bool, Error> {
        const REMOVE: &str = "DELETE FROM auth_users WHERE username = $1";

        let removed = connection
            .execute(REMOVE, &[searchable(&self.0).into()])
            .await?;
        Ok(removed == 1)
    }
}

pub(super) struct ReplaceHash {
    pub(super) subject: String,
    pub(super) old: PasswordHash,
    pub(super) new: PasswordHash,
}

impl Step for ReplaceHash {
    type Output = bool;

    const ACCESS: Access = Access::Write;

    async fn run(&self, connection: &mut Connection) -> Result<bool, Error> {
        const REPLACE: &str = "UPDATE auth_users SET password_hash = $3 \
            WHERE subject = $1 AND password_hash = $2";

        let parameters = [
            searchable(&self.subject).into(),
            searchable(self.old.as_str()).into(),
            self.new.as_str().into(),
        ];
        Ok(connection.execute(REPLACE, &parameters).await? == 1)
    }
}

pub(super) struct SetPassword {
    pub(super) subject: String,
    pub(super) hash: PasswordHash,
    /// Only if this is the epoch still.
    pub(super) expected: Option<CredentialEpoch>,
    #[cfg(feature = "digest")]
    pub(super) digest: Option<crate::digest_users::Put>,
}

impl Step for SetPassword {
    type Output = Option<CredentialEpoch>;

    const ACCESS: Access = Access::Transaction;

    async fn run(&self, connection: &mut Connection) -> Result<Self::Output, Error> {
        const SET: &str = "UPDATE auth_users SET password_hash = $2, \
            credential_epoch = COALESCE(credential_epoch, 0) + 1 WHERE subject = $1 \
            RETURNING credential_epoch";
        const SET_IF: &str = "UPDATE auth_users SET password_hash = $2, \
            credential_epoch = COALESCE(credential_epoch, 0) + 1 WHERE subject = $1 \
            AND COALESCE(credential_epoch, 0) = $3 RETURNING credential_epoch";

        let (subject, hash) = (searchable(&self.subject), self.hash.as_str());
        let row = if let Some(expected) = self.expected {
            let Ok(expected) = i64::try_from(expected.as_u64()) else {
                // None is stored that is so high.
                return Ok(None);
            };
            let parameters = [subject.into(), hash.into(), expected.into()];
            connection.optional(SET_IF, &parameters).await?
        } else {
            let parameters = [subject.into(), hash.into()];
            connection.optional(SET, &parameters).await?
        };
        let Some(row) = row else {
            return Ok(None);
        };
        #[cfg(feature = "digest")]
        if let Some(digest) = &self.digest {
            digest.run(connection).await?;
        }
        epoch(row.int(0)?).map(Some)
    }
}

pub(super) struct RaiseEpoch(pub(super) String);

impl Step for RaiseEpoch {
    type Output = Option<CredentialEpoch>;

    const ACCESS: Access = Access::Write;

    async fn run(&self, connection: &mut Connection) -> Result<Self::Output, Error> {
        const RAISE: &str = "UPDATE auth_users SET \
            credential_epoch = COALESCE(credential_epoch, 0) + 1 WHERE subject = $1 \
            RETURNING credential_epoch";

        let row = connection
            .optional(RAISE, &[searchable(&self.0).into()])
            .await?;
        row.map(|row| epoch(row.int(0)?)).transpose()
    }
}

fn epoch(number: i64) -> Result<CredentialEpoch, Error> {
    let number = u64::try_from(number).map_err(undecodable)?;
    Ok(CredentialEpoch::new(number))
}

pub(super) struct SetDisabled {
    pub(super) subject: String,
    pub(super) is_disabled: bool,
}

impl Step for SetDisabled {
    type Output = bool;

    const ACCESS: Access = Access::Write;

    async fn run(&self, connection: &mut Connection) -> Result<bool, Error> {
        const SET: &str = "UPDATE auth_users SET is_disabled = $2 WHERE subject = $1";

        let parameters = [searchable(&self.subject).into(), self.is_disabled.into()];
        Ok(connection.execute(SET, &parameters).await? == 1)
    }
}
