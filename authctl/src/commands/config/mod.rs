//! `authctl config`.

mod issuers;
mod reach;
mod settings;
mod source;

use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde::Serialize;

use self::settings::Problem;
use self::source::Source;
use crate::report::{Failure, Report, Verdict};

const CHECK: &str = "\
Examples:
  authctl config check                          the environment of this process
  authctl config check --file app.env --strict  a file of NAME=value lines
  authctl config check --file app.env --connect asks databases and issuers, too

All problems are told, not only the first. Which settings there are is in the README. Where no
setting is found at all, nothing was checked, which is exit code 1.";

#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Check settings with the libraries that they are for
    #[command(after_help = CHECK)]
    Check(CheckArgs),
}

#[derive(Args, Debug)]
pub(crate) struct CheckArgs {
    /// A file of NAME=value lines, instead of the environment
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,

    /// Lines of the file that set what is no setting are problems
    #[arg(long, requires = "file")]
    strict: bool,

    /// Ask the database, Redis and the issuer that the settings name
    #[arg(long)]
    connect: bool,
}

/// `{"good", "checked", "problems": [{"setting", "problem"}], "unreachable": [as problems], "unknown"}`;
/// `checked` are names and `unknown` numbers of lines.
#[derive(Serialize)]
struct Checked {
    good: bool,
    checked: Vec<&'static str>,
    problems: Vec<Problem>,
    unreachable: Vec<Problem>,
    unknown: Vec<usize>,
}

pub(crate) async fn run(command: &ConfigCommand) -> Result<Report, Failure> {
    let ConfigCommand::Check(args) = command;
    let source = match &args.file {
        Some(file) => Source::from_file(file)?,
        None => Source::from_environment()?,
    };
    let mut problems = settings::check(&source);
    let unknown = source.unknown(&settings::NAMES);
    if args.strict {
        let lines = unknown.iter().map(|line| format!("line {line}"));
        problems.extend(lines.map(|line| Problem::new(&line, "sets nothing that is known")));
    }
    let unreachable = match args.connect {
        true => reach::check(&source, &problems).await,
        false => Vec::new(),
    };
    let names = source.known(&settings::NAMES);
    let checked = Checked {
        good: problems.is_empty() && unreachable.is_empty() && !names.is_empty(),
        checked: names,
        problems,
        unreachable,
        unknown,
    };
    let is_bad = !checked.problems.is_empty() || checked.checked.is_empty();
    let verdict = match (is_bad, checked.unreachable.is_empty()) {
        (true, _) => Verdict::Bad,
        (false, false) => Verdict::Unknown,
        (false, true) => Verdict::Good,
    };
    Ok(Report::new(&checked, text(&checked))?.verdict(verdict))
}

fn text(checked: &Checked) -> String {
    let mut text = String::new();
    for problem in &checked.problems {
        text += &format!("{problem}\n");
    }
    for problem in &checked.unreachable {
        text += &format!("{problem} (could not be asked)\n");
    }
    for line in &checked.unknown {
        text += &format!("line {line} sets nothing that is known\n");
    }
    if checked.checked.is_empty() {
        return text + "no settings were found: nothing was checked\n";
    }
    let number = checked.checked.len();
    let good = if checked.good { "good" } else { "not good" };
    text + &format!("{number} settings checked: {good}\n")
}
