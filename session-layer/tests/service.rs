//! The layer as a Tower service.

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use auth_layer::{AuthError, EmptyBody, RequireAuth};
use bytes::Bytes;
use common::{App, Backend};
use http::{Request, Response, StatusCode};
use session_layer::{
    MemorySessionBackend, SameOriginLayer, SaveSession, SessionBackend, SessionHandle,
    SessionLayer, SessionLayerBuilder, SessionService, Sessions, SharedSessionBackend,
};
use tower::{Layer, Service, ServiceExt, service_fn};

#[test]
fn traits() {
    fn is_clone_send_sync<T: Clone + Send + Sync + 'static>() {}
    fn is_send_sync<T: Send + Sync + 'static>() {}
    fn is_backend<T: SessionBackend>() {}

    is_clone_send_sync::<SessionHandle>();
    is_clone_send_sync::<SessionLayer>();
    is_clone_send_sync::<SessionService<SaveSession<(), EmptyBody>>>();
    is_clone_send_sync::<Sessions>();
    is_clone_send_sync::<SharedSessionBackend>();
    is_clone_send_sync::<SameOriginLayer>();
    is_backend::<SharedSessionBackend>();
    is_backend::<Arc<MemorySessionBackend>>();
    is_send_sync::<SessionLayerBuilder>();
    is_send_sync::<MemorySessionBackend>();
}

#[tokio::test]
async fn a_backend_can_be_kept() {
    let memory = Arc::new(MemorySessionBackend::new());
    let shared = SharedSessionBackend::from(Arc::clone(&memory));
    for layer in [
        SessionLayer::new(Arc::clone(&memory)),
        SessionLayer::new(shared),
    ] {
        let service = layer.layer(service_fn(|req: Request<()>| async move {
            let session = req.extensions().get::<SessionHandle>().unwrap();
            session.log_in(common::user("alice")).await.unwrap();
            Ok::<_, std::convert::Infallible>(Response::new(Bytes::new()))
        }));
        let before = memory.len();
        service.oneshot(Request::new(())).await.unwrap();
        assert_eq!(memory.len(), before + 1);
    }
}

/// Panics unless each call is preceded by `poll_ready` on the very same instance.
struct Strict {
    ready: bool,
}

impl Clone for Strict {
    fn clone(&self) -> Self {
        Self { ready: false }
    }
}

impl Service<Request<()>> for Strict {
    type Response = Response<Bytes>;
    type Error = &'static str;
    type Future = std::future::Ready<Result<Response<Bytes>, &'static str>>;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), &'static str>> {
        self.ready = true;
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, req: Request<()>) -> Self::Future {
        assert!(
            std::mem::take(&mut self.ready),
            "called without being ready"
        );
        std::future::ready(match req.uri().path() {
            "/fail" => Err("inner error"),
            _ => Ok(Response::new(Bytes::new())),
        })
    }
}

#[tokio::test]
async fn the_ready_service_is_the_one_that_is_called_and_its_errors_pass_through() {
    let app = App::new();
    let mut browser = app.browser();
    browser.log_in("alice").await;
    let mut service = app.layer.layer(Strict { ready: false });
    for _ in 0..3 {
        let req = browser.request("GET", "/");
        let res = service.ready().await.unwrap().call(req).await.unwrap();
        assert_eq!(res.status(), StatusCode::OK);
        let req = browser.request("GET", "/fail");
        let error = service.ready().await.unwrap().call(req).await.unwrap_err();
        assert_eq!(error, "inner error");
    }
}

#[tokio::test]
async fn any_body_and_any_refusal_will_do() {
    /// A body that is made from nothing.
    #[derive(Default)]
    struct Odd;

    let app = App::new();
    let backend = || Backend(Arc::clone(&app.backend));
    let answer = service_fn(|_: Request<Vec<u8>>| async {
        Ok::<_, std::convert::Infallible>(Response::new(Odd))
    });
    let layer = SessionLayer::builder(backend())
        .with_refusal(EmptyBody)
        .build()
        .unwrap();
    let res = layer
        .layer(answer)
        .oneshot(Request::new(Vec::new()))
        .await
        .unwrap();
    assert_eq!(res.status(), StatusCode::OK);

    app.backend.set_broken(true);
    let layer = SessionLayer::builder(backend())
        .with_refusal(|error: &AuthError| Response::new(Bytes::from(error.code())))
        .build()
        .unwrap();
    let service = layer.layer(service_fn(|req: Request<()>| async move {
        let session = req.extensions().get::<session_layer::Session>().unwrap();
        session.insert("k", 1).await.unwrap();
        Ok::<_, std::convert::Infallible>(Response::new(Bytes::from("fine")))
    }));
    let res = service.oneshot(Request::new(())).await.unwrap();
    assert_eq!(res.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(res.body(), "temporarily_unavailable");
}

#[tokio::test]
async fn guards_inside_know_the_session() {
    let app = App::new();
    let reached = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&reached);
    let guarded = RequireAuth::authenticated().layer(service_fn(move |_: Request<()>| {
        flag.store(true, Ordering::SeqCst);
        async { Ok::<_, std::convert::Infallible>(Response::new(Bytes::new())) }
    }));
    let service = app.layer.layer(guarded);
    let mut browser = app.browser();
    let res = service
        .clone()
        .oneshot(browser.request("GET", "/"))
        .await
        .unwrap();
    assert_eq!(res.status(), StatusCode::UNAUTHORIZED);
    assert!(!reached.load(Ordering::SeqCst));
    browser.log_in("alice").await;
    let res = service
        .clone()
        .oneshot(browser.request("GET", "/"))
        .await
        .unwrap();
    assert_eq!(res.status(), StatusCode::OK);
    // An expired session is anonymous, and the guard says 401, not 500.
    app.clock.set(common::IDLE);
    let res = service.oneshot(browser.request("GET", "/")).await.unwrap();
    assert_eq!(res.status(), StatusCode::UNAUTHORIZED);
}
