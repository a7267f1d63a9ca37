//! Durations as people write them: `30s`, `10m`, `12h`, `30d`.

use std::time::Duration;

/// Reads a whole number and a unit; `None` if it is anything else.
pub(crate) fn parse(text: &str) -> Option<Duration> {
    let digits = text.strip_suffix(['s', 'm', 'h', 'd'])?;
    let unit = match text.as_bytes()[digits.len()] {
        b's' => 1,
        b'm' => 60,
        b'h' => 60 * 60,
        _ => 24 * 60 * 60,
    };
    if !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let seconds = digits.parse::<u64>().ok()?.checked_mul(unit)?;
    Some(Duration::from_secs(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn x_15_a_duration_is_a_whole_number_and_a_unit() {
        for (text, seconds) in [
            ("0s", Some(0)),
            ("30s", Some(30)),
            ("10m", Some(600)),
            ("12h", Some(43_200)),
            ("30d", Some(2_592_000)),
            ("", None),
            ("s", None),
            ("10", None),
            ("10y", None),
            ("-1s", None),
            ("+1s", None),
            ("1.5h", None),
            ("1e3s", None),
            ("NaNs", None),
            (" 1s", None),
            ("1ü", None),
            ("99999999999999999999s", None),
            ("9999999999999999999d", None),
        ] {
            let parsed = parse(text).map(|duration| duration.as_secs());
            assert_eq!(parsed, seconds, "{text:?}");
        }
    }
}
