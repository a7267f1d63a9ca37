//! Proofs of possession (RFC 9449 section 4.2).

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use auth_layer::{AuthError, ConfigError};

use super::kind::is_type;
use super::{MINUTE, PolicyBuilder, VerificationPolicy};
use crate::token::{Claims, Compact, Header};
use crate::verifier::{check_signature, unverified};
use crate::{Algorithm, VerifyingKey};

/// DPoP proofs: what a client signs anew for each request, with a key that the proof itself names.
///
/// It is no [`TokenKind`](crate::TokenKind): there is no issuer whose keys could be had.
#[derive(Clone, Debug)]
pub struct DpopProof(());

/// What a proof says whose signature holds under the key in its own header. Method, address, token
/// and nonce have not been compared with anything, nor was it asked whether the proof was seen before.
pub(crate) struct VerifiedProof {
    /// The SHA-256 thumbprint of the key (RFC 7638).
    pub(crate) thumbprint: String,
    /// `jti`, not empty.
    pub(crate) token_id: String,
    pub(crate) issued_at: SystemTime,
    /// `htm`.
    pub(crate) method: String,
    /// `htu`.
    pub(crate) uri: String,
    /// `ath`.
    pub(crate) access_token_hash: Option<String>,
    pub(crate) nonce: Option<String>,
}

impl VerificationPolicy<DpopProof> {
    /// DPoP proofs (RFC 9449): `typ` is `dpop+jwt`, the signature is of the public key in the header
    /// and never of a secret, and `jti`, `htm`, `htu` and `iat` are there.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use jwt_layer::VerificationPolicy;
    ///
    /// let policy = VerificationPolicy::dpop_proof().max_age(Duration::from_secs(30)).build()?;
    /// # let _ = policy;
    /// # Ok::<(), auth_layer::ConfigError>(())
    /// ```
    pub fn dpop_proof() -> PolicyBuilder<DpopProof> {
        let mut builder = PolicyBuilder::new(DpopProof(()), Arc::from(""), None);
        let common = &mut builder.policy.common;
        common.must_expire = false;
        common.max_age = Some(MINUTE);
        builder
    }

    /// How long after its `iat` a proof is good: its age, and the leeway once more.
    pub(crate) fn longest_use(&self) -> Duration {
        let common = &self.common;
        // Once for a clock that is ahead, once for one that is behind.
        common.max_age.unwrap_or(MINUTE) + 2 * common.leeway
    }

    /// The names of the algorithms that proofs may be signed with, for `algs` of the challenge.
    pub(crate) fn algorithm_names(&self) -> String {
        let all = Algorithm::ALL.into_iter();
        let all = all.filter(|algorithm| !algorithm.is_symmetric());
        let allowed = self.common.algorithms.clone();
        let names = allowed.unwrap_or_else(|| all.collect());
        let names: Vec<_> = names.into_iter().map(Algorithm::as_str).collect();
        names.join(" ")
    }

    /// Verifies a proof by the key in its own header.
    pub(crate) fn verify_proof(
        &self,
        proof: &[u8],
        now: SystemTime,
    ) -> Result<VerifiedProof, AuthError> {
        let common = &self.common;
        let compact = Compact::split(proof, common.max_token_size)?;
        let header = compact.header()?;
        let (header, key) = Header::parse_with_key(&header)?;
        if !is_type(header.bare_type(), "dpop+jwt") {
            return Err(AuthError::invalid("wrong_token_type"));
        }
        if header.algorithm.is_symmetric() {
            return Err(AuthError::invalid("algorithm_not_allowed"));
        }
        common.check_algorithm(&header)?;
        let payload = compact.payload()?;
        let claims = Claims::parse(&payload, common.max_depth)?;
        let times = common.check_times(&claims, now).map_err(unverified)?;

        let key = VerifyingKey::from_jwk(header.algorithm, key)
            .map_err(|error| AuthError::invalid("impossible_proof_key").with_source(error))?;
        check_signature(&compact, &header, &key)?;

        common.check_required(&claims)?;
        let required = |name| {
            let text = claims.string(name)?.filter(|text| !text.is_empty());
            let text = text.ok_or_else(|| AuthError::invalid("missing_claim"))?;
            Ok::<_, AuthError>(text.into_owned())
        };
        let optional = |name| {
            let text = claims.string(name)?;
            Ok::<_, AuthError>(text.map(|text| text.into_owned()))
        };
        Ok(VerifiedProof {
            // Only secrets have none, and they were refused by their algorithm.
            thumbprint: key.thumbprint().unwrap_or_default().to_owned(),
            token_id: required("jti")?,
            issued_at: times
                .issued_at
                .ok_or_else(|| AuthError::invalid("missing_iat"))?,
            method: required("htm")?,
            uri: required("htu")?,
            access_token_hash: optional("ath")?,
            nonce: optional("nonce")?,
        })
    }
}

impl PolicyBuilder<DpopProof> {
    /// How long ago a proof may have been made. Default: 60 seconds, to which the leeway comes.
    pub fn max_age(mut self, age: Duration) -> Self {
        self.policy.common.max_age = Some(age);
        self
    }

    /// The finished policy.
    ///
    /// # Errors
    ///
    /// Names the option that cannot work: a leeway above 5 minutes, a size, depth or age out of
    /// range, a symmetric algorithm among [`algorithms`](Self::algorithms).
    pub fn build(self) -> Result<VerificationPolicy<DpopProof>, ConfigError> {
        let common = &self.policy.common;
        common.check_options()?;
        let mut algorithms = common.algorithms.iter().flatten();
        if algorithms.any(|algorithm| algorithm.is_symmetric()) {
            return Err(ConfigError::new(
                "algorithms",
                "must be asymmetric: the key is in the proof for all to read",
            ));
        }
        Ok(self.policy)
    }
}
