//! JWKS documents: whatever stands in them, a key that is taken is public and for its one algorithm.
#![no_main]

use jwt_layer::{Algorithm, KeySet};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let Ok(keys) = KeySet::from_jwks(text, Algorithm::ALL) else {
        return;
    };
    assert!((1..=100 * Algorithm::ALL.len()).contains(&keys.len()));
    for algorithm in Algorithm::ALL {
        if let Some(key) = keys.find(None, algorithm) {
            assert!(!algorithm.is_symmetric());
            assert_eq!(key.algorithm(), algorithm);
        }
    }
});
