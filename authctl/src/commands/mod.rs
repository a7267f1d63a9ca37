//! The commands, one group a file.

pub(crate) mod config;
pub(crate) mod database;
pub(crate) mod key;
pub(crate) mod key_set;
pub(crate) mod keys;
pub(crate) mod password;
pub(crate) mod secret;
pub(crate) mod token;

use crate::cli::Command;
use crate::report::{Failure, Report};

/// Runs a command to its end.
pub(crate) async fn run(command: &Command) -> Result<Report, Failure> {
    match command {
        Command::Secret(args) => secret::run(args),
        Command::Password(command) => password::run(command),
        Command::Key(command) => key::run(command),
        Command::Keys(command) => keys::run(command).await,
        Command::Token(command) => token::run(command).await,
        Command::KeySet(command) => key_set::run(command).await,
        Command::Database(command) => database::run(command).await,
        Command::Config(command) => config::run(command).await,
    }
}
