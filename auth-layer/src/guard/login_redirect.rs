//! Sending a browser to the login page.

use std::fmt;

use http::header::{ACCEPT, AUTHORIZATION, CACHE_CONTROL, LOCATION};
use http::request::Parts;
use http::{Extensions, HeaderValue, Method, Response, StatusCode, Uri};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::ReturnTo;
use crate::{AuthError, ConfigError};

const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// Where a browser is sent to log in.
///
/// Only navigations are redirected: a `GET` or `HEAD` that the browser says is one
/// (`Sec-Fetch-Mode: navigate`), or, from a browser too old to say, one that accepts HTML. Calls of
/// scripts and programs get 401. The status is 303, so that nothing that was posted is posted again.
///
/// The page finds the way back in its query parameter `return_to`; read it with
/// [`ReturnTo::parse`]. `Referer` is never used.
#[derive(Clone)]
pub struct LoginRedirect {
    page: String,
    original_uri: fn(&Extensions) -> Option<&Uri>,
}

impl LoginRedirect {
    /// Redirects to `page`, a path on this origin or an `https` URL.
    ///
    /// # Errors
    ///
    /// Refuses anything else.
    pub fn to(page: impl Into<String>) -> Result<Self, ConfigError> {
        let page = page.into();
        let is_local = ReturnTo::parse(&page).is_some();
        let is_https = page
            .parse::<Uri>()
            .is_ok_and(|uri| uri.scheme_str() == Some("https") && !page.contains('#'));
        if !is_local && !is_https {
            return Err(ConfigError::new(
                "LoginRedirect::to",
                "takes a path that begins with one slash, or an https URL",
            ));
        }
        Ok(Self {
            page,
            original_uri: |_| None,
        })
    }

    /// How to find the URI that the client asked for, if a router has shortened it since.
    ///
    /// axum shortens it in nested routers:
    ///
    /// ```
    /// use auth_layer::LoginRedirect;
    /// use axum::extract::OriginalUri;
    ///
    /// let redirect = LoginRedirect::to("/login")?
    ///     .original_uri(|extensions| extensions.get::<OriginalUri>().map(|uri| &uri.0));
    /// # let _ = redirect;
    /// # Ok::<(), auth_layer::ConfigError>(())
    /// ```
    #[must_use]
    pub fn original_uri(mut self, find: fn(&Extensions) -> Option<&Uri>) -> Self {
        self.original_uri = find;
        self
    }

    /// The URL to send this request to, if it is a navigation.
    pub(super) fn location(&self, parts: &Parts) -> Option<HeaderValue> {
        if !is_navigation(parts) {
            return None;
        }
        let uri = (self.original_uri)(&parts.extensions).unwrap_or(&parts.uri);
        let mut location = self.page.clone();
        if let Some(return_to) = ReturnTo::from_uri(uri) {
            location.push(if location.contains('?') { '&' } else { '?' });
            location.push_str("return_to=");
            location.extend(utf8_percent_encode(return_to.as_str(), UNRESERVED));
        }
        HeaderValue::try_from(location).ok()
    }
}

/// 303 to `location`; the error goes along for the events.
pub(super) fn see_other<B: Default>(location: HeaderValue, error: AuthError) -> Response<B> {
    let mut res = Response::new(B::default());
    *res.status_mut() = StatusCode::SEE_OTHER;
    res.headers_mut().insert(LOCATION, location);
    res.headers_mut()
        .insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    res.extensions_mut().insert(error);
    res
}

fn is_navigation(parts: &Parts) -> bool {
    if !matches!(parts.method, Method::GET | Method::HEAD)
        || parts.headers.contains_key(AUTHORIZATION)
    {
        return false;
    }
    if let Some(mode) = parts.headers.get("sec-fetch-mode") {
        return mode == "navigate";
    }
    parts.headers.get_all(ACCEPT).iter().any(|accept| {
        accept.to_str().is_ok_and(|accept| {
            accept.split(',').any(|media| {
                let media = media.split(';').next().unwrap_or_default().trim();
                media.eq_ignore_ascii_case("text/html")
            })
        })
    })
}

impl fmt::Debug for LoginRedirect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LoginRedirect")
            .field("page", &self.page)
            .finish_non_exhaustive()
    }
}
