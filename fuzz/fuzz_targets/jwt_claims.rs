//! Headers and claims under a signature that holds: what an issuer could sign, and every kind of
//! token that could be read into it.
#![no_main]

use std::future::Future;
use std::pin::pin;
use std::sync::LazyLock;
use std::task::{Context, Poll, Waker};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use jwt_layer::kind::{ClientAssertion, IdToken, JarmResponse, LogoutToken, UserInfoResponse};
use jwt_layer::{Algorithm, ExpectedIdToken, TokenVerifier, VerificationPolicy, VerifyingKey};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use sha2::Sha256;

const ISSUER: &str = "https://id.example.com";
const SECRET: [u8; 32] = [7; 32];

struct Verifiers {
    access: TokenVerifier,
    id: TokenVerifier<IdToken>,
    logout: TokenVerifier<LogoutToken>,
    assertion: TokenVerifier<ClientAssertion>,
    user_info: TokenVerifier<UserInfoResponse>,
    jarm: TokenVerifier<JarmResponse>,
}

static VERIFIERS: LazyLock<Verifiers> = LazyLock::new(|| {
    let key = || VerifyingKey::from_secret(Algorithm::Hs256, &SECRET).unwrap();
    macro_rules! verifier {
        ($preset:ident, $issuer:expr, $audience:expr) => {
            TokenVerifier::new(
                VerificationPolicy::$preset($issuer, $audience)
                    .build()
                    .unwrap(),
                key(),
            )
        };
    }
    Verifiers {
        access: verifier!(plain_access_token, ISSUER, "api"),
        id: verifier!(id_token, ISSUER, "api"),
        logout: verifier!(logout_token, ISSUER, "api"),
        assertion: verifier!(client_assertion, "api", ISSUER),
        user_info: verifier!(user_info_response, ISSUER, "api"),
        jarm: verifier!(jarm_response, ISSUER, "api"),
    }
});

fn now<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(result) => result,
        Poll::Pending => panic!("a fixed key is not waited for"),
    }
}

fuzz_target!(|texts: (&str, &str)| {
    let (header, payload) = texts;
    let signed = format!(
        "{}.{}",
        URL_SAFE_NO_PAD.encode(header),
        URL_SAFE_NO_PAD.encode(payload)
    );
    let mut mac = Hmac::<Sha256>::new_from_slice(&SECRET).unwrap();
    mac.update(signed.as_bytes());
    let token = format!(
        "{signed}.{}",
        URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes())
    );

    let verifiers = &*VERIFIERS;
    let expected = ExpectedIdToken::without_nonce();
    let access = now(verifiers.access.verify(&token)).is_ok();
    now(verifiers.id.verify(&token, &expected)).ok();
    let logout = now(verifiers.logout.verify(&token)).is_ok();
    let assertion = now(verifiers.assertion.verify(&token)).is_ok();
    let user_info = now(verifiers.user_info.verify(&token, "alice")).is_ok();
    let jarm = now(verifiers.jarm.verify(&token, "s")).is_ok();

    // What no other kind can be taken for.
    let kinds = [access, logout, assertion, jarm];
    assert!(kinds.iter().filter(|accepted| **accepted).count() <= 1);
    if access || logout || assertion || user_info || jarm {
        let claims: Value = serde_json::from_str(payload).unwrap();
        assert_eq!(claims["iss"], if assertion { "api" } else { ISSUER });
        let header: Value = serde_json::from_str(header).unwrap();
        assert_eq!(header["alg"], "HS256");
    }
});
