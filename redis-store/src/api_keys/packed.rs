//! A key as one value: a head of fixed size, which the scripts read and change, and the rest.
//!
//! | bytes | holds |
//! |---|---|
//! | 0 | the format, 1 |
//! | 1 | 1 if its owner has switched it off, else 0 |
//! | 2 | 1 if an operator has, else 0 |
//! | 3..11 | when it was revoked |
//! | 11..19 | when it was last used |
//! | 19..27 | when it was made |
//! | 27..35 | when it ends |
//! | 35..78 | the digest of its owner, as text |
//! | 78..110 | the digest of the key |
//! | 110 | 1 if there is a secret before, else 0 |
//! | 111..143 | the digest of the key with the secret before |
//! | 143..151 | when that was replaced |
//! | 151..159 | until when it is good |
//! | 159.. | JSON: owner, name, scopes, roles, networks, origins, limits |
//!
//! Times are milliseconds, big-endian, and all ones if there is none.

use std::error::Error;
use std::str::FromStr;
use std::sync::Arc;
use std::time::SystemTime;

use apikey_layer::{DisabledBy, KeyId, KeyRecord, Owner, PreviousSecret};
use auth_layer::{AuthError, Origin, Rate, ScopeSet, SecretDigest};
use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use crate::keys::{DIGEST, digest_of};
use crate::time::{millis, time};

const FORMAT: u8 = 1;
pub(super) const HEAD: usize = 159;
const OWNER: usize = 35;

/// Where the switch of each is.
pub(super) const fn switch(by: DisabledBy) -> &'static [u8] {
    match by {
        DisabledBy::Owner => b"1",
        DisabledBy::Operator => b"2",
    }
}

/// What the scripts do not look at. A field that this version does not know may be a restriction, so
/// that the key cannot be read.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Attributes {
    subject: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    issuer: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tenant: Option<String>,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    name: String,
    #[serde(default, skip_serializing_if = "ScopeSet::is_empty")]
    scopes: ScopeSet,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    roles: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    networks: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    origins: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    limits: Vec<String>,
}

/// What stands for an owner in names of keys.
pub(super) fn owner_text(owner: &Owner) -> [u8; DIGEST] {
    let (issuer, tenant) = (owner.issuer.as_deref(), owner.tenant.as_deref());
    digest_of(&[issuer, tenant, Some(&owner.subject)])
}

pub(super) fn pack(record: &KeyRecord) -> Vec<u8> {
    let owner = record.owner();
    let attributes = Attributes {
        subject: owner.subject.clone(),
        issuer: owner.issuer.clone(),
        tenant: owner.tenant.clone(),
        name: record.name().to_owned(),
        scopes: record.scopes().clone(),
        roles: record.roles().map(str::to_owned).collect(),
        networks: texts(record.allowed_cidrs()),
        origins: texts(record.allowed_origins()),
        limits: texts(record.limits()),
    };
    let attributes = serde_json::to_vec(&attributes).expect("texts can be written");
    let mut packed = Vec::with_capacity(HEAD + attributes.len());
    packed.push(FORMAT);
    for by in [DisabledBy::Owner, DisabledBy::Operator] {
        packed.push(u8::from(record.is_disabled_by(by)));
    }
    for time in [
        record.revoked_at(),
        record.last_used_at(),
        Some(record.created_at()),
        record.expires_at(),
    ] {
        packed.extend_from_slice(&packed_time(time));
    }
    packed.extend_from_slice(&owner_text(owner));
    packed.extend_from_slice(record.digest().as_bytes());
    let previous = record.previous();
    packed.push(u8::from(previous.is_some()));
    packed.extend_from_slice(&previous.map_or([0; 32], |previous| *previous.digest.as_bytes()));
    packed.extend_from_slice(&packed_time(previous.map(|previous| previous.replaced_at)));
    packed.extend_from_slice(&packed_time(previous.map(|previous| previous.valid_until)));
    packed.extend_from_slice(&attributes);
    packed
}

fn packed_time(time: Option<SystemTime>) -> [u8; 8] {
    time.map_or(u64::MAX, millis).to_be_bytes()
}

fn texts<T: ToString>(values: &[T]) -> Vec<String> {
    values.iter().map(T::to_string).collect()
}

/// Reads what [`pack`] wrote and scripts have changed.
pub(super) fn unpack(id: KeyId, packed: &[u8]) -> Result<Arc<KeyRecord>, AuthError> {
    match read(id, packed) {
        Ok(Some(record)) => Ok(Arc::new(record)),
        Ok(None) => Err(undecodable()),
        Err(error) => Err(undecodable().with_source(error)),
    }
}

#[cold]
fn undecodable() -> AuthError {
    AuthError::unavailable("redis_undecodable_key")
}

/// `None` if it is too short, of another format, or not what can be written.
fn read(id: KeyId, packed: &[u8]) -> Result<Option<KeyRecord>, Box<dyn Error + Send + Sync>> {
    let Some((head, rest)) = packed.split_at_checked(HEAD) else {
        return Ok(None);
    };
    let Some(head) = Head::read(head) else {
        return Ok(None);
    };
    let attributes: Attributes = serde_json::from_slice(rest)?;
    let mut owner = Owner::new(attributes.subject);
    owner.issuer = attributes.issuer;
    owner.tenant = attributes.tenant;
    if owner_text(&owner) != head.owner {
        return Ok(None);
    }
    let mut record = KeyRecord::new(id, head.digest, owner, head.created_at)
        .with_previous(head.previous)
        .with_expires_at(head.expires_at)
        .with_revoked_at(head.revoked_at)
        .with_last_used_at(head.last_used_at)
        .with_name(attributes.name)
        .with_scopes(attributes.scopes)
        .with_roles(attributes.roles)
        // What cannot be read must not become "without limit".
        .with_allowed_cidrs(parsed::<IpNet>(&attributes.networks)?)
        .with_allowed_origins(parsed::<Origin>(&attributes.origins)?)
        .with_limits(parsed::<Rate>(&attributes.limits)?);
    record.set_disabled(DisabledBy::Owner, head.disabled_by_owner);
    record.set_disabled(DisabledBy::Operator, head.disabled_by_operator);
    Ok(Some(record))
}

fn parsed<T: FromStr<Err: Error>>(texts: &[String]) -> Result<Vec<T>, T::Err> {
    texts.iter().map(|text| text.parse()).collect()
}

struct Head {
    disabled_by_owner: bool,
    disabled_by_operator: bool,
    revoked_at: Option<SystemTime>,
    last_used_at: Option<SystemTime>,
    created_at: SystemTime,
    expires_at: Option<SystemTime>,
    owner: [u8; DIGEST],
    digest: SecretDigest,
    previous: Option<PreviousSecret>,
}

impl Head {
    fn read(head: &[u8]) -> Option<Self> {
        if head[0] != FORMAT {
            return None;
        }
        let previous = if flag(head, 110)? {
            let digest = digest(head, 111)?;
            let (replaced_at, valid_until) = (at(head, 143)??, at(head, 151)??);
            Some(PreviousSecret::new(digest, replaced_at, valid_until))
        } else {
            None
        };
        Some(Self {
            disabled_by_owner: flag(head, 1)?,
            disabled_by_operator: flag(head, 2)?,
            revoked_at: at(head, 3)?,
            last_used_at: at(head, 11)?,
            created_at: at(head, 19)??,
            expires_at: at(head, 27)?,
            owner: *head.get(OWNER..)?.first_chunk()?,
            digest: digest(head, 78)?,
            previous,
        })
    }
}

fn flag(head: &[u8], place: usize) -> Option<bool> {
    match head.get(place)? {
        0 => Some(false),
        1 => Some(true),
        _ => None,
    }
}

/// The outer `None` is a time that cannot be read.
#[expect(
    clippy::option_option,
    reason = "that there is none is not that it is unreadable"
)]
fn at(head: &[u8], place: usize) -> Option<Option<SystemTime>> {
    match u64::from_be_bytes(*head.get(place..)?.first_chunk()?) {
        u64::MAX => Some(None),
        millis => time(millis).map(Some),
    }
}

fn digest(head: &[u8], place: usize) -> Option<SecretDigest> {
    Some(SecretDigest::from_bytes(*head.get(place..)?.first_chunk()?))
}

/// When a packed key was revoked, in milliseconds, by its head.
pub(super) fn revoked(head: &[u8]) -> Option<u64> {
    let at = u64::from_be_bytes(*head.get(3..)?.first_chunk()?);
    (at != u64::MAX).then_some(at)
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;

    fn id() -> KeyId {
        "abcdefghijkl".parse().unwrap()
    }

    fn plain() -> KeyRecord {
        let digest = SecretDigest::from_bytes([7; 32]);
        KeyRecord::new(id(), digest, Owner::new("ann"), UNIX_EPOCH)
    }

    fn full() -> KeyRecord {
        let at = |millis| UNIX_EPOCH + Duration::from_millis(millis);
        let mut owner = Owner::new("ann \u{0} ü");
        owner.issuer = Some("https://issuer.example".to_owned());
        owner.tenant = Some("acme".to_owned());
        let digest = SecretDigest::from_bytes([7; 32]);
        let before = SecretDigest::from_bytes([8; 32]);
        let mut record = KeyRecord::new(id(), digest, owner, at(1_001))
            .with_previous(PreviousSecret::new(before, at(1_500), at(0)))
            .with_expires_at(at(9_001))
            .with_revoked_at(at(0))
            .with_last_used_at(at(1_600))
            .with_name("build")
            .with_scopes("a b".parse().unwrap())
            .with_roles(["editor"])
            .with_allowed_cidrs(["10.0.0.0/8".parse().unwrap()])
            .with_allowed_origins(["https://app.example".parse().unwrap()])
            .with_limits(["5/m".parse().unwrap()]);
        record.set_disabled(DisabledBy::Operator, true);
        record
    }

    #[test]
    fn what_is_packed_is_unpacked() {
        for record in [plain(), full()] {
            let read = unpack(id(), &pack(&record)).unwrap();
            assert_eq!(format!("{read:?}"), format!("{record:?}"));
        }
    }

    #[test]
    fn x_18_what_was_not_packed_is_an_error_and_never_no_limit() {
        let whole = pack(&full());
        let mut damaged: Vec<_> = (0..whole.len())
            .map(|length| whole[..length].to_vec())
            .collect();
        for (place, byte) in [(0, 2), (1, 2), (2, 255), (110, 2), (OWNER, b'.')] {
            let mut packed = whole.clone();
            packed[place] = byte;
            damaged.push(packed);
        }
        let mut timeless = whole.clone();
        timeless[151..159].fill(255);
        damaged.push(timeless);
        let text = String::from_utf8(whole[HEAD..].to_vec()).unwrap();
        for (part, other) in [
            ("10.0.0.0/8", "10.0.0.0/40"),
            ("https://app.example", "nowhere"),
            ("5/", "0/"),
            ("networks", "netwerks"),
        ] {
            let changed = text.replace(part, other);
            assert_ne!(changed, text, "{part}");
            damaged.push([&whole[..HEAD], changed.as_bytes()].concat());
        }
        for packed in damaged {
            let error = unpack(id(), &packed).unwrap_err();
            assert_eq!(error.reason(), "redis_undecodable_key");
        }
    }
}
