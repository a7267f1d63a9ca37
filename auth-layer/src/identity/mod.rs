//! Who is asking: [`Identity`] and what it consists of.

mod builder;
mod credential_epoch;
mod factor;
mod roles;
mod scope_set;

use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use http::Extensions;
use serde::de::DeserializeOwned;
use smol_str::SmolStr;

pub use self::builder::IdentityBuilder;
pub use self::credential_epoch::CredentialEpoch;
pub use self::factor::{Factor, FactorKind};
pub use self::roles::Roles;
pub use self::scope_set::{InvalidScope, ScopeSet};

/// An authenticated principal, the same type whichever scheme proved it.
///
/// Cheap to clone: one reference count. There is no way to make one from a request except through
/// a [`Scheme`](crate::Scheme); handlers extract it (feature `axum`) or read it from the request's
/// extensions.
///
/// ```
/// use auth_layer::{Identity, ScopeSet};
///
/// let identity = Identity::builder("bearer", "user-17")
///     .issuer("https://id.example.com")
///     .scopes("reports:read reports:write".parse::<ScopeSet>()?)
///     .role("editor")
///     .build();
/// assert_eq!(identity.subject(), "user-17");
/// assert!(identity.scopes().contains("reports:read"));
/// assert!(!identity.scopes().contains("reports")); // whole names only
/// # Ok::<(), auth_layer::InvalidScope>(())
/// ```
#[derive(Clone)]
pub struct Identity {
    inner: Arc<Inner>,
}

#[derive(Clone)]
struct Inner {
    scheme: &'static str,
    subject: Arc<str>,
    issuer: Option<Arc<str>>,
    tenant: Option<Arc<str>>,
    scopes: ScopeSet,
    roles: Roles,
    factors: Vec<Factor>,
    auth_time: Option<SystemTime>,
    acr: Option<Box<str>>,
    expires_at: Option<SystemTime>,
    session_id: Option<Box<str>>,
    key_id: Option<SmolStr>,
    token_id: Option<Box<str>>,
    claims: Option<Bytes>,
    extras: Extensions,
}

impl Identity {
    /// An identity with a scheme and a subject and nothing else.
    #[must_use]
    pub fn new(scheme: &'static str, subject: impl Into<Arc<str>>) -> Self {
        Self::builder(scheme, subject).build()
    }

    /// Starts an identity; for authors of schemes. Pass an `Arc<str>` to share the text of a subject
    /// that is kept anyway.
    #[inline]
    pub fn builder(scheme: &'static str, subject: impl Into<Arc<str>>) -> IdentityBuilder {
        IdentityBuilder::new(scheme, subject.into())
    }

    /// Starts a copy of this identity, to be changed; for schemes that wrap another.
    pub fn to_builder(&self) -> IdentityBuilder {
        IdentityBuilder::from_inner((*self.inner).clone())
    }

    /// The same identity under the name of another scheme; changes in place if nobody shares it.
    #[must_use]
    pub fn with_scheme(mut self, scheme: &'static str) -> Self {
        if !std::ptr::eq(self.inner.scheme, scheme) && self.inner.scheme != scheme {
            Arc::make_mut(&mut self.inner).scheme = scheme;
        }
        self
    }

    /// The scheme that proved it: `session`, `bearer`, `api-key`, `basic`, `digest`, or your own.
    pub fn scheme(&self) -> &'static str {
        self.inner.scheme
    }

    /// Who it is, unique within [`issuer`](Self::issuer) and [`tenant`](Self::tenant). Never an
    /// e-mail address: those change hands.
    pub fn subject(&self) -> &str {
        &self.inner.subject
    }

    /// Who vouches for the subject; `None` for this service's own users.
    pub fn issuer(&self) -> Option<&str> {
        self.inner.issuer.as_deref()
    }

    /// The tenant that the identity belongs to.
    pub fn tenant(&self) -> Option<&str> {
        self.inner.tenant.as_deref()
    }

    /// What it may be used for. Empty unless scopes were granted.
    pub fn scopes(&self) -> &ScopeSet {
        &self.inner.scopes
    }

    /// The roles of the principal.
    pub fn roles(&self) -> impl ExactSizeIterator<Item = &str> {
        self.inner.roles.iter()
    }

    /// Whether it has exactly this role.
    pub fn has_role(&self, role: &str) -> bool {
        self.inner.roles.contains(role)
    }

    /// The factors that were proved, with the time of each proof.
    pub fn factors(&self) -> &[Factor] {
        &self.inner.factors
    }

    /// When this kind of factor was proved last.
    pub fn factor_proved_at(&self, kind: FactorKind) -> Option<SystemTime> {
        self.inner
            .factors
            .iter()
            .filter(|factor| factor.kind() == kind)
            .map(Factor::proved_at)
            .max()
    }

    /// When the principal last authenticated actively (OpenID Connect `auth_time`).
    pub fn auth_time(&self) -> Option<SystemTime> {
        self.inner.auth_time
    }

    /// The authentication context class that was reached (OpenID Connect `acr`).
    pub fn acr(&self) -> Option<&str> {
        self.inner.acr.as_deref()
    }

    /// When the credential behind it ends.
    pub fn expires_at(&self) -> Option<SystemTime> {
        self.inner.expires_at
    }

    /// The public id of the session, and not the secret in the cookie; of a bearer token, what its
    /// claim `sid` names: the session at its issuer, or the family of refresh tokens that it comes
    /// from. Whether there is one says nothing about how the request was authenticated: ask
    /// [`scheme`](Self::scheme).
    pub fn session_id(&self) -> Option<&str> {
        self.inner.session_id.as_deref()
    }

    /// The public id of the API key.
    pub fn key_id(&self) -> Option<&str> {
        self.inner.key_id.as_ref().map(SmolStr::as_str)
    }

    /// The id of the token (`jti`).
    pub fn token_id(&self) -> Option<&str> {
        self.inner.token_id.as_deref()
    }

    /// Something that the scheme added, by its type.
    pub fn extra<T: Clone + Send + Sync + 'static>(&self) -> Option<&T> {
        self.inner.extras.get::<T>()
    }

    /// The verified claims as JSON text: those of a token, or empty.
    pub fn raw_claims(&self) -> Option<&Bytes> {
        self.inner.claims.as_ref()
    }

    /// The verified claims as your own type.
    ///
    /// An identity without claims reads as an empty object, so a type whose fields are all optional
    /// fits every scheme.
    ///
    /// # Errors
    ///
    /// Fails if the claims do not have the shape of `T`.
    pub fn claims<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        serde_json::from_slice(self.inner.claims.as_deref().unwrap_or(b"{}"))
    }

    /// Whether both are clones of one identity.
    #[cfg(feature = "axum")]
    pub(crate) fn is_same_identity(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.inner, &other.inner)
    }

    /// Whether both name the same principal: same issuer, same tenant, same subject.
    pub fn is_same_principal(&self, other: &Self) -> bool {
        self.subject() == other.subject()
            && self.issuer() == other.issuer()
            && self.tenant() == other.tenant()
    }
}

/// Leaves out claims and extras, which may hold personal data.
impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity")
            .field("scheme", &self.inner.scheme)
            .field("issuer", &self.inner.issuer)
            .field("tenant", &self.inner.tenant)
            .field("subject", &self.inner.subject)
            .field("scopes", &self.inner.scopes)
            .field("roles", &self.inner.roles)
            .finish_non_exhaustive()
    }
}
