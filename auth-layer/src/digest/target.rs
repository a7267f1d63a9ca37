//! Whether the parameter `uri` names what was asked for (RFC 7616 section 3.4.6).

use http::Uri;

/// Whether `sent` is `target`: in origin form, in absolute form if the request was made in it
/// (as requests through HTTP/2 are), or the authority of `CONNECT`.
///
/// Nothing is decoded or normalised. The response was computed over these very characters.
pub(super) fn names(sent: &str, target: &Uri) -> bool {
    let authority = target.authority();
    let Some(path_and_query) = target.path_and_query() else {
        return authority.is_some_and(|authority| authority.as_str() == sent);
    };
    if sent == path_and_query.as_str() {
        return true;
    }
    if target.scheme().is_none() || authority.is_none() {
        return false;
    }
    sent.parse::<Uri>().is_ok_and(|sent| {
        sent.scheme() == target.scheme()
            && sent.authority() == authority
            && sent.path_and_query() == Some(path_and_query)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dig_02_the_uri_names_the_request_target_and_nothing_else() {
        for (target, sent, same) in [
            ("/a/b?c=d", "/a/b?c=d", true),
            ("/a/b?c=d", "/a/b", false),
            ("/a/b", "/a/b?", false),
            ("/a/b", "/a/b/", false),
            ("/a/b", "/a/B", false),
            ("/a%20b", "/a%20b", true),
            ("/a%2fb", "/a%2Fb", false),
            ("/a/../b", "/b", false),
            ("/a", "http://example.com/a", false),
            ("/a", "", false),
            ("/a", "*", false),
            ("*", "*", true),
            ("*", "/", false),
            ("http://example.com/a?b", "/a?b", true),
            ("http://example.com/a?b", "http://example.com/a?b", true),
            ("http://example.com/a?b", "HTTP://EXAMPLE.com/a?b", true),
            ("http://example.com/a", "http://example.com/A", false),
            ("http://example.com/a", "https://example.com/a", false),
            ("http://example.com/a", "http://example.org/a", false),
            ("http://example.com/a", "http://example.com:81/a", false),
            ("http://example.com/a", "//example.com/a", false),
            ("http://example.com/a", "not a uri", false),
            ("example.com:443", "example.com:443", true),
            ("example.com:443", "/", false),
        ] {
            let uri: Uri = target.parse().unwrap();
            assert_eq!(names(sent, &uri), same, "{target} {sent}");
        }
    }
}
