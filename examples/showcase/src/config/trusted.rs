//! A second issuer: `TRUST_…`.

use std::fmt::Display;

use auth_layer::ConfigError;
use jwt_layer::{Algorithm, KeySet, Keys, RemoteKeys, VerificationPolicy, VerifyingKey};

use super::WrongVariable;

/// Another issuer whose tokens are accepted.
#[derive(Clone, Debug)]
pub(crate) struct TrustedIssuer {
    pub(crate) policy: VerificationPolicy,
    pub(crate) keys: TrustedKeys,
}

/// Where the keys of another issuer come from.
#[derive(Clone, Debug)]
pub(crate) enum TrustedKeys {
    Fixed(KeySet),
    /// Fetched when the first token comes, so that the issuer may be down when this program starts.
    Remote(RemoteKeys),
}

impl From<TrustedKeys> for Keys {
    fn from(keys: TrustedKeys) -> Self {
        match keys {
            TrustedKeys::Fixed(keys) => keys.into(),
            TrustedKeys::Remote(keys) => keys.into(),
        }
    }
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
            (vec![Algorithm::Hs256], TrustedKeys::Fixed(keys))
        }
        (Some(jwks), None) => {
            let names = algorithms.ok_or_else(|| {
                WrongVariable::new("TRUST_ALGORITHMS", "is needed with TRUST_JWKS")
            })?;
            let algorithms = names
                .split(',')
                .map(|name| super::algorithm("TRUST_ALGORITHMS", name))
                .collect::<Result<Vec<_>, _>>()?;
            let keys = keys(&jwks, &algorithms)?;
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

/// The keys that `TRUST_JWKS` names: a URL or a file.
fn keys(jwks: &str, algorithms: &[Algorithm]) -> Result<TrustedKeys, WrongVariable> {
    let wrong = |problem: &dyn Display| WrongVariable::new("TRUST_JWKS", problem);
    let algorithms = algorithms.iter().copied();
    if jwks.starts_with("http:") || jwks.starts_with("https:") {
        let keys = RemoteKeys::from_url(jwks).algorithms(algorithms).build();
        return keys.map(TrustedKeys::Remote).map_err(|error| wrong(&error));
    }
    let json = std::fs::read_to_string(jwks).map_err(|error| wrong(&error))?;
    let keys = KeySet::from_jwks(&json, algorithms);
    keys.map(TrustedKeys::Fixed).map_err(|error| wrong(&error))
}
