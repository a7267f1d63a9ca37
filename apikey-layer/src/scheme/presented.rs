//! The credential.

use std::fmt;

use auth_layer::{ClientAddress, SecretDigest};
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
    /// Of the whole key, which is not kept.
    pub(super) digest: SecretDigest,
}

impl PresentedKey {
    pub(super) fn new(id: KeyId, text: &[u8], in_authorization: bool, parts: &Parts) -> Self {
        let client = parts.extensions.get::<ClientAddress>().copied();
        Self {
            id,
            client: client.unwrap_or_else(ClientAddress::unknown),
            cost: 1,
            in_authorization,
            digest: SecretDigest::of(text),
        }
    }
}

impl fmt::Debug for PresentedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PresentedKey")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}
