//! Whose a key is and what it may do, in a form that keys and identities share.

use std::sync::Arc;

use auth_layer::{Identity, IdentityBuilder, Roles, ScopeSet};

use super::Owner;

/// The owner of a key, its scopes and its roles. An owner's keys often have the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Grant {
    owner: Owner,
    // The owner's texts once more, as identities take them.
    subject: Arc<str>,
    issuer: Option<Arc<str>>,
    tenant: Option<Arc<str>>,
    scopes: ScopeSet,
    roles: Roles,
}

impl Grant {
    pub(super) fn new(owner: Owner) -> Self {
        Self {
            subject: owner.subject.as_str().into(),
            issuer: owner.issuer.as_deref().map(Into::into),
            tenant: owner.tenant.as_deref().map(Into::into),
            owner,
            scopes: ScopeSet::new(),
            roles: Roles::new(),
        }
    }

    pub(crate) fn owner(&self) -> &Owner {
        &self.owner
    }

    pub(crate) fn scopes(&self) -> &ScopeSet {
        &self.scopes
    }

    pub(crate) fn roles(&self) -> &Roles {
        &self.roles
    }

    pub(super) fn set_scopes(&mut self, scopes: ScopeSet) {
        self.scopes = scopes;
    }

    pub(super) fn set_roles(&mut self, roles: Roles) {
        self.roles = roles;
    }

    /// Takes the other's copy of what both have.
    pub(super) fn share(&mut self, other: &Self) {
        if self.owner == other.owner {
            self.subject = Arc::clone(&other.subject);
            self.issuer.clone_from(&other.issuer);
            self.tenant.clone_from(&other.tenant);
        }
        if self.scopes == other.scopes {
            self.scopes = other.scopes.clone();
        }
        if self.roles == other.roles {
            self.roles = other.roles.clone();
        }
    }

    /// The principal; none of its texts is copied.
    pub(crate) fn principal(&self, scheme: &'static str) -> IdentityBuilder {
        let mut identity = Identity::builder(scheme, Arc::clone(&self.subject));
        if let Some(issuer) = &self.issuer {
            identity = identity.issuer(Arc::clone(issuer));
        }
        if let Some(tenant) = &self.tenant {
            identity = identity.tenant(Arc::clone(tenant));
        }
        identity
    }
}
