//! The layers on a tonic server, asked by a tonic client over a real connection: a refusal is a
//! gRPC status in the headers, never an HTTP error.
#![allow(clippy::unwrap_used, reason = "a test may")]

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use auth_layer::{
    AuthError, AuthErrorKind, AuthLayer, Challenge, EmptyBody, Identity, RequireAuth, scheme_fn,
};
use http::uri::PathAndQuery;
use tokio::net::TcpListener;
use tonic::body::Body;
use tonic::client;
use tonic::codegen::http::Request as HttpRequest;
use tonic::metadata::MetadataValue;
use tonic::server::{NamedService, UnaryService};
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Channel, Server};
use tonic::{Code, Request, Response, Status};
use tonic_prost::ProstCodec;
use tower::Service;

/// `message Text { string text = 1; }`
#[derive(Clone, PartialEq, prost::Message)]
struct Text {
    #[prost(string, tag = "1")]
    text: String,
}

/// `service Greeter { rpc Hello(Text) returns (Text); }`, as `tonic-build` would write it.
#[derive(Clone)]
struct Greeter;

impl NamedService for Greeter {
    const NAME: &'static str = "test.Greeter";
}

impl UnaryService<Text> for Greeter {
    type Response = Text;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Text>, Status>> + Send>>;

    fn call(&mut self, req: Request<Text>) -> Self::Future {
        Box::pin(async move {
            let who = req.extensions().get::<Identity>();
            let name = who.map_or("nobody", Identity::subject);
            let text = format!("{}, {name}", req.get_ref().text);
            Ok(Response::new(Text { text }))
        })
    }
}

impl Service<HttpRequest<Body>> for Greeter {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, req: HttpRequest<Body>) -> Self::Future {
        Box::pin(async move {
            let codec = ProstCodec::<Text, Text>::default();
            Ok(tonic::server::Grpc::new(codec).unary(Self, req).await)
        })
    }
}

async fn serve() -> Channel {
    let tokens = scheme_fn(
        "bearer",
        |parts| {
            let token = auth_layer::authorization(&parts.headers, "Bearer");
            Ok(token.map(|token| String::from_utf8_lossy(token).into_owned()))
        },
        |token| async move {
            match &*token {
                "admin" => Ok(Identity::builder("bearer", "ann").role("admin").build()),
                "user" => Ok(Identity::new("bearer", "bob")),
                "down" => Err(AuthError::unavailable("store_down")),
                "often" => Err(AuthError::new(AuthErrorKind::Limited, "limit")),
                _ => Err(AuthError::invalid("unknown_token")),
            }
        },
    )
    .with_challenge(Challenge::new("Bearer"));

    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(
        Server::builder()
            .layer(AuthLayer::new(tokens).with_refusal(EmptyBody))
            .layer(RequireAuth::role("admin").with_refusal(EmptyBody))
            .add_service(Greeter)
            .serve_with_incoming(TcpIncoming::from(listener)),
    );
    Channel::from_shared(format!("http://{address}"))
        .unwrap()
        .connect()
        .await
        .unwrap()
}

async fn hello(channel: Channel, token: Option<&str>) -> Result<String, Status> {
    let mut client = client::Grpc::new(channel);
    client.ready().await.unwrap();
    let mut req = Request::new(Text {
        text: "hello".to_owned(),
    });
    if let Some(token) = token {
        let value: MetadataValue<_> = format!("Bearer {token}").parse().unwrap();
        req.metadata_mut().insert("authorization", value);
    }
    let path = PathAndQuery::from_static("/test.Greeter/Hello");
    let codec = ProstCodec::<Text, Text>::default();
    let res = client.unary(req, path, codec).await?;
    Ok(res.into_inner().text)
}

#[tokio::test]
async fn refusals_are_grpc_statuses_in_the_trailers_only_form() {
    let channel = serve().await;
    for (token, expected) in [
        (Some("admin"), Ok("hello, ann")),
        (Some("user"), Err((Code::PermissionDenied, "forbidden"))),
        (None, Err((Code::Unauthenticated, "unauthenticated"))),
        (
            Some("x"),
            Err((Code::Unauthenticated, "invalid_credential")),
        ),
        (
            Some("down"),
            Err((Code::Unavailable, "temporarily_unavailable")),
        ),
        (
            Some("often"),
            Err((Code::ResourceExhausted, "too_many_requests")),
        ),
    ] {
        let answer = hello(channel.clone(), token).await;
        match (answer, expected) {
            (Ok(text), Ok(expected)) => assert_eq!(text, expected),
            (Err(status), Err((code, message))) => {
                assert_eq!(
                    (status.code(), status.message()),
                    (code, message),
                    "{token:?}"
                );
                // The headers of a Trailers-Only answer are the metadata of the status.
                let challenge = status.metadata().get("www-authenticate");
                assert_eq!(
                    challenge.is_some(),
                    code == Code::Unauthenticated,
                    "{token:?}"
                );
            }
            (answer, _) => panic!("{token:?}: {answer:?}"),
        }
    }
}

#[tokio::test]
async fn a_client_that_does_not_speak_grpc_gets_an_http_status() {
    let mut channel = serve().await;
    let req = HttpRequest::post("/test.Greeter/Hello")
        .body(Body::empty())
        .unwrap();
    let ready =
        std::future::poll_fn(|cx| Service::<HttpRequest<Body>>::poll_ready(&mut channel, cx));
    ready.await.unwrap();
    let res = channel.call(req).await.unwrap();
    assert_eq!(res.status(), 401);
    assert_eq!(res.headers()["www-authenticate"], "Bearer");
    assert!(!res.headers().contains_key("grpc-status"));
}
