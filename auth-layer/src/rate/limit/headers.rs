//! `RateLimit` and `RateLimit-Policy` (draft-ietf-httpapi-ratelimit-headers).

use std::time::Duration;

use http::{HeaderName, HeaderValue};

use crate::{Rate, TakeOutcome};

const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

/// `RateLimit-Policy: "api";q=100;w=60` and `RateLimit: "api";r=99;t=1`.
///
/// `t` is when the quota is whole again, in seconds. When there is one again, after none was left, is
/// said by `Retry-After`, which goes before `t`.
pub(super) fn headers(
    name: &str,
    rate: Rate,
    outcome: &TakeOutcome,
) -> Vec<(HeaderName, HeaderValue)> {
    let (remaining, whole) = match *outcome {
        TakeOutcome::Allowed { remaining } => {
            let taken = rate.count().saturating_sub(remaining);
            (remaining, rate.interval() * taken)
        }
        TakeOutcome::Refused { retry_after, .. } => {
            let others = rate.interval() * (rate.count() - 1);
            (0, retry_after.saturating_add(others))
        }
    };
    let policy = format!(
        "\"{name}\";q={};w={}",
        rate.count(),
        rate.period().as_secs()
    );
    let state = format!("\"{name}\";r={remaining};t={}", whole_seconds(whole));
    let value = |text: String| HeaderValue::try_from(text).ok();
    [(RATE_LIMIT_POLICY, policy), (RATE_LIMIT, state)]
        .into_iter()
        .filter_map(|(name, text)| Some((name, value(text)?)))
        .collect()
}

fn whole_seconds(time: Duration) -> u64 {
    time.as_secs() + u64::from(time.subsec_nanos() > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_and_when_it_is_whole_again_is_said() {
        let rate: Rate = "10/m".parse().unwrap();
        let refused = |millis| TakeOutcome::Refused {
            charge: 0,
            retry_after: Duration::from_millis(millis),
        };
        for (outcome, expected) in [
            (TakeOutcome::Allowed { remaining: 9 }, "\"api\";r=9;t=6"),
            (TakeOutcome::Allowed { remaining: 0 }, "\"api\";r=0;t=60"),
            (TakeOutcome::Allowed { remaining: 99 }, "\"api\";r=99;t=0"),
            (refused(5_100), "\"api\";r=0;t=60"),
            (refused(6_000), "\"api\";r=0;t=60"),
        ] {
            let headers = headers("api", rate, &outcome);
            assert_eq!(headers[0].1, "\"api\";q=10;w=60");
            assert_eq!(headers[1].1, expected, "{outcome:?}");
        }
    }
}
