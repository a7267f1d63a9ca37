//! Making an [`Identity`]; for authors of schemes.

use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use http::Extensions;
use smol_str::SmolStr;

use super::{Factor, Identity, Inner, Roles, ScopeSet};

/// Builds an [`Identity`]. See [`Identity::builder`].
#[must_use]
pub struct IdentityBuilder {
    // Every method is inlined: it is some 300 bytes, and would be copied from step to step.
    inner: Inner,
}

impl IdentityBuilder {
    #[inline]
    pub(super) fn new(scheme: &'static str, subject: Arc<str>) -> Self {
        Self {
            inner: Inner {
                scheme,
                subject,
                issuer: None,
                tenant: None,
                scopes: ScopeSet::new(),
                roles: Roles::new(),
                factors: Vec::new(),
                auth_time: None,
                acr: None,
                expires_at: None,
                session_id: None,
                key_id: None,
                token_id: None,
                claims: None,
                extras: Extensions::new(),
            },
        }
    }

    #[inline]
    pub(super) const fn from_inner(inner: Inner) -> Self {
        Self { inner }
    }

    /// The scheme that proved it.
    #[inline]
    pub fn scheme(mut self, scheme: &'static str) -> Self {
        self.inner.scheme = scheme;
        self
    }

    /// Who vouches for the subject. Pass an `Arc<str>` to share one text between identities.
    #[inline]
    pub fn issuer(mut self, issuer: impl Into<Arc<str>>) -> Self {
        self.inner.issuer = Some(issuer.into());
        self
    }

    /// The tenant. As with the issuer, an `Arc<str>` is shared.
    #[inline]
    pub fn tenant(mut self, tenant: impl Into<Arc<str>>) -> Self {
        self.inner.tenant = Some(tenant.into());
        self
    }

    /// All scopes, replacing earlier ones. A set that was cloned is shared, not copied.
    #[inline]
    pub fn scopes(mut self, scopes: ScopeSet) -> Self {
        self.inner.scopes = scopes;
        self
    }

    /// Adds a role.
    #[inline]
    pub fn role(self, role: impl Into<Box<str>>) -> Self {
        self.roles([role])
    }

    /// Adds several roles.
    #[inline]
    pub fn roles<R: Into<Box<str>>>(mut self, roles: impl IntoIterator<Item = R>) -> Self {
        self.inner.roles.extend(roles);
        self
    }

    /// All roles, replacing earlier ones; they are shared, not copied.
    #[inline]
    pub fn shared_roles(mut self, roles: Roles) -> Self {
        self.inner.roles = roles;
        self
    }

    /// Adds a factor that was proved.
    #[inline]
    pub fn factor(mut self, factor: Factor) -> Self {
        self.inner.factors.push(factor);
        self
    }

    /// When the principal last authenticated actively.
    #[inline]
    pub fn auth_time(mut self, time: SystemTime) -> Self {
        self.inner.auth_time = Some(time);
        self
    }

    /// The authentication context class.
    #[inline]
    pub fn acr(mut self, acr: impl Into<Box<str>>) -> Self {
        self.inner.acr = Some(acr.into());
        self
    }

    /// When the credential ends.
    #[inline]
    pub fn expires_at(mut self, time: SystemTime) -> Self {
        self.inner.expires_at = Some(time);
        self
    }

    /// The public id of the session.
    #[inline]
    pub fn session_id(mut self, id: impl Into<Box<str>>) -> Self {
        self.inner.session_id = Some(id.into());
        self
    }

    /// The public id of the API key. One of at most 23 bytes needs no heap.
    #[inline]
    pub fn key_id(mut self, id: impl AsRef<str>) -> Self {
        self.inner.key_id = Some(SmolStr::new(id));
        self
    }

    /// The id of the token.
    #[inline]
    pub fn token_id(mut self, id: impl Into<Box<str>>) -> Self {
        self.inner.token_id = Some(id.into());
        self
    }

    /// The verified claims, as JSON text of an object.
    #[inline]
    pub fn raw_claims(mut self, json: impl Into<Bytes>) -> Self {
        self.inner.claims = Some(json.into());
        self
    }

    /// Something of the scheme's own, to be read by its type. Never a secret.
    #[inline]
    pub fn extra<T: Clone + Send + Sync + 'static>(mut self, extra: T) -> Self {
        self.inner.extras.insert(extra);
        self
    }

    /// Without what was added by [`extra`](Self::extra) of this type.
    #[inline]
    pub fn without_extra<T: Clone + Send + Sync + 'static>(mut self) -> Self {
        self.inner.extras.remove::<T>();
        self
    }

    /// The finished identity.
    #[inline]
    #[must_use]
    pub fn build(self) -> Identity {
        Identity {
            inner: Arc::new(self.inner),
        }
    }
}

impl fmt::Debug for IdentityBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IdentityBuilder")
            .field("scheme", &self.inner.scheme)
            .field("subject", &self.inner.subject)
            .finish_non_exhaustive()
    }
}
