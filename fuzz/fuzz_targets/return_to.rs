//! Paths to return to: none names a host.
#![no_main]

use auth_layer::ReturnTo;
use http::Uri;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Some(path) = ReturnTo::parse(text) {
        let uri: Uri = path.as_str().parse().unwrap();
        assert_eq!(uri.host(), None);
        assert!(path.as_str().starts_with('/') && !path.as_str().starts_with("//"));
        assert!(!path.as_str().contains('\\'));
    }
});
