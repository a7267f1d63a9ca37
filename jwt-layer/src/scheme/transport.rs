//! Tokens that do not come in the `Authorization` header: in a cookie, or in the query.

use auth_layer::{AuthError, AuthErrorKind, ConfigError, Identity, Origin, authorization};
use http::header::{COOKIE, Entry, UPGRADE};
use http::request::Parts;
use http::{HeaderMap, Method};
use percent_encoding::percent_decode;

use super::possession::Presented;
use super::{BEARER, BearerToken, DPOP, Inner, Jwt};
use crate::cookie::{find_cookie, is_from_own_page};
use crate::token::Compact;

/// The parameter of RFC 6750 section 2.3.
const PARAMETER: &[u8] = b"access_token";

/// How a token came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Transport {
    /// In the header, or handed over by the program.
    #[default]
    Header,
    /// Sent by the browser, whoever has caused the request.
    Cookie,
    /// In the URL.
    Query,
}

/// Marks the identity that a token in a URL has proved: what is answered must not be stored.
#[derive(Clone, Copy)]
pub(super) struct CameByQuery;

/// A cookie that may hold a token.
#[derive(Clone, Debug)]
pub(super) struct TokenCookie {
    name: Box<str>,
    /// Whose pages may send unsafe requests with it.
    origins: Vec<Origin>,
}

impl TokenCookie {
    pub(super) fn new(name: Box<str>, origins: Vec<Origin>) -> Result<Self, ConfigError> {
        let in_name = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
        if name.is_empty() || name.len() > 64 || !name.bytes().all(in_name) {
            let problem = "must be 1 to 64 letters, digits, `-`, `_` or `.`";
            return Err(ConfigError::new("cookie", problem));
        }
        if origins.is_empty() {
            return Err(ConfigError::new("origins", "must not be empty"));
        }
        let is_local = |origin: &Origin| !origin.is_https() && origin.is_loopback();
        if !origins.iter().all(|one| one.is_https() || is_local(one)) {
            let problem = "must be https, because anybody on the transport could read the token";
            return Err(ConfigError::new("origins", problem));
        }
        let is_prefixed = name.starts_with("__Host-") || name.starts_with("__Secure-");
        if !is_prefixed && !origins.iter().all(is_local) {
            let problem = "must begin with `__Host-` or `__Secure-`, or others could plant one";
            return Err(ConfigError::new("cookie", problem));
        }
        Ok(Self { name, origins })
    }
}

impl Transport {
    /// What the answer to a token that came by this means.
    pub(super) fn judge(self, result: Result<Identity, AuthError>) -> Result<Identity, AuthError> {
        match (self, result) {
            (Self::Query, Ok(identity)) => Ok(identity.to_builder().extra(CameByQuery).build()),
            // Browsers go on sending it: the page where one logs in must not be refused for it.
            (Self::Cookie, Err(error)) if error.kind().is_bad_credential() => {
                Err(AuthError::absent("stale_cookie").with_source(error))
            }
            (_, result) => result,
        }
    }
}

impl Jwt {
    /// Takes a token from the cookie `name` too, if the header has none. Only pages of `origins` may send
    /// requests with it that change something. Default: no cookie is read.
    ///
    /// Browsers send cookies by themselves, whoever has caused the request. So all but GET, HEAD and
    /// OPTIONS, and the handshake of a WebSocket, need an `Origin` that is one of these, or, without
    /// `Origin`, `Sec-Fetch-Site: same-origin`; they are answered 403 otherwise. What GET answers is left to
    /// `SameSite`, so a GET must not change anything. A token that is not good any more counts as not sent,
    /// because browsers keep such cookies; two different ones, or another than in the header, are
    /// answered 400.
    ///
    /// Set it `Secure`, `HttpOnly` and `SameSite=Lax` or `Strict`. For a login that can be ended, use
    /// session-layer: a token stays good until it ends.
    ///
    /// # Errors
    ///
    /// Refuses a name that is not letters, digits, `-`, `_` and `.`, and one that begins with neither
    /// `__Host-` nor `__Secure-`, unless all origins are `http` on this machine. Refuses an empty list of
    /// origins, and plain `http` to another machine.
    pub fn cookie(
        mut self,
        name: impl Into<Box<str>>,
        origins: impl IntoIterator<Item = Origin>,
    ) -> Result<Self, ConfigError> {
        let cookie = TokenCookie::new(name.into(), origins.into_iter().collect())?;
        self.change().cookie = Some(cookie);
        Ok(self)
    }

    /// Takes a token from the parameter `access_token` of the query too (RFC 6750 section 2.3), if there is
    /// none in the header or a cookie; with two, the answer is 400. Default: off.
    ///
    /// URLs are written to logs and histories and sent on as `Referer`, and the token with them: that
    /// nobody reads them is for you to see to. For what cannot send headers, such as a download, a
    /// token of a minute with one scope is the least evil. Answers get `Cache-Control: no-store`.
    ///
    /// A token in a form body (section 2.2) is never read, because this layer leaves bodies alone. Who
    /// needs it gives it to [`verify_token`](Self::verify_token).
    #[must_use]
    pub fn insecure_query_token(mut self) -> Self {
        self.change().query = true;
        self
    }
}

impl Inner {
    /// The token of a request, wherever it may be.
    pub(super) fn extract(&self, parts: &Parts) -> Result<Option<BearerToken>, AuthError> {
        if self.cookie.is_none() && !self.query {
            return self.extract_from_header(parts);
        }
        let cookie = self.cookie_token(&parts.headers)?;
        let query = if self.query {
            query_token(parts)?
        } else {
            None
        };
        let in_header = token_in_header(&parts.headers);
        // Whoever the token in the header is for.
        if query.is_some() && (cookie.is_some() || in_header.is_some()) {
            return Err(invalid_request("several_tokens"));
        }
        if let Some(token) = self.extract_from_header(parts)? {
            let differs = |cookie: &str| in_header != Some(cookie.as_bytes());
            if cookie.is_some_and(differs) {
                return Err(invalid_request("several_tokens"));
            }
            return Ok(Some(token));
        }
        match (query, cookie) {
            (Some(token), _) => self.take_from(Transport::Query, &token, parts),
            (None, Some(token)) => {
                self.check_cause(parts)?;
                self.take_from(Transport::Cookie, token, parts)
            }
            (None, None) => Ok(None),
        }
    }

    fn take_from(
        &self,
        transport: Transport,
        token: &str,
        parts: &Parts,
    ) -> Result<Option<BearerToken>, AuthError> {
        if let Err(error) = Compact::split(token.as_bytes(), self.max_token_size) {
            return transport.judge(Err(error)).map(|_| None);
        }
        let token = BearerToken::from_text(token).by(transport);
        Ok(Some(match self.certificate(parts) {
            None => token,
            certificate => token.with(Presented {
                proof: None,
                certificate,
            }),
        }))
    }

    fn cookie_token<'a>(&self, headers: &'a HeaderMap) -> Result<Option<&'a str>, AuthError> {
        match &self.cookie {
            Some(cookie) => {
                find_cookie(headers, &cookie.name).map_err(|_| invalid_request("differing_cookies"))
            }
            None => Ok(None),
        }
    }

    /// That a page of ours has caused what may change something.
    fn check_cause(&self, parts: &Parts) -> Result<(), AuthError> {
        let is_own = |cookie: &TokenCookie| is_from_own_page(&parts.headers, &cookie.origins);
        if is_unsafe(parts) && !self.cookie.as_ref().is_some_and(is_own) {
            let reason = "cross_site_request";
            return Err(AuthError::new(AuthErrorKind::Forbidden, reason));
        }
        Ok(())
    }

    /// Marks the cookies as sensitive, if a token may be among them.
    pub(super) fn conceal_cookie(&self, headers: &mut HeaderMap) {
        if self.cookie.is_some()
            && let Entry::Occupied(mut cookies) = headers.entry(COOKIE)
        {
            for value in cookies.iter_mut() {
                value.set_sensitive(true);
            }
        }
    }
}

/// By whichever scheme.
fn token_in_header(headers: &HeaderMap) -> Option<&[u8]> {
    authorization(headers, BEARER).or_else(|| authorization(headers, DPOP))
}

/// The one parameter of the query. Its name may be encoded, as any may: a token that others would
/// find is not passed over.
fn query_token(parts: &Parts) -> Result<Option<String>, AuthError> {
    let pairs = parts.uri.query().unwrap_or_default().split('&');
    let mut found = None;
    for pair in pairs {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        if !percent_decode(name.as_bytes()).eq(PARAMETER.iter().copied()) {
            continue;
        }
        if found.is_some() {
            return Err(invalid_request("several_tokens"));
        }
        let value = percent_decode(value.as_bytes()).decode_utf8();
        found = Some(value.map_err(|_| AuthError::malformed("unreadable_token"))?);
    }
    Ok(found.map(Into::into))
}

/// All but GET, HEAD and OPTIONS, and the GET that opens a WebSocket: that is a channel for anything.
fn is_unsafe(parts: &Parts) -> bool {
    let mut upgrades = parts.headers.get_all(UPGRADE).iter();
    !matches!(parts.method, Method::GET | Method::HEAD | Method::OPTIONS)
        || upgrades.any(|value| {
            let text = value.as_bytes().to_ascii_lowercase();
            text.windows(b"websocket".len())
                .any(|part| part == b"websocket")
        })
}

fn invalid_request(reason: &'static str) -> AuthError {
    AuthError::new(AuthErrorKind::InvalidRequest, reason)
}
