//! Tokens with proofs of possession, over HTTP.
#![cfg(feature = "aws-lc")]
#![allow(clippy::unwrap_used, reason = "a test may")]

mod common;
#[path = "common/prover.rs"]
mod prover;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use auth_layer::{
    Identity, MemorySingleUse, RequireAuth, Requirement, SharedClock, SingleUse, SingleUseKey,
};
use axum::Router;
use axum::body::Body;
use axum::extract::OriginalUri;
use axum::routing;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use common::{AUDIENCE, ISSUER, NOW, SECRET, at, claims_with, token};
use http::{HeaderMap, Request, StatusCode, header};
use jwt_layer::{
    AccessTokenRequest, Algorithm, CertificateThumbprint, ClientCertificate, Dpop, DpopBuilder,
    Issuer, Jwt, MemoryRevocations, Revocations, SigningKey,
};
use proptest::prelude::{any, prop_assert, prop_assert_eq, proptest};
use prover::Prover;
use serde_json::{Value, json};
use tower::ServiceExt;

const ORIGIN: &str = "https://api.example.com";

fn builder() -> DpopBuilder {
    Dpop::builder(ORIGIN.parse().unwrap(), MemorySingleUse::new())
}

fn jwt(dpop: DpopBuilder) -> Jwt {
    common::jwt().dpop(dpop.build().unwrap())
}

fn app(jwt: &Jwt) -> Router {
    let who = routing::any(async |identity: Option<Identity>| {
        identity.map_or_else(String::new, |identity| identity.subject().to_owned())
    });
    let writers = RequireAuth::new(Requirement::scope("write"));
    Router::new()
        .route("/", who.clone())
        .route("/a/{*rest}", who.clone())
        .route("/write", who.layer(writers))
        .layer(jwt.clone().into_layer())
}

/// A token that is bound to the prover's key.
fn bound(prover: &Prover) -> String {
    token(&claims_with(json!({ "cnf": { "jkt": prover.jkt() } })))
}

struct Answer {
    status: StatusCode,
    headers: HeaderMap,
}

impl Answer {
    fn challenges(&self) -> Vec<&str> {
        let all = self.headers.get_all(header::WWW_AUTHENTICATE).iter();
        all.map(|value| value.to_str().unwrap()).collect()
    }

    /// The `error` of the challenge of this scheme.
    fn error_of(&self, scheme: &str) -> Option<String> {
        let challenges = self.challenges();
        let own = challenges.iter().find(|text| text.starts_with(scheme));
        let own = own.unwrap_or_else(|| panic!("no {scheme} in {challenges:?}"));
        let (_, rest) = own.split_once("error=\"")?;
        Some(rest.split_once('"').unwrap().0.to_owned())
    }
}

async fn send(app: &Router, authorization: &str, proofs: &[&str]) -> Answer {
    send_to(app, "/", &[], authorization, proofs).await
}

async fn send_to(
    app: &Router,
    uri: &str,
    headers: &[(&str, &str)],
    authorization: &str,
    proofs: &[&str],
) -> Answer {
    let mut req = Request::builder().uri(uri);
    req = req.header(header::AUTHORIZATION, authorization);
    for (name, value) in headers {
        req = req.header(*name, *value);
    }
    for proof in proofs {
        req = req.header("DPoP", *proof);
    }
    let req = req.body(Body::empty()).unwrap();
    let res = app.clone().oneshot(req).await.unwrap();
    Answer {
        status: res.status(),
        headers: res.headers().clone(),
    }
}

#[tokio::test]
async fn mtl_01_a_token_bound_to_key_and_certificate_needs_both() {
    let prover = Prover::new();
    let own = CertificateThumbprint::of_der(b"own").to_string();
    let token = token(&claims_with(
        json!({ "cnf": { "jkt": prover.jkt(), "x5t#S256": own } }),
    ));
    let app = app(&jwt(builder()).certificate_bound_tokens());
    for (id, scheme, certificate, status) in [
        ("1", "DPoP", Some(&b"own"[..]), StatusCode::OK),
        ("2", "DPoP", None, StatusCode::UNAUTHORIZED),
        ("3", "DPoP", Some(b"other"), StatusCode::UNAUTHORIZED),
        ("4", "Bearer", Some(b"own"), StatusCode::UNAUTHORIZED),
    ] {
        let mut req = Request::get("/")
            .header(header::AUTHORIZATION, format!("{scheme} {token}"))
            .header("DPoP", prover.proof(&token, id))
            .body(Body::empty())
            .unwrap();
        if let Some(certificate) = certificate {
            let certificate = ClientCertificate::of_der(certificate);
            req.extensions_mut().insert(certificate);
        }
        let res = app.clone().oneshot(req).await.unwrap();
        assert_eq!(res.status(), status, "{scheme} {certificate:?}");
    }
}

#[tokio::test]
async fn dpo_01_a_bound_token_is_good_with_its_proof_and_in_no_other_way() {
    let (prover, thief) = (Prover::new(), Prover::new());
    let app = app(&jwt(builder()));
    let (bound, free) = (bound(&prover), token(&common::claims()));
    let proof = |id| prover.proof(&bound, id);

    let good = send(&app, &format!("DPoP {bound}"), &[&proof("1")]).await;
    assert_eq!(good.status, StatusCode::OK);
    // The name of the scheme in any case; the token is known by now, the proof is not.
    let good = send(&app, &format!("dpop {bound}"), &[&proof("2")]).await;
    assert_eq!(good.status, StatusCode::OK);
    let good = send(&app, &format!("Bearer {free}"), &[]).await;
    assert_eq!(good.status, StatusCode::OK);

    for (case, authorization, proofs, dpop, bearer) in [
        (
            "as bearer",
            format!("Bearer {bound}"),
            vec![],
            None,
            Some("invalid_token"),
        ),
        (
            "as bearer with a proof",
            format!("Bearer {bound}"),
            vec![proof("3")],
            None,
            Some("invalid_token"),
        ),
        (
            "without a proof",
            format!("DPoP {bound}"),
            vec![],
            Some("invalid_dpop_proof"),
            None,
        ),
        (
            "by another key",
            format!("DPoP {bound}"),
            vec![thief.proof(&bound, "4")],
            Some("invalid_token"),
            None,
        ),
        (
            "an unbound token",
            format!("DPoP {free}"),
            vec![prover.proof(&free, "5")],
            Some("invalid_token"),
            None,
        ),
        (
            "not a token",
            "DPoP x".to_owned(),
            vec![proof("6")],
            Some("invalid_token"),
            None,
        ),
    ] {
        let proofs: Vec<&str> = proofs.iter().map(String::as_str).collect();
        let bad = send(&app, &authorization, &proofs).await;
        assert_eq!(bad.status, StatusCode::UNAUTHORIZED, "{case}");
        assert_eq!(bad.error_of("DPoP").as_deref(), dpop, "{case}");
        assert_eq!(bad.error_of("Bearer").as_deref(), bearer, "{case}");
        let challenges = bad.challenges().join(", ");
        assert!(challenges.contains("algs=\"EdDSA ES256"), "{challenges}");
        assert!(!challenges.contains("HS256"), "{challenges}");
    }
}

#[tokio::test]
async fn dpo_01_without_the_option_nothing_changes() {
    let prover = Prover::new();
    let app = app(&common::jwt());
    let bound = bound(&prover);
    let bad = send(&app, &format!("Bearer {bound}"), &[]).await;
    assert_eq!(bad.status, StatusCode::UNAUTHORIZED);
    assert_eq!(
        bad.challenges(),
        [r#"Bearer realm="api", error="invalid_token""#]
    );
    // Nobody's credential: anonymous, on a public route.
    let anonymous = send(
        &app,
        &format!("DPoP {bound}"),
        &[&prover.proof(&bound, "1")],
    )
    .await;
    assert_eq!(anonymous.status, StatusCode::OK);
    assert!(jwt(builder()).verify_token(&bound).await.is_err());
}

#[tokio::test]
async fn dpo_01_where_proofs_are_required_nothing_else_is_offered_or_taken() {
    let prover = Prover::new();
    let app = app(&jwt(builder().required()));
    let free = token(&common::claims());
    let bad = send(&app, &format!("Bearer {free}"), &[]).await;
    assert_eq!(bad.status, StatusCode::UNAUTHORIZED);
    assert_eq!(bad.error_of("DPoP").as_deref(), Some("invalid_token"));
    assert_eq!(bad.challenges().len(), 1);
    let bound = bound(&prover);
    let good = send(
        &app,
        &format!("DPoP {bound}"),
        &[&prover.proof(&bound, "1")],
    )
    .await;
    assert_eq!(good.status, StatusCode::OK);
}

#[tokio::test]
async fn dpo_02_a_proof_with_one_fault_is_refused() {
    let (prover, other) = (Prover::new(), Prover::new());
    let app = app(&jwt(builder()));
    let bound = bound(&prover);
    let header = |change: Value| {
        let mut header = prover.header();
        for (name, value) in change.as_object().unwrap() {
            header[name] = value.clone();
        }
        prover.sign(&header, &prover.claims(&bound, "h"))
    };
    let claims = |change: Value| {
        let mut claims = prover.claims(&bound, "c");
        for (name, value) in change.as_object().unwrap() {
            claims[name] = value.clone();
        }
        prover.sign(&prover.header(), &claims)
    };
    let mut private = prover.jwk();
    private["d"] = json!("AAAA");
    let proof = prover.proof(&bound, "p");
    let (signed, _) = proof.rsplit_once('.').unwrap();
    let long = "x".repeat(9000);
    for (case, proof) in [
        ("typ", header(json!({ "typ": "JWT" }))),
        ("alg none", header(json!({ "alg": "none" }))),
        (
            "symmetric",
            header(json!({ "alg": "HS256", "jwk": { "kty": "oct", "k": "AAAA" } })),
        ),
        ("private", header(json!({ "jwk": private }))),
        ("another's key", header(json!({ "jwk": other.jwk() }))),
        ("crit", header(json!({ "crit": ["exp"] }))),
        (
            "jwk by reference",
            header(json!({ "jwk": "https://evil.example/jwk" })),
        ),
        ("method", claims(json!({ "htm": "POST" }))),
        ("case of the method", claims(json!({ "htm": "get" }))),
        ("path", claims(json!({ "htu": format!("{ORIGIN}/write") }))),
        ("host", claims(json!({ "htu": "https://evil.example/" }))),
        (
            "scheme",
            claims(json!({ "htu": "http://api.example.com/" })),
        ),
        ("old", claims(json!({ "iat": NOW - 71 }))),
        ("future", claims(json!({ "iat": NOW + 11 }))),
        ("text as time", claims(json!({ "iat": NOW.to_string() }))),
        ("no ath", claims(json!({ "ath": null }))),
        (
            "ath of another",
            claims(json!({ "ath": prover.claims("x", "")["ath"] })),
        ),
        ("empty jti", claims(json!({ "jti": "" }))),
        ("no signature", signed.to_owned()),
        ("empty signature", format!("{signed}.")),
        ("too long", claims(json!({ "jti": long }))),
        ("nothing", String::new()),
        ("an access token", bound.clone()),
    ] {
        let bad = send(&app, &format!("DPoP {bound}"), &[&proof]).await;
        assert_eq!(bad.status, StatusCode::UNAUTHORIZED, "{case}");
        assert_eq!(
            bad.error_of("DPoP").as_deref(),
            Some("invalid_dpop_proof"),
            "{case}"
        );
    }
    // None of these has used up the id of a good one.
    for (case, proof) in [
        ("as old as it may be", claims(json!({ "iat": NOW - 70 }))),
        (
            "query",
            claims(json!({ "htu": format!("{ORIGIN}/?a=b"), "jti": "q" })),
        ),
        ("header", header(json!({}))),
        ("plain", proof.clone()),
    ] {
        let good = send(&app, &format!("DPoP {bound}"), &[&proof]).await;
        assert_eq!(good.status, StatusCode::OK, "{case}");
    }
    let bad = send(&app, &format!("DPoP {bound}"), &[&proof]).await;
    assert_eq!(bad.error_of("DPoP").as_deref(), Some("invalid_dpop_proof"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn dpo_02_of_many_parallel_uses_of_a_proof_one_is_good() {
    let prover = Prover::new();
    let used = MemorySingleUse::new();
    // Two nodes that share the store.
    let node = || {
        let dpop = Dpop::builder(ORIGIN.parse().unwrap(), used.clone());
        app(&jwt(dpop))
    };
    let nodes = [node(), node()];
    let bound = Arc::new(bound(&prover));
    let proof = Arc::new(prover.proof(&bound, "1"));
    let tasks: Vec<_> = (0..50)
        .map(|index| {
            let (app, bound, proof) = (nodes[index % 2].clone(), bound.clone(), proof.clone());
            tokio::spawn(
                async move { send(&app, &format!("DPoP {bound}"), &[&proof]).await.status },
            )
        })
        .collect();
    let mut good = 0;
    for task in tasks {
        good += usize::from(task.await.unwrap() == StatusCode::OK);
    }
    assert_eq!((good, used.len()), (1, 1));
}

struct Down;

impl SingleUse for Down {
    async fn claim(
        &self,
        _: &SingleUseKey,
        _: std::time::SystemTime,
        _: std::time::SystemTime,
    ) -> Result<bool, auth_layer::AuthError> {
        Err(auth_layer::AuthError::invalid("the store is confused"))
    }
}

#[tokio::test]
async fn dpo_02_a_store_that_cannot_be_asked_is_503() {
    let prover = Prover::new();
    let used = auth_layer::SharedSingleUse::new(Down);
    let app = app(&jwt(Dpop::builder(ORIGIN.parse().unwrap(), used)));
    let bound = bound(&prover);
    let bad = send(
        &app,
        &format!("DPoP {bound}"),
        &[&prover.proof(&bound, "1")],
    )
    .await;
    assert_eq!(bad.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(bad.challenges().is_empty());
}

#[tokio::test]
async fn dpo_02_a_revoked_token_is_refused_and_uses_no_proof() {
    let prover = Prover::new();
    let (used, revoked) = (MemorySingleUse::new(), Arc::new(MemoryRevocations::new()));
    let dpop = Dpop::builder(ORIGIN.parse().unwrap(), used.clone());
    let app = app(&jwt(dpop).revocations(revoked.clone()));
    let claims = claims_with(json!({ "jti": "t", "cnf": { "jkt": prover.jkt() } }));
    let bound = token(&claims);
    let send = async |id| send(&app, &format!("DPoP {bound}"), &[&prover.proof(&bound, id)]).await;
    assert_eq!(send("1").await.status, StatusCode::OK);
    revoked
        .revoke_token(ISSUER, "t", at(NOW + 600))
        .await
        .unwrap();
    let bad = send("2").await;
    assert_eq!(bad.status, StatusCode::UNAUTHORIZED);
    assert_eq!(bad.error_of("DPoP").as_deref(), Some("invalid_token"));
    assert_eq!(used.len(), 1);
}

#[tokio::test]
async fn dpo_03_headers_of_the_request_say_nothing_about_the_origin() {
    let prover = Prover::new();
    let app = app(&jwt(builder()));
    let bound = bound(&prover);
    let spoofed = [
        ("host", "evil.example"),
        ("forwarded", "host=evil.example;proto=http"),
        ("x-forwarded-host", "evil.example"),
        ("x-forwarded-proto", "http"),
        ("x-forwarded-prefix", "/evil"),
        ("x-original-url", "/evil"),
    ];
    let authorization = format!("DPoP {bound}");
    let good = prover.proof(&bound, "1");
    let good = send_to(&app, "/", &spoofed, &authorization, &[&good]).await;
    assert_eq!(good.status, StatusCode::OK);
    for htu in [
        "https://evil.example/",
        "http://evil.example/",
        "https://api.example.com/evil",
    ] {
        let mut claims = prover.claims(&bound, "2");
        claims["htu"] = json!(htu);
        let proof = prover.sign(&prover.header(), &claims);
        let bad = send_to(&app, "/", &spoofed, &authorization, &[&proof]).await;
        assert_eq!(bad.status, StatusCode::UNAUTHORIZED, "{htu}");
        // Nor does the request target, in absolute form.
        let target = "https://evil.example/";
        let bad = send_to(&app, target, &[], &authorization, &[&proof]).await;
        assert_eq!(bad.status, StatusCode::UNAUTHORIZED, "{htu}");
    }
}

#[tokio::test]
async fn dpo_03_nested_routers_and_prefixes_are_configured() {
    let prover = Prover::new();
    let bound = bound(&prover);
    let send = async |app: &Router, uri: &str, id: &str| {
        let mut claims = prover.claims(&bound, id);
        claims["htu"] = json!(format!("{ORIGIN}/api/a/b"));
        let proof = prover.sign(&prover.header(), &claims);
        let answer = send_to(app, uri, &[], &format!("DPoP {bound}"), &[&proof]).await;
        answer.status
    };
    let nested = |jwt: &Jwt| Router::new().nest("/api", app(jwt));
    let original = builder().original_uri(|parts| {
        let original = parts.extensions.get::<OriginalUri>();
        original.map(|original| original.0.clone())
    });
    for (case, app, uri, status) in [
        (
            "nested",
            nested(&jwt(builder())),
            "/api/a/b",
            StatusCode::UNAUTHORIZED,
        ),
        (
            "nested, told",
            nested(&jwt(original)),
            "/api/a/b",
            StatusCode::OK,
        ),
        (
            "stripped",
            app(&jwt(builder())),
            "/a/b",
            StatusCode::UNAUTHORIZED,
        ),
        (
            "stripped, told",
            app(&jwt(builder().mounted_at("/api/"))),
            "/a/b",
            StatusCode::OK,
        ),
    ] {
        assert_eq!(send(&app, uri, case).await, status, "{case}");
    }
    for wrong in ["api", "/api?", "/a b"] {
        let error = builder().mounted_at(wrong).build().unwrap_err();
        assert_eq!(error.option(), "mounted_at");
    }
}

#[tokio::test]
async fn dpo_04_two_proofs_are_a_bad_request() {
    let prover = Prover::new();
    let app = app(&jwt(builder()));
    let bound = bound(&prover);
    let (one, two) = (prover.proof(&bound, "1"), prover.proof(&bound, "2"));
    let authorization = format!("DPoP {bound}");
    for proofs in [[&*one, &*two], [&one, &one], ["", &one]] {
        let bad = send(&app, &authorization, &proofs).await;
        assert_eq!(bad.status, StatusCode::BAD_REQUEST);
    }
    let good = send(&app, &authorization, &[&one]).await;
    assert_eq!(good.status, StatusCode::OK);
}

#[tokio::test]
async fn dpo_04_a_needed_nonce_is_told_and_the_second_try_is_good() {
    let now = Arc::new(AtomicU64::new(NOW));
    let clock = SharedClock::new({
        let now = Arc::clone(&now);
        move || at(now.load(Ordering::Relaxed))
    });
    let prover = Prover::new();
    let bound = bound(&prover);
    let nonces = builder().nonces([9; 32], Duration::from_secs(120));
    let app = app(&jwt(nonces).clock(clock));
    let authorization = format!("DPoP {bound}");
    let proof = |id: &str, nonce: &str| {
        let mut claims = prover.claims(&bound, id);
        claims["nonce"] = json!(nonce);
        claims["iat"] = json!(now.load(Ordering::Relaxed));
        prover.sign(&prover.header(), &claims)
    };
    let nonce_of = |answer: &Answer| answer.headers["dpop-nonce"].to_str().unwrap().to_owned();

    let asked = send(&app, &authorization, &[&prover.proof(&bound, "1")]).await;
    assert_eq!(asked.status, StatusCode::UNAUTHORIZED);
    assert_eq!(asked.error_of("DPoP").as_deref(), Some("use_dpop_nonce"));
    assert_eq!(asked.error_of("Bearer"), None);
    let first = nonce_of(&asked);
    // The id was not used up: the client may try the very same once more, with the nonce.
    let good = send(&app, &authorization, &[&proof("1", &first)]).await;
    assert_eq!(good.status, StatusCode::OK);
    assert_eq!(nonce_of(&good), first);

    // The response brings the next one before the first has ended.
    now.fetch_add(90, Ordering::Relaxed);
    let good = send(&app, &authorization, &[&proof("2", &first)]).await;
    assert_eq!(good.status, StatusCode::OK);
    let second = nonce_of(&good);
    assert_ne!(second, first);
    now.fetch_add(60, Ordering::Relaxed);
    let asked = send(&app, &authorization, &[&proof("3", &first)]).await;
    assert_eq!(asked.error_of("DPoP").as_deref(), Some("use_dpop_nonce"));
    let good = send(&app, &authorization, &[&proof("4", &second)]).await;
    assert_eq!(good.status, StatusCode::OK);

    // A proof that is refused for another reason brings none.
    let bad = send(&app, &authorization, &[&proof("4", &second)]).await;
    assert_eq!(bad.status, StatusCode::UNAUTHORIZED);
    assert!(!bad.headers.contains_key("dpop-nonce"));

    // Whoever uses no proofs is told no nonce.
    let free = token(&common::claims());
    let good = send(&app, &format!("Bearer {free}"), &[]).await;
    assert!(!good.headers.contains_key("dpop-nonce"));
}

#[tokio::test]
async fn what_a_bound_identity_lacks_is_told_by_the_scheme_it_came_by() {
    let prover = Prover::new();
    let app = app(&jwt(builder()));
    let bound = bound(&prover);
    let mut claims = prover.claims(&bound, "1");
    claims["htu"] = json!(format!("{ORIGIN}/write"));
    let proof = prover.sign(&prover.header(), &claims);
    let lacks = send_to(&app, "/write", &[], &format!("DPoP {bound}"), &[&proof]).await;
    assert_eq!(lacks.status, StatusCode::FORBIDDEN);
    assert_eq!(
        lacks.error_of("DPoP").as_deref(),
        Some("insufficient_scope")
    );
}

#[tokio::test]
async fn dpo_01_a_token_is_issued_for_the_key_that_asked_for_it() {
    let clock = common::clock();
    let endpoint = builder().clock(clock.clone()).build().unwrap();
    let secret = SigningKey::from_secret(Algorithm::Hs256, &SECRET).unwrap();
    let issuer = Issuer::builder(ISSUER, AUDIENCE, secret).clock(clock.clone());
    let issuer = issuer.build().unwrap();
    let prover = Prover::new();

    let ask = async |method: &str, claims: &Value| {
        let proof = prover.sign(&prover.header(), claims);
        let req = Request::builder()
            .method(method)
            .uri("/token")
            .header("dpop", proof);
        let (parts, ()) = req.body(()).unwrap().into_parts();
        match endpoint.verify_token_request(&parts)? {
            Some(proof) => proof.use_up().await,
            None => panic!("there is a proof"),
        }
    };
    let claims = json!({ "jti": "1", "htm": "POST", "htu": format!("{ORIGIN}/token"), "iat": NOW });
    assert!(ask("GET", &claims).await.is_err());
    let key = ask("POST", &claims).await.unwrap();
    assert_eq!(key.to_string(), prover.jkt());
    let again = ask("POST", &claims).await.unwrap_err();
    let challenge: Vec<_> = endpoint.challenge(Some(&again)).into_iter().collect();
    assert!(
        challenge[0]
            .to_str()
            .unwrap()
            .contains("invalid_dpop_proof")
    );
    let (parts, ()) = Request::new(()).into_parts();
    assert!(endpoint.verify_token_request(&parts).unwrap().is_none());

    let bound = issuer
        .issue(&AccessTokenRequest::new("alice").bound_to(key))
        .unwrap();
    assert_eq!(bound.token_type(), "DPoP");
    let resource = Jwt::new(issuer.policy().build().unwrap(), issuer.verifying_keys());
    let resource = resource.clock(clock).dpop(builder().build().unwrap());
    let app = app(&resource);
    let proof = prover.proof(bound.expose(), "2");
    let good = send(&app, &format!("DPoP {}", bound.expose()), &[&proof]).await;
    assert_eq!(good.status, StatusCode::OK);
    let bad = send(&app, &format!("Bearer {}", bound.expose()), &[]).await;
    assert_eq!(bad.status, StatusCode::UNAUTHORIZED);

    let free = issuer.issue(&AccessTokenRequest::new("alice")).unwrap();
    assert_eq!(free.token_type(), "Bearer");
}

#[tokio::test]
async fn dpo_02_a_token_request_is_remembered_only_once_its_grant_is_good() {
    let now = Arc::new(AtomicU64::new(NOW));
    let clock = SharedClock::new({
        let now = Arc::clone(&now);
        move || at(now.load(Ordering::Relaxed))
    });
    let used = MemorySingleUse::with_capacity(2).unwrap();
    let dpop = Dpop::builder(ORIGIN.parse().unwrap(), used.clone());
    let endpoint = dpop.clock(clock).build().unwrap();
    let prover = Prover::new();
    let verify = |id: &str| {
        let claims =
            json!({ "jti": id, "htm": "POST", "htu": format!("{ORIGIN}/token"), "iat": NOW });
        let proof = prover.sign(&prover.header(), &claims);
        let req = Request::post("/token").header("dpop", proof).body(());
        let (parts, ()) = req.unwrap().into_parts();
        endpoint.verify_token_request(&parts).unwrap().unwrap()
    };
    // Strangers, of whom nothing is known but that they can make keys.
    for id in 0..10 {
        assert_eq!(
            verify(&format!("stranger {id}")).key().to_string(),
            prover.jkt()
        );
    }
    assert_eq!(used.len(), 0);
    // Two requests with one proof: one of them is granted.
    let (first, second) = (verify("client"), verify("client"));
    assert_eq!(first.use_up().await.unwrap().to_string(), prover.jkt());
    let bad = second.use_up().await.unwrap_err();
    assert_eq!(bad.reason(), "dpop_used_before");
    assert_eq!(used.len(), 1);
    // One whose grant took longer than the store remembers.
    let slow = verify("slow");
    now.fetch_add(80, Ordering::Relaxed);
    let bad = slow.use_up().await.unwrap_err();
    assert_eq!(bad.reason(), "dpop_ended_meanwhile");
}

#[tokio::test]
async fn dpo_04_a_token_endpoint_tells_the_nonce_with_its_success_too() {
    let endpoint = builder().clock(common::clock());
    let without = endpoint.build().unwrap();
    assert_eq!(without.nonce_header(), None);
    let nonces = builder().nonces([9; 32], Duration::from_secs(120));
    let endpoint = nonces.clock(common::clock()).build().unwrap();
    let (name, nonce) = endpoint.nonce_header().unwrap();
    assert_eq!(name, "dpop-nonce");
    let prover = Prover::new();
    let verify = |nonce: &str| {
        let mut claims = prover.claims("", "1");
        claims["nonce"] = json!(nonce);
        let proof = prover.sign(&prover.header(), &claims);
        let req = Request::get("/").header("dpop", proof).body(()).unwrap();
        endpoint.verify_token_request(&req.into_parts().0).map(drop)
    };
    assert!(verify(nonce.to_str().unwrap()).is_ok());
    let bad = verify("another").unwrap_err();
    assert_eq!(bad.kind(), auth_layer::AuthErrorKind::Stale);
}

#[tokio::test]
async fn dpo_02_a_proof_does_not_pass_two_layers() {
    let prover = Prover::new();
    let jwt = jwt(builder());
    let app = app(&jwt).layer(jwt.into_layer());
    let free = token(&common::claims());
    let good = send(&app, &format!("Bearer {free}"), &[]).await;
    assert_eq!(good.status, StatusCode::OK);
    let bound = bound(&prover);
    let proof = prover.proof(&bound, "1");
    let bad = send(&app, &format!("DPoP {bound}"), &[&proof]).await;
    assert_eq!(bad.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_proof_and_its_token_are_marked_as_secrets_before_the_handler_sees_them() {
    let prover = Prover::new();
    let bound = bound(&prover);
    let handler = routing::get(async |headers: HeaderMap| {
        assert!(headers["authorization"].is_sensitive());
        assert!(headers["dpop"].is_sensitive());
    });
    let app = Router::new()
        .route("/", handler)
        .layer(jwt(builder()).into_layer());
    let proof = prover.proof(&bound, "1");
    let good = send(&app, &format!("DPoP {bound}"), &[&proof]).await;
    assert_eq!(good.status, StatusCode::OK);
}

/// Judges a proof as a token endpoint does.
fn judge(dpop: &Dpop, proof: &[u8]) -> Option<Result<(), auth_layer::AuthError>> {
    let value = http::HeaderValue::from_bytes(proof).ok()?;
    let req = Request::get("/").header("dpop", value).body(()).unwrap();
    let (parts, ()) = req.into_parts();
    Some(dpop.verify_token_request(&parts).map(drop))
}

proptest! {
    #[test]
    fn dpo_02_no_changed_byte_of_a_proof_goes_unnoticed(at in 0_usize..10_000, byte: u8) {
        let prover = Prover::new();
        let dpop = builder().clock(common::clock()).build().unwrap();
        let good = prover.proof("", "1");
        let mut forged = good.clone().into_bytes();
        let at = at % forged.len();
        forged[at] = byte;
        if let Some(judged) = judge(&dpop, &forged) {
            prop_assert_eq!(judged.is_ok(), forged == good.as_bytes());
        }
    }

    #[test]
    fn dpo_02_no_text_is_a_proof(parts in proptest::collection::vec(any::<Vec<u8>>(), 0..4)) {
        let dpop = builder().clock(common::clock()).build().unwrap();
        let text = parts.iter().map(|part| URL_SAFE_NO_PAD.encode(part));
        let text = text.collect::<Vec<_>>().join(".");
        prop_assert!(judge(&dpop, text.as_bytes()).is_none_or(|judged| judged.is_err()));
    }
}
