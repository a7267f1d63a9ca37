//! The commands and their options.

use clap::{Parser, Subcommand};

use crate::commands::config::ConfigCommand;
use crate::commands::database::DatabaseCommand;
use crate::commands::key::KeyCommand;
use crate::commands::key_set::KeySetCommand;
use crate::commands::keys::KeysCommand;
use crate::commands::password::PasswordCommand;
use crate::commands::secret::SecretArgs;
use crate::commands::token::TokenCommand;

const AFTER: &str = "\
Exit codes:
  0  done, or checked and good
  1  checked and bad: a wrong password, an invalid token, a key that is none, no such key
  2  called or configured wrong
  3  could not be checked: a database or an issuer is out of reach, a hash is of no known kind

Secrets are read from standard input, the environment or a file, and never from arguments, which
every user of the machine can see. On a terminal they are asked for and not shown.";

/// Administers what the auth layers keep: secrets, password hashes, API keys, tokens, signing keys
#[derive(Debug, Parser)]
#[command(
    name = "authctl",
    version,
    after_help = AFTER,
    max_term_width = 100,
    arg_required_else_help = true,
    disable_help_subcommand = true
)]
pub(crate) struct Cli {
    /// Print one JSON object on standard output
    #[arg(long, global = true, display_order = 900)]
    pub(crate) json: bool,

    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make a random secret
    Secret(SecretArgs),
    /// Hash and verify passwords
    #[command(subcommand, arg_required_else_help = true)]
    Password(PasswordCommand),
    /// Make and check API keys without a database
    #[command(subcommand, arg_required_else_help = true)]
    Key(KeyCommand),
    /// List, show, revoke and switch off the API keys in a database
    #[command(subcommand, arg_required_else_help = true)]
    Keys(KeysCommand),
    /// Decode tokens, and check them against a policy
    #[command(subcommand, arg_required_else_help = true)]
    Token(TokenCommand),
    /// Print and rotate the signing keys in a database
    #[command(subcommand, arg_required_else_help = true)]
    KeySet(KeySetCommand),
    /// Make, update and clear up the tables
    #[command(subcommand, arg_required_else_help = true)]
    Database(DatabaseCommand),
    /// Check a configuration
    #[command(subcommand, arg_required_else_help = true)]
    Config(ConfigCommand),
}
