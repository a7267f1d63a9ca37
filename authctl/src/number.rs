//! Whole numbers as they are given.

/// Reads a number, and unlike the parser of clap never repeats what it was given: it may be a secret.
pub(crate) fn parse(text: &str) -> Result<u32, String> {
    let wrong = || "must be a whole number".to_owned();
    text.parse().map_err(|_| wrong())
}
