//! Discovery documents: no endpoint is taken that would be asked in the open.
#![no_main]

use jwt_layer::{ProviderMetadata, SecureUrl};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let Ok(metadata) = ProviderMetadata::from_json(text) else {
        return;
    };
    let issuer: SecureUrl = metadata.issuer.parse().unwrap();
    let endpoints = [
        metadata.jwks_uri,
        metadata.authorization_endpoint,
        metadata.token_endpoint,
        metadata.userinfo_endpoint,
        metadata.introspection_endpoint,
        metadata.revocation_endpoint,
        metadata.device_authorization_endpoint,
        metadata.pushed_authorization_request_endpoint,
        metadata.end_session_endpoint,
    ];
    for url in endpoints.into_iter().flatten() {
        assert!(url.is_https() || url.origin().is_loopback() && !issuer.is_https());
        assert_eq!(url.to_string().parse::<SecureUrl>().unwrap(), url);
    }
});
