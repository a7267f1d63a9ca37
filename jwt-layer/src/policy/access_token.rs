//! Access tokens (RFC 9068), and those of issuers that do not follow it.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use auth_layer::{
    AuthError, ConfigError, Factor, FactorKind, Identity, IdentityBuilder, from_unix_seconds,
};

use super::common::{Common, Times};
use super::kind::{Rules, Signed, is_plain, is_type};
use super::{PolicyBuilder, VerificationPolicy};
use crate::binding::Confirmation;
use crate::token::Claims;

/// Access tokens: what a client shows to a service.
#[derive(Clone, Debug)]
pub struct AccessToken {
    is_plain: bool,
    scope_claim: Box<str>,
    roles_path: Vec<Box<str>>,
    tenant: Option<Arc<str>>,
    tenant_claim: Option<Box<str>>,
    client_tokens: bool,
    nonce: bool,
}

/// Marks the [`Identity`] of a client that acts for itself and for no user; see
/// [`PolicyBuilder::accept_client_tokens`](crate::PolicyBuilder::accept_client_tokens).
///
/// ```
/// # use auth_layer::Identity;
/// # let identity = Identity::new("bearer", "reporting-job");
/// let is_client = identity.extra::<jwt_layer::ClientToken>().is_some();
/// # assert!(!is_client);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientToken(());

impl ClientToken {
    #[cfg(feature = "remote")]
    pub(crate) const fn new() -> Self {
        Self(())
    }
}

/// Whom an access token proves.
#[derive(Debug)]
#[allow(unnameable_types, reason = "it is named by a sealed trait")]
pub struct Bearer {
    /// All but the claims themselves.
    pub(crate) identity: IdentityBuilder,
    /// What has to be proved before the identity is used; the identity carries it, too.
    pub(crate) confirmation: Option<Confirmation>,
    /// At the earliest, for revocation: as exactly as the token says, and 1970 if it does not say.
    pub(crate) issued_at: SystemTime,
}

impl VerificationPolicy<AccessToken> {
    /// Access tokens as RFC 9068 describes them, for the service named `audience`.
    ///
    /// ```
    /// use jwt_layer::VerificationPolicy;
    ///
    /// let policy = VerificationPolicy::access_token("https://id.example.com", "https://api.example.com")
    ///     .tenant_claim("org_id")
    ///     .build()?;
    /// # let _ = policy;
    /// # Ok::<(), auth_layer::ConfigError>(())
    /// ```
    pub fn access_token(
        issuer: impl Into<Arc<str>>,
        audience: impl Into<Box<str>>,
    ) -> PolicyBuilder {
        PolicyBuilder::new(
            AccessToken::new(false),
            issuer.into(),
            Some(audience.into()),
        )
        .with_required(&["iat", "jti", "client_id"])
    }

    /// Access tokens of issuers that do not follow RFC 9068.
    ///
    /// A `jti` that is empty is no id, as if there were none.
    ///
    /// Nothing in such a token says that it is one. So tokens of another `typ` are refused, and
    /// tokens with claims that only ID tokens (`nonce`, `at_hash`, `c_hash`, `s_hash`), security
    /// events (`events`) and DPoP proofs (`htm`, `htu`) have. An ID token without any of these is
    /// told apart by its audience alone: no service should have the name of a client. Where an issuer
    /// names the kind in `token_use` or in a claim `typ`, it must be the right one.
    pub fn plain_access_token(
        issuer: impl Into<Arc<str>>,
        audience: impl Into<Box<str>>,
    ) -> PolicyBuilder {
        PolicyBuilder::new(AccessToken::new(true), issuer.into(), Some(audience.into()))
            .max_lifetime(7 * super::DAY)
    }
}

impl PolicyBuilder<AccessToken> {
    /// Another audience that counts as this service.
    pub fn audience(mut self, audience: impl Into<Box<str>>) -> Self {
        self.policy.common.audiences.push(audience.into());
        self
    }

    /// The claim with the scopes. Default: `scope`; some issuers use `scp`.
    pub fn scope_claim(mut self, name: impl Into<Box<str>>) -> Self {
        self.policy.kind.scope_claim = name.into();
        self
    }

    /// The claim with the roles, a string or an array of strings. Default: `roles`.
    pub fn roles_claim(self, name: impl Into<Box<str>>) -> Self {
        self.roles_path([name])
    }

    /// Where the roles are if they are nested: `["realm_access", "roles"]`.
    pub fn roles_path<N: Into<Box<str>>>(mut self, path: impl IntoIterator<Item = N>) -> Self {
        self.policy.kind.roles_path = path.into_iter().map(Into::into).collect();
        self
    }

    /// The tenant that all identities belong to: where an issuer is one tenant's own. Default: none.
    pub fn tenant(mut self, tenant: impl Into<Arc<str>>) -> Self {
        self.policy.kind.tenant = Some(tenant.into());
        self
    }

    /// The claim with the tenant. Default: none, and identities have no tenant.
    pub fn tenant_claim(mut self, name: impl Into<Box<str>>) -> Self {
        self.policy.kind.tenant_claim = Some(name.into());
        self
    }

    /// Accepts tokens that a client got for itself, by client credentials: those whose `sub` is the
    /// client's own id.
    ///
    /// Default: refused, because whoever may choose the id of a client could choose that of a user
    /// (RFC 9700 section 4.15). Identities from such tokens carry [`ClientToken`](crate::ClientToken).
    pub fn accept_client_tokens(mut self) -> Self {
        self.policy.kind.client_tokens = true;
        self
    }

    /// Accepts plain access tokens with a `nonce`, which some issuers put into them.
    pub fn accept_nonce(mut self) -> Self {
        self.policy.kind.nonce = true;
        self
    }
}

impl AccessToken {
    fn new(is_plain: bool) -> Self {
        Self {
            is_plain,
            scope_claim: Box::from("scope"),
            roles_path: vec![Box::from("roles")],
            tenant: None,
            tenant_claim: None,
            client_tokens: false,
            nonce: false,
        }
    }

    /// Whether the issuer says which tenant an identity belongs to.
    pub(crate) fn takes_tenant_from_claim(&self) -> bool {
        self.tenant_claim.is_some()
    }

    /// The identity that verified claims prove, but for the claims themselves.
    fn identity(&self, token: &Signed<'_>) -> Result<IdentityBuilder, AuthError> {
        let Signed { common, claims, .. } = *token;
        let subject = claims.subject()?;
        let is_client = self.is_client(claims, &subject)?;

        let mut identity = Identity::builder("bearer", subject.into_owned())
            .issuer(Arc::clone(&common.issuer))
            .scopes(claims.scopes(&self.scope_claim)?)
            .roles(self.roles(token)?.into_iter().map(Cow::into_owned));
        if let Some(time) = token.times.expires_at {
            identity = identity.expires_at(time);
        }
        if is_client {
            identity = identity.extra(ClientToken(()));
        }
        // An empty one would be the id of everybody's token: to take back one would take back all.
        if let Some(id) = claims.string("jti")?.filter(|id| !id.is_empty()) {
            identity = identity.token_id(id.into_owned());
        }
        if let Some(id) = claims.string("sid")?.filter(|id| !id.is_empty()) {
            identity = identity.session_id(id.into_owned());
        }
        if let Some(acr) = claims.string("acr")? {
            identity = identity.acr(acr.into_owned());
        }
        if let Some(tenant) = &self.tenant {
            identity = identity.tenant(tenant.clone());
        }
        if let Some(name) = &self.tenant_claim {
            let tenant = claims
                .string(name)?
                .filter(|tenant| !tenant.is_empty())
                .ok_or_else(|| AuthError::invalid("missing_tenant"))?;
            identity = identity.tenant(tenant.into_owned());
        }
        if let Some(time) = token.auth_time()? {
            identity = identity.auth_time(time);
            for factor in factors(claims, time, token.now + common.leeway)? {
                identity = identity.factor(factor);
            }
        }
        Ok(identity)
    }

    /// A token whose subject is its client is the client's own (RFC 9068 section 5).
    fn is_client(&self, claims: &Claims<'_>, subject: &str) -> Result<bool, AuthError> {
        let mut is_client = false;
        for name in ["client_id", "azp"] {
            is_client |= claims.string(name)?.is_some_and(|id| id == subject);
        }
        if is_client && !self.client_tokens {
            return Err(AuthError::invalid("client_token"));
        }
        Ok(is_client)
    }

    fn roles<'s>(&self, token: &Signed<'s>) -> Result<Vec<Cow<'s, str>>, AuthError> {
        let max_depth = token.common.max_depth;
        token.claims.strings_at(&self.roles_path, max_depth)
    }
}

impl Rules for AccessToken {
    type Proved = Bearer;

    fn fits(&self, typ: Option<&str>) -> bool {
        is_type(typ, "at+jwt") || (self.is_plain && is_plain(typ))
    }

    fn check(&self, token: &Signed<'_>) -> Result<Bearer, AuthError> {
        let claims = token.claims;
        // A bound token without a proof is a stolen one (RFC 9449 section 7.2): whoever uses an
        // identity with a confirmation has asked for the proof.
        let confirmation = Confirmation::read(claims)?;
        if !self.is_plain && claims.string("jti")?.is_none_or(|id| id.is_empty()) {
            return Err(AuthError::invalid("missing_jti"));
        }
        if self.is_plain {
            token.check_named_kind(&["access", "bearer", "dpop"])?;
            let foreign = ["at_hash", "c_hash", "s_hash", "events", "htm", "htu"];
            if claims.has_any(&foreign) || (claims.has("nonce") && !self.nonce) {
                return Err(AuthError::invalid("not_an_access_token"));
            }
        }
        Ok(Bearer {
            identity: match confirmation {
                Some(confirmation) => self.identity(token)?.extra(confirmation),
                None => self.identity(token)?,
            },
            confirmation,
            issued_at: earliest(token.common, claims, token.times),
        })
    }

    fn check_options(&self) -> Result<(), ConfigError> {
        let names = self.roles_path.iter().chain(&self.tenant_claim);
        let mut names = names.chain([&self.scope_claim]);
        if self.roles_path.is_empty() || names.any(|name| name.is_empty()) {
            return Err(ConfigError::new("claim", "names must not be empty"));
        }
        if self.tenant.as_deref() == Some("") {
            return Err(ConfigError::new("tenant", "must not be empty"));
        }
        if self.tenant.is_some() && self.tenant_claim.is_some() {
            let problem = "is given, so it cannot be taken from a claim";
            return Err(ConfigError::new("tenant", problem));
        }
        Ok(())
    }
}

/// When a token was issued at the earliest, for revocation.
///
/// Our own issuer says the millisecond in `iat_ms`, so that a revocation tells the token before
/// it from the token after it within one second. For others the clock may have run ahead by the
/// leeway: without subtracting it, their tokens would survive a revocation that came after them.
/// An `iat_ms` that does not refine `iat` is somebody else's claim and says nothing.
fn earliest(common: &Common, claims: &Claims<'_>, times: Times) -> SystemTime {
    let Some(iat) = times.issued_at else {
        return UNIX_EPOCH;
    };
    let millis = claims.read::<u64>("iat_ms").ok().flatten();
    let exact = millis.and_then(|millis| {
        let exact = UNIX_EPOCH.checked_add(Duration::from_millis(millis))?;
        let after = exact.duration_since(iat).ok()?;
        (after < Duration::from_secs(1)).then_some(exact)
    });
    exact.unwrap_or_else(|| iat.checked_sub(common.leeway).unwrap_or(UNIX_EPOCH))
}

/// The factors of `amr` that we know, proved at `auth_time`, or at the time that our own issuer
/// gives for each in `amr_at`. An `amr_at` of another shape, or of times to come, is somebody else's
/// claim and says nothing.
fn factors(
    claims: &Claims<'_>,
    auth_time: SystemTime,
    latest: SystemTime,
) -> Result<Vec<Factor>, AuthError> {
    let names = claims.strings("amr")?.unwrap_or_default();
    let times = claims.read::<BTreeMap<String, u64>>("amr_at");
    let times = times.ok().flatten().unwrap_or_default();
    let factor = |name: &Cow<'_, str>| {
        let kind = FactorKind::from_amr(name)?;
        let own = times.get(name.as_ref()).copied();
        let own = own
            .and_then(from_unix_seconds)
            .filter(|time| *time <= latest);
        Some(Factor::new(kind, own.unwrap_or(auth_time)))
    };
    Ok(names.iter().filter_map(factor).collect())
}
