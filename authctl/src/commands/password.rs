//! `authctl password`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use login::password::{HashError, HashErrorKind, PasswordHasher, PasswordHasherBuilder, Pepper};
use serde::Serialize;

use crate::input::{file_or_variable, from_file, new_secret_bytes, secret_bytes};
use crate::number;
use crate::report::{Failure, Report};

const HASH: &str = "\
Examples:
  authctl password hash                        asks for the password, twice
  printf %s \"$PASSWORD\" | authctl password hash --memory-kib 65536 --iterations 3";

const VERIFY: &str = "\
Examples:
  printf %s \"$PASSWORD\" | authctl password verify --hash-file hash.txt
  PASSWORD_HASH='$argon2id$v=19$…' authctl password verify

Exit code 1 says that it is another password, 3 that the hash is of a kind that cannot be checked.";

#[derive(Debug, Subcommand)]
pub(crate) enum PasswordCommand {
    /// Hash a password from standard input with argon2id
    #[command(after_help = HASH)]
    Hash(HashArgs),
    /// Check a password from standard input against a stored hash
    #[command(after_help = VERIFY)]
    Verify(VerifyArgs),
}

#[derive(Args, Debug)]
pub(crate) struct HashArgs {
    #[command(flatten)]
    cost: CostArgs,

    #[command(flatten)]
    pepper: PepperArgs,
}

#[derive(Args, Debug)]
pub(crate) struct VerifyArgs {
    /// A file with the hash. Without it the environment says the hash (PASSWORD_HASH)
    #[arg(long, value_name = "FILE")]
    hash_file: Option<PathBuf>,

    #[command(flatten)]
    cost: CostArgs,

    #[command(flatten)]
    pepper: PepperArgs,
}

/// What new hashes cost; the defaults are those of `login`.
#[derive(Args, Debug)]
struct CostArgs {
    /// Memory of a hash in KiB [default: 19456]
    #[arg(long, value_name = "KIB", value_parser = number::parse)]
    memory_kib: Option<u32>,

    /// How often argon2 goes over its memory [default: 2]
    #[arg(long, value_name = "NUMBER", value_parser = number::parse)]
    iterations: Option<u32>,

    /// Lanes of argon2 [default: 1]
    #[arg(long, value_name = "NUMBER", value_parser = number::parse)]
    lanes: Option<u32>,
}

/// The key that goes into the hashes and is kept apart from them.
#[derive(Args, Debug)]
struct PepperArgs {
    /// The id of the pepper key, as in `$hmac-sha256$kid=ID$…`
    #[arg(long, value_name = "ID", requires = "pepper_file")]
    pepper_id: Option<String>,

    /// A file with the pepper key: its text, less the end of the line, is the key
    #[arg(long, value_name = "FILE", requires = "pepper_id")]
    pepper_file: Option<PathBuf>,
}

/// `{"hash"}`
#[derive(Serialize)]
struct Hashed<'a> {
    hash: &'a str,
}

/// `{"matches", "needs_rehash"}`
#[derive(Serialize)]
struct Verified {
    matches: bool,
    needs_rehash: bool,
}

pub(crate) fn run(command: &PasswordCommand) -> Result<Report, Failure> {
    match command {
        PasswordCommand::Hash(args) => hash(args),
        PasswordCommand::Verify(args) => verify(args),
    }
}

fn hash(args: &HashArgs) -> Result<Report, Failure> {
    let hasher = hasher(&args.cost, &args.pepper)?;
    let password = new_secret_bytes("password")?;
    let hash = hasher.hash(&*password).map_err(failure)?;
    let hashed = Hashed {
        hash: hash.as_str(),
    };
    Report::new(&hashed, hash.as_str())
}

fn verify(args: &VerifyArgs) -> Result<Report, Failure> {
    let hasher = hasher(&args.cost, &args.pepper)?;
    let hash = file_or_variable("--hash-file", args.hash_file.as_deref(), "PASSWORD_HASH")?
        // No password matches an empty hash; but who asks this has lost the hash.
        .filter(|hash| !hash.trim().is_empty())
        .ok_or_else(|| Failure::usage("which hash? Set PASSWORD_HASH, or give --hash-file"))?;
    let password = secret_bytes("password")?;
    let outcome = hasher.verify(&*password, hash.trim()).map_err(failure)?;
    let verified = Verified {
        matches: outcome.is_match(),
        needs_rehash: outcome.needs_rehash(),
    };
    let text = match (verified.matches, verified.needs_rehash) {
        (false, _) => "the password is another one",
        (true, false) => "the password is right",
        (true, true) => "the password is right; the hash should be made anew with these options",
    };
    Ok(Report::new(&verified, text)?.good_if(verified.matches))
}

fn hasher(cost: &CostArgs, pepper: &PepperArgs) -> Result<PasswordHasher, Failure> {
    type Set = fn(PasswordHasherBuilder, u32) -> PasswordHasherBuilder;
    let options: [(Option<u32>, Set); 3] = [
        (cost.memory_kib, PasswordHasherBuilder::memory_kib),
        (cost.iterations, PasswordHasherBuilder::iterations),
        (cost.lanes, PasswordHasherBuilder::lanes),
    ];
    let mut builder = PasswordHasher::builder();
    for (value, set) in options {
        if let Some(value) = value {
            builder = set(builder, value);
        }
    }
    if let (Some(id), Some(file)) = (&pepper.pepper_id, &pepper.pepper_file) {
        builder = builder.pepper(Pepper::new(
            id.as_str(),
            from_file("--pepper-file", file)?.as_bytes(),
        )?);
    }
    Ok(builder.build()?)
}

fn failure(error: HashError) -> Failure {
    match error.kind() {
        HashErrorKind::PasswordTooLong => Failure::Usage(error.to_string()),
        _ => Failure::Unavailable(error.to_string()),
    }
}
