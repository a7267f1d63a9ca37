//! Why a request was not let through.

use std::error::Error;
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use http::{Extensions, StatusCode};

use crate::identity::ScopeSet;
use crate::{ClientAddress, ResponseHeaders};

/// Why a request was not authenticated, or not allowed.
///
/// One type serves schemes, stores, guards and extractors.
/// It holds two things that never mix: a [`kind`](Self::kind), which decides the answer, and a
/// [`reason`](Self::reason) with a [source](Error::source), which only the log and the events see.
///
/// A refused response carries its `AuthError` in its extensions; that is how the layers outside
/// know that they should add their challenges. Put one there yourself, or answer
/// [`Unauthenticated`](crate::Unauthenticated), to get the same from a handler.
///
/// ```
/// use auth_layer::{AuthError, AuthErrorKind};
/// use http::StatusCode;
///
/// let error = AuthError::new(AuthErrorKind::Expired, "token_expired");
/// assert_eq!(error.status(), StatusCode::UNAUTHORIZED);
/// assert_eq!(error.code(), "invalid_credential"); // what the client learns
/// assert_eq!(error.reason(), "token_expired"); // what the log learns
/// ```
#[derive(Clone)]
pub struct AuthError {
    inner: Box<Inner>,
}

#[derive(Clone)]
struct Inner {
    kind: AuthErrorKind,
    reason: &'static str,
    scheme: Option<&'static str>,
    retry_after: Option<Duration>,
    headers: ResponseHeaders,
    needed: Needed,
    source: Option<Arc<dyn Error + Send + Sync>>,
    address: Option<IpAddr>,
    object_id: Option<Box<str>>,
    recorded: bool,
}

/// What an identity would need to be let through (RFC 6750 `scope`, RFC 9470 `max_age` and
/// `acr_values`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Needed {
    /// Scopes that the resource asks for; empty if scopes are not the question.
    pub scopes: ScopeSet,
    /// How old, in seconds, the proof may be at most.
    pub max_age: Option<u64>,
    /// Authentication context classes of which one is needed.
    pub acr_values: Vec<String>,
}

/// What kind of failure an [`AuthError`] is; it decides the status of the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum AuthErrorKind {
    /// The credential counts as not sent: the request goes on as anonymous.
    ///
    /// Only for credentials that a browser sends by itself, such as the cookie of a session that
    /// has ended. A bad credential that was sent on purpose is [`Invalid`](Self::Invalid).
    Absent,
    /// Two credentials of one request contradict each other. 401.
    Conflict,
    /// The credential was good once. 401.
    Expired,
    /// The identity is known and may not do this. 403.
    Forbidden,
    /// The identity must prove itself again, or better (RFC 9470). 401.
    InsufficientAuthentication,
    /// The identity lacks a scope (RFC 6750 section 3.1). 403.
    InsufficientScope,
    /// A fault of this program. 500.
    Internal,
    /// The credential is wrong. 401.
    Invalid,
    /// The request itself is malformed, for example by two `Authorization` headers. 400.
    InvalidRequest,
    /// Too many attempts. 429.
    Limited,
    /// The credential cannot be read. 401.
    Malformed,
    /// The service is wired wrong, for example a guard without a layer. 500.
    Misconfigured,
    /// Nothing was sent where an identity is needed. 401.
    Missing,
    /// The credential was taken back. 401.
    Revoked,
    /// The credential is right, but bound to a nonce that is used up (RFC 7616 `stale`). 401.
    Stale,
    /// The credential could not be checked: a store or a key source did not answer. 503.
    Unavailable,
}

impl AuthErrorKind {
    /// The status code that this kind is answered with.
    pub const fn status(self) -> StatusCode {
        match self {
            Self::InvalidRequest => StatusCode::BAD_REQUEST,
            Self::Absent
            | Self::Conflict
            | Self::Expired
            | Self::InsufficientAuthentication
            | Self::Invalid
            | Self::Malformed
            | Self::Missing
            | Self::Revoked
            | Self::Stale => StatusCode::UNAUTHORIZED,
            Self::Forbidden | Self::InsufficientScope => StatusCode::FORBIDDEN,
            Self::Limited => StatusCode::TOO_MANY_REQUESTS,
            Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            Self::Internal | Self::Misconfigured => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// The stable, coarse code that the client is told.
    ///
    /// Everything that is wrong with a credential is one code: an attacker must not learn whether
    /// a token expired, was revoked or never existed.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Absent | Self::Missing => "unauthenticated",
            Self::Conflict => "conflicting_credentials",
            Self::Expired | Self::Invalid | Self::Malformed | Self::Revoked | Self::Stale => {
                "invalid_credential"
            }
            Self::Forbidden => "forbidden",
            Self::InsufficientAuthentication => "insufficient_user_authentication",
            Self::InsufficientScope => "insufficient_scope",
            Self::Internal | Self::Misconfigured => "internal_error",
            Self::InvalidRequest => "invalid_request",
            Self::Limited => "too_many_requests",
            Self::Unavailable => "temporarily_unavailable",
        }
    }

    /// Whether a credential was sent and found wanting.
    pub const fn is_bad_credential(self) -> bool {
        matches!(
            self,
            Self::Conflict
                | Self::Expired
                | Self::Invalid
                | Self::Malformed
                | Self::Revoked
                | Self::Stale
        )
    }
}

impl AuthError {
    /// An error of `kind`, with a `reason` for the log: a short, fixed, snake-case word.
    ///
    /// The reason is a label of events and metrics, so it holds nothing that a client sent.
    #[must_use]
    pub fn new(kind: AuthErrorKind, reason: &'static str) -> Self {
        Self {
            inner: Box::new(Inner {
                kind,
                reason,
                scheme: None,
                retry_after: None,
                headers: ResponseHeaders::none(),
                needed: Needed::default(),
                source: None,
                address: None,
                object_id: None,
                recorded: false,
            }),
        }
    }

    /// The credential counts as not sent; see [`AuthErrorKind::Absent`].
    #[must_use]
    pub fn absent(reason: &'static str) -> Self {
        Self::new(AuthErrorKind::Absent, reason)
    }

    /// The credential is wrong.
    #[must_use]
    pub fn invalid(reason: &'static str) -> Self {
        Self::new(AuthErrorKind::Invalid, reason)
    }

    /// The credential cannot be read.
    #[must_use]
    pub fn malformed(reason: &'static str) -> Self {
        Self::new(AuthErrorKind::Malformed, reason)
    }

    /// Nothing was sent where an identity is needed.
    #[must_use]
    pub fn missing() -> Self {
        Self::new(AuthErrorKind::Missing, "no_credential")
    }

    /// The credential could not be checked.
    #[must_use]
    pub fn unavailable(reason: &'static str) -> Self {
        Self::new(AuthErrorKind::Unavailable, reason)
    }

    /// Keeps what caused this error, for the log.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.inner.source = Some(Arc::from(source.into()));
        self
    }

    /// Says after how long to try again; answered as `Retry-After`, rounded up to whole seconds.
    #[must_use]
    pub fn with_retry_after(mut self, after: Duration) -> Self {
        self.inner.retry_after = Some(after);
        self
    }

    /// What the refusal says besides, such as `RateLimit`, whoever writes it. `Retry-After`,
    /// `Cache-Control` and the challenges are not among it: they have ways of their own.
    #[must_use]
    pub fn with_headers(mut self, headers: ResponseHeaders) -> Self {
        self.inner.headers.append(headers);
        self
    }

    /// Says what the identity would need.
    #[must_use]
    pub fn with_needed(mut self, needed: Needed) -> Self {
        self.inner.needed = needed;
        self
    }

    /// Names the scheme whose credential this is about, unless that is known already.
    #[must_use]
    pub fn with_scheme(mut self, scheme: &'static str) -> Self {
        self.inner.scheme.get_or_insert(scheme);
        self
    }

    /// Names the session, key or token that this is about by its public id, for the events. Only if it is
    /// known: never what a client made up.
    #[must_use]
    pub fn with_object_id(mut self, id: impl Into<Box<str>>) -> Self {
        self.inner.object_id = Some(id.into());
        self
    }

    /// What kind of failure this is.
    pub fn kind(&self) -> AuthErrorKind {
        self.inner.kind
    }

    /// The word for the log and for metrics. Never sent to the client.
    pub fn reason(&self) -> &'static str {
        self.inner.reason
    }

    /// The scheme whose credential this is about.
    pub fn scheme(&self) -> Option<&'static str> {
        self.inner.scheme
    }

    /// After how long to try again.
    pub fn retry_after(&self) -> Option<Duration> {
        self.inner.retry_after
    }

    /// What the refusal says besides.
    pub fn headers(&self) -> &ResponseHeaders {
        &self.inner.headers
    }

    /// What the identity would need.
    pub fn needed(&self) -> &Needed {
        &self.inner.needed
    }

    /// The status of the answer.
    pub fn status(&self) -> StatusCode {
        self.inner.kind.status()
    }

    /// The stable code of the answer.
    pub fn code(&self) -> &'static str {
        self.inner.kind.code()
    }

    /// From where the request came that this is about.
    pub fn address(&self) -> Option<IpAddr> {
        self.inner.address
    }

    /// The public id of the session, key or token that this is about. Never sent to the client.
    pub fn object_id(&self) -> Option<&str> {
        self.inner.object_id.as_deref()
    }

    /// Notes where the request came from, unless that is known already. Only when something goes
    /// wrong, so that requests without trouble do not pay for it.
    pub(crate) fn with_address_of(mut self, extensions: &Extensions) -> Self {
        if self.inner.address.is_none() {
            let address = extensions.get::<ClientAddress>();
            self.inner.address = address.and_then(ClientAddress::ip);
        }
        self
    }

    /// True the first time: so that stacked layers record one event for one refusal.
    pub(crate) fn claim_record(&mut self) -> bool {
        !std::mem::replace(&mut self.inner.recorded, true)
    }
}

impl fmt::Debug for AuthError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthError")
            .field("kind", &self.inner.kind)
            .field("reason", &self.inner.reason)
            .field("scheme", &self.inner.scheme)
            .field("source", &self.inner.source)
            .finish_non_exhaustive()
    }
}

impl fmt::Display for AuthError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(scheme) = self.inner.scheme {
            write!(f, "{scheme}: ")?;
        }
        write!(f, "{} ({})", self.inner.reason, self.code())
    }
}

impl Error for AuthError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.inner.source.as_deref().map(|source| source as _)
    }
}

/// "Nobody is logged in": what a handler or a guard of your own answers with.
///
/// The layers outside add their challenges to it. It is short for [`AuthError::missing`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Unauthenticated;

impl From<Unauthenticated> for AuthError {
    fn from(Unauthenticated: Unauthenticated) -> Self {
        Self::missing()
    }
}

impl fmt::Display for Unauthenticated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("nobody is logged in")
    }
}

impl Error for Unauthenticated {}

/// A configuration that cannot work, found when it was built.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    option: &'static str,
    problem: String,
}

impl ConfigError {
    /// `option` is what the user would have to change; `problem` says what is wrong with it.
    #[must_use]
    pub fn new(option: &'static str, problem: impl Into<String>) -> Self {
        Self {
            option,
            problem: problem.into(),
        }
    }

    /// The option to change.
    pub fn option(&self) -> &'static str {
        self.option
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` {}", self.option, self.problem)
    }
}

impl Error for ConfigError {}

/// Refuses durations that cannot be meant: zero, or longer than ten years.
///
/// # Errors
///
/// Names `option` if the duration is refused.
pub fn check_duration(option: &'static str, duration: Duration) -> Result<Duration, ConfigError> {
    const TEN_YEARS: Duration = Duration::from_secs(10 * 366 * 24 * 60 * 60);

    if duration.is_zero() {
        return Err(ConfigError::new(option, "must be longer than zero"));
    }
    if duration > TEN_YEARS {
        return Err(ConfigError::new(option, "must be at most ten years"));
    }
    Ok(duration)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn x_15_durations_that_cannot_be_meant_are_refused_and_the_option_is_named() {
        let year = 365 * 24 * 60 * 60;
        for (seconds, fine) in [(0, false), (1, true), (10 * year, true), (11 * year, false)] {
            let checked = check_duration("lifetime", Duration::from_secs(seconds));
            assert_eq!(checked.is_ok(), fine, "{seconds}");
            if let Err(error) = checked {
                assert_eq!(error.option(), "lifetime");
                assert!(error.to_string().starts_with("`lifetime` must"), "{error}");
            }
        }
        assert!(check_duration("lifetime", Duration::MAX).is_err());
        assert!(check_duration("lifetime", Duration::from_nanos(1)).is_ok());
    }

    #[test]
    fn the_log_learns_the_cause_and_the_client_does_not() {
        let error = AuthError::unavailable("store_down")
            .with_source("connection refused")
            .with_scheme("session")
            .with_scheme("any");
        assert_eq!(
            error.to_string(),
            "session: store_down (temporarily_unavailable)"
        );
        assert_eq!(error.source().unwrap().to_string(), "connection refused");
    }
}
