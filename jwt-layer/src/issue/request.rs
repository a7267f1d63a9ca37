//! What a token is to say.

use std::time::SystemTime;

use auth_layer::{Factor, Identity, ScopeSet};

use crate::{CertificateThumbprint, Confirmation, JwkThumbprint};

/// What an access token is to say about whom.
///
/// ```
/// use auth_layer::ScopeSet;
/// use jwt_layer::AccessTokenRequest;
///
/// let request = AccessTokenRequest::new("user-17")
///     .scopes("reports:read".parse::<ScopeSet>()?)
///     .role("editor");
/// # let _ = request;
/// # Ok::<(), auth_layer::InvalidScope>(())
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct AccessTokenRequest {
    pub(super) subject: String,
    pub(super) client_id: Option<String>,
    pub(super) tenant: Option<String>,
    pub(super) scopes: ScopeSet,
    pub(super) roles: Vec<String>,
    pub(super) factors: Vec<Factor>,
    pub(super) auth_time: Option<SystemTime>,
    pub(super) acr: Option<String>,
    pub(super) session_id: Option<String>,
    pub(super) key: Option<JwkThumbprint>,
    pub(super) certificate: Option<CertificateThumbprint>,
    /// Whether it was made from the identity of an API key.
    pub(super) from_key: bool,
    /// Who vouches for the subject, if the identity that it was made from says so.
    pub(super) vouched_by: Option<String>,
}

impl AccessTokenRequest {
    /// A token about this subject, with no authority yet.
    pub fn new(subject: impl Into<String>) -> Self {
        Self {
            subject: subject.into(),
            client_id: None,
            tenant: None,
            scopes: ScopeSet::new(),
            roles: Vec::new(),
            factors: Vec::new(),
            auth_time: None,
            acr: None,
            session_id: None,
            key: None,
            certificate: None,
            from_key: false,
            vouched_by: None,
        }
    }

    /// A token that says of a principal what `identity` says: subject, tenant, roles, scopes,
    /// factors, `auth_time`, `acr`, session, and what its token was bound to. Nothing is proved anew by
    /// it, so freshness stays what it was.
    ///
    /// [`Issuer::issue`](crate::Issuer::issue) refuses one that is made from the identity of an API
    /// key: the token would not say so, and do what keys may not. It also refuses one for whom another
    /// issuer vouches: in our token it would be our own user of the same subject. Find out which user
    /// of yours it is, and make the request from that one.
    pub fn for_identity(identity: &Identity) -> Self {
        let bound = identity.extra::<Confirmation>();
        Self {
            subject: identity.subject().to_owned(),
            client_id: None,
            tenant: identity.tenant().map(str::to_owned),
            scopes: identity.scopes().clone(),
            roles: identity.roles().map(str::to_owned).collect(),
            factors: identity.factors().to_vec(),
            auth_time: identity.auth_time(),
            acr: identity.acr().map(str::to_owned),
            session_id: identity.session_id().map(str::to_owned),
            key: bound.and_then(Confirmation::key).copied(),
            certificate: bound.and_then(Confirmation::certificate).copied(),
            from_key: identity.key_id().is_some(),
            vouched_by: identity.issuer().map(str::to_owned),
        }
    }

    /// The client that asked. Default: the issuer's own ([`IssuerBuilder::client_id`]).
    ///
    /// [`IssuerBuilder::client_id`]: crate::IssuerBuilder::client_id
    pub fn client_id(mut self, client_id: impl Into<String>) -> Self {
        self.client_id = Some(client_id.into());
        self
    }

    /// The tenant; written as the claim `tenant`.
    pub fn tenant(mut self, tenant: impl Into<String>) -> Self {
        self.tenant = Some(tenant.into());
        self
    }

    /// All scopes, replacing earlier ones.
    pub fn scopes(mut self, scopes: ScopeSet) -> Self {
        self.scopes = scopes;
        self
    }

    /// Adds a role.
    pub fn role(mut self, role: impl Into<String>) -> Self {
        self.roles.push(role.into());
        self
    }

    /// Adds several roles.
    pub fn roles<R: Into<String>>(mut self, roles: impl IntoIterator<Item = R>) -> Self {
        self.roles.extend(roles.into_iter().map(Into::into));
        self
    }

    /// Adds a factor that was proved.
    ///
    /// Without [`auth_time`](Self::auth_time) the latest proof is taken for it.
    pub fn factor(mut self, factor: Factor) -> Self {
        self.factors.push(factor);
        self
    }

    /// When the user last authenticated actively.
    pub fn auth_time(mut self, time: SystemTime) -> Self {
        self.auth_time = Some(time);
        self
    }

    /// The public id of the session or of the family of refresh tokens that it is issued for; written
    /// as the claim `sid`. [`Revocations::revoke_token`](crate::Revocations::revoke_token) with it ends
    /// all tokens that were issued for that session.
    pub fn session_id(mut self, id: impl Into<String>) -> Self {
        self.session_id = Some(id.into());
        self
    }

    /// Binds the token to a key, which its holder has to prove with each request (DPoP, RFC 9449);
    /// written as the claim `cnf`. It is the key of the proof that came with the request for the token,
    /// from [`TokenRequestProof::use_up`](crate::TokenRequestProof::use_up).
    pub fn bound_to(mut self, key: JwkThumbprint) -> Self {
        self.key = Some(key);
        self
    }

    /// Binds the token to the client's certificate (RFC 8705), which comes with each request.
    pub fn bound_to_certificate(mut self, certificate: CertificateThumbprint) -> Self {
        self.certificate = Some(certificate);
        self
    }

    /// The authentication context class that was reached.
    pub fn acr(mut self, acr: impl Into<String>) -> Self {
        self.acr = Some(acr.into());
        self
    }

    pub(super) fn is_bound(&self) -> bool {
        self.key.is_some() || self.certificate.is_some()
    }
}
