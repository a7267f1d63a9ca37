//! Documents for others to fetch, as answers that may be kept for a while.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use sha2::{Digest, Sha256};

/// For how long others may keep a document that says nothing else.
pub(super) const MAX_AGE: Duration = Duration::from_secs(5 * 60);

/// A document, or, if `request` says that the same one is there already, that it is (304).
pub(super) fn answer(
    request: &HeaderMap,
    content_type: &'static str,
    body: &str,
    max_age: Duration,
) -> Response<String> {
    let digest = URL_SAFE_NO_PAD.encode(&Sha256::digest(body)[..16]);
    let tag = format!("\"{digest}\"");
    let is_there = request
        .get_all(header::IF_NONE_MATCH)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|one| matches!(one.trim(), "*") || one.trim().trim_start_matches("W/") == tag);
    let mut response = Response::new(if is_there {
        String::new()
    } else {
        body.to_owned()
    });
    if is_there {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
    }
    let age = match max_age.as_secs() {
        0 => "no-cache".to_owned(),
        seconds => format!("public, max-age={seconds}"),
    };
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    for (name, value) in [(header::ETAG, tag), (header::CACHE_CONTROL, age)] {
        if let Ok(value) = HeaderValue::from_str(&value) {
            headers.insert(name, value);
        }
    }
    response
}
