//! What a token must be to be accepted: [`VerificationPolicy`].

mod builder;
mod check;
mod identity;

use std::sync::Arc;
use std::time::Duration;

pub use self::builder::PolicyBuilder;
pub use self::identity::ClientToken;
use crate::Algorithm;

/// What a token of one issuer must be to be accepted.
///
/// A policy is for one issuer and one kind of token, and is made from a preset:
///
/// | preset | `typ` | required claims |
/// |---|---|---|
/// | [`access_token`](Self::access_token) (RFC 9068) | `at+jwt` | `iss` `aud` `exp` `iat` `sub` `jti` `client_id` |
/// | [`plain_access_token`](Self::plain_access_token) | none, `JWT` or `at+jwt` | `iss` `aud` `exp` `sub` |
///
/// # How a token is judged
///
/// 1. Size, three parts, strict base64url.
/// 2. Header: an algorithm we know, no `crit`, `b64`, `zip` or `enc`, no member twice, a sane `kid`.
///    `jwk`, `jku`, `x5u` and `x5c` are never looked at.
/// 3. Claims: one JSON object, no member twice, bounded depth; `iss` is a string and equal to the
///    issuer's.
/// 4. `typ`, and an algorithm that the policy allows; the key for exactly this algorithm.
/// 5. `exp`, `nbf` and `iat`, which are numbers. A token that is over is refused before the
///    signature is worked out: it costs nothing and tells nothing. What the event says is
///    `refused_unverified`, because anybody can write a token that is over.
/// 6. The signature.
/// 7. `aud`, `sub`, every required claim, and the rest.
///
/// Nothing of the claims is used for anything before the signature has held, except that `iss`
/// picks one of the configured issuers.
#[derive(Clone, Debug)]
pub struct VerificationPolicy {
    pub(crate) issuer: Arc<str>,
    pub(crate) max_token_size: usize,
    profile: Profile,
    audiences: Vec<Box<str>>,
    algorithms: Option<Vec<Algorithm>>,
    leeway: Duration,
    max_lifetime: Duration,
    max_depth: usize,
    required: Vec<Box<str>>,
    scope_claim: Box<str>,
    roles_path: Vec<Box<str>>,
    tenant_claim: Option<Box<str>>,
    client_tokens: bool,
    nonce: bool,
}

/// What kind of token a policy is for. Kinds exclude each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Profile {
    AccessToken,
    PlainAccessToken,
}

impl VerificationPolicy {
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
        PolicyBuilder::new(Profile::AccessToken, issuer.into(), audience.into())
    }

    /// Access tokens of issuers that do not follow RFC 9068.
    ///
    /// Nothing in such a token says that it is one. So tokens of another `typ` are refused, and
    /// tokens with claims that only ID tokens (`nonce`, `at_hash`, `c_hash`, `s_hash`) and
    /// security events (`events`) have.
    pub fn plain_access_token(
        issuer: impl Into<Arc<str>>,
        audience: impl Into<Box<str>>,
    ) -> PolicyBuilder {
        PolicyBuilder::new(Profile::PlainAccessToken, issuer.into(), audience.into())
    }

    /// The issuer whose tokens this is about.
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// The audiences of which a token must name one.
    pub fn audiences(&self) -> impl ExactSizeIterator<Item = &str> {
        self.audiences.iter().map(AsRef::as_ref)
    }
}
