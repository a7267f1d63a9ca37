//! What a token must be to be accepted: [`VerificationPolicy`].

mod access_token;
mod builder;
mod client_assertion;
mod common;
mod dpop_proof;
mod expected_id_token;
mod id_token;
mod introspection;
mod jarm;
mod kind;
mod logout_token;
mod user_info;

use std::time::Duration;

pub use self::access_token::{AccessToken, ClientToken};
pub use self::builder::PolicyBuilder;
pub use self::client_assertion::ClientAssertion;
pub(crate) use self::common::{Common, Times};
pub use self::dpop_proof::DpopProof;
pub use self::expected_id_token::ExpectedIdToken;
pub use self::id_token::IdToken;
pub use self::introspection::IntrospectionResponse;
pub use self::jarm::JarmResponse;
pub use self::kind::TokenKind;
pub(crate) use self::kind::{Rules, Signed};
pub use self::logout_token::LogoutToken;
pub use self::user_info::UserInfoResponse;

#[cfg(test)]
mod tests;

const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// What a token of one issuer must be to be accepted.
///
/// A policy is for one issuer and one kind of token, and is made from a preset:
///
/// | preset | `typ` | required claims | lives at most |
/// |---|---|---|---|
/// | [`access_token`](Self::access_token) (RFC 9068) | `at+jwt` | `iss` `aud` `exp` `iat` `sub` `jti` `client_id` | a day |
/// | [`plain_access_token`](Self::plain_access_token) | none, `JWT` or `at+jwt` | `iss` `aud` `exp` `sub` | 7 days |
/// | [`id_token`](Self::id_token) (OpenID Connect Core) | none or `JWT` | `iss` `aud` `exp` `iat` `sub` | a day |
/// | [`logout_token`](Self::logout_token) (Back-Channel Logout) | none, `JWT` or `logout+jwt` | `iss` `aud` `exp` `iat` `jti` `events`, `sub` or `sid` | 10 minutes from `iat` |
/// | [`client_assertion`](Self::client_assertion) (RFC 7523) | none, `JWT` or `client-authentication+jwt` | `iss` `sub` `aud` `exp` `jti` | 10 minutes |
/// | [`user_info_response`](Self::user_info_response) (OpenID Connect Core) | none or `JWT` | `iss` `aud` `sub` | a day, if `exp` is there |
/// | [`introspection_response`](Self::introspection_response) (RFC 9701) | `token-introspection+jwt` | `iss` `aud` `iat` `token_introspection` | 5 minutes from `iat` |
/// | [`jarm_response`](Self::jarm_response) (JARM) | none or `JWT` | `iss` `aud` `exp` `state`, `code` or `error` | 10 minutes |
/// | [`dpop_proof`](Self::dpop_proof) (RFC 9449) | `dpop+jwt` | `iat` `jti` `htm` `htu`; no issuer, no audience | a minute from `iat` |
///
/// The kind is part of the type: [`Jwt`](crate::Jwt) takes policies for access tokens only, and what a
/// kind does not know is no option of its builder. Where a `typ` may be missing, kinds are told apart
/// by the claims that only others have.
///
/// ```compile_fail,E0308
/// use jwt_layer::{Jwt, VerificationPolicy, VerifyingKey};
///
/// fn accept(key: VerifyingKey) -> Result<Jwt, auth_layer::ConfigError> {
///     let policy = VerificationPolicy::id_token("https://id.example.com", "client-1").build()?;
///     Ok(Jwt::new(policy, key)) // an ID token opens nothing
/// }
/// ```
///
/// # How a token is judged
///
/// 1. Size, three parts, strict base64url.
/// 2. Header: an algorithm we know, no `crit`, `b64`, `zip` or `enc`, no member twice, a sane `kid`.
///    `jku`, `x5u` and `x5c` are never looked at, and `jwk` in DPoP proofs only.
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
pub struct VerificationPolicy<K = AccessToken> {
    pub(crate) common: Common,
    pub(crate) kind: K,
}

impl<K: TokenKind> VerificationPolicy<K> {
    pub(crate) fn leeway(&self) -> Duration {
        self.common.leeway
    }

    /// The issuer whose tokens this is about.
    pub fn issuer(&self) -> &str {
        &self.common.issuer
    }

    /// The audiences of which a token must name one.
    pub fn audiences(&self) -> impl ExactSizeIterator<Item = &str> {
        self.common.audiences.iter().map(AsRef::as_ref)
    }
}
