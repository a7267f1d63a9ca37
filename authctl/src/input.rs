//! Secrets from outside: standard input, the environment, files. Never arguments, which every user of
//! the machine can see.

use std::env;
use std::fs::File;
use std::io::{self, IsTerminal as _, Read};
use std::path::Path;

use zeroize::Zeroizing;

use crate::report::{Failure, chain};

/// The longest input that can be meant.
const MAX_LEN: usize = 64 * 1024;

/// Bytes from standard input, less the end of the line. On a terminal they are asked for as `what`, and
/// not shown.
pub(crate) fn secret_bytes(what: &str) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let bytes = if io::stdin().is_terminal() {
        Zeroizing::new(prompt(what)?.as_bytes().to_vec())
    } else {
        read(io::stdin().lock(), what)?
    };
    if bytes.is_empty() {
        let problem = format!("there is no {what} on standard input");
        return Err(Failure::Usage(problem));
    }
    Ok(bytes)
}

/// Text from standard input, as [`secret_bytes`].
pub(crate) fn secret_text(what: &str) -> Result<Zeroizing<String>, Failure> {
    text(&secret_bytes(what)?, what)
}

/// A new secret: on a terminal it is asked for twice.
pub(crate) fn new_secret_bytes(what: &str) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let first = secret_bytes(what)?;
    if io::stdin().is_terminal() && *prompt(&format!("{what}, again"))?.as_bytes() != **first {
        return Err(Failure::Usage(format!(
            "the {what} was not typed the same twice"
        )));
    }
    Ok(first)
}

/// A secret from `file`, which `option` names, if that is given, and else from the environment.
pub(crate) fn file_or_variable(
    option: &str,
    file: Option<&Path>,
    variable: &str,
) -> Result<Option<Zeroizing<String>>, Failure> {
    if let Some(path) = file {
        return from_file(option, path).map(Some);
    }
    match env::var_os(variable) {
        // An empty variable is how shells and compose files unset one.
        Some(value) if !value.is_empty() => {
            let value = Zeroizing::new(value.into_encoded_bytes());
            text(&value, variable).map(Some)
        }
        _ => Ok(None),
    }
}

/// The text of a file that `option` names, less the end of its last line.
///
/// The name of a file that is not there is not repeated: somebody may have given the secret itself.
pub(crate) fn from_file(option: &str, path: &Path) -> Result<Zeroizing<String>, Failure> {
    let what = if path.exists() {
        path.display().to_string()
    } else {
        format!("the file of {option}")
    };
    let file = File::open(path)
        .map_err(|error| Failure::Usage(format!("cannot read {what}: {}", chain(&error))))?;
    text(&read_all(file, &what)?, &what)
}

fn prompt(what: &str) -> Result<Zeroizing<String>, Failure> {
    rpassword::prompt_password(format!("{what}: "))
        .map(Zeroizing::new)
        .map_err(|error| Failure::Usage(format!("cannot ask for the {what}: {error}")))
}

/// All of it, which is one line.
fn read(input: impl Read, what: &str) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let bytes = read_all(input, what)?;
    if bytes.contains(&b'\n') {
        return Err(Failure::Usage(format!("the {what} is more than one line")));
    }
    Ok(bytes)
}

fn read_all(input: impl Read, what: &str) -> Result<Zeroizing<Vec<u8>>, Failure> {
    // Large enough at once: growing would leave copies behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(MAX_LEN + 1));
    let limit = u64::try_from(MAX_LEN + 1).unwrap_or(u64::MAX);
    input
        .take(limit)
        .read_to_end(&mut bytes)
        .map_err(|error| Failure::Usage(format!("cannot read {what}: {error}")))?;
    if bytes.len() > MAX_LEN {
        return Err(Failure::Usage(format!("{what} is longer than 64 KiB")));
    }
    if bytes.ends_with(b"\n") {
        bytes.pop();
        if bytes.ends_with(b"\r") {
            bytes.pop();
        }
    }
    Ok(bytes)
}

fn text(bytes: &[u8], what: &str) -> Result<Zeroizing<String>, Failure> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Ok(Zeroizing::new(text.to_owned())),
        Err(_) => Err(Failure::Usage(format!("{what} is not UTF-8"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn input_is_one_line_of_bounded_length() {
        for (input, read_as) in [
            (b"secret".as_slice(), Some(b"secret".as_slice())),
            (b"secret\n", Some(b"secret")),
            (b"secret\r\n", Some(b"secret")),
            (b" secret \n", Some(b" secret ")),
            (b"\xff\n", Some(b"\xff")),
            (b"", Some(b"")),
            (b"one\ntwo\n", None),
            (b"secret\n\n", None),
        ] {
            let bytes = read(input, "password").ok();
            assert_eq!(bytes.as_ref().map(|bytes| bytes.as_slice()), read_as);
        }
        assert!(read(&[b'a'; MAX_LEN][..], "token").is_ok());
        assert!(read(&[b'a'; MAX_LEN + 1][..], "token").is_err());
    }
}
