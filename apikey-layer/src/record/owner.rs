//! Whose key it is.

use auth_layer::Identity;

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
