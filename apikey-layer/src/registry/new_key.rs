//! What a key is to be, and what came of it.

use std::time::Duration;

use auth_layer::{ConfigError, Origin, Rate, ScopeSet};
use ipnet::IpNet;

use super::check_lifetime;
use crate::{ApiKey, KeyRecord};

/// What a new key is to be. It says nothing about the owner: that is who asks.
#[derive(Clone, Debug)]
#[must_use]
pub struct NewKey {
    pub(super) name: String,
    pub(super) scopes: ScopeSet,
    pub(super) roles: Vec<String>,
    pub(super) expires_in: Option<Duration>,
    pub(super) allowed_cidrs: Vec<IpNet>,
    pub(super) allowed_origins: Vec<Origin>,
    pub(super) limits: Vec<Rate>,
}

impl NewKey {
    /// A key with a name to know it by, and no authority yet: 1 to 100 characters.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            scopes: ScopeSet::new(),
            roles: Vec::new(),
            expires_in: None,
            allowed_cidrs: Vec::new(),
            allowed_origins: Vec::new(),
            limits: Vec::new(),
        }
    }

    /// What it may be used for. Default: nothing.
    pub fn scopes(mut self, scopes: ScopeSet) -> Self {
        self.scopes = scopes;
        self
    }

    /// Roles of the owner that the key carries too. Default: none.
    pub fn roles<R: Into<String>>(mut self, roles: impl IntoIterator<Item = R>) -> Self {
        self.roles = roles.into_iter().map(Into::into).collect();
        self
    }

    /// After how long it ends. Default: never.
    pub fn expires_in(mut self, lifetime: Duration) -> Self {
        self.expires_in = Some(lifetime);
        self
    }

    /// From where it may be used. Default: from anywhere.
    ///
    /// The address is what `auth_layer::ClientAddressLayer` says, further out. Where it is not
    /// known, a key with networks is refused.
    pub fn allowed_cidrs(mut self, networks: impl IntoIterator<Item = IpNet>) -> Self {
        self.allowed_cidrs = networks.into_iter().collect();
        self
    }

    /// From which web sites it may be used. Default: from anything.
    ///
    /// Such a key is good only for requests with one `Origin` header that is one of these. Browsers send
    /// it with whatever a page asks of another origin, and within its own with everything but `GET` and
    /// `HEAD`.
    ///
    /// It keeps other people's pages from using a key that a page cannot hide, such as that of a widget.
    /// It keeps no program from anything: a program sends what it likes.
    pub fn allowed_origins(mut self, origins: impl IntoIterator<Item = Origin>) -> Self {
        self.allowed_origins = origins.into_iter().collect();
        self
    }

    /// How often it may be used, at most four rates at once, such as `100/m` and `10000/30d`. Default:
    /// as often as one likes.
    pub fn limits(mut self, limits: impl IntoIterator<Item = Rate>) -> Self {
        self.limits = limits.into_iter().collect();
        self
    }

    pub(super) fn check(&self) -> Result<(), ConfigError> {
        let name = &self.name;
        if name.trim().is_empty()
            || name.chars().count() > 100
            || name.chars().any(char::is_control)
        {
            return Err(ConfigError::new("name", "must be 1 to 100 characters"));
        }
        if self.allowed_cidrs.len() > 100 {
            return Err(ConfigError::new("allowed_cidrs", "must be at most 100"));
        }
        if self.allowed_origins.len() > 100 {
            return Err(ConfigError::new("allowed_origins", "must be at most 100"));
        }
        if self.limits.len() > 4 {
            return Err(ConfigError::new("limits", "must be at most 4"));
        }
        check_lifetime(self.expires_in)
    }
}

/// A key that was just made, or got a new secret.
#[derive(Debug)]
#[non_exhaustive]
pub struct CreatedKey {
    /// The whole key. It is never to be had again.
    pub key: ApiKey,
    /// What is kept of it.
    pub record: KeyRecord,
}
