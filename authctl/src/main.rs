#![doc = include_str!("../README.md")]

mod cli;
mod commands;
mod database;
mod display;
mod duration;
mod input;
mod report;

use std::process::ExitCode;

use clap::Parser as _;
use clap::error::{ContextKind, ContextValue, ErrorKind};

use self::cli::Cli;
use self::report::{Failure, Report, complain, exit_code};

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return usage(&error),
    };
    exit_code(run(&cli), cli.json)
}

fn run(cli: &Cli) -> Result<Report, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::Unavailable(format!("no runtime can be started: {error}")))?;
    runtime.block_on(commands::run(&cli.command))
}

/// Help and version are good ends; wrong arguments are not.
fn usage(error: &clap::Error) -> ExitCode {
    if !error.use_stderr() {
        // Whoever closed the pipe has read enough.
        let _ = error.print();
        return ExitCode::SUCCESS;
    }
    if holds_stray_value(error) {
        complain(
            "error: there is an argument too many. It is not repeated here, because it may be a \
             secret; secrets are read from standard input, the environment or a file. See --help",
        );
    } else {
        let _ = error.print();
    }
    ExitCode::from(Failure::USAGE)
}

/// Whether the message would repeat something that is not the name of an option.
fn holds_stray_value(error: &clap::Error) -> bool {
    let Some(ContextValue::String(argument)) = error.get(ContextKind::InvalidArg) else {
        return false;
    };
    error.kind() == ErrorKind::UnknownArgument && !argument.starts_with("--")
}
