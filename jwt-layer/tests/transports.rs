//! Tokens in cookies and in the query.
#![cfg(any(feature = "aws-lc", feature = "rust-crypto"))]
#![allow(clippy::unwrap_used, reason = "a test may")]

mod common;

use std::convert::Infallible;
use std::sync::Arc;

use auth_layer::{AuthError, EmptyBody, Identity, Origin};
use common::*;
use http::{HeaderMap, Request, Response, StatusCode, header};
use jwt_layer::{
    IssuedToken, Jwt, MemoryRevocations, Revocations, SharedRevocations, SubjectRevocation,
};
use serde_json::json;
use tower::{ServiceBuilder, ServiceExt};

const COOKIE: &str = "__Host-token";
const OWN: &str = "https://app.example.com";

fn origin(text: &str) -> Origin {
    text.parse().unwrap()
}

fn with_cookie() -> Jwt {
    jwt().cookie(COOKIE, [origin(OWN)]).unwrap()
}

/// Sends a request; the body is the subject, or empty.
async fn ask(jwt: &Jwt, method: &str, uri: &str, headers: &[(&str, String)]) -> Response<String> {
    let mut req = Request::builder().method(method).uri(uri);
    for (name, value) in headers {
        req = req.header(*name, value);
    }
    let service = ServiceBuilder::new()
        .layer(jwt.clone().into_layer().with_refusal(EmptyBody))
        .service_fn(|req: Request<()>| async move {
            let who = req.extensions().get::<Identity>();
            assert!(who.is_none() || is_concealed(req.headers()));
            let subject = who.map(|who| who.subject().to_owned());
            let mut res = Response::new(subject.unwrap_or_default());
            let cached = http::HeaderValue::from_static("public, max-age=600");
            res.headers_mut().insert(header::CACHE_CONTROL, cached);
            Ok::<_, Infallible>(res)
        });
    service.oneshot(req.body(()).unwrap()).await.unwrap()
}

/// Whether nothing prints a cookie with a good token in it.
fn is_concealed(headers: &HeaderMap) -> bool {
    let cookies = headers.get_all(header::COOKIE);
    let mut texts = cookies.iter().filter_map(|value| value.to_str().ok());
    let token = format!("{COOKIE}={}", good());
    !texts.any(|text| text.contains(&token)) || cookies.iter().all(|value| value.is_sensitive())
}

fn good() -> String {
    token(&claims())
}

fn in_cookie(token: &str) -> (&'static str, String) {
    ("cookie", format!("theme=dark; {COOKIE}={token}"))
}

fn in_header(token: &str) -> (&'static str, String) {
    ("authorization", format!("Bearer {token}"))
}

fn bob() -> String {
    token(&claims_with(json!({ "sub": "bob" })))
}

#[tokio::test]
async fn jwt_22_a_cookie_is_read_only_if_so_asked_and_beside_nothing_else() {
    let (good, bob) = (good(), bob());
    let expired = token(&claims_with(json!({ "exp": NOW - 600, "iat": NOW - 1200 })));
    let encoded = good.replace('.', "%2E");
    for (case, headers, status, subject) in [
        ("a good one", vec![in_cookie(&good)], 200, "alice"),
        (
            "beside another cookie header",
            vec![("cookie", "a=b".to_owned()), in_cookie(&good)],
            200,
            "alice",
        ),
        (
            "twice the same",
            vec![in_cookie(&good), in_cookie(&good)],
            200,
            "alice",
        ),
        ("two", vec![in_cookie(&good), in_cookie(&bob)], 400, ""),
        (
            "the same in the header",
            vec![in_header(&good), in_cookie(&good)],
            200,
            "alice",
        ),
        (
            "another in the header",
            vec![in_header(&bob), in_cookie(&good)],
            400,
            "",
        ),
        (
            "another by DPoP, which is not taken",
            vec![("authorization", format!("DPoP {bob}")), in_cookie(&good)],
            200,
            "alice",
        ),
        (
            "nonsense in the header",
            vec![in_header("x"), in_cookie(&good)],
            401,
            "",
        ),
        // Browsers go on sending these.
        ("expired", vec![in_cookie(&expired)], 200, ""),
        ("forged", vec![in_cookie(&format!("{good}A"))], 200, ""),
        ("no token", vec![in_cookie("x")], 200, ""),
        ("none", vec![in_cookie("")], 200, ""),
        ("encoded", vec![in_cookie(&encoded)], 200, ""),
        (
            "by another name",
            vec![("cookie", format!("__host-token={good}; token={good}"))],
            200,
            "",
        ),
    ] {
        // And again, when it is known.
        let jwt = with_cookie();
        for _ in 0..2 {
            let res = ask(&jwt, "GET", "/", &headers).await;
            assert_eq!(res.status().as_u16(), status, "{case}");
            assert_eq!(res.body(), subject, "{case}");
        }
    }
    let res = ask(&jwt(), "GET", "/", &[in_cookie(&good)]).await;
    assert_eq!((res.status(), res.body().as_str()), (StatusCode::OK, ""));
}

#[tokio::test]
async fn jwt_22_csr_01_only_own_pages_change_anything_by_a_cookie() {
    let good = good();
    let upgrade = || ("upgrade", "WebSocket".to_owned());
    let from = |origin: &str| ("origin", origin.to_owned());
    let site = |site: &str| ("sec-fetch-site", site.to_owned());
    let jwt = with_cookie();
    for (method, headers, allowed) in [
        ("GET", vec![], true),
        ("HEAD", vec![site("cross-site")], true),
        ("OPTIONS", vec![], true),
        ("POST", vec![], false),
        ("POST", vec![from(OWN)], true),
        ("POST", vec![from(OWN), site("same-origin")], true),
        ("POST", vec![site("same-origin")], true),
        ("POST", vec![site("same-site")], false),
        ("POST", vec![site("none")], false),
        ("POST", vec![from("null"), site("same-origin")], false),
        ("POST", vec![from("https://evil.example")], false),
        ("POST", vec![from("http://app.example.com")], false),
        ("POST", vec![from(OWN), from("https://evil.example")], false),
        ("PUT", vec![from("https://evil.example")], false),
        ("DELETE", vec![], false),
        ("PATCH", vec![], false),
        ("get", vec![], false),
        ("GET", vec![upgrade()], false),
        ("GET", vec![upgrade(), from("https://evil.example")], false),
        ("GET", vec![upgrade(), from(OWN)], true),
    ] {
        let case = format!("{method} {headers:?}");
        let mut sent = headers.clone();
        sent.push(in_cookie(&good));
        let res = ask(&jwt, method, "/", &sent).await;
        let expected = if allowed {
            (StatusCode::OK, "alice")
        } else {
            (StatusCode::FORBIDDEN, "")
        };
        assert_eq!((res.status(), res.body().as_str()), expected, "{case}");

        // Nobody but a script of ours, or no browser, sends this header.
        sent.push(in_header(&good));
        let res = ask(&jwt, method, "/", &sent).await;
        assert_eq!(res.status(), StatusCode::OK, "{case}");
        let res = ask(&jwt, method, "/", &headers).await;
        assert_eq!(res.status(), StatusCode::OK, "{case}");
    }
}

#[tokio::test]
async fn jwt_22_a_token_in_the_query_is_read_only_if_so_asked_and_alone() {
    let (good, bob) = (good(), bob());
    let lenient = with_cookie().insecure_query_token();
    let alone = format!("/?access_token={good}");
    for (case, uri, headers, status, subject) in [
        ("alone", alone.clone(), vec![], 200, "alice"),
        (
            "among others",
            format!("/?a=b&access_token={good}&c"),
            vec![],
            200,
            "alice",
        ),
        (
            "encoded",
            format!("/?acc%65ss_token={}", good.replace('.', "%2e")),
            vec![],
            200,
            "alice",
        ),
        (
            "twice",
            format!("{alone}&access_token={good}"),
            vec![],
            400,
            "",
        ),
        (
            "twice, encoded",
            format!("{alone}&%61ccess_token={bob}"),
            vec![],
            400,
            "",
        ),
        (
            "and in the header",
            alone.clone(),
            vec![in_header(&good)],
            400,
            "",
        ),
        (
            "and another scheme's in the header",
            alone.clone(),
            vec![in_header("sk_x")],
            400,
            "",
        ),
        (
            "and by DPoP",
            alone.clone(),
            vec![("authorization", format!("DPoP {good}"))],
            400,
            "",
        ),
        (
            "and in a cookie",
            alone.clone(),
            vec![in_cookie(&good)],
            400,
            "",
        ),
        ("forged", format!("{alone}A"), vec![], 401, ""),
        ("empty", "/?access_token=".to_owned(), vec![], 401, ""),
        (
            "no text",
            "/?access_token=%ff%fe".to_owned(),
            vec![],
            401,
            "",
        ),
        (
            "by another name",
            format!("/?Access_Token={good}&token={good}&x=access_token"),
            vec![],
            200,
            "",
        ),
    ] {
        let lenient = lenient.clone().leave_prefix("sk_").unwrap();
        for _ in 0..2 {
            let res = ask(&lenient, "GET", &uri, &headers).await;
            assert_eq!(res.status().as_u16(), status, "{case}");
            assert_eq!(res.body(), subject, "{case}");
            if subject == "alice" {
                assert_eq!(res.headers()[header::CACHE_CONTROL], "no-store", "{case}");
            }
        }
    }
    let res = ask(&jwt(), "GET", &alone, &[]).await;
    assert_eq!((res.status(), res.body().as_str()), (StatusCode::OK, ""));
    // Only what came that way is not to be stored.
    let res = ask(&lenient, "GET", "/", &[in_header(&good)]).await;
    assert_eq!(res.body(), "alice");
    assert_eq!(res.headers()[header::CACHE_CONTROL], "public, max-age=600");
}

/// A store that has to be waited for.
#[derive(Default)]
struct Remote {
    memory: MemoryRevocations,
    down: bool,
}

impl Revocations for Remote {
    async fn is_revoked(&self, token: &IssuedToken<'_>) -> Result<bool, AuthError> {
        tokio::task::yield_now().await;
        if self.down {
            return Err(AuthError::unavailable("store_down"));
        }
        self.memory.is_revoked(token).await
    }

    async fn revoke_token(
        &self,
        issuer: &str,
        id: &str,
        until: std::time::SystemTime,
    ) -> Result<(), AuthError> {
        self.memory.revoke_token(issuer, id, until).await
    }

    async fn revoke_subject(&self, revocation: &SubjectRevocation<'_>) -> Result<(), AuthError> {
        self.memory.revoke_subject(revocation).await
    }
}

#[tokio::test]
async fn jwt_19_a_token_from_elsewhere_is_asked_about_too() {
    let named = token(&claims_with(json!({ "jti": "t1" })));
    let in_query = format!("/?access_token={named}");
    let store = Arc::new(Remote::default());
    let jwt = with_cookie().insecure_query_token();
    let asking = jwt.clone().revocations(Arc::clone(&store));
    for (revoked, by_cookie, by_query) in [
        (false, (200, "alice"), (200, "alice")),
        (true, (200, ""), (401, "")),
    ] {
        if revoked {
            let ends = at(NOW + 660);
            store.revoke_token(ISSUER, "t1", ends).await.unwrap();
        }
        let res = ask(&asking, "GET", "/", &[in_cookie(&named)]).await;
        assert_eq!((res.status().as_u16(), res.body().as_str()), by_cookie);
        let res = ask(&asking, "GET", &in_query, &[]).await;
        assert_eq!((res.status().as_u16(), res.body().as_str()), by_query);
        if !revoked {
            assert_eq!(res.headers()[header::CACHE_CONTROL], "no-store");
        }
    }
    // Who cannot be asked is no reason to call a token stale.
    let down = Remote {
        down: true,
        ..Remote::default()
    };
    let jwt = jwt.revocations(SharedRevocations::new(down));
    let res = ask(&jwt, "GET", "/", &[in_cookie(&named)]).await;
    assert_eq!(res.status(), StatusCode::SERVICE_UNAVAILABLE);
    let res = ask(&jwt, "GET", &in_query, &[]).await;
    assert_eq!(res.status(), StatusCode::SERVICE_UNAVAILABLE);
}

#[test]
fn a_cookie_that_others_could_plant_or_read_is_refused_by_name() {
    let local = "http://localhost:3000";
    for (name, origins, refused) in [
        ("__Host-t", &[OWN][..], None),
        ("__Host-Http-t", &[OWN], None),
        ("__Secure-t", &[OWN, "https://b.example"], None),
        ("t", &[local], None),
        ("__Host-t", &[local, OWN], None),
        ("t", &[OWN], Some("cookie")),
        ("t", &[local, OWN], Some("cookie")),
        ("t", &["https://localhost"], Some("cookie")),
        ("", &[OWN], Some("cookie")),
        ("__Host-a b", &[OWN], Some("cookie")),
        ("__Host-a=b", &[OWN], Some("cookie")),
        ("__Host-a;b", &[OWN], Some("cookie")),
        ("__Host-t", &[], Some("origins")),
        ("__Host-t", &["http://app.example.com"], Some("origins")),
    ] {
        let origins = origins.iter().map(|text| origin(text));
        let built = jwt().cookie(name, origins);
        let option = built.err().map(|error| error.option());
        assert_eq!(option, refused, "{name}");
    }
}
