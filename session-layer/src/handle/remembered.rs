//! The remember-me cookie of a request.

use std::time::{Duration, SystemTime};

use auth_layer::{AuthError, AuthErrorKind};
use http::{HeaderMap, HeaderValue};

use super::RequestSession;
use crate::cookie::{CookieConfig, find_cookie};
use crate::remember::{RememberConfig, RememberToken};

/// What the request has of the remember-me cookie, and what its response does to it.
pub(super) struct Remembered {
    sent: SentToken,
    /// Whether a session may be begun from it: nobody else has said who it is.
    may_revive: bool,
    change: TokenChange,
}

enum SentToken {
    Nothing,
    Differing,
    Unreadable,
    Token(RememberToken),
}

/// What the response does to the cookie.
enum TokenChange {
    Keep,
    Remove,
    Set(RememberToken, SystemTime),
}

impl Remembered {
    pub(super) fn of(headers: &HeaderMap, remember: &RememberConfig, may_revive: bool) -> Self {
        let sent = match find_cookie(headers, remember.cookie.name().as_bytes()) {
            Ok(None) => SentToken::Nothing,
            Ok(Some(value)) => {
                RememberToken::parse(value).map_or(SentToken::Unreadable, SentToken::Token)
            }
            Err(_) => SentToken::Differing,
        };
        Self {
            sent,
            may_revive,
            change: TokenChange::Keep,
        }
    }

    /// The line for the response, if it changes the cookie.
    pub(super) fn line(
        &self,
        cookie: &CookieConfig,
        now: impl FnOnce() -> SystemTime,
    ) -> Option<HeaderValue> {
        match &self.change {
            TokenChange::Keep => None,
            TokenChange::Remove => Some(cookie.remove()),
            TokenChange::Set(token, until) => {
                let left = until.duration_since(now()).unwrap_or(Duration::ZERO);
                Some(cookie.set(token.expose(), left))
            }
        }
    }

    pub(super) fn set(&mut self, token: RememberToken, until: SystemTime) {
        self.change = TokenChange::Set(token, until);
    }

    /// Has the browser forget its cookie; false if it has none.
    pub(super) fn forget(&mut self) -> bool {
        let has = !matches!(self.sent, SentToken::Nothing);
        self.change = if has {
            TokenChange::Remove
        } else {
            TokenChange::Keep
        };
        has
    }

    /// Whether a session can be begun from the remember-me cookie.
    ///
    /// # Errors
    ///
    /// Fails if there are two that differ: nobody knows which of them is meant.
    pub(super) fn may_revive(&self) -> Result<bool, AuthError> {
        match &self.sent {
            SentToken::Differing => Err(AuthError::new(
                AuthErrorKind::InvalidRequest,
                "differing_remember_cookies",
            )),
            SentToken::Token(_) => Ok(self.may_revive),
            SentToken::Nothing | SentToken::Unreadable => Ok(false),
        }
    }

    /// What was sent, if it can be one of ours.
    pub(super) fn token(&self) -> Option<RememberToken> {
        match &self.sent {
            SentToken::Token(token) => Some(token.clone()),
            _ => None,
        }
    }
}

impl RequestSession {
    /// The token that was sent, if it can be one of ours.
    pub(super) fn token(&self) -> Option<RememberToken> {
        self.with_remembered(Remembered::token).flatten()
    }
}
