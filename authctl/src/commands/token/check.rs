//! `authctl token check`: a token against a policy, by the verifier that services use.

use std::error::Error as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use auth_layer::{AuthError, AuthErrorKind};
use clap::{Args, ValueEnum};
use jwt_layer::{
    Algorithm, ExpectedIdToken, KeySet, Keys, RemoteKeys, TokenKind, TokenVerifier,
    VerificationPolicy, VerifiedToken, VerifyingKey,
};
use serde::Serialize;
use serde_json::Value;

use crate::display::{lines, pretty, rfc3339};
use crate::duration;
use crate::input::{file_or_variable, from_file, secret_text};
use crate::report::{Failure, Report};

pub(super) const EXAMPLES: &str = "\
Examples:
  authctl token check --issuer https://id.example.com --audience https://api.example.com \\
      --discover --algorithm RS256 < token.txt
  authctl token check --issuer https://id.example.com --audience api \\
      --kind plain-access-token --jwks jwks.json --algorithm ES256 < token.txt
  TOKEN_SECRET=… authctl token check --issuer me --audience api --algorithm HS256 < token.txt

Whether the token was revoked is not asked.";

#[derive(Args, Debug)]
pub(crate) struct CheckArgs {
    /// The issuer that the token must be of
    #[arg(long, value_name = "ISSUER")]
    issuer: String,

    /// The audience that it must be for: the service, or for an ID token the client
    #[arg(long, value_name = "AUDIENCE")]
    audience: String,

    /// An algorithm that is accepted; may be repeated
    #[arg(long, value_name = "NAME", required = true, value_parser = algorithm)]
    algorithm: Vec<Algorithm>,

    /// What kind of token it must be
    #[arg(long, value_enum, default_value_t = Kind::Access)]
    kind: Kind,

    #[command(flatten)]
    keys: KeyArgs,

    /// The nonce that an ID token must have; without it, it must have none
    #[arg(long, value_name = "NONCE")]
    nonce: Option<String>,

    /// How far clocks may differ, like 30s or 2m [default: 60s]
    #[arg(long, value_name = "DURATION", value_parser = duration::parse)]
    leeway: Option<Duration>,

    /// Accept tokens that a client got for itself, by client credentials
    #[arg(long)]
    accept_client_tokens: bool,
}

/// Where the keys of the issuer are. With HMAC it is a secret: TOKEN_SECRET, or --secret-file.
#[derive(Args, Debug)]
struct KeyArgs {
    /// A file with a JWKS document, or its URL: https, or http on this machine
    #[arg(long, value_name = "FILE|URL", group = "key_source")]
    jwks: Option<String>,

    /// Ask the issuer for its keys (OpenID Connect Discovery)
    #[arg(long, group = "key_source")]
    discover: bool,

    /// A file with a public key or a certificate in PEM; for one --algorithm
    #[arg(long, value_name = "FILE", group = "key_source")]
    pem: Option<PathBuf>,

    /// A file with the secret of an HMAC. Without one of these options the environment says it
    /// (TOKEN_SECRET)
    #[arg(long, value_name = "FILE", group = "key_source")]
    secret_file: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ValueEnum)]
enum Kind {
    /// As RFC 9068 describes it
    #[serde(rename = "access-token")]
    #[value(name = "access-token")]
    Access,
    /// Of OpenID Connect
    #[serde(rename = "id-token")]
    #[value(name = "id-token")]
    Id,
    /// Of an issuer that does not follow RFC 9068
    #[serde(rename = "plain-access-token")]
    #[value(name = "plain-access-token")]
    PlainAccess,
}

/// `{"valid": true, "kind", "issuer", "subject", "audiences", "token_id", "issued_at", "expires_at",
/// "algorithm", "kid", "claims"}`
#[derive(Serialize)]
struct Valid {
    valid: bool,
    kind: Kind,
    issuer: String,
    subject: Option<String>,
    audiences: Vec<String>,
    token_id: Option<String>,
    issued_at: Option<String>,
    expires_at: Option<String>,
    algorithm: &'static str,
    kid: Option<String>,
    claims: Value,
}

/// `{"valid": false, "kind", "problem", "detail"}`; the problem is the word that a service would log, and
/// the detail what is behind it, or null.
#[derive(Serialize)]
struct Invalid {
    valid: bool,
    kind: Kind,
    problem: &'static str,
    detail: Option<&'static str>,
}

pub(super) async fn run(args: &CheckArgs) -> Result<Report, Failure> {
    if args.nonce.is_some() && args.kind != Kind::Id {
        return Err(Failure::usage("--nonce is for --kind id-token"));
    }
    if args.accept_client_tokens && args.kind == Kind::Id {
        return Err(Failure::usage(
            "--accept-client-tokens is for access tokens",
        ));
    }
    match args.kind {
        Kind::Access | Kind::PlainAccess => access_token(args).await,
        Kind::Id => id_token(args).await,
    }
}

async fn access_token(args: &CheckArgs) -> Result<Report, Failure> {
    let (issuer, audience) = (args.issuer.as_str(), args.audience.as_str());
    let mut policy = match args.kind {
        Kind::PlainAccess => VerificationPolicy::plain_access_token(issuer, audience),
        _ => VerificationPolicy::access_token(issuer, audience),
    };
    policy = policy.algorithms(args.algorithm.iter().copied());
    if let Some(leeway) = args.leeway {
        policy = policy.leeway(leeway);
    }
    if args.accept_client_tokens {
        policy = policy.accept_client_tokens();
    }
    let verifier = TokenVerifier::new(policy.build()?, keys(args)?);
    let token = secret_text("token")?;
    report(args.kind, verifier.verify(&token).await)
}

async fn id_token(args: &CheckArgs) -> Result<Report, Failure> {
    let mut policy = VerificationPolicy::id_token(args.issuer.as_str(), args.audience.as_str())
        .algorithms(args.algorithm.iter().copied());
    if let Some(leeway) = args.leeway {
        policy = policy.leeway(leeway);
    }
    let verifier = TokenVerifier::new(policy.build()?, keys(args)?);
    let expected = match &args.nonce {
        Some(nonce) => ExpectedIdToken::with_nonce(nonce.as_str()),
        None => ExpectedIdToken::without_nonce(),
    };
    let token = secret_text("token")?;
    report(args.kind, verifier.verify(&token, &expected).await)
}

fn report<K: TokenKind>(
    kind: Kind,
    verified: Result<VerifiedToken<K>, AuthError>,
) -> Result<Report, Failure> {
    let token = match verified {
        Ok(token) => token,
        Err(error) if is_refusal(&error) => {
            let invalid = Invalid {
                valid: false,
                kind,
                problem: error.reason(),
                detail: detail(&error),
            };
            let mut text = format!("invalid: {}", invalid.problem);
            if let Some(detail) = invalid.detail {
                text += &format!(" ({detail})");
            }
            return Ok(Report::new(&invalid, text)?.good_if(false));
        }
        Err(error) => return Err(error.into()),
    };
    let claims: Value = token
        .claims()
        .map_err(|error| Failure::Unavailable(format!("the claims cannot be read: {error}")))?;
    let valid = Valid {
        valid: true,
        kind,
        issuer: token.issuer().to_owned(),
        subject: token.subject().map(str::to_owned),
        audiences: token.audiences().map(str::to_owned).collect(),
        token_id: token.token_id().map(str::to_owned),
        issued_at: token.issued_at().map(rfc3339),
        expires_at: token.expires_at().map(rfc3339),
        algorithm: token.key().algorithm().as_str(),
        kid: token.key().kid().map(str::to_owned),
        claims,
    };
    let or_none = |text: &Option<String>| text.clone().unwrap_or_else(|| "none".to_owned());
    let mut text = "valid; whether it was revoked was not asked\n".to_owned();
    text += &lines([
        ("issuer", valid.issuer.clone()),
        ("subject", or_none(&valid.subject)),
        ("expires", or_none(&valid.expires_at)),
        ("algorithm", valid.algorithm.to_owned()),
        ("key", or_none(&valid.kid)),
    ]);
    text += "claims ";
    text += &pretty(&valid.claims);
    Report::new(&valid, text)
}

/// The reason behind the reason. Other sources are left out: they could repeat what the token says.
fn detail(error: &AuthError) -> Option<&'static str> {
    let mut detail = None;
    let mut source = error.source();
    while let Some(error) = source {
        detail = error
            .downcast_ref::<AuthError>()
            .map(AuthError::reason)
            .or(detail);
        source = error.source();
    }
    detail
}

/// Whether the token is bad, and not that nobody could tell.
fn is_refusal(error: &AuthError) -> bool {
    !matches!(
        error.kind(),
        AuthErrorKind::Unavailable | AuthErrorKind::Internal | AuthErrorKind::Misconfigured
    )
}

fn keys(args: &CheckArgs) -> Result<Keys, Failure> {
    let algorithms = args.algorithm.iter().copied();
    let KeyArgs {
        jwks,
        discover,
        pem,
        secret_file,
    } = &args.keys;
    if *discover {
        let keys = RemoteKeys::discover(args.issuer.as_str()).algorithms(algorithms);
        return Ok(keys.build()?.into());
    }
    if let Some(place) = jwks {
        return from_jwks(place, algorithms);
    }
    let one = || match *args.algorithm {
        [one] => Ok(one),
        _ => Err(Failure::usage("one key is for one --algorithm")),
    };
    if let Some(file) = pem {
        return Ok(VerifyingKey::from_pem(one()?, &from_file("--pem", file)?)?.into());
    }
    let secret = file_or_variable("--secret-file", secret_file.as_deref(), "TOKEN_SECRET")?
        .ok_or_else(|| {
            Failure::usage(
                "which keys? Give --jwks, --discover, --pem or --secret-file, or set TOKEN_SECRET",
            )
        })?;
    Ok(VerifyingKey::from_secret(one()?, secret.as_bytes())?.into())
}

fn from_jwks(place: &str, algorithms: impl Iterator<Item = Algorithm>) -> Result<Keys, Failure> {
    if place.starts_with("https:") || place.starts_with("http:") {
        let keys = RemoteKeys::from_url(place).algorithms(algorithms);
        return Ok(keys.build()?.into());
    }
    let json = from_file("--jwks", Path::new(place))?;
    Ok(KeySet::from_jwks(&json, algorithms)?.into())
}

fn algorithm(name: &str) -> Result<Algorithm, String> {
    Algorithm::from_name(name).ok_or_else(|| {
        let names: Vec<_> = Algorithm::ALL.iter().map(|one| one.as_str()).collect();
        format!("must be one of {}", names.join(", "))
    })
}
