//! What a command says, and how it ends.

use std::error::Error;
use std::fmt;
use std::io::{self, ErrorKind, Write as _};
use std::process::ExitCode;

use auth_layer::{AuthError, AuthErrorKind, ConfigError};
use serde::Serialize;
use sql_store::{SqlError, SqlErrorKind};

use crate::display::{printable, printable_json};

/// What a command found out or did.
#[derive(Debug)]
pub(crate) struct Report {
    json: String,
    text: String,
    verdict: Verdict,
}

/// How a command that came to an end ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// 0: done, or checked and good.
    Good,
    /// 1: checked and bad.
    Bad,
    /// 3: some of it could not be checked, and nothing was bad.
    Unknown,
}

impl Report {
    /// The object that `--json` prints, and what is printed otherwise. Lines that others have written
    /// go through [`printable`].
    pub(crate) fn new(json: &impl Serialize, text: impl Into<String>) -> Result<Self, Failure> {
        let json = serde_json::to_string(json)
            .map_err(|error| Failure::Unavailable(format!("the result is no JSON: {error}")))?;
        Ok(Self {
            json,
            text: text.into(),
            verdict: Verdict::Good,
        })
    }

    pub(crate) fn verdict(mut self, verdict: Verdict) -> Self {
        self.verdict = verdict;
        self
    }

    /// Another text for people.
    pub(crate) fn with_text(mut self, text: impl Into<String>) -> Self {
        self.text = text.into();
        self
    }

    /// Bad unless `good`.
    pub(crate) fn good_if(self, good: bool) -> Self {
        self.verdict(if good { Verdict::Good } else { Verdict::Bad })
    }
}

/// Why a command did not come to its end.
#[derive(Debug)]
pub(crate) enum Failure {
    /// 2: it was called or configured wrong.
    Usage(String),
    /// 3: what it needs could not be asked.
    Unavailable(String),
}

impl Failure {
    pub(crate) const USAGE: u8 = 2;
    const UNAVAILABLE: u8 = 3;

    pub(crate) fn usage(problem: impl Into<String>) -> Self {
        Self::Usage(problem.into())
    }

    const fn code(&self) -> u8 {
        match self {
            Self::Usage(_) => Self::USAGE,
            Self::Unavailable(_) => Self::UNAVAILABLE,
        }
    }

    const fn name(&self) -> &'static str {
        match self {
            Self::Usage(_) => "usage",
            Self::Unavailable(_) => "unavailable",
        }
    }

    /// What `--json` prints when there is no result.
    fn json(&self) -> String {
        #[derive(Serialize)]
        struct Failed {
            error: Problem,
        }

        #[derive(Serialize)]
        struct Problem {
            code: &'static str,
            message: String,
        }

        let error = Problem {
            code: self.name(),
            message: self.to_string(),
        };
        serde_json::to_string(&Failed { error }).unwrap_or_default()
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Usage(problem) | Self::Unavailable(problem)) = self;
        f.write_str(&printable(problem))
    }
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        Self::Usage(error.to_string())
    }
}

/// Of what is not the fault of what was given: a store that is down, a system without randomness.
impl From<AuthError> for Failure {
    fn from(error: AuthError) -> Self {
        let text = chain(&error);
        match error.kind() {
            AuthErrorKind::InvalidRequest | AuthErrorKind::Misconfigured => Self::Usage(text),
            _ => Self::Unavailable(text),
        }
    }
}

impl From<SqlError> for Failure {
    fn from(error: SqlError) -> Self {
        match error.kind() {
            SqlErrorKind::Config => Self::Usage(chain(&error)),
            SqlErrorKind::Unmigrated { .. } => {
                Self::Unavailable(format!("{error}; `authctl database migrate` does that"))
            }
            _ => Self::Unavailable(chain(&error)),
        }
    }
}

/// An error and what caused it, on one line.
pub(crate) fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        let cause = error.to_string();
        if !text.ends_with(&cause) {
            text.push_str(": ");
            text.push_str(&cause);
        }
        source = error.source();
    }
    text
}

/// Prints what came of a command.
pub(crate) fn exit_code(result: Result<Report, Failure>, as_json: bool) -> ExitCode {
    let (output, code) = match result {
        Ok(report) => {
            let code = match report.verdict {
                Verdict::Good => 0,
                Verdict::Bad => 1,
                Verdict::Unknown => Failure::UNAVAILABLE,
            };
            (if as_json { report.json } else { report.text }, code)
        }
        Err(failure) => {
            complain(&format!("error: {failure}"));
            let output = if as_json {
                failure.json()
            } else {
                String::new()
            };
            (output, failure.code())
        }
    };
    let output = if as_json {
        printable_json(&output)
    } else {
        output
    };
    match print(&output) {
        Ok(()) => ExitCode::from(code),
        // Whoever closed the pipe has read enough; what was done is done.
        Err(error) if error.kind() == ErrorKind::BrokenPipe => ExitCode::from(code),
        Err(error) => {
            complain(&format!("error: cannot write to standard output: {error}"));
            ExitCode::from(Failure::UNAVAILABLE)
        }
    }
}

/// Prints what `--json` does when there is no result, of a failure that was told already.
pub(crate) fn print_failure(failure: &Failure) {
    // Whoever closed the pipe has read enough, and the exit code tells the rest.
    let _ = print(&printable_json(&failure.json()));
}

fn print(output: &str) -> io::Result<()> {
    if output.is_empty() {
        return Ok(());
    }
    let mut stdout = io::stdout().lock();
    stdout.write_all(output.as_bytes())?;
    if !output.ends_with('\n') {
        stdout.write_all(b"\n")?;
    }
    stdout.flush()
}

/// Says something on standard error, if anybody listens.
pub(crate) fn complain(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}
