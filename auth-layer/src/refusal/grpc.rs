//! Refusals for gRPC clients: HTTP 200 with the status in the headers and no body, which the gRPC
//! protocol calls Trailers-Only.

use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode, Version};

use crate::{AuthError, AuthErrorKind};

const GRPC_STATUS: HeaderName = HeaderName::from_static("grpc-status");
const GRPC_MESSAGE: HeaderName = HeaderName::from_static("grpc-message");

/// Whether the client speaks gRPC: a `POST` over HTTP/2 of `application/grpc`, or that with a `+` or
/// `;` behind it. Anything less is answered with a status that says what happened: a gRPC refusal is
/// a 200, which whoever only looks at statuses takes for leave to go on.
///
/// gRPC-Web has another content type, and a translating layer in front of it.
pub(crate) fn is_grpc(method: &Method, version: Version, headers: &HeaderMap) -> bool {
    if method != Method::POST || version < Version::HTTP_2 {
        return false;
    }
    headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.as_bytes().strip_prefix(b"application/grpc"))
        .is_some_and(|rest| matches!(rest.first(), None | Some(b'+' | b';')))
}

/// A refusal that an extractor or a handler has made, as a gRPC status. The challenges stay.
pub(crate) fn into_grpc<B: Default>(res: Response<B>) -> Response<B> {
    let Some(error) = res.extensions().get::<AuthError>() else {
        return res;
    };
    if res.status() != error.status() {
        return res;
    }
    let error = error.clone();
    let (mut head, _) = res.into_parts();
    head.status = StatusCode::OK;
    head.headers.remove(CONTENT_LENGTH);
    set_head(&mut head.headers, &error);
    Response::from_parts(head, B::default())
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
