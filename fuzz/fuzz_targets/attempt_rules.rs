//! Limits for attempts, and the rates in them.
#![no_main]

use auth_layer::Rate;
use libfuzzer_sys::fuzz_target;
use login::attempts::AttemptRules;

fuzz_target!(|text: &str| {
    if let Ok(rate) = text.parse::<Rate>() {
        assert_eq!(rate.to_string().parse(), Ok(rate));
        assert!(rate.interval() >= Rate::MIN_INTERVAL);
        assert!(rate.interval() * rate.count() >= rate.period());
    }
    match text.parse::<AttemptRules>() {
        Ok(rules) => assert_eq!(rules.to_string().parse(), Ok(rules)),
        Err(error) => assert_eq!(error.to_string().lines().count(), 1),
    }
});
