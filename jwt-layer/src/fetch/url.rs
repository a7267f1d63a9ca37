//! URLs that may be asked.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use auth_layer::{ConfigError, Origin};
use http::Uri;
use serde::de::Error;
use serde::{Deserialize, Deserializer};

/// The longest URL.
const MAX_LEN: usize = 2048;

/// The URL of another server: `https`, or `http` on this machine.
///
/// Over plain HTTP anybody on the way could answer with keys of their own. Loopback addresses,
/// `localhost` and names below it are excepted, for tests and for a server beside this one.
///
/// ```
/// use jwt_layer::SecureUrl;
///
/// assert!("https://id.example.com/jwks.json".parse::<SecureUrl>().is_ok());
/// assert!("http://127.0.0.1:8080/jwks.json".parse::<SecureUrl>().is_ok());
/// assert!("http://id.example.com/jwks.json".parse::<SecureUrl>().is_err());
/// assert!("https://id.example.com@evil.example/".parse::<SecureUrl>().is_err());
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SecureUrl {
    uri: Uri,
    origin: Origin,
}

impl SecureUrl {
    /// Whether the scheme is `https`.
    pub fn is_https(&self) -> bool {
        self.origin.is_https()
    }

    /// The host, in lower case; an IPv6 address in brackets.
    pub fn host(&self) -> &str {
        self.origin.host()
    }

    /// The scheme, host and port.
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// The URL for an [`http::Request`].
    pub fn uri(&self) -> &Uri {
        &self.uri
    }
}

impl TryFrom<&Uri> for SecureUrl {
    type Error = ConfigError;

    fn try_from(uri: &Uri) -> Result<Self, ConfigError> {
        let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
            return Err(refused("has no host"));
        };
        let origin: Origin = format!("{scheme}://{authority}")
            .parse()
            .map_err(|error: ConfigError| refused(error.to_string()))?;
        if !origin.is_https() && !origin.is_loopback() {
            return Err(refused(
                "must be https, because anybody on the way could answer",
            ));
        }
        Ok(Self {
            uri: uri.clone(),
            origin,
        })
    }
}

impl FromStr for SecureUrl {
    type Err = ConfigError;

    fn from_str(text: &str) -> Result<Self, ConfigError> {
        if text.len() > MAX_LEN {
            return Err(refused("is longer than 2048 bytes"));
        }
        if text.contains('#') {
            // `Uri` would drop it in silence.
            return Err(refused("must not have a fragment"));
        }
        let uri: Uri = text.parse().map_err(|_| refused("is not a URL"))?;
        Self::try_from(&uri)
    }
}

impl<'de> Deserialize<'de> for SecureUrl {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(D::Error::custom)
    }
}

impl fmt::Display for SecureUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.uri.fmt(f)
    }
}

fn refused(problem: impl Into<String>) -> ConfigError {
    ConfigError::new("url", problem)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn key_06_only_https_and_this_machine_are_asked() {
        for (text, fine) in [
            ("https://id.example.com/jwks.json", true),
            ("https://ID.example.com:8443/a/b?p=x", true),
            ("https://10.0.0.1/jwks", true),
            ("http://127.0.0.1:8080/jwks", true),
            ("http://[::1]:8080/jwks", true),
            ("http://localhost/jwks", true),
            ("http://id.localhost/jwks", true),
            ("http://id.example.com/jwks", false),
            ("http://10.0.0.1/jwks", false),
            ("http://127.0.0.1.example.com/", false),
            ("http://localhost@example.com/", false),
            ("http://localhost:80@example.com/", false),
            ("https://user:pw@example.com/", false),
            ("https://example.com\\@127.0.0.1/", false),
            ("https://example.com/#keys", false),
            ("https:///jwks", false),
            ("https://exa mple.com/", false),
            ("file:///etc/passwd", false),
            ("ftp://example.com/", false),
            ("/jwks.json", false),
            ("example.com", false),
            ("", false),
        ] {
            assert_eq!(text.parse::<SecureUrl>().is_ok(), fine, "{text}");
        }
        let long = format!("https://example.com/{}", "a".repeat(MAX_LEN));
        assert!(long.parse::<SecureUrl>().is_err());
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_panic(text in r"(https?://)?\PC{0,60}") {
            if let Ok(url) = text.parse::<SecureUrl>() {
                prop_assert!(url.is_https() || url.origin().is_loopback());
            }
        }
    }
}
