//! Where to go after login, without letting an attacker choose.

use std::fmt;

use http::Uri;

/// A path on this origin to return to after login.
///
/// Whatever does not parse as one is not repaired but ignored: take [`ReturnTo::root`] instead.
/// Accepted is a path of at most 2048 bytes that begins with exactly one slash, holds only the
/// characters of RFC 3986 paths and queries, and neither empty nor dot segments, so that no browser
/// and no server on the way can read another host in it.
///
/// ```
/// use auth_layer::ReturnTo;
///
/// assert!(ReturnTo::parse("/reports?year=2026#top").is_none()); // a fragment never reaches us
/// assert_eq!(ReturnTo::parse("/reports?year=2026").unwrap().as_str(), "/reports?year=2026");
/// for evil in ["//evil.example", "/\\evil.example", "https://evil.example", "/%2f/evil.example"] {
///     assert!(ReturnTo::parse(evil).is_none(), "{evil}");
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ReturnTo {
    path: String,
}

impl ReturnTo {
    /// The longest path, in bytes.
    pub const MAX_LENGTH: usize = 2048;

    /// The root of this origin.
    #[must_use]
    pub fn root() -> Self {
        Self {
            path: "/".to_owned(),
        }
    }

    /// Reads a path with an optional query; `None` if it is anything else.
    pub fn parse(text: &str) -> Option<Self> {
        let allowed = |b: u8| b.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@/?%".contains(&b);
        if text.len() > Self::MAX_LENGTH || !text.bytes().all(allowed) {
            return None;
        }
        let path = text.split('?').next().unwrap_or_default();
        let segments = path.strip_prefix('/')?;
        // A trailing slash is fine; an empty, a dot or a disguised segment is not.
        let mut segments = segments.split('/').peekable();
        while let Some(segment) = segments.next() {
            if segment.is_empty() && segments.peek().is_some() {
                return None;
            }
            if !is_plain(segment) {
                return None;
            }
        }
        Some(Self {
            path: text.to_owned(),
        })
    }

    /// The path and query of a request.
    pub fn from_uri(uri: &Uri) -> Option<Self> {
        Self::parse(uri.path_and_query()?.as_str())
    }

    /// The path and query.
    pub fn as_str(&self) -> &str {
        &self.path
    }
}

/// How often a segment may be percent-encoded. Nobody does it three times for a good reason.
const MAX_ENCODINGS: usize = 3;

/// Neither a dot segment nor one that hides a slash, backslash, dot segment or control character
/// behind percent-encoding, once or more than once.
fn is_plain(segment: &str) -> bool {
    let mut text = segment.as_bytes().to_vec();
    for _ in 0..=MAX_ENCODINGS {
        let decoded: Vec<u8> = percent_encoding::percent_decode(&text).collect();
        if decoded
            .iter()
            .any(|b| matches!(b, b'/' | b'\\') || b.is_ascii_control())
        {
            return false;
        }
        if decoded == text {
            return !matches!(text.as_slice(), b"." | b"..");
        }
        text = decoded;
    }
    false
}

impl Default for ReturnTo {
    fn default() -> Self {
        Self::root()
    }
}

impl fmt::Display for ReturnTo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.path)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn red_01_only_paths_of_this_origin_are_returned_to() {
        for fine in [
            "/",
            "/a",
            "/a/b/",
            "/a?b=/c//d&e=%2F",
            "/%20a",
            "/%252520a",
            "/a:b@c",
            "/...",
            "/a%25b",
        ] {
            assert_eq!(ReturnTo::parse(fine).unwrap().as_str(), fine);
        }
        for evil in [
            "",
            "a",
            "//evil",
            "///evil",
            "/\\evil",
            "\\/evil",
            "https:evil",
            "https://evil",
            "%2f%2fevil",
            "/%2fevil",
            "/%2Fevil",
            "/%252fevil",
            "/%5cevil",
            "/\tevil",
            "/\nevil",
            "/%0aevil",
            "\t//evil",
            " //evil",
            "good@evil",
            "//good@evil",
            "javascript:alert(1)",
            "/a/..//evil",
            "/../evil",
            "/./evil",
            "/%2e%2e/evil",
            "/%252e./evil",
            "/a#b",
            "/ä",
            "?a",
            "/a/%00",
            "/%25252520a",
        ] {
            assert_eq!(ReturnTo::parse(evil), None, "{evil:?}");
        }
        // However often a path is encoded, it is looked at a few times only (X-19).
        assert!(ReturnTo::parse(&format!("/%{}41", "25".repeat(1000))).is_none());
        assert!(ReturnTo::parse(&format!("/{}", "a".repeat(2047))).is_some());
        assert!(ReturnTo::parse(&format!("/{}", "a".repeat(2048))).is_none());
    }

    proptest! {
        #[test]
        fn what_is_accepted_stays_on_the_origin(text in "[/\\\\a-z.%25fe:@?#\t ]{0,24}") {
            if let Some(path) = ReturnTo::parse(&text) {
                let uri: Uri = path.as_str().parse().unwrap();
                prop_assert_eq!(uri.host(), None);
                prop_assert!(!uri.path().starts_with("//"));
            }
        }
    }
}
