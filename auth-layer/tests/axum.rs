//! Guards and extractors in axum routers.
#![cfg(feature = "axum")]
#![allow(clippy::unwrap_used, reason = "a test may")]

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use auth_layer::{
    AuthError, AuthLayer, Claims, CurrentUser, Factor, FactorKind, FromIdentity, Identity,
    LoginRedirect, RequireAuth, Required, Requirement, Unauthenticated, scheme_fn,
};
use axum::body::Body;
use axum::extract::{OriginalUri, State};
use axum::http::{Request, Response};
use axum::middleware::{Next, from_fn};
use axum::routing::{any, get};
use axum::{Json, Router};
use bytes::Bytes;
use common::{HeaderScheme, challenges, code, send};
use http_body_util::BodyExt;
use serde::Deserialize;

async fn ask(app: &Router, req: Request<Body>) -> Response<Bytes> {
    let (parts, body) = send(app, req).await.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    Response::from_parts(parts, body)
}

fn request(method: &str, uri: &str, headers: &[(&str, &str)]) -> Request<Body> {
    let mut req = Request::builder().method(method).uri(uri);
    for (name, value) in headers {
        req = req.header(*name, *value);
    }
    req.body(Body::empty()).unwrap()
}

async fn ask_get(app: &Router, uri: &str, headers: &[(&str, &str)]) -> Response<Bytes> {
    ask(app, request("GET", uri, headers)).await
}

fn layer() -> AuthLayer<HeaderScheme> {
    AuthLayer::new(HeaderScheme("one"))
}

#[tokio::test]
async fn x_01_no_spelling_of_a_path_gets_around_its_guard() {
    let secret = || any(|| async { "secret" });
    let inner = Router::new()
        .route("/p", secret())
        .route("/q/{*rest}", secret())
        .route_layer(RequireAuth::authenticated());
    let app = Router::new()
        .route("/p", secret().layer(RequireAuth::authenticated()))
        .nest("/nested", inner.clone())
        .nest_service("/service", inner.clone())
        .merge(
            Router::new()
                .route("/merged/p", secret())
                .route_layer(RequireAuth::authenticated()),
        )
        .route("/public", get(|| async { "public" }))
        .fallback_service(
            tower::ServiceBuilder::new()
                .layer(RequireAuth::authenticated())
                .service(inner),
        )
        .layer(layer());

    for path in [
        "/p",
        "//p",
        "/p/",
        "/./p",
        "/a/../p",
        "/public/../p",
        "/%70",
        "/P",
        "/p%2f",
        "/p;x=1",
        "/p%0a",
        "/p%00",
        "/%2e/p",
        "/p?public",
        "/p?/public",
        "/p#/public",
        "/nested/p",
        "/nested//p",
        "/nested/q/public",
        "/nested/q/../../public",
        "/service/p",
        "/service//p",
        "/merged/p",
        "/public%2f..%2fp",
        "http://elsewhere.example/p",
        "http://elsewhere.example/public/../p",
    ] {
        for method in ["GET", "HEAD", "POST", "OPTIONS", "TRACE", "PUT", "BREW"] {
            for headers in [
                &[][..],
                &[
                    ("x-http-method-override", "OPTIONS"),
                    ("x-original-url", "/public"),
                ],
                &[("upgrade", "websocket"), ("connection", "upgrade")],
                &[
                    ("user-agent", "GoogleHC/1.0"),
                    ("x-forwarded-uri", "/public"),
                ],
            ] {
                let res = ask(&app, request(method, path, headers)).await;
                let case = format!("{method} {path} {headers:?}");
                assert_ne!(res.body(), "secret", "{case}");
                assert!(
                    matches!(res.status().as_u16(), 401 | 404),
                    "{case}: {}",
                    res.status()
                );
            }
        }
    }
    for path in ["/p", "/nested/p", "/service/p", "/merged/p"] {
        assert_eq!(ask_get(&app, path, &[]).await.status(), 401, "{path}");
        assert_eq!(
            ask_get(&app, path, &[("one", "ann")]).await.body(),
            "secret",
            "{path}"
        );
    }
    assert_eq!(ask_get(&app, "/public", &[]).await.body(), "public");
}

#[tokio::test]
async fn x_03_only_the_route_decides_what_is_public() {
    let app = Router::new()
        .route("/metrics", get(|| async { "secret" }))
        .route_layer(RequireAuth::authenticated())
        .route("/healthz", get(|| async { "alive" }))
        .layer(layer());
    for agent in ["kube-probe/1.30", "GoogleHC/1.0", "ELB-HealthChecker/2.0"] {
        let headers = [("user-agent", agent), ("x-health-check", "1")];
        assert_eq!(ask_get(&app, "/metrics", &headers).await.status(), 401);
    }
    assert_eq!(ask_get(&app, "/healthz", &[]).await.body(), "alive");
}

#[tokio::test]
async fn x_04_layers_in_the_wrong_order_deny() {
    let handler = || get(|| async { "secret" });
    let extractor = || get(|_: Identity| async { "secret" });
    let guard = RequireAuth::authenticated;

    for (wiring, app, anonymous, known) in [
        (
            "right",
            Router::new()
                .route("/", handler())
                .layer(guard())
                .layer(layer()),
            401,
            200,
        ),
        (
            "guard outside of the layer",
            Router::new()
                .route("/", handler())
                .layer(layer())
                .layer(guard()),
            500,
            500,
        ),
        (
            "no layer",
            Router::new().route("/", handler()).layer(guard()),
            500,
            500,
        ),
        (
            "layer before the route",
            Router::new()
                .layer(layer())
                .route("/", handler())
                .route_layer(guard()),
            500,
            500,
        ),
        (
            "extractor without layer",
            Router::new().route("/", extractor()),
            500,
            500,
        ),
        (
            "extractor, layer before the route",
            Router::new().layer(layer()).route("/", extractor()),
            500,
            500,
        ),
        (
            "extractor",
            Router::new().route("/", extractor()).layer(layer()),
            401,
            200,
        ),
        (
            "guards twice",
            Router::new()
                .route("/", extractor().layer(guard()))
                .route_layer(guard())
                .layer(layer()),
            401,
            200,
        ),
    ] {
        for (headers, expected) in [(&[][..], anonymous), (&[("one", "ann")], known)] {
            let res = ask_get(&app, "/", headers).await;
            assert_eq!(res.status().as_u16(), expected, "{wiring} {headers:?}");
            if expected == 500 {
                assert_eq!(code(&res), "internal_error", "{wiring}");
                assert_ne!(res.body(), "secret", "{wiring}");
            }
        }
    }
}

#[tokio::test]
async fn identity_is_401_optional_identity_is_none_and_a_bad_credential_neither() {
    let app = Router::new()
        .route(
            "/must",
            get(|who: Identity| async move { who.subject().to_owned() }),
        )
        .route(
            "/may",
            get(|who: Option<Identity>| async move {
                who.map_or("nobody".to_owned(), |who| who.subject().to_owned())
            }),
        )
        .layer(layer());
    for (uri, credential, status, body) in [
        ("/must", None, 401, ""),
        ("/must", Some("ann"), 200, "ann"),
        ("/must", Some("invalid"), 401, ""),
        ("/may", None, 200, "nobody"),
        ("/may", Some("ann"), 200, "ann"),
        ("/may", Some("invalid"), 401, ""),
        ("/may", Some("unavailable"), 503, ""),
    ] {
        let headers: Vec<_> = credential.map(|c| ("one", c)).into_iter().collect();
        let res = ask_get(&app, uri, &headers).await;
        assert_eq!(res.status(), status, "{uri} {credential:?}");
        if status == 200 {
            assert_eq!(res.body(), body, "{uri} {credential:?}");
        }
        assert_eq!(
            challenges(&res).is_empty(),
            status != 401,
            "{uri} {credential:?}"
        );
    }
}

#[tokio::test]
async fn a_handler_may_return_the_errors() {
    let app = Router::new()
        .route("/a", get(|| async { Err::<(), _>(Unauthenticated) }))
        .route(
            "/b",
            get(|| async { Err::<(), _>(AuthError::unavailable("x")) }),
        )
        .layer(layer());
    let res = ask_get(&app, "/a", &[]).await;
    assert_eq!(
        (code(&res).as_str(), challenges(&res)),
        ("unauthenticated", vec!["one"])
    );
    assert_eq!(
        code(&ask_get(&app, "/b", &[]).await),
        "temporarily_unavailable"
    );
}

auth_layer::requirement! {
    /// Reads and is fresh.
    FreshReader = Requirement::scope("read")
        .and(Requirement::factor_within(FactorKind::Password, Duration::from_secs(60)))
}

#[tokio::test]
async fn stp_03_requirements_stand_in_the_signature_and_follow_the_clock_of_the_layer() {
    let now = |seconds| UNIX_EPOCH + Duration::from_secs(seconds);
    let scheme = || {
        scheme_fn(
            "one",
            |parts| Ok(parts.headers.get("scopes").cloned()),
            move |scopes| async move {
                Ok(Identity::builder("one", "ann")
                    .scopes(scopes.to_str().unwrap().parse().unwrap())
                    .factor(Factor::new(FactorKind::Password, now(1_000)))
                    .build())
            },
        )
    };
    let app = |at: SystemTime| {
        Router::new()
            .route(
                "/",
                get(|who: Required<FreshReader>| async move { who.subject().to_owned() }),
            )
            .layer(AuthLayer::new(scheme()).clock(auth_layer::SharedClock::new(move || at)))
    };
    for (at, scopes, expected) in [
        (1_060, "read write", "ann"),
        (1_060, "write", "insufficient_scope"),
        (1_061, "read", "insufficient_user_authentication"),
    ] {
        let res = ask_get(&app(now(at)), "/", &[("scopes", scopes)]).await;
        if expected == "ann" {
            assert_eq!(res.body(), expected);
        } else {
            assert_eq!(code(&res), expected);
        }
    }
    let res = ask_get(&app(now(1_061)), "/", &[("scopes", "read")]).await;
    let body: serde_json::Value = serde_json::from_slice(res.body()).unwrap();
    assert_eq!((res.status().as_u16(), &body["max_age"]), (401, &60.into()));
}

#[derive(Clone, Default)]
struct Users {
    loads: Arc<AtomicUsize>,
}

struct User {
    name: String,
}

impl FromIdentity<Users> for User {
    type Rejection = AuthError;

    async fn from_identity(identity: &Identity, users: &Users) -> Result<Self, AuthError> {
        users.loads.fetch_add(1, Ordering::Relaxed);
        match identity.subject() {
            "gone" => Err(AuthError::invalid("unknown_user")),
            name => Ok(Self {
                name: name.to_uppercase(),
            }),
        }
    }
}

#[tokio::test]
async fn the_user_is_loaded_when_asked_for_and_once_a_request() {
    async fn audit(
        State(_): State<Users>,
        user: Option<CurrentUser<User>>,
        req: Request<Body>,
        next: Next,
    ) -> axum::response::Response {
        drop(user);
        next.run(req).await
    }

    let users = Users::default();
    let app = Router::new()
        .route(
            "/twice",
            get(|a: CurrentUser<User>, b: CurrentUser<User>| async move {
                format!("{} {}", a.name, b.name)
            }),
        )
        .route("/never", get(|_: Identity| async { "fine" }))
        .route_layer(axum::middleware::from_fn_with_state(users.clone(), audit))
        .with_state(users.clone())
        .route("/unasked", get(|_: Identity| async { "fine" }))
        .layer(layer());
    for (uri, who, status, loads) in [
        ("/twice", Some("ann"), 200, 1),
        ("/never", Some("ann"), 200, 1),
        ("/unasked", Some("ann"), 200, 0),
        ("/twice", None, 401, 0),
        ("/twice", Some("gone"), 401, 1),
    ] {
        users.loads.store(0, Ordering::Relaxed);
        let headers: Vec<_> = who.map(|who| ("one", who)).into_iter().collect();
        let res = ask_get(&app, uri, &headers).await;
        assert_eq!(res.status(), status, "{uri} {who:?}");
        assert_eq!(users.loads.load(Ordering::Relaxed), loads, "{uri} {who:?}");
    }
    assert_eq!(
        ask_get(&app, "/twice", &[("one", "ann")]).await.body(),
        "ANN ANN"
    );
}

#[tokio::test]
async fn claims_are_read_as_the_handlers_own_type() {
    #[derive(Deserialize)]
    struct Plan {
        plan: Option<String>,
    }

    let scheme = scheme_fn(
        "claims",
        |parts| Ok(parts.headers.get("claims").cloned()),
        |claims| async move {
            let claims = Bytes::copy_from_slice(claims.as_bytes());
            let identity = Identity::builder("claims", "ann");
            Ok(if claims.is_empty() {
                identity
            } else {
                identity.raw_claims(claims)
            }
            .build())
        },
    );
    let app = Router::new()
        .route(
            "/",
            get(|Claims(plan): Claims<Plan>| async move { Json(plan.plan) }),
        )
        .layer(AuthLayer::new(scheme));
    for (claims, status, body) in [
        (r#"{"plan":"pro","other":1}"#, 200, r#""pro""#),
        (r#"{}"#, 200, "null"),
        ("", 200, "null"),
        (r#"{"plan":5}"#, 403, ""),
    ] {
        let res = ask_get(&app, "/", &[("claims", claims)]).await;
        assert_eq!(res.status(), status, "{claims}");
        if status == 200 {
            assert_eq!(res.body(), body, "{claims}");
        }
    }
    assert_eq!(ask_get(&app, "/", &[]).await.status(), 401);
}

#[tokio::test]
async fn navigations_go_to_the_login_page_and_nothing_else_does() {
    let redirect = LoginRedirect::to("/login")
        .unwrap()
        .original_uri(|extensions| extensions.get::<OriginalUri>().map(|uri| &uri.0));
    let inner = Router::new()
        .route("/page", any(|| async { "secret" }))
        .route_layer(RequireAuth::role("admin").redirect(redirect));
    let app = Router::new().nest("/app", inner).layer(layer());
    let html = ("accept", "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8");
    let navigate = ("sec-fetch-mode", "navigate");

    for (method, uri, headers, expected) in [
        (
            "GET",
            "/app/page?a=1&b=%2F",
            &[html][..],
            Some("/login?return_to=%2Fapp%2Fpage%3Fa%3D1%26b%3D%252F"),
        ),
        (
            "GET",
            "/app/page",
            &[navigate],
            Some("/login?return_to=%2Fapp%2Fpage"),
        ),
        (
            "HEAD",
            "/app/page",
            &[navigate],
            Some("/login?return_to=%2Fapp%2Fpage"),
        ),
        // What cannot be returned to safely is left out.
        (
            "GET",
            "/app/page?a=%",
            &[html],
            Some("/login?return_to=%2Fapp%2Fpage%3Fa%3D%25"),
        ),
        ("GET", "/app/page?a={b}", &[html], Some("/login")),
        // A referer is never followed.
        (
            "GET",
            "/app/page",
            &[html, ("referer", "https://evil.example/")],
            Some("/login?return_to=%2Fapp%2Fpage"),
        ),
        ("POST", "/app/page", &[html], None),
        (
            "GET",
            "/app/page",
            &[html, ("sec-fetch-mode", "cors")],
            None,
        ),
        ("GET", "/app/page", &[("accept", "application/json")], None),
        ("GET", "/app/page", &[("accept", "*/*")], None),
        ("GET", "/app/page", &[], None),
        (
            "GET",
            "/app/page",
            &[html, ("authorization", "Bearer x")],
            None,
        ),
    ] {
        let res = ask(&app, request(method, uri, headers)).await;
        let location = res.headers().get("location").map(|l| l.to_str().unwrap());
        assert_eq!(location, expected, "{method} {uri} {headers:?}");
        assert_eq!(
            res.status().as_u16(),
            if expected.is_some() { 303 } else { 401 }
        );
        assert_eq!(challenges(&res).is_empty(), expected.is_some());
    }
    // Somebody who is logged in and may not is told so.
    let res = ask(&app, request("GET", "/app/page", &[html, ("one", "ann")])).await;
    assert_eq!(res.status(), 403);
}

#[test]
fn a_login_page_elsewhere_must_be_https() {
    for page in ["/login", "/login?a=b", "https://id.example.com/login"] {
        LoginRedirect::to(page).unwrap();
    }
    for page in [
        "",
        "login",
        "//evil.example",
        "/\\evil",
        "http://id.example.com",
        "javascript:x",
        "https:evil",
    ] {
        let error = LoginRedirect::to(page).unwrap_err();
        assert_eq!(error.option(), "LoginRedirect::to", "{page}");
    }
}

#[tokio::test]
async fn red_02_red_04_a_redirect_goes_to_the_login_whatever_the_uri_and_the_referrer() {
    let redirect = LoginRedirect::to("/login").unwrap();
    let app = Router::new()
        .fallback(|| async { "secret" })
        .layer(RequireAuth::authenticated().redirect(redirect))
        .layer(layer());
    for uri in [
        "*",
        "/",
        "/?%",
        "/%ff",
        "http://a.example",
        "/?return_to=//evil",
    ] {
        let referrer = ("referer", "https://referrer.example/page");
        let req = request("GET", uri, &[("accept", "text/html"), referrer]);
        let res = ask(&app, req).await;
        assert_eq!(res.status(), 303, "{uri}");
        let location = res.headers()["location"].to_str().unwrap().to_owned();
        assert!(location.starts_with("/login"), "{uri}: {location}");
        assert!(!location.contains("referrer"), "{uri}: {location}");
    }
}

#[tokio::test]
async fn from_fn_middleware_sees_the_identity_too() {
    let app = Router::new()
        .route("/", get(|| async { "secret" }))
        .layer(from_fn(
            |who: Identity, req: Request<Body>, next: Next| async move {
                assert_eq!(who.subject(), "ann");
                next.run(req).await
            },
        ))
        .layer(layer());
    assert_eq!(ask_get(&app, "/", &[("one", "ann")]).await.body(), "secret");
    assert_eq!(ask_get(&app, "/", &[]).await.status(), 401);
}
