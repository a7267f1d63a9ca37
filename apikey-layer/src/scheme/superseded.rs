//! Keys whose secret was replaced, and how their users are told.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use auth_layer::{ConfigError, ResponseHeaders, unix_seconds};
use http::header::LINK;
use http::{HeaderName, HeaderValue};

const DEPRECATION: HeaderName = HeaderName::from_static("deprecation");
const SUNSET: HeaderName = HeaderName::from_static("sunset");

/// The first second that an HTTP date cannot express: the year 10,000.
const END_OF_DATES: Duration = Duration::from_secs(253_402_300_800);

/// Marks the [`Identity`](auth_layer::Identity) of a key whose secret was replaced and is good for a
/// while yet: its owner should change to the new one.
///
/// ```
/// # use auth_layer::Identity;
/// # let identity = Identity::new("api-key", "robot");
/// if let Some(superseded) = identity.extra::<apikey_layer::SupersededKey>() {
///     println!("good until {:?}", superseded.valid_until());
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SupersededKey {
    pub(super) replaced_at: SystemTime,
    pub(super) valid_until: SystemTime,
}

impl SupersededKey {
    /// When it was replaced.
    pub fn replaced_at(&self) -> SystemTime {
        self.replaced_at
    }

    /// The first moment at which the old secret is no longer good.
    pub fn valid_until(&self) -> SystemTime {
        self.valid_until
    }

    /// `Deprecation` (RFC 9745) since it was replaced, `Sunset` (RFC 8594) when it ends, which is at
    /// `end` if the whole key ends before the secret, and a link to what to do.
    pub(super) fn headers(
        &self,
        end: Option<SystemTime>,
        link: Option<&HeaderValue>,
    ) -> ResponseHeaders {
        let mut headers = ResponseHeaders::none();
        let since = format!("@{}", unix_seconds(self.replaced_at));
        if let Ok(since) = HeaderValue::try_from(since) {
            headers.set(DEPRECATION, since);
        }
        let end = end.map_or(self.valid_until, |end| end.min(self.valid_until));
        if let Some(date) = http_date(end) {
            headers.set(SUNSET, date);
        }
        if let Some(link) = link {
            headers.add(LINK, link.clone());
        }
        headers
    }
}

/// `None` for what is no year of four digits, at which the formatter would panic.
fn http_date(time: SystemTime) -> Option<HeaderValue> {
    let since = time.duration_since(UNIX_EPOCH).ok()?;
    let date = (since < END_OF_DATES).then(|| httpdate::fmt_http_date(time))?;
    HeaderValue::try_from(date).ok()
}

/// `</docs/rotation>; rel="deprecation"`.
pub(super) fn link(target: &str) -> Result<HeaderValue, ConfigError> {
    let wrong = || ConfigError::new("deprecation_link", "must be a path or an https URL");
    let is_uri = |b: u8| b.is_ascii_graphic() && !b"<>\"\\^`{|}".contains(&b);
    let is_path = target.starts_with('/') && !target.starts_with("//");
    if !(is_path || target.starts_with("https://")) || !target.bytes().all(is_uri) {
        return Err(wrong());
    }
    HeaderValue::try_from(format!("<{target}>; rel=\"deprecation\"")).map_err(|_| wrong())
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;

    use super::*;

    fn at(seconds: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(seconds)
    }

    #[test]
    fn the_old_secret_ends_with_its_overlap_or_with_its_key() {
        let superseded = SupersededKey {
            replaced_at: at(1_700_000_000) + Duration::from_millis(900),
            valid_until: at(1_700_000_600),
        };
        let early = "Tue, 14 Nov 2023 22:18:20 GMT";
        let late = "Tue, 14 Nov 2023 22:23:20 GMT";
        for (end, sunset) in [
            (None, late),
            (Some(1_700_000_300), early),
            (Some(1_800_000_000), late),
        ] {
            let mut head = HeaderMap::new();
            superseded.headers(end.map(at), None).write(&mut head);
            assert_eq!(head["deprecation"], "@1700000000");
            assert_eq!(head["sunset"], sunset);
            assert!(!head.contains_key("link"));
        }
    }

    #[test]
    fn no_time_panics() {
        for (until, sunset) in [
            (at(0), true),
            (at(253_402_300_799), true),
            (at(253_402_300_800), false),
            (at(1 << 60), false),
            (UNIX_EPOCH - Duration::from_secs(1), false),
        ] {
            let superseded = SupersededKey {
                replaced_at: until,
                valid_until: until,
            };
            let mut head = HeaderMap::new();
            superseded.headers(None, None).write(&mut head);
            assert_eq!(head.contains_key("sunset"), sunset, "{until:?}");
            assert!(head.contains_key("deprecation"));
        }
    }

    #[test]
    fn x_15_a_link_that_cannot_be_written_is_refused() {
        for good in ["/docs/keys#rotation", "https://example.com/keys?a=b"] {
            let value = link(good).unwrap();
            assert_eq!(value, format!("<{good}>; rel=\"deprecation\""));
        }
        for bad in [
            "",
            "docs",
            "//evil.example",
            "http://example.com",
            "javascript:alert(1)",
            "/a>b",
            "/a b",
            "/a\r\nx: y",
            "/ä",
            "/a\"",
        ] {
            let error = link(bad).unwrap_err();
            assert_eq!(error.option(), "deprecation_link", "{bad}");
        }
    }
}
