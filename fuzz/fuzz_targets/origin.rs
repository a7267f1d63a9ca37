//! Origins: what is printed is read again as the same.
#![no_main]

use auth_layer::Origin;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(origin) = text.parse::<Origin>() {
        assert_eq!(origin.to_string().parse(), Ok(origin));
        assert!(!text.contains('@'));
    }
});
