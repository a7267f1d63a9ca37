//! The form to sign in with.

use auth_layer::{AuthError, ReturnTo};
use axum::response::{IntoResponse, Response};
use maud::{Markup, html};

use super::browser::explain;
use super::{Message, Page, announce};

/// The form, and what is filled in.
#[derive(Debug, Default)]
pub(crate) struct SignIn<'a> {
    pub(crate) username: &'a str,
    pub(crate) return_to: Option<ReturnTo>,
    pub(crate) message: Option<Message<'a>>,
}

impl SignIn<'_> {
    /// The page after an attempt that failed: status and headers of the refusal, and the form with
    /// the name that was typed.
    pub(crate) fn refused(self, error: AuthError) -> Response {
        let message = Some(Message::Problem(explain(&error)));
        SignIn { message, ..self }
            .page()
            .instead_of(error.into_response())
    }

    pub(crate) fn page(&self) -> Page {
        Page::new(
            "Sign in",
            html! { (announce(self.message)) (self.form("Sign in")) },
        )
    }

    /// The form alone.
    pub(super) fn form(&self, button: &str) -> Markup {
        let has_failed = matches!(self.message, Some(Message::Problem(_)));
        let described_by = has_failed.then_some("problem");
        let is_named = !self.username.is_empty();
        html! {
            form method="post" action="/login" {
                @if let Some(return_to) = &self.return_to {
                    input type="hidden" name="return_to" value=(return_to.as_str());
                }
                p.field {
                    label for="username" { "User name" }
                    input #username name="username" value=(self.username) autocomplete="username"
                        autocapitalize="none" spellcheck="false" required autofocus[!is_named]
                        aria-describedby=[described_by];
                }
                p.field {
                    label for="password" { "Password" }
                    input #password name="password" type="password"
                        autocomplete="current-password" required autofocus[is_named]
                        aria-describedby=[described_by];
                }
                p { button.primary { (button) } }
            }
        }
    }
}
