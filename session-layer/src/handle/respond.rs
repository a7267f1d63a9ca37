//! Headers of responses that depend on a session.

use http::header::{CACHE_CONTROL, Entry, SET_COOKIE, VARY};
use http::{HeaderMap, HeaderValue};

/// Adds `Cache-Control: no-store`, unless the response says `no-store` or `private` itself, and
/// `Vary: Cookie`.
pub(super) fn keep_out_of_caches(headers: &mut HeaderMap) {
    // An entry makes one look-up of two, as most responses say neither.
    match headers.entry(CACHE_CONTROL) {
        Entry::Vacant(entry) => {
            entry.insert(HeaderValue::from_static("no-store"));
        }
        Entry::Occupied(mut entry) => {
            // `private="x-header"` is about one header only.
            let is_strict = |own: &str| {
                let own = own.trim();
                own.eq_ignore_ascii_case("no-store") || own.eq_ignore_ascii_case("private")
            };
            let mut values = entry.iter().filter_map(|value| value.to_str().ok());
            if !values.any(|value| value.split(',').any(is_strict)) {
                entry.insert(HeaderValue::from_static("no-store"));
            }
        }
    }

    match headers.entry(VARY) {
        Entry::Vacant(entry) => {
            entry.insert(HeaderValue::from_static("cookie"));
        }
        Entry::Occupied(mut entry) => {
            let is_cookie = |own: &str| {
                let own = own.trim();
                own == "*" || own.eq_ignore_ascii_case("cookie")
            };
            let mut values = entry.iter().filter_map(|value| value.to_str().ok());
            if !values.any(|value| value.split(',').any(is_cookie)) {
                entry.append(HeaderValue::from_static("cookie"));
            }
        }
    }
}

/// Adds `line`, in the place of earlier lines for the same cookie, so that the browser gets one
/// answer only.
pub(super) fn set_cookie(headers: &mut HeaderMap, name: &str, line: HeaderValue) {
    let is_own = |line: &HeaderValue| {
        let rest = line.as_bytes().strip_prefix(name.as_bytes());
        rest.is_some_and(|rest| rest.first() == Some(&b'='))
    };
    if headers.get_all(SET_COOKIE).iter().any(is_own) {
        let others: Vec<_> = headers
            .get_all(SET_COOKIE)
            .iter()
            .filter(|line| !is_own(line))
            .cloned()
            .collect();
        headers.remove(SET_COOKIE);
        for other in others {
            headers.append(SET_COOKIE, other);
        }
    }
    headers.append(SET_COOKIE, line);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ses_24_what_the_handler_said_is_kept_if_it_is_as_strict() {
        for (control, vary, expected_control, expected_vary) in [
            (None, None, "no-store", vec!["cookie"]),
            (Some("private"), None, "private", vec!["cookie"]),
            (
                Some("Private, max-age=9"),
                None,
                "Private, max-age=9",
                vec!["cookie"],
            ),
            (Some("no-store"), None, "no-store", vec!["cookie"]),
            (Some("public, max-age=9"), None, "no-store", vec!["cookie"]),
            (Some("private=\"x-a\""), None, "no-store", vec!["cookie"]),
            (Some("no-cache"), None, "no-store", vec!["cookie"]),
            (
                None,
                Some("Accept, Cookie"),
                "no-store",
                vec!["Accept, Cookie"],
            ),
            (None, Some("*"), "no-store", vec!["*"]),
            (None, Some("accept"), "no-store", vec!["accept", "cookie"]),
        ] {
            let mut headers = HeaderMap::new();
            if let Some(control) = control {
                headers.insert(CACHE_CONTROL, HeaderValue::from_static(control));
            }
            if let Some(vary) = vary {
                headers.insert(VARY, HeaderValue::from_static(vary));
            }
            keep_out_of_caches(&mut headers);
            assert_eq!(headers[CACHE_CONTROL], expected_control);
            assert_eq!(headers.get_all(CACHE_CONTROL).iter().count(), 1);
            assert!(headers.get_all(VARY).iter().eq(expected_vary));
        }
    }

    #[test]
    fn one_line_for_each_cookie() {
        let mut headers = HeaderMap::new();
        for line in ["sid=old", "sidecar=x", "other=y"] {
            headers.append(SET_COOKIE, HeaderValue::from_static(line));
        }
        set_cookie(&mut headers, "sid", HeaderValue::from_static("sid=new"));
        let lines: Vec<_> = headers.get_all(SET_COOKIE).iter().collect();
        assert_eq!(lines, ["sidecar=x", "other=y", "sid=new"]);
    }
}
