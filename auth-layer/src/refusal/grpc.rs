//! Refusals for gRPC clients: HTTP 200 with the status in the headers and no body, which the gRPC
//! protocol calls Trailers-Only.

use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName, HeaderValue};

use crate::{AuthError, AuthErrorKind};

const GRPC_STATUS: HeaderName = HeaderName::from_static("grpc-status");
const GRPC_MESSAGE: HeaderName = HeaderName::from_static("grpc-message");

/// Whether the client speaks gRPC: `application/grpc`, or that with a `+` or `;` behind it.
///
/// gRPC-Web has another content type, and a translating layer in front of it.
pub(crate) fn is_grpc(headers: &HeaderMap) -> bool {
    headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.as_bytes().strip_prefix(b"application/grpc"))
        .is_some_and(|rest| matches!(rest.first(), None | Some(b'+' | b';')))
}

pub(super) fn set_head(headers: &mut HeaderMap, error: &AuthError) {
    let (status, message) = status(error.kind());
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    headers.insert(GRPC_STATUS, HeaderValue::from_static(status));
    headers.insert(GRPC_MESSAGE, HeaderValue::from_static(message));
}

/// Code and message; the messages are percent-encoded already, as the protocol asks.
const fn status(kind: AuthErrorKind) -> (&'static str, &'static str) {
    match kind {
        AuthErrorKind::InvalidRequest => ("3", "invalid_request"),
        AuthErrorKind::Forbidden => ("7", "forbidden"),
        AuthErrorKind::InsufficientScope => ("7", "insufficient_scope"),
        AuthErrorKind::Limited => ("8", "too_many_requests"),
        AuthErrorKind::Internal | AuthErrorKind::Misconfigured => ("13", "internal_error"),
        AuthErrorKind::Unavailable => ("14", "temporarily_unavailable"),
        kind => ("16", kind.code()),
    }
}
