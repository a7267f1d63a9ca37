//! Keys of one tenant at the doors of another.
#![allow(clippy::unwrap_used, reason = "a test may")]

mod common;

use apikey_layer::NewKey;
use auth_layer::{Identity, RequireAuth, request_host};
use axum::Router;
use axum::body::Body;
use axum::routing::get;
use common::*;
use http::Request;
use tower::ServiceExt;

async fn key_of(world: &World, tenant: Option<&str>) -> String {
    let mut owner = Identity::builder("session", "ann");
    if let Some(tenant) = tenant {
        owner = owner.tenant(tenant);
    }
    let owner = owner.build();
    let created = world.registry.create(&owner, NewKey::new("k"));
    created.await.unwrap().key.expose().to_owned()
}

async fn status(app: &Router, key: Option<&str>, host: &str, path: &str) -> u16 {
    let mut request = Request::get(path).header("host", host);
    if let Some(key) = key {
        request = request.header("x-api-key", key);
    }
    let request = request.body(Body::empty()).unwrap();
    app.clone()
        .oneshot(request)
        .await
        .unwrap()
        .status()
        .as_u16()
}

#[tokio::test]
async fn apk_10_a_key_opens_no_host_and_no_path_of_another_tenant() {
    let world = world();
    let by_host = RequireAuth::authenticated().tenant_from(|parts| {
        let name = request_host(parts)?.strip_suffix(".example.com")?;
        Some(name.to_owned())
    });
    let by_path = RequireAuth::authenticated().tenant_from(|parts| {
        let rest = parts.uri.path().strip_prefix("/tenants/")?;
        rest.split('/').next().map(str::to_owned)
    });
    let app = Router::new()
        .route("/reports", get(|| async {}))
        .route_layer(by_host)
        .merge(
            Router::new()
                .route("/tenants/{tenant}/reports", get(|| async {}))
                .route_layer(by_path),
        )
        .layer(world.keys.clone().into_layer());
    let acme = key_of(&world, Some("acme")).await;
    let globex = key_of(&world, Some("globex")).await;
    let nobodys = key_of(&world, None).await;
    let nameless = key_of(&world, Some("")).await;

    let path = "/tenants/acme/reports";
    for (key, host, path, expected) in [
        (&acme, "acme.example.com", "/reports", 200),
        (&acme, "acme.example.com:8443", "/reports", 200),
        (&globex, "globex.example.com", "/reports", 200),
        (&globex, "acme.example.com", "/reports", 403),
        (&nobodys, "acme.example.com", "/reports", 403),
        // No tenant in the host, or none that is clear.
        (&acme, "example.com", "/reports", 403),
        (&nobodys, "example.com", "/reports", 403),
        (&nameless, "example.com", "/reports", 403),
        (&acme, "acme.example.com.evil.example", "/reports", 403),
        (&acme, "acme.example.com@evil.example", "/reports", 403),
        (&acme, "x.acme.example.com", "/reports", 403),
        // Another spelling is another tenant, not the same by accident.
        (&acme, "ACME.example.com", "/reports", 403),
        (&acme, "any.example.com", path, 200),
        (&globex, "any.example.com", path, 403),
        (&nobodys, "any.example.com", path, 403),
        (&acme, "any.example.com", "/tenants/ACME/reports", 403),
        (&acme, "any.example.com", "/tenants/%61cme/reports", 403),
        (&acme, "any.example.com", "/tenants/acme%2fx/reports", 403),
        // What is in the query or in the host says nothing of a path.
        (
            &globex,
            "globex.example.com",
            "/tenants/acme/reports?tenant=globex",
            403,
        ),
    ] {
        let answer = status(&app, Some(key), host, path).await;
        assert_eq!(answer, expected, "{host} {path}");
    }
    // Who is nobody is asked to say who, before anything is said about tenants.
    for (host, path) in [("acme.example.com", "/reports"), ("x", path)] {
        assert_eq!(status(&app, None, host, path).await, 401);
        assert_eq!(status(&app, Some("sk_live_x"), host, path).await, 401);
    }
}
