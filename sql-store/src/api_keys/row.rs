//! A key as a row, and the statements that only read.

use std::error::Error;
use std::str::FromStr;
use std::sync::Arc;

use apikey_layer::{DisabledBy, KeyId, KeyRecord, Owner, PreviousSecret};
use auth_layer::{Origin, Rate, ScopeSet, SecretDigest};
use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use crate::attributes::{from_json, to_json};
use crate::connection::{Connection, Row, undecodable};
use crate::key::key_of;
use crate::step::{Access, Step};
use crate::time::time;

/// Issuer and tenant are the owner's. A member that is not known may be a limit that a newer version has
/// set: such a key cannot be read.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyAttributes {
    subject: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    issuer: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tenant: Option<String>,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    name: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    roles: Vec<String>,
    #[serde(default, skip_serializing_if = "ScopeSet::is_empty")]
    scopes: ScopeSet,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    networks: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    origins: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    limits: Vec<String>,
}

pub(super) fn attributes(record: &KeyRecord) -> Result<String, sqlx::Error> {
    to_json(&KeyAttributes {
        subject: record.owner().subject.clone(),
        issuer: record.owner().issuer.clone(),
        tenant: record.owner().tenant.clone(),
        name: record.name().to_owned(),
        roles: record.roles().map(str::to_owned).collect(),
        scopes: record.scopes().clone(),
        networks: texts(record.allowed_cidrs()),
        origins: texts(record.allowed_origins()),
        limits: texts(record.limits()),
    })
}

fn texts<T: ToString>(values: &[T]) -> Vec<String> {
    values.iter().map(T::to_string).collect()
}

/// What a key is limited to. What cannot be read must not become "without limit".
fn parsed<T: FromStr<Err: Error + Send + Sync + 'static>>(
    texts: &[String],
) -> Result<Vec<T>, sqlx::Error> {
    let values: Result<_, T::Err> = texts.iter().map(|text| text.parse()).collect();
    values.map_err(undecodable)
}

pub(super) fn owner_key(owner: &Owner) -> [u8; 32] {
    let Owner {
        issuer,
        tenant,
        subject,
        ..
    } = owner;
    let names = [issuer.as_deref(), tenant.as_deref(), Some(subject.as_str())];
    key_of("key owner", &names)
}

/// The columns that [`decode`] reads, in their order.
macro_rules! columns {
    () => {
        "key_id, digest, previous_digest, previous_replaced_at, previous_valid_until, created_at, \
         expires_at, revoked_at, last_used_at, disabled_by_owner, disabled_by_operator, attributes"
    };
}

fn decode(row: &Row) -> Result<Arc<KeyRecord>, sqlx::Error> {
    let attributes: KeyAttributes = from_json(&row.text(11)?)?;
    let mut owner = Owner::new(attributes.subject);
    owner.issuer = attributes.issuer;
    owner.tenant = attributes.tenant;
    let id: KeyId = row.text(0)?.parse().map_err(undecodable)?;
    let digest = SecretDigest::from_bytes(row.array(1)?);
    let previous = (
        row.optional_array(2)?,
        row.optional_int(3)?,
        row.optional_int(4)?,
    );
    let previous = match previous {
        (Some(digest), Some(replaced), Some(until)) => {
            let digest = SecretDigest::from_bytes(digest);
            Some(PreviousSecret::new(digest, time(replaced), time(until)))
        }
        (None, None, None) => None,
        _ => return Err(undecodable("a previous secret without its times")),
    };
    let mut record = KeyRecord::new(id, digest, owner, time(row.int(5)?))
        .with_previous(previous)
        .with_expires_at(row.optional_int(6)?.map(time))
        .with_revoked_at(row.optional_int(7)?.map(time))
        .with_last_used_at(row.optional_int(8)?.map(time))
        .with_name(attributes.name)
        .with_roles(attributes.roles)
        .with_scopes(attributes.scopes)
        .with_allowed_cidrs(parsed::<IpNet>(&attributes.networks)?)
        .with_allowed_origins(parsed::<Origin>(&attributes.origins)?)
        .with_limits(parsed::<Rate>(&attributes.limits)?);
    record.set_disabled(DisabledBy::Owner, row.bool(9)?);
    record.set_disabled(DisabledBy::Operator, row.bool(10)?);
    Ok(Arc::new(record))
}

pub(super) struct Find(pub(super) KeyId);

impl Step for Find {
    type Output = Option<Arc<KeyRecord>>;

    const ACCESS: Access = Access::Read;

    async fn run(&self, connection: &mut Connection) -> Result<Self::Output, sqlx::Error> {
        const FIND: &str = concat!(
            "SELECT ",
            columns!(),
            " FROM auth_api_keys WHERE key_id = $1"
        );

        let row = connection.optional(FIND, &[self.0.as_str().into()]).await?;
        row.as_ref().map(decode).transpose()
    }
}

pub(super) struct List {
    pub(super) owner: [u8; 32],
    pub(super) after: Option<KeyId>,
    pub(super) limit: i64,
}

impl Step for List {
    type Output = Vec<Arc<KeyRecord>>;

    const ACCESS: Access = Access::Read;

    async fn run(&self, connection: &mut Connection) -> Result<Self::Output, sqlx::Error> {
        const LIST: &str = concat!(
            "SELECT ",
            columns!(),
            " FROM auth_api_keys WHERE owner_key = $1 AND key_id > $2 ORDER BY key_id LIMIT $3"
        );

        // No id is empty, so all come after it.
        let after = self.after.as_ref().map_or("", KeyId::as_str);
        let parameters = [(&self.owner).into(), after.into(), self.limit.into()];
        let rows = connection.all(LIST, &parameters).await?;
        rows.iter().map(decode).collect()
    }
}

pub(super) struct ListAll {
    pub(super) after: Option<KeyId>,
    pub(super) limit: i64,
}

impl Step for ListAll {
    type Output = Vec<Arc<KeyRecord>>;

    const ACCESS: Access = Access::Read;

    async fn run(&self, connection: &mut Connection) -> Result<Self::Output, sqlx::Error> {
        const LIST: &str = concat!(
            "SELECT ",
            columns!(),
            " FROM auth_api_keys WHERE key_id > $1 ORDER BY key_id LIMIT $2"
        );

        let after = self.after.as_ref().map_or("", KeyId::as_str);
        let rows = connection
            .all(LIST, &[after.into(), self.limit.into()])
            .await?;
        rows.iter().map(decode).collect()
    }
}
