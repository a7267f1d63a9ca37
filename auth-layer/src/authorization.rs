//! Reading `Authorization` (RFC 9110 section 11.6.2).

use http::HeaderMap;
use http::header::AUTHORIZATION;

use crate::{AuthError, AuthErrorKind};

/// What follows the name of `scheme` in the `Authorization` header, or `None` if the header is
/// missing or names another scheme.
///
/// Scheme names are compared without regard to case, and any number of spaces may follow them.
/// What is returned may be empty, and is whatever bytes the client sent.
///
/// ```
/// # use http::HeaderMap;
/// let mut headers = HeaderMap::new();
/// headers.insert("authorization", "bearer  abc".parse()?);
/// assert_eq!(auth_layer::authorization(&headers, "Bearer"), Some(&b"abc"[..]));
/// assert_eq!(auth_layer::authorization(&headers, "Basic"), None);
/// # Ok::<(), http::header::InvalidHeaderValue>(())
/// ```
pub fn authorization<'a>(headers: &'a HeaderMap, scheme: &str) -> Option<&'a [u8]> {
    let value = headers.get(AUTHORIZATION)?.as_bytes();
    let (name, rest) = value.split_at_checked(scheme.len())?;
    if !name.eq_ignore_ascii_case(scheme.as_bytes()) {
        return None;
    }
    match rest.first() {
        None | Some(b' ') => Some(rest.trim_ascii()),
        Some(_) => None,
    }
}

/// Refuses a request with two `Authorization` headers: nobody can say which one counts.
pub(crate) fn at_most_one(headers: &HeaderMap) -> Result<(), AuthError> {
    // Few requests repeat any header; the rest are told apart without a look-up.
    if headers.len() == headers.keys_len() || headers.get_all(AUTHORIZATION).iter().count() < 2 {
        return Ok(());
    }
    Err(AuthError::new(
        AuthErrorKind::InvalidRequest,
        "several_authorization_headers",
    ))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn the_scheme_name_is_matched_whole_and_without_case() {
        for (value, found) in [
            ("Basic abc", Some("abc")),
            ("BASIC abc", Some("abc")),
            ("bAsIc   abc ", Some("abc")),
            ("Basic", Some("")),
            ("Basic ", Some("")),
            ("Basicabc", None),
            ("Basic\tabc", None),
            ("Bas", None),
            ("Basics abc", None),
            ("", None),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(AUTHORIZATION, HeaderValue::from_static(value));
            let expected = found.map(str::as_bytes);
            assert_eq!(authorization(&headers, "Basic"), expected, "{value:?}");
        }
    }
}
