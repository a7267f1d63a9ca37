//! What follows `Basic ` in `Authorization`.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let Ok(credentials) = auth_layer::basic::parse(data) {
        assert!(!credentials.username().contains(':'));
        assert!(!credentials.username().contains(char::is_control));
    }
});
