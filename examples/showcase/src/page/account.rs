//! What somebody who is signed in sees.

use std::time::SystemTime;

use auth_layer::{Identity, unix_seconds};
use maud::{Markup, html};
use session_layer::SessionInfo;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use time::macros::format_description;

use super::{Keys, Message, Page, SignIn, announce, device};

/// Everything that the page shows about one user.
#[derive(Debug)]
pub(crate) struct Account<'a> {
    pub(crate) identity: &'a Identity,
    /// The name to sign in with again.
    pub(crate) username: &'a str,
    /// Empty unless a session proved the identity: programs have none.
    pub(crate) sessions: &'a [SessionInfo],
    /// Shown to who has a session: keys and other programs manage theirs as programs do.
    pub(crate) keys: Keys<'a>,
    /// Whether the password was proved recently enough to change it.
    pub(crate) may_change_password: bool,
    pub(crate) message: Option<Message<'a>>,
}

impl Account<'_> {
    pub(crate) fn page(&self) -> Page {
        let has_session = !self.sessions.is_empty();
        let content = html! {
            (announce(self.message))
            (self.who_i_am())
            @if has_session {
                (self.sessions())
                (self.keys.section())
                (self.password())
            }
        };
        Page::new("Your account", content)
    }

    fn who_i_am(&self) -> Markup {
        let identity = self.identity;
        let scopes: Vec<_> = identity.scopes().iter().collect();
        let roles: Vec<_> = identity.roles().collect();
        let factors: Vec<_> = (identity.factors().iter())
            .map(|factor| factor.kind().as_str())
            .collect();
        html! {
            section aria-labelledby="who" {
                h2 #who { "Who I am" }
                dl {
                    dt { "Subject" } dd { code { (identity.subject()) } }
                    dt { "Signed in by" } dd { (identity.scheme()) }
                    dt { "Roles" } dd { (list(&roles)) }
                    dt { "Scopes" } dd { (list(&scopes)) }
                    dt { "Factors" } dd { (list(&factors)) }
                    @if let Some(at) = identity.auth_time() {
                        dt { "Since" } dd { (moment(at)) }
                    }
                }
                @if !self.sessions.is_empty() {
                    form method="post" action="/logout" { button { "Sign out" } }
                }
            }
        }
    }

    fn sessions(&self) -> Markup {
        html! {
            section aria-labelledby="sessions" {
                h2 #sessions { "My sessions" }
                ul.entries {
                    @for session in self.sessions { (entry(session)) }
                }
                @if self.sessions.len() > 1 {
                    form method="post" action="/sessions/end-others" {
                        button { "Sign out all others" }
                    }
                }
            }
        }
    }

    fn password(&self) -> Markup {
        html! {
            section aria-labelledby="change" {
                h2 #change { "Change password" }
                @if self.may_change_password {
                    p { "Every other session, and every token, ends with it." }
                    form method="post" action="/account/password" {
                        // For password managers: whose password this is.
                        input type="text" name="username" value=(self.username)
                            autocomplete="username" hidden;
                        p.field {
                            label for="current" { "Current password" }
                            input #current name="current" type="password"
                                autocomplete="current-password" required;
                        }
                        p.field {
                            label for="new" { "New password" }
                            input #new name="new" type="password" autocomplete="new-password"
                                minlength="8" required aria-describedby="new-hint";
                            span #new-hint .hint { "At least 8 characters." }
                        }
                        p { button { "Change password" } }
                    }
                } @else {
                    p { "You signed in a while ago. To change the password, sign in again." }
                    (SignIn { username: self.username, ..SignIn::default() }.form("Sign in again"))
                }
            }
        }
    }
}

fn entry(session: &SessionInfo) -> Markup {
    let id = session.id().to_string();
    let name = device::label(session.device().user_agent());
    html! {
        li {
            div {
                p #{ "name-" (id) } {
                    strong { (name) }
                    @if session.is_current() { " " span.badge { "This device" } }
                }
                p.hint {
                    @if let Some(address) = session.device().address() {
                        "From " (address) " · "
                    }
                    "signed in " (moment(session.created_at()))
                    br;
                    "Last seen " (moment(session.last_seen_at()))
                }
            }
            form method="post" action="/sessions/end" {
                input type="hidden" name="id" value=(id);
                button aria-describedby={ "name-" (id) } { "Sign out this device" }
            }
        }
    }
}

pub(super) fn list(words: &[&str]) -> Markup {
    html! {
        @if words.is_empty() { "none" }
        @for (place, word) in words.iter().enumerate() {
            @if place > 0 { ", " }
            (word)
        }
    }
}

/// A time that people and machines can read.
pub(super) fn moment(time: SystemTime) -> Markup {
    let format =
        format_description!("[day padding:none] [month repr:short] [year], [hour]:[minute] UTC");
    let seconds = i64::try_from(unix_seconds(time)).ok();
    let time = seconds.and_then(|seconds| OffsetDateTime::from_unix_timestamp(seconds).ok());
    let texts =
        time.and_then(|time| Some((time.format(&Rfc3339).ok()?, time.format(format).ok()?)));
    html! {
        @match texts {
            Some((machine, text)) => time datetime=(machine) { (text) },
            None => "some time",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stp_01_a_password_proved_long_ago_is_asked_for_before_it_can_be_changed() {
        let identity = Identity::new("session", "user-17");
        for (may_change_password, shown, hidden) in [
            (true, "/account/password", "/login"),
            (false, "/login", "/account/password"),
        ] {
            let account = Account {
                identity: &identity,
                username: "alice",
                sessions: &[],
                keys: Keys {
                    owner: &identity,
                    keys: &[],
                    form: "",
                    now: SystemTime::UNIX_EPOCH,
                },
                may_change_password,
                message: None,
            };
            let form = account.password().into_string();
            assert!(form.contains(&format!("action=\"{shown}\"")), "{form}");
            assert!(!form.contains(hidden), "{form}");
            assert!(form.contains("value=\"alice\""), "{form}");
        }
    }
}
