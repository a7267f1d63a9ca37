//! Tokens: none is good without the key's signature, whatever it claims.
#![no_main]

use std::future::Future;
use std::pin::pin;
use std::sync::LazyLock;
use std::task::{Context, Poll, Waker};

use jwt_layer::{Algorithm, Jwt, VerificationPolicy, VerifyingKey};
use libfuzzer_sys::fuzz_target;

static JWT: LazyLock<Jwt> = LazyLock::new(|| {
    let policy = VerificationPolicy::plain_access_token("https://id.example.com", "api")
        .algorithms([Algorithm::Hs256])
        .build()
        .unwrap();
    let secret = [7; 32];
    Jwt::new(
        policy,
        VerifyingKey::from_secret(Algorithm::Hs256, &secret).unwrap(),
    )
});

fuzz_target!(|text: &str| {
    let verified = pin!(JWT.verify_token(text));
    let mut context = Context::from_waker(Waker::noop());
    match verified.poll(&mut context) {
        Poll::Ready(result) => assert!(result.is_err()),
        Poll::Pending => panic!("a fixed key is not waited for"),
    }
});
