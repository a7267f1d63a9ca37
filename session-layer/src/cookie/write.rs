//! Writing the cookie.

use std::time::Duration;

use auth_layer::ConfigError;
use http::HeaderValue;

use super::{CookiePrefix, SameSite};
use crate::secret::SessionSecret;

/// What browsers take of name and value together (RFC 6265bis section 5.6).
const MAX_PAIR: usize = 4096;

/// Name and attributes. The removal cookie has the same ones, or browsers would not remove.
#[derive(Clone, Debug)]
pub(crate) struct CookieConfig {
    name: Box<str>,
    same_site: SameSite,
    secure: bool,
}

impl CookieConfig {
    /// A `Secure` cookie with a prefix.
    pub(crate) fn secure(
        name: &str,
        prefix: CookiePrefix,
        same_site: SameSite,
    ) -> Result<Self, ConfigError> {
        check_name(name)?;
        let name = format!("{}{name}", prefix.as_str());
        Self::new(name.into(), same_site, true)
    }

    /// A cookie for plain http: no prefix, no `Secure`.
    pub(crate) fn insecure(name: &str, same_site: SameSite) -> Result<Self, ConfigError> {
        check_name(name)?;
        if same_site == SameSite::None {
            return Err(ConfigError::new(
                "same_site",
                "must not be `None` for a cookie without `Secure`",
            ));
        }
        Self::new(name.into(), same_site, false)
    }

    fn new(name: Box<str>, same_site: SameSite, secure: bool) -> Result<Self, ConfigError> {
        let cookie = Self {
            name,
            same_site,
            secure,
        };
        if !cookie.has_room_for(SessionSecret::LEN) {
            return Err(ConfigError::new(
                "cookie_name",
                format!(
                    "must leave room for the value: {MAX_PAIR} bytes are all that browsers keep"
                ),
            ));
        }
        Ok(cookie)
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Whether browsers keep the cookie with a value of so many bytes.
    pub(crate) fn has_room_for(&self, value: usize) -> bool {
        self.name.len() + value <= MAX_PAIR
    }

    /// `Set-Cookie` with a value of base64url; `Max-Age` in whole seconds, rounded down.
    pub(crate) fn set(&self, value: &[u8], max_age: Duration) -> HeaderValue {
        self.write(value, max_age.as_secs())
    }

    /// `Set-Cookie` that removes the cookie.
    pub(crate) fn remove(&self) -> HeaderValue {
        self.write(b"", 0)
    }

    fn write(&self, value: &[u8], max_age: u64) -> HeaderValue {
        let mut line = Vec::with_capacity(160);
        line.extend_from_slice(self.name.as_bytes());
        line.push(b'=');
        line.extend_from_slice(value);
        line.extend_from_slice(b"; Max-Age=");
        line.extend_from_slice(max_age.to_string().as_bytes());
        line.extend_from_slice(b"; Path=/");
        if self.secure {
            line.extend_from_slice(b"; Secure");
        }
        line.extend_from_slice(b"; HttpOnly; SameSite=");
        line.extend_from_slice(self.same_site.as_str().as_bytes());

        let mut value = HeaderValue::from_maybe_shared(bytes::Bytes::from(line))
            .expect("a token, base64url and fixed text are a header value");
        value.set_sensitive(true);
        value
    }
}

/// A name is a token (RFC 6265 section 4.1.1) and brings no prefix of its own.
fn check_name(name: &str) -> Result<(), ConfigError> {
    let is_token = !name.is_empty()
        && name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b));
    if !is_token {
        return Err(ConfigError::new(
            "cookie_name",
            "must be letters, digits and !#$%&'*+-.^_`|~",
        ));
    }
    if name.starts_with("__") {
        return Err(ConfigError::new(
            "cookie_name",
            "must not begin with `__`: the prefix is added, see `cookie_prefix`",
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    /// Whether a browser stores it: the rules for prefixes of RFC 6265bis section 5.7 and of
    /// draft-ietf-httpbis-layered-cookies.
    fn browser_stores(line: &str, secure_origin: bool) -> bool {
        let mut parts = line.split(';').map(str::trim);
        let pair = parts.next().unwrap_or_default();
        let (name, value) = pair.split_once('=').unwrap_or(("", pair));
        let mut attributes: Vec<_> = parts.map(str::to_ascii_lowercase).collect();
        attributes.retain(|attribute| !attribute.is_empty());
        let has = |name: &str| attributes.iter().any(|a| a == name);
        let domain = attributes.iter().any(|a| a.starts_with("domain="));

        let name = name.trim().to_ascii_lowercase();
        let prefixed = |prefix: &str| name.starts_with(prefix);
        let fits = [
            (!prefixed("__secure-") || has("secure")),
            (!prefixed("__host-") || has("secure") && has("path=/") && !domain),
            (!prefixed("__http-") || has("secure") && has("httponly")),
            (!prefixed("__host-http-") || has("httponly")),
            (!has("samesite=none") || has("secure")),
            (!has("secure") || secure_origin),
            (!name.is_empty() || !value.to_ascii_lowercase().starts_with("__")),
        ];
        fits.iter().all(|fit| *fit)
    }

    #[test]
    fn ses_14_browsers_store_what_is_written() {
        let vectors: Value =
            serde_json::from_str(include_str!("../../tests/vectors/cookie_prefix.json")).unwrap();
        for vector in vectors["vectors"].as_array().unwrap() {
            let stored = browser_stores(
                vector["set_cookie"].as_str().unwrap(),
                vector["secure_origin"].as_bool().unwrap(),
            );
            let expected = vector["expected"].as_str().unwrap() == "accepted";
            assert_eq!(stored, expected, "{vector}");
        }

        let secret = SessionSecret::generate().unwrap();
        for same_site in [SameSite::Lax, SameSite::Strict, SameSite::None] {
            for prefix in [CookiePrefix::Host, CookiePrefix::HostHttp] {
                let cookie = CookieConfig::secure("session", prefix, same_site).unwrap();
                for line in [
                    cookie.set(secret.expose(), Duration::from_secs(9)),
                    cookie.remove(),
                ] {
                    assert!(line.is_sensitive());
                    let line = line.to_str().unwrap();
                    assert!(browser_stores(line, true), "{line}");
                    assert!(!browser_stores(line, false), "{line}");
                }
            }
        }
        let plain = CookieConfig::insecure("session", SameSite::Lax).unwrap();
        assert!(browser_stores(plain.remove().to_str().unwrap(), false));
    }

    #[test]
    fn ses_16_no_name_breaks_out_of_the_line() {
        let vectors: Value =
            serde_json::from_str(include_str!("../../tests/vectors/set_cookie_write.json"))
                .unwrap();
        for vector in vectors["vectors"].as_array().unwrap() {
            let name = vector["cookie"]["name"].as_str().unwrap();
            let accepted = CookieConfig::insecure(name, SameSite::Lax);
            let bad = vector["name"].as_str().unwrap().starts_with("go/name-");
            assert_eq!(accepted.is_err(), bad, "{vector}");
        }
        for name in [
            "",
            "a b",
            "a;b",
            "a=b",
            "a\r\nSet-Cookie: x",
            "ä",
            "\"a\"",
            "__Host-a",
            "__x",
        ] {
            let error = CookieConfig::insecure(name, SameSite::Lax).unwrap_err();
            assert_eq!(error.option(), "cookie_name", "{name:?}");
        }
    }

    #[test]
    fn ses_15_a_cookie_that_browsers_would_drop_is_refused() {
        for (length, fits) in [(4053, true), (4054, false)] {
            let name = "n".repeat(length);
            assert_eq!(CookieConfig::insecure(&name, SameSite::Lax).is_ok(), fits);
        }
    }

    #[test]
    fn ses_14_same_site_none_needs_secure() {
        let error = CookieConfig::insecure("session", SameSite::None).unwrap_err();
        assert_eq!(error.option(), "same_site");
    }
}
