//! Lists of `name=value` (RFC 9110 section 11.2).

use std::borrow::Cow;

use crate::AuthError;
use crate::challenge::is_token;

/// The parameters of a text, one after the other. Stops after the first error.
pub(super) struct Parameters<'a> {
    rest: &'a str,
}

impl<'a> Parameters<'a> {
    pub(super) const fn new(text: &'a str) -> Self {
        Self { rest: text }
    }

    /// Takes one parameter from the front, up to the comma behind it.
    fn take(&mut self) -> Option<(&'a str, Cow<'a, str>)> {
        let (name, rest) = self.rest.split_once('=')?;
        let name = name.trim_end_matches(SPACE);
        if !is_token(name) {
            return None;
        }
        let rest = rest.trim_start_matches(SPACE);
        let (value, rest) = match rest.strip_prefix('"') {
            Some(quoted) => take_quoted(quoted)?,
            None => {
                let (value, rest) =
                    rest.split_at(rest.find([',', ' ', '\t']).unwrap_or(rest.len()));
                if !is_token(value) {
                    return None;
                }
                (Cow::Borrowed(value), rest)
            }
        };
        self.rest = rest.trim_start_matches(SPACE);
        (self.rest.is_empty() || self.rest.starts_with(',')).then_some((name, value))
    }
}

impl<'a> Iterator for Parameters<'a> {
    type Item = Result<(&'a str, Cow<'a, str>), AuthError>;

    fn next(&mut self) -> Option<Self::Item> {
        // RFC 9110 section 5.6.1.2: empty elements of a list count for nothing.
        self.rest = self.rest.trim_start_matches([',', ' ', '\t']);
        if self.rest.is_empty() {
            return None;
        }
        let parameter = self.take();
        if parameter.is_none() {
            self.rest = "";
        }
        Some(parameter.ok_or_else(|| AuthError::malformed("bad_parameter")))
    }
}

const SPACE: [char; 2] = [' ', '\t'];

/// Takes the rest of a quoted-string (RFC 9110 section 5.6.4) whose first quote is gone.
fn take_quoted(text: &str) -> Option<(Cow<'_, str>, &str)> {
    let mut escaped = false;
    let mut has_escapes = false;
    for (index, byte) in text.bytes().enumerate() {
        match byte {
            // Escapes do not make control characters good.
            b'\t' | b' '..=b'~' | 0x80.. if escaped => escaped = false,
            b'"' => {
                let (value, rest) = (&text[..index], &text[index + 1..]);
                let value = if has_escapes {
                    Cow::Owned(unescape(value))
                } else {
                    Cow::Borrowed(value)
                };
                return Some((value, rest));
            }
            b'\\' => (escaped, has_escapes) = (true, true),
            b'\t' | b' '..=b'~' | 0x80.. => {}
            _ => return None,
        }
    }
    None
}

fn unescape(value: &str) -> String {
    let mut unescaped = String::with_capacity(value.len());
    let mut chars = value.chars();
    while let Some(c) = chars.next() {
        // `take_quoted` saw a character behind every backslash.
        unescaped.extend(if c == '\\' { chars.next() } else { Some(c) });
    }
    unescaped
}
