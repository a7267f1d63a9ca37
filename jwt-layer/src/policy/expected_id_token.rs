//! What one login expects of its ID token: [`ExpectedIdToken`].

use std::fmt;
use std::time::{Duration, SystemTime};

use auth_layer::AuthError;

use super::IdToken;
use crate::crypto::left_half_hash;
use crate::token::Claims;
use crate::verifier::VerifiedToken;

/// What one login expects of its ID token: what was sent with the request, and what came beside the
/// token (OpenID Connect Core sections 3.1.3.7, 3.2.2.11, 3.3.2.11 and 12.2).
///
/// It cannot be printed: it holds an access token.
#[derive(Clone)]
#[must_use]
pub struct ExpectedIdToken {
    nonce: Nonce,
    subject: Option<Box<str>>,
    max_age: Option<Duration>,
    acr_values: Vec<Box<str>>,
    auth_time: Option<SystemTime>,
    access_token: Option<Box<str>>,
    code: Option<Box<str>>,
    state: Option<Box<str>>,
    front_channel: bool,
}

#[derive(Clone)]
enum Nonce {
    /// The token must have this one.
    Sent(Box<str>),
    /// The token must have none.
    NotSent,
    /// If the token has one, it is this.
    Earlier(Option<Box<str>>),
}

impl ExpectedIdToken {
    /// The token of a login whose request had this `nonce`. An empty one is none, and no token is the
    /// one expected.
    pub fn with_nonce(nonce: impl Into<Box<str>>) -> Self {
        Self::new(Nonce::Sent(nonce.into()))
    }

    /// The token of a login whose request had no `nonce`: one that has any is of another login.
    ///
    /// Without a nonce, that the token belongs to this login is known only because it came straight
    /// from the issuer for a code that only this client could redeem (PKCE).
    pub fn without_nonce() -> Self {
        Self::new(Nonce::NotSent)
    }

    /// The token that came with a refresh, about the same subject as the first. A `nonce` is refused
    /// unless it is [the first](Self::first_nonce).
    pub fn after_refresh(subject: impl Into<Box<str>>) -> Self {
        Self::new(Nonce::Earlier(None)).subject(subject)
    }

    fn new(nonce: Nonce) -> Self {
        Self {
            nonce,
            subject: None,
            max_age: None,
            acr_values: Vec::new(),
            auth_time: None,
            access_token: None,
            code: None,
            state: None,
            front_channel: false,
        }
    }

    /// After a refresh: the `nonce` of the first token, which later ones may repeat.
    pub fn first_nonce(mut self, nonce: impl Into<Box<str>>) -> Self {
        if let Nonce::Earlier(earlier) = &mut self.nonce {
            *earlier = Some(nonce.into());
        }
        self
    }

    /// After a refresh: the `auth_time` of the first token, which later ones repeat if they have any.
    pub fn first_auth_time(mut self, time: SystemTime) -> Self {
        self.auth_time = Some(time);
        self
    }

    /// Only this subject: the one that is logged in already, or that was hinted at.
    pub fn subject(mut self, subject: impl Into<Box<str>>) -> Self {
        self.subject = Some(subject.into());
        self
    }

    /// The request asked that the user authenticated at most so long ago: `auth_time` must be there
    /// and say so, give or take the leeway.
    pub fn max_age(mut self, age: Duration) -> Self {
        self.max_age = Some(age);
        self
    }

    /// `acr` must be there and be one of these.
    pub fn acr_values<A: Into<Box<str>>>(mut self, values: impl IntoIterator<Item = A>) -> Self {
        self.acr_values = values.into_iter().map(Into::into).collect();
        self
    }

    /// The access token that came beside it: an `at_hash` must be of this one.
    pub fn access_token(mut self, token: impl Into<Box<str>>) -> Self {
        self.access_token = Some(token.into());
        self
    }

    /// The code that came beside it, or that it came for: a `c_hash` must be of this one.
    pub fn code(mut self, code: impl Into<Box<str>>) -> Self {
        self.code = Some(code.into());
        self
    }

    /// The state of the login: an `s_hash` must be of this one.
    pub fn state(mut self, state: impl Into<Box<str>>) -> Self {
        self.state = Some(state.into());
        self
    }

    /// The token came through the browser (implicit and hybrid flows): the hash of whatever came
    /// beside it must be there, and not only be right, and the request must have had a
    /// [nonce](Self::with_nonce): anybody can bring a token of another login (OpenID Connect Core
    /// sections 3.2.2.1 and 3.3.2.1). Default: it came straight from the issuer.
    pub fn from_front_channel(mut self) -> Self {
        self.front_channel = true;
        self
    }

    pub(super) fn check(
        &self,
        token: &VerifiedToken<IdToken>,
        now: SystemTime,
        leeway: Duration,
    ) -> Result<(), AuthError> {
        let can_tell = match &self.nonce {
            Nonce::Sent(sent) => !sent.is_empty(),
            Nonce::NotSent | Nonce::Earlier(_) => !self.front_channel,
        };
        if !can_tell {
            return Err(AuthError::invalid("missing_nonce"));
        }
        let nonce = token.nonce();
        let fits = match &self.nonce {
            Nonce::Sent(sent) => nonce == Some(sent),
            Nonce::NotSent => nonce.is_none(),
            Nonce::Earlier(earlier) => nonce.is_none() || nonce == earlier.as_deref(),
        };
        if !fits {
            return Err(AuthError::invalid("wrong_nonce"));
        }
        if self.subject.is_some() && token.subject() != self.subject.as_deref() {
            return Err(AuthError::invalid("wrong_subject"));
        }
        if let Some(max_age) = self.max_age {
            let latest = token
                .auth_time()
                .ok_or_else(|| AuthError::invalid("missing_auth_time"))?;
            let age = now.duration_since(latest).unwrap_or_default();
            if age > max_age.saturating_add(leeway) {
                return Err(AuthError::invalid("authenticated_too_long_ago"));
            }
        }
        if let (Some(first), Some(own)) = (self.auth_time, token.auth_time())
            && first != own
        {
            return Err(AuthError::invalid("wrong_auth_time"));
        }
        if !self.acr_values.is_empty() {
            let acr = token.acr().unwrap_or_default();
            if !self.acr_values.iter().any(|value| **value == *acr) {
                return Err(AuthError::invalid("wrong_acr"));
            }
        }
        let claims = token.parsed()?;
        self.check_hash(token, &claims, "at_hash", self.access_token.as_deref())?;
        self.check_hash(token, &claims, "c_hash", self.code.as_deref())?;
        self.check_hash(token, &claims, "s_hash", self.state.as_deref())
    }

    fn check_hash(
        &self,
        token: &VerifiedToken<IdToken>,
        claims: &Claims<'_>,
        name: &str,
        value: Option<&str>,
    ) -> Result<(), AuthError> {
        let hash = claims.string(name)?;
        let Some(value) = value else { return Ok(()) };
        match hash {
            Some(hash) if *hash == left_half_hash(token.key().algorithm(), value) => Ok(()),
            Some(_) => Err(AuthError::invalid("wrong_hash")),
            None if self.front_channel => Err(AuthError::invalid("missing_hash")),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for ExpectedIdToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ExpectedIdToken").finish_non_exhaustive()
    }
}
