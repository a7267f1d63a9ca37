//! The stored form of the part of a record that never changes.
//!
//! A version, flags that say which fields follow, the id, the times, and the fields, in the order of
//! the flags. A new field goes to the end under a new flag: versions that do not know it pass over
//! it, as nothing behind the last field they know is read. Anything else takes a new version.

use std::error::Error;
use std::fmt;
use std::net::IpAddr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use auth_layer::{CredentialEpoch, Factor, FactorKind, Identity, ScopeSet, SecretDigest};
use bytes::Bytes;

use super::wire::{self, Reader};
use super::{Device, SessionData, SessionRecord};
use crate::SessionId;

const VERSION: u8 = 1;

/// Which fields follow.
mod flag {
    pub(super) const LOGIN: u64 = 1;
    pub(super) const ISSUER: u64 = 1 << 1;
    pub(super) const ROLES: u64 = 1 << 2;
    pub(super) const FACTORS: u64 = 1 << 3;
    pub(super) const AUTH_TIME: u64 = 1 << 4;
    pub(super) const ADDRESS_V4: u64 = 1 << 5;
    pub(super) const USER_AGENT: u64 = 1 << 6;
    pub(super) const ADDRESS_V6: u64 = 1 << 7;
    pub(super) const TENANT: u64 = 1 << 8;
    pub(super) const SCOPES: u64 = 1 << 9;
    pub(super) const ACR: u64 = 1 << 10;
    pub(super) const EPOCH: u64 = 1 << 11;
    pub(super) const CLAIMS: u64 = 1 << 12;
    pub(super) const SERIES: u64 = 1 << 13;
}

impl SessionRecord {
    /// Writes what never changes in a session: everything but `version`, `data`, `last_seen_at`
    /// and `expires_at`. Times are kept to the millisecond.
    ///
    /// A compact binary form, some 80 bytes for a login without a `User-Agent`. Its first byte is a
    /// version.
    pub fn encode(&self) -> Vec<u8> {
        let created = millis(self.created_at);
        let since = |time| wire::difference(millis(time), created);
        let mut fields = Vec::with_capacity(192);
        let mut flags = 0;

        if let Some(login) = &self.login {
            flags |= flag::LOGIN;
            wire::put_text(&mut fields, login.subject());
            if let Some(issuer) = login.issuer() {
                flags |= flag::ISSUER;
                wire::put_text(&mut fields, issuer);
            }
            if login.roles().len() > 0 {
                flags |= flag::ROLES;
                wire::put_texts(&mut fields, login.roles());
            }
            if !login.factors().is_empty() {
                flags |= flag::FACTORS;
                wire::put_length(&mut fields, login.factors().len());
                for factor in login.factors() {
                    wire::put_text(&mut fields, factor.kind().as_str());
                    wire::put_number(&mut fields, since(factor.proved_at()));
                }
            }
            if let Some(time) = login.auth_time() {
                flags |= flag::AUTH_TIME;
                wire::put_number(&mut fields, since(time));
            }
        }
        if let Some(IpAddr::V4(address)) = self.device.address() {
            flags |= flag::ADDRESS_V4;
            fields.extend(address.octets());
        }
        if let Some(user_agent) = self.device.user_agent() {
            flags |= flag::USER_AGENT;
            wire::put_text(&mut fields, user_agent);
        }
        if let Some(IpAddr::V6(address)) = self.device.address() {
            flags |= flag::ADDRESS_V6;
            fields.extend(address.octets());
        }
        if let Some(login) = &self.login {
            if let Some(tenant) = login.tenant() {
                flags |= flag::TENANT;
                wire::put_text(&mut fields, tenant);
            }
            if !login.scopes().is_empty() {
                flags |= flag::SCOPES;
                wire::put_texts(&mut fields, login.scopes().iter());
            }
            if let Some(acr) = login.acr() {
                flags |= flag::ACR;
                wire::put_text(&mut fields, acr);
            }
            if let Some(epoch) = login.extra::<CredentialEpoch>() {
                flags |= flag::EPOCH;
                wire::put_number(&mut fields, epoch.as_u64());
            }
            if let Some(claims) = login.raw_claims() {
                flags |= flag::CLAIMS;
                wire::put_bytes(&mut fields, claims);
            }
        }
        if let Some(series) = &self.remembered_by {
            flags |= flag::SERIES;
            fields.extend(series.as_bytes());
        }

        let mut stored = Vec::with_capacity(fields.len() + 32);
        stored.push(VERSION);
        wire::put_number(&mut stored, flags);
        stored.extend(self.id.as_bytes());
        wire::put_number(&mut stored, created);
        wire::put_number(&mut stored, since(self.ends_at));
        stored.append(&mut fields);
        stored
    }

    /// Reads what [`encode`](Self::encode) wrote, and takes the rest from where the store keeps it.
    ///
    /// # Errors
    ///
    /// Fails if `stored` was not written by `encode`.
    pub fn decode(
        stored: &[u8],
        version: u64,
        last_seen_at: SystemTime,
        expires_at: SystemTime,
        data: SessionData,
    ) -> Result<Self, DecodeRecordError> {
        let (head, mut fields) = Head::read(stored)?;
        let mut login = None;
        if head.has(flag::LOGIN) {
            let mut identity = Identity::builder(crate::SCHEME, fields.text()?)
                .session_id(head.id.to_string())
                .expires_at(head.ends_at);
            if head.has(flag::ISSUER) {
                identity = identity.issuer(fields.text()?);
            }
            if head.has(flag::ROLES) {
                for _ in 0..fields.length()? {
                    identity = identity.role(fields.text()?);
                }
            }
            if head.has(flag::FACTORS) {
                for _ in 0..fields.length()? {
                    let kind = FactorKind::from_amr(fields.text()?);
                    let proved_at = time(fields.moment(head.created)?)?;
                    // A kind that this version does not know proves nothing to it.
                    if let Some(kind) = kind {
                        identity = identity.factor(Factor::new(kind, proved_at));
                    }
                }
            }
            if head.has(flag::AUTH_TIME) {
                identity = identity.auth_time(time(fields.moment(head.created)?)?);
            }
            login = Some(identity);
        }
        let mut address = None;
        if head.has(flag::ADDRESS_V4) {
            address = Some(IpAddr::from(fields.array::<4>()?));
        }
        let user_agent = match head.has(flag::USER_AGENT) {
            true => Some(fields.text()?),
            false => None,
        };
        if head.has(flag::ADDRESS_V6) {
            address = Some(IpAddr::from(fields.array::<16>()?));
        }
        if let Some(mut identity) = login.take() {
            if head.has(flag::TENANT) {
                identity = identity.tenant(fields.text()?);
            }
            if head.has(flag::SCOPES) {
                let count = fields.length()?;
                let scopes: Result<Vec<_>, _> = (0..count).map(|_| fields.text()).collect();
                let scopes = ScopeSet::from_scopes(scopes?);
                identity = identity.scopes(scopes.map_err(|_| DecodeRecordError::Malformed)?);
            }
            if head.has(flag::ACR) {
                identity = identity.acr(fields.text()?);
            }
            if head.has(flag::EPOCH) {
                identity = identity.extra(CredentialEpoch::new(fields.number()?));
            }
            if head.has(flag::CLAIMS) {
                identity = identity.raw_claims(Bytes::copy_from_slice(fields.bytes()?));
            }
            login = Some(identity);
        }
        let remembered_by = match head.has(flag::SERIES) {
            true => Some(SecretDigest::from_bytes(fields.array()?)),
            false => None,
        };
        Ok(Self {
            id: head.id,
            version,
            created_at: head.created_at,
            last_seen_at,
            expires_at: expires_at.min(head.ends_at),
            ends_at: head.ends_at,
            login: login.map(auth_layer::IdentityBuilder::build),
            device: Device::new(user_agent, address),
            remembered_by,
            data,
        })
    }
}

/// What every stored record begins with.
pub(crate) struct Head {
    flags: u64,
    pub(crate) id: SessionId,
    created: u64,
    created_at: SystemTime,
    pub(crate) ends_at: SystemTime,
}

impl Head {
    pub(crate) fn read(stored: &[u8]) -> Result<(Self, Reader<'_>), DecodeRecordError> {
        let mut reader = Reader::new(stored);
        let [version] = reader.array()?;
        if version != VERSION {
            return Err(DecodeRecordError::Version);
        }
        let flags = reader.number()?;
        let id = SessionId::from_bytes(reader.array()?);
        let created = reader.number()?;
        let head = Self {
            flags,
            id,
            created,
            created_at: time(created)?,
            ends_at: time(reader.moment(created)?)?,
        };
        Ok((head, reader))
    }

    fn has(&self, flag: u64) -> bool {
        self.flags & flag != 0
    }
}

/// Milliseconds since 1970.
pub(crate) fn millis(time: SystemTime) -> u64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

fn time(millis: u64) -> Result<SystemTime, DecodeRecordError> {
    UNIX_EPOCH
        .checked_add(Duration::from_millis(millis))
        .ok_or(DecodeRecordError::Time)
}

/// A stored session that cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DecodeRecordError {
    /// It is not what [`SessionRecord::encode`] writes.
    Malformed,
    /// It holds a time that this platform cannot express.
    Time,
    /// It was written by a later version of this crate, or by something else.
    Version,
}

impl fmt::Display for DecodeRecordError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the stored session cannot be read: ")?;
        f.write_str(match self {
            Self::Malformed => "it is malformed",
            Self::Time => "it holds a time that cannot be",
            Self::Version => "its version is unknown",
        })
    }
}

impl Error for DecodeRecordError {}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::SessionLimits;

    fn second(seconds: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(seconds)
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(
            subject in ".{0,20}",
            texts in proptest::collection::vec(proptest::option::of(".{0,12}"), 4),
            roles in proptest::collection::vec(".{0,8}", 0..4),
            scopes in proptest::collection::vec("[a-z:]{1,8}", 0..4),
            times in proptest::collection::vec(0_u64..4_000_000_000, 5),
            claims in proptest::option::of("[a-z\"\\\\ä]{0,10}"),
            epoch in proptest::option::of(any::<u64>()),
            series in proptest::option::of(any::<[u8; 32]>()),
        ) {
            let id = SessionId::generate().unwrap();
            let mut record = SessionRecord::new(id, second(times[0]), SessionLimits::STRICT);
            let mut login = Identity::builder(crate::SCHEME, subject)
                .roles(roles)
                .scopes(ScopeSet::from_scopes(scopes).unwrap())
                .factor(Factor::new(FactorKind::Password, second(times[1])))
                .factor(Factor::new(FactorKind::Otp, second(times[2])))
                .auth_time(second(times[3]));
            if let Some(text) = &texts[0] { login = login.issuer(&**text) }
            if let Some(text) = &texts[1] { login = login.tenant(&**text) }
            if let Some(text) = &texts[2] { login = login.acr(&**text) }
            if let Some(claims) = claims {
                login = login.raw_claims(serde_json::json!({ "name": claims }).to_string());
            }
            if let Some(epoch) = epoch { login = login.extra(CredentialEpoch::new(epoch)) }
            let login = login.build();
            record.remembered_by = series.map(SecretDigest::from_bytes);
            record.login = Some(login.clone());
            record.device = Device::new(texts[3].as_deref(), Some([127, 0, 0, 1].into()));

            let read = SessionRecord::decode(
                &record.encode(), 7, second(times[4]), second(0), SessionData::default(),
            ).unwrap();
            let read_login = read.login.unwrap();
            prop_assert!(read_login.is_same_principal(&login));
            prop_assert!(read_login.roles().eq(login.roles()));
            prop_assert_eq!(read_login.scopes(), login.scopes());
            prop_assert_eq!(read_login.factors(), login.factors());
            prop_assert_eq!(read_login.auth_time(), login.auth_time());
            prop_assert_eq!(read_login.acr(), login.acr());
            prop_assert_eq!(read_login.raw_claims(), login.raw_claims());
            prop_assert_eq!(read_login.session_id(), Some(&*id.to_string()));
            let epoch_of = |login: &Identity| login.extra::<CredentialEpoch>().copied();
            prop_assert_eq!(epoch_of(&read_login), epoch_of(&login));
            prop_assert_eq!(read.remembered_by, record.remembered_by);
            prop_assert_eq!(read.device, record.device);
            prop_assert_eq!(read.id, id);
            prop_assert_eq!((read.version, read.created_at), (7, record.created_at));
            prop_assert_eq!(read.ends_at, record.ends_at);
        }

        #[test]
        fn what_is_cut_off_is_refused(subject in "[a-z]{1,20}", at in 0_usize..1_000) {
            let id = SessionId::from_bytes([7; 16]);
            let mut record = SessionRecord::new(id, second(1_000), SessionLimits::STRICT);
            record.login = Some(Identity::builder(crate::SCHEME, subject).role("admin").build());
            let written = record.encode();
            let cut = &written[..at % written.len()];
            let read = SessionRecord::decode(cut, 1, second(0), second(0), SessionData::default());
            prop_assert!(read.is_err());
        }

        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = SessionRecord::decode(&bytes, 1, second(0), second(0), SessionData::default());
            let mut version_1 = vec![VERSION];
            version_1.extend(bytes);
            let _ = SessionRecord::decode(&version_1, 1, second(0), second(0), SessionData::default());
        }
    }

    #[test]
    fn a_typical_login_takes_less_than_ninety_bytes() {
        let now = second(1_795_000_000);
        let id = SessionId::from_bytes([7; 16]);
        let mut record = SessionRecord::new(id, now, SessionLimits::STANDARD);
        let login = Identity::builder(crate::SCHEME, "user-123456")
            .issuer("https://id.example.com")
            .role("admin")
            .factor(Factor::new(FactorKind::Password, now))
            .auth_time(now);
        record.login = Some(login.build());
        record.device = Device::new(None, Some([192, 0, 2, 7].into()));
        assert!(record.encode().len() < 90, "{}", record.encode().len());
    }

    /// A later version may add fields behind those of today, under flags of their own.
    #[test]
    fn fields_of_the_future_are_passed_over() {
        let id = SessionId::from_bytes([7; 16]);
        let record = SessionRecord::new(id, second(1_000), SessionLimits::STRICT);
        let mut written = vec![VERSION];
        wire::put_number(&mut written, 1 << 30);
        written.extend(&record.encode()[2..]);
        written.extend(b"the future");
        let data = SessionData::default();
        let read = SessionRecord::decode(&written, 1, second(0), second(0), data).unwrap();
        assert_eq!((read.id, read.ends_at), (id, record.ends_at));
        written[0] = VERSION + 1;
        let data = SessionData::default();
        assert!(SessionRecord::decode(&written, 1, second(0), second(0), data).is_err());
    }
}
