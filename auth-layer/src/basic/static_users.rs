//! A few users from a configuration.

use std::collections::HashMap;
use std::fmt;
use std::future::{Ready, ready};
use std::sync::Arc;

use crate::{AuthError, Identity, PasswordCredentials, PasswordVerifier, SecretDigest, Verdict};

/// Users whose passwords come from a configuration, such as the one that scrapes metrics.
///
/// Passwords are kept as SHA-256 digests and compared in constant time. That is right for long
/// random passwords only: the digest of a password that a person chose can be guessed from a dump
/// of the memory. For people, use `login::password`.
#[derive(Clone, Default)]
pub struct StaticUsers {
    users: Arc<HashMap<String, User>>,
}

#[derive(Clone)]
struct User {
    identity: Identity,
    password: SecretDigest,
}

impl StaticUsers {
    /// No users.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a user, whose name is the identity's subject; replaces an earlier one of that name.
    #[must_use]
    pub fn user(mut self, identity: Identity, password: &str) -> Self {
        let password = SecretDigest::of(password);
        let name = identity.subject().to_owned();
        let identity = identity.with_scheme("basic");
        Arc::make_mut(&mut self.users).insert(name, User { identity, password });
        self
    }
}

impl PasswordVerifier for StaticUsers {
    type Future = Ready<Result<Identity, AuthError>>;

    fn verify(&self, credentials: PasswordCredentials) -> Self::Future {
        ready(self.check(&credentials))
    }

    fn verify_now(&self, credentials: PasswordCredentials) -> Verdict<PasswordCredentials> {
        Verdict::Now(self.check(&credentials))
    }
}

impl StaticUsers {
    fn check(&self, credentials: &PasswordCredentials) -> Result<Identity, AuthError> {
        let sent = SecretDigest::of(credentials.password());
        let user = self.users.get(credentials.username());
        // An unknown user costs the same digest and the same comparison.
        let known = user.map_or(SecretDigest::from_bytes([0; 32]), |user| user.password);
        let same = sent == known;
        match user {
            Some(user) if same => Ok(user.identity.clone()),
            Some(_) => Err(AuthError::invalid("wrong_password")),
            None => Err(AuthError::invalid("unknown_user")),
        }
    }
}

impl fmt::Debug for StaticUsers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StaticUsers")
            .field("names", &self.users.keys())
            .finish()
    }
}
