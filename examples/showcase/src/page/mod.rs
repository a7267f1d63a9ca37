//! The web page: documents that need no scripts, under a strict policy.

mod account;
mod browser;
mod device;
mod keys;
mod sign_in;

use axum::http::header::{
    CACHE_CONTROL, CONTENT_LENGTH, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY,
};
use axum::http::{HeaderValue, Response as HttpResponse, StatusCode};
use axum::response::{IntoResponse, Response};
use maud::{DOCTYPE, Markup, html};

pub(crate) use self::account::Account;
pub(crate) use self::browser::{ByBrowser, for_browsers};
pub(crate) use self::keys::{Keys, NewKeyPage};
pub(crate) use self::sign_in::SignIn;

/// The address of the style sheet.
pub(crate) const STYLE_PATH: &str = "/style.css";
/// The style sheet.
pub(crate) const STYLE: &str = include_str!("style.css");

/// The address of the one script.
pub(crate) const SCRIPT_PATH: &str = "/copy.js";
/// The script that copies a new key.
pub(crate) const SCRIPT: &str = include_str!("copy.js");

/// Nothing but the style sheet is loaded, forms go nowhere else, nobody frames the page.
const POLICY: &str = "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; \
                      frame-ancestors 'none'";

/// As [`POLICY`], and the one script: for the page with a new key.
const POLICY_WITH_SCRIPT: &str = "default-src 'none'; style-src 'self'; script-src 'self'; \
                                  form-action 'self'; base-uri 'none'; frame-ancestors 'none'; \
                                  require-trusted-types-for 'script'";

/// What a page tells about the last thing that was done.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Message<'a> {
    /// It went well.
    Done(&'a str),
    /// It did not.
    Problem(&'a str),
}

/// A whole document.
#[derive(Debug)]
pub(crate) struct Page {
    title: &'static str,
    content: Markup,
    policy: &'static str,
}

impl Page {
    pub(crate) fn new(title: &'static str, content: Markup) -> Self {
        Self {
            title,
            content,
            policy: POLICY,
        }
    }

    /// Lets the page load [`SCRIPT`].
    fn with_script(self) -> Self {
        Self {
            policy: POLICY_WITH_SCRIPT,
            ..self
        }
    }

    /// This page in place of the body of an answer whose status and headers stay.
    pub(crate) fn instead_of<B>(self, refusal: HttpResponse<B>) -> Response {
        let (mut refused, _) = refusal.into_parts();
        refused.headers.remove(CONTENT_LENGTH);
        let (shown, body) = self.into_response().into_parts();
        refused.headers.extend(shown.headers);
        Response::from_parts(refused, body)
    }
}

impl IntoResponse for Page {
    fn into_response(self) -> Response {
        let document = html! {
            (DOCTYPE)
            html lang="en" {
                head {
                    meta charset="utf-8";
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    meta name="color-scheme" content="light dark";
                    title { (self.title) " · Showcase" }
                    link rel="stylesheet" href=(STYLE_PATH);
                }
                body {
                    header { p.brand { a href="/" { "Showcase" } } }
                    main {
                        h1 { (self.title) }
                        (self.content)
                    }
                    footer { p { "An example of auth-layer, session-layer and login. It works without scripts." } }
                }
            }
        };
        let headers = [
            (CONTENT_TYPE, "text/html; charset=utf-8"),
            // Neither a cache nor the back button may show it to whoever comes next.
            (CACHE_CONTROL, "no-store"),
            (CONTENT_SECURITY_POLICY, self.policy),
            // Not `no-referrer`: forms would then say `Origin: null`.
            (REFERRER_POLICY, "same-origin"),
        ]
        .map(|(name, value)| (name, HeaderValue::from_static(value)));
        (StatusCode::OK, headers, document.into_string()).into_response()
    }
}

/// A message where screen readers announce it, or the empty place of one.
fn announce(message: Option<Message<'_>>) -> Markup {
    html! {
        @match message {
            None => {}
            Some(Message::Done(text)) => p.message.done role="status" { (text) },
            Some(Message::Problem(text)) => p #problem .message.problem role="alert" { (text) },
        }
    }
}
