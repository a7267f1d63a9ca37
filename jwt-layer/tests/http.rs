//! The scheme at the HTTP surface.
#![cfg(any(feature = "aws-lc", feature = "rust-crypto"))]
#![allow(clippy::unwrap_used, reason = "a test may")]

mod common;

use std::convert::Infallible;
use std::time::Duration;

use auth_layer::{AuthLayer, EmptyBody, RequireAuth, Requirement, Scheme, SharedClock, scheme_fn};
use common::*;
use http::{HeaderMap, Request, Response, StatusCode, header};
use serde_json::json;
use tower::{ServiceBuilder, ServiceExt};

#[tokio::test]
async fn nothing_sent_is_anonymous_and_a_token_is_somebody() {
    let good = token(&claims());
    for (value, subject) in [
        (None, ""),
        (Some("Basic cHJvbTpwcm9t".to_owned()), ""),
        (Some(format!("Bearer{good}")), ""),
        (Some(format!("Bearer {good}")), "alice"),
        (Some(format!("bearer {good}")), "alice"),
        (Some(format!("BEARER   {good}  ")), "alice"),
    ] {
        let values: Vec<_> = value.iter().map(|value| value.as_bytes()).collect();
        let res = send(&jwt(), &values).await;
        assert_eq!(res.status(), StatusCode::OK, "{value:?}");
        assert_eq!(res.body(), subject, "{value:?}");
        assert!(!res.headers().contains_key(header::WWW_AUTHENTICATE));
    }
}

#[tokio::test]
async fn jwt_22_whatever_is_sent_is_answered() {
    let good = token(&claims());
    for (value, status) in [
        (&b"Bearer"[..], 401),
        (b"Bearer ", 401),
        (b"Bearer %", 401),
        (b"Bearer \xff\xfe", 401),
        (b"bearer a.b.c", 401),
        (b"Bearer a\"b,c", 401),
        (b"Bearer mF_9.B5f-4.1JqM", 401),
    ] {
        let res = send(&jwt(), &[value]).await;
        assert_eq!(res.status().as_u16(), status, "{value:?}");
        assert_eq!(
            challenge(&res),
            r#"Bearer realm="api", error="invalid_token""#
        );
        assert_eq!(res.body(), "");
    }
    let good = format!("Bearer {good}");
    let res = send(&jwt(), &[good.as_bytes(), good.as_bytes()]).await;
    assert_eq!(res.status(), StatusCode::BAD_REQUEST);

    let service = ServiceBuilder::new()
        .layer(jwt().into_layer().with_refusal(EmptyBody))
        .layer(RequireAuth::authenticated().with_refusal(EmptyBody))
        .service_fn(|_: Request<()>| async { Ok::<_, Infallible>(Response::new(String::new())) });
    let uri = format!("/?access_token={}", token(&claims()));
    let res = service
        .oneshot(Request::get(uri).body(()).unwrap())
        .await
        .unwrap();
    assert_eq!(challenge(&res), r#"Bearer realm="api""#);
}

#[tokio::test]
async fn jwt_07_a_flood_of_bytes_is_refused_before_it_is_read() {
    let value = format!("Bearer {}", "a".repeat(60_000));
    assert_eq!(
        send(&jwt(), &[value.as_bytes()]).await.status(),
        StatusCode::UNAUTHORIZED
    );
}

#[tokio::test]
async fn x_11_the_client_learns_that_and_not_why() {
    let expired = token(&claims_with(json!({ "exp": NOW - 600 })));
    let forged = forge(r#"{"alg":"HS256"}"#, &claims().to_string(), &[1; 32]);
    let foreign = token(&claims_with(json!({ "aud": "other" })));
    let mut answers = Vec::new();
    for token in [expired, forged, foreign, "x".to_owned()] {
        let res = send_bearer(&jwt(), &token).await;
        assert_eq!(res.status(), StatusCode::UNAUTHORIZED);
        assert_eq!(
            challenge(&res),
            r#"Bearer realm="api", error="invalid_token""#
        );
        answers.push((res.headers().clone(), res.into_body()));
    }
    assert!(
        answers.iter().all(|answer| *answer == answers[0]),
        "{answers:?}"
    );
}

#[tokio::test]
async fn x_11_stp_03_challenges_say_what_is_needed() {
    let token = token(&claims_with(
        json!({ "scope": "read", "auth_time": NOW - 400 }),
    ));
    let step_up =
        Requirement::max_age(Duration::from_secs(300)).and(Requirement::acr(["gold", "silver"]));
    for (guard, authorization, status, expected) in [
        (
            RequireAuth::scope("read write"),
            Some(&token),
            403,
            Some(r#"Bearer realm="a \"b\"", error="insufficient_scope", scope="read write""#),
        ),
        (RequireAuth::role("admin"), Some(&token), 403, None),
        (
            RequireAuth::new(step_up),
            Some(&token),
            401,
            Some(
                r#"Bearer realm="a \"b\"", error="insufficient_user_authentication", max_age="300", acr_values="gold silver""#,
            ),
        ),
        (
            RequireAuth::authenticated(),
            None,
            401,
            Some(r#"Bearer realm="a \"b\"""#),
        ),
        (RequireAuth::scope("read"), Some(&token), 200, None),
    ] {
        let layer = jwt().realm("a \"b\"").into_layer().clock(clock());
        let service = ServiceBuilder::new()
            .layer(layer.with_refusal(EmptyBody))
            .layer(guard.with_refusal(EmptyBody))
            .service_fn(|_: Request<()>| async {
                Ok::<_, Infallible>(Response::new(String::new()))
            });
        let mut request = Request::builder();
        if let Some(token) = authorization {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        let res = service.oneshot(request.body(()).unwrap()).await.unwrap();
        assert_eq!(res.status().as_u16(), status);
        let sent = res.headers().get(header::WWW_AUTHENTICATE);
        assert_eq!(sent.map(|value| value.to_str().unwrap()), expected);
    }
}

#[tokio::test]
async fn metadata_is_named_where_it_is_configured() {
    let url = "https://api.example.com/.well-known/oauth-protected-resource";
    let jwt = jwt().resource_metadata(&url.parse().unwrap());
    let res = send_bearer(&jwt, "x").await;
    assert_eq!(
        challenge(&res),
        r#"Bearer realm="api", resource_metadata="https://api.example.com/.well-known/oauth-protected-resource", error="invalid_token""#
    );
}

#[test]
fn no_prefix_leaves_the_tokens_of_this_scheme() {
    for prefix in ["", "e", "ey", "ew", "eyJ", "eyJhbGciOiJub25lIn0", "ewo"] {
        let refused = jwt()
            .leave_prefix(prefix)
            .err()
            .map(|error| error.to_string());
        let refused = refused.unwrap_or_else(|| panic!("{prefix:?} is taken"));
        assert_eq!(
            refused, "`leave_prefix` is one that JWTs have",
            "{prefix:?}"
        );
    }
    for prefix in ["sk_ ", "sk\n", "sk=", "\u{e9}"] {
        let error = jwt().leave_prefix(prefix).err().unwrap();
        assert_eq!(error.option(), "leave_prefix", "{prefix:?}");
    }
    for prefix in ["sk_", "E", "e_", "ex", "live.key~"] {
        assert!(jwt().leave_prefix(prefix).is_ok(), "{prefix:?}");
    }
}

#[tokio::test]
async fn tokens_of_another_scheme_are_left_to_it() {
    let keys = scheme_fn(
        "api-key",
        |parts| {
            Ok(auth_layer::authorization(&parts.headers, "Bearer")
                .filter(|t| t.starts_with(b"sk_"))
                .map(|_| ()))
        },
        |()| async { Ok(auth_layer::Identity::new("api-key", "robot")) },
    );
    let layer = AuthLayer::new((jwt().leave_prefix("sk_").unwrap(), keys)).with_refusal(EmptyBody);
    let service = ServiceBuilder::new()
        .layer(layer)
        .service_fn(|req: Request<()>| async move {
            let who = req.extensions().get::<auth_layer::Identity>();
            Ok::<_, Infallible>(Response::new(
                who.map(|who| who.scheme()).unwrap_or_default().to_owned(),
            ))
        });
    for (token, scheme) in [
        ("sk_live_x".to_owned(), "api-key"),
        (token(&claims()), "bearer"),
    ] {
        let request = Request::builder().header(header::AUTHORIZATION, format!("Bearer {token}"));
        let res = service
            .clone()
            .oneshot(request.body(()).unwrap())
            .await
            .unwrap();
        assert_eq!(res.body(), scheme);
    }
}

#[tokio::test]
async fn x_12_nothing_prints_a_token() {
    let good = token(&claims());
    let mut headers = HeaderMap::new();
    headers.insert(
        header::AUTHORIZATION,
        format!("Bearer {good}").parse().unwrap(),
    );
    let (mut parts, ()) = Request::new(()).into_parts();
    parts.headers = headers;
    let jwt = jwt();
    let credential = jwt.extract(&parts).unwrap().unwrap();
    let error = jwt.verify_token("a.b.c").await.unwrap_err();
    let secret = good.rsplit('.').next().unwrap();
    for shown in [
        format!("{credential:?}"),
        format!("{jwt:?}"),
        format!("{:?}", jwt.verify_token(&good)),
        format!("{:?}", jwt.verify_token(&good).await.unwrap()),
        format!("{error:?} {error}"),
        format!("{:?}", key()),
    ] {
        assert!(!shown.contains(secret), "{shown}");
        assert!(!shown.contains("7, 7, 7"), "{shown}");
    }
    jwt.conceal(&mut parts.headers);
    assert!(parts.headers[header::AUTHORIZATION].is_sensitive());
}

#[tokio::test]
async fn an_expired_token_is_refused_once_the_clock_says_so() {
    let token = token(&claims());
    for (now, status) in [(NOW, 200), (NOW + 659, 200), (NOW + 660, 401)] {
        let jwt = jwt().clock(SharedClock::new(move || at(now)));
        assert_eq!(
            send_bearer(&jwt, &token).await.status().as_u16(),
            status,
            "{now}"
        );
    }
}
