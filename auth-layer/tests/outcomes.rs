//! The four outcomes, conflicts and challenges of `AuthLayer`.
#![allow(clippy::unwrap_used, reason = "a test may")]

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use auth_layer::{
    AuthError, AuthErrorKind, AuthLayer, ClientAddress, ConflictPolicy, EmptyBody, Event,
    EventKind, Events, Problem, RequireAuth, Unauthenticated, refusal, refusal_response,
};
use bytes::Bytes;
use common::{HeaderScheme, Recorded, challenges, code, get, send, whoami};
use http::header::{AUTHORIZATION, CACHE_CONTROL, RETRY_AFTER};
use http::{HeaderName, Request, Response, StatusCode, Version};
use tower::ServiceBuilder;

#[tokio::test]
async fn each_outcome_has_its_answer() {
    let service = ServiceBuilder::new()
        .layer(AuthLayer::new(HeaderScheme("one")))
        .service_fn(whoami);
    for (value, status, body) in [
        (None, 200, "nobody"),
        (Some("ann"), 200, "ann by one"),
        (Some("absent"), 200, "nobody"),
        (Some("garbage"), 401, "invalid_credential"),
        (Some("invalid"), 401, "invalid_credential"),
        (Some("expired"), 401, "invalid_credential"),
        (Some("revoked"), 401, "invalid_credential"),
        (Some("limited"), 429, "too_many_requests"),
        (Some("unavailable"), 503, "temporarily_unavailable"),
        (Some("internal"), 500, "internal_error"),
    ] {
        let headers: Vec<_> = value.map(|value| ("one", value)).into_iter().collect();
        let res = send(&service, get(&headers)).await;
        assert_eq!(res.status(), status, "{value:?}");
        if status == 200 {
            assert_eq!(res.body(), body, "{value:?}");
            assert!(res.headers().is_empty(), "{value:?}");
        } else {
            assert_eq!(code(&res), body, "{value:?}");
            assert_eq!(res.headers()[CACHE_CONTROL], "no-store", "{value:?}");
            assert_eq!(challenges(&res).is_empty(), status != 401, "{value:?}");
        }
    }
}

#[tokio::test]
async fn x_05_several_credentials_follow_the_policy() {
    use ConflictPolicy::{Agree, FirstWins, RefuseMultiple};

    let one = || AuthLayer::new(HeaderScheme("one"));
    let two = || AuthLayer::new(HeaderScheme("two"));
    for (policy, first, second, expected) in [
        (Agree, "ann", "ann", Ok("ann by one")),
        (Agree, "ann", "bob", Err("conflicting_credentials")),
        (Agree, "ann", "invalid", Err("invalid_credential")),
        (Agree, "invalid", "ann", Err("invalid_credential")),
        (Agree, "garbage", "ann", Err("invalid_credential")),
        (Agree, "absent", "ann", Ok("ann by two")),
        (Agree, "ann", "absent", Ok("ann by one")),
        (Agree, "ann", "unavailable", Err("temporarily_unavailable")),
        (Agree, "ann", "garbage", Err("invalid_credential")),
        (Agree, "absent", "absent", Ok("nobody")),
        (Agree, "absent", "invalid", Err("invalid_credential")),
        (FirstWins, "ann", "bob", Ok("ann by one")),
        (FirstWins, "ann", "invalid", Ok("ann by one")),
        (FirstWins, "ann", "garbage", Ok("ann by one")),
        (FirstWins, "invalid", "ann", Err("invalid_credential")),
        (FirstWins, "garbage", "ann", Err("invalid_credential")),
        (
            FirstWins,
            "unavailable",
            "ann",
            Err("temporarily_unavailable"),
        ),
        // What counts as not sent decides nothing.
        (FirstWins, "absent", "ann", Ok("ann by two")),
        (FirstWins, "absent", "invalid", Err("invalid_credential")),
        (FirstWins, "absent", "garbage", Err("invalid_credential")),
        (RefuseMultiple, "absent", "ann", Ok("ann by two")),
        (RefuseMultiple, "ann", "absent", Ok("ann by one")),
        (RefuseMultiple, "ann", "invalid", Err("invalid_credential")),
        (RefuseMultiple, "ann", "garbage", Err("invalid_credential")),
        (RefuseMultiple, "ann", "ann", Err("conflicting_credentials")),
        (RefuseMultiple, "ann", "bob", Err("conflicting_credentials")),
    ] {
        let stacked = ServiceBuilder::new()
            .layer(one())
            .layer(two().on_conflict(policy))
            .service_fn(whoami);
        let tuple = ServiceBuilder::new()
            .layer(AuthLayer::new((HeaderScheme("one"), HeaderScheme("two"))).on_conflict(policy))
            .service_fn(whoami);
        let req = || get(&[("one", first), ("two", second)]);
        for (form, res) in [
            ("stacked", send(&stacked, req()).await),
            ("tuple", send(&tuple, req()).await),
        ] {
            let case = format!("{policy:?}, {first} and {second}, {form}");
            match expected {
                Ok(body) => assert_eq!(res.body(), body, "{case}"),
                Err(expected) => assert_eq!(code(&res), expected, "{case}"),
            }
        }
    }
}

#[tokio::test]
async fn x_05_a_conflict_is_an_event() {
    let recorded = Recorded::default();
    let service = ServiceBuilder::new()
        .layer(AuthLayer::new((HeaderScheme("one"), HeaderScheme("two"))).events(recorded.events()))
        .service_fn(whoami);
    send(&service, get(&[("one", "ann"), ("two", "bob")])).await;
    let conflict = (
        EventKind::Conflict,
        Some("any"),
        Some("different_principals"),
    );
    assert_eq!(recorded.take(), [conflict]);
}

#[tokio::test]
async fn one_refusal_is_one_event_however_many_layers_it_passes() {
    let recorded = Recorded::default();
    let layer = |name| AuthLayer::new(HeaderScheme(name)).events(recorded.events());
    let service = ServiceBuilder::new()
        .layer(layer("one"))
        .layer(layer("two"))
        .layer(RequireAuth::role("admin"))
        .service_fn(whoami);
    for (headers, expected) in [
        (
            &[][..],
            vec![(EventKind::Unauthenticated, None, Some("no_credential"))],
        ),
        (
            &[("two", "ann")],
            vec![
                (EventKind::Authenticated, Some("two"), None),
                (EventKind::Forbidden, Some("two"), Some("missing_role")),
            ],
        ),
        (
            &[("two", "invalid")],
            vec![(EventKind::Refused, Some("two"), Some("as_told"))],
        ),
        (
            &[("one", "unavailable")],
            vec![(EventKind::Unavailable, Some("one"), Some("as_told"))],
        ),
    ] {
        send(&service, get(headers)).await;
        assert_eq!(recorded.take(), expected, "{headers:?}");
    }
}

#[tokio::test]
async fn x_11_challenges_name_every_scheme_and_the_error_only_of_the_one_that_failed() {
    let stacked = ServiceBuilder::new()
        .layer(AuthLayer::new(HeaderScheme("one")))
        .layer(AuthLayer::new((
            HeaderScheme("two"),
            (HeaderScheme("three"), HeaderScheme("four")),
        )))
        .layer(RequireAuth::role("admin"))
        .service_fn(whoami);
    for (headers, status, expected) in [
        (&[][..], 401, &["two", "three", "four", "one"][..]),
        (
            &[("three", "invalid")],
            401,
            &["two", r#"three error="invalid_credential""#, "four", "one"],
        ),
        // The outer layer refuses before the inner ones are asked.
        (
            &[("one", "invalid")],
            401,
            &[r#"one error="invalid_credential""#],
        ),
        (&[("two", "ann")], 403, &[]),
        (&[("two", "unavailable")], 503, &[]),
        (&[("two", "limited")], 429, &[]),
    ] {
        let res = send(&stacked, get(headers)).await;
        assert_eq!(res.status(), status, "{headers:?}");
        assert_eq!(challenges(&res), expected, "{headers:?}");
    }
}

#[tokio::test]
async fn x_11_missing_scope_is_told_by_the_scheme_of_the_identity_alone() {
    let service = ServiceBuilder::new()
        .layer(AuthLayer::new((HeaderScheme("one"), HeaderScheme("two"))))
        .layer(RequireAuth::scope("read"))
        .service_fn(whoami);
    let res = send(&service, get(&[("two", "ann")])).await;
    assert_eq!(code(&res), "insufficient_scope");
    assert_eq!(challenges(&res), [r#"two error="insufficient_scope""#]);

    // A scheme that has no way to say so is not asked: a 403 has no challenge.
    let res = send(&service, get(&[("one", "ann")])).await;
    assert_eq!(code(&res), "insufficient_scope");
    assert!(challenges(&res).is_empty());
}

#[tokio::test]
async fn a_handler_that_answers_unauthenticated_gets_the_challenges() {
    let service = ServiceBuilder::new()
        .layer(AuthLayer::new(HeaderScheme("one")))
        .service_fn(|_: Request<()>| async {
            Ok::<Response<Bytes>, std::convert::Infallible>(refusal_response(
                &Problem,
                Unauthenticated,
            ))
        });
    let res = send(&service, get(&[])).await;
    assert_eq!(code(&res), "unauthenticated");
    assert_eq!(challenges(&res), ["one"]);
}

#[tokio::test]
async fn a_401_of_somebody_else_is_left_alone() {
    let service = ServiceBuilder::new()
        .layer(AuthLayer::new(HeaderScheme("one")))
        .service_fn(|_: Request<()>| async {
            let mut res = Response::new(Bytes::new());
            *res.status_mut() = StatusCode::UNAUTHORIZED;
            Ok::<_, std::convert::Infallible>(res)
        });
    let res = send(&service, get(&[])).await;
    assert!(challenges(&res).is_empty());
}

#[tokio::test]
async fn the_body_can_be_replaced_and_the_challenges_stay() {
    let body = |error: &AuthError| Response::new(Bytes::from(format!("sorry: {}", error.code())));
    let service = ServiceBuilder::new()
        .layer(AuthLayer::new(HeaderScheme("one")).with_refusal(body))
        .layer(AuthLayer::new(HeaderScheme("two")))
        .layer(RequireAuth::authenticated())
        .service_fn(whoami);
    for (headers, body, expected) in [
        (&[][..], "sorry: unauthenticated", &["two", "one"][..]),
        (
            &[("one", "invalid")],
            "sorry: invalid_credential",
            &[r#"one error="invalid_credential""#],
        ),
        (
            &[("two", "invalid")],
            "sorry: invalid_credential",
            &[r#"two error="invalid_credential""#, "one"],
        ),
    ] {
        let res = send(&service, get(headers)).await;
        assert_eq!(res.status(), 401);
        assert_eq!(res.body(), body);
        assert_eq!(res.headers().get("content-type"), None);
        assert_eq!(challenges(&res), expected);
        assert!(refusal(res.extensions()).is_some());
    }
}

#[tokio::test]
async fn what_the_body_s_closure_says_weakens_nothing() {
    let calls = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&calls);
    let body = move |_: &AuthError| {
        count.fetch_add(1, Ordering::Relaxed);
        Response::builder()
            .status(200)
            .header("cache-control", "public, max-age=60")
            .header("www-authenticate", "Custom")
            .header("retry-after", "0")
            .header("set-cookie", "a=1")
            .header("set-cookie", "b=2")
            .body(Bytes::new())
            .unwrap()
    };
    let service = ServiceBuilder::new()
        .layer(AuthLayer::new(HeaderScheme("one")).with_refusal(body))
        .layer(RequireAuth::authenticated())
        .service_fn(whoami);
    for (headers, challenge) in [
        (&[][..], "one"),
        (&[("one", "invalid")], r#"one error="invalid_credential""#),
    ] {
        let res = send(&service, get(headers)).await;
        assert_eq!(res.status(), 401);
        assert_eq!(challenges(&res), [challenge]);
        assert_eq!(res.headers()[CACHE_CONTROL], "no-store");
        assert_eq!(res.headers().get_all("set-cookie").iter().count(), 2);
        assert_eq!(calls.swap(0, Ordering::Relaxed), 1);
    }
}

#[tokio::test]
async fn only_a_grpc_call_is_refused_with_a_200() {
    let service = ServiceBuilder::new()
        .layer(AuthLayer::new(HeaderScheme("one")))
        .layer(RequireAuth::role("admin"))
        .service_fn(whoami);
    let handler = ServiceBuilder::new()
        .layer(AuthLayer::new(HeaderScheme("one")))
        .service_fn(|_: Request<()>| async {
            let res = refusal_response(&Problem, Unauthenticated);
            Ok::<Response<Bytes>, std::convert::Infallible>(res)
        });
    for (method, version, content_type, grpc) in [
        ("POST", Version::HTTP_2, "application/grpc", true),
        ("POST", Version::HTTP_2, "application/grpc+proto", true),
        ("POST", Version::HTTP_2, "application/grpc;x=y", true),
        ("POST", Version::HTTP_2, "application/grpc-web", false),
        ("POST", Version::HTTP_11, "application/grpc", false),
        ("GET", Version::HTTP_2, "application/grpc", false),
        ("GET", Version::HTTP_11, "application/grpc", false),
    ] {
        for credential in [None, Some("invalid"), Some("ann")] {
            let mut req = get(&[("content-type", content_type)]);
            *req.method_mut() = method.parse().unwrap();
            *req.version_mut() = version;
            if let Some(credential) = credential {
                req.headers_mut().insert("one", credential.parse().unwrap());
            }
            for res in [send(&service, req.clone()).await, send(&handler, req).await] {
                let case = format!("{method} {version:?} {content_type} {credential:?}");
                assert_eq!(res.status() == 200, grpc, "{case}");
                assert_eq!(res.headers().contains_key("grpc-status"), grpc, "{case}");
                assert_eq!(res.body().is_empty(), grpc, "{case}");
                assert_eq!(res.headers()[CACHE_CONTROL], "no-store", "{case}");
                let forbidden = code_of(&res) == "forbidden";
                assert_eq!(challenges(&res).is_empty(), forbidden, "{case}");
            }
        }
    }
}

#[tokio::test]
async fn events_say_where_a_request_came_from() {
    let seen = Arc::new(std::sync::Mutex::new(Vec::new()));
    let sink = Arc::clone(&seen);
    let events = Events::to(move |event: &Event<'_>| sink.lock().unwrap().push(event.address));
    let service = ServiceBuilder::new()
        .layer(AuthLayer::new(HeaderScheme("one")).events(events))
        .layer(RequireAuth::authenticated())
        .service_fn(whoami);
    let address = std::net::IpAddr::from([203, 0, 113, 7]);
    for headers in [&[][..], &[("one", "invalid")], &[("one", "ann")]] {
        let mut req = get(headers);
        req.extensions_mut().insert(ClientAddress::new(address));
        send(&service, req).await;
    }
    assert_eq!(*seen.lock().unwrap(), [Some(address); 3]);
}

#[tokio::test]
async fn a_body_without_bytes_is_left_empty() {
    #[derive(Debug, Default, PartialEq)]
    struct Opaque;

    let service = ServiceBuilder::new()
        .layer(AuthLayer::new(HeaderScheme("one")).with_refusal(EmptyBody))
        .layer(RequireAuth::authenticated().with_refusal(EmptyBody))
        .service_fn(|_: Request<()>| async {
            Ok::<_, std::convert::Infallible>(Response::new(Opaque))
        });
    let res = send(&service, get(&[])).await;
    assert_eq!(res.status(), 401);
    assert_eq!(challenges(&res), ["one"]);
}

#[tokio::test]
async fn two_authorization_headers_are_400_before_anything_else() {
    let service = ServiceBuilder::new()
        .layer(AuthLayer::new(HeaderScheme("one")))
        .service_fn(whoami);
    let req = get(&[
        ("authorization", "Bearer a"),
        ("authorization", "Bearer a"),
        ("one", "ann"),
    ]);
    let res = send(&service, req).await;
    assert_eq!(res.status(), 400);
    assert_eq!(code(&res), "invalid_request");
    assert!(challenges(&res).is_empty());
}

#[tokio::test]
async fn an_authorization_header_that_nobody_claims_can_be_refused() {
    let lenient = ServiceBuilder::new()
        .layer(AuthLayer::new(HeaderScheme("one")))
        .service_fn(whoami);
    let strict = ServiceBuilder::new()
        .layer(AuthLayer::new(HeaderScheme("authorization")))
        .layer(AuthLayer::new(HeaderScheme("one")).refuse_unclaimed())
        .service_fn(whoami);
    let req = || get(&[("authorization", "ann")]);
    assert_eq!(send(&lenient, req()).await.body(), "nobody");
    assert_eq!(send(&strict, req()).await.body(), "ann by authorization");

    let only = ServiceBuilder::new()
        .layer(AuthLayer::new(HeaderScheme("one")).refuse_unclaimed())
        .service_fn(whoami);
    let res = send(&only, req()).await;
    assert_eq!(code(&res), "invalid_credential");
    // No credential of that scheme was sent, so its challenge names no error.
    assert_eq!(challenges(&res), ["one"]);
    assert_eq!(send(&only, get(&[])).await.body(), "nobody");
    // Neither a good nor a stale credential elsewhere claims it.
    for other in ["ann", "absent"] {
        let req = get(&[("authorization", "ann"), ("one", other)]);
        assert_eq!(
            code(&send(&only, req).await),
            "invalid_credential",
            "{other}"
        );
    }
    // Whichever layer claims it, and in whichever order they stand.
    let layer = |name| AuthLayer::new(HeaderScheme(name));
    let between = ServiceBuilder::new()
        .layer(layer("one"))
        .layer(layer("authorization"))
        .layer(layer("two").refuse_unclaimed())
        .service_fn(whoami);
    for (headers, expected) in [
        (&[("authorization", "ann"), ("one", "ann")][..], 200),
        (&[("authorization", "ann"), ("two", "ann")], 200),
        (&[("authorization", "ann")], 200),
        (&[("authorization", "ann"), ("one", "absent")], 200),
        (&[("one", "ann"), ("two", "ann")], 200),
        (&[], 200),
    ] {
        assert_eq!(
            send(&between, get(headers)).await.status(),
            expected,
            "{headers:?}"
        );
    }
    let elsewhere = ServiceBuilder::new()
        .layer(layer("one"))
        .layer(layer("two"))
        .layer(layer("three").refuse_unclaimed())
        .service_fn(whoami);
    for name in ["one", "two", "three"] {
        let req = get(&[("authorization", "ann"), (name, "ann")]);
        assert_eq!(send(&elsewhere, req).await.status(), 401, "{name}");
    }
    let tuple = AuthLayer::new((HeaderScheme("authorization"), HeaderScheme("one")));
    let tuple = ServiceBuilder::new()
        .layer(tuple.refuse_unclaimed())
        .service_fn(whoami);
    let req = get(&[("authorization", "ann"), ("one", "ann")]);
    assert_eq!(send(&tuple, req).await.body(), "ann by authorization");
}

#[tokio::test]
async fn retry_after_is_whole_seconds_and_never_zero() {
    for (after, expected) in [
        (0, "1"),
        (1, "1"),
        (1_000, "1"),
        (1_001, "2"),
        (90_000, "90"),
    ] {
        let error = AuthError::new(AuthErrorKind::Limited, "test")
            .with_retry_after(std::time::Duration::from_millis(after));
        let res: Response<Bytes> = refusal_response(&Problem, error);
        assert_eq!(res.headers()[RETRY_AFTER], expected);
    }
}

#[tokio::test]
async fn x_12_the_credential_is_marked_sensitive_for_the_layers_inside() {
    let service = ServiceBuilder::new()
        .layer(AuthLayer::new(auth_layer::scheme_fn(
            "any",
            |parts| Ok(parts.headers.get(AUTHORIZATION).cloned()),
            |_| async { Ok(auth_layer::Identity::new("any", "ann")) },
        )))
        .service_fn(|req: Request<()>| async move {
            let headers = format!("{:?}", req.headers());
            Ok::<_, std::convert::Infallible>(Response::new(Bytes::from(headers)))
        });
    let res = send(&service, get(&[("authorization", "Bearer hush")])).await;
    let headers = String::from_utf8_lossy(res.body());
    assert!(
        headers.contains("authorization") && !headers.contains("hush"),
        "{headers}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn x_07_an_identity_never_reaches_another_request() {
    // The scheme and the handler let others run in between.
    let scheme = auth_layer::scheme_fn(
        "one",
        |parts| Ok(parts.headers.get("one").cloned()),
        |name| async move {
            tokio::task::yield_now().await;
            Ok(auth_layer::Identity::new("one", name.to_str().unwrap()))
        },
    );
    let service = ServiceBuilder::new()
        .layer(AuthLayer::new(scheme))
        .service_fn(|req: Request<()>| async move {
            tokio::task::yield_now().await;
            whoami(req).await
        });
    let requests = (0..200).map(|n| {
        let service = service.clone();
        tokio::spawn(async move {
            let name = format!("user-{n}");
            let headers = [("one", name.as_str())];
            let req = get(if n % 3 == 0 { &[] } else { &headers });
            let body = send(&service, req).await.into_body();
            let expected = if n % 3 == 0 {
                "nobody".to_owned()
            } else {
                format!("{name} by one")
            };
            assert_eq!(body, expected);
        })
    });
    for request in requests.collect::<Vec<_>>() {
        request.await.unwrap();
    }
}

#[tokio::test]
async fn x_02_no_header_becomes_an_identity_and_the_edge_strips_them() {
    let service = ServiceBuilder::new()
        .layer(auth_layer::StripIdentityHeaders::new().also("X-Tenant"))
        .layer(AuthLayer::new(HeaderScheme("one")))
        .service_fn(|req: Request<()>| async move {
            let identity = req.extensions().get::<auth_layer::Identity>().is_some();
            let mut names: Vec<_> = req.headers().keys().map(HeaderName::as_str).collect();
            names.sort_unstable();
            let body = format!("{identity} {}", names.join(" "));
            Ok::<_, std::convert::Infallible>(Response::new(Bytes::from(body)))
        });
    let res = send(
        &service,
        get(&[
            ("X-User", "root"),
            ("x_user", "root"),
            ("X-FORWARDED-USER", "root"),
            ("x_forwarded_user", "root"),
            ("X-Auth-Request-Email", "root"),
            ("x_auth_request_user", "root"),
            ("Remote-User", "root"),
            ("x_tenant", "root"),
            ("x-middleware-subrequest", "root"),
            ("accept", "text/html"),
        ]),
    )
    .await;
    assert_eq!(res.body(), "false accept x-middleware-subrequest");
}

#[cfg(feature = "basic")]
#[tokio::test]
async fn x_19_floods_of_headers_are_answered_in_bounded_time() {
    let service = ServiceBuilder::new()
        .layer(AuthLayer::new(auth_layer::basic::Basic::new(
            "x",
            auth_layer::basic::StaticUsers::new(),
        )))
        .service_fn(whoami);
    let long = "A".repeat(64 * 1024);
    let commas = ",".repeat(64 * 1024);
    for value in [
        format!("Basic {long}"),
        format!("Basic {commas}"),
        long,
        commas,
    ] {
        let started = std::time::Instant::now();
        let res = send(&service, get(&[("authorization", &value)])).await;
        assert!(started.elapsed() < std::time::Duration::from_millis(200));
        let refused = value.starts_with("Basic ");
        assert_eq!(res.status() == 401, refused, "{}", &value[..10]);
    }
}

/// The code of a refusal, whatever its form.
fn code_of(res: &Response<Bytes>) -> &'static str {
    refusal(res.extensions()).unwrap().code()
}

#[tokio::test]
async fn the_event_of_a_refusal_names_what_it_is_about_and_the_answer_does_not() {
    let seen = Arc::new(std::sync::Mutex::new(Vec::new()));
    let sink = Arc::clone(&seen);
    let events = Events::to(move |event: &Event<'_>| {
        let id = event.object_id.map(str::to_owned);
        sink.lock().unwrap().push((event.kind, id));
    });
    let scheme = auth_layer::scheme_fn(
        "key",
        |parts| Ok(parts.headers.get("key").cloned()),
        |_| async {
            let error = AuthError::new(AuthErrorKind::Limited, "over");
            Err(error.with_object_id("public-id"))
        },
    );
    let service = ServiceBuilder::new()
        .layer(AuthLayer::new(scheme).events(events))
        .service_fn(whoami);
    let res: Response<Bytes> = send(&service, get(&[("key", "k")])).await;
    assert_eq!(res.status(), 429);
    assert!(!format!("{:?} {:?}", res.headers(), res.body()).contains("public-id"));
    let expected = (EventKind::Limited, Some("public-id".to_owned()));
    assert_eq!(*seen.lock().unwrap(), [expected]);
}
