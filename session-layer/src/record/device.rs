//! What a session runs on.

use std::net::IpAddr;
use std::sync::Arc;

use http::HeaderValue;

/// The longest `User-Agent` that is kept, in bytes.
const MAX_USER_AGENT: usize = 256;

/// What a session runs on: for showing users a list of their sessions, not for decisions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Device {
    user_agent: Option<Arc<str>>,
    address: Option<IpAddr>,
}

impl Device {
    /// A device with a `User-Agent` and an address, as far as they are known.
    ///
    /// The text is cut to 256 bytes; it is the client's, so escape it.
    #[must_use]
    pub fn new(user_agent: Option<&str>, address: Option<IpAddr>) -> Self {
        Self {
            user_agent: user_agent.map(|text| {
                let mut end = text.len().min(MAX_USER_AGENT);
                while !text.is_char_boundary(end) {
                    end -= 1;
                }
                Arc::from(&text[..end])
            }),
            address,
        }
    }

    pub(crate) fn of_request(user_agent: Option<&HeaderValue>, address: Option<IpAddr>) -> Self {
        Self::new(user_agent.and_then(|value| value.to_str().ok()), address)
    }

    /// The `User-Agent` that was sent at login.
    pub fn user_agent(&self) -> Option<&str> {
        self.user_agent.as_deref()
    }

    /// The address from which the login came.
    pub fn address(&self) -> Option<IpAddr> {
        self.address
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_user_agent_is_cut_between_characters() {
        let device = Device::new(Some(&"ä".repeat(200)), None);
        assert_eq!(device.user_agent(), Some(&*"ä".repeat(128)));
        let device = Device::new(Some(&format!("x{}", "ä".repeat(200))), None);
        assert_eq!(device.user_agent().map(str::len), Some(255));
    }
}
