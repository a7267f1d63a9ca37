//! A second issuer: `TRUST_…`.

use auth_layer::ConfigError;
use jwt_layer::{Algorithm, KeySet, VerificationPolicy, VerifyingKey};

use super::WrongVariable;

/// Another issuer whose tokens are accepted.
#[derive(Clone, Debug)]
pub(crate) struct TrustedIssuer {
    pub(crate) policy: VerificationPolicy,
    pub(crate) keys: KeySet,
}

/// `TRUST_ISSUER` and what belongs to it: all of it, or nothing.
pub(super) fn read(
    text: &impl Fn(&'static str) -> Result<Option<String>, WrongVariable>,
) -> Result<Option<TrustedIssuer>, WrongVariable> {
    let issuer = text("TRUST_ISSUER")?;
    let audience = text("TRUST_AUDIENCE")?;
    let jwks = text("TRUST_JWKS")?;
    let secret = text("TRUST_HS256_SECRET")?;
    let algorithms = text("TRUST_ALGORITHMS")?;

    let Some(issuer) = issuer else {
        for (name, value) in [
            ("TRUST_AUDIENCE", &audience),
            ("TRUST_JWKS", &jwks),
            ("TRUST_HS256_SECRET", &secret),
            ("TRUST_ALGORITHMS", &algorithms),
        ] {
            if value.is_some() {
                return Err(WrongVariable::new(name, "needs TRUST_ISSUER"));
            }
        }
        return Ok(None);
    };
    let audience = audience
        .ok_or_else(|| WrongVariable::new("TRUST_AUDIENCE", "is needed with TRUST_ISSUER"))?;
    let wrong = |name| move |error: ConfigError| WrongVariable::new(name, error);

    let (algorithms, keys) = match (jwks, secret) {
        (Some(_), Some(_)) => {
            let problem = "excludes TRUST_HS256_SECRET";
            return Err(WrongVariable::new("TRUST_JWKS", problem));
        }
        (None, None) => {
            let problem = "or TRUST_HS256_SECRET is needed with TRUST_ISSUER";
            return Err(WrongVariable::new("TRUST_JWKS", problem));
        }
        (None, Some(secret)) => {
            if algorithms.is_some_and(|names| names != "HS256") {
                let problem = "can only be HS256 with TRUST_HS256_SECRET";
                return Err(WrongVariable::new("TRUST_ALGORITHMS", problem));
            }
            let key = VerifyingKey::from_secret(Algorithm::Hs256, secret.as_bytes())
                .map_err(wrong("TRUST_HS256_SECRET"))?;
            let keys = KeySet::new([key]).map_err(wrong("TRUST_HS256_SECRET"))?;
            (vec![Algorithm::Hs256], keys)
        }
        (Some(jwks), None) => {
            let names = algorithms.ok_or_else(|| {
                WrongVariable::new("TRUST_ALGORITHMS", "is needed with TRUST_JWKS")
            })?;
            let algorithms = names
                .split(',')
                .map(|name| super::algorithm("TRUST_ALGORITHMS", name))
                .collect::<Result<Vec<_>, _>>()?;
            if jwks.starts_with("http:") || jwks.starts_with("https:") {
                let problem = "can only be a file in this build";
                return Err(WrongVariable::new("TRUST_JWKS", problem));
            }
            let json = std::fs::read_to_string(&jwks)
                .map_err(|error| WrongVariable::new("TRUST_JWKS", error))?;
            let keys = KeySet::from_jwks(&json, algorithms.iter().copied())
                .map_err(wrong("TRUST_JWKS"))?;
            (algorithms, keys)
        }
    };
    // Other issuers mark their access tokens in many ways, or not at all.
    let policy = VerificationPolicy::plain_access_token(issuer, audience)
        .algorithms(algorithms)
        .build()
        .map_err(wrong("TRUST_ISSUER"))?;
    Ok(Some(TrustedIssuer { policy, keys }))
}
