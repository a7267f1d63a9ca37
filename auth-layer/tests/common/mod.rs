//! What the tests of this crate share: schemes that do as they are told, and a way to send requests.
#![allow(
    dead_code,
    unreachable_pub,
    reason = "each test file uses a part of it"
)]

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::sync::{Arc, Mutex};

use auth_layer::{
    AuthError, AuthErrorKind, Challenge, Challenges, Event, EventKind, Events, Identity, Scheme,
};
use bytes::Bytes;
use http::header::WWW_AUTHENTICATE;
use http::request::Parts;
use http::{Request, Response};
use tower::{Service, ServiceExt};

/// Reads a header of its own name: a user name, or the kind of error to answer with.
#[derive(Clone, Debug)]
pub struct HeaderScheme(pub &'static str);

impl Scheme for HeaderScheme {
    type Credential = String;
    type Future = Ready<Result<Identity, AuthError>>;

    fn name(&self) -> &'static str {
        self.0
    }

    fn extract(&self, parts: &Parts) -> Result<Option<String>, AuthError> {
        let Some(value) = parts.headers.get(self.0) else {
            return Ok(None);
        };
        let value = value.to_str().unwrap();
        if value == "garbage" {
            return Err(AuthError::malformed("garbage"));
        }
        Ok(Some(value.to_owned()))
    }

    fn verify(&self, credential: String) -> Self::Future {
        let kind = match &*credential {
            "absent" => AuthErrorKind::Absent,
            "expired" => AuthErrorKind::Expired,
            "internal" => AuthErrorKind::Internal,
            "invalid" => AuthErrorKind::Invalid,
            "limited" => AuthErrorKind::Limited,
            "revoked" => AuthErrorKind::Revoked,
            "unavailable" => AuthErrorKind::Unavailable,
            name => return ready(Ok(Identity::new(self.0, name))),
        };
        ready(Err(AuthError::new(kind, "as_told")))
    }

    fn challenge(&self, error: Option<&AuthError>) -> Challenges {
        let challenge = Challenge::new(self.0);
        match error {
            Some(error) => challenge.param("error", error.code()),
            None => challenge,
        }
        .into()
    }

    fn explains_missing_scope(&self) -> bool {
        self.0 == "two"
    }

    fn claims_authorization(&self, _credential: &String) -> bool {
        self.0 == "authorization"
    }
}

/// Answers with the subject, or `nobody`.
pub async fn whoami<B>(req: Request<B>) -> Result<Response<Bytes>, Infallible> {
    let subject = req.extensions().get::<Identity>().map_or_else(
        || "nobody".to_owned(),
        |identity| format!("{} by {}", identity.subject(), identity.scheme()),
    );
    Ok(Response::new(subject.into()))
}

/// A `GET /` with these headers.
pub fn get(headers: &[(&str, &str)]) -> Request<()> {
    let mut req = Request::builder().uri("/");
    for (name, value) in headers {
        req = req.header(*name, *value);
    }
    req.body(()).unwrap()
}

/// Sends a request to a service that cannot fail.
pub async fn send<S, B, ResBody>(service: &S, req: Request<B>) -> Response<ResBody>
where
    S: Service<Request<B>, Response = Response<ResBody>, Error = Infallible> + Clone,
{
    let Ok(res) = service.clone().oneshot(req).await;
    res
}

/// The challenges of a response, in order.
pub fn challenges<B>(res: &Response<B>) -> Vec<&str> {
    res.headers()
        .get_all(WWW_AUTHENTICATE)
        .iter()
        .map(|value| value.to_str().unwrap())
        .collect()
}

/// The `code` of a problem.
pub fn code(res: &Response<Bytes>) -> String {
    assert_eq!(res.headers()["content-type"], "application/problem+json");
    let body: serde_json::Value = serde_json::from_slice(res.body()).unwrap();
    assert_eq!(body["status"], res.status().as_u16());
    body["code"].as_str().unwrap().to_owned()
}

/// Keeps events: kind, scheme and reason.
#[derive(Clone, Debug, Default)]
pub struct Recorded(Arc<Mutex<Vec<Seen>>>);

/// Kind, scheme and reason of an event.
pub type Seen = (EventKind, Option<&'static str>, Option<&'static str>);

impl Recorded {
    pub fn events(&self) -> Events {
        let kept = self.clone();
        Events::to(move |event: &Event<'_>| {
            kept.0
                .lock()
                .unwrap()
                .push((event.kind, event.scheme, event.reason));
        })
    }

    pub fn take(&self) -> Vec<Seen> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}
