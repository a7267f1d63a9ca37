//! The credential.

use std::fmt;

use auth_layer::{ExposeSecret, SecretString};
use http::HeaderValue;

use super::possession::Presented;
use super::transport::Transport;
use super::verify::Verified;
use crate::cache::Digest;

/// A token that was found and not yet verified. It cannot be printed.
#[derive(Clone)]
pub struct BearerToken {
    kept: Kept,
    transport: Transport,
    presented: Option<Box<Presented>>,
    noted: Option<Noted>,
}

#[derive(Clone)]
enum Kept {
    /// The whole header, and how long the name of its scheme is: sharing it costs no copy.
    Header(HeaderValue, usize),
    Text(SecretString),
    /// Not needed again: what it proves is noted.
    Nothing,
}

/// What is known of a token already, by the rules of one verifier.
#[derive(Clone)]
struct Noted {
    rules: u64,
    note: Note,
}

#[derive(Clone)]
pub(super) enum Note {
    /// It is not known, and this is its hash.
    Hash(Digest),
    Verified(Verified),
}

impl BearerToken {
    /// `value` starts with `scheme`, in any case.
    pub(super) fn from_header(mut value: HeaderValue, scheme: &str) -> Self {
        value.set_sensitive(true);
        Self {
            kept: Kept::Header(value, scheme.len()),
            transport: Transport::Header,
            presented: None,
            noted: None,
        }
    }

    /// Adds what was shown with it.
    pub(super) fn with(mut self, presented: Presented) -> Self {
        self.presented = Some(Box::new(presented));
        self
    }

    /// Says how it came.
    pub(super) fn by(mut self, transport: Transport) -> Self {
        self.transport = transport;
        self
    }

    pub(super) const fn transport(&self) -> Transport {
        self.transport
    }

    pub(super) fn presented(&self) -> &Presented {
        const NOTHING: &Presented = &Presented {
            proof: None,
            certificate: None,
        };
        self.presented.as_deref().unwrap_or(NOTHING)
    }

    pub(super) fn from_text(token: &str) -> Self {
        Self {
            kept: Kept::Text(token.into()),
            transport: Transport::Header,
            presented: None,
            noted: None,
        }
    }

    /// A token that was seen before.
    pub(super) fn known(rules: u64, verified: Verified) -> Self {
        Self {
            kept: Kept::Nothing,
            transport: Transport::Header,
            presented: None,
            noted: Some(Noted {
                rules,
                note: Note::Verified(verified),
            }),
        }
    }

    /// Notes what is known of the token by the rules with this number.
    pub(super) fn note(&mut self, rules: u64, note: Note) {
        self.noted = Some(Noted { rules, note });
    }

    /// What was noted, if the rules are the same ones: what one verifier knows is nothing to another.
    pub(super) fn take_note(&mut self, rules: u64) -> Option<Note> {
        let noted = self.noted.take()?;
        (noted.rules == rules).then_some(noted.note)
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        match &self.kept {
            Kept::Header(value, scheme) => value
                .as_bytes()
                .get(*scheme..)
                .unwrap_or_default()
                .trim_ascii(),
            Kept::Text(token) => token.expose_secret().as_bytes(),
            Kept::Nothing => &[],
        }
    }
}

impl fmt::Debug for BearerToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BearerToken([redacted])")
    }
}
