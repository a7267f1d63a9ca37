//! A key as a row, and the statements that only read.

use std::sync::Arc;

use apikey_layer::{KeyId, KeyRecord, Owner, PreviousSecret};
use auth_layer::SecretDigest;
use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use sqlx::Error;

use crate::attributes::{Attributes, from_json, to_json};
use crate::connection::{Connection, Row, undecodable};
use crate::key::key_of;
use crate::step::{Access, Step};
use crate::time::time;

/// Issuer and tenant are the owner's.
#[derive(Serialize, Deserialize)]
struct KeyAttributes {
    subject: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    name: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    networks: Vec<String>,
    #[serde(flatten)]
    rest: Attributes,
}

pub(super) fn attributes(record: &KeyRecord) -> Result<String, Error> {
    to_json(&KeyAttributes {
        subject: record.owner.subject.clone(),
        name: record.name.clone(),
        networks: record.allowed_cidrs.iter().map(IpNet::to_string).collect(),
        rest: Attributes {
            issuer: record.owner.issuer.clone(),
            tenant: record.owner.tenant.clone(),
            roles: record.roles.clone(),
            scopes: record.scopes.clone(),
        },
    })
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

fn decode(row: &Row) -> Result<Arc<KeyRecord>, Error> {
    let attributes: KeyAttributes = from_json(&row.text(9)?)?;
    let mut owner = Owner::new(attributes.subject);
    owner.issuer = attributes.rest.issuer;
    owner.tenant = attributes.rest.tenant;
    let id: KeyId = row.text(0)?.parse().map_err(undecodable)?;
    let digest = SecretDigest::from_bytes(row.array(1)?);
    let mut record = KeyRecord::new(id, digest, owner, time(row.int(4)?));
    record.previous = match (row.optional_array(2)?, row.optional_int(3)?) {
        (Some(digest), Some(until)) => {
            let digest = SecretDigest::from_bytes(digest);
            Some(PreviousSecret::new(digest, time(until)))
        }
        _ => None,
    };
    record.expires_at = row.optional_int(5)?.map(time);
    record.revoked_at = row.optional_int(6)?.map(time);
    record.disabled_by_owner = row.bool(7)?;
    record.disabled_by_operator = row.bool(8)?;
    record.name = attributes.name;
    record.roles = attributes.rest.roles;
    record.scopes = attributes.rest.scopes;
    // A network that cannot be read must not become "from anywhere".
    let networks = attributes.networks.iter().map(|network| network.parse());
    record.allowed_cidrs = networks
        .collect::<Result<_, ipnet::AddrParseError>>()
        .map_err(undecodable)?;
    Ok(Arc::new(record))
}

pub(super) struct Find(pub(super) KeyId);

impl Step for Find {
    type Output = Option<Arc<KeyRecord>>;

    const ACCESS: Access = Access::Read;

    async fn run(&self, connection: &mut Connection) -> Result<Self::Output, Error> {
        const FIND: &str = "SELECT key_id, digest, previous_digest, previous_valid_until, \
            created_at, expires_at, revoked_at, disabled_by_owner, disabled_by_operator, attributes \
            FROM auth_api_keys WHERE key_id = $1";

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

    async fn run(&self, connection: &mut Connection) -> Result<Self::Output, Error> {
        const LIST: &str = "SELECT key_id, digest, previous_digest, previous_valid_until, \
            created_at, expires_at, revoked_at, disabled_by_owner, disabled_by_operator, attributes \
            FROM auth_api_keys WHERE owner_key = $1 AND key_id > $2 ORDER BY key_id LIMIT $3";

        // No id is empty, so all come after it.
        let after = self.after.as_ref().map_or("", KeyId::as_str);
        let parameters = [(&self.owner).into(), after.into(), self.limit.into()];
        let rows = connection.all(LIST, &parameters).await?;
        rows.iter().map(decode).collect()
    }
}
