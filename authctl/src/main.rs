#![doc = include_str!("../README.md")]

mod cli;
mod commands;
mod database;
mod display;
mod duration;
mod input;
mod number;
mod report;
mod usage;

use std::process::ExitCode;

use clap::Parser as _;

use self::cli::Cli;
use self::report::{Failure, Report, exit_code};

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return usage::exit_code(error),
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
