//! What is asked for: a new family, new tokens, the end of one.

use std::fmt;
use std::net::IpAddr;

use auth_layer::{Identity, ScopeSet};
use serde::Deserialize;

use crate::JwkThumbprint;

/// A login that is to be continued by refresh tokens: whose, and what is granted to which client.
///
/// What is bound here has to be the same each time that a token is used.
#[derive(Clone, Debug)]
#[must_use]
pub struct RefreshGrant<'a> {
    pub(super) identity: &'a Identity,
    pub(super) scopes: Option<ScopeSet>,
    pub(super) client_id: Option<String>,
    pub(super) key_thumbprint: Option<JwkThumbprint>,
    pub(super) user_agent: Option<String>,
    pub(super) device: Option<String>,
}

impl<'a> RefreshGrant<'a> {
    /// All scopes of `identity`, whose login was proved just now, with nothing bound.
    pub const fn new(identity: &'a Identity) -> Self {
        Self {
            identity,
            scopes: None,
            client_id: None,
            key_thumbprint: None,
            user_agent: None,
            device: None,
        }
    }

    /// What was asked for. Granted is what of it the identity has.
    pub fn scopes(mut self, scopes: ScopeSet) -> Self {
        self.scopes = Some(scopes);
        self
    }

    /// Binds the client. Without it the access tokens name the issuer's own.
    pub fn client_id(mut self, client_id: impl Into<String>) -> Self {
        self.client_id = Some(client_id.into());
        self
    }

    /// Binds a key that the client has proved to hold (DPoP), from
    /// [`TokenRequestProof::key`](crate::TokenRequestProof::key). The access tokens are bound to
    /// it as well (`cnf`), and have the type `DPoP`.
    pub const fn key_thumbprint(mut self, thumbprint: JwkThumbprint) -> Self {
        self.key_thumbprint = Some(thumbprint);
        self
    }

    /// Binds the `User-Agent`. An update of a browser changes it, and its user has to log in again.
    pub fn user_agent(mut self, user_agent: impl Into<String>) -> Self {
        self.user_agent = Some(user_agent.into());
        self
    }

    /// What the user is shown in a list of devices. Not bound; 256 characters are kept.
    pub fn device(mut self, device: impl Into<String>) -> Self {
        let device: String = device.into();
        self.device = Some(device.chars().take(256).collect());
        self
    }
}

/// A refresh token that was sent, and by whom.
#[derive(Clone, Copy)]
#[must_use]
pub struct RefreshRequest<'a> {
    pub(super) token: &'a str,
    pub(super) scopes: Option<&'a ScopeSet>,
    pub(super) client_id: Option<&'a str>,
    pub(super) key_thumbprint: Option<JwkThumbprint>,
    pub(super) user_agent: Option<&'a str>,
    pub(super) address: Option<IpAddr>,
}

impl<'a> RefreshRequest<'a> {
    /// A token, and nothing else.
    pub const fn new(token: &'a str) -> Self {
        Self {
            token,
            scopes: None,
            client_id: None,
            key_thumbprint: None,
            user_agent: None,
            address: None,
        }
    }

    /// Fewer scopes for this access token; the family keeps what it has.
    pub const fn scopes(mut self, scopes: &'a ScopeSet) -> Self {
        self.scopes = Some(scopes);
        self
    }

    /// The client that sends it, as it has proved or claims to be.
    pub const fn client_id(mut self, client_id: &'a str) -> Self {
        self.client_id = Some(client_id);
        self
    }

    /// The key that the request has proved (DPoP), from
    /// [`TokenRequestProof::key`](crate::TokenRequestProof::key).
    pub const fn key_thumbprint(mut self, thumbprint: JwkThumbprint) -> Self {
        self.key_thumbprint = Some(thumbprint);
        self
    }

    /// The `User-Agent` of the request.
    pub const fn user_agent(mut self, user_agent: &'a str) -> Self {
        self.user_agent = Some(user_agent);
        self
    }

    /// Where it came from, for events.
    pub const fn address(mut self, address: IpAddr) -> Self {
        self.address = Some(address);
        self
    }
}

impl fmt::Debug for RefreshRequest<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RefreshRequest")
            .field("scopes", &self.scopes)
            .field("client_id", &self.client_id)
            .finish_non_exhaustive()
    }
}

/// The body of a refresh: `{"refresh_token","scope"?,"client_id"?}`, or the same as a form (RFC 6749
/// section 6). What else it says is passed over.
#[derive(Clone, Deserialize)]
pub struct RefreshBody {
    refresh_token: String,
    scope: Option<ScopeSet>,
    client_id: Option<String>,
}

impl RefreshBody {
    /// What is asked for.
    pub fn request(&self) -> RefreshRequest<'_> {
        RefreshRequest {
            scopes: self.scope.as_ref(),
            client_id: self.client_id.as_deref(),
            ..RefreshRequest::new(&self.refresh_token)
        }
    }
}

impl fmt::Debug for RefreshBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.request().fmt(f)
    }
}

/// The body of a revocation: `{"token"}`, or the same as a form (RFC 7009 section 2.1). The hint is
/// not needed: the two kinds of tokens look different.
#[derive(Clone, Deserialize)]
pub struct RevokeBody {
    token: String,
}

impl RevokeBody {
    /// The token, for [`RefreshTokens::revoke`](super::RefreshTokens::revoke).
    pub fn token(&self) -> &str {
        &self.token
    }
}

impl fmt::Debug for RevokeBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RevokeBody").finish_non_exhaustive()
    }
}
