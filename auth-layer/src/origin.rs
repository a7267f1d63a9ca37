//! Web origins, parsed before they are compared.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use http::Uri;

use crate::ConfigError;

/// A web origin: scheme, host and port (RFC 6454).
///
/// Comparing URLs as text is how `http://localhost@evil.example` gets mistaken for localhost. An
/// `Origin` can only be made by parsing: user information, paths, queries and hosts with odd
/// characters are refused, default ports are filled in and names are lower-cased. So are addresses in
/// odd notation, such as `2130706433` or `0x7f.1`, which some readers take for `127.0.0.1` and others
/// for a name.
///
/// ```
/// use auth_layer::Origin;
///
/// let origin: Origin = "https://App.example.com".parse()?;
/// assert_eq!(origin, "https://app.example.com:443".parse()?);
/// assert_eq!(origin.to_string(), "https://app.example.com");
/// assert!("http://localhost:80@evil.example".parse::<Origin>().is_err());
/// # Ok::<(), auth_layer::ConfigError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Origin {
    https: bool,
    host: String,
    port: u16,
}

impl Origin {
    /// Whether the scheme is `https`.
    pub fn is_https(&self) -> bool {
        self.https
    }

    /// The host, in lower case; an IPv6 address in brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port, the scheme's default filled in.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Whether the host is this machine: `localhost`, a name below it, or a loopback address.
    pub fn is_loopback(&self) -> bool {
        let address = self.host.trim_start_matches('[').trim_end_matches(']');
        match address.parse::<IpAddr>() {
            Ok(address) => address.to_canonical().is_loopback(),
            Err(_) => self.host == "localhost" || self.host.ends_with(".localhost"),
        }
    }
}

impl FromStr for Origin {
    type Err = ConfigError;

    /// Reads `scheme://host[:port]`, with at most one slash behind it.
    fn from_str(text: &str) -> Result<Self, ConfigError> {
        let refuse = |problem: &str| Err(ConfigError::new("origin", problem));
        if text.contains('#') {
            // `Uri` would drop it in silence.
            return refuse("must not have a fragment");
        }
        let uri: Uri = match text.parse() {
            Ok(uri) => uri,
            Err(_) => return refuse("is not a URL"),
        };
        let https = match uri.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            _ => return refuse("must begin with https:// or http://"),
        };
        let Some(authority) = uri.authority() else {
            return refuse("has no host");
        };
        if authority.as_str().contains('@') {
            return refuse("must not hold a user name");
        }
        if uri.path() != "/" && !uri.path().is_empty() || uri.query().is_some() {
            return refuse("must not have a path or a query");
        }
        let host = authority.host().to_ascii_lowercase();
        let is_name = !host.is_empty()
            && host
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_'));
        let is_v6 = host
            .strip_prefix('[')
            .and_then(|host| host.strip_suffix(']'))
            .is_some_and(|host| host.parse::<Ipv6Addr>().is_ok());
        if !is_name && !is_v6 {
            return refuse("has a host that is neither a name nor an address");
        }
        if is_name && ends_in_number(&host) && host.parse::<Ipv4Addr>().is_err() {
            return refuse("has an IPv4 address in odd notation");
        }
        let port = match authority.as_str().get(authority.host().len()..) {
            None | Some("") => {
                if https {
                    443
                } else {
                    80
                }
            }
            Some(port) => match port.strip_prefix(':').map(u16::from_str) {
                Some(Ok(port)) if port != 0 => port,
                _ => return refuse("has a port that is not a number from 1 to 65535"),
            },
        };
        Ok(Self { https, host, port })
    }
}

/// Whether readers by the URL Standard take a host for an IPv4 address: one whose last label is a
/// number, be it decimal, octal or hexadecimal.
fn ends_in_number(host: &str) -> bool {
    let host = host.strip_suffix('.').unwrap_or(host);
    let last = host.rsplit('.').next().unwrap_or_default();
    let is_hex = last
        .strip_prefix("0x")
        .is_some_and(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()));
    is_hex || (!last.is_empty() && last.bytes().all(|b| b.is_ascii_digit()))
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (scheme, default) = if self.https {
            ("https", 443)
        } else {
            ("http", 80)
        };
        write!(f, "{scheme}://{}", self.host)?;
        if self.port != default {
            write!(f, ":{}", self.port)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn x_14_an_origin_is_parsed_before_it_is_compared() {
        for (text, expected) in [
            ("https://example.com", Some("https://example.com")),
            ("https://EXAMPLE.com:443/", Some("https://example.com")),
            ("http://127.0.0.1:3000", Some("http://127.0.0.1:3000")),
            ("http://[::1]:80", Some("http://[::1]")),
            ("https://good@evil", None),
            ("http://localhost:80@evil", None),
            ("http://localhost@evil:80", None),
            ("https://evil/good", None),
            ("https://evil?good", None),
            ("https://evil#good", None),
            ("https://", None),
            ("https://a b", None),
            ("https://a:0", None),
            ("https://a:99999", None),
            ("https://a:", None),
            ("https://[::1", None),
            ("ftp://a", None),
            ("//a", None),
            ("a", None),
            ("null", None),
            ("", None),
        ] {
            let origin = text.parse::<Origin>().ok().map(|origin| origin.to_string());
            assert_eq!(origin.as_deref(), expected, "{text:?}");
        }
    }

    #[test]
    fn x_14_an_ipv4_address_has_one_notation() {
        for (host, fine) in [
            ("127.0.0.1", true),
            ("10.0.0.1", true),
            ("1.example", true),
            ("0x7f.example", true),
            ("a.0xg", true),
            ("1.2.3.4a", true),
            ("2130706433", false),
            ("127.1", false),
            ("127.0.1", false),
            ("127.0.0.1.", false),
            ("127.0.0.01", false),
            ("0177.0.0.1", false),
            ("017700000001", false),
            ("0x7f000001", false),
            ("0X7F.1", false),
            ("0x7f.0.0.0x1", false),
            ("0x", false),
            ("256.256.256.256", false),
            ("1.2.3.4.5", false),
            ("name.1", false),
            ("name.0x1.", false),
        ] {
            let origin = format!("https://{host}:8443").parse::<Origin>();
            assert_eq!(origin.is_ok(), fine, "{host}");
        }
    }

    #[test]
    fn x_14_only_this_machine_is_loopback() {
        for (text, expected) in [
            ("http://localhost:3000", true),
            ("http://app.localhost", true),
            ("http://127.0.0.1", true),
            ("http://127.9.9.9", true),
            ("http://[::1]:3000", true),
            ("http://[::ffff:127.0.0.1]", true),
            ("http://localhost.evil.example", false),
            ("http://notlocalhost", false),
            ("http://127.0.0.1.evil.example", false),
            ("http://10.0.0.1", false),
            ("http://0.0.0.0", false),
        ] {
            let origin: Origin = text.parse().unwrap();
            assert_eq!(origin.is_loopback(), expected, "{text}");
        }
    }
}
