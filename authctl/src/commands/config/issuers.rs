//! The settings that are about issuers of others: `TRUST_…` and `OIDC_…`.

use std::path::Path;

use auth_layer::Origin;
use jwt_layer::{Algorithm, KeySet, RemoteKeys, VerificationPolicy, VerifyingKey};
use url::Url;

use super::settings::{Problem, algorithms, public_url, told};
use super::source::Source;
use crate::input::from_file;

/// Adds what is wrong with them.
pub(super) fn check(source: &Source, problems: &mut Vec<Problem>) {
    trusted_issuer(source, problems);
    login_elsewhere(source, problems);
}

/// `TRUST_…`: all of it, or nothing.
fn trusted_issuer(source: &Source, problems: &mut Vec<Problem>) {
    let mut wrong = |name, problem: String| problems.push(Problem::new(name, problem));
    let Some(issuer) = source.get("TRUST_ISSUER") else {
        for name in [
            "TRUST_ALGORITHMS",
            "TRUST_AUDIENCE",
            "TRUST_HS256_SECRET",
            "TRUST_JWKS",
        ] {
            if source.get(name).is_some() {
                wrong(name, "needs TRUST_ISSUER".to_owned());
            }
        }
        return;
    };
    // As the showcase has it: without JWT_ISSUER it is PUBLIC_URL.
    let own = source.get("JWT_ISSUER").map(str::to_owned).or_else(|| {
        let url = source.get("PUBLIC_URL")?.parse::<Origin>().ok()?;
        Some(url.to_string())
    });
    if own.as_deref() == Some(issuer) {
        wrong(
            "TRUST_ISSUER",
            "must not be the service's own issuer".to_owned(),
        );
    }
    match source.get("TRUST_AUDIENCE") {
        Some(audience) => {
            let policy = VerificationPolicy::plain_access_token(issuer, audience).build();
            if let Err(problem) = told(policy) {
                wrong("TRUST_ISSUER", problem);
            }
        }
        None => wrong("TRUST_AUDIENCE", "is needed with TRUST_ISSUER".to_owned()),
    }
    match (source.get("TRUST_JWKS"), source.get("TRUST_HS256_SECRET")) {
        (Some(_), Some(_)) => wrong("TRUST_JWKS", "excludes TRUST_HS256_SECRET".to_owned()),
        (None, None) => {
            wrong(
                "TRUST_JWKS",
                "or TRUST_HS256_SECRET is needed with TRUST_ISSUER".to_owned(),
            );
        }
        (None, Some(secret)) => {
            if source
                .get("TRUST_ALGORITHMS")
                .is_some_and(|names| names != "HS256")
            {
                let problem = "can only be HS256 with TRUST_HS256_SECRET";
                wrong("TRUST_ALGORITHMS", problem.to_owned());
            }
            let key = VerifyingKey::from_secret(Algorithm::Hs256, secret.as_bytes());
            if let Err(problem) = told(key) {
                wrong("TRUST_HS256_SECRET", problem);
            }
        }
        (Some(jwks), None) => match source.get("TRUST_ALGORITHMS") {
            None => wrong("TRUST_ALGORITHMS", "is needed with TRUST_JWKS".to_owned()),
            // Names that are none were told already.
            Some(names) => {
                if let Ok(algorithms) = algorithms(names)
                    && let Err(problem) = keys(jwks, algorithms)
                {
                    wrong("TRUST_JWKS", problem);
                }
            }
        },
    }
}

/// `OIDC_…`: issuer, client and its secret, or nothing.
fn login_elsewhere(source: &Source, problems: &mut Vec<Problem>) {
    const NEEDED: [&str; 3] = ["OIDC_ISSUER", "OIDC_CLIENT_ID", "OIDC_CLIENT_SECRET"];

    let mut wrong = |name, problem: String| problems.push(Problem::new(name, problem));
    let is_set = |name: &&str| source.get(name).is_some();
    let set = NEEDED.iter().chain(&["OIDC_SCOPES"]).copied().find(is_set);
    if let Some(set) = set {
        for missing in NEEDED.into_iter().filter(|name| !is_set(name)) {
            wrong(missing, format!("is needed with {set}"));
        }
    }
    if let Some(issuer) = source.get("OIDC_ISSUER")
        && let Err(problem) = provider(issuer)
    {
        wrong("OIDC_ISSUER", problem);
    }
}

/// The URL of a provider, in which neither a query nor a fragment has a place (Discovery section 4).
fn provider(url: &str) -> Result<(), String> {
    let wrong = "must be a URL without query and fragment, https except on a loopback host";
    let parsed = Url::parse(url).map_err(|_| wrong.to_owned())?;
    if parsed.query().is_some() || parsed.fragment().is_some() {
        return Err(wrong.to_owned());
    }
    public_url(&parsed.origin().ascii_serialization()).map_err(|_| wrong.to_owned())
}

/// The keys that are fetched from a URL; none for a file, which is read at once.
pub(super) fn keys(jwks: &str, algorithms: Vec<Algorithm>) -> Result<Option<RemoteKeys>, String> {
    if jwks.starts_with("http:") || jwks.starts_with("https:") {
        let keys = RemoteKeys::from_url(jwks).algorithms(algorithms).build();
        return keys.map(Some).map_err(|error| error.to_string());
    }
    let json = from_file("TRUST_JWKS", Path::new(jwks)).map_err(|failure| failure.to_string())?;
    told(KeySet::from_jwks(&json, algorithms)).map(|()| None)
}
