//! Why there are no new tokens: [`RefreshError`].

use std::error::Error;
use std::fmt;

use auth_layer::{AuthError, AuthErrorKind};
use http::header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderValue, Response, StatusCode};

/// Why a refresh token was not exchanged.
///
/// What the client learns is the [`kind`](Self::kind), as RFC 6749 section 5.2 names it; what was
/// wrong with its token is the source, for the log.
#[derive(Debug)]
pub struct RefreshError {
    kind: RefreshErrorKind,
    source: AuthError,
}

/// What the client is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RefreshErrorKind {
    /// The token is wrong, over, used, taken back or another client's: log in again. 400.
    InvalidGrant,
    /// The request itself cannot be read, or another site caused it. 400.
    InvalidRequest,
    /// More was asked for than was granted at the login. 400.
    InvalidScope,
    /// A fault of this program. 500.
    ServerError,
    /// Something could not be asked: try again, the token is as good as before. 503.
    TemporarilyUnavailable,
}

impl RefreshErrorKind {
    /// The `error` of RFC 6749.
    pub const fn code(self) -> &'static str {
        match self {
            Self::InvalidGrant => "invalid_grant",
            Self::InvalidRequest => "invalid_request",
            Self::InvalidScope => "invalid_scope",
            Self::ServerError => "server_error",
            Self::TemporarilyUnavailable => "temporarily_unavailable",
        }
    }

    /// The status of the answer.
    pub const fn status(self) -> StatusCode {
        match self {
            Self::InvalidGrant | Self::InvalidRequest | Self::InvalidScope => {
                StatusCode::BAD_REQUEST
            }
            Self::ServerError => StatusCode::INTERNAL_SERVER_ERROR,
            Self::TemporarilyUnavailable => StatusCode::SERVICE_UNAVAILABLE,
        }
    }
}

impl RefreshError {
    pub(super) fn invalid_grant(reason: &'static str) -> Self {
        Self::of(RefreshErrorKind::InvalidGrant, AuthError::invalid(reason))
    }

    pub(super) fn invalid_request(reason: &'static str) -> Self {
        let source = AuthError::new(AuthErrorKind::InvalidRequest, reason);
        Self::of(RefreshErrorKind::InvalidRequest, source)
    }

    pub(super) fn invalid_scope() -> Self {
        let source = AuthError::new(AuthErrorKind::InsufficientScope, "scope_not_granted");
        Self::of(RefreshErrorKind::InvalidScope, source)
    }

    fn of(kind: RefreshErrorKind, source: AuthError) -> Self {
        let source = source.with_scheme(super::SCHEME);
        Self { kind, source }
    }

    /// What the client is told.
    pub const fn kind(&self) -> RefreshErrorKind {
        self.kind
    }

    /// What the log is told.
    pub fn reason(&self) -> &'static str {
        self.source.reason()
    }

    /// The status of the answer.
    pub const fn status(&self) -> StatusCode {
        self.kind.status()
    }

    /// What is behind it, for events.
    pub const fn as_auth_error(&self) -> &AuthError {
        &self.source
    }

    /// The answer of RFC 6749 section 5.2: `{"error"}`, with `no-store`.
    #[must_use]
    pub fn respond<B: From<Vec<u8>>>(&self) -> Response<B> {
        let body = format!(r#"{{"error":"{}"}}"#, self.kind.code());
        let mut res = Response::new(B::from(body.into_bytes()));
        *res.status_mut() = self.status();
        let headers = res.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(after) = self.source.retry_after() {
            headers.insert(RETRY_AFTER, after.as_secs().into());
        }
        res
    }
}

/// A store, the users or the issuer have failed: never the token's fault.
impl From<AuthError> for RefreshError {
    fn from(error: AuthError) -> Self {
        let error = super::could_not_ask(error);
        let kind = match error.kind() {
            AuthErrorKind::Unavailable => RefreshErrorKind::TemporarilyUnavailable,
            _ => RefreshErrorKind::ServerError,
        };
        Self::of(kind, error)
    }
}

impl fmt::Display for RefreshError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind.code())
    }
}

impl Error for RefreshError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.source)
    }
}
