//! A user as a row, and the statements that only read.

use login::password::{PasswordHash, UserRecord};
use sqlx::Error;

use crate::attributes::{Attributes, from_json, searchable, to_json};
use crate::connection::{Connection, Row, undecodable};
use crate::step::{Access, Step};

pub(super) fn attributes(user: &UserRecord) -> Result<String, Error> {
    to_json(&Attributes {
        issuer: None,
        tenant: user.tenant.as_deref().map(str::to_owned),
        roles: user.roles.iter().map(|role| role.to_string()).collect(),
        scopes: user.scopes.clone(),
    })
}

fn decode(row: &Row) -> Result<UserRecord, Error> {
    let attributes: Attributes = from_json(&row.text(4)?)?;
    let mut user = UserRecord::new(row.text(0)?).with_disabled(row.bool(2)?);
    user.password_hash = row.optional_text(1)?.map(PasswordHash::from);
    // Never without one: a login would get the epoch that holds when its session begins, and so
    // outlive a change that came after its password was checked.
    let epoch = row.optional_int(3)?.unwrap_or(0);
    user = user.with_credential_epoch(u64::try_from(epoch).map_err(undecodable)?);
    user.tenant = attributes.tenant.map(Into::into);
    user.roles = attributes.roles.into_iter().map(Into::into).collect();
    user.scopes = attributes.scopes;
    Ok(user)
}

pub(super) struct Find(pub(super) String);

impl Step for Find {
    type Output = Option<UserRecord>;

    const ACCESS: Access = Access::Read;

    async fn run(&self, connection: &mut Connection) -> Result<Option<UserRecord>, Error> {
        const FIND: &str = "SELECT subject, password_hash, is_disabled, credential_epoch, \
            attributes FROM auth_users WHERE username = $1";

        let row = connection
            .optional(FIND, &[searchable(&self.0).into()])
            .await?;
        row.as_ref().map(decode).transpose()
    }
}

pub(super) struct FindBySubject(pub(super) String);

impl Step for FindBySubject {
    type Output = Option<(String, UserRecord)>;

    const ACCESS: Access = Access::Read;

    async fn run(&self, connection: &mut Connection) -> Result<Self::Output, Error> {
        const FIND: &str = "SELECT subject, password_hash, is_disabled, credential_epoch, \
            attributes, username FROM auth_users WHERE subject = $1";

        let row = connection
            .optional(FIND, &[searchable(&self.0).into()])
            .await?;
        row.map(|row| Ok((row.text(5)?, decode(&row)?))).transpose()
    }
}
