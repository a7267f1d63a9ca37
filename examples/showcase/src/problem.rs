//! Problem details for the errors that no layer makes: unknown paths, bodies that cannot be read.

use axum::body::Body;
use axum::extract::Request;
use axum::http::header::{CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE};
use axum::http::{HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

const PROBLEM_JSON: HeaderValue = HeaderValue::from_static("application/problem+json");

/// An error of a handler: `{"type","title","status","code"}`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Problem {
    pub(crate) status: StatusCode,
    pub(crate) code: &'static str,
    pub(crate) title: &'static str,
}

impl Problem {
    /// With `"detail"`: what exactly, as a sentence for people.
    pub(crate) fn with_detail(self, detail: &str) -> Response {
        let mut body = self.body();
        body["detail"] = detail.into();
        self.respond(&body)
    }

    fn body(self) -> Value {
        json!({
            "type": format!("urn:problem-type:showcase:{}", self.code),
            "title": self.title,
            "status": self.status.as_u16(),
            "code": self.code,
        })
    }

    fn respond(self, body: &Value) -> Response {
        let headers = [
            (CONTENT_TYPE, PROBLEM_JSON),
            (CACHE_CONTROL, HeaderValue::from_static("no-store")),
        ];
        (self.status, headers, body.to_string()).into_response()
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        self.respond(&self.body())
    }
}

/// Gives every error the one form, keeping status and headers.
pub(crate) async fn uniform(req: Request, next: Next) -> Response {
    let mut res = next.run(req).await;
    let status = res.status();
    let is_error = status.is_client_error() || status.is_server_error();
    let has_form = res.headers().get(CONTENT_TYPE).is_some_and(|kind| {
        // Or it is a page for people, or the form of RFC 6749.
        kind == PROBLEM_JSON
            || kind == "application/json"
            || kind.as_bytes().starts_with(b"text/html")
    });
    if !is_error || has_form {
        return res;
    }
    let code = match status {
        StatusCode::BAD_REQUEST => "invalid_request",
        StatusCode::NOT_FOUND => "not_found",
        StatusCode::METHOD_NOT_ALLOWED => "method_not_allowed",
        StatusCode::PAYLOAD_TOO_LARGE => "content_too_large",
        StatusCode::UNSUPPORTED_MEDIA_TYPE => "unsupported_media_type",
        StatusCode::UNPROCESSABLE_ENTITY => "unprocessable_content",
        status if status.is_client_error() => "client_error",
        _ => "internal_error",
    };
    let title = status.canonical_reason().unwrap_or("Error");
    let (problem, body) = Problem {
        status,
        code,
        title,
    }
    .into_response()
    .into_parts();
    res.headers_mut().remove(CONTENT_LENGTH);
    res.headers_mut().extend(problem.headers);
    *res.body_mut() = Body::new(body);
    res
}
