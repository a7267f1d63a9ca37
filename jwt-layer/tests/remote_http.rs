//! Keys that are fetched from real servers which misbehave, and through discovery.
#![cfg(all(feature = "remote", feature = "reqwest"))]
#![allow(clippy::unwrap_used, reason = "a test may")]

mod common;
#[path = "common/provider.rs"]
mod provider;
#[path = "common/server.rs"]
mod server;

use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use auth_layer::{AuthErrorKind, Events, SharedClock};
use common::refusal;
use http::header::IF_NONE_MATCH;
use jwt_layer::{
    Addresses, Discovery, HttpErrorKind, HttpLimits, Jwt, RemoteKeys, RemoteKeysBuilder,
    ReqwestClient, SharedHttpClient,
};
use provider::Signer;
use serde_json::json;
use server::{Answer, Server};

/// A clock that stands still until it is told to go on: the servers are real, so time is too.
#[derive(Clone)]
struct Watch(Arc<Mutex<SystemTime>>);

impl Watch {
    fn new() -> Self {
        Self(Arc::new(Mutex::new(common::at(common::NOW))))
    }

    fn pass(&self, time: Duration) {
        *self.0.lock().unwrap() += time;
    }

    fn clock(&self) -> SharedClock {
        let own = Arc::clone(&self.0);
        SharedClock::new(move || *own.lock().unwrap())
    }
}

const COOLED: Duration = Duration::from_secs(31);

fn limits() -> HttpLimits {
    // What hangs is waited for so long; nothing else takes a noticeable time.
    HttpLimits::new()
        .with_timeout(Duration::from_millis(500))
        .unwrap()
}

fn jwt(watch: &Watch, keys: RemoteKeysBuilder) -> (RemoteKeys, Jwt) {
    let keys = keys.clock(watch.clock()).limits(limits());
    let keys = keys.events(Events::none()).build().unwrap();
    let policy = common::strict().build().unwrap();
    (keys.clone(), Jwt::new(policy, keys).clock(common::clock()))
}

fn jwks(signers: &[&Signer]) -> String {
    let keys: Vec<_> = signers.iter().map(|signer| &*signer.public).collect();
    format!(r#"{{"keys":[{}]}}"#, keys.join(","))
}

fn with_etag(etag: &str, body: &str) -> Answer {
    let headers = vec![
        ("content-type", "application/json".into()),
        ("etag", etag.into()),
    ];
    Answer::Plain(200, headers, body.into())
}

#[tokio::test]
async fn key_03_whatever_the_server_does_the_old_keys_go_on() {
    let signer = Signer::new("good");
    let elsewhere = Server::start(Answer::Json(jwks(&[&Signer::new("other")]))).await;
    let html = vec![("content-type", "text/html".into())];
    let away = vec![("location", elsewhere.url.clone())];
    for answer in [
        Answer::Hang,
        Answer::Break,
        Answer::Endless(10_000_000),
        Answer::Plain(500, Vec::new(), String::new()),
        Answer::Plain(302, away.clone(), String::new()),
        Answer::Plain(308, away, String::new()),
        Answer::Plain(200, html, jwks(&[&Signer::new("other")])),
        Answer::Json("{".into()),
        Answer::Json(r#"{"keys":[]}"#.into()),
    ] {
        let watch = Watch::new();
        let server = Server::start(Answer::Json(jwks(&[&signer]))).await;
        let (keys, jwt) = jwt(&watch, RemoteKeys::from_url(&server.url));
        keys.ready().await.unwrap();
        server.always(answer.clone());
        watch.pass(COOLED);
        for _ in 0..3 {
            let unknown = jwt.verify_token(&Signer::new("other").token()).await;
            let kind = unknown.unwrap_err().kind();
            assert_eq!(kind, AuthErrorKind::Unavailable, "{answer:?}");
            assert!(
                jwt.verify_token(&signer.token()).await.is_ok(),
                "{answer:?}"
            );
        }
        assert_eq!(server.hits(), 2, "{answer:?}");

        server.always(Answer::Json(jwks(&[&Signer::new("new")])));
        watch.pass(COOLED);
        assert_eq!(
            refusal(&jwt, &Signer::new("x").token()).await,
            "unknown_key"
        );
        assert_eq!(refusal(&jwt, &signer.token()).await, "unknown_key");
    }
    assert_eq!(elsewhere.hits(), 0);
}

#[tokio::test]
async fn key_03_a_server_that_is_not_there_yet_is_503_and_then_asked_again() {
    let watch = Watch::new();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let (keys, jwt) = jwt(
        &watch,
        RemoteKeys::from_url(format!("http://{address}/jwks")),
    );
    let signer = Signer::new("good");
    let kind = async || {
        jwt.verify_token(&signer.token())
            .await
            .err()
            .map(|e| e.kind())
    };
    assert_eq!(kind().await, Some(AuthErrorKind::Unavailable));
    assert!(keys.ready().await.is_err());

    let server = Server::start_at(address, Answer::Json(jwks(&[&signer]))).await;
    assert_eq!(kind().await, Some(AuthErrorKind::Unavailable));
    assert_eq!(server.hits(), 0);
    watch.pass(COOLED);
    assert_eq!(kind().await, None);
}

#[tokio::test]
async fn an_answer_that_has_not_changed_is_not_sent_again() {
    let watch = Watch::new();
    let signer = Signer::new("good");
    let server = Server::start(with_etag("\"v1\"", &jwks(&[&signer]))).await;
    let (keys, jwt) = jwt(&watch, RemoteKeys::from_url(&server.url));
    keys.ready().await.unwrap();
    let first = keys.asked_at().unwrap();

    server.once(Answer::Plain(304, Vec::new(), String::new()));
    watch.pass(COOLED);
    assert_eq!(
        refusal(&jwt, &Signer::new("x").token()).await,
        "unknown_key"
    );
    assert!(jwt.verify_token(&signer.token()).await.is_ok());
    assert_eq!(keys.asked_at().unwrap(), first + COOLED);

    // A new one, with a new tag.
    let new = Signer::new("new");
    server.always(with_etag("\"v2\"", &jwks(&[&new])));
    watch.pass(COOLED);
    assert!(jwt.verify_token(&new.token()).await.is_ok());
    watch.pass(COOLED);
    assert_eq!(refusal(&jwt, &signer.token()).await, "unknown_key");
    let tags: Vec<_> = server
        .seen()
        .iter()
        .map(|seen| seen.headers.get(IF_NONE_MATCH).cloned())
        .collect();
    let tag = |text| Some(http::HeaderValue::from_static(text));
    assert_eq!(tags, [None, tag("\"v1\""), tag("\"v1\""), tag("\"v2\"")]);
}

/// A server with metadata that names this issuer and, below it, the keys.
async fn discoverable(keys: &str) -> (Server, Server) {
    let jwks = Server::start(Answer::Json(keys.to_owned())).await;
    let server = Server::start(Answer::Hang).await;
    server.always(metadata(&server.url, &jwks.url));
    (server, jwks)
}

fn metadata(issuer: &str, jwks_uri: &str) -> Answer {
    let document = json!({
        "issuer": issuer,
        "jwks_uri": format!("{jwks_uri}/keys"),
        "token_endpoint": format!("{issuer}/token"),
    });
    Answer::Json(document.to_string())
}

#[tokio::test]
async fn keys_are_found_through_discovery_and_followed_where_they_move() {
    let (old, new) = (Signer::new("old"), Signer::new("new"));
    let (server, first) = discoverable(&jwks(&[&old])).await;
    let second = Server::start(Answer::Json(jwks(&[&new]))).await;
    let watch = Watch::new();
    let (_, jwt) = jwt(&watch, RemoteKeys::discover(server.url.clone()));
    assert!(jwt.verify_token(&old.token()).await.is_ok());
    assert_eq!(server.seen()[0].path, "/.well-known/openid-configuration");
    assert_eq!(first.seen()[0].path, "/keys");

    server.always(metadata(&server.url, &second.url));
    watch.pass(COOLED);
    assert!(jwt.verify_token(&new.token()).await.is_ok());
    assert_eq!(refusal(&jwt, &old.token()).await, "unknown_key");
    assert_eq!((first.hits(), second.hits()), (1, 1));
}

#[tokio::test]
async fn key_08_keys_that_move_are_not_taken_for_unchanged() {
    // Two servers of one make give their first documents the same tag.
    let (old, new) = (Signer::new("old"), Signer::new("new"));
    let (server, first) = discoverable("{}").await;
    first.always(Answer::Tagged("\"1\"", jwks(&[&old])));
    let second = Server::start(Answer::Tagged("\"1\"", jwks(&[&new]))).await;
    let watch = Watch::new();
    let (_, jwt) = jwt(&watch, RemoteKeys::discover(server.url.clone()));
    assert!(jwt.verify_token(&old.token()).await.is_ok());
    // The tag is used where it is known.
    watch.pass(COOLED);
    let unknown = Signer::new("x").token();
    assert_eq!(refusal(&jwt, &unknown).await, "unknown_key");
    assert_eq!(first.seen()[1].headers[IF_NONE_MATCH], "\"1\"");
    assert!(jwt.verify_token(&old.token()).await.is_ok());

    server.always(metadata(&server.url, &second.url));
    watch.pass(COOLED);
    assert!(jwt.verify_token(&new.token()).await.is_ok());
    assert_eq!(refusal(&jwt, &old.token()).await, "unknown_key");
    assert!(!second.seen()[0].headers.contains_key(IF_NONE_MATCH));
}

#[tokio::test]
async fn keys_are_found_through_oauth_metadata() {
    let signer = Signer::new("good");
    let (server, keys) = discoverable(&jwks(&[&signer])).await;
    let issuer = format!("{}/tenant", server.url);
    server.always(metadata(&issuer, &keys.url));
    let discovery = Discovery::oauth(issuer).unwrap();
    let (_, jwt) = jwt(&Watch::new(), RemoteKeys::discover_by(discovery));
    assert!(jwt.verify_token(&signer.token()).await.is_ok());
    let path = "/.well-known/oauth-authorization-server/tenant";
    assert_eq!(server.seen()[0].path, path);
}

#[tokio::test]
async fn key_09_the_metadata_of_another_issuer_is_refused() {
    let client = SharedHttpClient::new(ReqwestClient::new().unwrap());
    let (server, keys) = discoverable("{}").await;
    let url = &*server.url;
    let discovery = Discovery::openid(url).unwrap();
    for issuer in [
        format!("{url}/"),
        url.to_uppercase(),
        url.replace("http://", "https://"),
        format!("{url}/."),
        "https://id.example.com".to_owned(),
    ] {
        server.always(metadata(&issuer, &keys.url.replace("http://", "https://")));
        let error = discovery.fetch(&client, &limits()).await.unwrap_err();
        assert_eq!(error.kind(), HttpErrorKind::Issuer, "{issuer}");
    }
    // The other way round: a configured slash that the metadata lacks.
    server.always(metadata(url, &keys.url));
    let slash = Discovery::openid(format!("{url}/")).unwrap();
    let error = slash.fetch(&client, &limits()).await.unwrap_err();
    assert_eq!(error.kind(), HttpErrorKind::Issuer);
    assert!(discovery.fetch(&client, &limits()).await.is_ok());

    // And a source of keys asks nobody for them.
    let (source, jwt) = jwt(&Watch::new(), RemoteKeys::discover(format!("{url}/")));
    assert!(source.ready().await.is_err());
    let token = Signer::new("good").token();
    let kind = jwt.verify_token(&token).await.unwrap_err().kind();
    assert_eq!(kind, AuthErrorKind::Unavailable);
    assert_eq!(keys.hits(), 0);
}

#[tokio::test]
async fn key_06_metadata_redirects_nowhere_and_to_no_inner_address() {
    let (server, keys) = discoverable("{}").await;
    let location = vec![("location", format!("{}/other", server.url))];
    for (answer, kind) in [
        (
            Answer::Plain(302, location, String::new()),
            HttpErrorKind::Redirect,
        ),
        (Answer::Endless(10_000_000), HttpErrorKind::TooLarge),
        (Answer::Hang, HttpErrorKind::TimedOut),
        (Answer::Json("{}".into()), HttpErrorKind::Document),
        (Answer::Json("<html>".into()), HttpErrorKind::Document),
    ] {
        server.always(answer);
        let client = SharedHttpClient::new(ReqwestClient::new().unwrap());
        let discovery = Discovery::openid(&*server.url).unwrap();
        let error = discovery.fetch(&client, &limits()).await.unwrap_err();
        assert_eq!(error.kind(), kind);
    }

    // For an issuer that a tenant supplied, neither the metadata nor the keys may be inside.
    let inside = limits().with_addresses(Addresses::Public);
    let source = RemoteKeys::discover(server.url.clone()).limits(inside.clone());
    assert!(source.build().unwrap().ready().await.is_err());
    let source = RemoteKeys::from_url(&keys.url).limits(inside);
    let error = source.build().unwrap().ready().await.unwrap_err();
    assert_eq!(error.reason(), "http_address_refused");
    assert_eq!((server.hits(), keys.hits()), (5, 0));
}

#[tokio::test]
async fn key_04_a_client_that_hangs_up_does_not_stop_the_request() {
    let signer = Signer::new("good");
    let server = Server::start(Answer::Late(Duration::from_millis(200), jwks(&[&signer]))).await;
    let (_, jwt) = jwt(&Watch::new(), RemoteKeys::from_url(&server.url));
    let token = signer.token();
    let first = tokio::spawn({
        let (jwt, token) = (jwt.clone(), token.clone());
        async move { jwt.verify_token(&token).await }
    });
    while server.hits() == 0 {
        tokio::task::yield_now().await;
    }
    first.abort();
    assert!(jwt.verify_token(&token).await.is_ok());
    assert_eq!(server.hits(), 1);
}
