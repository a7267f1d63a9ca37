//! `qop=auth-int`: bodies that cannot be changed on the way.

use auth_layer::AuthErrorKind::{self, Invalid, InvalidRequest, Stale};
use auth_layer::digest::{Digest, Qop};
use auth_layer::{AuthError, Identity, Scheme as _};
use digest_auth::{AuthContext, HttpMethod};
use http::header::AUTHORIZATION;
use http::request::Parts;
use http::{HeaderValue, Request};

use crate::site::{PASSWORD, USER, builder, nonce_of, send};

const URI: &str = "/transfer";
const BODY: &[u8] = br#"{"transfer":100}"#;

fn challenge(digest: &Digest) -> String {
    let challenge = digest.challenge(None).into_iter().next().unwrap();
    challenge.to_str().unwrap().to_owned()
}

/// What another implementation of Digest sends for `body`.
fn request(digest: &Digest, body: &[u8]) -> Parts {
    let mut prompt = digest_auth::parse(&challenge(digest)).unwrap();
    let context = AuthContext::new_with_method(USER, PASSWORD, URI, Some(body), HttpMethod::POST);
    let header = prompt.respond(&context).unwrap().to_header_string();
    let req = Request::post(URI).header(AUTHORIZATION, header);
    req.body(()).unwrap().into_parts().0
}

async fn verify(
    digest: &Digest,
    parts: &Parts,
    body: &[u8],
) -> Result<Option<Identity>, (AuthErrorKind, &'static str)> {
    let verified = digest.verify_with_body(parts, body).await;
    verified.map_err(|error: AuthError| {
        assert_eq!(error.scheme(), Some("digest"));
        (error.kind(), error.reason())
    })
}

#[tokio::test]
async fn dig_02_auth_int_holds_for_the_body_that_was_signed() {
    let digest = builder().qop(Qop::AuthInt).build().unwrap();
    let wrong = Err((Invalid, "wrong_response"));
    for (signed, arrived, expected) in [
        (BODY, BODY, Ok("alice")),
        (b"", b"", Ok("alice")),
        (BODY, &BODY[1..], wrong),
        (BODY, b"", wrong),
        (b"", BODY, wrong),
    ] {
        let parts = request(&digest, signed);
        let verified = verify(&digest, &parts, arrived).await;
        let subject = verified.as_ref().map_err(|error| *error);
        let subject = subject.map(|identity| identity.as_ref().unwrap().subject());
        assert_eq!(subject, expected, "{signed:?} {arrived:?}");
    }
}

#[tokio::test]
async fn dig_01_auth_int_cannot_be_sent_twice() {
    let digest = builder().qop(Qop::AuthInt).build().unwrap();
    let parts = request(&digest, BODY);
    // A changed body uses nothing up.
    assert!(verify(&digest, &parts, b"x").await.is_err());
    assert!(verify(&digest, &parts, BODY).await.is_ok());
    let again = verify(&digest, &parts, BODY).await.unwrap_err();
    assert_eq!(again, (Stale, "nonce_count_replayed"));
}

#[tokio::test]
async fn dig_02_each_verb_takes_its_own_qop() {
    // A layer that wants the body signed asks, and leaves the rest to the handler.
    let signed = builder().qop(Qop::AuthInt).build().unwrap();
    let parts = request(&signed, BODY);
    let res = send(&signed, Request::from_parts(parts, ())).await;
    assert_eq!(res.status(), 401);
    let error = res.extensions().get::<AuthError>().unwrap();
    assert_eq!(error.reason(), "no_credential");

    // `auth` protects no body.
    let plain = builder().build().unwrap();
    let parts = request(&plain, BODY);
    assert_eq!(
        verify(&plain, &parts, BODY).await.unwrap_err(),
        (Invalid, "body_not_protected")
    );

    let (none, ()) = Request::new(()).into_parts();
    assert!(verify(&plain, &none, BODY).await.unwrap().is_none());
    let mut twice = request(&signed, BODY);
    twice
        .headers
        .append(AUTHORIZATION, HeaderValue::from_static("Basic YTpi"));
    assert_eq!(
        verify(&signed, &twice, BODY).await.unwrap_err(),
        (InvalidRequest, "several_authorization_headers")
    );
    assert!(!nonce_of(&challenge(&signed)).is_empty());
}
