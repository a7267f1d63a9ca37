//! API keys: what is accepted names its id in the text itself.
#![no_main]

use std::sync::LazyLock;

use apikey_layer::KeyFormat;
use libfuzzer_sys::fuzz_target;

static FORMAT: LazyLock<KeyFormat> = LazyLock::new(|| KeyFormat::live("sk").unwrap());

fuzz_target!(|data: &[u8]| {
    if let Ok(id) = FORMAT.parse(data) {
        let text = std::str::from_utf8(data).unwrap();
        assert!(text.starts_with("sk_live_") && text.contains(id.as_str()));
    }
});
