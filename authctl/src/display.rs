//! Values as text for people.

use std::fmt::Write as _;
use std::time::{SystemTime, UNIX_EPOCH};

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// Text that somebody else has written, safe to print on a terminal: what would move the cursor, colour
/// or hide text, or turn its direction, is escaped.
pub(crate) fn printable(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        if steers(letter) {
            // Writing to a string does not fail.
            let _ = write!(out, "{}", letter.escape_unicode());
        } else {
            out.push(letter);
        }
    }
    out
}

/// Whether a letter would move the cursor, end the line, turn the direction, or be there without being
/// seen.
fn steers(letter: char) -> bool {
    letter.is_control()
        || matches!(
            letter,
            '\u{ad}'
                | '\u{61c}'
                | '\u{180e}'
                | '\u{200b}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{feff}'
                | '\u{fff9}'..='\u{fffb}'
                | '\u{e0000}'..='\u{e007f}'
        )
}

/// JSON that says the same and is safe to print on a terminal. Only strings can hold what is escaped here:
/// between them there are spaces and ends of lines.
pub(crate) fn printable_json(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    for letter in json.chars() {
        if steers(letter) && letter != '\n' {
            for unit in letter.encode_utf16(&mut [0; 2]) {
                let _ = write!(out, "\\u{unit:04x}");
            }
        } else {
            out.push(letter);
        }
    }
    out
}

/// JSON in several lines, safe to print on a terminal.
pub(crate) fn pretty(value: &serde_json::Value) -> String {
    let json = serde_json::to_string_pretty(value).unwrap_or_default();
    printable_json(&json) + "\n"
}

/// A time as `2026-11-22T22:42:45Z`, to the second.
pub(crate) fn rfc3339(time: SystemTime) -> String {
    let seconds = match time.duration_since(UNIX_EPOCH) {
        Ok(since) => i64::try_from(since.as_secs()).ok(),
        Err(before) => i64::try_from(before.duration().as_secs()).ok().map(|s| -s),
    };
    seconds
        .and_then(|seconds| OffsetDateTime::from_unix_timestamp(seconds).ok())
        .and_then(|time| time.format(&Rfc3339).ok())
        .unwrap_or_else(|| "beyond the year 9999".to_owned())
}

/// Bytes as hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        let _ = write!(out, "{byte:02x}");
    }
    out
}

/// Lines of a name and a value, one below the other.
pub(crate) fn lines<'a>(rows: impl IntoIterator<Item = (&'a str, String)>) -> String {
    let rows: Vec<_> = rows.into_iter().collect();
    let width = rows.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    let mut out = String::new();
    for (name, value) in rows {
        let _ = writeln!(out, "{name:width$}  {}", printable(&value));
    }
    out
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn what_others_wrote_cannot_steer_a_terminal() {
        for (text, safe) in [
            ("nightly build", "nightly build"),
            ("naïve ☂", "naïve ☂"),
            ("\u{1b}[2Jgone", "\\u{1b}[2Jgone"),
            ("\u{9b}31mred", "\\u{9b}31mred"),
            ("a\r\nb", "a\\u{d}\\u{a}b"),
            ("admin\u{202e}nimda", "admin\\u{202e}nimda"),
        ] {
            assert_eq!(printable(text), safe);
        }
        for letter in [
            '\0',
            '\u{7f}',
            '\u{80}',
            '\u{9f}',
            '\u{61c}',
            '\u{200b}',
            '\u{200f}',
            '\u{2028}',
            '\u{2029}',
            '\u{202a}',
            '\u{2066}',
            '\u{2069}',
            '\u{feff}',
            '\u{e0041}',
        ] {
            let text = format!("a{letter}b");
            assert_eq!(printable(&text), format!("a{}b", letter.escape_unicode()));
            let json = serde_json::to_string(&text).unwrap();
            let safe = printable_json(&json);
            assert!(
                safe.bytes().all(|byte| (b' '..=b'~').contains(&byte)),
                "{safe}"
            );
            assert_eq!(serde_json::from_str::<String>(&safe).unwrap(), text);
        }
    }

    #[test]
    fn times_are_written_however_far_away() {
        for (time, text) in [
            (UNIX_EPOCH, "1970-01-01T00:00:00Z"),
            (
                UNIX_EPOCH + Duration::from_secs(1_800_000_000),
                "2027-01-15T08:00:00Z",
            ),
            (
                UNIX_EPOCH + Duration::from_secs(1 << 50),
                "beyond the year 9999",
            ),
        ] {
            assert_eq!(rfc3339(time), text);
        }
    }
}
