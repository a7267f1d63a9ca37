//! Durations as they are given: `30s`, `10m`, `12h`, `30d`.

use std::time::Duration;

/// Reads a whole number and a unit, and nothing else.
pub(crate) fn parse(text: &str) -> Result<Duration, String> {
    let problem = || "must be a whole number and a unit, like 30s, 10m, 12h or 30d".to_owned();
    let (number, unit) = match text.char_indices().next_back() {
        Some((at, 's')) => (&text[..at], 1),
        Some((at, 'm')) => (&text[..at], 60),
        Some((at, 'h')) => (&text[..at], 60 * 60),
        Some((at, 'd')) => (&text[..at], 24 * 60 * 60),
        _ => return Err(problem()),
    };
    if !number.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(problem());
    }
    let number: u64 = number.parse().map_err(|_| problem())?;
    let seconds = number.checked_mul(unit).ok_or_else(problem)?;
    Ok(Duration::from_secs(seconds))
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
            ("m", None),
            ("10", None),
            ("-1s", None),
            ("+1s", None),
            ("1.5h", None),
            (" 1s", None),
            ("1s ", None),
            ("1é", None),
            ("99999999999999999999d", None),
        ] {
            let parsed = parse(text).ok().map(|duration| duration.as_secs());
            assert_eq!(parsed, seconds, "{text:?}");
        }
    }
}
