//! `WWW-Authenticate` challenges as values (RFC 9110 section 11.6.1).

use std::fmt::Write as _;

use http::header::WWW_AUTHENTICATE;
use http::{HeaderMap, HeaderName, HeaderValue};

/// One challenge: a scheme and its parameters.
///
/// Whatever text comes in, what goes out is one well-formed challenge: quotes and backslashes are
/// escaped, control characters are dropped, so nothing can break out of its parameter.
///
/// ```
/// use auth_layer::Challenge;
///
/// let challenge = Challenge::new("Basic")
///     .param("realm", "the \"inner\" circle\r\nSet-Cookie: a=b")
///     .param("charset", "UTF-8");
/// assert_eq!(
///     challenge.as_str(),
///     r#"Basic realm="the \"inner\" circleSet-Cookie: a=b", charset="UTF-8""#,
/// );
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Challenge {
    text: String,
    has_params: bool,
}

impl Challenge {
    /// A challenge without parameters.
    ///
    /// # Panics
    ///
    /// Panics if `scheme` is not a token of RFC 9110 section 5.6.2: scheme names are constants.
    #[must_use]
    pub fn new(scheme: &str) -> Self {
        assert!(
            is_token(scheme),
            "the name of an authentication scheme is a token"
        );
        Self {
            text: scheme.to_owned(),
            has_params: false,
        }
    }

    /// Adds `name="value"`.
    ///
    /// # Panics
    ///
    /// Panics if `name` is not a token.
    #[must_use]
    pub fn param(mut self, name: &str, value: &str) -> Self {
        self.separate(name);
        self.text.push('"');
        for c in value.chars().filter(|c| !c.is_control()) {
            if matches!(c, '"' | '\\') {
                self.text.push('\\');
            }
            self.text.push(c);
        }
        self.text.push('"');
        self
    }

    /// Adds `name=value` without quotes, as Digest's `algorithm` and `stale` want it.
    ///
    /// # Panics
    ///
    /// Panics if `name` or `value` is not a token.
    #[must_use]
    pub fn token_param(mut self, name: &str, value: &str) -> Self {
        assert!(
            is_token(value),
            "an unquoted value of a challenge is a token"
        );
        self.separate(name);
        self.text.push_str(value);
        self
    }

    /// The text of the header.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    fn separate(&mut self, name: &str) {
        assert!(is_token(name), "the name of a parameter is a token");
        let separator = if self.has_params { ", " } else { " " };
        self.has_params = true;
        // Writing to a `String` cannot fail.
        let _ = write!(self.text, "{separator}{name}=");
    }
}

impl From<&Challenge> for HeaderValue {
    fn from(challenge: &Challenge) -> Self {
        // No control characters are in it, which is all that a header value asks for.
        Self::from_bytes(challenge.text.as_bytes()).unwrap_or_else(|_| Self::from_static(""))
    }
}

/// The challenges that a scheme offers: none, one, or several in order of preference.
///
/// A scheme whose challenge never changes builds this once and clones it: a clone of one challenge
/// copies no text.
#[derive(Clone, Debug, Default)]
pub struct Challenges {
    first: Option<HeaderValue>,
    rest: Vec<HeaderValue>,
    /// What belongs to the challenges and is not one.
    headers: Vec<(HeaderName, HeaderValue)>,
}

impl Challenges {
    /// No challenge: for schemes that HTTP has no name for, such as cookies.
    #[must_use]
    pub const fn none() -> Self {
        Self {
            first: None,
            rest: Vec::new(),
            headers: Vec::new(),
        }
    }

    /// Appends a challenge.
    pub fn push(&mut self, challenge: &Challenge) {
        self.push_value(challenge.into());
    }

    /// A header that goes with the challenges, such as the nonce that one of them asks for
    /// (`DPoP-Nonce`, RFC 9449 section 8).
    #[must_use]
    pub fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    /// Appends what another scheme offers.
    pub fn append(&mut self, other: Self) {
        for value in other.first.into_iter().chain(other.rest) {
            self.push_value(value);
        }
        self.headers.extend(other.headers);
    }

    /// Adds the challenges to the head of a response, and what goes with them.
    pub(crate) fn write(self, headers: &mut HeaderMap) {
        for (name, value) in self.headers {
            headers.insert(name, value);
        }
        for value in self.first.into_iter().chain(self.rest) {
            headers.append(WWW_AUTHENTICATE, value);
        }
    }

    fn push_value(&mut self, value: HeaderValue) {
        if self.first.is_none() {
            self.first = Some(value);
        } else {
            self.rest.push(value);
        }
    }
}

impl From<Challenge> for Challenges {
    fn from(challenge: Challenge) -> Self {
        Self {
            first: Some((&challenge).into()),
            rest: Vec::new(),
            headers: Vec::new(),
        }
    }
}

impl Extend<HeaderValue> for Challenges {
    fn extend<T: IntoIterator<Item = HeaderValue>>(&mut self, values: T) {
        for value in values {
            self.push_value(value);
        }
    }
}

impl IntoIterator for Challenges {
    type Item = HeaderValue;
    type IntoIter =
        std::iter::Chain<std::option::IntoIter<HeaderValue>, std::vec::IntoIter<HeaderValue>>;

    fn into_iter(self) -> Self::IntoIter {
        self.first.into_iter().chain(self.rest)
    }
}

/// Whether `text` is a token of RFC 9110 section 5.6.2.
pub(crate) fn is_token(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_separated_by_commas_and_tokens_stay_bare() {
        let challenge = Challenge::new("Digest")
            .param("realm", "a\\b")
            .token_param("algorithm", "SHA-256")
            .token_param("stale", "true");
        assert_eq!(
            HeaderValue::from(&challenge),
            r#"Digest realm="a\\b", algorithm=SHA-256, stale=true"#
        );
    }

    #[test]
    fn text_beyond_ascii_stays_a_valid_header() {
        let challenge = Challenge::new("Basic").param("realm", "Zürich\u{7f}\u{85}\0");
        assert_eq!(
            HeaderValue::from(&challenge).as_bytes(),
            "Basic realm=\"Zürich\"".as_bytes()
        );
    }

    #[test]
    fn headers_go_with_the_challenges_of_their_scheme() {
        let nonce = HeaderName::from_static("dpop-nonce");
        let mut all = Challenges::from(Challenge::new("A"));
        all.append(
            Challenges::from(Challenge::new("B"))
                .with_header(nonce.clone(), HeaderValue::from_static("n")),
        );
        let mut headers = HeaderMap::new();
        all.write(&mut headers);
        let values: Vec<_> = headers.get_all(WWW_AUTHENTICATE).iter().collect();
        assert_eq!(values, ["A", "B"]);
        assert_eq!(headers[nonce], "n");
    }

    #[test]
    fn challenges_keep_their_order() {
        let mut challenges = Challenges::none();
        for name in ["A", "B", "C"] {
            challenges.push(&Challenge::new(name));
        }
        assert_eq!(challenges.into_iter().collect::<Vec<_>>(), ["A", "B", "C"]);
    }
}
