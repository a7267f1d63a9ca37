//! What is left of rates, and how it is told: `RateLimit` and `RateLimit-Policy`
//! (draft-ietf-httpapi-ratelimit-headers).

use std::fmt::{Display, Write as _};
use std::time::Duration;

use http::{HeaderName, HeaderValue};

use super::{Charge, Rate};
use crate::ResponseHeaders;

const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

/// What is left in a bucket after a charge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateState {
    rate: Rate,
    remaining: u32,
    full_after: Duration,
}

impl RateState {
    /// After a charge that was allowed, and left `remaining`.
    #[must_use]
    pub fn allowed(charge: &Charge, remaining: u32) -> Self {
        let rate = charge.rate();
        let taken = rate.count().saturating_sub(remaining);
        Self {
            rate,
            remaining,
            full_after: rate.interval() * taken,
        }
    }

    /// After a charge that was refused, and would be allowed after `retry_after`.
    #[must_use]
    pub fn refused(charge: &Charge, retry_after: Duration) -> Self {
        let rate = charge.rate();
        let interval = rate.interval();
        let missing = retry_after.as_nanos().div_ceil(interval.as_nanos());
        let missing = u32::try_from(missing).unwrap_or(u32::MAX);
        let others = interval * rate.count().saturating_sub(charge.cost());
        Self {
            rate,
            remaining: charge.cost().saturating_sub(missing),
            full_after: retry_after.saturating_add(others),
        }
    }

    /// What the bucket holds, and how it refills.
    pub const fn rate(&self) -> Rate {
        self.rate
    }

    /// How many tokens are left.
    pub const fn remaining(&self) -> u32 {
        self.remaining
    }

    /// When the bucket is full again if nothing more is taken.
    pub const fn full_after(&self) -> Duration {
        self.full_after
    }
}

impl ResponseHeaders {
    /// Tells limits by name: `RateLimit-Policy: "api";q=100;w=60` of each policy, and
    /// `RateLimit: "api";r=99;t=1` of each state.
    ///
    /// `t` is when the quota is whole again, in seconds. When there is one again, after none was left,
    /// is said by `Retry-After`, which goes before `t`.
    ///
    /// ```
    /// use auth_layer::{Charge, RateKey, RateState, ResponseHeaders};
    ///
    /// let charge = Charge::new(RateKey::new("api", ["ann"]), "100/m".parse()?);
    /// let mut headers = ResponseHeaders::none();
    /// let state = RateState::allowed(&charge, 99);
    /// headers.add_rate_limits([("api", charge.rate())], [("api", state)]);
    /// let mut head = http::HeaderMap::new();
    /// headers.write(&mut head);
    /// assert_eq!(head["ratelimit-policy"], "\"api\";q=100;w=60");
    /// assert_eq!(head["ratelimit"], "\"api\";r=99;t=1");
    /// # Ok::<(), auth_layer::ConfigError>(())
    /// ```
    pub fn add_rate_limits<N: Display>(
        &mut self,
        policies: impl IntoIterator<Item = (N, Rate)>,
        states: impl IntoIterator<Item = (N, RateState)>,
    ) {
        let mut text = String::new();
        for (name, rate) in policies {
            item(&mut text, &name);
            let _ = write!(text, ";q={};w={}", rate.count(), rate.period().as_secs());
        }
        self.add_text(RATE_LIMIT_POLICY, text);
        let mut text = String::new();
        for (name, state) in states {
            item(&mut text, &name);
            let full_after = whole_seconds(state.full_after);
            let _ = write!(text, ";r={};t={full_after}", state.remaining);
        }
        self.add_text(RATE_LIMIT, text);
    }

    fn add_text(&mut self, name: HeaderName, text: String) {
        if !text.is_empty()
            && let Ok(value) = HeaderValue::try_from(text)
        {
            self.add(name, value);
        }
    }
}

/// A string of RFC 9651 as the next item of a list; what such a string cannot hold is left out.
fn item(text: &mut String, name: &impl Display) {
    if !text.is_empty() {
        text.push_str(", ");
    }
    text.push('"');
    for c in name.to_string().chars() {
        match c {
            '"' | '\\' => text.extend(['\\', c]),
            ' '..='~' => text.push(c),
            _ => {}
        }
    }
    text.push('"');
}

fn whole_seconds(time: Duration) -> u64 {
    time.as_secs() + u64::from(time.subsec_nanos() > 0)
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;

    use super::*;
    use crate::RateKey;

    fn charge(rate: &str, cost: u32) -> Charge {
        let charge = Charge::new(RateKey::new("test", ["x"]), rate.parse().unwrap());
        charge.tokens(cost).unwrap()
    }

    fn head(names: &[&str], states: &[RateState]) -> HeaderMap {
        let mut headers = ResponseHeaders::none();
        let named = || names.iter().zip(states);
        headers.add_rate_limits(
            named().map(|(name, state)| (name, state.rate())),
            named().map(|(name, state)| (name, *state)),
        );
        let mut head = HeaderMap::new();
        headers.write(&mut head);
        head
    }

    #[test]
    fn what_is_left_and_when_it_is_whole_again_is_said() {
        let (one, four) = (charge("10/m", 1), charge("10/m", 4));
        let millis = Duration::from_millis;
        for (state, expected) in [
            (RateState::allowed(&one, 9), "\"api\";r=9;t=6"),
            (RateState::allowed(&one, 0), "\"api\";r=0;t=60"),
            (RateState::allowed(&one, 99), "\"api\";r=99;t=0"),
            (RateState::refused(&one, millis(5_100)), "\"api\";r=0;t=60"),
            (RateState::refused(&one, millis(6_000)), "\"api\";r=0;t=60"),
            // A clock was set back.
            (
                RateState::refused(&one, millis(66_000)),
                "\"api\";r=0;t=120",
            ),
            // Three are there, and the fourth soon; and none of four.
            (RateState::refused(&four, millis(1_000)), "\"api\";r=3;t=37"),
            (
                RateState::refused(&four, millis(23_500)),
                "\"api\";r=0;t=60",
            ),
        ] {
            let head = head(&["api"], &[state]);
            assert_eq!(head["ratelimit-policy"], "\"api\";q=10;w=60");
            assert_eq!(head["ratelimit"], expected, "{state:?}");
        }
    }

    #[test]
    fn several_limits_are_one_list() {
        let states = [
            RateState::allowed(&charge("10/m", 1), 9),
            RateState::allowed(&charge("1000/30d", 1), 500),
        ];
        let head = head(&["a\\b\"c", "mönth\r\n"], &states);
        assert_eq!(
            head["ratelimit-policy"],
            r#""a\\b\"c";q=10;w=60, "mnth";q=1000;w=2592000"#
        );
        assert_eq!(
            head["ratelimit"],
            r#""a\\b\"c";r=9;t=6, "mnth";r=500;t=1296000"#
        );
    }

    #[test]
    fn nothing_is_said_of_nothing() {
        assert!(head(&[], &[]).is_empty());
    }
}
