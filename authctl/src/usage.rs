//! Wrong arguments, told without repeating them: any may be a secret that was given in the wrong place.

use std::env;
use std::process::ExitCode;

use clap::error::{ContextKind, ContextValue, ErrorKind};

use crate::report::{self, Failure};

/// What stands for an argument.
const LEFT_OUT: &str = "…";

const STRAY: &str = "there is an argument too many. It is not repeated here, because it may be a secret; \
                     secrets are read from standard input, the environment or a file. See --help";

/// Help and version are good ends; wrong arguments are not.
pub(crate) fn exit_code(mut error: clap::Error) -> ExitCode {
    if !error.use_stderr() {
        // Whoever closed the pipe has read enough.
        let _ = error.print();
        return ExitCode::SUCCESS;
    }
    let is_stray = is_stray(&error);
    leave_out(&mut error);
    if is_stray {
        return report::exit_code(Err(Failure::usage(STRAY)), wants_json());
    }
    let _ = error.print();
    if wants_json() {
        report::print_failure(&Failure::Usage(problem(&error)));
    }
    ExitCode::from(Failure::USAGE)
}

/// An argument that is not the name of an option.
fn is_stray(error: &clap::Error) -> bool {
    let Some(ContextValue::String(argument)) = error.get(ContextKind::InvalidArg) else {
        return false;
    };
    error.kind() == ErrorKind::UnknownArgument && !argument.starts_with("--")
}

/// Takes out of the message what was given. The names of options that there are stay.
fn leave_out(error: &mut clap::Error) {
    let mut given = vec![ContextKind::InvalidValue];
    match error.kind() {
        ErrorKind::InvalidSubcommand => given.push(ContextKind::InvalidSubcommand),
        ErrorKind::UnknownArgument => given.push(ContextKind::InvalidArg),
        _ => {}
    }
    for kind in given {
        // An empty one is told in other words.
        if matches!(error.get(kind), Some(ContextValue::String(text)) if !text.is_empty()) {
            error.insert(kind, ContextValue::String(LEFT_OUT.to_owned()));
        }
    }
    // `to pass 'hunter2' as a value, use …`
    error.remove(ContextKind::Suggested);
}

/// Whether `--json` was among the arguments, which could not be read.
fn wants_json() -> bool {
    let options = env::args_os().take_while(|argument| argument != "--");
    options.into_iter().any(|argument| argument == "--json")
}

/// The first paragraph, on one line.
fn problem(error: &clap::Error) -> String {
    if error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        return "which command? See --help".to_owned();
    }
    let text = error.render().to_string();
    let text = text.strip_prefix("error: ").unwrap_or(&text);
    let lines = text.lines().take_while(|line| !line.is_empty());
    lines.map(str::trim).collect::<Vec<_>>().join(" ")
}
