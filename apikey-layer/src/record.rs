//! What is kept of a key.

use std::time::SystemTime;

use auth_layer::{Identity, Origin, Rate, ScopeSet, SecretDigest};
use ipnet::IpNet;

use crate::{KeyId, Rotated, Rotation};

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
///
/// A store keeps all of it and gives all of it back: what a key is limited to must not be lost.
#[derive(Clone, Debug)]
pub struct KeyRecord {
    id: KeyId,
    digest: SecretDigest,
    previous: Option<PreviousSecret>,
    owner: Owner,
    name: String,
    scopes: ScopeSet,
    roles: Vec<String>,
    allowed_cidrs: Vec<IpNet>,
    allowed_origins: Vec<Origin>,
    limits: Vec<Rate>,
    created_at: SystemTime,
    expires_at: Option<SystemTime>,
    revoked_at: Option<SystemTime>,
    last_used_at: Option<SystemTime>,
    disabled_by_owner: bool,
    disabled_by_operator: bool,
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
            allowed_origins: Vec::new(),
            limits: Vec::new(),
            created_at,
            expires_at: None,
            revoked_at: None,
            last_used_at: None,
            disabled_by_owner: false,
            disabled_by_operator: false,
        }
    }

    /// The public id.
    pub const fn id(&self) -> &KeyId {
        &self.id
    }

    /// The digest of the whole key.
    pub const fn digest(&self) -> SecretDigest {
        self.digest
    }

    /// The secret that it had before it was rotated.
    pub const fn previous(&self) -> Option<PreviousSecret> {
        self.previous
    }

    /// Whose key it is.
    pub const fn owner(&self) -> &Owner {
        &self.owner
    }

    /// What the owner calls it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What it may be used for.
    pub const fn scopes(&self) -> &ScopeSet {
        &self.scopes
    }

    /// The roles that it carries.
    pub fn roles(&self) -> impl ExactSizeIterator<Item = &str> {
        self.roles.iter().map(String::as_str)
    }

    /// From where it may be used; from anywhere if empty.
    pub fn allowed_cidrs(&self) -> &[IpNet] {
        &self.allowed_cidrs
    }

    /// From which web sites it may be used; from anything if empty.
    pub fn allowed_origins(&self) -> &[Origin] {
        &self.allowed_origins
    }

    /// How often it may be used, all of them at once; as often as one likes if empty.
    pub fn limits(&self) -> &[Rate] {
        &self.limits
    }

    /// When it was made.
    pub const fn created_at(&self) -> SystemTime {
        self.created_at
    }

    /// When it ends by itself.
    pub const fn expires_at(&self) -> Option<SystemTime> {
        self.expires_at
    }

    /// When it was revoked. Nothing brings it back.
    pub const fn revoked_at(&self) -> Option<SystemTime> {
        self.revoked_at
    }

    /// When it was last used, as far as that has been written down: it is written some time after.
    pub const fn last_used_at(&self) -> Option<SystemTime> {
        self.last_used_at
    }

    /// Whether this switch is off. An operator's its owner cannot switch on.
    pub const fn is_disabled_by(&self, by: DisabledBy) -> bool {
        match by {
            DisabledBy::Owner => self.disabled_by_owner,
            DisabledBy::Operator => self.disabled_by_operator,
        }
    }

    /// Whether anybody has switched it off, for now.
    pub const fn is_disabled(&self) -> bool {
        self.disabled_by_owner || self.disabled_by_operator
    }

    /// Sets the secret that it had before; none if `None`.
    #[must_use]
    pub fn with_previous(mut self, previous: impl Into<Option<PreviousSecret>>) -> Self {
        self.previous = previous.into();
        self
    }

    /// Sets the digest of the whole key.
    #[must_use]
    pub const fn with_digest(mut self, digest: SecretDigest) -> Self {
        self.digest = digest;
        self
    }

    /// Sets what the owner calls it.
    #[must_use]
    pub fn with_name(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// Sets what it may be used for.
    #[must_use]
    pub fn with_scopes(mut self, scopes: ScopeSet) -> Self {
        self.scopes = scopes;
        self
    }

    /// Sets the roles that it carries.
    #[must_use]
    pub fn with_roles<R: Into<String>>(mut self, roles: impl IntoIterator<Item = R>) -> Self {
        self.roles = roles.into_iter().map(Into::into).collect();
        self
    }

    /// Sets from where it may be used; from anywhere if there is none.
    #[must_use]
    pub fn with_allowed_cidrs(mut self, networks: impl IntoIterator<Item = IpNet>) -> Self {
        self.allowed_cidrs = networks.into_iter().collect();
        self
    }

    /// Sets from which web sites it may be used; from anything if there is none.
    #[must_use]
    pub fn with_allowed_origins(mut self, origins: impl IntoIterator<Item = Origin>) -> Self {
        self.allowed_origins = origins.into_iter().collect();
        self
    }

    /// Sets how often it may be used; as often as one likes if there is none.
    #[must_use]
    pub fn with_limits(mut self, limits: impl IntoIterator<Item = Rate>) -> Self {
        self.limits = limits.into_iter().collect();
        self
    }

    /// Sets when it ends by itself.
    #[must_use]
    pub fn with_expires_at(mut self, at: impl Into<Option<SystemTime>>) -> Self {
        self.expires_at = at.into();
        self
    }

    /// Sets when it was revoked.
    #[must_use]
    pub fn with_revoked_at(mut self, at: impl Into<Option<SystemTime>>) -> Self {
        self.revoked_at = at.into();
        self
    }

    /// Sets when it was last used.
    #[must_use]
    pub fn with_last_used_at(mut self, at: impl Into<Option<SystemTime>>) -> Self {
        self.last_used_at = at.into();
        self
    }

    /// Sets the switch of `by`, and no other.
    pub const fn set_disabled(&mut self, by: DisabledBy, disabled: bool) {
        match by {
            DisabledBy::Owner => self.disabled_by_owner = disabled,
            DisabledBy::Operator => self.disabled_by_operator = disabled,
        }
    }

    /// Does what [`ApiKeyStore::rotate`](crate::ApiKeyStore::rotate) does to a key.
    pub fn rotate(&mut self, rotation: &Rotation) -> Rotated {
        if self.revoked_at.is_some() {
            return Rotated::Revoked;
        }
        if self.digest != rotation.replaces {
            return Rotated::Changed;
        }
        self.previous = Some(rotation.previous());
        self.digest = rotation.digest;
        Rotated::Done
    }

    /// Revokes it, or keeps the time of the first revocation; true if this is it.
    pub fn revoke(&mut self, at: SystemTime) -> bool {
        let first = self.revoked_at.is_none();
        self.revoked_at.get_or_insert(at);
        first
    }

    /// Takes down a use, unless a later one is known.
    pub fn touch(&mut self, at: SystemTime) {
        self.last_used_at = self.last_used_at.max(Some(at));
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
    /// When it was replaced.
    pub replaced_at: SystemTime,
    /// The first moment at which it is no longer good.
    pub valid_until: SystemTime,
}

impl PreviousSecret {
    /// A secret that was replaced at `replaced_at` and is good until `valid_until`.
    #[must_use]
    pub const fn new(
        digest: SecretDigest,
        replaced_at: SystemTime,
        valid_until: SystemTime,
    ) -> Self {
        Self {
            digest,
            replaced_at,
            valid_until,
        }
    }
}
