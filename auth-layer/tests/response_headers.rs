//! Headers of schemes on answers and on refusals.
#![allow(clippy::unwrap_used, reason = "a test may")]

mod common;

use std::future::{Ready, ready};

use auth_layer::{
    AuthError, AuthErrorKind, AuthLayer, EmptyBody, Identity, Problem, RequireAuth,
    ResponseHeaders, Scheme, refusal_response,
};
use bytes::Bytes;
use common::{HeaderScheme, get, send, whoami};
use http::header::{CACHE_CONTROL, LINK, RETRY_AFTER, WWW_AUTHENTICATE};
use http::request::Parts;
use http::{HeaderName, HeaderValue, Request, Response, StatusCode, Version};
use tower::{ServiceBuilder, service_fn};

const LIMIT: HeaderName = HeaderName::from_static("ratelimit");
const NONCE: HeaderName = HeaderName::from_static("x-nonce");

/// Lets everybody in but `over`, and says its name and its nonce besides.
#[derive(Clone)]
struct Chatty(&'static str);

impl Chatty {
    fn headers(&self) -> ResponseHeaders {
        let value = HeaderValue::from_static(self.0);
        let mut headers = ResponseHeaders::none();
        headers.add(LIMIT, value.clone());
        headers.set(NONCE, value);
        headers
    }
}

impl Scheme for Chatty {
    type Credential = String;
    type Future = Ready<Result<Identity, AuthError>>;

    fn name(&self) -> &'static str {
        self.0
    }

    fn extract(&self, parts: &Parts) -> Result<Option<String>, AuthError> {
        let sent = parts.headers.get(self.0);
        Ok(sent.map(|sent| sent.to_str().unwrap().to_owned()))
    }

    fn verify(&self, sent: String) -> Self::Future {
        ready(match &*sent {
            "over" => Err(over(self.headers())),
            "quiet" => Ok(Identity::new("other", "quiet")),
            name => Ok(Identity::new(self.0, name)),
        })
    }

    fn response_headers(&self, identity: &Identity) -> ResponseHeaders {
        assert_eq!(identity.scheme(), self.0, "the tuple asks whose it is");
        self.headers()
    }
}

fn over(headers: ResponseHeaders) -> AuthError {
    AuthError::new(AuthErrorKind::Limited, "over")
        .with_retry_after(std::time::Duration::from_secs(7))
        .with_headers(headers)
}

fn said<B>(res: &Response<B>, name: &HeaderName) -> Vec<String> {
    let values = res.headers().get_all(name).iter();
    values
        .map(|value| value.to_str().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn stacked_layers_each_add_to_lists_and_the_outermost_says_the_rest() {
    let service = ServiceBuilder::new()
        .layer(AuthLayer::new(Chatty("outer")))
        .layer(AuthLayer::new(Chatty("inner")))
        .service_fn(whoami);
    for (sent, limits, nonce) in [
        (vec![], vec![], vec![]),
        (vec![("outer", "ann")], vec!["outer"], vec!["outer"]),
        (vec![("inner", "ann")], vec!["inner"], vec!["inner"]),
        (
            vec![("inner", "ann"), ("outer", "ann")],
            vec!["inner", "outer"],
            vec!["outer"],
        ),
        // The refusal of one, with what the other says of an answer.
        (
            vec![("inner", "over"), ("outer", "ann")],
            vec!["inner", "outer"],
            vec!["outer"],
        ),
        (
            vec![("inner", "ann"), ("outer", "over")],
            vec!["outer"],
            vec!["outer"],
        ),
    ] {
        let res: Response<Bytes> = send(&service, get(&sent)).await;
        assert_eq!(said(&res, &LIMIT), limits, "{sent:?}");
        assert_eq!(said(&res, &NONCE), nonce, "{sent:?}");
        let refused = sent.iter().any(|(_, value)| *value == "over");
        assert_eq!(res.status().as_u16(), if refused { 429 } else { 200 });
        assert_eq!(res.headers().contains_key(RETRY_AFTER), refused);
    }
}

#[tokio::test]
async fn a_tuple_says_what_the_scheme_of_the_identity_says() {
    let schemes = (HeaderScheme("one"), Chatty("two"), Chatty("three"));
    let service = ServiceBuilder::new()
        .layer(AuthLayer::new(schemes))
        .service_fn(whoami);
    for (sent, limits) in [
        (vec![("one", "ann")], vec![]),
        (vec![("two", "ann")], vec!["two"]),
        (vec![("three", "ann")], vec!["three"]),
        (vec![("three", "quiet")], vec![]),
        (vec![("one", "ann"), ("three", "over")], vec!["three"]),
    ] {
        let res: Response<Bytes> = send(&service, get(&sent)).await;
        assert_eq!(said(&res, &LIMIT), limits, "{sent:?}");
    }
}

#[tokio::test]
async fn a_refusal_says_its_headers_whoever_writes_it() {
    let mut headers = Chatty("limit").headers();
    headers.add(LINK, HeaderValue::from_static("</plans>; rel=\"help\""));
    // What the layers say themselves is not a matter of these.
    headers.set(CACHE_CONTROL, HeaderValue::from_static("public"));
    headers.set(RETRY_AFTER, HeaderValue::from_static("0"));
    headers.add(WWW_AUTHENTICATE, HeaderValue::from_static("Forged"));
    let guard = {
        let error = over(headers);
        service_fn(move |_: Request<()>| {
            let error = error.clone();
            async move { Ok::<_, std::convert::Infallible>(refusal_response(&Problem, error)) }
        })
    };
    let layer = AuthLayer::new(HeaderScheme("one"));
    let custom = layer
        .clone()
        .with_refusal(|_: &AuthError| Response::new(Bytes::from_static(b"no")));
    let check = |res: &Response<Bytes>, status: u16| {
        assert_eq!(res.status(), status);
        assert_eq!(said(res, &LIMIT), ["limit"]);
        assert_eq!(said(res, &NONCE), ["limit"]);
        assert_eq!(said(res, &LINK), ["</plans>; rel=\"help\""]);
        assert_eq!(said(res, &CACHE_CONTROL), ["no-store"]);
        assert_eq!(said(res, &RETRY_AFTER), ["7"]);
        assert_eq!(said(res, &WWW_AUTHENTICATE), [""; 0]);
    };
    check(&send(&guard, get(&[])).await, 429);
    let service = ServiceBuilder::new().layer(layer).service(guard.clone());
    check(&send(&service, get(&[])).await, 429);
    let service = ServiceBuilder::new().layer(custom).service(guard.clone());
    let res: Response<Bytes> = send(&service, get(&[])).await;
    assert_eq!(res.body(), "no");
    check(&res, 429);
    let call = || {
        Request::post("/pkg.Service/Call")
            .version(Version::HTTP_2)
            .header("content-type", "application/grpc")
            .body(())
            .unwrap()
    };
    let service = ServiceBuilder::new()
        .layer(AuthLayer::new(HeaderScheme("one")))
        .service(guard);
    let res: Response<Bytes> = send(&service, call()).await;
    assert_eq!(res.headers()["grpc-status"], "8");
    check(&res, 200);
}

#[tokio::test]
async fn a_guard_and_an_empty_body_lose_no_header() {
    let service = ServiceBuilder::new()
        .layer(AuthLayer::new(Chatty("outer")).with_refusal(EmptyBody))
        .layer(RequireAuth::role("admin").with_refusal(EmptyBody))
        .service_fn(whoami);
    for (sent, status) in [
        ("ann", StatusCode::FORBIDDEN),
        ("over", StatusCode::TOO_MANY_REQUESTS),
    ] {
        let res: Response<Bytes> = send(&service, get(&[("outer", sent)])).await;
        assert_eq!(res.status(), status);
        assert_eq!(said(&res, &LIMIT), ["outer"], "{sent}");
    }
}
