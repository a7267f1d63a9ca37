//! `authctl key`: keys by their form, without a database.

use apikey_layer::{ApiKey, KeyFormat};
use auth_layer::SecretDigest;
use clap::{Args, Subcommand, ValueEnum};
use serde::Serialize;
use serde_json::Value;

use crate::display::{hex, lines};
use crate::input::secret_text;
use crate::report::{Failure, Report};

const NEW: &str = "\
Examples:
  authctl key new --prefix acme
  authctl --json key new --prefix acme --env test | jq -r .key

The key is in no database. What a service keeps of it is the id and the digest.";

const CHECK: &str = "\
Examples:
  authctl key check --prefix acme < key.txt
  printf %s \"$KEY\" | authctl key check --prefix acme --env live

This tells a key from a typing error, and not a good key from a revoked one: for that, look for its
id with `authctl keys show`.";

const SCAN: &str = "\
Examples:
  authctl key scan --prefix acme
  authctl key scan --prefix acme --format gitleaks >> .gitleaks.toml
  authctl --json key scan --prefix acme        for the secret scanning programme of a code host";

#[derive(Debug, Subcommand)]
pub(crate) enum KeyCommand {
    /// Make a key, and print it with its id and its digest
    #[command(after_help = NEW)]
    New(NewArgs),
    /// Check the form and the checksum of a key from standard input
    #[command(after_help = CHECK)]
    Check(CheckArgs),
    /// Describe the keys to scanners for published secrets
    #[command(after_help = SCAN)]
    Scan(ScanArgs),
}

#[derive(Args, Debug)]
pub(crate) struct NewArgs {
    /// What the keys of the application begin with
    #[arg(long)]
    prefix: String,

    /// The environment that the key is for
    #[arg(long, value_enum, default_value_t = Environment::Live)]
    env: Environment,
}

#[derive(Args, Debug)]
pub(crate) struct CheckArgs {
    /// What the keys of the application begin with
    #[arg(long)]
    prefix: String,

    /// The environment that the key must be for; either, if it is not said
    #[arg(long, value_enum)]
    env: Option<Environment>,
}

#[derive(Args, Debug)]
pub(crate) struct ScanArgs {
    /// What the keys of the application begin with
    #[arg(long)]
    prefix: String,

    /// For whom it is written
    #[arg(long, value_enum, default_value_t = ScanFormat::Text)]
    format: ScanFormat,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
enum Environment {
    /// For the real thing
    Live,
    /// For trying things out
    Test,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum ScanFormat {
    /// A rule in the TOML of gitleaks
    Gitleaks,
    /// Nothing but the regular expression
    Regex,
    /// In words
    Text,
    /// A detector in the YAML of TruffleHog
    Trufflehog,
}

impl Environment {
    fn format(self, prefix: &str) -> Result<KeyFormat, Failure> {
        Ok(match self {
            Self::Live => KeyFormat::live(prefix)?,
            Self::Test => KeyFormat::test(prefix)?,
        })
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Test => "test",
        }
    }
}

/// `{"key", "id", "digest", "environment"}`; the digest is SHA-256 in hexadecimal.
#[derive(Serialize)]
struct Made<'a> {
    key: &'a str,
    id: &'a str,
    digest: String,
    environment: Environment,
}

/// `{"well_formed", "id", "digest", "environment", "problem"}`; `problem` is null for a key, and the
/// others for what is none.
#[derive(Default, Serialize)]
struct Checked {
    well_formed: bool,
    id: Option<String>,
    digest: Option<String>,
    environment: Option<Environment>,
    problem: Option<String>,
}

pub(crate) fn run(command: &KeyCommand) -> Result<Report, Failure> {
    match command {
        KeyCommand::New(args) => new(args),
        KeyCommand::Check(args) => check(args),
        KeyCommand::Scan(args) => scan(args),
    }
}

fn new(args: &NewArgs) -> Result<Report, Failure> {
    let key: ApiKey = args.env.format(&args.prefix)?.generate()?;
    let made = Made {
        key: key.expose(),
        id: key.id().as_str(),
        digest: hex(key.digest().as_bytes()),
        environment: args.env,
    };
    let text = lines([
        ("key", made.key.to_owned()),
        ("id", made.id.to_owned()),
        ("digest", made.digest.clone()),
    ]);
    Report::new(&made, text)
}

fn check(args: &CheckArgs) -> Result<Report, Failure> {
    let environments = match args.env {
        Some(one) => vec![one],
        None => vec![Environment::Live, Environment::Test],
    };
    let mut formats = Vec::new();
    for environment in environments {
        formats.push((environment, environment.format(&args.prefix)?));
    }
    let key = secret_text("key")?;
    let mut problem = None;
    for (environment, format) in &formats {
        match format.parse(key.as_bytes()) {
            Ok(id) => {
                let digest = hex(SecretDigest::of(key.as_bytes()).as_bytes());
                let text = lines([
                    ("well-formed", "yes".to_owned()),
                    ("id", id.to_string()),
                    ("digest", digest.clone()),
                    ("environment", environment.name().to_owned()),
                ]);
                let checked = Checked {
                    well_formed: true,
                    id: Some(id.to_string()),
                    digest: Some(digest),
                    environment: Some(*environment),
                    problem: None,
                };
                return Report::new(&checked, text);
            }
            // What is wrong with a key of this environment says more than that it is not of the other.
            Err(apikey_layer::MalformedKey::Prefix) if problem.is_some() => {}
            Err(error) => problem = Some(error),
        }
    }
    let problem = problem.map(|problem| problem.to_string());
    let text = format!(
        "not a key: it {}",
        problem.as_deref().unwrap_or("has no form")
    );
    let checked = Checked {
        problem,
        ..Checked::default()
    };
    Ok(Report::new(&checked, text)?.good_if(false))
}

/// `--json` prints what `SecretScanning::to_json` documents.
fn scan(args: &ScanArgs) -> Result<Report, Failure> {
    let scanning = KeyFormat::live(&args.prefix)?.scanning();
    let json: Value = serde_json::from_str(&scanning.to_json())
        .map_err(|error| Failure::Unavailable(error.to_string()))?;
    let text = match args.format {
        ScanFormat::Gitleaks => scanning.gitleaks_rule(),
        ScanFormat::Regex => scanning.regex().to_owned(),
        ScanFormat::Text => scanning.to_string(),
        ScanFormat::Trufflehog => scanning.trufflehog_detector(),
    };
    Report::new(&json, text)
}
