//! A site with a Digest layer, and a client that can be told to misbehave.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use auth_layer::digest::{
    Algorithm, Digest, DigestBuilder, DigestRecord, Ha1, MemoryDigestStore, ResponseInput, response,
};
use auth_layer::{
    AuthError, AuthErrorKind, AuthLayer, EmptyBody, Identity, SharedClock, Unauthenticated,
    refusal_response,
};
use bytes::Bytes;
use http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use http::{HeaderValue, Request, Response};
use tower::{Layer as _, ServiceExt as _, service_fn};

pub(crate) const REALM: &str = "printers";
pub(crate) const USER: &str = "alice";
pub(crate) const PASSWORD: &str = "correct horse";
pub(crate) const ALL: [Algorithm; 3] = [Algorithm::Sha256, Algorithm::Sha512_256, Algorithm::Md5];

/// A clock that goes only when it is told to.
#[derive(Clone)]
pub(crate) struct Hands(Arc<AtomicU64>);

impl Hands {
    pub(crate) fn new() -> Self {
        Self(Arc::new(AtomicU64::new(1_800_000_000_000)))
    }

    pub(crate) fn forward(&self, time: Duration) {
        let millis = u64::try_from(time.as_millis()).unwrap();
        self.0.fetch_add(millis, Ordering::Relaxed);
    }

    pub(crate) fn clock(&self) -> SharedClock {
        let millis = Arc::clone(&self.0);
        SharedClock::new(move || {
            SystemTime::UNIX_EPOCH + Duration::from_millis(millis.load(Ordering::Relaxed))
        })
    }
}

/// Alice, under all algorithms.
pub(crate) fn users() -> MemoryDigestStore {
    let users = MemoryDigestStore::new(REALM);
    users.set(
        USER,
        DigestRecord::from_password(USER, REALM, PASSWORD, ALL),
    );
    users
}

pub(crate) fn builder() -> DigestBuilder {
    Digest::builder(REALM, users())
}

/// Says who is there, and turns away who is not.
pub(crate) async fn whoami<B>(req: Request<B>) -> Result<Response<Bytes>, Infallible> {
    Ok(match req.extensions().get::<Identity>() {
        Some(identity) => {
            assert_eq!(identity.scheme(), "digest");
            Response::new(identity.subject().to_owned().into())
        }
        None => refusal_response(&EmptyBody, Unauthenticated),
    })
}

pub(crate) async fn send(digest: &Digest, req: Request<()>) -> Response<Bytes> {
    let layer = AuthLayer::new(digest.clone());
    layer.layer(service_fn(whoami)).oneshot(req).await.unwrap()
}

pub(crate) fn get(uri: &str, authorization: &str) -> Request<()> {
    let value = HeaderValue::from_bytes(authorization.as_bytes()).unwrap();
    let req = Request::get(uri).header(AUTHORIZATION, value);
    req.body(()).unwrap()
}

pub(crate) async fn challenges(digest: &Digest) -> Vec<String> {
    read_challenges(&send(digest, Request::get("/").body(()).unwrap()).await)
}

pub(crate) fn read_challenges(res: &Response<Bytes>) -> Vec<String> {
    assert_eq!(res.status(), 401);
    let values = res.headers().get_all(WWW_AUTHENTICATE).iter();
    values
        .map(|value| value.to_str().unwrap().to_owned())
        .collect()
}

pub(crate) fn is_stale(res: &Response<Bytes>) -> bool {
    let challenges = read_challenges(res);
    assert!(!challenges.is_empty());
    let stale = challenges[0].contains("stale=true");
    for challenge in challenges {
        assert_eq!(challenge.contains("stale="), stale, "{challenge}");
    }
    stale
}

pub(crate) fn refusal(res: &Response<Bytes>) -> (AuthErrorKind, &'static str) {
    let error = res.extensions().get::<AuthError>().expect("a refusal");
    (error.kind(), error.reason())
}

pub(crate) async fn nonce(digest: &Digest) -> String {
    nonce_of(&challenges(digest).await[0])
}

pub(crate) fn nonce_of(challenge: &str) -> String {
    let (_, rest) = challenge.split_once("nonce=\"").unwrap();
    rest.split_once('"').unwrap().0.to_owned()
}

/// An `Authorization: Digest` header, right unless a field is changed.
#[derive(Clone)]
pub(crate) struct Answer {
    pub(crate) user: String,
    pub(crate) password: &'static str,
    pub(crate) realm: &'static str,
    pub(crate) method: &'static str,
    pub(crate) uri: &'static str,
    pub(crate) nonce: String,
    pub(crate) nc: &'static str,
    pub(crate) cnonce: String,
    pub(crate) qop: &'static str,
    pub(crate) hash: Algorithm,
    pub(crate) algorithm: &'static str,
    pub(crate) extra: &'static str,
    pub(crate) response: Option<String>,
}

impl Answer {
    pub(crate) fn to(nonce: &str) -> Self {
        Self {
            user: format!("username=\"{USER}\""),
            password: PASSWORD,
            realm: "realm=\"printers\"",
            method: "GET",
            uri: "/jobs?all",
            nonce: nonce.to_owned(),
            nc: "00000001",
            cnonce: "f2/wE4q74E6z".to_owned(),
            qop: "qop=auth",
            hash: Algorithm::Sha256,
            algorithm: "algorithm=SHA-256",
            extra: "",
            response: None,
        }
    }

    /// What Alice would send; for whoever else it is sent, the password is still hers.
    pub(crate) fn response(&self) -> String {
        let ha1 = Ha1::from_password(self.hash, USER, REALM, self.password);
        let input = ResponseInput {
            method: self.method,
            uri: self.uri,
            nonce: &self.nonce,
            nc: self.nc,
            cnonce: &self.cnonce,
            body: None,
        };
        response(&ha1, &input)
    }

    pub(crate) fn header(&self) -> String {
        let response = self.response.clone().unwrap_or_else(|| self.response());
        let Self {
            user,
            realm,
            uri,
            nonce,
            nc,
            cnonce,
            qop,
            algorithm,
            extra,
            ..
        } = self;
        format!(
            "Digest {user}, {realm}, {algorithm}, {qop}, nonce=\"{nonce}\", uri=\"{uri}\", \
             nc={nc}, cnonce=\"{cnonce}\", response=\"{response}\", {extra}"
        )
    }

    /// Sends it where it says.
    pub(crate) async fn send(&self, digest: &Digest) -> Response<Bytes> {
        send(digest, get(self.uri, &self.header())).await
    }
}
