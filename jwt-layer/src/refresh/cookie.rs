//! Refresh tokens in a cookie: [`RefreshCookie`].

use std::time::Duration;

use auth_layer::{ConfigError, ExposeSecret as _, Origin, SecretString};
use http::{HeaderMap, HeaderValue};

use super::{RefreshError, RefreshToken};
use crate::cookie::{find_cookie, is_from_own_page};

/// A cookie that holds the refresh token of a page, where its scripts cannot read it.
///
/// It is `Secure`, `HttpOnly` and `SameSite=Strict`, has the prefix `__Secure-` (`__Host-` would need
/// the path `/`), and is sent to the paths of the token endpoint only. Since browsers send it by
/// themselves, a request counts only if a page of this service made it: see [`read`](Self::read).
///
/// ```
/// use jwt_layer::refresh::RefreshCookie;
///
/// let cookie = RefreshCookie::builder("/token", "https://app.example.com".parse()?).build()?;
/// assert_eq!(cookie.name(), "__Secure-refresh");
/// # Ok::<(), auth_layer::ConfigError>(())
/// ```
#[derive(Clone, Debug)]
pub struct RefreshCookie {
    name: Box<str>,
    path: Box<str>,
    secure: bool,
    origins: Vec<Origin>,
}

/// Makes a [`RefreshCookie`]. See [`RefreshCookie::builder`].
#[derive(Clone, Debug)]
#[must_use]
pub struct RefreshCookieBuilder {
    name: String,
    path: String,
    secure: bool,
    origins: Vec<Origin>,
}

impl RefreshCookie {
    /// A cookie for the paths below `path`, used by pages of `origin`: the public one of this service.
    pub fn builder(path: impl Into<String>, origin: Origin) -> RefreshCookieBuilder {
        RefreshCookieBuilder {
            name: "refresh".to_owned(),
            path: path.into(),
            secure: true,
            origins: vec![origin],
        }
    }

    /// The name of the cookie, with its prefix.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The refresh token that a page of this service has sent; `None` if there is no cookie.
    ///
    /// With `Origin`, which browsers send with every POST, that has to be this service's or a trusted
    /// one. Without, `Sec-Fetch-Site` has to be `same-origin`. A request with neither does not come
    /// from a browser, and has no business with a cookie.
    ///
    /// # Errors
    ///
    /// `invalid_request` if another site made the request, or if there are two cookies of this name
    /// that differ: nobody knows which one is meant.
    pub fn read(&self, headers: &HeaderMap) -> Result<Option<SecretString>, RefreshError> {
        let found = find_cookie(headers, &self.name)
            .map_err(|_| RefreshError::invalid_request("differing_cookies"))?;
        let Some(token) = found else {
            return Ok(None);
        };
        if !is_from_own_page(headers, &self.origins) {
            return Err(RefreshError::invalid_request("cross_site_request"));
        }
        Ok(Some(token.to_owned().into()))
    }

    /// `Set-Cookie` with a token that is good for so long.
    #[must_use]
    pub fn set(&self, token: &RefreshToken, max_age: Duration) -> HeaderValue {
        self.write(token.to_secret_string().expose_secret(), max_age.as_secs())
    }

    /// `Set-Cookie` that removes the cookie: at logout, and with an `invalid_grant`.
    #[must_use]
    pub fn remove(&self) -> HeaderValue {
        self.write("", 0)
    }

    fn write(&self, value: &str, max_age: u64) -> HeaderValue {
        let Self { name, path, .. } = self;
        let secure = if self.secure { "; Secure" } else { "" };
        let line = format!(
            "{name}={value}; Max-Age={max_age}; Path={path}{secure}; HttpOnly; SameSite=Strict"
        );
        let mut value = HeaderValue::try_from(line)
            .expect("a token, base64url and a checked path are a header value");
        value.set_sensitive(true);
        value
    }
}

impl RefreshCookieBuilder {
    /// The name without its prefix. Default: `refresh`.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// Another origin whose pages may use the cookie: of the same site, as it is `SameSite=Strict`.
    pub fn trusted_origin(mut self, origin: Origin) -> Self {
        self.origins.push(origin);
        self
    }

    /// For development over plain http: without `Secure` and without the prefix.
    pub const fn insecure(mut self) -> Self {
        self.secure = false;
        self
    }

    /// The finished cookie.
    ///
    /// # Errors
    ///
    /// Names the option that cannot work: a name that is not letters, digits, `-` or `_`, or brings a
    /// prefix of its own; a path that does not begin with a slash or has other characters than a plain
    /// path has; an origin that is not https, unless `insecure`.
    pub fn build(self) -> Result<RefreshCookie, ConfigError> {
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_".contains(&b);
        if self.name.is_empty()
            || self.name.len() > 64
            || self.name.starts_with("__")
            || !self.name.bytes().all(plain)
        {
            let problem = "must be 1 to 64 letters, digits, `-` or `_`, and not begin with `__`";
            return Err(ConfigError::new("name", problem));
        }
        let in_path = |b: u8| plain(b) || b"/.~".contains(&b);
        if !self.path.starts_with('/') || self.path.len() > 256 || !self.path.bytes().all(in_path) {
            let problem = "must begin with `/` and be a plain path";
            return Err(ConfigError::new("path", problem));
        }
        if self.secure && self.origins.iter().any(|origin| !origin.is_https()) {
            let problem = "must be https, for a cookie that is sent over https only";
            return Err(ConfigError::new("origin", problem));
        }
        let prefix = if self.secure { "__Secure-" } else { "" };
        Ok(RefreshCookie {
            name: format!("{prefix}{}", self.name).into(),
            path: self.path.into(),
            secure: self.secure,
            origins: self.origins,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::refresh::RefreshErrorKind;

    fn cookie() -> RefreshCookie {
        RefreshCookie::builder("/token", "https://app.example.com".parse().unwrap())
            .trusted_origin("https://admin.example.com".parse().unwrap())
            .build()
            .unwrap()
    }

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, HeaderValue::try_from(*value).unwrap());
        }
        headers
    }

    #[test]
    fn ref_11_it_is_sent_to_its_path_only_and_hidden_from_scripts() {
        let token = RefreshToken::generate().unwrap();
        let text = token.to_secret_string();
        let line = cookie().set(&token, Duration::from_millis(60_999));
        assert!(line.is_sensitive());
        assert_eq!(
            line.to_str().unwrap(),
            format!(
                "__Secure-refresh={}; Max-Age=60; Path=/token; Secure; HttpOnly; SameSite=Strict",
                text.expose_secret()
            )
        );
        assert_eq!(
            cookie().remove().to_str().unwrap(),
            "__Secure-refresh=; Max-Age=0; Path=/token; Secure; HttpOnly; SameSite=Strict"
        );
    }

    #[test]
    fn ref_11_only_pages_of_the_service_may_use_it() {
        for (origin, site, good) in [
            ("https://app.example.com", "same-origin", true),
            ("https://app.example.com", "", true),
            ("https://admin.example.com", "same-site", true),
            ("", "same-origin", true),
            ("", "same-site", false),
            ("", "cross-site", false),
            ("", "none", false),
            ("", "Same-Origin", false),
            ("", "", false),
            ("null", "same-origin", false),
            ("http://app.example.com", "", false),
            ("https://app.example.com:8443", "same-site", false),
            ("https://evil.example", "cross-site", false),
            ("https://evil.example", "same-origin", false),
            ("https://app.example.com.evil.example", "", false),
            ("https://app.example.com@evil.example", "", false),
        ] {
            let mut pairs = vec![("cookie", "a=b; __Secure-refresh=token")];
            if !origin.is_empty() {
                pairs.push(("origin", origin));
            }
            if !site.is_empty() {
                pairs.push(("sec-fetch-site", site));
            }
            match cookie().read(&headers(&pairs)) {
                Ok(token) => {
                    assert!(good, "{origin} {site}");
                    assert_eq!(token.unwrap().expose_secret(), "token");
                }
                Err(error) => {
                    assert!(!good, "{origin} {site}");
                    assert_eq!(error.kind(), RefreshErrorKind::InvalidRequest);
                }
            }
        }
        let twice = [
            ("cookie", "__Secure-refresh=token"),
            ("origin", "https://app.example.com"),
            ("origin", "https://evil.example"),
        ];
        assert!(cookie().read(&headers(&twice)).is_err());
    }

    #[test]
    fn ses_12_two_that_differ_are_none() {
        for (lines, expected) in [
            (&["__Secure-refresh=a"][..], Some(Some("a"))),
            (&["x=1;  __Secure-refresh=a ;y"], Some(Some("a"))),
            (
                &["__Secure-refresh=a", "__Secure-refresh=a"],
                Some(Some("a")),
            ),
            (&["__Secure-refresh=a; __Secure-refresh=b"], None),
            (&["__Secure-refresh=a", "__Secure-refresh=b"], None),
            (&["__secure-refresh=a"], Some(None)),
            (
                &["refresh=a; x__Secure-refresh=b; __Secure-refresh"],
                Some(None),
            ),
            (&["__Secure-refresh="], Some(None)),
            (&[], Some(None)),
        ] {
            let mut pairs = vec![("origin", "https://app.example.com")];
            pairs.extend(lines.iter().map(|line| ("cookie", *line)));
            let read = cookie().read(&headers(&pairs)).ok();
            let read = read.map(|token| token.map(|token| token.expose_secret().to_owned()));
            let expected = expected.map(|token| token.map(str::to_owned));
            assert_eq!(read, expected, "{lines:?}");
        }
    }

    #[test]
    fn what_cannot_work_is_refused_and_named() {
        let origin: Origin = "https://app.example.com".parse().unwrap();
        let builder = |path: &str| RefreshCookie::builder(path, origin.clone());
        for (builder, option) in [
            (builder("token"), "path"),
            (builder("/a;b"), "path"),
            (builder("/a\r\nb"), "path"),
            (builder("/t").name(""), "name"),
            (builder("/t").name("a=b"), "name"),
            (builder("/t").name("__Host-a"), "name"),
            (
                builder("/t").trusted_origin("http://b.example".parse().unwrap()),
                "origin",
            ),
        ] {
            assert_eq!(builder.build().unwrap_err().option(), option);
        }
        let plain = builder("/t").insecure().build().unwrap();
        assert_eq!(
            plain.remove().to_str().unwrap(),
            "refresh=; Max-Age=0; Path=/t; HttpOnly; SameSite=Strict"
        );
    }
}
