//! What is kept of a key.

mod grant;
mod millis;
mod owner;

use std::sync::Arc;
use std::time::SystemTime;

use auth_layer::{Origin, Rate, ScopeSet, SecretDigest};
use ipnet::IpNet;
use smol_str::SmolStr;

pub(crate) use self::grant::Grant;
use self::millis::Millis;
pub use self::owner::Owner;
use crate::{KeyId, Rotated, Rotation};

/// Everything that is known of a key, and nothing that could be used as one.
///
/// A store keeps all of it and gives all of it back: what a key is limited to must not be lost. Times
/// are kept to the millisecond.
#[derive(Clone, Debug)]
pub struct KeyRecord {
    id: KeyId,
    disabled_by_owner: bool,
    disabled_by_operator: bool,
    digest: SecretDigest,
    /// Shared with other keys of the owner, where the store sees to it.
    grant: Arc<Grant>,
    name: SmolStr,
    created_at: Millis,
    expires_at: Option<Millis>,
    last_used_at: Option<Millis>,
    /// What most keys have nothing of.
    rare: Option<Box<Rare>>,
}

#[derive(Clone, Debug, Default)]
struct Rare {
    previous: Option<PreviousSecret>,
    allowed_cidrs: Box<[IpNet]>,
    allowed_origins: Box<[Origin]>,
    limits: Box<[Rate]>,
    revoked_at: Option<Millis>,
}

impl KeyRecord {
    /// A key without name, scopes, roles, limits or end.
    #[must_use]
    pub fn new(id: KeyId, digest: SecretDigest, owner: Owner, created_at: SystemTime) -> Self {
        Self {
            id,
            disabled_by_owner: false,
            disabled_by_operator: false,
            digest,
            grant: Arc::new(Grant::new(owner)),
            name: SmolStr::default(),
            created_at: created_at.into(),
            expires_at: None,
            last_used_at: None,
            rare: None,
        }
    }

    pub(crate) fn grant(&self) -> &Arc<Grant> {
        &self.grant
    }

    /// Shares with another key whatever both have in common of whose they are and what they may do.
    pub(crate) fn share(&mut self, other: &Self) {
        if Arc::ptr_eq(&self.grant, &other.grant) {
        } else if self.grant == other.grant {
            self.grant = Arc::clone(&other.grant);
        } else {
            Arc::make_mut(&mut self.grant).share(&other.grant);
        }
    }

    fn rare(&self) -> Option<&Rare> {
        self.rare.as_deref()
    }

    fn rare_mut(&mut self) -> &mut Rare {
        self.rare.get_or_insert_default()
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
    pub fn previous(&self) -> Option<PreviousSecret> {
        self.rare()?.previous
    }

    /// Whose key it is.
    pub fn owner(&self) -> &Owner {
        self.grant.owner()
    }

    /// What the owner calls it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What it may be used for.
    pub fn scopes(&self) -> &ScopeSet {
        self.grant.scopes()
    }

    /// The roles that it carries.
    pub fn roles(&self) -> impl ExactSizeIterator<Item = &str> {
        self.grant.roles().iter()
    }

    /// From where it may be used; from anywhere if empty.
    pub fn allowed_cidrs(&self) -> &[IpNet] {
        self.rare().map_or(&[], |rare| &rare.allowed_cidrs)
    }

    /// From which web sites it may be used; from anything if empty.
    pub fn allowed_origins(&self) -> &[Origin] {
        self.rare().map_or(&[], |rare| &rare.allowed_origins)
    }

    /// How often it may be used, all of them at once; as often as one likes if empty.
    pub fn limits(&self) -> &[Rate] {
        self.rare().map_or(&[], |rare| &rare.limits)
    }

    /// When it was made.
    pub fn created_at(&self) -> SystemTime {
        self.created_at.into()
    }

    /// When it ends by itself.
    pub fn expires_at(&self) -> Option<SystemTime> {
        self.expires_at.map(Into::into)
    }

    /// When it was revoked. Nothing brings it back.
    pub fn revoked_at(&self) -> Option<SystemTime> {
        self.rare()?.revoked_at.map(Into::into)
    }

    /// When it was last used, as far as that has been written down: it is written some time after.
    pub fn last_used_at(&self) -> Option<SystemTime> {
        self.last_used_at.map(Into::into)
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
        let previous = previous.into();
        if previous.is_some() || self.rare.is_some() {
            self.rare_mut().previous = previous;
        }
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
    pub fn with_name(mut self, name: impl AsRef<str>) -> Self {
        self.name = SmolStr::new(name);
        self
    }

    /// Sets what it may be used for.
    #[must_use]
    pub fn with_scopes(mut self, scopes: ScopeSet) -> Self {
        Arc::make_mut(&mut self.grant).set_scopes(scopes);
        self
    }

    /// Sets the roles that it carries.
    #[must_use]
    pub fn with_roles<R: Into<Box<str>>>(mut self, roles: impl IntoIterator<Item = R>) -> Self {
        Arc::make_mut(&mut self.grant).set_roles(roles.into_iter().collect());
        self
    }

    /// Sets from where it may be used; from anywhere if there is none.
    #[must_use]
    pub fn with_allowed_cidrs(mut self, networks: impl IntoIterator<Item = IpNet>) -> Self {
        let networks: Box<[_]> = networks.into_iter().collect();
        if !networks.is_empty() || self.rare.is_some() {
            self.rare_mut().allowed_cidrs = networks;
        }
        self
    }

    /// Sets from which web sites it may be used; from anything if there is none.
    #[must_use]
    pub fn with_allowed_origins(mut self, origins: impl IntoIterator<Item = Origin>) -> Self {
        let origins: Box<[_]> = origins.into_iter().collect();
        if !origins.is_empty() || self.rare.is_some() {
            self.rare_mut().allowed_origins = origins;
        }
        self
    }

    /// Sets how often it may be used; as often as one likes if there is none.
    #[must_use]
    pub fn with_limits(mut self, limits: impl IntoIterator<Item = Rate>) -> Self {
        let limits: Box<[_]> = limits.into_iter().collect();
        if !limits.is_empty() || self.rare.is_some() {
            self.rare_mut().limits = limits;
        }
        self
    }

    /// Sets when it ends by itself.
    #[must_use]
    pub fn with_expires_at(mut self, at: impl Into<Option<SystemTime>>) -> Self {
        self.expires_at = at.into().map(Into::into);
        self
    }

    /// Sets when it was revoked.
    #[must_use]
    pub fn with_revoked_at(mut self, at: impl Into<Option<SystemTime>>) -> Self {
        let at = at.into().map(Into::into);
        if at.is_some() || self.rare.is_some() {
            self.rare_mut().revoked_at = at;
        }
        self
    }

    /// Sets when it was last used.
    #[must_use]
    pub fn with_last_used_at(mut self, at: impl Into<Option<SystemTime>>) -> Self {
        self.last_used_at = at.into().map(Into::into);
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
        if self.revoked_at().is_some() {
            return Rotated::Revoked;
        }
        if self.digest != rotation.replaces {
            return Rotated::Changed;
        }
        self.rare_mut().previous = Some(rotation.previous());
        self.digest = rotation.digest;
        Rotated::Done
    }

    /// Revokes it, or keeps the time of the first revocation; true if this is it.
    pub fn revoke(&mut self, at: SystemTime) -> bool {
        let revoked_at = &mut self.rare_mut().revoked_at;
        let first = revoked_at.is_none();
        revoked_at.get_or_insert(at.into());
        first
    }

    /// Takes down a use, unless a later one is known.
    pub fn touch(&mut self, at: SystemTime) {
        self.last_used_at = self.last_used_at.max(Some(at.into()));
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

    /// Whether it is good yet. One that was replaced without overlap never is, whatever the clock of
    /// this node says.
    pub(crate) fn is_good(&self, now: impl FnOnce() -> SystemTime) -> bool {
        self.replaced_at < self.valid_until && now() < self.valid_until
    }
}
