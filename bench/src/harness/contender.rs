//! One row of a table.

use std::convert::Infallible;
use std::fmt;
use std::future::ready;
use std::rc::Rc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::header::SET_COOKIE;
use axum::http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::BodyExt;
use tokio::runtime::Runtime;
use tower::ServiceExt;

/// The name of the service that drops the request.
const REQUEST_ALONE: &str = "request alone";

/// Makes the requests of a section.
pub type MakeRequest = Rc<dyn Fn() -> Request<Body>>;

/// A name and a service.
pub struct Contender {
    pub(crate) name: &'static str,
    pub(super) service: Box<dyn Service>,
    pub(super) requests: Option<MakeRequest>,
    pub(super) sets_cookie: bool,
}

impl Contender {
    /// A router as `axum::serve` calls it: `with_state` makes the services once. A router that is
    /// called without it makes them, and applies every layer, again for each request.
    pub fn router(name: &'static str, router: Router) -> Self {
        Self::new(name, router.with_state::<()>(()))
    }

    /// Drops the request: what making one costs is no contender's fault.
    pub(super) fn request_alone() -> Self {
        let drop = |_| ready(Ok(Response::new(Body::empty())));
        Self::new(REQUEST_ALONE, tower::service_fn(drop))
    }

    pub fn new<S>(name: &'static str, service: S) -> Self
    where
        S: tower::Service<Request<Body>, Response = Response<Body>, Error = Infallible> + 'static,
    {
        Self {
            name,
            service: Box::new(service),
            requests: None,
            sets_cookie: false,
        }
    }

    /// The name of its row.
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// Serves so many requests and measures nothing.
    pub fn serve(&mut self, runtime: &Runtime, request: &MakeRequest, count: usize) {
        let request = self.requests.as_ref().unwrap_or(request);
        self.service.serve(runtime, &**request, count);
    }

    /// Its answer has a `Set-Cookie` that the others' have not.
    #[must_use]
    pub fn sets_cookie(mut self) -> Self {
        self.sets_cookie = true;
        self
    }

    /// Gets other requests than the rest of its section: the same but for the value of a header,
    /// which names something that only this contender knows. Their making is measured for itself.
    #[must_use]
    pub fn with_requests(mut self, make: impl Fn() -> Request<Body> + 'static) -> Self {
        self.requests = Some(Rc::new(make));
        self
    }
}

/// A Tower service whose type is out of the way. It is called through a pointer once for a batch,
/// not for each request.
pub(super) trait Service {
    /// Makes and serves so many requests, one after the other, and drops the responses. Returns how
    /// long it took.
    fn serve(
        &mut self,
        runtime: &Runtime,
        request: &dyn Fn() -> Request<Body>,
        count: usize,
    ) -> Duration;

    /// Serves one request and reads the response.
    fn answer(&mut self, runtime: &Runtime, request: Request<Body>) -> Answer;
}

impl<S> Service for S
where
    S: tower::Service<Request<Body>, Response = Response<Body>, Error = Infallible>,
{
    // Not inlined: `bench/instructions.sh` tells callgrind to count what happens in here.
    #[inline(never)]
    fn serve(
        &mut self,
        runtime: &Runtime,
        request: &dyn Fn() -> Request<Body>,
        count: usize,
    ) -> Duration {
        let start = Instant::now();
        runtime.block_on(async {
            for _ in 0..count {
                let request = request();
                let Ok(service) = self.ready().await;
                let Ok(response) = service.call(request).await;
                std::hint::black_box(response);
            }
        });
        start.elapsed()
    }

    fn answer(&mut self, runtime: &Runtime, request: Request<Body>) -> Answer {
        runtime.block_on(async {
            let Ok(service) = self.ready().await;
            let Ok(response) = service.call(request).await;
            let (head, body) = response.into_parts();
            let body = body.collect().await.map(|body| body.to_bytes());
            Answer {
                status: head.status,
                headers: head.headers,
                body: body.unwrap_or_default(),
            }
        })
    }
}

/// What a client sees.
#[derive(Clone, PartialEq)]
pub(super) struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

impl Answer {
    pub(super) fn without_cookie(mut self) -> Self {
        self.headers.remove(SET_COOKIE);
        self
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "  {}", self.status)?;
        for (name, value) in &self.headers {
            writeln!(f, "  {name}: {value:?}")?;
        }
        writeln!(f, "  {:?}", self.body)
    }
}
