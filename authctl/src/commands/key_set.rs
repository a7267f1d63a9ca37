//! `authctl key-set`: the keys that an issuer signs with.

use std::path::PathBuf;
use std::time::Duration;

use auth_layer::SealingKeys;
use clap::{Args, Subcommand};
use jwt_layer::{Algorithm, KeyRing, KeyRingError, KeyStatus, SigningKeyStore as _};
use serde::Serialize;
use serde_json::Value;
use sql_store::SqlSigningKeys;

use crate::database::DatabaseArgs;
use crate::display::{printable, rfc3339};
use crate::duration;
use crate::input::file_or_variable;
use crate::report::{Failure, Report};

const SHOW: &str = "\
Examples:
  authctl key-set show --database sqlite:auth.db --secret-file sealing.key
  authctl key-set show --name ES256 --jwks > jwks.json      with DATABASE_URL, SIGNING_KEY_SECRET

No private key is printed.";

const CREATE: &str = "\
Examples:
  authctl key-set create --algorithm ES256 --database sqlite:auth.db --secret-file sealing.key

`authctl secret > sealing.key` makes the secret that the keys are encrypted with. The service needs
the same one.";

const ROTATE: &str = "\
Examples:
  authctl key-set rotate --algorithm ES256 --database sqlite:auth.db --secret-file sealing.key

The next key is published at once and signs after --publish-ahead; the one before verifies until its
last token has ended (--token-lifetime). Give the values of the service, if it has others than the
defaults. While a next key is announced already, nothing is done.";

const REVOKE: &str = "\
Examples:
  authctl key-set revoke --kid aBcD… --algorithm ES256 --database sqlite:auth.db --secret-file s.key

For a key that is not trusted any more: every token that it signed is refused, by the services that
hold this key set within seconds, and elsewhere when the copy of the JWKS document is renewed.";

#[derive(Debug, Subcommand)]
pub(crate) enum KeySetCommand {
    /// Print the keys and what they do, or the JWKS document
    #[command(after_help = SHOW)]
    Show(ShowArgs),
    /// Make a key set with its first key, if there is none yet
    #[command(after_help = CREATE)]
    Create(ChangeArgs),
    /// Announce the next key
    #[command(after_help = ROTATE)]
    Rotate(ChangeArgs),
    /// Take a key out at once
    #[command(after_help = REVOKE)]
    Revoke(RevokeArgs),
}

#[derive(Args, Debug)]
pub(crate) struct ShowArgs {
    #[command(flatten)]
    ring: RingArgs,

    /// Print the JWKS document and nothing else
    #[arg(long)]
    jwks: bool,
}

#[derive(Args, Debug)]
pub(crate) struct ChangeArgs {
    #[command(flatten)]
    ring: RingArgs,

    #[command(flatten)]
    new: NewKeyArgs,
}

#[derive(Args, Debug)]
pub(crate) struct RevokeArgs {
    /// The id of the key, as `authctl key-set show` prints it
    #[arg(long)]
    kid: String,

    #[command(flatten)]
    ring: RingArgs,

    #[command(flatten)]
    new: NewKeyArgs,
}

/// What new keys are. A service and this program have to agree.
#[derive(Args, Debug)]
struct NewKeyArgs {
    /// The algorithm of new keys
    #[arg(long, value_name = "NAME", value_parser = algorithm)]
    algorithm: Algorithm,

    /// How long a new key is published before it signs: 0s, or 2s to 7d [default: 10m]
    #[arg(long, value_name = "DURATION", value_parser = publish_ahead)]
    publish_ahead: Option<Duration>,

    /// The longest that a token lives [default: 24h]
    #[arg(long, value_name = "DURATION", value_parser = duration::parse)]
    token_lifetime: Option<Duration>,
}

/// Which key set, and what it is encrypted with. The secret is at least 32 bytes: the text of the
/// variable or the file, less the end of the line.
#[derive(Args, Debug)]
struct RingArgs {
    #[command(flatten)]
    database: DatabaseArgs,

    /// The name of the key set in the database
    #[arg(long, default_value = "default")]
    name: String,

    /// A file with the secret that the keys are encrypted with. Without it the environment says it
    /// (SIGNING_KEY_SECRET)
    #[arg(long, value_name = "FILE")]
    secret_file: Option<PathBuf>,

    /// A file with the secret before this one, while it is being replaced. Without it the environment
    /// says it (SIGNING_KEY_SECRET_PREVIOUS)
    #[arg(long, value_name = "FILE")]
    previous_secret_file: Option<PathBuf>,

    /// The keys are not encrypted
    #[arg(long, conflicts_with_all = ["secret_file", "previous_secret_file"])]
    insecure_plain: bool,
}

/// `{"name", "changed", "keys": [{"kid", "algorithm", "is_signing", "signs_from", "signs_until",
/// "ends"}], "jwks"}`; `changed` says whether the command did something.
#[derive(Serialize)]
struct Shown {
    name: String,
    changed: bool,
    keys: Vec<Key>,
    jwks: Value,
}

#[derive(Serialize)]
struct Key {
    kid: String,
    algorithm: &'static str,
    is_signing: bool,
    signs_from: String,
    signs_until: Option<String>,
    ends: Option<String>,
}

/// `{"name", "changed": false, "problem"}`: there is no such key set, or no such key in it.
#[derive(Serialize)]
struct Missing {
    name: String,
    changed: bool,
    problem: &'static str,
}

pub(crate) async fn run(command: &KeySetCommand) -> Result<Report, Failure> {
    match command {
        KeySetCommand::Show(args) => show(args).await,
        KeySetCommand::Create(args) => create(args).await,
        KeySetCommand::Rotate(args) => rotate(args).await,
        KeySetCommand::Revoke(args) => revoke(args).await,
    }
}

async fn show(args: &ShowArgs) -> Result<Report, Failure> {
    let store = args.ring.store().await?;
    if !args.ring.exists(&store).await? {
        return args.ring.missing();
    }
    // That of new keys, of which none is made.
    let ring = args.ring.open(store, Algorithm::Es256, None).await?;
    let report = report(&args.ring.name, &ring, false, "")?;
    if !args.jwks {
        return Ok(report);
    }
    Ok(report.with_text(&*ring.jwks()))
}

async fn create(args: &ChangeArgs) -> Result<Report, Failure> {
    let store = args.ring.store().await?;
    let existed = args.ring.exists(&store).await?;
    let ring = args.ring.open_to_change(store, &args.new).await?;
    let note = if existed {
        "there was a key set of this name already\n"
    } else {
        "made the key set\n"
    };
    report(&args.ring.name, &ring, !existed, note)
}

async fn rotate(args: &ChangeArgs) -> Result<Report, Failure> {
    let store = args.ring.store().await?;
    if !args.ring.exists(&store).await? {
        return args.ring.missing();
    }
    let ring = args.ring.open_to_change(store, &args.new).await?;
    let before = ring.keys();
    ring.rotate().await?;
    let kids = |keys: &[KeyStatus]| keys.last().map(|key| key.kid.clone());
    let changed = kids(&before) != kids(&ring.keys());
    let note = if changed {
        "announced the next key\n"
    } else {
        "a next key was announced already\n"
    };
    report(&args.ring.name, &ring, changed, note)
}

async fn revoke(args: &RevokeArgs) -> Result<Report, Failure> {
    let store = args.ring.store().await?;
    if !args.ring.exists(&store).await? {
        return args.ring.missing();
    }
    let ring = args.ring.open_to_change(store, &args.new).await?;
    if !ring.revoke_key(&args.kid).await? {
        let problem = "there is no such key in the key set";
        return missing(&args.ring.name, problem);
    }
    report(&args.ring.name, &ring, true, "took the key out\n")
}

impl RingArgs {
    async fn store(&self) -> Result<SqlSigningKeys, Failure> {
        // What cannot work is said before anybody is asked.
        self.sealing()?;
        Ok(self.database.store().await?.signing_keys())
    }

    /// Opening one that is not there would make it.
    async fn exists(&self, store: &SqlSigningKeys) -> Result<bool, Failure> {
        Ok(store.load(&self.name).await?.is_some())
    }

    async fn open(
        &self,
        store: SqlSigningKeys,
        algorithm: Algorithm,
        new: Option<&NewKeyArgs>,
    ) -> Result<KeyRing, Failure> {
        let mut ring = KeyRing::builder(algorithm, store)
            .name(self.name.as_str())
            .rotate_by_call();
        ring = match self.sealing()? {
            Some(keys) => ring.sealed_with(keys),
            None => ring.insecure_plain(),
        };
        if let Some(ahead) = new.and_then(|new| new.publish_ahead) {
            // This program looks once; how often a service looks is no matter here.
            ring = ring.publish_ahead(ahead).refresh_every(refresh(ahead));
        }
        if let Some(lifetime) = new.and_then(|new| new.token_lifetime) {
            ring = ring.token_lifetime(lifetime);
        }
        ring.open().await.map_err(|error| match error {
            KeyRingError::Config(error) => error.into(),
            KeyRingError::Store(error) => error.into(),
            other => Failure::Unavailable(other.to_string()),
        })
    }

    /// The key set of the algorithm that is given. With another one the next key would be of that, while
    /// whoever verifies allows only the one before.
    async fn open_to_change(
        &self,
        store: SqlSigningKeys,
        new: &NewKeyArgs,
    ) -> Result<KeyRing, Failure> {
        let ring = self.open(store, new.algorithm, Some(new)).await?;
        match ring.keys().last().map(|newest| newest.algorithm) {
            Some(algorithm) if algorithm != new.algorithm => Err(Failure::Usage(format!(
                "the keys of this key set are for {algorithm}, not {}: another algorithm needs a key \
                 set of its own (--name)",
                new.algorithm
            ))),
            _ => Ok(ring),
        }
    }

    fn sealing(&self) -> Result<Option<SealingKeys>, Failure> {
        if self.insecure_plain {
            return Ok(None);
        }
        let secret = file_or_variable(
            "--secret-file",
            self.secret_file.as_deref(),
            "SIGNING_KEY_SECRET",
        )?
        .ok_or_else(|| {
            Failure::usage(
                "what are the keys encrypted with? Set SIGNING_KEY_SECRET, or give \
                     --secret-file or --insecure-plain",
            )
        })?;
        let mut keys = SealingKeys::new(secret.as_bytes())?;
        let previous = self.previous_secret_file.as_deref();
        let option = "--previous-secret-file";
        if let Some(previous) = file_or_variable(option, previous, "SIGNING_KEY_SECRET_PREVIOUS")? {
            keys = keys.previous(previous.as_bytes())?;
        }
        Ok(Some(keys))
    }

    fn missing(&self) -> Result<Report, Failure> {
        missing(
            &self.name,
            "there is no key set of this name; `authctl key-set create` makes one",
        )
    }
}

fn missing(name: &str, problem: &'static str) -> Result<Report, Failure> {
    let missing = Missing {
        name: name.to_owned(),
        changed: false,
        problem,
    };
    Ok(Report::new(&missing, problem)?.good_if(false))
}

fn report(name: &str, ring: &KeyRing, changed: bool, note: &str) -> Result<Report, Failure> {
    let jwks = serde_json::from_str(&ring.jwks())
        .map_err(|error| Failure::Unavailable(format!("the key set cannot be read: {error}")))?;
    let keys = ring.keys();
    let text: String = keys.iter().map(line).collect();
    let shown = Shown {
        name: name.to_owned(),
        changed,
        keys: keys.into_iter().map(Key::from).collect(),
        jwks,
    };
    Report::new(&shown, format!("{note}{text}"))
}

impl From<KeyStatus> for Key {
    fn from(status: KeyStatus) -> Self {
        Self {
            kid: status.kid,
            algorithm: status.algorithm.as_str(),
            is_signing: status.is_signing,
            signs_from: rfc3339(status.signs_from),
            signs_until: status.signs_until.map(rfc3339),
            ends: status.ends.map(rfc3339),
        }
    }
}

fn line(key: &KeyStatus) -> String {
    let does = if key.is_signing {
        "signs".to_owned()
    } else if let Some(ends) = key
        .ends
        .filter(|_| key.signs_until.is_some() && !is_ahead(key))
    {
        format!("verifies until {}", rfc3339(ends))
    } else {
        format!("signs from {}", rfc3339(key.signs_from))
    };
    format!("{}  {}  {does}\n", printable(&key.kid), key.algorithm)
}

fn is_ahead(key: &KeyStatus) -> bool {
    key.signs_from > std::time::SystemTime::now()
}

/// A service that looks once a second, which is as often as it can, sees a new key in time.
fn publish_ahead(text: &str) -> Result<Duration, String> {
    let ahead = duration::parse(text)?;
    let allowed = Duration::from_secs(2)..=Duration::from_secs(7 * 24 * 60 * 60);
    if ahead.is_zero() || allowed.contains(&ahead) {
        return Ok(ahead);
    }
    Err("must be 0s, or 2s to 7d".to_owned())
}

/// As often as `publish_ahead` allows.
fn refresh(ahead: Duration) -> Duration {
    let most = Duration::from_secs(30);
    if ahead.is_zero() {
        most
    } else {
        most.min(ahead / 2)
    }
}

fn algorithm(name: &str) -> Result<Algorithm, String> {
    Algorithm::from_name(name)
        .filter(|algorithm| !algorithm.is_symmetric())
        .ok_or_else(|| "must be an algorithm with a public key, such as ES256 or EdDSA".to_owned())
}
