//! What one request may cost.

use std::time::Duration;

use auth_layer::{ConfigError, check_duration};

use super::Addresses;

/// The most that a time-out may be.
const MAX_TIMEOUT: Duration = Duration::from_secs(60);

/// The most that a body may be.
const MAX_BODY: usize = 8 * 1024 * 1024;

/// What one request to another server may cost, and where it may go.
#[derive(Clone, Debug)]
pub struct HttpLimits {
    pub(super) addresses: Addresses,
    pub(super) max_body: usize,
    pub(super) timeout: Duration,
}

impl HttpLimits {
    /// 5 seconds, 512 KiB, any address.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            addresses: Addresses::Any,
            max_body: 512 * 1024,
            timeout: Duration::from_secs(5),
        }
    }

    /// How long connecting, waiting and reading may take together. Default: 5 seconds.
    ///
    /// # Errors
    ///
    /// Refuses zero and more than a minute.
    pub fn with_timeout(mut self, timeout: Duration) -> Result<Self, ConfigError> {
        if check_duration("timeout", timeout)? > MAX_TIMEOUT {
            return Err(ConfigError::new("timeout", "must be at most a minute"));
        }
        self.timeout = timeout;
        Ok(self)
    }

    /// How many bytes the body of the answer may have. Default: 512 KiB.
    ///
    /// # Errors
    ///
    /// Refuses zero and more than 8 MiB.
    pub fn with_max_body(mut self, bytes: usize) -> Result<Self, ConfigError> {
        if bytes == 0 || bytes > MAX_BODY {
            return Err(ConfigError::new("max_body", "must be from 1 byte to 8 MiB"));
        }
        self.max_body = bytes;
        Ok(self)
    }

    /// Which addresses may be connected to. Default: any.
    #[must_use]
    pub const fn with_addresses(mut self, addresses: Addresses) -> Self {
        self.addresses = addresses;
        self
    }

    /// How long connecting, waiting and reading may take together.
    pub const fn timeout(&self) -> Duration {
        self.timeout
    }

    /// How many bytes the body of the answer may have.
    pub const fn max_body(&self) -> usize {
        self.max_body
    }

    /// Which addresses may be connected to.
    pub const fn addresses(&self) -> Addresses {
        self.addresses
    }
}

impl Default for HttpLimits {
    fn default() -> Self {
        Self::new()
    }
}
