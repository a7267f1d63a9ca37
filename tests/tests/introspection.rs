//! Opaque tokens of a real provider, which is asked about each of them.
#![allow(clippy::unwrap_used, reason = "a test may")]

mod support;

use std::time::{Duration, SystemTime};

use auth_layer::{Identity, unix_seconds};
use auth_test::ManualClock;
use axum::Router;
use axum::body::Body;
use axum::routing::get;
use http::{Request, StatusCode, header};
use jwt_layer::{
    Algorithm, ClientAuthentication, HttpLimits, Introspection, RemoteKeys, ReqwestClient,
    TokenVerifier, VerificationPolicy,
};
use support::provider::{self, CLIENT_SECRET, OPAQUE_API, opaque_token, revoke};
use test_servers::OidcProvider;
use tower::ServiceExt as _;

/// A bit longer than an answer is remembered.
const AGED: Duration = Duration::from_secs(3);

/// A service whose name at the provider is `robot`, and that takes plain or signed answers.
fn service(
    provider: &OidcProvider,
    clock: &ManualClock,
    authentication: ClientAuthentication,
    is_signed: bool,
) -> Router {
    let issuer = provider.issuer();
    let endpoint = format!("{issuer}/token/introspection").parse().unwrap();
    let limits = HttpLimits::new().with_timeout(Duration::from_secs(5));
    let mut builder = Introspection::builder(&*issuer, OPAQUE_API, endpoint)
        .client_authentication(authentication)
        .http_client(ReqwestClient::new().unwrap())
        .limits(limits.unwrap())
        .remember_for(Duration::from_secs(2))
        .clock(clock.shared());
    if is_signed {
        let policy = VerificationPolicy::introspection_response(&*issuer, "robot");
        let keys = RemoteKeys::discover(issuer).algorithms([Algorithm::Rs256]);
        let keys = keys.build().unwrap();
        builder = builder.signed(TokenVerifier::new(policy.build().unwrap(), keys));
    }
    let who = get(async |who: Identity| format!("{} {}", who.subject(), who.scopes()));
    let layer = builder.build().unwrap().into_layer();
    Router::new().route("/", who).layer(layer)
}

async fn ask(service: &Router, token: &str) -> (StatusCode, String) {
    let request = Request::get("/").header(header::AUTHORIZATION, format!("Bearer {token}"));
    let request = request.body(Body::empty()).unwrap();
    let answer = service.clone().oneshot(request).await.unwrap();
    let status = answer.status();
    let body = axum::body::to_bytes(answer.into_body(), usize::MAX).await;
    (status, String::from_utf8(body.unwrap().to_vec()).unwrap())
}

async fn expect(services: &[Router], token: &str, expected: StatusCode) {
    for (number, service) in services.iter().enumerate() {
        let (status, body) = ask(service, token).await;
        assert_eq!(status, expected, "{number}: {body}");
        if status == StatusCode::OK {
            assert_eq!(body, "ann read", "{number}");
        }
    }
}

#[tokio::test]
async fn oau_28_a_real_provider_is_asked_about_its_opaque_tokens() {
    let mut provider = provider::start();
    let clock = ManualClock::at_unix_seconds(unix_seconds(SystemTime::now()));
    let basic = || ClientAuthentication::basic("robot", CLIENT_SECRET);
    let post = ClientAuthentication::post("robot", CLIENT_SECRET);
    let services = [
        service(&provider, &clock, basic(), false),
        service(&provider, &clock, post, false),
        service(&provider, &clock, basic(), true),
    ];
    let first = opaque_token(&provider, "ann", "read").await;
    let second = opaque_token(&provider, "ann", "read").await;
    assert!(!first.contains('.') && first != second);
    expect(&services, &first, StatusCode::OK).await;
    expect(&services, &second, StatusCode::OK).await;
    expect(&services, "nobody's", StatusCode::UNAUTHORIZED).await;

    // Revoked there, which is noticed here once what was said before has aged.
    revoke(&provider, &first).await;
    expect(&services, &first, StatusCode::OK).await;
    clock.advance(AGED);
    expect(&services, &first, StatusCode::UNAUTHORIZED).await;
    expect(&services, &second, StatusCode::OK).await;

    // Who is not let in at the provider learns nothing, which is not the token's fault.
    let wrong = ClientAuthentication::basic("robot", "wrong");
    let stranger = service(&provider, &clock, wrong, false);
    expect(&[stranger], &second, StatusCode::SERVICE_UNAVAILABLE).await;

    // Down: neither is the good token called bad, nor the revoked one good.
    provider.kill();
    expect(&services, &second, StatusCode::OK).await;
    clock.advance(AGED);
    expect(&services, &second, StatusCode::SERVICE_UNAVAILABLE).await;
    expect(&services, &first, StatusCode::SERVICE_UNAVAILABLE).await;

    // And back, having forgotten all of its tokens but not how to issue others.
    provider.restart();
    clock.advance(AGED);
    expect(&services, &second, StatusCode::UNAUTHORIZED).await;
    let third = opaque_token(&provider, "ann", "read").await;
    expect(&services, &third, StatusCode::OK).await;
}
