//! API keys: the list with its forms, and the page that shows a new one.

use std::sync::Arc;
use std::time::SystemTime;

use apikey_layer::{CreatedKey, DisabledBy, KeyRecord};
use auth_layer::Identity;
use maud::{Markup, html};

use super::account::{list, moment};
use super::{Page, SCRIPT_PATH};
use crate::routes::key_limit;

/// The keys of one user.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Keys<'a> {
    pub(crate) owner: &'a Identity,
    pub(crate) keys: &'a [Arc<KeyRecord>],
    /// The name of the forms, each of which can be sent once.
    pub(crate) form: &'a str,
    pub(crate) now: SystemTime,
}

impl Keys<'_> {
    pub(super) fn section(&self) -> Markup {
        html! {
            section aria-labelledby="keys" {
                h2 #keys { "My API keys" }
                @if self.keys.is_empty() {
                    p { "You have none." }
                } @else {
                    ul.entries {
                        @for key in self.keys { (self.entry(key)) }
                    }
                }
            }
            section aria-labelledby="make" {
                h2 #make { "Make an API key" }
                (self.make())
            }
        }
    }

    fn entry(&self, key: &KeyRecord) -> Markup {
        let id = key.id().as_str();
        let state = State::of(key, self.now);
        let scopes: Vec<_> = key.scopes().iter().collect();
        let name_id = format!("key-{id}");
        html! {
            li {
                div {
                    p #(name_id) {
                        strong { (key.name()) } " "
                        span.badge.off[state != State::Good] { (state.text()) }
                    }
                    p.hint {
                        code { (id) } " · scopes: " (list(&scopes))
                        @if let Some(limit) = key_limit(key) { " · limit: " (limit) }
                        @if !key.allowed_cidrs().is_empty() {
                            " · only from "
                            @for network in key.allowed_cidrs() { (network) " " }
                        }
                        br;
                        "Made " (moment(key.created_at()))
                        @if let Some(end) = key.expires_at() { " · ends " (moment(end)) }
                        @if let Some(used) = key.last_used_at() {
                            " · last used " (moment(used))
                        }
                        @if let Some(previous) = key.previous().filter(|previous| self.now < previous.valid_until) {
                            br;
                            "The secret before this one is good until " (moment(previous.valid_until))
                        }
                    }
                }
                @if state != State::Revoked { (self.change(id, &name_id, state)) }
            }
        }
    }

    fn change(&self, id: &str, name_id: &str, state: State) -> Markup {
        let overlap_id = format!("overlap-{id}");
        html! {
            div.changes {
                @if state != State::Expired {
                    form method="post" action="/api-keys/rotate" {
                        input type="hidden" name="form" value=(self.form) ;
                        input type="hidden" name="id" value=(id);
                        label for=(overlap_id) { "The old one works" }
                        select #(overlap_id) name="overlap" {
                            option value="0s" { "no longer" }
                            option value="10m" selected { "10 minutes more" }
                            option value="1d" { "a day more" }
                            option value="7d" { "a week more" }
                        }
                        button aria-describedby=(name_id) { "Replace" }
                    }
                }
                form method="post" action="/api-keys/revoke" {
                    input type="hidden" name="id" value=(id);
                    button aria-describedby=(name_id) { "Revoke" }
                }
            }
        }
    }

    fn make(&self) -> Markup {
        let scopes: Vec<_> = self.owner.scopes().iter().collect();
        html! {
            form method="post" action="/api-keys/make" {
                input type="hidden" name="form" value=(self.form);
                p.field {
                    label for="key-name" { "Name" }
                    input #key-name name="name" maxlength="100" required autocomplete="off";
                }
                p.field {
                    label for="key-scopes" { "Scopes" }
                    input #key-scopes name="scopes" value=(scopes.join(" ")) autocomplete="off"
                        autocapitalize="none" spellcheck="false" aria-describedby="scopes-hint";
                    span #scopes-hint .hint {
                        "What it may be used for, with spaces between. You have: " (list(&scopes))
                    }
                }
                p.field {
                    label for="key-lifetime" { "Good for" }
                    select #key-lifetime name="expires_in" {
                        option value="30d" { "30 days" }
                        option value="90d" selected { "90 days" }
                        option value="365d" { "a year" }
                        option value="" { "ever" }
                    }
                }
                p.field {
                    label for="key-limit" { "Limit" }
                    input #key-limit name="limit" autocomplete="off" aria-describedby="limit-hint";
                    span #limit-hint .hint { "As 100/m or 100/m,10000/30d. None if it is empty." }
                }
                p.field {
                    label for="key-networks" { "Only from" }
                    input #key-networks name="allowed_cidrs" autocomplete="off"
                        aria-describedby="networks-hint";
                    span #networks-hint .hint { "Networks as 192.0.2.0/24. From anywhere if it is empty." }
                }
                p { button.primary { "Make the key" } }
            }
        }
    }
}

/// Whether a key can be used, in a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Good,
    Off,
    OffByOperator,
    Expired,
    Revoked,
}

impl State {
    fn of(key: &KeyRecord, now: SystemTime) -> Self {
        if key.revoked_at().is_some() {
            Self::Revoked
        } else if key.expires_at().is_some_and(|end| now >= end) {
            Self::Expired
        } else if key.is_disabled_by(DisabledBy::Operator) {
            Self::OffByOperator
        } else if key.is_disabled() {
            Self::Off
        } else {
            Self::Good
        }
    }

    const fn text(self) -> &'static str {
        match self {
            Self::Good => "active",
            Self::Off => "switched off",
            Self::OffByOperator => "switched off by the operator",
            Self::Expired => "expired",
            Self::Revoked => "revoked",
        }
    }
}

/// The page with a new key: the answer to the form that made it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NewKeyPage<'a> {
    pub(crate) created: &'a CreatedKey,
}

impl NewKeyPage<'_> {
    pub(crate) fn page(self) -> Page {
        let record = &self.created.record;
        let content = html! {
            p.message.done role="status" {
                "Copy the key now: it is shown this once, and kept nowhere."
            }
            section aria-labelledby="new" {
                h2 #new { (record.name()) }
                p.field {
                    label for="key" { "Key" }
                    input #key .secret readonly value=(self.created.key.expose()) autocomplete="off"
                        spellcheck="false";
                }
                p {
                    button #copy .primary type="button" hidden { "Copy" } " "
                    span #copied role="status" {}
                }
                @if let Some(previous) = record.previous() {
                    p { "The old one is good until " (moment(previous.valid_until)) "." }
                }
                p.hint { "Programs send it as " code { "X-API-Key" } "." }
                p { a href="/" { "Done" } }
            }
            script src=(SCRIPT_PATH) defer {}
        };
        Page::new("Your key", content).with_script()
    }
}
