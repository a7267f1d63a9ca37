//! Which tenant a request is for.

use std::fmt;
use std::sync::Arc;

use http::header::HOST;
use http::request::Parts;
use http::uri::Authority;

use crate::{AuthError, AuthErrorKind, Identity};

type Read = dyn Fn(&Parts) -> Option<String> + Send + Sync;

/// How a guard reads the tenant of a request.
#[derive(Clone)]
pub(super) struct TenantFrom(Arc<Read>);

impl TenantFrom {
    pub(super) fn new(tenant: impl Fn(&Parts) -> Option<String> + Send + Sync + 'static) -> Self {
        Self(Arc::new(tenant))
    }

    /// No tenant on either side is no agreement.
    pub(super) fn check(&self, identity: &Identity, parts: &Parts) -> Result<(), AuthError> {
        let refuse = |reason| {
            let error = AuthError::new(AuthErrorKind::Forbidden, reason);
            Err(error.with_scheme(identity.scheme()))
        };
        match (identity.tenant(), (self.0)(parts)) {
            (Some(own), Some(asked)) if *own == *asked => Ok(()),
            (Some(_), Some(_)) => refuse("wrong_tenant"),
            (None, _) => refuse("identity_without_tenant"),
            (_, None) => refuse("request_without_tenant"),
        }
    }
}

impl fmt::Debug for TenantFrom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TenantFrom").finish_non_exhaustive()
    }
}

/// The host that a request is for, without the port and in the case in which it was sent: from the
/// URI, where HTTP/2 has it, or from `Host`.
///
/// `None` where that is not clear: no host, two `Host` headers, one that contradicts the URI, or any with
/// an `@`. The
/// client chooses it; it says what is asked for, and not who asks.
///
/// ```
/// use auth_layer::request_host;
/// use http::Request;
///
/// let (parts, ()) = Request::get("/").header("host", "acme.example.com:8443").body(())?.into_parts();
/// assert_eq!(request_host(&parts), Some("acme.example.com"));
/// # Ok::<(), http::Error>(())
/// ```
#[must_use]
pub fn request_host(parts: &Parts) -> Option<&str> {
    let mut headers = parts.headers.get_all(HOST).iter();
    let header = headers.next();
    if headers.next().is_some() {
        return None;
    }
    let header = header.map(|value| value.to_str().ok().and_then(host_in));
    let is_named = |authority: &Authority| authority.as_str().contains('@');
    if parts.uri.authority().is_some_and(is_named) {
        return None;
    }
    let host = match (parts.uri.host(), header) {
        (Some(host), None) => host,
        (Some(host), Some(header)) if host.eq_ignore_ascii_case(header?) => host,
        (Some(_), Some(_)) => return None,
        (None, header) => header??,
    };
    (!host.is_empty()).then_some(host)
}

/// The host of `host[:port]`.
fn host_in(text: &str) -> Option<&str> {
    // Whose name it would be is nobody's business here, and `a@a:80` begins with its own host.
    if text.contains('@') {
        return None;
    }
    // Parsed to be refused if it is none; the text lives longer than what was parsed.
    let authority: Authority = text.parse().ok()?;
    let host = authority.host();
    // Nothing but a port comes behind it.
    let rest = text.strip_prefix(host)?;
    let is_host = rest.is_empty() || authority.port_u16().is_some();
    is_host.then(|| &text[..host.len()])
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    #[test]
    fn apk_10_a_host_is_one_or_none() {
        for (uri, headers, expected) in [
            ("/", &["acme.example"][..], Some("acme.example")),
            ("/", &["acme.example:8080"], Some("acme.example")),
            ("/", &["[::1]:8080"], Some("[::1]")),
            ("https://acme.example/", &[], Some("acme.example")),
            (
                "https://acme.example:1/",
                &["ACME.example:2"],
                Some("acme.example"),
            ),
            ("https://acme.example/", &["other.example"], None),
            (
                "https://acme.example/",
                &["acme.example", "acme.example"],
                None,
            ),
            ("https://acme.example/", &["a b"], None),
            ("/", &["acme.example", "other.example"], None),
            ("/", &["acme.example", "acme.example"], None),
            ("/", &["user@acme.example"], None),
            ("/", &["acme.example@other.example"], None),
            ("/", &["acme.example@acme.example:80"], None),
            ("/", &["@acme.example"], None),
            ("https://user@acme.example/", &[], None),
            ("https://user@acme.example/", &["acme.example"], None),
            ("/", &["acme.example/path"], None),
            ("/", &["acme.example:port"], None),
            ("/", &["acme.example, other.example"], None),
            ("/", &[""], None),
            ("/", &[":80"], None),
            ("/", &["b\u{fc}cher.example"], None),
            ("/", &[], None),
        ] {
            let mut request = Request::get(uri);
            for header in headers {
                request = request.header(HOST, *header);
            }
            let (parts, ()) = request.body(()).unwrap().into_parts();
            assert_eq!(request_host(&parts), expected, "{uri} {headers:?}");
        }
    }
}
