//! A client that calls a service in process and keeps cookies.

use std::collections::BTreeMap;
use std::fmt;
use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};

use axum_core::body::Body;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{CONTENT_TYPE, COOKIE, SET_COOKIE, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode};
use http_body_util::BodyExt as _;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tower::util::BoxCloneSyncService;
use tower::{Service, ServiceExt as _};

type Answer = Result<http::Response<Bytes>, String>;

/// Calls a service as a browser or a program would, without a network.
///
/// Cookies that the service sets are sent back, until it removes them or until
/// [`forget_cookies`](Self::forget_cookies). Redirects are not followed. Clones share the cookies.
///
/// ```
/// use auth_test::TestClient;
/// use axum::{Router, routing::get};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// let app = Router::new().route("/", get(|| async { ([("set-cookie", "seen=yes; Path=/")], "hello") }));
/// let client = TestClient::new(app);
/// let res = client.get("/").header("accept", "text/plain").await;
/// assert_eq!((res.status().as_u16(), res.text()), (200, "hello".to_owned()));
/// assert_eq!(client.cookie("seen").as_deref(), Some("yes"));
/// # }
/// ```
#[derive(Clone)]
pub struct TestClient {
    service: BoxCloneSyncService<Request<Bytes>, http::Response<Bytes>, String>,
    cookies: Arc<Mutex<BTreeMap<String, String>>>,
}

impl TestClient {
    /// A client of an axum router, or of any service that takes axum's body. Others are adapted with
    /// `tower::ServiceExt::map_request`.
    pub fn new<S, ResBody>(service: S) -> Self
    where
        S: Service<Request<Body>, Response = http::Response<ResBody>>
            + Clone
            + Send
            + Sync
            + 'static,
        S::Error: fmt::Debug,
        S::Future: Send,
        ResBody: http_body::Body + Send + 'static,
        ResBody::Data: Send,
        ResBody::Error: fmt::Debug,
    {
        let service = service
            .map_request(|req: Request<Bytes>| req.map(Body::from))
            .map_err(|error| format!("{error:?}"))
            .and_then(|res: http::Response<ResBody>| async move {
                let (parts, body) = res.into_parts();
                let body = body.collect().await.map_err(|error| format!("{error:?}"))?;
                Ok(http::Response::from_parts(parts, body.to_bytes()))
            });
        Self {
            service: BoxCloneSyncService::new(service),
            cookies: Arc::default(),
        }
    }

    /// A `GET`.
    pub fn get(&self, uri: &str) -> TestRequest {
        self.request(Method::GET, uri)
    }

    /// A `POST`.
    pub fn post(&self, uri: &str) -> TestRequest {
        self.request(Method::POST, uri)
    }

    /// A `DELETE`.
    pub fn delete(&self, uri: &str) -> TestRequest {
        self.request(Method::DELETE, uri)
    }

    /// A request with any method.
    pub fn request(&self, method: Method, uri: &str) -> TestRequest {
        TestRequest {
            client: self.clone(),
            method,
            uri: uri.to_owned(),
            headers: HeaderMap::new(),
            body: Bytes::new(),
        }
    }

    /// The value of a cookie that is kept.
    pub fn cookie(&self, name: &str) -> Option<String> {
        self.jar().get(name).cloned()
    }

    /// Keeps a cookie, as if the service had set it.
    pub fn set_cookie(&self, name: &str, value: &str) {
        self.jar().insert(name.to_owned(), value.to_owned());
    }

    /// Forgets all cookies.
    pub fn forget_cookies(&self) {
        self.jar().clear();
    }

    /// Another browser: the same service, no cookies.
    #[must_use]
    pub fn fresh(&self) -> Self {
        Self {
            service: self.service.clone(),
            cookies: Arc::default(),
        }
    }

    fn jar(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, String>> {
        self.cookies.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn keep(&self, headers: &HeaderMap) {
        for value in headers.get_all(SET_COOKIE) {
            let Some(cookie) = value
                .to_str()
                .ok()
                .and_then(|v| cookie::Cookie::parse(v).ok())
            else {
                continue;
            };
            let removed = cookie
                .max_age()
                .is_some_and(|age| age.is_zero() || age.is_negative());
            if removed {
                self.jar().remove(cookie.name());
            } else {
                self.set_cookie(cookie.name(), cookie.value());
            }
        }
    }
}

impl fmt::Debug for TestClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TestClient")
            .field("cookies", &self.jar().keys())
            .finish_non_exhaustive()
    }
}

/// A request that is sent by `.await`ing it.
#[must_use = "a request is sent when it is awaited"]
pub struct TestRequest {
    client: TestClient,
    method: Method,
    uri: String,
    headers: HeaderMap,
    body: Bytes,
}

impl TestRequest {
    /// Adds a header.
    ///
    /// # Panics
    ///
    /// Panics if the name or the value is not valid in HTTP.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        let name = HeaderName::from_bytes(name.as_bytes()).expect("a header name");
        let value = HeaderValue::from_str(value).expect("a header value");
        self.headers.append(name, value);
        self
    }

    /// `Authorization: Bearer …`.
    pub fn bearer(self, token: &str) -> Self {
        self.header("authorization", &format!("Bearer {token}"))
    }

    /// `Authorization: Basic …`.
    pub fn basic(self, username: &str, password: &str) -> Self {
        let encoded = STANDARD.encode(format!("{username}:{password}"));
        self.header("authorization", &format!("Basic {encoded}"))
    }

    /// A JSON body.
    ///
    /// # Panics
    ///
    /// Panics if `body` cannot be written as JSON.
    pub fn json(mut self, body: &impl Serialize) -> Self {
        self.body = serde_json::to_vec(body)
            .expect("a value that JSON can hold")
            .into();
        self.headers
            .insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        self
    }

    /// A form body, already encoded: `a=1&b=2`.
    pub fn form(mut self, body: &str) -> Self {
        self.body = Bytes::copy_from_slice(body.as_bytes());
        self.headers.insert(
            CONTENT_TYPE,
            HeaderValue::from_static("application/x-www-form-urlencoded"),
        );
        self
    }

    async fn send(mut self) -> TestResponse {
        let cookies: Vec<_> = (self.client.jar().iter())
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        if !cookies.is_empty() && !self.headers.contains_key(COOKIE) {
            self = {
                let value = cookies.join("; ");
                self.header("cookie", &value)
            };
        }
        let mut req = Request::new(self.body);
        *req.method_mut() = self.method;
        *req.uri_mut() = self.uri.parse().expect("a URI");
        *req.headers_mut() = self.headers;
        let answer: Answer = self.client.service.clone().oneshot(req).await;
        let response = answer.unwrap_or_else(|error| panic!("the service failed: {error}"));
        self.client.keep(response.headers());
        TestResponse { response }
    }
}

impl IntoFuture for TestRequest {
    type Output = TestResponse;
    type IntoFuture = Pin<Box<dyn Future<Output = TestResponse> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.send())
    }
}

impl fmt::Debug for TestRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TestRequest")
            .field("method", &self.method)
            .field("uri", &self.uri)
            .finish_non_exhaustive()
    }
}

/// A response, read to its end.
#[derive(Debug)]
pub struct TestResponse {
    response: http::Response<Bytes>,
}

impl TestResponse {
    /// The status.
    pub fn status(&self) -> StatusCode {
        self.response.status()
    }

    /// The headers.
    pub fn headers(&self) -> &HeaderMap {
        self.response.headers()
    }

    /// A header as text, if it is there.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers().get(name)?.to_str().ok()
    }

    /// The challenges, in order.
    pub fn challenges(&self) -> Vec<&str> {
        self.headers()
            .get_all(WWW_AUTHENTICATE)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .collect()
    }

    /// The body.
    pub fn bytes(&self) -> &Bytes {
        self.response.body()
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(self.response.body()).into_owned()
    }

    /// The body as JSON.
    ///
    /// # Panics
    ///
    /// Panics, showing the body, if it is not JSON of this shape.
    pub fn json<T: DeserializeOwned>(&self) -> T {
        serde_json::from_slice(self.response.body())
            .unwrap_or_else(|error| panic!("{error} in {}", self.text()))
    }

    /// The `code` of a problem, or an empty text.
    pub fn code(&self) -> String {
        let body: serde_json::Value =
            serde_json::from_slice(self.response.body()).unwrap_or_default();
        body["code"].as_str().unwrap_or_default().to_owned()
    }
}
