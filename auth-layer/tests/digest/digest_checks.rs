//! What is refused, and that it is refused for the reason meant.
//!
//! Each response is computed so that it would be right if the check in question were missing.

use auth_layer::AuthErrorKind::{self, Invalid, InvalidRequest, Malformed};
use auth_layer::ExposeSecret;
use auth_layer::digest::{Algorithm, Ha1, MemoryDigestStore, Qop, UserHash};
use auth_layer::digest::{Digest, DigestCredentials, DigestResponse, MemoryNonceCounters};
use auth_layer::{AuthLayer, Scheme};
use http::header::AUTHORIZATION;
use http::{HeaderValue, Request, Uri};

use crate::site::{
    ALL, Answer, PASSWORD, REALM, USER, builder, challenges, get, is_stale, nonce, nonce_of,
    refusal, send, users,
};

/// What is changed in a right answer, and what becomes of it; `None` is let through.
type Row = (
    &'static str,
    fn(&mut Answer),
    Option<(AuthErrorKind, &'static str)>,
);

async fn check(digest: &Digest, rows: &[Row]) {
    for (row, change, expected) in rows {
        let mut answer = Answer::to(&nonce(digest).await);
        change(&mut answer);
        let res = answer.send(digest).await;
        match expected {
            None => {
                assert_eq!(res.status(), 200, "{row}");
                assert_eq!(res.body(), "alice", "{row}");
            }
            Some(expected) => {
                assert_eq!(refusal(&res), *expected, "{row}");
                assert!(!is_stale(&res), "{row}");
            }
        }
    }
}

#[tokio::test]
async fn dig_02_only_what_was_offered_is_accepted() {
    let not_offered = Some((Invalid, "algorithm_not_offered"));
    let digest = builder().build().unwrap();
    check(
        &digest,
        &[
            ("right", |_| {}, None),
            ("no qop", no_qop, Some((Invalid, "qop_missing"))),
            (
                "auth-int",
                |a| a.qop = "qop=auth-int",
                Some((Invalid, "body_not_at_hand")),
            ),
            (
                "two qops",
                |a| a.qop = "qop=\"auth,auth-int\"",
                Some((Invalid, "qop_not_offered")),
            ),
            (
                "qop in capitals",
                |a| a.qop = "qop=AUTH",
                Some((Invalid, "qop_not_offered")),
            ),
            ("qop in quotes", |a| a.qop = "qop=\"auth\"", None),
            (
                "MD5",
                |a| (a.hash, a.algorithm) = (Algorithm::Md5, "algorithm=MD5"),
                not_offered,
            ),
            (
                "MD5 by silence",
                |a| (a.hash, a.algorithm) = (Algorithm::Md5, "x=y"),
                not_offered,
            ),
            ("SHA-256 by silence", |a| a.algorithm = "x=y", not_offered),
            (
                "SHA-512-256",
                |a| (a.hash, a.algorithm) = (Algorithm::Sha512_256, "algorithm=SHA-512-256"),
                not_offered,
            ),
            (
                "sess",
                |a| a.algorithm = "algorithm=SHA-256-sess",
                not_offered,
            ),
            ("odd case", |a| a.algorithm = "algorithm=\"sha-256\"", None),
            (
                "other realm",
                |a| a.realm = "realm=\"Printers\"",
                Some((Invalid, "wrong_realm")),
            ),
            (
                "userhash",
                |a| {
                    let hash = UserHash::of(Algorithm::Sha256, USER, REALM);
                    a.user = format!("username={}, userhash=true", hash.to_hex());
                },
                Some((Invalid, "userhash_not_offered")),
            ),
            (
                "user in capitals",
                |a| a.user = "username=\"ALICE\"".into(),
                Some((Invalid, "wrong_response")),
            ),
            (
                "user extended",
                |a| a.user = "username*=UTF-8''%61lice".into(),
                None,
            ),
            (
                "wrong password",
                |a| a.password = "correct horsE",
                Some((Invalid, "wrong_response")),
            ),
            (
                "wrong method",
                |a| a.method = "POST",
                Some((Invalid, "wrong_response")),
            ),
        ],
    )
    .await;
}

/// The right password, as RFC 2069 hashes it: `H(H(A1):nonce:H(A2))`.
fn no_qop(answer: &mut Answer) {
    answer.qop = "x=y";
    let ha1 = Ha1::from_password(answer.hash, USER, REALM, PASSWORD).to_hex();
    let ha2 = UserHash::of(answer.hash, answer.method, answer.uri).to_hex();
    // Any three parts hashed with colons between them.
    let response = Ha1::from_password(answer.hash, ha1.expose_secret(), &answer.nonce, &ha2);
    answer.response = Some(response.to_hex().expose_secret().to_owned());
}

#[tokio::test]
async fn dig_02_every_parameter_has_its_form() {
    let digest = builder().build().unwrap();
    let bad_count = Some((Malformed, "bad_nonce_count"));
    let bad_response = Some((Malformed, "bad_response"));
    check(
        &digest,
        &[
            (
                "realm missing",
                |a| a.realm = "x=y",
                Some((Malformed, "missing_parameter")),
            ),
            (
                "nc twice",
                |a| a.extra = "NC=00000001",
                Some((Malformed, "duplicate_parameter")),
            ),
            ("opaque of old", |a| a.extra = "opaque=\"x, y\"", None),
            ("nc short", |a| a.nc = "1", bad_count),
            ("nc long", |a| a.nc = "000000001", bad_count),
            ("nc signed", |a| a.nc = "+0000001", bad_count),
            ("nc not hex", |a| a.nc = "0000000g", bad_count),
            ("nc high", |a| a.nc = "0fFFfFff", None),
            (
                "cnonce empty",
                |a| a.cnonce = String::new(),
                Some((Malformed, "bad_cnonce")),
            ),
            ("cnonce of 256", |a| a.cnonce = "x".repeat(256), None),
            (
                "cnonce of 257",
                |a| a.cnonce = "x".repeat(257),
                Some((Malformed, "bad_cnonce")),
            ),
            (
                "response empty",
                |a| a.response = Some(String::new()),
                bad_response,
            ),
            (
                "response of MD5",
                |a| a.response = Some("0".repeat(32)),
                bad_response,
            ),
            (
                "response not hex",
                |a| a.response = Some("x".repeat(64)),
                bad_response,
            ),
            (
                "response wrong",
                |a| a.response = Some("0".repeat(64)),
                Some((Invalid, "wrong_response")),
            ),
            (
                "response in capitals",
                |a| a.response = Some(a.response().to_uppercase()),
                None,
            ),
            (
                "nonce forged",
                |a| a.nonce.replace_range(40..41, "!"),
                Some((Invalid, "nonce_forged")),
            ),
            (
                "nonce foreign",
                |a| a.nonce = "7ypf/xlj9XX".into(),
                Some((Invalid, "nonce_forged")),
            ),
        ],
    )
    .await;
}

#[tokio::test]
async fn dig_02_the_uri_is_the_one_that_was_asked_for() {
    let digest = builder().build().unwrap();
    for (target, uri, good) in [
        ("/jobs", "/jobs", true),
        ("/jobs", "/other", false),
        ("/jobs?all", "/jobs", false),
        ("/jobs", "http://printers.example/jobs", false),
        (
            "http://printers.example/jobs",
            "http://printers.example/jobs",
            true,
        ),
        ("http://printers.example/jobs", "/jobs", true),
        (
            "http://printers.example/jobs",
            "http://other.example/jobs",
            false,
        ),
    ] {
        let mut answer = Answer::to(&nonce(&digest).await);
        answer.uri = uri;
        let res = send(&digest, get(target, &answer.header())).await;
        if good {
            assert_eq!(res.status(), 200, "{target} {uri}");
        } else {
            assert_eq!(refusal(&res), (Invalid, "wrong_uri"), "{target} {uri}");
        }
    }
}

#[tokio::test]
async fn the_request_target_can_come_from_elsewhere() {
    #[derive(Clone)]
    struct Original(Uri);

    let digest = builder()
        .request_target(|parts| match parts.extensions.get() {
            Some(Original(uri)) => uri,
            None => &parts.uri,
        })
        .build()
        .unwrap();
    let answer = Answer::to(&nonce(&digest).await);
    let mut req = get("/stripped", &answer.header());
    req.extensions_mut()
        .insert(Original(Uri::from_static(answer.uri)));
    assert_eq!(send(&digest, req).await.status(), 200);
}

#[tokio::test]
async fn other_schemes_are_left_alone_and_bad_headers_are_answered() {
    let digest = builder().build().unwrap();
    let long = format!("Digest {}", "x=\"y\", ".repeat(100 * 1024 / 7));
    for (value, expected) in [
        ("Basic YTpi", None),
        ("Digestive biscuits", None),
        ("Digest", Some((Malformed, "missing_parameter"))),
        ("digest YTpi", Some((Malformed, "bad_parameter"))),
        ("DIGEST username=", Some((Malformed, "bad_parameter"))),
        (&long, Some((Malformed, "header_too_long"))),
    ] {
        let res = send(&digest, get("/", value)).await;
        let expected = expected.unwrap_or((AuthErrorKind::Missing, "no_credential"));
        assert_eq!(refusal(&res), expected, "{}", &value[..value.len().min(40)]);
        assert!(!is_stale(&res));
    }

    let mut req = get("/jobs?all", &Answer::to(&nonce(&digest).await).header());
    let second = HeaderValue::from_static("Basic YTpi");
    req.headers_mut().append(AUTHORIZATION, second);
    let res = send(&digest, req).await;
    assert_eq!(
        refusal(&res),
        (InvalidRequest, "several_authorization_headers")
    );
}

#[tokio::test]
async fn challenges_come_in_order_of_preference_with_a_fresh_nonce() {
    let digest = builder()
        .algorithms([Algorithm::Sha512_256, Algorithm::Sha256])
        .insecure_allow_md5()
        .offer_userhash()
        .build()
        .unwrap();
    let offers = challenges(&digest).await;
    let nonce = nonce_of(&offers[0]);
    let expected = ["SHA-512-256", "SHA-256", "MD5"].map(|algorithm| {
        format!(
            "Digest realm=\"printers\", qop=\"auth\", algorithm={algorithm}, nonce=\"{nonce}\", \
             charset=UTF-8, userhash=true"
        )
    });
    assert_eq!(offers, expected);
    assert_ne!(nonce_of(&challenges(&digest).await[0]), nonce);

    let offers = challenges(&builder().qop(Qop::AuthInt).build().unwrap()).await;
    assert_eq!(offers.len(), 1);
    assert!(offers[0].contains("qop=\"auth-int\", algorithm=SHA-256,"));
    assert!(offers[0].ends_with("userhash=false"));
}

#[test]
fn x_12_debug_output_holds_no_secret() {
    let digest = builder()
        .nonce_key(b"0123456789abcdef0123456789abcdef".to_vec().into())
        .build()
        .unwrap();
    let challenge = digest.challenge(None).into_iter().next().unwrap();
    let answer = Answer::to(&nonce_of(challenge.to_str().unwrap()));
    let header = answer.header();
    let (parts, ()) = get(answer.uri, &header).into_parts();
    let credentials = digest.extract(&parts).unwrap().unwrap();
    let record = auth_layer::digest::DigestRecord::from_password(USER, REALM, PASSWORD, ALL);

    let shown = format!(
        "{digest:?} {:?} {credentials:?} {record:?} {:?} {:?} {:?} {:?}",
        builder().nonce_key(b"0123456789abcdef0123456789abcdef".to_vec().into()),
        DigestResponse::parse(&header.as_bytes()["Digest ".len()..]).unwrap(),
        AuthLayer::new(digest.clone()),
        users(),
        MemoryNonceCounters::new(),
    );
    assert!(shown.contains(USER), "it does show something");
    let mut secrets = vec![
        PASSWORD.to_owned(),
        answer.response(),
        answer.cnonce,
        answer.nonce,
        "0123456789abcdef".to_owned(),
        // The same as a list of bytes.
        "48, 49, 50, 51".to_owned(),
    ];
    for algorithm in ALL {
        let hex = record.ha1(algorithm).unwrap().to_hex();
        secrets.push(hex.expose_secret().to_owned());
    }
    for secret in secrets {
        assert!(!shown.contains(&secret), "{secret} in {shown}");
    }
}

#[test]
fn traits() {
    fn shareable<T: Clone + Send + Sync + Unpin + std::fmt::Debug + 'static>() {}
    fn sendable<T: Send + 'static>(_: T) {}

    shareable::<Digest>();
    shareable::<MemoryDigestStore>();
    shareable::<MemoryNonceCounters>();
    shareable::<auth_layer::digest::DigestRecord>();
    let digest = builder().build().unwrap();
    let (parts, ()) = Request::new(()).into_parts();
    sendable(digest.verify_with_body(&parts, b""));
    let _: fn(&Digest, DigestCredentials) -> <Digest as Scheme>::Future = Digest::verify;
}
