//! Scopes, as text and as JSON.
#![no_main]

use auth_layer::ScopeSet;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(scopes) = text.parse::<ScopeSet>() {
        assert_eq!(scopes.to_string().parse(), Ok(scopes));
    }
    if let Ok(scopes) = serde_json::from_str::<ScopeSet>(text) {
        assert_eq!(scopes.to_string().parse(), Ok(scopes));
    }
});
