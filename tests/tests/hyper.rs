//! The layers on a plain hyper service: no axum, hyper's own bodies, a real connection.
#![allow(clippy::unwrap_used, reason = "a test may")]

use std::convert::Infallible;

use auth_layer::basic::{Basic, StaticUsers};
use auth_layer::{AuthLayer, Identity, RequireAuth};
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tower::ServiceBuilder;

async fn hello(req: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let name = req
        .extensions()
        .get::<Identity>()
        .unwrap()
        .subject()
        .to_owned();
    let body = req.into_body().collect().await.unwrap().to_bytes();
    let body = format!("hello {name}, you sent {} bytes", body.len());
    Ok(Response::new(Full::from(body)))
}

#[tokio::test]
async fn a_hyper_service_is_guarded() {
    let users = StaticUsers::new().user(Identity::new("basic", "ann"), "open sesame");
    let service = ServiceBuilder::new()
        .layer(AuthLayer::new(Basic::new("hyper", users)))
        .layer(RequireAuth::authenticated())
        .service_fn(hello);

    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let service = TowerToHyperService::new(service.clone());
            tokio::spawn(async move {
                let _ = Builder::new(TokioExecutor::new())
                    .serve_connection(TokioIo::new(stream), service)
                    .await;
            });
        }
    });

    let client = Client::builder(TokioExecutor::new()).build_http::<Full<Bytes>>();
    // ann:open sesame, ann:wrong
    for (authorization, status, expected) in [
        (
            Some("Basic YW5uOm9wZW4gc2VzYW1l"),
            200,
            "hello ann, you sent 4 bytes",
        ),
        (Some("Basic YW5uOndyb25n"), 401, "invalid_credential"),
        (None, 401, "unauthenticated"),
    ] {
        let mut req = Request::post(format!("http://{address}/"));
        if let Some(value) = authorization {
            req = req.header("authorization", value);
        }
        let res = client
            .request(req.body(Full::from("body")).unwrap())
            .await
            .unwrap();
        assert_eq!(res.status(), status);
        let challenge = res.headers().get("www-authenticate").cloned();
        let body = res.into_body().collect().await.unwrap().to_bytes();
        let body = String::from_utf8_lossy(&body);
        assert!(body.contains(expected), "{body}");
        assert_eq!(challenge.is_some(), status == 401);
    }
}
