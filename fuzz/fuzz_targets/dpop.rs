//! DPoP proofs: none is good for a request that it does not name, and none is good twice.
#![no_main]

use std::future::Future;
use std::pin::pin;
use std::sync::LazyLock;
use std::task::{Context, Poll, Waker};

use auth_layer::MemorySingleUse;
use http::{HeaderValue, Request};
use jwt_layer::Dpop;
use libfuzzer_sys::fuzz_target;

static DPOP: LazyLock<Dpop> = LazyLock::new(|| {
    let origin = "https://api.example.com".parse().unwrap();
    Dpop::builder(origin, MemorySingleUse::new()).build().unwrap()
});

fuzz_target!(|input: (&str, &[u8])| {
    let (path, proof) = input;
    let Ok(proof) = HeaderValue::from_bytes(proof) else {
        return;
    };
    let Ok(req) = Request::post(path).header("dpop", proof).body(()) else {
        return;
    };
    let (parts, ()) = req.into_parts();
    let used = || {
        let proof = DPOP.verify_token_request(&parts)?;
        let used = pin!(proof.expect("there is a proof").use_up());
        match used.poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(result) => result,
            Poll::Pending => panic!("memory is not waited for"),
        }
    };
    if used().is_ok() {
        assert!(used().is_err(), "a proof is good twice");
    }
});
