//! Reading one cookie out of a request.

use http::HeaderMap;
use http::header::COOKIE;
use memchr::memchr;

/// Two cookies of one name have different values, so nobody knows which one is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Differing;

/// Finds the value of the cookie `name` in all `Cookie` headers: HTTP/2 may split them up
/// (RFC 9113 section 8.2.3).
///
/// Names are compared byte for byte: nothing is percent-decoded, folded or unquoted. Only spaces
/// and tabs around names and values are passed over. What is not a pair is passed over too.
///
/// # Errors
///
/// The order of cookies says nothing about which of them can be trusted (RFC 6265 section 4.2.2),
/// so two that differ are an error.
pub(crate) fn find_cookie<'a>(
    headers: &'a HeaderMap,
    name: &[u8],
) -> Result<Option<&'a [u8]>, Differing> {
    let mut found = None;
    for header in headers.get_all(COOKIE) {
        let mut rest = Some(header.as_bytes());
        while let Some(text) = rest {
            let pair;
            (pair, rest) = match memchr(b';', text) {
                Some(end) => (&text[..end], Some(&text[end + 1..])),
                None => (text, None),
            };
            let Some(equals) = memchr(b'=', pair) else {
                continue;
            };
            if trim(&pair[..equals]) != name {
                continue;
            }
            let value = trim(&pair[equals + 1..]);
            if found.is_some_and(|first| first != value) {
                return Err(Differing);
            }
            found = Some(value);
        }
    }
    Ok(found)
}

fn trim(mut bytes: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = bytes {
        bytes = rest;
    }
    bytes
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    const NAME: &str = "__Host-session";

    fn headers<V: AsRef<[u8]>>(values: impl IntoIterator<Item = V>) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(COOKIE, HeaderValue::from_bytes(value.as_ref()).unwrap());
        }
        headers
    }

    #[test]
    fn published_cookie_headers_are_read_alike() {
        let vectors: Value =
            serde_json::from_str(include_str!("../../tests/vectors/cookie_header_parse.json"))
                .unwrap();
        for vector in vectors["vectors"].as_array().unwrap() {
            let values = vector["cookie"].as_array().unwrap();
            let headers = headers(values.iter().map(|value| value.as_str().unwrap()));
            for pair in vector["expected"].as_array().unwrap() {
                let (name, value) = (pair[0].as_str().unwrap(), pair[1].as_str().unwrap());
                let found = find_cookie(&headers, name.as_bytes());
                let differs = vector["name"]
                    .as_str()
                    .unwrap()
                    .contains("assign-only-once")
                    && name == "foo";
                if differs {
                    // Theirs take the first one; ours trusts neither.
                    assert_eq!(found, Err(Differing), "{vector}");
                    continue;
                }
                // Theirs unquote; ours never emits quotes, and so takes them for what they are.
                let found = found.unwrap().unwrap();
                let unquoted = found
                    .strip_prefix(b"\"")
                    .and_then(|v| v.strip_suffix(b"\""));
                assert_eq!(unquoted.unwrap_or(found), value.as_bytes(), "{vector}");
            }
        }
    }

    #[test]
    fn ses_12_ses_13_only_the_exact_name_counts_and_only_once() {
        for (cookies, expected) in [
            (&["__Host-session=a"][..], Ok(Some("a"))),
            (&["x=1; __Host-session=a; y=2"], Ok(Some("a"))),
            (&["x=1;__Host-session=a;y=2"], Ok(Some("a"))),
            (&["x=1", "__Host-session=a"], Ok(Some("a"))),
            (&["\t __Host-session = a \t"], Ok(Some("a"))),
            (&["__Host-session=a; __Host-session=a"], Ok(Some("a"))),
            (&["__Host-session=a=b"], Ok(Some("a=b"))),
            (&["__Host-session="], Ok(Some(""))),
            (&["__Host-session=a; __Host-session=b"], Err(Differing)),
            (&["__Host-session=a", "__Host-session=b"], Err(Differing)),
            (&["__Host-session=a; __Host-session="], Err(Differing)),
            (&["__%48ost-session=a"], Ok(None)),
            (&["__hOsT-session=a"], Ok(None)),
            (&["__HOST-session=a"], Ok(None)),
            (&["\"__Host-session\"=a"], Ok(None)),
            (&["session=a"], Ok(None)),
            (&["x__Host-session=a"], Ok(None)),
            (&["__Host-sessions=a"], Ok(None)),
            (&["__Host-session"], Ok(None)),
            (&["=__Host-session=a"], Ok(None)),
            (&["x=__Host-session=a"], Ok(None)),
            (&["x=\"; __Host-session=a; \""], Ok(Some("a"))),
            (&[""], Ok(None)),
            (&[], Ok(None)),
        ] {
            let headers = headers(cookies);
            let found = find_cookie(&headers, NAME.as_bytes());
            assert_eq!(found, expected.map(|v| v.map(str::as_bytes)), "{cookies:?}");
        }
    }

    proptest! {
        #[test]
        fn the_cookie_is_found_wherever_it_stands(
            before in proptest::collection::vec("[a-z]{1,5}=[!-:<-~]{0,9}", 0..5),
            after in proptest::collection::vec("[a-z]{1,5}=[!-:<-~]{0,9}", 0..5),
            value in "[A-Za-z0-9_-]{0,50}",
            split in any::<bool>(),
        ) {
            let mut pairs = before;
            pairs.push(format!("{NAME}={value}"));
            pairs.extend(after);
            let headers = if split { headers(pairs) } else { headers([pairs.join("; ")]) };
            prop_assert_eq!(find_cookie(&headers, NAME.as_bytes()), Ok(Some(value.as_bytes())));
        }

        #[test]
        fn no_header_panics_or_invents_a_value(bytes in proptest::collection::vec(32_u8..=255, 0..300)) {
            let bytes: Vec<u8> = bytes.into_iter().filter(|b| *b != 127).collect();
            let headers = headers([&bytes]);
            if let Ok(Some(value)) = find_cookie(&headers, b"a") {
                prop_assert!(!value.contains(&b';'));
                prop_assert!(value.is_empty() || bytes.windows(value.len()).any(|w| w == value));
            }
        }
    }
}
