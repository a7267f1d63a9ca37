//! The stored form of the part of a record that never changes.

use std::error::Error;
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use auth_layer::{CredentialEpoch, Factor, FactorKind, Identity, ScopeSet, SecretDigest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::{Device, SessionData, SessionRecord};
use crate::SessionId;

/// Times are milliseconds since 1970.
#[derive(Serialize, Deserialize)]
struct Stored<'a> {
    id: SessionId,
    created: u64,
    ends: u64,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    login: Option<Login<'a>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ua: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ip: Option<IpAddr>,
    /// The digest of the selector of a remember-me series, in base64url.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    series: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct Login<'a> {
    sub: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    iss: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tenant: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    roles: Vec<String>,
    #[serde(default, skip_serializing_if = "ScopeSet::is_empty")]
    scope: ScopeSet,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    factors: Vec<(String, u64)>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    auth_time: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    acr: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    epoch: Option<u64>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    claims: Option<&'a RawValue>,
}

impl SessionRecord {
    /// Writes what never changes in a session: everything but `version`, `data`, `last_seen_at`
    /// and `expires_at`. Times are kept to the millisecond.
    #[expect(
        clippy::missing_panics_doc,
        reason = "nothing in it can fail to be JSON"
    )]
    pub fn encode(&self) -> Vec<u8> {
        let login = self.login.as_ref().map(|login| Login {
            sub: login.subject().to_owned(),
            iss: login.issuer().map(str::to_owned),
            tenant: login.tenant().map(str::to_owned),
            roles: login.roles().map(str::to_owned).collect(),
            scope: login.scopes().clone(),
            factors: login
                .factors()
                .iter()
                .map(|factor| {
                    (
                        factor.kind().as_str().to_owned(),
                        millis(factor.proved_at()),
                    )
                })
                .collect(),
            auth_time: login.auth_time().map(millis),
            acr: login.acr().map(str::to_owned),
            epoch: login.extra::<CredentialEpoch>().map(|e| e.as_u64()),
            claims: login
                .raw_claims()
                .and_then(|claims| serde_json::from_slice(claims).ok()),
        });
        let stored = Stored {
            id: self.id,
            created: millis(self.created_at),
            ends: millis(self.ends_at),
            login,
            ua: self.device.user_agent().map(str::to_owned),
            ip: self.device.address(),
            series: self
                .remembered_by
                .map(|series| URL_SAFE_NO_PAD.encode(series.as_bytes())),
        };
        serde_json::to_vec(&stored).expect("strings and numbers are JSON")
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
        let stored: Stored<'_> = serde_json::from_slice(stored).map_err(DecodeRecordError::Json)?;
        let ends_at = time(stored.ends)?;
        let login = match stored.login {
            Some(login) => Some(login.into_identity(stored.id, ends_at)?),
            None => None,
        };
        let remembered_by = match stored.series {
            Some(series) => Some(digest(&series)?),
            None => None,
        };
        Ok(Self {
            id: stored.id,
            version,
            created_at: time(stored.created)?,
            last_seen_at,
            expires_at: expires_at.min(ends_at),
            ends_at,
            login,
            device: Device::new(stored.ua.as_deref(), stored.ip),
            remembered_by,
            data,
        })
    }
}

impl Login<'_> {
    fn into_identity(
        self,
        id: SessionId,
        ends_at: SystemTime,
    ) -> Result<Identity, DecodeRecordError> {
        let mut identity = Identity::builder(crate::SCHEME, self.sub)
            .roles(self.roles)
            .scopes(self.scope)
            .session_id(id.to_string())
            .expires_at(ends_at);
        if let Some(issuer) = self.iss {
            identity = identity.issuer(Arc::<str>::from(issuer));
        }
        if let Some(tenant) = self.tenant {
            identity = identity.tenant(tenant);
        }
        for (kind, proved_at) in &self.factors {
            // A kind that this version does not know proves nothing to it.
            if let Some(kind) = FactorKind::from_amr(kind) {
                identity = identity.factor(Factor::new(kind, time(*proved_at)?));
            }
        }
        if let Some(auth_time) = self.auth_time {
            identity = identity.auth_time(time(auth_time)?);
        }
        if let Some(acr) = self.acr {
            identity = identity.acr(acr);
        }
        if let Some(epoch) = self.epoch {
            identity = identity.extra(CredentialEpoch::new(epoch));
        }
        if let Some(claims) = self.claims {
            identity = identity.raw_claims(Bytes::copy_from_slice(claims.get().as_bytes()));
        }
        Ok(identity.build())
    }
}

fn millis(time: SystemTime) -> u64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

fn time(millis: u64) -> Result<SystemTime, DecodeRecordError> {
    UNIX_EPOCH
        .checked_add(Duration::from_millis(millis))
        .ok_or(DecodeRecordError::Time)
}

fn digest(text: &str) -> Result<SecretDigest, DecodeRecordError> {
    let mut bytes = [0; 32];
    match URL_SAFE_NO_PAD.decode_slice(text, &mut bytes) {
        Ok(32) => Ok(SecretDigest::from_bytes(bytes)),
        _ => Err(DecodeRecordError::Digest),
    }
}

/// A stored session that cannot be read.
#[derive(Debug)]
#[non_exhaustive]
pub enum DecodeRecordError {
    /// It holds a digest of the wrong length.
    Digest,
    /// It is not the JSON that [`SessionRecord::encode`] writes.
    Json(serde_json::Error),
    /// It holds a time that this platform cannot express.
    Time,
}

impl fmt::Display for DecodeRecordError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the stored session cannot be read")
    }
}

impl Error for DecodeRecordError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Json(error) => Some(error),
            Self::Digest | Self::Time => None,
        }
    }
}

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
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = SessionRecord::decode(&bytes, 1, second(0), second(0), SessionData::default());
        }
    }
}
