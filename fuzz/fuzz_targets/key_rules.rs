//! What a key is limited to, as text: what was read and is written down is read again as the same, so
//! that a store that keeps texts never widens a key.
#![no_main]

use std::net::IpAddr;

use auth_layer::{Origin, Rate};
use ipnet::IpNet;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (&str, [u8; 16])| {
    let (text, address) = input;
    // As in a form or a configuration: several, with commas between them.
    for text in text.split(',').map(str::trim) {
        if let Ok(rate) = text.parse::<Rate>() {
            assert_eq!(rate.to_string().parse(), Ok(rate));
            assert!(rate.count() >= 1 && !rate.period().is_zero());
        }
        if let Ok(origin) = text.parse::<Origin>() {
            let written = origin.to_string();
            assert_eq!(written.parse(), Ok(origin));
            assert!(!written.ends_with('/') && !written.contains('@'));
        }
        if let Ok(network) = text.parse::<IpNet>() {
            let again: IpNet = network.to_string().parse().unwrap();
            assert_eq!(again, network);
            for address in [IpAddr::from(address), IpAddr::from([0, 1, 2, 3].map(|n| address[n]))] {
                assert_eq!(again.contains(&address), network.contains(&address));
            }
        }
    }
});
