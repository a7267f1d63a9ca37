//! What follows `Digest ` in `Authorization`.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let _ = auth_layer::digest::DigestResponse::parse(data);
});
