//! `AuthLayer` and `RequireAuth` as Tower services: readiness, errors, panics, cancellation, types.
#![allow(clippy::unwrap_used, reason = "a test may")]

mod common;

use std::convert::Infallible;
use std::future::{Future, pending};
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use auth_layer::{
    AuthError, AuthLayer, Authenticate, ConflictPolicy, Guard, Identity, RequireAuth,
    ResponseFuture, scheme_fn,
};
use bytes::Bytes;
use common::{HeaderScheme, get, send, whoami};
use http::{Request, Response};
use tower::{Layer, Service, ServiceBuilder, ServiceExt};

/// A service that insists on `poll_ready` before every `call`.
#[derive(Debug)]
struct NeedsReady {
    ready: bool,
    calls: Arc<AtomicUsize>,
}

impl Clone for NeedsReady {
    fn clone(&self) -> Self {
        Self {
            ready: false,
            calls: Arc::clone(&self.calls),
        }
    }
}

impl Service<Request<()>> for NeedsReady {
    type Response = Response<Bytes>;
    type Error = Infallible;
    type Future = std::future::Ready<Result<Response<Bytes>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.ready = true;
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<()>) -> Self::Future {
        assert!(self.ready, "called a service that was not ready");
        self.ready = false;
        self.calls.fetch_add(1, Ordering::Relaxed);
        std::future::ready(Ok(Response::new(Bytes::new())))
    }
}

#[tokio::test]
async fn the_service_that_was_ready_is_the_one_that_is_called() {
    let calls = Arc::new(AtomicUsize::new(0));
    let mut service = ServiceBuilder::new()
        .layer(AuthLayer::new((HeaderScheme("one"), HeaderScheme("two"))))
        .layer(RequireAuth::authenticated())
        .service(NeedsReady {
            ready: false,
            calls: Arc::clone(&calls),
        });
    for _ in 0..3 {
        let req = get(&[("two", "ann")]);
        let res = service.ready().await.unwrap().call(req).await.unwrap();
        assert_eq!(res.status(), 200);
    }
    assert_eq!(calls.load(Ordering::Relaxed), 3);
}

#[tokio::test]
async fn readiness_and_errors_of_the_service_inside_pass_through() {
    #[derive(Clone, Debug)]
    struct Broken;

    impl Service<Request<()>> for Broken {
        type Response = Response<Bytes>;
        type Error = &'static str;
        type Future = std::future::Ready<Result<Response<Bytes>, &'static str>>;

        fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), &'static str>> {
            Poll::Ready(Err("not ready"))
        }

        fn call(&mut self, _: Request<()>) -> Self::Future {
            std::future::ready(Err("broken"))
        }
    }

    let mut service = ServiceBuilder::new()
        .layer(AuthLayer::new(HeaderScheme("one")))
        .layer(RequireAuth::authenticated())
        .service(Broken);
    assert_eq!(service.ready().await.unwrap_err(), "not ready");
    let error = service.call(get(&[("one", "ann")])).await.unwrap_err();
    assert_eq!(error, "broken");
}

#[tokio::test]
async fn x_06_a_scheme_that_panics_or_hangs_lets_nobody_through() {
    let reached = Arc::new(AtomicBool::new(false));
    let verify = |how: String| async move {
        match &*how {
            "panic" => panic!("told to"),
            _ => pending::<Result<Identity, AuthError>>().await,
        }
    };
    let scheme = scheme_fn(
        "told",
        |parts| {
            let how = parts
                .headers
                .get("told")
                .map(|v| v.to_str().unwrap().to_owned());
            assert_ne!(how.as_deref(), Some("extract"), "told to");
            Ok(how)
        },
        verify,
    );
    let seen = Arc::clone(&reached);
    let service = ServiceBuilder::new()
        .layer(AuthLayer::new((HeaderScheme("one"), scheme)))
        .service_fn(move |req: Request<()>| {
            seen.store(true, Ordering::Relaxed);
            whoami(req)
        });
    for how in ["extract", "panic", "hang"] {
        let service = service.clone();
        let request = async move {
            // A good credential beside it does not help.
            send(&service, get(&[("told", how), ("one", "ann")])).await
        };
        let request = tokio::spawn(tokio::time::timeout(Duration::from_millis(50), request));
        let outcome = AssertUnwindSafe(request).await;
        assert!(!matches!(outcome, Ok(Ok(_))), "{how}");
        assert!(!reached.load(Ordering::Relaxed), "{how}");
    }
}

#[tokio::test]
async fn x_06_a_request_that_is_cancelled_stops_verifying() {
    struct Dropped(Arc<AtomicBool>);

    impl Drop for Dropped {
        fn drop(&mut self) {
            self.0.store(true, Ordering::Relaxed);
        }
    }

    let dropped = Arc::new(AtomicBool::new(false));
    let guard = Arc::clone(&dropped);
    let scheme = scheme_fn(
        "slow",
        |_| Ok(Some(())),
        move |()| {
            let guard = Dropped(Arc::clone(&guard));
            async move {
                pending::<()>().await;
                drop(guard);
                Ok(Identity::new("slow", "ann"))
            }
        },
    );
    let service = ServiceBuilder::new()
        .layer(AuthLayer::new(scheme))
        .service_fn(whoami);
    let mut future = Box::pin(service.oneshot(get(&[])));
    let mut context = Context::from_waker(std::task::Waker::noop());
    assert!(future.as_mut().poll(&mut context).is_pending());
    drop(future);
    assert!(dropped.load(Ordering::Relaxed));
}

#[tokio::test]
async fn options_of_a_clone_leave_the_original_alone() {
    let original = AuthLayer::new((HeaderScheme("one"), HeaderScheme("two")));
    let changed = original.clone().on_conflict(ConflictPolicy::FirstWins);
    for (layer, status) in [(original, 401), (changed, 200)] {
        let service = layer.layer(tower::service_fn(whoami::<()>));
        let res = send(&service, get(&[("one", "ann"), ("two", "bob")])).await;
        assert_eq!(res.status(), status);
    }
}

#[test]
fn traits() {
    fn assert<T: Send + Sync + Clone + Unpin>() {}
    fn assert_future<T: Send>() {}

    type Inner = fn(Request<()>) -> Pin<Box<dyn Future<Output = ()> + Send>>;
    assert::<AuthLayer<HeaderScheme>>();
    assert::<Authenticate<Inner, HeaderScheme, auth_layer::Problem>>();
    assert::<RequireAuth>();
    assert::<Guard<Inner>>();
    assert::<Identity>();
    assert::<AuthError>();
    assert::<auth_layer::Events>();
    assert::<auth_layer::SharedClock>();
    assert_future::<ResponseFuture<NeedsReady, HeaderScheme, auth_layer::Problem, ()>>();
}
