//! What a token must be to be accepted: [`VerificationPolicy`].

mod access_token;
mod builder;
mod common;
mod dpop_proof;
mod kind;

use std::time::Duration;

pub use self::access_token::{AccessToken, ClientToken};
pub use self::builder::PolicyBuilder;
pub(crate) use self::common::{Common, Times};
pub use self::dpop_proof::DpopProof;
pub use self::kind::TokenKind;
pub(crate) use self::kind::{Rules, Signed};

#[cfg(test)]
mod tests;

const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// What a token of one issuer must be to be accepted.
///
/// A policy is for one issuer and one kind of token, and is made from a preset:
///
/// | preset | `typ` | required claims |
/// |---|---|---|
/// | [`access_token`](Self::access_token) (RFC 9068) | `at+jwt` | `iss` `aud` `exp` `iat` `sub` `jti` `client_id` |
/// | [`plain_access_token`](Self::plain_access_token) | none, `JWT` or `at+jwt` | `iss` `aud` `exp` `sub` |
/// | [`dpop_proof`](Self::dpop_proof) (RFC 9449) | `dpop+jwt` | `iat` `jti` `htm` `htu`; no issuer, no audience |
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
    /// The issuer whose tokens this is about.
    pub fn issuer(&self) -> &str {
        &self.common.issuer
    }

    /// The audiences of which a token must name one.
    pub fn audiences(&self) -> impl ExactSizeIterator<Item = &str> {
        self.common.audiences.iter().map(AsRef::as_ref)
    }
}
