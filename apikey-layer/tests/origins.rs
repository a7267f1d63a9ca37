//! Keys that are bound to web origins.
#![allow(clippy::unwrap_used, reason = "a test may")]

mod common;

use apikey_layer::{ApiKeyStore as _, NewKey};
use auth_layer::{Origin, Scheme as _};
use common::*;
use http::{Request, header};

fn origins(texts: &[&str]) -> Vec<Origin> {
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

#[tokio::test]
async fn a_key_with_origins_is_good_for_pages_of_those_alone() {
    let world = world();
    let allowed = origins(&["https://app.example.com", "http://localhost:3000"]);
    let new = NewKey::new("widget").allowed_origins(allowed.clone());
    let bound = world.registry.create(&ann(), new).await.unwrap();
    assert_eq!(bound.record.allowed_origins(), allowed);
    let kept = world.store.find(bound.key.id()).await.unwrap().unwrap();
    assert_eq!(kept.allowed_origins(), allowed);
    let free = world.registry.create(&ann(), NewKey::new("k")).await;
    let free = free.unwrap().key;

    let unknown = format().generate().unwrap();

    for (sent, good) in [
        (&["https://app.example.com"][..], true),
        (&["http://localhost:3000"], true),
        // A program, or a navigation.
        (&[], false),
        (&["null"], false),
        (&[""], false),
        // Others.
        (&["https://evil.example"], false),
        (&["http://app.example.com"], false),
        (&["https://app.example.com:8443"], false),
        (&["http://localhost"], false),
        (&["https://app.example.com.evil.example"], false),
        (&["https://evil.example/https://app.example.com"], false),
        (&["https://evil@app.example.com"], false),
        // As no browser writes it.
        (&["https://app.example.com/"], false),
        (&["https://app.example.com:443"], false),
        (&["https://APP.example.com"], false),
        (&["HTTPS://app.example.com"], false),
        (&["https://app.example.com, https://app.example.com"], false),
        (&["https://app.example.com https://evil.example"], false),
        // Which of them counts?
        (
            &["https://app.example.com", "https://app.example.com"],
            false,
        ),
        (&["https://app.example.com", "https://evil.example"], false),
        (&["https://evil.example", "https://app.example.com"], false),
    ] {
        let headers = |key| {
            let sent = sent.iter().map(|sent| ("origin", *sent));
            [("x-api-key", key)]
                .into_iter()
                .chain(sent)
                .collect::<Vec<_>>()
        };
        let res = send(world.keys.clone(), &headers(bound.key.expose())).await;
        assert_eq!(res.status() == 200, good, "{sent:?}");
        if !good {
            // As every other refusal: it tells nobody that the key is good elsewhere.
            let other = send(world.keys.clone(), &headers(unknown.expose())).await;
            assert_eq!(res.status(), 401, "{sent:?}");
            assert_eq!(res.headers(), other.headers(), "{sent:?}");
            assert_eq!(res.body(), other.body(), "{sent:?}");
        }
        // Keys without origins do not look.
        let res = send(world.keys.clone(), &headers(free.expose())).await;
        assert_eq!(res.status(), 200, "{sent:?}");
    }

    let request = Request::builder().header("x-api-key", bound.key.expose());
    let request = request.header(header::ORIGIN, "https://evil.example");
    let (parts, ()) = request.body(()).unwrap().into_parts();
    let credential = world.keys.extract(&parts).unwrap().unwrap();
    let error = world.keys.verify(credential).await.unwrap_err();
    assert_eq!(error.reason(), "origin_not_allowed");
}
