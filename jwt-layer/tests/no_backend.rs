//! Without a backend the crate says what is missing.
#![cfg(not(any(feature = "aws-lc", feature = "rust-crypto")))]

use jwt_layer::{Algorithm, SigningKey, VerifyingKey};

#[test]
fn keys_name_the_features_to_enable() {
    let made = SigningKey::generate(Algorithm::Es256).map(drop);
    let loaded = VerifyingKey::from_secret(Algorithm::Hs256, &[7; 32]).map(drop);
    for error in [made.unwrap_err(), loaded.unwrap_err()] {
        assert_eq!(error.option(), "features");
        assert!(error.to_string().contains("aws-lc"), "{error}");
    }
}
