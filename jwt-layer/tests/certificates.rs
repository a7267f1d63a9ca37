//! Tokens that are bound to the client's certificate (RFC 8705), over HTTP.
#![cfg(any(feature = "aws-lc", feature = "rust-crypto"))]
#![allow(clippy::unwrap_used, reason = "a test may")]

mod common;

use std::net::IpAddr;

use auth_layer::{Identity, TrustedProxies};
use axum::Router;
use axum::body::Body;
use axum::routing::get;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use common::{claims_with, token};
use http::{HeaderMap, Request, StatusCode, header};
use jwt_layer::{
    CertificateHeader, CertificateThumbprint, ClientCertificate, ClientCertificateLayer, Jwt,
};
use serde_json::json;
use tower::ServiceExt;

const OWN: [u8; 6] = [0x30, 4, 1, 2, 3, 4];
const OTHER: [u8; 6] = [0x30, 4, 1, 2, 3, 5];
const PROXY: [u8; 4] = [10, 0, 0, 1];
const CLIENT: [u8; 4] = [203, 0, 113, 7];

fn bound() -> String {
    let thumbprint = CertificateThumbprint::of_der(&OWN).to_string();
    token(&claims_with(json!({ "cnf": { "x5t#S256": thumbprint } })))
}

fn app(jwt: Jwt) -> Router {
    let handler = get(async |identity: Option<Identity>, headers: HeaderMap| {
        assert!(!headers.contains_key("client-cert") && !headers.contains_key("client_cert"));
        identity.map_or_else(String::new, |identity| identity.subject().to_owned())
    });
    let proxies = TrustedProxies::x_forwarded_for(["10.0.0.0/8"]).unwrap();
    let certificates =
        ClientCertificateLayer::new(CertificateHeader::client_cert(), proxies, |extensions| {
            extensions.get::<IpAddr>().copied()
        });
    Router::new()
        .route("/", handler)
        .layer(jwt.into_layer())
        .layer(certificates)
}

async fn send(
    app: &Router,
    token: &str,
    peer: Option<[u8; 4]>,
    tls: Option<&[u8]>,
    sent: &[&[u8]],
) -> StatusCode {
    let mut req = Request::builder()
        .uri("/")
        .header(header::AUTHORIZATION, format!("Bearer {token}"));
    for certificate in sent {
        let value = format!(":{}:", STANDARD.encode(certificate));
        req = req
            .header("client-cert", &value)
            .header("client_cert", &value);
    }
    let mut req = req.body(Body::empty()).unwrap();
    if let Some(peer) = peer {
        req.extensions_mut().insert(IpAddr::from(peer));
    }
    if let Some(certificate) = tls {
        req.extensions_mut()
            .insert(ClientCertificate::of_der(certificate));
    }
    app.clone().oneshot(req).await.unwrap().status()
}

#[tokio::test]
async fn mtl_01_a_certificate_counts_only_from_tls_or_a_trusted_proxy() {
    let app = app(common::jwt().certificate_bound_tokens());
    let bound = bound();
    for (case, peer, tls, sent, good) in [
        ("by a proxy", Some(PROXY), None, &[&OWN[..]][..], true),
        ("by TLS", Some(CLIENT), Some(&OWN[..]), &[], true),
        ("by TLS, peer unknown", None, Some(&OWN), &[], true),
        ("none", Some(CLIENT), None, &[], false),
        ("none by a proxy", Some(PROXY), None, &[], false),
        ("by the client itself", Some(CLIENT), None, &[&OWN], false),
        ("by nobody known", None, None, &[&OWN], false),
        ("another's", Some(PROXY), None, &[&OTHER], false),
        ("another's by TLS", Some(CLIENT), Some(&OTHER), &[], false),
        (
            "another's by TLS, and a header",
            Some(CLIENT),
            Some(&OTHER),
            &[&OWN],
            false,
        ),
        (
            "two, the client's first",
            Some(PROXY),
            None,
            &[&OWN, &OTHER],
            false,
        ),
        (
            "two, the client's last",
            Some(PROXY),
            None,
            &[&OTHER, &OWN],
            false,
        ),
        ("twice the same", Some(PROXY), None, &[&OWN, &OWN], false),
        ("the proxy's own", Some(PROXY), Some(&OWN), &[], false),
        (
            "behind the proxy's own",
            Some(PROXY),
            Some(&OTHER),
            &[&OWN],
            true,
        ),
        ("not a certificate", Some(PROXY), None, &[b"x"], false),
    ] {
        // Twice: the token is known the second time, the certificate is not.
        for _ in 0..2 {
            let status = send(&app, &bound, peer, tls, sent).await;
            let expected = if good {
                StatusCode::OK
            } else {
                StatusCode::UNAUTHORIZED
            };
            assert_eq!(status, expected, "{case}");
        }
    }
    // Who has a certificate may use tokens that are not bound to it.
    let free = token(&common::claims());
    let status = send(&app, &free, Some(PROXY), None, &[&OWN]).await;
    assert_eq!(status, StatusCode::OK);
}

#[tokio::test]
async fn mtl_01_without_the_option_bound_tokens_are_refused() {
    let app = app(common::jwt());
    let status = send(&app, &bound(), Some(PROXY), Some(&OWN), &[&OWN]).await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);
}
