//! Proof of possession by a key of the client's (DPoP, RFC 9449).

mod builder;
mod nonce;
mod proof;
mod target;
mod token_request;
#[cfg(test)]
#[cfg(any(feature = "aws-lc", feature = "rust-crypto"))]
mod vectors;

use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use auth_layer::{
    AuthError, AuthErrorKind, Challenge, Challenges, Origin, SharedClock, SharedSingleUse,
    SingleUse as _,
};
use http::request::Parts;
use http::{HeaderName, HeaderValue, Method};

pub use self::builder::DpopBuilder;
use self::builder::OriginalUri;
use self::nonce::Nonces;
pub(crate) use self::proof::Proof;
use self::proof::{Expected, is_about_proof, refused};
pub use self::token_request::TokenRequestProof;
use crate::VerificationPolicy;
use crate::kind::DpopProof;

/// The header of a proof.
pub(crate) const PROOF: HeaderName = HeaderName::from_static("dpop");

const NONCE: HeaderName = HeaderName::from_static("dpop-nonce");

/// Checks DPoP proofs: that whoever shows a token has the key that it is bound to.
///
/// Give it to [`Jwt::dpop`](crate::Jwt::dpop), which then takes `Authorization: DPoP <token>` with one
/// `DPoP` header, and at the token endpoint ask
/// [`verify_token_request`](Self::verify_token_request) for the key to bind a token to:
///
/// ```
/// # use auth_layer::AuthError;
/// # use http::request::Parts;
/// # use jwt_layer::{AccessToken, AccessTokenRequest, Dpop, Issuer};
/// async fn token(dpop: &Dpop, issuer: &Issuer, parts: &Parts) -> Result<AccessToken, AuthError> {
///     let proof = dpop.verify_token_request(parts)?;
///     // Here the client and its grant are checked; without them nothing is remembered.
///     let mut request = AccessTokenRequest::new("alice");
///     if let Some(proof) = proof {
///         request = request.bound_to(proof.use_up().await?);
///     }
///     issuer.issue(&request)
/// }
/// ```
///
/// ```
/// use auth_layer::MemorySingleUse;
/// use jwt_layer::Dpop;
///
/// let dpop = Dpop::builder("https://api.example.com".parse()?, MemorySingleUse::new()).build()?;
/// # let _ = dpop;
/// # Ok::<(), auth_layer::ConfigError>(())
/// ```
///
/// # How a proof is judged
///
/// 1. Exactly one `DPoP` header, a compact JWT of at most 8 KiB.
/// 2. `typ` is `dpop+jwt`; the algorithm is asymmetric and allowed; nothing that changes what is
///    signed or read.
/// 3. `htm` is the method, in this case. `htu` is the origin from the configuration and the path of
///    the request. No header of the request has a say in the origin.
/// 4. `ath` is the hash of the token that is shown.
/// 5. `iat` lies at most 70 seconds back and 10 ahead. With [nonces](DpopBuilder::nonces), `nonce` is
///    one of ours that lives, too.
/// 6. `jwk` is a public key, and strong; the signature holds.
/// 7. The key is the one that the verified token names (`cnf.jkt`).
/// 8. Its `jti` was not used before, in the store that all nodes share. If the store cannot be asked,
///    the answer is 503.
///
/// A token that is bound is refused when it comes without a proof, and one that is not bound when it
/// comes with one.
///
/// # Which URI
///
/// The path is that of the request as the layer sees it. Where a router or a proxy has changed it
/// before, no proof fits: [`original_uri`](DpopBuilder::original_uri) and
/// [`mounted_at`](DpopBuilder::mounted_at) say what the client asked for.
#[derive(Clone)]
pub struct Dpop {
    inner: Arc<Inner>,
}

struct Inner {
    origin: Origin,
    used: SharedSingleUse,
    policy: VerificationPolicy<DpopProof>,
    /// The names of the algorithms that the policy allows.
    algorithms: String,
    nonces: Option<Nonces>,
    prefix: Box<str>,
    original_uri: Option<OriginalUri>,
    required: bool,
    clock: SharedClock,
}

/// What came with a token: a proof, and what it is to be for.
#[derive(Clone)]
pub(crate) struct PresentedProof {
    proof: HeaderValue,
    method: Method,
    path: Box<str>,
}

impl Dpop {
    /// Checks proofs for the resources at `origin`, which is how clients name this service, and notes
    /// in `used` which were used. Services of several processes need a store that they share.
    pub fn builder(origin: Origin, used: impl Into<SharedSingleUse>) -> DpopBuilder {
        DpopBuilder::new(origin, used.into())
    }

    /// Verifies the proof of a request for a token; `None` without a proof. It is not used up by that:
    /// nothing is remembered for strangers, who could fill the store with proofs of their own. Whoever
    /// grants a token calls [`use_up`](TokenRequestProof::use_up) once client and grant are good.
    ///
    /// # Errors
    ///
    /// Fails with `InvalidRequest` for two proofs, with `Stale` if the client has to come back with a
    /// nonce ([`challenge`](Self::challenge) brings it), and with `Invalid` or `Malformed` for a proof that
    /// is wrong.
    pub fn verify_token_request(
        &self,
        parts: &Parts,
    ) -> Result<Option<TokenRequestProof>, AuthError> {
        if !parts.headers.contains_key(PROOF) {
            return Ok(None);
        }
        let presented = self.present(parts)?;
        let proof = self.check(&presented, None, self.inner.clock.now())?;
        Ok(Some(TokenRequestProof {
            dpop: self.clone(),
            proof,
        }))
    }

    /// What to answer a refusal with: the challenge, and the nonce if one is needed.
    pub fn challenge(&self, error: Option<&AuthError>) -> Challenges {
        let code = error.and_then(code);
        let challenge = Challenge::new("DPoP");
        let challenge = match code {
            Some(code) => challenge.param("error", code),
            None => challenge,
        };
        self.complete(challenge, code, self.inner.clock.now())
    }

    /// Adds to a challenge what only this knows: the algorithms, and a nonce if that is what is missing.
    pub(crate) fn complete(
        &self,
        challenge: Challenge,
        code: Option<&str>,
        now: SystemTime,
    ) -> Challenges {
        let challenges = Challenges::from(challenge.param("algs", &self.inner.algorithms));
        match self.nonce_header_at(now) {
            Some((name, value)) if code == Some("use_dpop_nonce") => {
                challenges.with_header(name, value)
            }
            _ => challenges,
        }
    }

    /// The header with the nonce to use next (`DPoP-Nonce`), for the response of a token endpoint that has
    /// granted a token: without it the client learns the next one by a refusal. `None` without
    /// [nonces](DpopBuilder::nonces).
    #[must_use]
    pub fn nonce_header(&self) -> Option<(HeaderName, HeaderValue)> {
        self.nonce_header_at(self.inner.clock.now())
    }

    /// The nonce to use next, by another clock.
    pub(crate) fn nonce_header_at(&self, now: SystemTime) -> Option<(HeaderName, HeaderValue)> {
        let nonce = self.inner.nonces.as_ref()?.current(now);
        Some((NONCE, HeaderValue::from_str(&nonce).ok()?))
    }

    /// Whether tokens that are not bound are refused.
    pub(crate) fn is_required(&self) -> bool {
        self.inner.required
    }

    /// Takes the one proof out of a request.
    pub(crate) fn present(&self, parts: &Parts) -> Result<PresentedProof, AuthError> {
        let mut proofs = parts.headers.get_all(PROOF).iter();
        let proof = match (proofs.next(), proofs.next()) {
            (Some(proof), None) => proof,
            (None, _) => return Err(refused("dpop_no_proof")),
            (Some(_), Some(_)) => {
                return Err(AuthError::new(
                    AuthErrorKind::InvalidRequest,
                    "several_dpop_headers",
                ));
            }
        };
        let original = self
            .inner
            .original_uri
            .as_ref()
            .and_then(|find| find(parts));
        let path = original.as_ref().unwrap_or(&parts.uri).path();
        Ok(PresentedProof {
            proof: proof.clone(),
            method: parts.method.clone(),
            path: [&*self.inner.prefix, path].concat().into(),
        })
    }

    /// Judges a proof for `token`. Whether it was used before is asked by [`use_up`](Self::use_up).
    pub(crate) fn check(
        &self,
        presented: &PresentedProof,
        token: Option<&[u8]>,
        now: SystemTime,
    ) -> Result<Proof, AuthError> {
        let expected = Expected {
            method: presented.method.as_str(),
            path: &presented.path,
            token,
            now,
        };
        self.judge(presented.proof.as_bytes(), expected)
    }

    /// Uses a proof up.
    pub(crate) async fn use_up(&self, proof: &Proof, now: SystemTime) -> Result<(), AuthError> {
        let claimed = self
            .inner
            .used
            .claim(&proof.use_key, proof.until, now)
            .await;
        if claimed.map_err(crate::verifier::could_not_ask)? {
            Ok(())
        } else {
            Err(refused("dpop_used_before"))
        }
    }
}

/// The error code of RFC 9449 for what was refused.
pub(crate) fn code(error: &AuthError) -> Option<&'static str> {
    match error.kind() {
        AuthErrorKind::Stale => Some("use_dpop_nonce"),
        kind if !kind.is_bad_credential() => None,
        _ if is_about_proof(error.reason()) => Some("invalid_dpop_proof"),
        _ => Some("invalid_token"),
    }
}

impl fmt::Debug for Dpop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dpop")
            .field("origin", &self.inner.origin)
            .field("algorithms", &self.inner.algorithms)
            .field("nonces", &self.inner.nonces)
            .finish_non_exhaustive()
    }
}
