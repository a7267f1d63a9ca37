//! What is kept of a key.

use std::time::SystemTime;

use auth_layer::{Identity, ScopeSet, SecretDigest};
use ipnet::IpNet;

use crate::KeyId;

/// Whose key it is: the principal who made it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub struct Owner {
    /// Who vouches for the subject; `None` for this service's own users.
    pub issuer: Option<String>,
    /// The tenant.
    pub tenant: Option<String>,
    /// The subject, unique within issuer and tenant.
    pub subject: String,
}

impl Owner {
    /// A user of this service itself.
    #[must_use]
    pub fn new(subject: impl Into<String>) -> Self {
        Self {
            issuer: None,
            tenant: None,
            subject: subject.into(),
        }
    }

    /// The principal of an identity.
    #[must_use]
    pub fn of(identity: &Identity) -> Self {
        Self {
            issuer: identity.issuer().map(str::to_owned),
            tenant: identity.tenant().map(str::to_owned),
            subject: identity.subject().to_owned(),
        }
    }
}

/// Everything that is known of a key, and nothing that could be used as one.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct KeyRecord {
    /// The public id.
    pub id: KeyId,
    /// The digest of the whole key.
    pub digest: SecretDigest,
    /// The secret that it had before it was rotated.
    pub previous: Option<PreviousSecret>,
    /// Whose key it is.
    pub owner: Owner,
    /// What the owner calls it.
    pub name: String,
    /// What it may be used for.
    pub scopes: ScopeSet,
    /// The roles that it carries.
    pub roles: Vec<String>,
    /// From where it may be used; from anywhere if empty.
    pub allowed_cidrs: Vec<IpNet>,
    /// When it was made.
    pub created_at: SystemTime,
    /// When it ends by itself.
    pub expires_at: Option<SystemTime>,
    /// When it was revoked. Nothing brings it back.
    pub revoked_at: Option<SystemTime>,
    /// Whether its owner has switched it off, for now.
    pub disabled_by_owner: bool,
    /// Whether an operator of the service has switched it off. Its owner cannot switch it on.
    pub disabled_by_operator: bool,
}

impl KeyRecord {
    /// A key without name, scopes, roles, limits or end.
    #[must_use]
    pub fn new(id: KeyId, digest: SecretDigest, owner: Owner, created_at: SystemTime) -> Self {
        Self {
            id,
            digest,
            previous: None,
            owner,
            name: String::new(),
            scopes: ScopeSet::new(),
            roles: Vec::new(),
            allowed_cidrs: Vec::new(),
            created_at,
            expires_at: None,
            revoked_at: None,
            disabled_by_owner: false,
            disabled_by_operator: false,
        }
    }

    /// Whether anybody has switched it off.
    #[must_use]
    pub const fn is_disabled(&self) -> bool {
        self.disabled_by_owner || self.disabled_by_operator
    }

    /// Sets the switch of `by`, and no other.
    pub const fn set_disabled(&mut self, by: DisabledBy, disabled: bool) {
        match by {
            DisabledBy::Owner => self.disabled_by_owner = disabled,
            DisabledBy::Operator => self.disabled_by_operator = disabled,
        }
    }
}

/// Who switches a key off. Each has a switch of their own, and a key is on while both are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DisabledBy {
    /// An operator of the service: against a leaked or misused key.
    Operator,
    /// The owner.
    Owner,
}

/// A secret that was replaced and is good for a while yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PreviousSecret {
    /// The digest of the whole key with this secret.
    pub digest: SecretDigest,
    /// The first moment at which it is no longer good.
    pub valid_until: SystemTime,
}

impl PreviousSecret {
    /// A secret that is good until `valid_until`.
    #[must_use]
    pub const fn new(digest: SecretDigest, valid_until: SystemTime) -> Self {
        Self {
            digest,
            valid_until,
        }
    }
}
