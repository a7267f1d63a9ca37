//! Answers to requests that are not let through.
//!
//! Whoever refuses (a layer, a guard, an extractor, a handler), the answer is made here: status and
//! headers by the kind of the error, a body that can be replaced, the error itself in the response's
//! extensions, so that the layers outside add their challenges.

mod grpc;
mod problem;

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{Extensions, HeaderMap, HeaderValue, Response};

pub(crate) use self::grpc::{into_grpc, is_grpc};
pub use self::problem::Problem;
use crate::AuthError;

/// Makes the body of a refusal.
///
/// [`Problem`] writes RFC 9457 problem details and is the default; [`EmptyBody`] writes nothing; a
/// closure from `&AuthError` to a response writes what the application likes. Status, challenges,
/// `Retry-After` and `Cache-Control` are set afterwards whatever the body is.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot make a refusal with the body `{B}`",
    note = "a body without `From<bytes::Bytes>` needs `.with_refusal(EmptyBody)` or \
            `.with_refusal(|error: &AuthError| Response::new(..))`"
)]
pub trait RefusalBody<B>: Clone + Send + Sync + 'static {
    /// Whether the refusals of guards, extractors and handlers further in get this body too.
    const REPLACES_INNER: bool;

    /// A response with the body and the headers that describe the body.
    fn response(&self, error: &AuthError) -> Response<B>;
}

impl<B, F> RefusalBody<B> for F
where
    F: Fn(&AuthError) -> Response<B> + Clone + Send + Sync + 'static,
{
    const REPLACES_INNER: bool = true;

    fn response(&self, error: &AuthError) -> Response<B> {
        self(error)
    }
}

impl<B: From<Bytes>> RefusalBody<B> for Problem {
    const REPLACES_INNER: bool = false;

    fn response(&self, error: &AuthError) -> Response<B> {
        let mut res = Response::new(B::from(problem::body(error)));
        res.headers_mut().insert(
            CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        res
    }
}

/// A refusal without a body, for body types that cannot be made from bytes.
#[derive(Clone, Copy, Debug, Default)]
pub struct EmptyBody;

impl<B: Default> RefusalBody<B> for EmptyBody {
    const REPLACES_INNER: bool = false;

    fn response(&self, _error: &AuthError) -> Response<B> {
        Response::new(B::default())
    }
}

/// Answers `error`: in gRPC's own way if `grpc`, with `body` otherwise.
pub(crate) fn refuse<B: Default, R: RefusalBody<B>>(
    body: &R,
    error: AuthError,
    grpc: bool,
) -> Response<B> {
    let mut res = if grpc {
        let mut res = Response::new(B::default());
        grpc::set_head(res.headers_mut(), &error);
        res
    } else {
        let mut res = body.response(&error);
        *res.status_mut() = error.status();
        res
    };
    set_head(res.headers_mut(), &error);
    res.extensions_mut().insert(error);
    res
}

/// The answer to `error`, for guards and services of your own that are not axum's: the layers outside
/// add their challenges to it.
///
/// ```
/// use auth_layer::{Problem, Unauthenticated};
/// use http::{Response, StatusCode};
///
/// let res: Response<bytes::Bytes> = auth_layer::refusal_response(&Problem, Unauthenticated);
/// assert_eq!(res.status(), StatusCode::UNAUTHORIZED);
/// ```
pub fn refusal_response<B: Default, R: RefusalBody<B>>(
    body: &R,
    error: impl Into<AuthError>,
) -> Response<B> {
    refuse(body, error.into(), false)
}

/// Gives a refusal from further in another body and keeps the rest of its head. A redirect and a
/// gRPC status are no bodies to replace.
pub(crate) fn replace_body<B, R: RefusalBody<B>>(body: &R, inner: Response<B>) -> Response<B> {
    let Some(error) = inner.extensions().get::<AuthError>() else {
        return inner;
    };
    if inner.status() != error.status() {
        return inner;
    }
    let (described, replacement) = body.response(error).into_parts();
    let (mut head, _) = inner.into_parts();
    head.headers.remove(CONTENT_LENGTH);
    head.headers.remove(CONTENT_TYPE);
    for (name, value) in &described.headers {
        if ![CACHE_CONTROL, RETRY_AFTER, WWW_AUTHENTICATE].contains(name) {
            head.headers.append(name, value.clone());
        }
    }
    Response::from_parts(head, replacement)
}

/// The error of a refused response, whoever refused it.
///
/// ```
/// use auth_layer::AuthError;
/// # use http::{Extensions, Response};
///
/// fn log_refusals<B>(res: &Response<B>) {
///     if let Some(error) = auth_layer::refusal(res.extensions()) {
///         println!("{} because {}", res.status(), error.reason());
///     }
/// }
/// # log_refusals(&Response::new(()));
/// ```
pub fn refusal(extensions: &Extensions) -> Option<&AuthError> {
    extensions.get::<AuthError>()
}

fn set_head(headers: &mut HeaderMap, error: &AuthError) {
    error.headers().write(headers);
    // The challenges are the layers' to add.
    headers.remove(WWW_AUTHENTICATE);
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Some(after) = error.retry_after() {
        let partial = u64::from(after.subsec_nanos() > 0);
        let seconds = after.as_secs().saturating_add(partial);
        headers.insert(RETRY_AFTER, HeaderValue::from(seconds.max(1)));
    }
}
