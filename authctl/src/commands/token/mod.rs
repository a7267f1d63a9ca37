//! `authctl token`.

mod check;
mod decode;

use clap::Subcommand;

use self::check::CheckArgs;
use crate::report::{Failure, Report};

#[derive(Debug, Subcommand)]
pub(crate) enum TokenCommand {
    /// Show what a token from standard input says. Nothing of it is verified
    #[command(after_help = decode::EXAMPLES)]
    Decode,
    /// Verify a token from standard input against a policy
    #[command(after_help = check::EXAMPLES)]
    Check(CheckArgs),
}

pub(crate) async fn run(command: &TokenCommand) -> Result<Report, Failure> {
    match command {
        TokenCommand::Decode => decode::run(),
        TokenCommand::Check(args) => check::run(args).await,
    }
}
