//! The credential.

use std::fmt;
use std::net::IpAddr;

use auth_layer::{ClientAddress, SecretDigest};
use http::HeaderValue;
use http::request::Parts;

use crate::KeyId;

/// A key that was sent: well-formed, and not yet verified. It cannot be printed.
#[derive(Clone)]
pub struct PresentedKey {
    pub(super) id: KeyId,
    /// From where it came, if that is known.
    pub(super) address: Option<IpAddr>,
    /// Whether it stood in `Authorization`, and perhaps in its own header too.
    pub(super) in_authorization: bool,
    /// The whole header: sharing it costs no copy. The key is at its end.
    value: HeaderValue,
    len: usize,
}

impl PresentedKey {
    pub(super) fn new(
        id: KeyId,
        mut value: HeaderValue,
        len: usize,
        in_authorization: bool,
        parts: &Parts,
    ) -> Self {
        value.set_sensitive(true);
        let address = parts.extensions.get::<ClientAddress>();
        Self {
            id,
            address: address.and_then(ClientAddress::ip),
            in_authorization,
            value,
            len,
        }
    }

    pub(super) fn digest(&self) -> SecretDigest {
        let bytes = self.value.as_bytes().trim_ascii_end();
        SecretDigest::of(&bytes[bytes.len().saturating_sub(self.len)..])
    }
}

impl fmt::Debug for PresentedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PresentedKey")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}
