//! What another crate does with jsonwebtoken's process-wide provider changes nothing here.
#![cfg(any(feature = "aws-lc", feature = "rust-crypto"))]
#![allow(clippy::unwrap_used, reason = "a test may")]

mod common;

use common::*;
use jsonwebtoken::crypto::{CryptoProvider, KeyUtils};
use jwt_layer::{AccessTokenRequest, Algorithm, Issuer, Jwt, SigningKey};

static HOSTILE: CryptoProvider = CryptoProvider {
    signer_factory: |_, _| panic!("the process-wide provider was asked to sign"),
    verifier_factory: |_, _| panic!("the process-wide provider was asked to verify"),
    key_utils: KeyUtils::new_unimplemented(),
};

#[tokio::test]
async fn another_provider_is_neither_used_nor_replaced() {
    let key = SigningKey::generate(Algorithm::Es256).unwrap();
    let issuer = Issuer::builder(ISSUER, AUDIENCE, key).build().unwrap();
    // Whoever comes later can still install theirs.
    HOSTILE.install_default().unwrap();
    let token = issuer.issue(&AccessTokenRequest::new("user-17")).unwrap();
    let jwt = Jwt::new(issuer.policy().build().unwrap(), issuer.verifying_keys());
    assert!(jwt.verify_token(token.expose()).await.is_ok());
}
