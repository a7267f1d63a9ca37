//! Asking the issuer about tokens (RFC 7662), against servers that misbehave.
#![cfg(all(feature = "remote", feature = "reqwest"))]
#![allow(clippy::unwrap_used, reason = "a test may")]

mod common;
#[path = "common/prover.rs"]
mod prover;
#[path = "common/server.rs"]
mod server;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use auth_layer::{
    AuthError, AuthLayer, Identity, MemorySingleUse, RequireAuth, Requirement, SharedClock,
};
use axum::Router;
use axum::body::Body;
use axum::routing::get;
use bytes::Bytes;
use common::kinds::{introspection_claims, introspections, sign, verifier, with};
use common::{AUDIENCE, ISSUER, NOW, at, claims, forge, token};
use http::{Request, Response, StatusCode, header};
use jwt_layer::{
    ClientAuthentication, ClientCertificate, Dpop, HttpClient, HttpError, HttpLimits,
    Introspection, IntrospectionBuilder, IssuedToken, MemoryRevocations, ReqwestClient,
    Revocations, SecureUrl, SharedRevocations, SubjectRevocation,
};
use serde_json::{Value, json};
use server::{Answer, Server};
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tower::ServiceExt;

struct Time(Arc<AtomicU64>);

impl Time {
    fn new() -> Self {
        Self(Arc::new(AtomicU64::new(NOW)))
    }

    fn clock(&self) -> SharedClock {
        let now = Arc::clone(&self.0);
        SharedClock::new(move || at(now.load(Ordering::Relaxed)))
    }

    fn pass(&self, seconds: u64) {
        self.0.fetch_add(seconds, Ordering::Relaxed);
    }
}

fn builder(server: &Server, time: &Time) -> IntrospectionBuilder {
    let endpoint: SecureUrl = format!("{}/introspect", server.url).parse().unwrap();
    Introspection::builder(ISSUER, AUDIENCE, endpoint)
        .client_authentication(ClientAuthentication::basic("a:pi", "s%cret"))
        .http_client(ReqwestClient::new().unwrap())
        .clock(time.clock())
}

fn app(builder: IntrospectionBuilder) -> Router {
    let writers = RequireAuth::new(Requirement::scope("write"));
    let who = get(async |identity: Option<Identity>| {
        identity.map_or_else(String::new, |identity| identity.subject().to_owned())
    });
    Router::new()
        .route("/", who.clone())
        .route("/write", who.layer(writers))
        .layer(builder.build().unwrap().into_layer())
}

async fn send_to(app: &Router, uri: &str, token: &str) -> StatusCode {
    let req = Request::builder()
        .uri(uri)
        .header(header::AUTHORIZATION, format!("Bearer {token}"));
    let req = req.body(Body::empty()).unwrap();
    app.clone().oneshot(req).await.unwrap().status()
}

async fn send(app: &Router, token: &str) -> StatusCode {
    send_to(app, "/", token).await
}

/// A good answer with some members replaced; `null` takes one away.
#[allow(clippy::needless_pass_by_value, reason = "`json!` is written in place")]
fn answer(changes: Value) -> Answer {
    let mut answer = json!({
        "active": true, "iss": ISSUER, "aud": [AUDIENCE], "sub": "alice", "client_id": "app",
        "scope": "read", "exp": NOW + 600, "iat": NOW, "token_type": "Bearer",
    });
    for (name, value) in changes.as_object().unwrap() {
        if value.is_null() {
            answer.as_object_mut().unwrap().remove(name);
        } else {
            answer[name] = value.clone();
        }
    }
    Answer::Json(answer.to_string())
}

#[tokio::test]
async fn oau_28_only_an_active_token_for_this_service_is_good() {
    let server = Server::start(answer(json!({}))).await;
    for (changes, status) in [
        (json!({}), StatusCode::OK),
        (
            json!({ "iss": null, "exp": null, "token_type": null, "iat": null }),
            StatusCode::OK,
        ),
        (json!({ "aud": AUDIENCE }), StatusCode::OK),
        (json!({ "active": false }), StatusCode::UNAUTHORIZED),
        (json!({ "active": null }), StatusCode::UNAUTHORIZED),
        (
            json!({ "iss": "https://evil.example" }),
            StatusCode::UNAUTHORIZED,
        ),
        (
            json!({ "aud": "https://other.example" }),
            StatusCode::UNAUTHORIZED,
        ),
        (json!({ "aud": [] }), StatusCode::UNAUTHORIZED),
        (json!({ "aud": null }), StatusCode::UNAUTHORIZED),
        (json!({ "exp": NOW }), StatusCode::UNAUTHORIZED),
        (json!({ "exp": NOW - 1 }), StatusCode::UNAUTHORIZED),
        (json!({ "nbf": NOW + 600 }), StatusCode::UNAUTHORIZED),
        (json!({ "sub": null }), StatusCode::UNAUTHORIZED),
        (json!({ "sub": "" }), StatusCode::UNAUTHORIZED),
        (json!({ "sub": "app" }), StatusCode::UNAUTHORIZED),
        (
            json!({ "token_type": "refresh_token" }),
            StatusCode::UNAUTHORIZED,
        ),
        (json!({ "token_type": "DPoP" }), StatusCode::UNAUTHORIZED),
        (json!({ "typ": "Refresh" }), StatusCode::UNAUTHORIZED),
        (json!({ "cnf": { "jkt": "x" } }), StatusCode::UNAUTHORIZED),
        // No answer is no answer.
        (json!({ "active": "true" }), StatusCode::SERVICE_UNAVAILABLE),
        (json!({ "active": 1 }), StatusCode::SERVICE_UNAVAILABLE),
        (json!({ "exp": "soon" }), StatusCode::SERVICE_UNAVAILABLE),
        (json!({ "sub": 7 }), StatusCode::SERVICE_UNAVAILABLE),
        (json!({ "scope": 7 }), StatusCode::SERVICE_UNAVAILABLE),
    ] {
        server.always(answer(changes.clone()));
        let app = app(builder(&server, &Time::new()));
        // The second time it is remembered.
        for _ in 0..2 {
            assert_eq!(send(&app, "opaque").await, status, "{changes}");
        }
    }
}

#[tokio::test]
async fn oau_28_an_issuer_that_fails_never_makes_a_token_good_or_bad() {
    let server = Server::start(answer(json!({}))).await;
    let good = r#"{"active":true,"aud":"https://api.example.com","sub":"alice"}"#;
    let typed = |kind: &str| vec![("content-type", kind.to_owned())];
    for failure in [
        Answer::Plain(500, typed("application/json"), good.to_owned()),
        Answer::Plain(401, typed("application/json"), good.to_owned()),
        Answer::Plain(403, typed("application/json"), good.to_owned()),
        Answer::Plain(204, vec![], String::new()),
        Answer::Plain(
            302,
            vec![("location", "/other".to_owned())],
            good.to_owned(),
        ),
        Answer::Plain(200, typed("text/html"), good.to_owned()),
        Answer::Json(String::new()),
        Answer::Json("true".to_owned()),
        Answer::Json("[]".to_owned()),
        Answer::Json(format!("{good} {good}")),
        Answer::Json(good.replace("\"sub\"", "\"active\":false,\"sub\"")),
        Answer::Json(good.replace("alice", "\u{fffd}").replace("true", "tru")),
        Answer::Endless(4 * 1024 * 1024),
        Answer::Break,
        Answer::Hang,
    ] {
        server.always(failure.clone());
        let time = Time::new();
        let limits = HttpLimits::new()
            .with_timeout(Duration::from_millis(300))
            .unwrap();
        let app = app(builder(&server, &time).limits(limits));
        let status = send(&app, "opaque").await;
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE, "{failure:?}");
        // It is good again as soon as the issuer is.
        server.always(answer(json!({})));
        time.pass(1);
        assert_eq!(send(&app, "opaque").await, StatusCode::OK, "{failure:?}");
    }
}

#[tokio::test]
async fn oau_28_answers_are_remembered_for_their_token_alone_and_not_beyond_exp() {
    let server = Server::start(answer(json!({ "exp": NOW + 90 }))).await;
    let time = Time::new();
    let app = app(builder(&server, &time));
    for (passed, hits) in [(0, 1), (59, 1), (1, 2), (29, 2)] {
        time.pass(passed);
        assert_eq!(send(&app, "one").await, StatusCode::OK);
        assert_eq!(server.hits(), hits);
    }
    // Beyond `exp`, whatever the issuer may say of it.
    time.pass(1);
    assert_eq!(send(&app, "one").await, StatusCode::UNAUTHORIZED);
    assert_eq!(server.hits(), 3);

    // Neither a beginning of a token nor one with something behind it is that token.
    server.always(Answer::Json(r#"{"active":false}"#.to_owned()));
    for other in ["on", "one1", "One"] {
        assert_eq!(send(&app, other).await, StatusCode::UNAUTHORIZED, "{other}");
    }
    assert_eq!(server.hits(), 6);
    // A refusal is remembered for a moment.
    assert_eq!(send(&app, "on").await, StatusCode::UNAUTHORIZED);
    assert_eq!(server.hits(), 6);
    time.pass(5);
    server.always(answer(json!({})));
    assert_eq!(send(&app, "on").await, StatusCode::OK);
}

#[tokio::test]
async fn oau_28_scopes_and_revocations_are_asked_for_on_a_hit() {
    let server = Server::start(answer(json!({}))).await;
    let time = Time::new();
    let revoked = Arc::new(MemoryRevocations::new());
    let app = app(builder(&server, &time).revocations(revoked.clone()));
    assert_eq!(send(&app, "one").await, StatusCode::OK);
    assert_eq!(send_to(&app, "/write", "one").await, StatusCode::FORBIDDEN);
    assert_eq!(server.hits(), 1);
    let all = SubjectRevocation::new("alice", at(NOW), Duration::from_secs(600)).issuer(ISSUER);
    revoked.revoke_subject(&all).await.unwrap();
    assert_eq!(send(&app, "one").await, StatusCode::UNAUTHORIZED);
    assert_eq!(server.hits(), 1);
}

#[tokio::test]
async fn jwt_19_an_empty_id_is_none_and_ends_no_other_token() {
    let server = Server::start(answer(json!({ "jti": "" }))).await;
    let time = Time::new();
    let revoked = MemoryRevocations::new();
    let end = at(NOW) + Duration::from_secs(600);
    revoked.revoke_token(ISSUER, "", end).await.unwrap();
    let app = app(builder(&server, &time).revocations(SharedRevocations::new(revoked)));
    assert_eq!(send(&app, "one").await, StatusCode::OK);
}

struct Down;

impl Revocations for Down {
    async fn is_revoked(&self, _: &IssuedToken<'_>) -> Result<bool, AuthError> {
        Err(AuthError::invalid("the store is confused"))
    }

    async fn revoke_token(&self, _: &str, _: &str, _: SystemTime) -> Result<(), AuthError> {
        Ok(())
    }

    async fn revoke_subject(&self, _: &SubjectRevocation<'_>) -> Result<(), AuthError> {
        Ok(())
    }
}

#[tokio::test]
async fn oau_28_revocations_that_cannot_be_asked_are_503() {
    let server = Server::start(answer(json!({}))).await;
    let revocations = SharedRevocations::new(Down);
    let app = app(builder(&server, &Time::new()).revocations(revocations));
    // The second time the answer is remembered.
    for _ in 0..2 {
        assert_eq!(send(&app, "one").await, StatusCode::SERVICE_UNAVAILABLE);
    }
    assert_eq!(server.hits(), 1);
}

/// An issuer that answers once it may, and counts who waits for it.
#[derive(Clone)]
struct Slow {
    may_answer: Arc<Semaphore>,
    at_once: Arc<AtomicUsize>,
    most_at_once: Arc<AtomicUsize>,
}

impl HttpClient for Slow {
    async fn send(&self, _: Request<Bytes>, _: &HttpLimits) -> Result<Response<Bytes>, HttpError> {
        let at_once = self.at_once.fetch_add(1, Ordering::SeqCst) + 1;
        self.most_at_once.fetch_max(at_once, Ordering::SeqCst);
        let turn = self.may_answer.acquire().await.unwrap();
        turn.forget();
        self.at_once.fetch_sub(1, Ordering::SeqCst);
        let Answer::Json(body) = answer(json!({})) else {
            panic!("it is JSON")
        };
        let response = Response::builder().header("content-type", "application/json");
        Ok(response.body(body.into()).unwrap())
    }
}

#[tokio::test(start_paused = true)]
async fn no_more_questions_are_under_way_than_are_allowed() {
    let slow = Slow {
        may_answer: Arc::new(Semaphore::new(0)),
        at_once: Arc::default(),
        most_at_once: Arc::default(),
    };
    let app = app(
        Introspection::builder(ISSUER, AUDIENCE, "https://id.example".parse().unwrap())
            .client_authentication(ClientAuthentication::bearer("own"))
            .http_client(slow.clone())
            .clock(common::clock())
            .max_questions(2),
    );
    let ask = |token: &'static str| {
        let req = Request::get("/").header(header::AUTHORIZATION, format!("Bearer {token}"));
        let asked = app.clone().oneshot(req.body(Body::empty()).unwrap());
        tokio::spawn(async move {
            let res = asked.await.unwrap();
            let reason = res.extensions().get::<AuthError>().map(AuthError::reason);
            (res.status(), reason.unwrap_or_default())
        })
    };
    let asking = [ask("one"), ask("two")];
    while slow.at_once.load(Ordering::SeqCst) < 2 {
        tokio::task::yield_now().await;
    }
    // Both places are taken for longer than one may wait.
    for token in ["three", "four"] {
        let busy = (StatusCode::SERVICE_UNAVAILABLE, "introspection_busy");
        let asked = timeout(Duration::from_secs(60), ask(token)).await;
        assert_eq!(asked.expect("it is not asked about").unwrap(), busy);
    }
    // Whoever is still waiting when one comes free is next.
    let next = ask("five");
    tokio::task::yield_now().await;
    slow.may_answer.add_permits(3);
    for asked in asking.into_iter().chain([next]) {
        assert_eq!(asked.await.unwrap(), (StatusCode::OK, ""));
    }
    assert_eq!(slow.most_at_once.load(Ordering::SeqCst), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_with_one_token_wait_for_one_question() {
    let Answer::Json(body) = answer(json!({})) else {
        panic!("it is JSON")
    };
    let server = Server::start(Answer::Late(Duration::from_millis(200), body)).await;
    let app = app(builder(&server, &Time::new()));
    // The one who asks first goes away; the others are answered all the same.
    let first = tokio::spawn({
        let app = app.clone();
        async move { send(&app, "one").await }
    });
    while server.hits() == 0 {
        tokio::task::yield_now().await;
    }
    let rest: Vec<_> = (0..20)
        .map(|_| {
            let app = app.clone();
            tokio::spawn(async move { send(&app, "one").await })
        })
        .collect();
    first.abort();
    for task in rest {
        assert_eq!(task.await.unwrap(), StatusCode::OK);
    }
    assert_eq!(server.hits(), 2);
}

#[tokio::test]
async fn the_question_says_who_asks_and_hides_nothing_in_the_url() {
    const ASKED: &str = "token=one%2B%2F%3D&token_type_hint=access_token";
    for (authentication, header, body) in [
        (
            ClientAuthentication::basic("a:pi", "s%cret"),
            // `a%3Api:s%25cret`
            Some("Basic YSUzQXBpOnMlMjVjcmV0"),
            ASKED.to_owned(),
        ),
        (
            ClientAuthentication::post("a:pi", "s%c&r=t"),
            None,
            format!("{ASKED}&client_id=a%3Api&client_secret=s%25c%26r%3Dt"),
        ),
        (
            ClientAuthentication::bearer("our-own.token"),
            Some("Bearer our-own.token"),
            ASKED.to_owned(),
        ),
    ] {
        let server = Server::start(answer(json!({}))).await;
        let app = app(builder(&server, &Time::new()).client_authentication(authentication));
        assert_eq!(send(&app, "one+/=").await, StatusCode::OK);
        let seen = server.seen().remove(0);
        assert_eq!((&*seen.path, seen.query), ("/introspect", None));
        let sent = seen.headers.get("authorization");
        assert_eq!(sent.map(|value| value.to_str().unwrap()), header);
        assert_eq!(seen.body, body);
        assert_eq!(
            seen.headers["content-type"],
            "application/x-www-form-urlencoded"
        );
        assert_eq!(seen.headers["accept"], "application/json");
    }
}

#[tokio::test]
async fn a_credential_of_ours_that_cannot_be_sent_says_nothing_about_the_token() {
    let server = Server::start(answer(json!({}))).await;
    let authentication = ClientAuthentication::bearer("two\r\nlines");
    let app = app(builder(&server, &Time::new()).client_authentication(authentication));
    assert_eq!(send(&app, "one").await, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(server.hits(), 0);
}

#[tokio::test]
async fn oau_28_where_signed_answers_are_asked_for_no_other_is_taken() {
    const JWT: &str = "application/token-introspection+jwt";
    const TYPE: Option<&str> = Some("token-introspection+jwt");
    const UNAVAILABLE: StatusCode = StatusCode::SERVICE_UNAVAILABLE;
    let Answer::Json(plain) = answer(json!({})) else {
        panic!("it is JSON")
    };
    let active: Value = serde_json::from_str(&plain).unwrap();
    let response = |changes| {
        let good = with(
            &introspection_claims(),
            &json!({ "token_introspection": active }),
        );
        with(&good, &changes)
    };
    let about = |changes| response(json!({ "token_introspection": with(&active, &changes) }));
    let signed = |changes| sign(TYPE, &response(changes));
    let header = json!({ "alg": "HS256", "typ": TYPE }).to_string();
    let forged = forge(&header, &response(json!({})).to_string(), &[8; 32]);
    for (kind, body, status) in [
        (JWT, signed(json!({})), StatusCode::OK),
        (
            "Application/Token-Introspection+JWT; charset=utf-8",
            signed(json!({})),
            StatusCode::OK,
        ),
        (
            JWT,
            signed(json!({ "token_introspection": { "active": false } })),
            StatusCode::UNAUTHORIZED,
        ),
        // It is judged as one that is not signed.
        (
            JWT,
            sign(TYPE, &about(json!({ "aud": "https://other.example" }))),
            StatusCode::UNAUTHORIZED,
        ),
        (
            JWT,
            sign(TYPE, &about(json!({ "exp": NOW }))),
            StatusCode::UNAUTHORIZED,
        ),
        // What is not signed, or not for us, or not of now, is no answer.
        ("application/json", plain.clone(), UNAVAILABLE),
        (JWT, plain.clone(), UNAVAILABLE),
        ("application/json", signed(json!({})), UNAVAILABLE),
        ("application/jwt", signed(json!({})), UNAVAILABLE),
        (JWT, forged, UNAVAILABLE),
        (JWT, sign(Some("JWT"), &response(json!({}))), UNAVAILABLE),
        (JWT, sign(Some("at+jwt"), &response(json!({}))), UNAVAILABLE),
        (JWT, signed(json!({ "aud": "client-2" })), UNAVAILABLE),
        (
            JWT,
            signed(json!({ "iss": "https://evil.example" })),
            UNAVAILABLE,
        ),
        (JWT, signed(json!({ "iat": NOW - 361 })), UNAVAILABLE),
        (
            JWT,
            signed(json!({ "token_introspection": null, "active": true })),
            UNAVAILABLE,
        ),
        (
            JWT,
            signed(json!({ "token_introspection": plain })),
            UNAVAILABLE,
        ),
        (JWT, String::new(), UNAVAILABLE),
    ] {
        let headers = vec![("content-type", kind.to_owned())];
        let server = Server::start(Answer::Plain(200, headers, body.clone())).await;
        let app = app(builder(&server, &Time::new()).signed(verifier(introspections())));
        assert_eq!(send(&app, "opaque").await, status, "{kind} {body}");
        assert_eq!(server.seen().remove(0).headers["accept"], JWT);
    }
    // And a signed answer is none where plain ones are expected.
    let headers = vec![("content-type", JWT.to_owned())];
    let server = Server::start(Answer::Plain(200, headers, signed(json!({})))).await;
    let app = app(builder(&server, &Time::new()));
    assert_eq!(send(&app, "opaque").await, UNAVAILABLE);
}

#[tokio::test]
async fn tokens_that_cannot_be_are_not_asked_about() {
    let server = Server::start(answer(json!({}))).await;
    let app = app(builder(&server, &Time::new())
        .opaque_only()
        .leave_prefix("key_"));
    for (text, status) in [
        ("a b", StatusCode::UNAUTHORIZED),
        ("a\"b", StatusCode::UNAUTHORIZED),
        ("", StatusCode::UNAUTHORIZED),
        (&"a".repeat(9000), StatusCode::UNAUTHORIZED),
        ("key_1", StatusCode::OK),           // anonymous
        (&token(&claims()), StatusCode::OK), // anonymous
    ] {
        assert_eq!(send(&app, text).await, status, "{text}");
    }
    assert_eq!(server.hits(), 0);
}

#[tokio::test]
async fn local_validation_and_introspection_must_prove_the_same_principal() {
    let server = Server::start(answer(json!({}))).await;
    let introspection = builder(&server, &Time::new()).build().unwrap();
    let checked = Router::new()
        .route(
            "/checked",
            get(async |identity: Identity| identity.scheme().to_owned()),
        )
        .layer(introspection.into_layer());
    let app = Router::new()
        .route("/", get(async |_: Identity| ()))
        .merge(checked)
        .layer(common::jwt().into_layer());
    let token = token(&claims());
    assert_eq!(send(&app, &token).await, StatusCode::OK);
    assert_eq!(server.hits(), 0);
    assert_eq!(send_to(&app, "/checked", &token).await, StatusCode::OK);
    assert_eq!(server.hits(), 1);
    // Another token of hers, which the issuer calls somebody else's.
    server.always(answer(json!({ "sub": "bob" })));
    let other = common::token(&common::claims_with(json!({ "jti": "2" })));
    assert_eq!(
        send_to(&app, "/checked", &other).await,
        StatusCode::UNAUTHORIZED
    );
    server.always(Answer::Json(r#"{"active":false}"#.to_owned()));
    let third = common::token(&common::claims_with(json!({ "jti": "3" })));
    assert_eq!(
        send_to(&app, "/checked", &third).await,
        StatusCode::UNAUTHORIZED
    );
}

#[tokio::test]
async fn oau_28_bound_tokens_are_asked_about_and_their_binding_must_agree() {
    const GOOD: StatusCode = StatusCode::OK;
    const BAD: StatusCode = StatusCode::UNAUTHORIZED;
    let prover = prover::Prover::new();
    let certificate = ClientCertificate::of_der(b"own");
    let jkt = prover.jkt();
    let x5t = certificate.thumbprint().to_string();
    let other = jwt_layer::CertificateThumbprint::of_der(b"other").to_string();
    let inactive = Answer::Json(r#"{"active":false}"#.to_owned());
    let by_key = json!({ "cnf": { "jkt": jkt } });
    let by_certificate = json!({ "cnf": { "x5t#S256": x5t } });
    let by_both = json!({ "cnf": { "jkt": jkt, "x5t#S256": x5t } });
    let free = json!({});
    // What the token says, the scheme that it comes by, what the issuer answers.
    for (number, (bound, scheme, said, status)) in [
        (&by_key, "DPoP", inactive.clone(), BAD),
        (&by_key, "DPoP", answer(json!({ "sub": "bob" })), BAD),
        (&by_key, "DPoP", answer(json!({})), GOOD),
        (&by_key, "dpop", answer(by_key.clone()), GOOD),
        (
            &by_key,
            "DPoP",
            answer(with(&by_key, &json!({ "token_type": "DPoP" }))),
            GOOD,
        ),
        (
            &by_key,
            "DPoP",
            answer(json!({ "cnf": { "jkt": other } })),
            BAD,
        ),
        (&by_key, "DPoP", answer(by_both.clone()), BAD),
        (&by_key, "DPoP", answer(by_certificate.clone()), BAD),
        (&by_key, "DPoP", answer(json!({ "cnf": {} })), BAD),
        (&by_both, "DPoP", answer(by_both.clone()), GOOD),
        (&by_both, "DPoP", answer(by_key.clone()), BAD),
        (&by_certificate, "Bearer", inactive, BAD),
        (
            &by_certificate,
            "Bearer",
            answer(by_certificate.clone()),
            GOOD,
        ),
        (
            &by_certificate,
            "Bearer",
            answer(json!({ "cnf": { "x5t#S256": other } })),
            BAD,
        ),
        (&by_certificate, "Bearer", answer(by_key.clone()), BAD),
        // What only the issuer calls bound, nobody has proved.
        (&free, "Bearer", answer(by_key.clone()), BAD),
        (&free, "Bearer", answer(by_certificate.clone()), BAD),
        (
            &free,
            "Bearer",
            answer(json!({ "token_type": "DPoP" })),
            BAD,
        ),
    ]
    .into_iter()
    .enumerate()
    {
        let server = Server::start(said.clone()).await;
        let introspection = builder(&server, &Time::new()).build().unwrap();
        let dpop = Dpop::builder(AUDIENCE.parse().unwrap(), MemorySingleUse::new());
        let jwt = common::jwt()
            .dpop(dpop.build().unwrap())
            .certificate_bound_tokens();
        let app = Router::new()
            .route(
                "/",
                get(async |identity: Identity| identity.subject().to_owned()),
            )
            .layer(introspection.into_layer())
            .layer(jwt.into_layer());
        let token = token(&common::claims_with(bound.clone()));
        // The second time the answer is remembered.
        for time in 0..2 {
            let id = format!("{number}-{time}");
            let mut req = Request::get("/")
                .header(header::AUTHORIZATION, format!("{scheme} {token}"))
                .body(Body::empty())
                .unwrap();
            if scheme != "Bearer" {
                let proof = prover.proof(&token, &id);
                req.headers_mut().insert("dpop", proof.parse().unwrap());
            }
            req.extensions_mut().insert(certificate);
            let res = app.clone().oneshot(req).await.unwrap();
            assert_eq!(res.status(), status, "{bound} {scheme} {said:?}");
            assert_eq!(server.hits(), 1, "{bound} {scheme} {said:?}");
        }
    }
}

#[tokio::test]
async fn oau_28_a_token_with_a_proof_that_nobody_checks_is_refused_unasked() {
    let server = Server::start(answer(json!({}))).await;
    let send = async |app: Router, scheme: &str| {
        let req = Request::get("/").header(header::AUTHORIZATION, format!("{scheme} opaque"));
        let req = req.body(Body::empty()).unwrap();
        app.oneshot(req).await.unwrap().status()
    };
    let all = app(builder(&server, &Time::new()));
    for scheme in ["DPoP", "dpop"] {
        assert_eq!(send(all.clone(), scheme).await, StatusCode::UNAUTHORIZED);
    }
    assert_eq!(send(all, "Basic").await, StatusCode::OK); // anonymous
    // It is left to the other scheme of the layer.
    let opaque = app(builder(&server, &Time::new()).opaque_only());
    assert_eq!(send(opaque, "DPoP").await, StatusCode::OK); // anonymous
    assert_eq!(server.hits(), 0);
}

#[tokio::test]
async fn both_kinds_of_tokens_are_taken_side_by_side_and_what_nobody_takes_is_refused() {
    let server = Server::start(answer(json!({}))).await;
    let schemes = || {
        let introspection = builder(&server, &Time::new())
            .opaque_only()
            .leave_prefix("key_")
            .build()
            .unwrap();
        let jwt = common::jwt().leave_opaque().leave_prefix("key_").unwrap();
        (jwt, introspection)
    };
    let who = get(async |identity: Option<Identity>| {
        identity.map_or_else(String::new, |identity| identity.scheme().to_owned())
    });
    let app = |layer: AuthLayer<_>| Router::new().route("/", who.clone()).layer(layer);
    let open = app(AuthLayer::new(schemes()));
    let strict = app(AuthLayer::new(schemes()).refuse_unclaimed());
    let good = token(&claims());
    let opaque_dots = "one.two.three";
    let five_parts = "eyJhbGciOiJkaXIifQ.a.b.c.d";
    for (text, status, scheme, asked) in [
        (&*good, StatusCode::OK, "bearer", false),
        ("opaque", StatusCode::OK, "introspection", true),
        ("eyopaque", StatusCode::OK, "introspection", true),
        (opaque_dots, StatusCode::OK, "introspection", true),
        (five_parts, StatusCode::OK, "introspection", true),
        // What looks like a JWT is never left, so that no other may call it good.
        (&good[..good.len() - 1], StatusCode::UNAUTHORIZED, "", false),
        ("ey..", StatusCode::UNAUTHORIZED, "", false),
        ("eyJ.eyJ.", StatusCode::UNAUTHORIZED, "", false),
        ("eyJ.eyJ.x", StatusCode::UNAUTHORIZED, "", false),
        ("", StatusCode::UNAUTHORIZED, "", false),
        ("a b", StatusCode::UNAUTHORIZED, "", false),
    ] {
        for app in [&open, &strict] {
            let hits = server.hits();
            let (answered, proved) = ask(app, text).await;
            assert_eq!((answered, &*proved), (status, scheme), "{text}");
            // The second time it is remembered, by each of them.
            let (answered, proved) = ask(app, text).await;
            assert_eq!((answered, &*proved), (status, scheme), "{text}");
            assert_eq!(server.hits() - hits, usize::from(asked), "{text}");
        }
    }
    // Left by both.
    assert_eq!(ask(&open, "key_1").await, (StatusCode::OK, String::new()));
    assert_eq!(ask(&strict, "key_1").await.0, StatusCode::UNAUTHORIZED);

    // By itself `leave_opaque` makes an opaque token nobody's, and the default refuses it.
    let alone = common::jwt().leave_opaque();
    for (layer, status) in [
        (AuthLayer::new(common::jwt()), StatusCode::UNAUTHORIZED),
        (AuthLayer::new(alone.clone()), StatusCode::OK),
        (
            AuthLayer::new(alone).refuse_unclaimed(),
            StatusCode::UNAUTHORIZED,
        ),
    ] {
        let app = Router::new().route("/", who.clone()).layer(layer);
        assert_eq!(ask(&app, "opaque").await, (status, String::new()));
    }
}

/// The status and, if it is 200, what the handler said.
async fn ask(app: &Router, token: &str) -> (StatusCode, String) {
    let req = Request::get("/").header(header::AUTHORIZATION, format!("Bearer {token}"));
    let req = req.body(Body::empty()).unwrap();
    let (head, body) = app.clone().oneshot(req).await.unwrap().into_parts();
    if head.status != StatusCode::OK {
        return (head.status, String::new());
    }
    let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
    (head.status, String::from_utf8(body.to_vec()).unwrap())
}

#[test]
fn what_is_missing_or_cannot_work_is_named() {
    let endpoint = || {
        "https://id.example.com/introspect"
            .parse::<SecureUrl>()
            .unwrap()
    };
    let bare = Introspection::builder(ISSUER, AUDIENCE, endpoint());
    assert_eq!(bare.build().unwrap_err().option(), "http_client");
    type Change = fn(IntrospectionBuilder) -> IntrospectionBuilder;
    let cases: [(&str, Change); 5] = [
        ("client_authentication", |builder| builder),
        ("remember_for", |builder| {
            builder.remember_for(Duration::from_secs(61))
        }),
        ("capacity", |builder| builder.capacity(0)),
        ("leave_prefix", |builder| builder.leave_prefix("")),
        ("max_questions", |builder| builder.max_questions(0)),
    ];
    for (option, change) in cases {
        let builder = Introspection::builder(ISSUER, AUDIENCE, endpoint());
        let builder = change(builder.http_client(ReqwestClient::new().unwrap()));
        assert_eq!(builder.build().unwrap_err().option(), option);
    }
}
