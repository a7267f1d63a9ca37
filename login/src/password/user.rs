//! What a store knows about a user.

use auth_layer::{CredentialEpoch, ScopeSet};

use super::hash::PasswordHash;

/// A user, as a [`UserStore`](super::UserStore) finds it.
///
/// ```
/// use login::password::{PasswordHash, UserRecord};
///
/// let record = UserRecord::new("user-17")
///     .with_password_hash(PasswordHash::new("$argon2id$v=19$m=19456,t=2,p=1$..."))
///     .with_role("editor");
/// assert!(!record.is_disabled);
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct UserRecord {
    /// Who it is, for ever: the subject of the identity. Not the user name, which may change.
    pub subject: Box<str>,
    /// The stored hash. `None` for users who log in by other means: no password matches.
    pub password_hash: Option<PasswordHash>,
    /// Whether the user may not log in.
    pub is_disabled: bool,
    /// The tenant.
    pub tenant: Option<Box<str>>,
    /// The roles that the identity gets.
    pub roles: Vec<Box<str>>,
    /// The scopes that the identity gets.
    pub scopes: ScopeSet,
    /// How often the credentials have changed; see [`CredentialEpoch`].
    pub credential_epoch: Option<CredentialEpoch>,
}

impl UserRecord {
    /// A user without a password, roles and scopes.
    #[must_use]
    pub fn new(subject: impl Into<Box<str>>) -> Self {
        Self {
            subject: subject.into(),
            password_hash: None,
            is_disabled: false,
            tenant: None,
            roles: Vec::new(),
            scopes: ScopeSet::new(),
            credential_epoch: None,
        }
    }

    /// Sets the stored hash.
    #[must_use]
    pub fn with_password_hash(mut self, hash: PasswordHash) -> Self {
        self.password_hash = Some(hash);
        self
    }

    /// Says whether the user may not log in.
    #[must_use]
    pub fn with_disabled(mut self, is_disabled: bool) -> Self {
        self.is_disabled = is_disabled;
        self
    }

    /// Sets the tenant.
    #[must_use]
    pub fn with_tenant(mut self, tenant: impl Into<Box<str>>) -> Self {
        self.tenant = Some(tenant.into());
        self
    }

    /// Adds a role.
    #[must_use]
    pub fn with_role(mut self, role: impl Into<Box<str>>) -> Self {
        self.roles.push(role.into());
        self
    }

    /// Sets the scopes.
    #[must_use]
    pub fn with_scopes(mut self, scopes: ScopeSet) -> Self {
        self.scopes = scopes;
        self
    }

    /// Sets the credential epoch.
    #[must_use]
    pub fn with_credential_epoch(mut self, epoch: u64) -> Self {
        self.credential_epoch = Some(CredentialEpoch::new(epoch));
        self
    }
}
