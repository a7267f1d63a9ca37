//! Why there was no answer.

use std::error::Error;
use std::fmt;

use auth_layer::AuthError;
use http::StatusCode;

/// Why another server could not be asked.
///
/// For the log: nobody's credential is wrong because of it, so as an [`AuthError`] it is
/// [`Unavailable`](auth_layer::AuthErrorKind::Unavailable).
#[derive(Debug)]
pub struct HttpError {
    kind: HttpErrorKind,
    source: Option<Box<dyn Error + Send + Sync>>,
}

/// What kind of failure an [`HttpError`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum HttpErrorKind {
    /// The server's address is not one that may be connected to, or could not be checked.
    Address,
    /// No connection came about: no such name, nobody listening, no trust in the certificate.
    Connect,
    /// The answer is not of the media type that was asked for.
    ContentType,
    /// The answer is not the document that was asked for.
    Document,
    /// The answer is about another issuer.
    Issuer,
    /// The answer sends elsewhere, and that is not followed.
    Redirect,
    /// The answer has this status.
    Status(StatusCode),
    /// There was no complete answer in time.
    TimedOut,
    /// The answer is longer than is read.
    TooLarge,
    /// The connection broke, or what came was not HTTP.
    Transport,
    /// The URL is not one that is asked.
    Url,
}

impl HttpErrorKind {
    /// The word for logs and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Address => "http_address_refused",
            Self::Connect => "http_no_connection",
            Self::ContentType => "http_wrong_content_type",
            Self::Document => "http_bad_document",
            Self::Issuer => "http_wrong_issuer",
            Self::Redirect => "http_redirect",
            Self::Status(_) => "http_wrong_status",
            Self::TimedOut => "http_timeout",
            Self::TooLarge => "http_too_large",
            Self::Transport => "http_broken",
            Self::Url => "http_url_refused",
        }
    }
}

impl HttpError {
    /// A failure of `kind`.
    #[must_use]
    pub const fn new(kind: HttpErrorKind) -> Self {
        Self { kind, source: None }
    }

    /// Keeps what caused this, for the log: nothing in whose text is a secret.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// What kind of failure this is.
    pub const fn kind(&self) -> HttpErrorKind {
        self.kind
    }
}

impl fmt::Display for HttpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind.as_str())?;
        match self.kind {
            HttpErrorKind::Status(status) => write!(f, " ({})", status.as_u16()),
            _ => Ok(()),
        }
    }
}

impl Error for HttpError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}

impl From<HttpError> for AuthError {
    fn from(error: HttpError) -> Self {
        Self::unavailable(error.kind.as_str()).with_source(error)
    }
}
