//! Whether a browser waits for a page, and what it is shown in place of a problem.

use std::convert::Infallible;

use auth_layer::AuthError;
use axum::extract::{FromRequestParts, Request};
use axum::http::header::{ACCEPT, CONTENT_TYPE, SET_COOKIE};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};
use maud::html;

use super::{Message, Page, announce};

/// Where the page's links and forms lead. Elsewhere a browser gets problems like any program.
const PATHS: [&str; 9] = [
    "/",
    "/account/password",
    "/api-keys/make",
    "/api-keys/revoke",
    "/api-keys/rotate",
    "/login",
    "/logout",
    "/sessions/end",
    "/sessions/end-others",
];

/// Whether the answer is shown to a person: a browser navigates, and no script asks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ByBrowser(pub(crate) bool);

impl ByBrowser {
    fn new(headers: &HeaderMap) -> Self {
        if let Some(mode) = headers.get("sec-fetch-mode") {
            return Self(mode == "navigate");
        }
        // A browser that does not say: an old one, or one that came by plain http.
        let accepts = headers.get_all(ACCEPT).iter();
        Self(
            accepts
                .filter_map(|accept| accept.to_str().ok())
                .flat_map(|accept| accept.split(','))
                .any(|media| {
                    let media = media.split(';').next().unwrap_or_default().trim();
                    media.eq_ignore_ascii_case("text/html")
                }),
        )
    }
}

impl<S: Send + Sync> FromRequestParts<S> for ByBrowser {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Infallible> {
        Ok(Self::new(&parts.headers))
    }
}

/// Shows errors of the page's own routes as pages.
///
/// A form that was sent after the session had ended leads back to the page, which asks to sign in; a
/// 401 with its challenges would open a dialog of the browser.
pub(crate) async fn for_browsers(req: Request, next: Next) -> Response {
    let is_ours = PATHS.contains(&req.uri().path()) && ByBrowser::new(req.headers()).0;
    let is_form = req.method() == Method::POST;
    let res = next.run(req).await;

    let status = res.status();
    let is_error = status.is_client_error() || status.is_server_error();
    let is_page = res
        .headers()
        .get(CONTENT_TYPE)
        .is_some_and(|kind| kind.as_bytes().starts_with(b"text/html"));
    if !is_ours || !is_error || is_page {
        return res;
    }
    if is_form && status == StatusCode::UNAUTHORIZED {
        let mut back = Redirect::to("/?notice=signed-out").into_response();
        // What the answer does to the cookie it does still.
        for cookie in res.headers().get_all(SET_COOKIE) {
            back.headers_mut().append(SET_COOKIE, cookie.clone());
        }
        return back;
    }
    let text = match status {
        StatusCode::FORBIDDEN => "This was refused: it did not come from this page.",
        StatusCode::TOO_MANY_REQUESTS => "Too many attempts. Wait a while, then try again.",
        StatusCode::SERVICE_UNAVAILABLE => {
            "Who you are cannot be checked at the moment. Try again shortly."
        }
        status if status.is_server_error() => "Something went wrong here.",
        _ => "This request was not understood.",
    };
    let content = html! {
        (announce(Some(Message::Problem(text))))
        p { a href="/" { "Back to the start" } }
    };
    Page::new("That did not work", content).instead_of(res)
}

/// What a person is told about a refusal, where it is not obvious from the form.
pub(super) fn explain(error: &AuthError) -> &'static str {
    match error.status() {
        StatusCode::TOO_MANY_REQUESTS => "Too many attempts. Wait a while, then try again.",
        StatusCode::SERVICE_UNAVAILABLE => {
            "This cannot be checked at the moment. Try again shortly."
        }
        status if status.is_server_error() => "Something went wrong here.",
        _ => "The name or the password is wrong.",
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn only_navigations_are_for_people() {
        for (mode, accept, expected) in [
            (Some("navigate"), Some("text/html,*/*;q=0.8"), true),
            (Some("navigate"), None, true),
            (Some("cors"), Some("text/html"), false),
            (Some("no-cors"), Some("text/html"), false),
            (None, Some("application/xml, Text/HTML;q=0.9"), true),
            (None, Some("*/*"), false),
            (None, Some("application/json"), false),
            (None, None, false),
        ] {
            let mut headers = HeaderMap::new();
            if let Some(mode) = mode {
                headers.insert("sec-fetch-mode", HeaderValue::from_static(mode));
            }
            if let Some(accept) = accept {
                headers.insert(ACCEPT, HeaderValue::from_static(accept));
            }
            assert_eq!(ByBrowser::new(&headers).0, expected, "{mode:?} {accept:?}");
        }
    }
}
