//! From checked claims to an identity.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::SystemTime;

use auth_layer::{AuthError, Factor, FactorKind, Identity, IdentityBuilder, from_unix_seconds};

use super::VerificationPolicy;
use super::check::Times;
use crate::token::Claims;

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

impl VerificationPolicy {
    /// The identity that verified claims prove, but for the claims themselves.
    pub(crate) fn identity(
        &self,
        claims: &Claims<'_>,
        times: Times,
        now: SystemTime,
    ) -> Result<IdentityBuilder, AuthError> {
        let subject = claims
            .string("sub")?
            .filter(|subject| !subject.is_empty())
            .ok_or_else(|| AuthError::invalid("missing_sub"))?;
        let is_client = self.is_client(claims, &subject)?;

        let mut identity = Identity::builder("bearer", subject.into_owned())
            .issuer(Arc::clone(&self.issuer))
            .expires_at(times.expires_at)
            .scopes(claims.scopes(&self.scope_claim)?)
            .roles(self.roles(claims)?.into_iter().map(Cow::into_owned));
        if is_client {
            identity = identity.extra(ClientToken(()));
        }
        if let Some(id) = claims.string("jti")? {
            identity = identity.token_id(id.into_owned());
        }
        if let Some(id) = claims.string("sid")?.filter(|id| !id.is_empty()) {
            identity = identity.session_id(id.into_owned());
        }
        if let Some(acr) = claims.string("acr")? {
            identity = identity.acr(acr.into_owned());
        }
        if let Some(name) = &self.tenant_claim {
            let tenant = claims
                .string(name)?
                .filter(|tenant| !tenant.is_empty())
                .ok_or_else(|| AuthError::invalid("missing_tenant"))?;
            identity = identity.tenant(tenant.into_owned());
        }
        if let Some(time) = claims.time("auth_time")? {
            if time > now + self.leeway {
                return Err(AuthError::invalid("authenticated_in_the_future"));
            }
            identity = identity.auth_time(time);
            for factor in factors(claims, time, now + self.leeway)? {
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

    fn roles<'a>(&self, claims: &Claims<'a>) -> Result<Vec<Cow<'a, str>>, AuthError> {
        claims.strings_at(&self.roles_path, self.max_depth)
    }
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
