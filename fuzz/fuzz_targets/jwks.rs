//! JWKS documents and single keys: what is accepted is public, and for one algorithm.
#![no_main]

use jwt_layer::{Algorithm, KeySet, VerifyingKey};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(keys) = KeySet::from_jwks(text, Algorithm::ALL) {
        assert!((1..=100 * Algorithm::ALL.len()).contains(&keys.len()));
        for algorithm in Algorithm::ALL {
            if let Some(key) = keys.find(None, algorithm) {
                assert_eq!(key.algorithm(), algorithm);
                assert!(!algorithm.is_symmetric());
                assert!(key.thumbprint().is_some());
            }
        }
    }
    for algorithm in Algorithm::ALL {
        if let Ok(key) = VerifyingKey::from_jwk(algorithm, text) {
            assert_eq!(key.thumbprint().is_none(), algorithm.is_symmetric());
        }
    }
});
