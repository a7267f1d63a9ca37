//! Whether another site caused a request.

mod layer;

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use auth_layer::{AuthError, AuthErrorKind, ConfigError, Origin};
use http::header::{HOST, ORIGIN, UPGRADE};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, Uri};
use tower_http::csrf::{CsrfLayer, ProtectionError};
use tower_layer::Layer as _;
use tower_service::Service;

pub use self::layer::{SameOrigin, SameOriginLayer};

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// What the headers of a request say about who caused it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cause {
    /// Another origin.
    Other,
    /// This origin, an origin that is trusted, or the user (a bookmark, the address bar).
    Own,
    /// Neither `Sec-Fetch-Site` nor `Origin`: not a browser of today.
    Unknown,
}

/// Decides whether another site caused a request.
///
/// The rules are those of tower-http's `CsrfLayer`, with two added: where only `Origin` is sent, its
/// scheme counts too (and its host need not be the one that a proxy asks for), and that neither
/// header is there is told apart from that they are good.
#[derive(Clone, Debug)]
pub(crate) struct CsrfPolicy {
    rules: CsrfLayer,
    trusted: Vec<Origin>,
    public: Option<Origin>,
    secure: bool,
}

impl CsrfPolicy {
    /// `secure`: the service is reached over https only.
    pub(crate) fn new(
        secure: bool,
        public: Option<Origin>,
        trusted: Vec<Origin>,
    ) -> Result<Self, ConfigError> {
        let mut rules = CsrfLayer::new();
        for origin in &trusted {
            // Its text is what browsers send: lower case, no default port, no slash.
            rules = rules
                .add_trusted_origin(origin.to_string())
                .map_err(|error| ConfigError::new("trusted_origin", error.to_string()))?;
        }
        Ok(Self {
            rules,
            trusted,
            public,
            secure,
        })
    }

    /// Judges a request of which [`is_unsafe`] has told whether it is unsafe.
    pub(crate) fn judge(&self, is_unsafe: bool, uri: &Uri, headers: &HeaderMap) -> Cause {
        let sent = |name: &HeaderName| headers.get(name).filter(|value| !value.is_empty());
        if !is_unsafe {
            return match sent(&SEC_FETCH_SITE).map(|value| value.as_bytes()) {
                Some(b"same-origin" | b"none") => Cause::Own,
                Some(_) => Cause::Other,
                None => Cause::Unknown,
            };
        }
        match (sent(&SEC_FETCH_SITE), sent(&ORIGIN)) {
            // What nearly all requests are; the rules say the same.
            (Some(site), _) if matches!(site.as_bytes(), b"same-origin" | b"none") => Cause::Own,
            (None, None) => Cause::Unknown,
            (None, Some(origin)) => self.judge_origin(origin.as_bytes(), uri, headers),
            _ if self.passes_rules(uri, headers) => Cause::Own,
            _ => Cause::Other,
        }
    }

    /// Decides by `Origin` alone. With the public origin known, it is that one or a trusted one;
    /// without, it is the host that was asked, by the scheme that the service is reached by.
    fn judge_origin(&self, origin: &[u8], uri: &Uri, headers: &HeaderMap) -> Cause {
        let origin = std::str::from_utf8(origin).ok();
        let Some(origin) = origin.and_then(|origin| origin.parse::<Origin>().ok()) else {
            return Cause::Other;
        };
        let own = match &self.public {
            _ if self.trusted.contains(&origin) => true,
            Some(public) => *public == origin,
            None => (origin.is_https() || !self.secure) && self.passes_rules(uri, headers),
        };
        if own { Cause::Own } else { Cause::Other }
    }

    /// Asks tower-http's layer, by sending a request through it that has the headers it looks at.
    fn passes_rules(&self, uri: &Uri, headers: &HeaderMap) -> bool {
        // A WebSocket handshake is a GET that the layer would let pass.
        let mut probe = Request::new(());
        *probe.method_mut() = Method::POST;
        *probe.uri_mut() = uri.clone();
        for name in [SEC_FETCH_SITE, ORIGIN, HOST] {
            if let Some(value) = headers.get(&name) {
                probe.headers_mut().insert(name, value.clone());
            }
        }
        let answer = pin!(self.rules.layer(Pass).call(probe));
        match answer.poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(Ok(res)) => res.extensions().get::<ProtectionError>().is_none(),
            Poll::Pending => false,
        }
    }
}

/// Whether a request may change something, or opens a channel through which it may: all but GET,
/// HEAD and OPTIONS, and GET that asks for a WebSocket. Other upgrades, such as `h2c`, change the
/// protocol and not what the request does.
pub(crate) fn is_unsafe(method: &Method, headers: &HeaderMap) -> bool {
    !matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS)
        || headers.get_all(UPGRADE).iter().any(asks_for_web_socket)
}

fn asks_for_web_socket(upgrade: &HeaderValue) -> bool {
    let mut protocols = upgrade.as_bytes().split(|b| *b == b',');
    protocols.any(|protocol| {
        let name = protocol.split(|b| *b == b'/').next().unwrap_or_default();
        name.trim_ascii().eq_ignore_ascii_case(b"websocket")
    })
}

pub(crate) fn cross_site() -> AuthError {
    AuthError::new(AuthErrorKind::Forbidden, "cross_site_request")
}

/// Answers whatever it is asked.
#[derive(Clone, Copy)]
struct Pass;

impl Service<Request<()>> for Pass {
    type Response = Response<()>;
    type Error = Infallible;
    type Future = Ready<Result<Response<()>, Infallible>>;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _req: Request<()>) -> Self::Future {
        ready(Ok(Response::new(())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judge(policy: &CsrfPolicy, method: &str, headers: &[(&str, &str)]) -> Cause {
        let mut req = Request::builder()
            .method(method)
            .header(HOST, "app.example");
        for (name, value) in headers {
            req = req.header(*name, *value);
        }
        let req = req.body(()).unwrap();
        let is_unsafe = is_unsafe(req.method(), req.headers());
        policy.judge(is_unsafe, req.uri(), req.headers())
    }

    fn origin(text: &str) -> Origin {
        text.parse().unwrap()
    }

    #[test]
    fn csr_01_csr_03_what_another_origin_caused_is_told() {
        use Cause::{Other, Own, Unknown};

        let plain = CsrfPolicy::new(true, None, Vec::new()).unwrap();
        let public = Some(origin("https://app.example"));
        let friends = vec![
            origin("https://id.example"),
            origin("https://a.app.example:8443"),
        ];
        let told = CsrfPolicy::new(true, public, friends).unwrap();
        let development = CsrfPolicy::new(false, None, Vec::new()).unwrap();

        for (site, from, by_plain, by_told, by_development) in [
            ("", "", Unknown, Unknown, Unknown),
            ("same-origin", "", Own, Own, Own),
            ("same-origin", "https://app.example", Own, Own, Own),
            ("none", "", Own, Own, Own),
            ("same-site", "", Other, Other, Other),
            ("cross-site", "", Other, Other, Other),
            ("Same-Origin", "", Other, Other, Other),
            ("cross-site", "https://app.example", Other, Other, Other),
            ("cross-site", "https://id.example", Other, Own, Other),
            ("same-site", "https://a.app.example:8443", Other, Own, Other),
            ("", "https://app.example", Own, Own, Own),
            ("", "http://app.example", Other, Other, Own),
            ("", "https://id.example", Other, Own, Other),
            ("", "https://id.example:444", Other, Other, Other),
            ("", "https://a.app.example", Other, Other, Other),
            ("", "https://app.example:8443", Other, Other, Other),
            ("", "https://evil.example", Other, Other, Other),
            ("", "https://evilapp.example", Other, Other, Other),
            ("", "https://app.example.evil.example", Other, Other, Other),
            (
                "",
                "https://evil.example/https://app.example",
                Other,
                Other,
                Other,
            ),
            ("", "https://app.example@evil.example", Other, Other, Other),
            ("", "null", Other, Other, Other),
            ("", "app.example", Other, Other, Other),
        ] {
            let mut headers = Vec::new();
            if !site.is_empty() {
                headers.push(("sec-fetch-site", site));
            }
            if !from.is_empty() {
                headers.push(("origin", from));
            }
            for method in [
                "POST", "PUT", "PATCH", "DELETE", "TRACE", "CONNECT", "QUERY",
            ] {
                let case = format!("{method} {site:?} {from:?}");
                assert_eq!(judge(&plain, method, &headers), by_plain, "{case}");
                assert_eq!(judge(&told, method, &headers), by_told, "{case}");
                assert_eq!(
                    judge(&development, method, &headers),
                    by_development,
                    "{case}"
                );
            }
        }
    }

    #[test]
    fn csr_01_of_upgrades_only_web_socket_is_unsafe() {
        for (upgrade, expected) in [
            ("websocket", true),
            ("WebSocket", true),
            ("h2c, websocket", true),
            ("websocket/13", true),
            ("h2c", false),
            ("", false),
            ("websockets", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.append(UPGRADE, HeaderValue::from_static("TLS/1.0"));
            headers.append(UPGRADE, HeaderValue::from_static(upgrade));
            assert_eq!(is_unsafe(&Method::GET, &headers), expected, "{upgrade:?}");
        }
    }

    #[test]
    fn a_web_socket_handshake_is_judged_like_a_post() {
        let policy = CsrfPolicy::new(true, None, Vec::new()).unwrap();
        let handshake = [("upgrade", "websocket"), ("origin", "https://evil.example")];
        assert_eq!(judge(&policy, "GET", &handshake), Cause::Other);
        let handshake = [("upgrade", "websocket"), ("origin", "https://app.example")];
        assert_eq!(judge(&policy, "GET", &handshake), Cause::Own);
    }
}
