//! The credential.

use std::fmt;

use auth_layer::{ClientAddress, SecretDigest};
use http::HeaderValue;
use http::request::Parts;

use crate::KeyId;

/// A key that was sent: well-formed, and not yet verified. It cannot be printed.
#[derive(Clone)]
pub struct PresentedKey {
    pub(super) id: KeyId,
    /// From where it came.
    pub(super) client: ClientAddress,
    /// How much of the limits of the key the request takes.
    pub(super) cost: u32,
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
        let client = parts.extensions.get::<ClientAddress>().copied();
        Self {
            id,
            client: client.unwrap_or_else(ClientAddress::unknown),
            cost: 1,
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
