//! `Forwarded` and `X-Forwarded-For`: nothing in them moves a peer that is not trusted.
#![no_main]

use std::net::IpAddr;

use auth_layer::{ClientAddress, TrustedProxies};
use http::header::FORWARDED;
use http::{HeaderMap, HeaderValue};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Ok(value) = HeaderValue::from_bytes(data) else {
        return;
    };
    let mut headers = HeaderMap::new();
    headers.insert(FORWARDED, value.clone());
    headers.insert("x-forwarded-for", value);
    let trusted = IpAddr::from([10, 0, 0, 1]);
    let stranger = IpAddr::from([192, 0, 2, 1]);
    for proxies in [
        TrustedProxies::forwarded(["10.0.0.0/8"]).unwrap(),
        TrustedProxies::x_forwarded_for(["10.0.0.0/8"]).unwrap(),
    ] {
        assert!(
            proxies
                .client_address(Some(trusted), &headers)
                .ip()
                .is_some()
        );
        let client = proxies.client_address(Some(stranger), &headers);
        assert_eq!(client, ClientAddress::new(stranger));
    }
});
