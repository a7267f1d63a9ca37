//! What never changes in a family: [`Family`].

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use auth_layer::{CredentialEpoch, Factor, FactorKind, Identity, ScopeSet, UserKey};
use serde::{Deserialize, Serialize};

use super::FamilyId;
use crate::JwkThumbprint;

/// The name of the scheme in identities and events of refresh tokens.
pub const SCHEME: &str = "refresh";

/// A login that is continued by refresh tokens: who it was, as it was proved then, and what was
/// granted to whom. It never changes.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Family {
    /// The public id; the claim `sid` of its access tokens.
    pub id: FamilyId,
    /// Who logged in, with the factors, the `auth_time` and the `acr` of that login, the scopes that
    /// were granted, and the credential epoch. It has the scheme `refresh`. Roles and claims are not
    /// kept: they are read anew each time.
    pub login: Identity,
    /// The issuer of its access tokens.
    pub issuer: String,
    /// Whom its access tokens are for.
    pub audience: String,
    /// The client that the tokens were given to, if it is not the issuer's own.
    pub client_id: Option<String>,
    /// The key that the client has to prove each time (DPoP).
    pub key_thumbprint: Option<JwkThumbprint>,
    /// The `User-Agent` that has to stay the same.
    pub user_agent: Option<String>,
    /// What the user is shown of the device.
    pub device: Option<String>,
    /// When it began, to the millisecond.
    pub began_at: SystemTime,
    /// When it ends however much it is used, to the millisecond.
    pub ends_at: SystemTime,
}

impl Family {
    /// A family with nothing bound: for stores and their tests.
    #[must_use]
    pub fn new(id: FamilyId, login: Identity, began_at: SystemTime, ends_at: SystemTime) -> Self {
        Self {
            id,
            login,
            issuer: String::new(),
            audience: String::new(),
            client_id: None,
            key_thumbprint: None,
            user_agent: None,
            device: None,
            began_at,
            ends_at,
        }
    }

    /// The key of the user, which stores index families by.
    pub fn user(&self) -> UserKey {
        UserKey::from(&self.login)
    }

    /// Writes all of it but the id. What it writes is versioned.
    pub fn encode(&self) -> Vec<u8> {
        let login = &self.login;
        let own = |text: Option<&str>| text.map(str::to_owned);
        let stored = Stored {
            version: VERSION,
            subject: login.subject().to_owned(),
            user_issuer: own(login.issuer()),
            tenant: own(login.tenant()),
            scopes: login.scopes().clone(),
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
            acr: own(login.acr()),
            epoch: login.extra::<CredentialEpoch>().map(|epoch| epoch.as_u64()),
            issuer: self.issuer.clone(),
            audience: self.audience.clone(),
            client_id: self.client_id.clone(),
            key_thumbprint: self.key_thumbprint.map(|own| own.to_string()),
            user_agent: self.user_agent.clone(),
            device: self.device.clone(),
            began_at: millis(self.began_at),
            ends_at: millis(self.ends_at),
        };
        stored.to_json()
    }

    /// Reads what [`encode`](Self::encode) wrote.
    ///
    /// # Errors
    ///
    /// Fails if `stored` was not written by `encode`.
    pub fn decode(id: FamilyId, stored: &[u8]) -> Result<Self, DecodeFamilyError> {
        let stored: Stored =
            serde_json::from_slice(stored).map_err(|error| DecodeFamilyError(Some(error)))?;
        if stored.version != VERSION {
            return Err(DecodeFamilyError(None));
        }
        let mut login = Identity::builder(SCHEME, stored.subject)
            .session_id(id.to_string())
            .scopes(stored.scopes);
        if let Some(issuer) = stored.user_issuer {
            login = login.issuer(issuer);
        }
        if let Some(tenant) = stored.tenant {
            login = login.tenant(tenant);
        }
        for (kind, proved_at) in stored.factors {
            // A kind that this version does not know proves nothing to it.
            if let Some(kind) = FactorKind::from_amr(&kind) {
                login = login.factor(Factor::new(kind, time(proved_at)?));
            }
        }
        if let Some(auth_time) = stored.auth_time {
            login = login.auth_time(time(auth_time)?);
        }
        if let Some(acr) = stored.acr {
            login = login.acr(acr);
        }
        if let Some(epoch) = stored.epoch {
            login = login.extra(CredentialEpoch::new(epoch));
        }
        // One that cannot be read must not look like none: nothing would have to be proved any more.
        let key_thumbprint = stored.key_thumbprint.map(|text| text.parse());
        let key_thumbprint = key_thumbprint
            .transpose()
            .map_err(|_| DecodeFamilyError(None))?;
        Ok(Self {
            id,
            login: login.build(),
            issuer: stored.issuer,
            audience: stored.audience,
            client_id: stored.client_id,
            key_thumbprint,
            user_agent: stored.user_agent,
            device: stored.device,
            began_at: time(stored.began_at)?,
            ends_at: time(stored.ends_at)?,
        })
    }
}

const VERSION: u8 = 1;

/// The stored form. A new field is optional; anything else takes a new version.
#[derive(Serialize, Deserialize)]
struct Stored {
    version: u8,
    subject: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    user_issuer: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tenant: Option<String>,
    #[serde(default, skip_serializing_if = "ScopeSet::is_empty")]
    scopes: ScopeSet,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    factors: Vec<(String, u64)>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    auth_time: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    acr: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    epoch: Option<u64>,
    issuer: String,
    audience: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    client_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    key_thumbprint: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    user_agent: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    device: Option<String>,
    began_at: u64,
    ends_at: u64,
}

impl Stored {
    fn to_json(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("texts and numbers can be written")
    }
}

fn millis(time: SystemTime) -> u64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

fn time(millis: u64) -> Result<SystemTime, DecodeFamilyError> {
    UNIX_EPOCH
        .checked_add(Duration::from_millis(millis))
        .ok_or(DecodeFamilyError(None))
}

/// A stored [`Family`] that cannot be read.
#[derive(Debug)]
pub struct DecodeFamilyError(Option<serde_json::Error>);

impl fmt::Display for DecodeFamilyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the stored refresh family cannot be read")
    }
}

impl std::error::Error for DecodeFamilyError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.as_ref().map(|error| error as _)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let at = |millis| UNIX_EPOCH + Duration::from_millis(millis);
        let id = FamilyId::from_bytes([3; 16]);
        let login = Identity::builder(SCHEME, "a\0\"ä")
            .issuer("https://id.example")
            .tenant("acme")
            .scopes("a b".parse::<ScopeSet>().unwrap())
            .factor(Factor::new(FactorKind::Password, at(5_001)))
            .factor(Factor::new(FactorKind::Otp, at(6_002)))
            .auth_time(at(6_002))
            .acr("gold")
            .extra(CredentialEpoch::new(7))
            .build();
        let mut family = Family::new(id, login, at(7_003), at(9_000_004));
        family.issuer = "https://id.example.com".to_owned();
        family.audience = "https://api.example.com".to_owned();
        family.client_id = Some("app".to_owned());
        family.key_thumbprint = Some(JwkThumbprint::from_bytes([9; 32]));
        family.user_agent = Some("browser/1".to_owned());
        family.device = Some("telephone".to_owned());
        let read = Family::decode(id, &family.encode()).unwrap();
        assert_eq!(read.encode(), family.encode());
        assert_eq!(read.key_thumbprint, family.key_thumbprint);
        assert!(read.login.is_same_principal(&family.login));
        assert_eq!(read.login.session_id(), Some(&*id.to_string()));
        assert_eq!(read.login.factors(), family.login.factors());
        assert_eq!(read.login.auth_time(), family.login.auth_time());
        assert_eq!(read.login.acr(), Some("gold"));
        assert_eq!(read.login.scopes(), family.login.scopes());
        assert_eq!(read.login.extra(), Some(&CredentialEpoch::new(7)));
        assert_eq!((read.began_at, read.ends_at), (at(7_003), at(9_000_004)));
        assert_eq!(read.user(), family.user());
    }

    #[test]
    fn what_is_not_a_family_is_an_error() {
        let id = FamilyId::from_bytes([3; 16]);
        let family = Family::new(id, Identity::new(SCHEME, "ann"), UNIX_EPOCH, UNIX_EPOCH);
        let good = String::from_utf8(family.encode()).unwrap();
        for wrong in [
            String::new(),
            "{}".to_owned(),
            good.replace("\"version\":1", "\"version\":2"),
            good.replace("\"ends_at\":0", "\"ends_at\":18446744073709551615"),
            good.replace("\"subject\":\"ann\",", ""),
            good.replace("\"began_at\"", "\"key_thumbprint\":\"\",\"began_at\""),
            good.replace("\"began_at\"", "\"key_thumbprint\":\"thumb\",\"began_at\""),
        ] {
            let read = Family::decode(id, wrong.as_bytes());
            // Some platforms can express that time.
            assert!(
                read.is_err() || wrong.contains("18446744073709551615"),
                "{wrong}"
            );
        }
    }
}
