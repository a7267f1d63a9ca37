//! What browsers drop when a user logs out.

use http::HeaderValue;

/// What browsers keep of a site and drop when they are told (`Clear-Site-Data`, W3C).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SiteData {
    /// Cached responses. Some browsers take a moment for it.
    Cache,
    /// Pages that are open: they are loaded again, and show nothing of who was logged in.
    ExecutionContexts,
    /// What scripts have stored: `localStorage`, databases, service workers.
    Storage,
}

impl SiteData {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Cache => "\"cache\"",
            Self::ExecutionContexts => "\"executionContexts\"",
            Self::Storage => "\"storage\"",
        }
    }

    /// The value of the header; `None` if there is nothing to drop.
    pub(super) fn header(kinds: &[Self]) -> Option<HeaderValue> {
        if kinds.is_empty() {
            return None;
        }
        let kinds: Vec<_> = kinds.iter().map(|kind| kind.as_str()).collect();
        HeaderValue::from_str(&kinds.join(", ")).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_is_a_quoted_string() {
        use SiteData::{Cache, ExecutionContexts, Storage};

        for (kinds, expected) in [
            (&[][..], None),
            (&[Storage], Some("\"storage\"")),
            (&[Cache, Storage], Some("\"cache\", \"storage\"")),
            (&[ExecutionContexts], Some("\"executionContexts\"")),
        ] {
            let header = SiteData::header(kinds);
            let text = header.as_ref().map(|header| header.to_str().unwrap());
            assert_eq!(text, expected);
        }
    }
}
