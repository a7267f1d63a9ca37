//! Which resource a proof is for (`htu`).

use auth_layer::Origin;

/// Whether `htu` names `path` of `origin`: by RFC 3986, and without query and fragment (RFC 9449
/// section 4.3).
///
/// Scheme, host and port are compared as an [`Origin`], escapes of characters that need none are
/// undone and the others written in capitals. Dot segments stay: what is sent with them is not what a
/// router without them would have seen, and must be named as it was sent.
pub(super) fn names(htu: &str, origin: &Origin, path: &str) -> bool {
    let end = htu.find(['?', '#']).unwrap_or(htu.len());
    let htu = &htu[..end];
    let Some(authority) = htu.find("://").map(|scheme| scheme + 3) else {
        return false;
    };
    let slash = htu[authority..].find('/');
    let (base, sent) = htu.split_at(slash.map_or(htu.len(), |slash| authority + slash));
    let same_origin = base.parse::<Origin>().is_ok_and(|sent| sent == *origin);
    same_origin && matches!((normal(sent), normal(path)), (Some(a), Some(b)) if a == b)
}

/// A path as all its spellings are compared; `None` for what is none.
fn normal(path: &str) -> Option<String> {
    let path = if path.is_empty() { "/" } else { path };
    if !path.starts_with('/') {
        return None;
    }
    let mut normal = String::with_capacity(path.len());
    let mut rest = path.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            if !byte.is_ascii_graphic() {
                return None;
            }
            normal.push(char::from(byte));
            continue;
        }
        let mut digit = || char::from(rest.next()?).to_digit(16);
        let value = u8::try_from(digit()? * 16 + digit()?).ok()?;
        if value.is_ascii_alphanumeric() || b"-._~".contains(&value) {
            normal.push(char::from(value));
        } else {
            normal.push_str(&format!("%{value:02X}"));
        }
    }
    Some(normal)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dpo_02_htu_is_compared_as_a_uri_without_its_query() {
        let origin: Origin = "https://api.example.com".parse().unwrap();
        for (htu, path, same) in [
            ("https://api.example.com/a", "/a", true),
            ("HTTPS://API.Example.com:443/a", "/a", true),
            ("https://api.example.com/a?b#c", "/a", true),
            ("https://api.example.com/a#c", "/a", true),
            ("https://api.example.com", "/", true),
            ("https://api.example.com/", "", true),
            ("https://api.example.com?x=/", "/", true),
            ("https://api.example.com/%7Ea%2f", "/~a%2F", true),
            ("https://api.example.com/%41", "/A", true),
            ("https://api.example.com/a/../b", "/a/../b", true),
            ("https://api.example.com/a", "/A", false),
            ("https://api.example.com/a", "/a/", false),
            ("https://api.example.com/a%2Fb", "/a/b", false),
            ("https://api.example.com/b", "/a/../b", false),
            ("https://api.example.com/a", "/a%zz", false),
            ("https://api.example.com/a%", "/a%", false),
            ("https://api.example.com/a b", "/a b", false),
            ("http://api.example.com/a", "/a", false),
            ("https://api.example.com:8443/a", "/a", false),
            ("https://api.example.com.evil.example/a", "/a", false),
            (
                "https://evil.example/https://api.example.com/a",
                "/a",
                false,
            ),
            ("https://api.example.com@evil.example/a", "/a", false),
            ("https://user@api.example.com/a", "/a", false),
            ("https://evil.example#@api.example.com/a", "/a", false),
            ("//api.example.com/a", "/a", false),
            ("/a", "/a", false),
            ("", "", false),
            ("*", "*", false),
            ("https://api.example.com/é", "/é", false),
        ] {
            assert_eq!(names(htu, &origin, path), same, "{htu} {path}");
        }
    }
}
