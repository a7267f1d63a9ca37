//! What the client is given: [`TokenPair`].

use std::time::Duration;

use auth_layer::{ExposeSecret as _, ScopeSet};
use http::header::{CACHE_CONTROL, CONTENT_TYPE, SET_COOKIE};
use http::{HeaderValue, Response};
use serde::Serialize;

use super::{FamilyId, RefreshCookie, RefreshToken};
use crate::AccessToken;

/// An access token and the refresh token that gets the next one.
#[derive(Clone, Debug)]
pub struct TokenPair {
    pub(super) access: AccessToken,
    pub(super) refresh: RefreshToken,
    /// How long the refresh token is good if it is not used.
    pub(super) refresh_expires_in: Duration,
    pub(super) is_bound: bool,
}

#[derive(Serialize)]
struct Body<'a> {
    access_token: &'a str,
    token_type: &'a str,
    expires_in: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_token: Option<&'a str>,
    scope: &'a str,
}

impl TokenPair {
    /// The access token.
    pub const fn access_token(&self) -> &AccessToken {
        &self.access
    }

    /// The refresh token.
    pub const fn refresh_token(&self) -> &RefreshToken {
        &self.refresh
    }

    /// The public id of the family.
    pub fn family(&self) -> FamilyId {
        self.refresh.family()
    }

    /// `Bearer`, or `DPoP` if the tokens are bound to a key.
    pub const fn token_type(&self) -> &'static str {
        if self.is_bound { "DPoP" } else { "Bearer" }
    }

    /// What the access token may be used for.
    pub fn scopes(&self) -> &ScopeSet {
        self.access.scopes()
    }

    /// The answer of RFC 6749 section 5.1:
    /// `{"access_token","token_type","expires_in","refresh_token","scope"}`, with `no-store`.
    #[must_use]
    pub fn respond<B: From<Vec<u8>>>(&self) -> Response<B> {
        let refresh = self.refresh.to_secret_string();
        self.answer(Some(refresh.expose_secret()))
    }

    /// The same with the refresh token in a cookie instead of the body, where scripts of the page
    /// cannot read it.
    #[must_use]
    pub fn respond_with_cookie<B: From<Vec<u8>>>(&self, cookie: &RefreshCookie) -> Response<B> {
        let mut res = self.answer(None);
        let cookie = cookie.set(&self.refresh, self.refresh_expires_in);
        res.headers_mut().append(SET_COOKIE, cookie);
        res
    }

    fn answer<B: From<Vec<u8>>>(&self, refresh_token: Option<&str>) -> Response<B> {
        let body = Body {
            access_token: self.access.expose(),
            token_type: self.token_type(),
            expires_in: self.access.expires_in().as_secs(),
            refresh_token,
            scope: &self.access.scopes().to_string(),
        };
        let body = serde_json::to_vec(&body).expect("texts and numbers can be written");
        let mut res = Response::new(B::from(body));
        let headers = res.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        res
    }
}
