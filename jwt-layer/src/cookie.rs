//! Cookies that hold a token, and whether a page of ours has caused a request that brings one.

use auth_layer::Origin;
use http::header::{COOKIE, ORIGIN};
use http::{HeaderMap, HeaderName};

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Two cookies of one name have different values, so nobody knows which one is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Differing;

/// The value of the cookie `name` in all `Cookie` headers; an empty one is none.
pub(crate) fn find_cookie<'a>(
    headers: &'a HeaderMap,
    name: &str,
) -> Result<Option<&'a str>, Differing> {
    let mut found = None;
    for header in headers.get_all(COOKIE) {
        let Ok(pairs) = header.to_str() else {
            continue;
        };
        for (own, value) in pairs.split(';').filter_map(|pair| pair.split_once('=')) {
            // Byte for byte: nothing is decoded, folded or unquoted.
            if own.trim_matches([' ', '\t']) != name {
                continue;
            }
            let value = value.trim_matches([' ', '\t']);
            if found.is_some_and(|first| first != value) {
                return Err(Differing);
            }
            found = Some(value);
        }
    }
    Ok(found.filter(|value| !value.is_empty()))
}

/// Whether a page of one of these origins has made the request.
///
/// With `Origin`, which browsers send with every POST, that has to be one of them. Without,
/// `Sec-Fetch-Site` has to be `same-origin`. A request with neither does not come from a browser, and
/// has no business with a cookie.
pub(crate) fn is_from_own_page(headers: &HeaderMap, origins: &[Origin]) -> bool {
    let mut sent = headers.get_all(ORIGIN).iter();
    match (sent.next(), sent.next()) {
        (Some(origin), None) => {
            let origin = origin.to_str().ok().and_then(|text| text.parse().ok());
            origin.is_some_and(|origin| origins.contains(&origin))
        }
        (None, _) => headers
            .get(SEC_FETCH_SITE)
            .is_some_and(|site| site.as_bytes() == b"same-origin"),
        (Some(_), Some(_)) => false,
    }
}
