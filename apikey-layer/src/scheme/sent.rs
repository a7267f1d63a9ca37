//! What a request has of the headers that matter here.

use http::header::{AUTHORIZATION, ORIGIN};
use http::{HeaderMap, HeaderName, HeaderValue};

#[derive(Default)]
pub(super) struct Sent<'a> {
    pub(super) keys: Values<'a>,
    pub(super) origins: Values<'a>,
    /// Whether there is an `Authorization`.
    pub(super) authorization: bool,
}

/// The values of a header that should be there once.
#[derive(Clone, Copy, Default)]
pub(super) enum Values<'a> {
    #[default]
    None,
    One(&'a HeaderValue),
    Several,
}

impl<'a> Sent<'a> {
    /// Goes through the headers once: clients with keys send a handful, and three look-ups take
    /// longer than that.
    pub(super) fn of(headers: &'a HeaderMap, key: &HeaderName) -> Self {
        let mut sent = Self::default();
        for (name, value) in headers {
            if name == key {
                sent.keys.add(value);
            } else if *name == ORIGIN {
                sent.origins.add(value);
            } else if *name == AUTHORIZATION {
                sent.authorization = true;
            }
        }
        sent
    }
}

impl<'a> Values<'a> {
    fn add(&mut self, value: &'a HeaderValue) {
        *self = match self {
            Self::None => Self::One(value),
            Self::One(_) | Self::Several => Self::Several,
        };
    }

    /// Two of them are none: nobody can tell which one counts.
    pub(super) fn only(self) -> Option<&'a HeaderValue> {
        match self {
            Self::One(value) => Some(value),
            Self::None | Self::Several => None,
        }
    }
}
