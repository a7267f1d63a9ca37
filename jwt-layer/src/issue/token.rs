//! A token that was made.

use std::time::{Duration, SystemTime};

use auth_layer::{ExposeSecret, ScopeSet, SecretString};

/// An access token, to be handed to the client.
///
/// The token itself cannot be printed; [`expose`](Self::expose) is the one way to it.
#[derive(Clone, Debug)]
pub struct AccessToken {
    pub(super) token: SecretString,
    pub(super) token_id: Box<str>,
    pub(super) token_type: &'static str,
    pub(super) scopes: ScopeSet,
    pub(super) expires_in: Duration,
    pub(super) expires_at: SystemTime,
}

impl AccessToken {
    /// The token, for the answer to the client and for nothing else.
    pub fn expose(&self) -> &str {
        self.token.expose_secret()
    }

    /// Its `jti`: public, and what it is revoked by.
    pub fn token_id(&self) -> &str {
        &self.token_id
    }

    /// `token_type` of RFC 6749 section 5.1: `Bearer`, or `DPoP` if it is bound to a key.
    pub fn token_type(&self) -> &'static str {
        self.token_type
    }

    /// What it may be used for.
    pub fn scopes(&self) -> &ScopeSet {
        &self.scopes
    }

    /// How long it lives: `expires_in` of RFC 6749 section 5.1 in seconds.
    pub fn expires_in(&self) -> Duration {
        self.expires_in
    }

    /// When it ends.
    pub fn expires_at(&self) -> SystemTime {
        self.expires_at
    }
}
