//! HTTP clients against servers that misbehave.
#![cfg(all(feature = "remote", feature = "reqwest"))]
#![allow(clippy::unwrap_used, reason = "a test may")]

#[path = "common/server.rs"]
mod server;

use std::time::Duration;

use axum::Router;
use axum::response::Redirect;
use axum::routing::get;
use bytes::Bytes;
use http::Request;
use jwt_layer::{
    Addresses, HttpClient, HttpError, HttpErrorKind, HttpLimits, ReqwestClient, ServiceClient,
    SharedHttpClient,
};
use server::{Answer, Server};

fn client() -> SharedHttpClient {
    ReqwestClient::new().unwrap().into()
}

fn limits() -> HttpLimits {
    HttpLimits::new().with_max_body(100_000).unwrap()
}

fn request(url: &str) -> Request<Bytes> {
    Request::get(url).body(Bytes::new()).unwrap()
}

async fn failure(client: &SharedHttpClient, url: &str, limits: &HttpLimits) -> HttpErrorKind {
    match client.send(request(url), limits).await {
        Ok(response) => panic!("{response:?}"),
        Err(error) => error.kind(),
    }
}

#[tokio::test]
async fn an_answer_comes_whole_with_its_status() {
    let server = Server::start(Answer::Plain(
        404,
        vec![("etag", "\"1\"".into())],
        "nothing".into(),
    ))
    .await;
    let response = client()
        .send(request(&server.url), &limits())
        .await
        .unwrap();
    assert_eq!(response.status(), 404);
    assert_eq!(response.headers()["etag"], "\"1\"");
    assert_eq!(response.body(), "nothing");
}

#[tokio::test]
async fn key_06_a_redirect_is_not_followed() {
    let elsewhere = Server::start(Answer::Json("{}".into())).await;
    for status in [301, 302, 303, 307, 308, 304] {
        let location = vec![("location", elsewhere.url.clone())];
        let server = Server::start(Answer::Plain(status, location, String::new())).await;
        let kind = failure(&client(), &server.url, &limits()).await;
        assert_eq!(kind, HttpErrorKind::Redirect, "{status}");
        assert_eq!(server.hits(), 1);
    }
    assert_eq!(elsewhere.hits(), 0);
}

#[tokio::test]
async fn key_06_customizing_does_not_bring_redirects_back() {
    let elsewhere = Server::start(Answer::Json("{}".into())).await;
    let location = vec![("location", elsewhere.url.clone())];
    let server = Server::start(Answer::Plain(302, location, String::new())).await;
    let client = ReqwestClient::customized(|builder| {
        builder.redirect(reqwest::redirect::Policy::limited(5))
    });
    let client = SharedHttpClient::new(client.unwrap());
    let kind = failure(&client, &server.url, &limits()).await;
    assert_eq!(kind, HttpErrorKind::Redirect);
    assert_eq!(elsewhere.hits(), 0);
}

#[tokio::test]
async fn key_07_a_long_body_is_given_up() {
    for answer in [
        Answer::Endless(10_000_000),
        Answer::Json("x".repeat(100_001)),
        Answer::Plain(500, Vec::new(), "x".repeat(100_001)),
    ] {
        let server = Server::start(answer).await;
        let kind = failure(&client(), &server.url, &limits()).await;
        assert_eq!(kind, HttpErrorKind::TooLarge);
    }
    let server = Server::start(Answer::Json("x".repeat(100_000))).await;
    assert!(client().send(request(&server.url), &limits()).await.is_ok());
}

#[tokio::test]
async fn a_server_that_hangs_breaks_off_or_is_not_there_is_told_apart() {
    let server = Server::start(Answer::Hang).await;
    let short = limits().with_timeout(Duration::from_millis(100)).unwrap();
    for (answer, expected) in [
        (Answer::Hang, HttpErrorKind::TimedOut),
        (Answer::Break, HttpErrorKind::Transport),
    ] {
        server.always(answer);
        assert_eq!(failure(&client(), &server.url, &short).await, expected);
    }
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let nobody = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    assert_eq!(
        failure(&client(), &nobody, &limits()).await,
        HttpErrorKind::Connect
    );
}

#[tokio::test]
async fn key_06_only_public_addresses_if_so_asked() {
    let server = Server::start(Answer::Json("{}".into())).await;
    let public = limits().with_addresses(Addresses::Public);
    let named = server.url.replace("127.0.0.1", "localhost");
    for url in [
        &*server.url,
        &named,
        "https://10.0.0.1/",
        "https://169.254.169.254/latest/meta-data",
        "https://[::1]/",
        "https://[::ffff:127.0.0.1]/",
    ] {
        let kind = failure(&client(), url, &public).await;
        assert_eq!(kind, HttpErrorKind::Address, "{url}");
    }
    assert_eq!(server.hits(), 0);
    assert!(client().send(request(&named), &limits()).await.is_ok());
}

#[tokio::test]
async fn key_06_no_notation_of_an_address_gets_around_that() {
    let server = Server::start(Answer::Json("{}".into())).await;
    let public = limits().with_addresses(Addresses::Public);
    let own = ReqwestClient::new().unwrap();
    for host in [
        "2130706433",
        "127.1",
        "0x7f000001",
        "0X7F.1",
        "017700000001",
        "127.0.0.1.",
        "0177.0.0.01",
    ] {
        let plain = server.url.replace("127.0.0.1", host);
        for url in [plain.replace("http:", "https:"), plain] {
            let kind = failure(&client(), &url, &public).await;
            assert_eq!(kind, HttpErrorKind::Url, "{url}");
            // And the client by itself, whose reader of URLs takes them for what they are.
            let error = HttpClient::send(&own, request(&url), &public).await;
            let kind = error.unwrap_err().kind();
            assert_eq!(kind, HttpErrorKind::Address, "{url}");
        }
    }
    assert_eq!(server.hits(), 0);
}

#[tokio::test]
async fn key_06_no_proxy_connects_where_this_service_must_not() {
    let proxy = Server::start(Answer::Json("{}".into())).await;
    let client = ReqwestClient::customized(|builder| {
        builder.proxy(reqwest::Proxy::all(&proxy.url).unwrap())
    });
    let client = SharedHttpClient::new(client.unwrap());
    let inside = "http://localhost:9/latest/meta-data";
    let public = limits().with_addresses(Addresses::Public);
    assert_eq!(
        failure(&client, inside, &public).await,
        HttpErrorKind::Address
    );
    assert_eq!(proxy.hits(), 0);
    // Elsewhere it is used: it was asked for.
    assert!(client.send(request(inside), &limits()).await.is_ok());
    assert_eq!(proxy.hits(), 1);
}

#[tokio::test]
async fn key_06_plain_http_goes_nowhere_but_to_this_machine() {
    let kind = failure(&client(), "http://id.example.com/jwks.json", &limits()).await;
    assert_eq!(kind, HttpErrorKind::Url);
}

#[tokio::test]
async fn key_06_a_client_that_breaks_the_contract_is_found_out() {
    struct Careless(http::StatusCode, usize);

    impl HttpClient for Careless {
        async fn send(
            &self,
            _: Request<Bytes>,
            _: &HttpLimits,
        ) -> Result<http::Response<Bytes>, HttpError> {
            let mut response = http::Response::new(Bytes::from(vec![0; self.1]));
            *response.status_mut() = self.0;
            Ok(response)
        }
    }

    for (status, len, expected) in [
        (302, 0, HttpErrorKind::Redirect),
        (304, 0, HttpErrorKind::Redirect),
        (200, 100_001, HttpErrorKind::TooLarge),
    ] {
        let status = http::StatusCode::from_u16(status).unwrap();
        let client = SharedHttpClient::new(Careless(status, len));
        let kind = failure(&client, "https://id.example.com/", &limits()).await;
        assert_eq!(kind, expected);
    }
}

#[tokio::test(start_paused = true)]
async fn a_tower_service_is_a_client() {
    let app = Router::new()
        .route("/ok", get(|| async { "fine" }))
        .route("/away", get(|| async { Redirect::temporary("/ok") }))
        .route("/long", get(|| async { "x".repeat(100_001) }))
        .route("/hang", get(std::future::pending::<()>));
    let app = tower::ServiceBuilder::new()
        .map_request(|request: Request<http_body_util::Full<Bytes>>| {
            request.map(axum::body::Body::new)
        })
        .service(app);
    let client = SharedHttpClient::new(ServiceClient::new(app));
    let base = "https://id.example.com";
    let ok = client.send(request(&format!("{base}/ok")), &limits()).await;
    assert_eq!(ok.unwrap().body(), "fine");
    let public = limits().with_addresses(Addresses::Public);
    for (path, limits, expected) in [
        ("/away", limits(), HttpErrorKind::Redirect),
        ("/long", limits(), HttpErrorKind::TooLarge),
        ("/hang", limits(), HttpErrorKind::TimedOut),
        ("/ok", public, HttpErrorKind::Address),
    ] {
        let kind = failure(&client, &format!("{base}{path}"), &limits).await;
        assert_eq!(kind, expected, "{path}");
    }
}

#[test]
fn limits_that_cannot_be_meant_are_refused() {
    let limits = HttpLimits::new();
    assert!(limits.clone().with_timeout(Duration::ZERO).is_err());
    assert!(
        limits
            .clone()
            .with_timeout(Duration::from_secs(61))
            .is_err()
    );
    assert!(limits.clone().with_max_body(0).is_err());
    assert!(limits.with_max_body(usize::MAX).is_err());
}
