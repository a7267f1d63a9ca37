//! `Forwarded` and `X-Forwarded-For`: nothing in them moves a peer that is not trusted, and nothing
//! that a client wrote hides what a trusted proxy appended.
#![no_main]

use std::net::IpAddr;

use auth_layer::{ClientAddress, TrustedProxies};
use http::header::FORWARDED;
use http::{HeaderMap, HeaderValue};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let appended = |hop: &str| HeaderValue::from_bytes(&[data, b", ", hop.as_bytes()].concat());
    let (Ok(forwarded), Ok(list)) = (appended("for=203.0.113.7"), appended("203.0.113.7")) else {
        return;
    };
    let mut headers = HeaderMap::new();
    headers.insert(FORWARDED, forwarded);
    headers.insert("x-forwarded-for", list);

    let forwarded = TrustedProxies::forwarded(["10.0.0.0/8"]).unwrap();
    let list = TrustedProxies::x_forwarded_for(["10.0.0.0/8"]).unwrap();
    let trusted = Some(IpAddr::from([10, 0, 0, 1]));
    let client = ClientAddress::new(IpAddr::from([203, 0, 113, 7]));
    assert_eq!(list.client_address(trusted, &headers), client);
    // An open quote may swallow the rest; then the client is unknown.
    let found = forwarded.client_address(trusted, &headers);
    assert!(found == client || found == ClientAddress::unknown());

    let stranger = IpAddr::from([192, 0, 2, 1]);
    for proxies in [forwarded, list] {
        let found = proxies.client_address(Some(stranger), &headers);
        assert_eq!(found, ClientAddress::new(stranger));
    }
});
