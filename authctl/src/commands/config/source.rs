//! Where settings come from.

use std::collections::BTreeMap;
use std::env;
use std::path::Path;

use zeroize::Zeroizing;

use super::settings::NAMES;
use crate::display::printable;
use crate::input::from_file;
use crate::report::Failure;

/// Settings by their names. An empty one is none: that is how shells and compose files unset one.
pub(super) struct Source(BTreeMap<String, Setting>);

struct Setting {
    value: Zeroizing<String>,
    /// Of the file; 0 in the environment.
    line: usize,
}

impl Source {
    /// Those of the environment that have a name that is known.
    pub(super) fn from_environment() -> Result<Self, Failure> {
        let mut settings = BTreeMap::new();
        for name in NAMES {
            match env::var(name) {
                Ok(value) => {
                    let value = Zeroizing::new(value);
                    settings.insert(name.to_owned(), Setting { value, line: 0 });
                }
                Err(env::VarError::NotPresent) => {}
                Err(env::VarError::NotUnicode(_)) => {
                    return Err(Failure::Usage(format!("{name} is not UTF-8")));
                }
            }
        }
        Ok(Self::of(settings))
    }

    /// `NAME=value` lines; `#` begins a comment line, quotes around a value are taken off.
    pub(super) fn from_file(path: &Path) -> Result<Self, Failure> {
        let text = from_file("--file", path)?;
        let mut settings = BTreeMap::new();
        for (number, line) in (1_usize..).zip(text.lines()) {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            // The line is not repeated: it may hold a secret.
            let wrong = |problem: &str| {
                let place = printable(&path.display().to_string());
                Failure::Usage(format!("{place}, line {number}: {problem}"))
            };
            let (name, value) = line
                .split_once('=')
                .ok_or_else(|| wrong("must be NAME=value"))?;
            let name = name.trim().trim_start_matches("export ").trim();
            let is_name = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
            if name.is_empty() || !name.bytes().all(is_name) {
                return Err(wrong("must be NAME=value"));
            }
            let value = Zeroizing::new(unquoted(value.trim()).to_owned());
            let setting = Setting {
                value,
                line: number,
            };
            if settings.insert(name.to_owned(), setting).is_some() {
                return Err(wrong("sets what was set before"));
            }
        }
        Ok(Self::of(settings))
    }

    fn of(mut settings: BTreeMap<String, Setting>) -> Self {
        settings.retain(|_, setting| !setting.value.is_empty());
        Self(settings)
    }

    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(|setting| setting.value.as_str())
    }

    /// Those of `names` that are set.
    pub(super) fn known(&self, names: &[&'static str]) -> Vec<&'static str> {
        let names = names.iter().copied();
        names.filter(|name| self.0.contains_key(*name)).collect()
    }

    /// The lines that set what is not among `names`, first to last. Not the names: a line that was meant to
    /// be something else, such as a secret in base64, can look like one.
    pub(super) fn unknown(&self, names: &[&str]) -> Vec<usize> {
        let own = self.0.iter();
        let unknown = own.filter(|(name, _)| !names.contains(&name.as_str()));
        let mut lines: Vec<_> = unknown.map(|(_, setting)| setting.line).collect();
        lines.sort_unstable();
        lines
    }
}

fn unquoted(value: &str) -> &str {
    for quote in ['"', '\''] {
        let inner = value
            .strip_prefix(quote)
            .and_then(|it| it.strip_suffix(quote));
        if let Some(inner) = inner {
            return inner;
        }
    }
    value
}
